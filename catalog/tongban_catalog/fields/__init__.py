"""Typed fields: what a value of each kind is, how people write it, and how it is kept. Pure.

One reading for pages, interfaces, registers and tables: code that takes such a value asks `read` and keeps what it gives.
"""

from collections.abc import Callable
from datetime import date
from typing import Final, Literal, get_args

from tongban_catalog.fields import amounts, contacts, names, numbers
from tongban_catalog.fields.value import FieldError, FieldValue
from tongban_catalog.words import Text

FieldKind = Literal[
    "citizen-number",
    "credit-code",
    "region",
    "date",
    "money",
    "number",
    "integer",
    "phone",
    "bank-account",
    "email",
    "name",
    "text",
    "long-text",
]
FIELD_KINDS: Final[tuple[FieldKind, ...]] = get_args(FieldKind)

__all__ = ["FIELD_KINDS", "FieldError", "FieldKind", "FieldValue", "read"]

_Reader = Callable[[str], str]
_READERS: Final[dict[FieldKind, _Reader]] = {
    "region": numbers.region_code,
    "date": amounts.plausible_day,
    "money": lambda typed: f"{amounts.money(typed):.2f}",
    "number": lambda typed: f"{amounts.number(typed):f}",
    "integer": lambda typed: str(amounts.whole_number(typed)),
    "phone": contacts.phone,
    "bank-account": numbers.bank_account,
    "email": contacts.email,
    "name": names.name,
    "text": names.line,
    "long-text": names.lines,
}


def read(kind: FieldKind, typed: str, *, today: date = date.max) -> FieldValue:
    """What a person, a register or a program wrote, as it is kept: reading the kept value again gives the same.

    ``today``: the day in China, after which nobody is born. An amount or number is kept as digits with a point.
    Raises `FieldError`.
    """
    doubt: Text | None = None
    match kind:
        case "citizen-number":
            value = numbers.citizen_number(typed, today)
        case "credit-code":
            value, doubt = numbers.credit_code(typed)
        case _:
            value = _READERS[kind](typed)
    return FieldValue(value, value != typed, doubt)
