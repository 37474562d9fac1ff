"""Days, times and money as people write them, in China's time. Pure."""

from datetime import date, datetime
from decimal import Decimal

from tongban_schemas.types import CHINA

from tongban_intake.presentation.shown import Words

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


def day_words(day: date) -> Words:
    """2026年3月9日, 9 March 2026."""
    return Words(zh=f"{day.year}年{day.month}月{day.day}日", en=f"{day.day} {_MONTHS[day.month - 1]} {day.year}")


def time_words(at: datetime) -> Words:
    """2026年3月9日 14:05, 9 March 2026, 14:05: the time in China, to the minute."""
    local = at.astimezone(CHINA)
    day = day_words(local.date())
    return Words(zh=f"{day.zh} {local:%H:%M}", en=f"{day.en}, {local:%H:%M}")


def month_words(year: int, month: int) -> Words:
    """2026年3月, March 2026."""
    return Words(zh=f"{year}年{month}月", en=f"{_MONTHS[month - 1]} {year}")


def yuan(amount: float | Decimal) -> str:
    """8,600 or 8,600.50: places only where there is something in them."""
    return f"{amount:,.2f}".removesuffix(".00")
