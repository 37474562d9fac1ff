"""A department, as the catalogue registers it. Pure."""

from dataclasses import dataclass, field

from tongban_schemas.types import JsonObject

from tongban_catalog.form import Text


@dataclass(frozen=True, slots=True)
class Department:
    """A body that decides steps or issues certificates. ``uscc`` is its unified social credit code, GB 32100.

    ``region`` is the place whose calendar counts its days (None: the item's), ``supervisor`` the department that is told
    when it is late, ``keys`` the public keys (JWK) of its formal acts.
    """

    id: str
    uscc: str
    name_zh: str
    name_en: str
    region: str | None = None
    supervisor: str | None = None
    keys: tuple[JsonObject, ...] = field(default=(), hash=False)

    @property
    def name(self) -> Text:
        return Text(self.name_zh, self.name_en)
