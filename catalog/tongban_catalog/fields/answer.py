"""An answer of a form: of which kind it is, how it is kept, within which days it lies. Pure.

An item says it in the answer's schema: ``x-field`` names the kind, ``x-not-before`` and ``x-not-after`` the first and the last day
(a day, ``today``, or another answer that is a day). Without ``x-field`` the kind follows from the type.
"""

import math
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from tongban_catalog.fields import FIELD_KINDS, FieldKind, FieldValue, read
from tongban_catalog.words import Text

TODAY: Final = "today"
LONG: Final = 200
"""From how many characters a text has several lines."""
_BY_FORMAT: Final[Mapping[str, FieldKind]] = {"date": "date", "email": "email"}
_BY_TYPE: Final[Mapping[str, FieldKind]] = {"number": "number", "integer": "integer"}


def kind_of(schema: Mapping[str, Any]) -> FieldKind | None:
    """The kind of an answer; None for what is chosen and not typed."""
    declared = schema.get("x-field", _BY_FORMAT.get(schema.get("format", ""), _BY_TYPE.get(schema.get("type", ""))))
    if declared in FIELD_KINDS:
        kind: FieldKind = declared
        return kind
    if schema.get("type") != "string" or "enum" in schema or "const" in schema:
        return None
    return "long-text" if schema.get("maxLength", 0) > LONG and not schema.keys() & {"pattern", "format"} else "text"


def read_answer(schema: Mapping[str, Any], value: object, today: date | None) -> FieldValue | None:
    """What was answered, in words; None for an answer that is no text or amount, which its schema alone judges.

    Raises `FieldError`.
    """
    kind = kind_of(schema)
    if kind is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return read(kind, value, today=today or date.max)
    if kind == "money" and isinstance(value, int | float) and math.isfinite(value):
        return read(kind, format(Decimal(repr(value)), "f"))
    return None


def as_kept(schema: Mapping[str, Any], value: str) -> str | int | float:
    """A value that was read, in the type that the form wants."""
    match schema.get("type"):
        case "integer":
            return int(value)
        case "number":
            number = float(value)
            return int(number) if number.is_integer() else number
        case _:
            return value


def out_of_range(
    name: str, fields: Mapping[str, Mapping[str, Any]], answers: Mapping[str, Any], today: date | None
) -> Text | None:
    """What is wrong with a day that comes too early or too late; None for what is no day, or is in order."""
    schema, day = fields[name], _day(answers.get(name))
    if day is None:
        return None
    for rule, said in (("x-not-before", _not_before), ("x-not-after", _not_after)):
        if rule not in schema:
            continue
        limit = today if schema[rule] == TODAY else _day(answers.get(schema[rule], schema[rule]))
        if limit is not None and (day < limit if rule == "x-not-before" else day > limit):
            return said(_limit(schema[rule], fields))
    return None


def range_of(schema: Mapping[str, Any], fields: Mapping[str, Mapping[str, Any]]) -> Text | None:
    """Within which days an answer lies, as the form states it; None where it says nothing."""
    said = []
    if "x-not-before" in schema:
        said.append(_not_before(_limit(schema["x-not-before"], fields)))
    if "x-not-after" in schema:
        said.append(_not_after(_limit(schema["x-not-after"], fields)))
    return Text("，".join(one.zh for one in said), ", ".join(one.en for one in said)) if said else None


def _limit(rule: str, fields: Mapping[str, Mapping[str, Any]]) -> Text:
    if rule == TODAY:
        return Text("今天", "today")
    if rule in fields:
        return Text(f"“{fields[rule].get('title', rule)}”", f"“{fields[rule].get('x-title-en', rule)}”")
    return Text(rule, rule)


def _not_before(limit: Text) -> Text:
    return Text(f"不能早于{limit.zh}", f"not before {limit.en}")


def _not_after(limit: Text) -> Text:
    return Text(f"不能晚于{limit.zh}", f"not after {limit.en}")


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
