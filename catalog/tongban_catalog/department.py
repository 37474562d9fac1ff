"""A department, as the catalogue registers it. Pure."""

from dataclasses import dataclass

from tongban_catalog.form import Text


@dataclass(frozen=True, slots=True)
class Department:
    """A body that decides steps or issues certificates. ``uscc`` is its unified social credit code, GB 32100."""

    id: str
    uscc: str
    name_zh: str
    name_en: str

    @property
    def name(self) -> Text:
        return Text(self.name_zh, self.name_en)
