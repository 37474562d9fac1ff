"""Days and amounts, in the ways in which people write them: each has one reading."""

import re
from datetime import date
from decimal import Decimal
from typing import Final

from tongban_catalog.fields.value import FieldError, narrow

FIRST_DAY: Final = date(1800, 1, 1)
LAST_DAY: Final = date(2200, 12, 31)

_DAYS: Final = tuple(
    re.compile(rf"(?P<year>[0-9]{{4}}){form}")
    for form in (
        r"(?P<sign>[-/.])(?P<month>[0-9]{1,2})(?P=sign)(?P<day>[0-9]{1,2})",
        r" ?年 ?(?P<month>[0-9]{1,2}) ?月 ?(?P<day>[0-9]{1,2}) ?日",
        r"(?P<month>[0-9]{2})(?P<day>[0-9]{2})",
    )
)
_NUMBER: Final = re.compile(
    r"(?P<sign>[-−]?)(?P<whole>[0-9]{1,15}|[0-9]{1,3}(?:,[0-9]{3}){1,4})(?:\.(?P<part>[0-9]{1,10}))?"
)
_CURRENCY: Final = re.compile(r"^(?:¥|￥|CNY|RMB|人民币)?\s*(.*?)\s*(?:元整?|CNY|RMB)?$", re.IGNORECASE)


def written_day(typed: str) -> date:
    """A day in one of its usual forms: 2026-03-02, 2026/3/2, 2026.3.2, 2026年3月2日, 20260302. Raises `FieldError`."""
    text = narrow(typed)
    for form in _DAYS:
        if match := form.fullmatch(text):
            try:
                return date(int(match["year"]), int(match["month"]), int(match["day"]))
            except ValueError:
                raise FieldError(
                    "no-such-day", "没有这一天，请核对月和日。", "There is no such day: check month and day."
                ) from None
    raise FieldError(
        "date", "请写明年月日，例如 2026年3月2日 或 2026-3-2。", "Write year, month and day, such as 2026-3-2."
    )


def plausible_day(typed: str) -> str:
    """A day that somebody alive can mean, as ISO 8601. Raises `FieldError`."""
    day = written_day(typed)
    if not FIRST_DAY <= day <= LAST_DAY:
        raise FieldError(
            "far-day",
            f"年份应在 {FIRST_DAY.year} 至 {LAST_DAY.year} 之间，请核对。",
            f"The year has to be from {FIRST_DAY.year} to {LAST_DAY.year}: check it.",
        )
    return day.isoformat()


def number(typed: str) -> Decimal:
    """A number in digits, narrow or wide, with commas between thousands or without. Raises `FieldError`."""
    match = _NUMBER.fullmatch(narrow(typed))
    if match is None:
        raise FieldError(
            "number", "请用数字填写，例如 8600.50 或 8,600.50。", "Write it in digits, such as 8600.50 or 8,600.50."
        )
    sign = "-" if match["sign"] else ""
    return Decimal(f"{sign}{match['whole'].replace(',', '')}.{match['part'] or '0'}").normalize()


def whole_number(typed: str) -> int:
    """Raises `FieldError`."""
    value = number(typed)
    if value != value.to_integral_value():
        raise FieldError("whole-number", "请填写整数，不带小数。", "Write a whole number, without a fraction.")
    return int(value)


def money(typed: str) -> Decimal:
    """An amount in yuan and fen: at most two places. Raises `FieldError`."""
    match = _CURRENCY.fullmatch(narrow(typed))
    amount = number(match[1] if match else typed)
    if amount != round(amount, 2):
        raise FieldError(
            "places",
            "金额最多两位小数（到分），例如 8600.50。",
            "An amount has at most two places (fen), such as 8600.50.",
        )
    return amount
