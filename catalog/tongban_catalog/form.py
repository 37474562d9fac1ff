"""The form of an item: which answers it takes, what is wrong with them, which of them are personal. Pure."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from typing import Any, TypedDict

import jsonschema_rs
from tongban_schemas.types import JsonObject

from tongban_catalog import fields as typed
from tongban_catalog.fields import answer
from tongban_catalog.words import Text as Text
from tongban_catalog.words import text as text

_TYPES = {
    "string": ("文字", "text"),
    "number": ("数字", "a number"),
    "integer": ("整数", "a whole number"),
    "boolean": ("是或否", "yes or no (true or false)"),
    "object": ("对象", "an object"),
    "array": ("列表", "a list"),
    "null": ("空值", "null"),
}
_FORMATS = {
    "email": ("电子邮箱地址,例如 name@example.com", "an e-mail address such as name@example.com"),
    "date": ("日期,例如 2026-01-31", "a date such as 2026-01-31"),
    "uri": ("网址,例如 https://example.com", "an address such as https://example.com"),
}
_BINDING = frozenset({"type", "enum", "const"})
"""Rules that steps and conditions build on: a value that breaks them cannot be worked with, wherever it comes from."""
_UNKNOWN_TOLD = 10
"""How many unknown names are told one by one; the others are counted: comparing each would let the sender order the work."""
_LONGEST_NAME = 100
_ORDER = ("required", "additionalProperties", "type", "enum", "const", "minLength")


class FieldError(TypedDict):
    """One thing to put right. ``field`` is the answer's name, or empty when the whole form is meant."""

    field: str
    message_zh: str
    message_en: str


def quoted(values: list[Any], labels: Mapping[str, Mapping[str, str]], language: str) -> str:
    """A list of allowed values, each with its label where it has one: ``filing (备案)``."""
    shown = []
    for value in values:
        label = labels.get(str(value), {}).get(language)
        shown.append(f"{value} ({label})" if label else str(value))
    return ("、" if language == "zh" else ", ").join(shown)


def explain(error: jsonschema_rs.ValidationError, label: Text, schema: Mapping[str, Any], names: list[str]) -> Text:
    """What to do about one schema error.

    ``label`` names the value, ``schema`` is the value's own schema (``x-hint``, ``x-labels``), ``names`` are the keys that
    the place allows, for a suggestion when one is misspelt.
    """
    kind = error.kind.name
    about = error.kind.as_dict()
    zh, en = label.zh, label.en
    if kind == "required":
        return Text(f"请填写“{zh}”。", f"Fill in “{en}”.")
    if kind == "additionalProperties":
        near = get_close_matches(en, names, n=1, cutoff=0.6) if len(en) <= _LONGEST_NAME else []
        hint_zh, hint_en = (f"是否应为 {near[0]}?", f"Did you mean {near[0]}?") if near else ("请删除。", "Remove it.")
        return Text(f"没有名为 {zh} 的项。{hint_zh}", f"There is no field {en}. {hint_en}")
    if kind == "type":
        known = [_TYPES[name] for name in about["types"]]
        wanted_zh = "或".join(name[0] for name in known)
        wanted_en = " or ".join(name[1] for name in known)
        return Text(f"“{zh}”应为{wanted_zh}。", f"“{en}” has to be {wanted_en}.")
    if kind == "enum":
        labels = schema.get("x-labels", {})
        allowed_zh, allowed_en = quoted(about["options"], labels, "zh"), quoted(about["options"], labels, "en")
        return Text(f"“{zh}”请从以下选项中选择:{allowed_zh}。", f"Choose “{en}” from: {allowed_en}.")
    if kind == "const":
        value = about["expected_value"]
        return Text(f"“{zh}”只能是 {value}。", f"“{en}” can only be {value}.")
    if kind == "pattern":
        hint = schema.get("x-hint", {"zh": f"应符合 {about['pattern']}", "en": f"it has to match {about['pattern']}"})
        return Text(f"“{zh}”格式不对:{hint['zh']}。", f"“{en}” is not in the right form: {hint['en']}.")
    if kind == "format":
        shape = _FORMATS.get(about["format"], (about["format"], about["format"]))
        return Text(f"“{zh}”应为{shape[0]}。", f"“{en}” has to be {shape[1]}.")
    return _explain_bound(kind, about.get("limit"), label, error)


def _explain_bound(kind: str, limit: Any, label: Text, error: jsonschema_rs.ValidationError) -> Text:
    bounds = {
        "minLength": (f"至少写 {limit} 个字", f"is too short: write at least {limit} characters"),
        "maxLength": (f"最多 {limit} 个字，请缩短", f"takes at most {limit} characters: shorten it"),
        "minimum": (f"不能小于 {limit}", f"cannot be less than {limit}"),
        "maximum": (f"不能大于 {limit}", f"cannot be more than {limit}"),
        "exclusiveMinimum": (f"应大于 {limit}", f"has to be more than {limit}"),
        "exclusiveMaximum": (f"应小于 {limit}", f"has to be less than {limit}"),
        "minItems": (f"至少 {limit} 项", f"needs at least {limit} entries"),
        "maxItems": (f"最多 {limit} 项", f"takes at most {limit} entries"),
        "minProperties": (f"至少 {limit} 项", f"needs at least {limit} entries"),
    }
    if kind == "minLength" and limit == 1:
        return Text(f"请填写“{label.zh}”。", f"Fill in “{label.en}”.")
    if kind in bounds:
        zh, en = bounds[kind]
        return Text(f"“{label.zh}”{zh}。", f"“{label.en}” {en}.")
    return Text(f"“{label.zh}”不符合要求({kind})。", f"“{label.en}” is not right: {error.message}")


@dataclass(frozen=True, slots=True)
class Form:
    """A form, compiled once. ``fields`` holds the schema of each answer in the order of the form."""

    schema: JsonObject
    fields: Mapping[str, JsonObject]
    required: frozenset[str]
    personal: frozenset[str]
    _validator: jsonschema_rs.Draft202012Validator = field(repr=False, compare=False)

    @classmethod
    def compile(cls, schema: JsonObject) -> "Form":
        """Raises `jsonschema_rs.ValidationError` when ``schema`` is no JSON Schema."""
        fields: dict[str, JsonObject] = schema.get("properties", {})
        return cls(
            schema=schema,
            fields=fields,
            required=frozenset(schema.get("required", ())),
            personal=frozenset(name for name, answer in fields.items() if answer.get("x-personal") is True),
            _validator=jsonschema_rs.Draft202012Validator(_as_kept(schema), validate_formats=True, offline=True),
        )

    def takes_any_text(self, name: str) -> bool:
        """Whether any text can be worked with as this answer, however it is to be typed."""
        answer = self.fields.get(name, {})
        return answer.get("type") == "string" and not answer.keys() & {"enum", "const"}

    def label(self, name: str) -> Text:
        """What the person sees beside the field; an unknown field is shown by its name."""
        answer = self.fields.get(name, {})
        return Text(answer.get("title", name), answer.get("x-title-en", name))

    def normalised(self, answers: Mapping[str, Any], given: Collection[str] = ()) -> JsonObject:
        """The answers as they are kept: each in the one form of its kind.

        What cannot be read stays as it is, for `errors` to tell, and so do answers that are ``given``.
        """
        return {name: kept for name, kept, _ in self._read(answers, given, None)}

    def errors(
        self, answers: Mapping[str, Any], given: Collection[str] = (), today: date | None = None
    ) -> list[FieldError]:
        """What is wrong, one message a field, in the order of the form; empty when the form is complete.

        ``given`` are answers that the person does not type: a register gave them, or they stand already. How they are to be typed
        (length, form, bounds) is not asked of them. ``today`` is the day in China; without it nothing is too late.

        An answer that would travel in the clear may not look like a sealed value: its event would be set aside everywhere.

        Messages never hold the person's answer.
        """
        if not _encodable("".join((*answers, *(value for value in answers.values() if isinstance(value, str))))):
            broken = sorted(name for name, value in answers.items() if not (_encodable(name) and _encodable(value)))
            return [_field_error(_printable(name), _UNREADABLE) for name in broken]
        found = {name: (-1, _LIKE_SEALED) for name, value in answers.items() if self._would_look_sealed(name, value)}
        kept: JsonObject = {}
        for name, value, unread in self._read(answers, given, today):
            kept[name] = value
            if unread is not None and name not in found:
                found[name] = (-1, self._said(name, unread))
        for name in kept.keys() - set(given) - found.keys():
            if name in self.fields and (late := answer.out_of_range(name, self.fields, kept, today)) is not None:
                label = self.label(name)
                found[name] = (len(_ORDER), Text(f"“{label.zh}”{late.zh}。", f"“{label.en}” has to be {late.en}."))
        for error in self._validator.iter_errors(kept):
            if error.instance_path and error.instance_path[0] in given and error.kind.name not in _BINDING:
                continue
            for name, message in self._explained(error):
                rank = _ORDER.index(error.kind.name) if error.kind.name in _ORDER else len(_ORDER)
                if name not in found or rank < found[name][0]:
                    found[name] = (rank, message)
        place = {name: index for index, name in enumerate(self.fields)}
        ordered = sorted(found, key=lambda name: (place.get(name, len(place)), name))
        return [_field_error(name, found[name][1]) for name in ordered]

    def _read(
        self, answers: Mapping[str, Any], given: Collection[str], today: date | None
    ) -> Iterator[tuple[str, Any, typed.FieldError | None]]:
        """Each answer with its value as it is kept, or as it was typed and why it cannot be read."""
        for name, value in answers.items():
            schema = self.fields.get(name)
            read: typed.FieldValue | None = None
            unread: typed.FieldError | None = None
            if schema is not None and name not in given:
                try:
                    read = answer.read_answer(schema, value, today)
                except typed.FieldError as error:
                    unread = error
            yield name, value if schema is None or read is None else answer.as_kept(schema, read.value), unread

    def _said(self, name: str, error: typed.FieldError) -> Text:
        label = self.label(name)
        if error.code == "empty":
            return Text(f"请填写“{label.zh}”。", f"Fill in “{label.en}”.")
        return Text(f"“{label.zh}”：{error.zh}", f"“{label.en}”: {error.en}")

    def _would_look_sealed(self, name: str, value: object) -> bool:
        return name not in self.personal and (_looks_sealed(value) or _looks_sealed(name))

    def _explained(self, error: jsonschema_rs.ValidationError) -> list[tuple[str, Text]]:
        names = list(self.fields)
        if error.kind.name == "required" and not error.instance_path:
            name = error.kind.as_dict()["property"]
            return [(name, explain(error, self.label(name), {}, names))]
        if error.kind.name == "additionalProperties" and not error.instance_path:
            unexpected = error.kind.as_dict()["unexpected"]
            told = [(name, explain(error, Text(name, name), {}, names)) for name in unexpected[:_UNKNOWN_TOLD]]
            more = len(unexpected) - len(told)
            return [*told, ("", _more_unknown(more))] if more else told
        name = str(error.instance_path[0]) if error.instance_path else ""
        label = self.label(name) if name else Text("申请表", "the form")
        return [(name, explain(error, label, self.fields.get(name, {}), names))]

    def split_personal(self, answers: Mapping[str, Any]) -> tuple[JsonObject, dict[str, str]]:
        """Answers that may travel in the clear, and personal ones that have to be sealed first.

        Personal answers are text in every published form; anything else under a personal name is turned into text, so
        that nothing personal is ever taken for plain.
        """
        plain = {name: value for name, value in answers.items() if name not in self.personal}
        personal = {name: str(value) for name, value in answers.items() if name in self.personal}
        return plain, personal

    def example(self) -> JsonObject:
        """A complete, made-up set of answers: the first of each field's ``examples``."""
        return {name: answer["examples"][0] for name, answer in self.fields.items() if answer.get("examples")}


def _as_kept(schema: JsonObject) -> JsonObject:
    """The schema of answers as they are kept: an address is judged by its kind, which knows more than JSON Schema's format."""
    fields: dict[str, JsonObject] = schema.get("properties", {})
    return schema | {
        "properties": {
            name: {key: value for key, value in one.items() if (key, value) != ("format", "email")}
            for name, one in fields.items()
        }
    }


def _more_unknown(count: int) -> Text:
    return Text(
        f"另有 {count} 项的名称不在表单中，请一并删除。", f"{count} more names are not in the form: remove them too."
    )


_UNREADABLE = Text(
    "内容含有无法识别的字符,请重新输入。", "The text holds characters that cannot be read: type it again."
)


_LIKE_SEALED = Text("不能以 s1. 开头，请改写。", "It may not begin with s1.: write it differently.")


def _looks_sealed(value: object) -> bool:
    """Whether readers of the event would take the answer, or a part of it, for a sealed value, and set the case aside."""
    if isinstance(value, str):
        return value.startswith("s1.")
    if isinstance(value, dict):
        return any(_looks_sealed(name) or _looks_sealed(part) for name, part in value.items())
    return isinstance(value, list) and any(map(_looks_sealed, value))


def _encodable(value: object) -> bool:
    """Whether text is real Unicode; JSON lets lone surrogates through, which no database or schema check takes."""
    if not isinstance(value, str):
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _printable(name: str) -> str:
    return name.encode(errors="replace").decode()


def _field_error(name: str, message: Text) -> FieldError:
    return {"field": name, "message_zh": message.zh, "message_en": message.en}


NOTHING = Form.compile({"type": "object", "additionalProperties": False, "required": [], "properties": {}})
"""A form that asks nothing."""
