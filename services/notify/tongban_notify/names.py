"""The words that people know things by, taken from the catalogue. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tongban_schemas.types import JsonObject

from tongban_notify.domain import Kind


@dataclass(frozen=True, slots=True)
class Text:
    """The same words in Chinese and in English."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class News:
    """What one message tells. ``complete`` is False while the catalogue has not told every name that it needs."""

    kind: Kind
    application: UUID
    happened_at: datetime
    item: Text
    certificate: Text
    step: Text
    department: Text
    fields: tuple[Text, ...]
    complete: bool


def item_names(definition: Mapping[str, Any]) -> JsonObject:
    """The names in an item's definition: of itself, its certificate, its steps and its form's fields.

    Raises `KeyError` when the definition lacks one.
    """
    properties: Mapping[str, Mapping[str, str]] = definition["form"].get("properties", {})
    return {
        "name": definition["name"],
        "certificate": definition["certificate"]["name"],
        "steps": {step["id"]: step["name"] for step in definition["steps"]},
        "fields": {
            name: {"zh": field.get("title", name), "en": field.get("x-title-en", name)}
            for name, field in properties.items()
        },
    }


def tell(
    *,
    kind: Kind,
    application: UUID,
    happened_at: datetime,
    step: str | None,
    department: str | None,
    fields: tuple[str, ...],
    item_code: str,
    names: Mapping[str, Any] | None,
    department_name: Text | None,
) -> News:
    """The news in words. A name that is not known yet is shown by its code, and ``complete`` is then False."""
    known = names or {}
    steps: Mapping[str, Any] = known.get("steps", {})
    labels: Mapping[str, Any] = known.get("fields", {})
    return News(
        kind=kind,
        application=application,
        happened_at=happened_at,
        item=_text(known.get("name"), item_code),
        certificate=_text(known.get("certificate"), item_code),
        step=_text(steps.get(step or ""), step or ""),
        department=department_name or Text(department or "", department or ""),
        fields=tuple(_text(labels.get(name), name) for name in fields),
        complete=names is not None and (department is None or department_name is not None),
    )


def _text(value: Mapping[str, str] | None, code: str) -> Text:
    return Text(code, code) if value is None else Text(value["zh"], value["en"])
