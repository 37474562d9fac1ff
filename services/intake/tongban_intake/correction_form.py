"""A correction request as a form of a page: fields with what stands now, and what was typed turned into answers. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tongban_catalog.fields.answer import kind_of
from tongban_catalog.fields.asking import Asked, asked
from tongban_catalog.form import Text
from tongban_catalog.item import Item
from tongban_schemas.types import JsonObject

from tongban_intake.domain.filing import MATERIAL
from tongban_intake.presentation import CorrectionShown, Words

FieldKind = Literal["text", "long", "choice"]

_AS_IS = Asked()
_YES_NO = {"true": Text("是", "Yes"), "false": Text("否", "No")}


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    label: Text


@dataclass(frozen=True, slots=True)
class FormField:
    """One field. ``kind`` is how it is answered; ``asked`` is what keyboards and browsers are told, and the hint.

    ``about``: what the item says of the field beyond its label.
    """

    name: str
    label: Text
    kind: FieldKind
    value: str
    required: bool
    asked: Asked = _AS_IS
    choices: tuple[Choice, ...] = ()
    about: Text | None = None


@dataclass(frozen=True, slots=True)
class FileField:
    """A material to bring, as a file. ``error`` is the name under which what is wrong with it is told.

    ``brought``: a file for it is kept already.
    """

    material: str
    error: str
    label: Words
    issuer: Text | None
    obtain: tuple[Text, ...]
    brought: bool


@dataclass(frozen=True, slots=True)
class CorrectionForm:
    correction: CorrectionShown
    fields: tuple[FormField, ...]
    files: tuple[FileField, ...]


def correction_form(
    item: Item, correction: CorrectionShown, standing: Mapping[str, Any], brought: Collection[str] = ()
) -> CorrectionForm:
    """``standing`` are the answers to start from, personal ones opened; fields that the item does not have are left out.

    ``brought``: the materials whose file is kept already.
    """
    names = [name for name in correction.fields if name in item.form.fields]
    fields = tuple(form_field(item, name, standing.get(name)) for name in names)
    files = tuple(_file(item, one.id, one.name, one.id in brought) for one in correction.materials)
    return CorrectionForm(correction, fields, files)


def typed_answers(item: Item, typed: Mapping[str, str]) -> JsonObject:
    """What a browser sent, in the types of the form. What does not fit stays text, for the form's check to refuse.

    An empty field that is not required counts as left out.
    """
    answers = {
        name: _typed(item.form.fields.get(name, {}), text)
        for name, text in typed.items()
        if text.strip() or name in item.form.required
    }
    return item.form.normalised(answers)


def _file(item: Item, name: str, label: Words, brought: bool) -> FileField:
    material = item.material(name)
    if material is None:
        return FileField(name, MATERIAL + name, label, None, (), brought)
    return FileField(name, MATERIAL + name, label, material.issuer, material.obtain, brought)


def form_field(item: Item, name: str, value: Any) -> FormField:
    """A field of the item's form with the answer that stands now, or None."""
    schema = item.form.fields[name]
    label, required, about = item.form.label(name), name in item.form.required, _about(schema)
    if "enum" in schema:
        labels = schema.get("x-labels", {})
        choices = tuple(Choice(str(one), _text(labels.get(str(one)), str(one))) for one in schema["enum"])
        return FormField(name, label, "choice", _shown(value), required, choices=choices, about=about)
    if schema.get("type") == "boolean":
        choices = tuple(Choice(one, text) for one, text in _YES_NO.items())
        return FormField(name, label, "choice", _shown(value), required, choices=choices, about=about)
    kind: FieldKind = "long" if kind_of(schema) == "long-text" else "text"
    return FormField(name, label, kind, _shown(value), required, asked(schema, item.form.fields), about=about)


def _about(schema: JsonObject) -> Text | None:
    if "description" not in schema:
        return None
    zh: str = schema["description"]
    return Text(zh, schema.get("x-description-en", zh))


def _text(words: Mapping[str, str] | None, otherwise: str) -> Text:
    return Text(otherwise, otherwise) if words is None else Text(words["zh"], words["en"])


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _typed(schema: Mapping[str, Any], text: str) -> Any:
    return text == "true" if schema.get("type") == "boolean" and text in _YES_NO else text
