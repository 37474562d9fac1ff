"""What a cell of a table says: only what has a single reading. Pure.

A cell is text (all of a CSV file is), or what a workbook keeps: a number, a moment, true or false. Spreadsheets count days, and
keep 15 digits of a number.
"""

import re
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from tongban_catalog.fields import FieldError
from tongban_catalog.fields.amounts import written_day
from tongban_catalog.fields.value import narrow
from tongban_catalog.resource import ResourceField

from tongban_certificates.registers.checking import expected, normal_text
from tongban_certificates.registers.rules import FaultError

NO_END: Final = "9999-12-31"
"""The day that stands for no end of validity."""

_NO_END_WORDS: Final = frozenset(
    {"长期", "长期有效", "永久", "永久有效", "无期限", "无固定期限", "不限期", "no end", "permanent", "indefinite"}
)
_YES: Final = frozenset({"true", "是", "有", "对", "1", "1.0", "yes", "y", "√", "✓", "✔", "☑"})
_NO: Final = frozenset({"false", "否", "无", "错", "0", "0.0", "no", "n", "×", "✗", "✘", "✕", "☒"})
_INTEGER: Final = re.compile(r"([+-]?[0-9]{1,15})(?:\.0)?")
_TIME: Final = re.compile(r"(.*[0-9日])[ T][0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?")
_FIRST_SERIAL: Final = 10_000
_LAST_SERIAL: Final = 99_999
"""Days as spreadsheets count them, from 1927 to 2173: no other way to write a day has five digits."""
_MOST_EXACT: Final = 10**15
"""Of this number and larger ones spreadsheets have lost digits."""
_SCIENTIFIC: Final = re.compile(r"[+-]?[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{1,3}")
_ERRORS: Final = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!"})


def parse_cell(field: ResourceField, cell: object, day_zero: date) -> Any:
    """The value that a cell of a table holds; None for an empty one. ``day_zero`` is when the days of a workbook begin.

    Raises `FaultError`.
    """
    if is_empty(cell):
        return None
    value = _typed(field, cell, day_zero)
    if not field.takes(value):
        raise FaultError(expected(field, value))
    return value


def is_empty(cell: object) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def cell_text(cell: object) -> str:
    """What a cell says, as text. Raises `FaultError`."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ")
    if isinstance(cell, int | float):
        return _number_text(cell)
    text = "" if cell is None else str(cell).strip()
    if text[:1] in ("=", "@", "\t") or (text[:1] in ("+", "-") and not text[1:2].isdigit() and len(text) > 1):
        raise FaultError("formula")
    if text.upper() in _ERRORS or (len(text) > 1 and not text.strip("#")):
        raise FaultError("error")
    if _SCIENTIFIC.fullmatch(text):
        raise FaultError("precision")
    return text


def parse_number(cell: object) -> str:
    """A number by which a holder is found, as it is written, without the signs that nobody sees. Raises `FaultError`."""
    return narrow(cell_text(cell))


def parse_yes(cell: object) -> bool:
    """Raises `FaultError`."""
    folded = narrow(cell_text(cell)).lower()
    if folded in _YES:
        return True
    if folded in _NO:
        return False
    raise FaultError("not-yes-or-no")


def parse_day(cell: object, day_zero: date) -> str:
    """A date in one of its usual forms, as ISO 8601. Raises `FaultError`."""
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, int | float) and _FIRST_SERIAL <= cell < _LAST_SERIAL + 1:
        return (day_zero + timedelta(days=int(cell))).isoformat()
    text = narrow(cell_text(cell))
    timed = _TIME.fullmatch(text)
    try:
        return written_day(timed[1] if timed else text).isoformat()
    except FieldError:
        raise FaultError("not-a-date") from None


def parse_last_day(cell: object, day_zero: date) -> str:
    """The last day on which something holds; `NO_END` where the cell says that it has none. Raises `FaultError`."""
    if isinstance(cell, str) and narrow(cell).lower() in _NO_END_WORDS:
        return NO_END
    return parse_day(cell, day_zero)


def _number_text(cell: int | float) -> str:
    if not abs(cell) < _MOST_EXACT:
        raise FaultError("precision")
    text = str(cell) if isinstance(cell, int) else format(cell, ".15g")
    if "e" in text:
        raise FaultError("precision")
    return text


def _typed(field: ResourceField, cell: object, day_zero: date) -> object:
    match field.type:
        case "boolean":
            return parse_yes(cell)
        case "date":
            return parse_last_day(cell, day_zero) if field.id == "valid_until" else parse_day(cell, day_zero)
        case "integer":
            if (match := _INTEGER.fullmatch(narrow(cell_text(cell)))) is None:
                raise FaultError("not-a-number")
            return int(match[1])
        case _:
            return normal_text(field, cell_text(cell))
