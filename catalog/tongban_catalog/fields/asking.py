"""How a field of each kind is asked for on a page: what stands below its label, and what keyboards and browsers are told. Pure.

Tokens of ``autocomplete`` and ``inputmode`` are those of the HTML standard (WCAG 2.2, 1.3.5). Days are one text field: all forms in
which they are written are read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tongban_catalog.fields import FieldKind
from tongban_catalog.fields.answer import kind_of, range_of
from tongban_catalog.words import Text


@dataclass(frozen=True, slots=True)
class Asked:
    """``type``, ``inputmode`` and ``autocomplete`` of an input; empty: the browser's own way."""

    type: str = "text"
    inputmode: str = ""
    autocomplete: str = ""
    hint: Text | None = None


_DIGITS: Final = "numeric"
_ASKED: Final[Mapping[FieldKind, Asked]] = {
    "citizen-number": Asked(hint=Text("身份证上的 18 位号码", "18 characters, from the identity card")),
    "credit-code": Asked(hint=Text("营业执照上的 18 位代码", "18 characters, from the licence")),
    "region": Asked(inputmode=_DIGITS, hint=Text("6 位行政区划代码", "6 digits of the place's code")),
    "date": Asked(hint=Text("例如 2026年3月2日 或 2026-3-2", "for example 2026-3-2")),
    "money": Asked(inputmode="decimal", hint=Text("元，最多两位小数，例如 8600.50", "in yuan, for example 8600.50")),
    "number": Asked(inputmode="decimal"),
    "integer": Asked(inputmode=_DIGITS),
    "phone": Asked(
        "tel", "tel", "tel", Text("例如 13800138000 或 010-12345678", "for example 13800138000 or 010-12345678")
    ),
    "bank-account": Asked(
        inputmode=_DIGITS, hint=Text("10 至 30 位数字，可以分组", "10 to 30 digits, in groups if you like")
    ),
    "email": Asked("text", "email", "email", Text("例如 name@example.com", "for example name@example.com")),
}


def asked(schema: Mapping[str, Any], fields: Mapping[str, Mapping[str, Any]]) -> Asked:
    """How one answer of a form is asked for; what the item itself says of it goes before what its kind says."""
    kind = kind_of(schema)
    usual = Asked() if kind is None else _ASKED.get(kind, Asked())
    own = schema.get("x-hint")
    hints = [Text(own["zh"], own["en"]) if own else usual.hint, range_of(schema, fields)]
    said = [one for one in hints if one is not None]
    hint = Text("；".join(one.zh for one in said), "; ".join(one.en for one in said)) if said else None
    return Asked(usual.type, usual.inputmode, schema.get("x-autocomplete", usual.autocomplete), hint)
