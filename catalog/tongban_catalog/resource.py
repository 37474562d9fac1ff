"""An information resource: what a register holds, who keeps it, who may have it. Compiled from a published definition. Pure.

The metadata are the core ones of the national guide to government information resources (发改高技〔2017〕1272号).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Literal

from tongban_schemas.events.evidence import Grade
from tongban_schemas.types import JsonObject, Limit

from tongban_catalog.basis import Basis
from tongban_catalog.fields import FieldKind
from tongban_catalog.form import Text, text

FieldType = Literal["string", "date", "boolean", "integer"]
SharingKind = Literal["unconditional", "conditional", "none"]
OpenKind = Literal["none", "conditional", "full"]
HolderKind = Literal["citizen", "enterprise"]

ANSWER_WITHIN: Final[Mapping[SharingKind, Limit]] = {
    "unconditional": Limit(number=1, unit="WD"),
    "conditional": Limit(number=10, unit="WD"),
    "none": Limit(number=10, unit="WD"),
}
"""How long a source has to answer, unless its resource says otherwise."""

TEXT_KINDS: Final[tuple[FieldKind, ...]] = (
    "citizen-number", "credit-code", "region", "phone", "bank-account", "email", "name", "long-text",
)  # fmt: skip
"""Kinds of fields whose values are text."""

CERTIFICATE_FIELDS: Final[Mapping[str, FieldType]] = {
    "number": "string",
    "issued_on": "date",
    "valid_until": "date",
    "state": "string",
}
"""What a store of certificates has of each: its identifier, when it was issued, its last valid day, ``issued``."""


class ResourceDefinitionError(ValueError):
    """A definition that is no resource. Published ones never raise it: `tongban_catalog.check` refuses them before."""


@dataclass(frozen=True, slots=True)
class ResourceField:
    """信息项: one field of a record. ``values`` are all that it can be, where they are few; empty: anything of its type.

    ``kind``: what a text is (a credit code, a name), which says how it is written and kept; None: plain text.
    """

    id: str
    name: Text
    type: FieldType
    personal: bool
    values: tuple[str, ...] = ()
    kind: FieldKind | None = None

    def takes(self, value: object) -> bool:
        """Whether a value is of the field's type; a date is text in the form of ISO 8601."""
        match self.type:
            case "boolean":
                return isinstance(value, bool)
            case "integer":
                return isinstance(value, int) and not isinstance(value, bool)
            case "date":
                return isinstance(value, str) and _is_date(value)
            case _:
                return isinstance(value, str) and (not self.values or value in self.values)


@dataclass(frozen=True, slots=True)
class Sharing:
    """共享类型: who may have it, on what condition and basis, how long the answer may take, and the way it is given."""

    kind: SharingKind
    condition: Text | None
    basis: tuple[Basis, ...]
    answer: Limit
    mode: Text


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Resource:
    """One information resource. ``code`` is 信息资源代码: the digits of ``category`` (类-项-目-细目), and a serial after ``/``.

    ``provider`` is the department that keeps it, ``holder`` by whose number a record is found: a citizen's or an enterprise's.
    ``related`` are ids of other resources, ``grade`` is how far what it gives carries. ``certificate`` is a kind of certificate
    (its 21 signs of GB/T 36904) when what is given are the certificates of this kind that the provider issued; then its fields
    are among `CERTIFICATE_FIELDS`. None: the provider keeps a register.
    """

    id: str
    code: str
    name: Text
    summary: Text
    provider: str
    category: str
    format: Text
    fields: tuple[ResourceField, ...]
    holder: HolderKind
    sharing: Sharing
    open: OpenKind
    update: Text
    published_on: date
    related: tuple[str, ...]
    grade: Grade
    certificate: str | None
    definition: JsonObject = field(repr=False)
    _by_id: Mapping[str, ResourceField] = field(repr=False)

    @classmethod
    def from_definition(cls, definition: JsonObject) -> "Resource":
        """A resource from the ``definition`` of a `ResourcePublished` event. Keys it does not know are left alone.

        Raises `ResourceDefinitionError` when a key it needs is missing or wrong.
        """
        try:
            return _build(definition)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ResourceDefinitionError(
                f"信息资源定义不完整或有误 / the resource definition is not usable: {type(error).__name__}: {error}"
            ) from error

    def field(self, field_id: str) -> ResourceField | None:
        return self._by_id.get(field_id)

    @property
    def personal(self) -> frozenset[str]:
        """The fields that are personal: they travel sealed."""
        return frozenset(one.id for one in self.fields if one.personal)

    def covers(self, fields: Iterable[str]) -> bool:
        """Whether every one of the fields is one of this resource."""
        return self._by_id.keys() >= set(fields)

    def split_personal(self, values: Mapping[str, Any]) -> tuple[JsonObject, dict[str, str]]:
        """(plain, personal): values that may travel in the clear, and personal ones as text, to be sealed first.

        A boolean becomes ``true`` or ``false``; a name that the resource does not have counts as personal.
        """
        plain = {
            name: value for name, value in values.items() if name in self._by_id and not self._by_id[name].personal
        }
        return plain, {name: as_text(value) for name, value in values.items() if name not in plain}


def as_text(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _is_date(value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _build(definition: JsonObject) -> Resource:
    fields = tuple(_field(part) for part in definition["fields"])
    return Resource(
        id=definition["id"],
        code=definition["code"],
        name=text(definition["name"]),
        summary=text(definition["summary"]),
        provider=definition["provider"],
        category=definition["category"],
        format=text(definition["format"]),
        fields=fields,
        holder=_one_of(definition["holder"], ("citizen", "enterprise")),
        sharing=_sharing(definition["sharing"]),
        open=_one_of(definition["open"], ("none", "conditional", "full")),
        update=text(definition["update"]),
        published_on=date.fromisoformat(definition["published_on"]),
        related=tuple(definition.get("related", ())),
        grade=_one_of(definition.get("grade", "A"), ("A", "B", "C", "D")),
        certificate=definition.get("certificate"),
        definition=definition,
        _by_id={one.id: one for one in fields},
    )


def _field(part: JsonObject) -> ResourceField:
    kind = _one_of(part["type"], ("string", "date", "boolean", "integer"))
    written = part.get("kind")
    return ResourceField(
        part["id"],
        text(part["name"]),
        kind,
        part.get("personal", False),
        tuple(part.get("values", ())),
        None if written is None else _one_of(written, TEXT_KINDS),
    )


def _sharing(part: JsonObject) -> Sharing:
    kind: SharingKind = _one_of(part["kind"], ("unconditional", "conditional", "none"))
    answer = part.get("answer")
    return Sharing(
        kind=kind,
        condition=text(part["condition"]) if "condition" in part else None,
        basis=tuple(Basis(text(one["law"]), one["article"], text(one["says"])) for one in part.get("basis", ())),
        answer=ANSWER_WITHIN[kind] if answer is None else Limit(number=answer["number"], unit=answer["unit"]),
        mode=text(part["mode"]),
    )


def _one_of(value: Any, allowed: tuple[str, ...]) -> Any:
    if value not in allowed:
        raise ValueError(f"{value!r} is not one of {', '.join(allowed)}")
    return value
