"""What a register takes: which holders, which values. Pure. What is wrong is told by its rule and never by its value."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime
from tongban_catalog.codes import CodeError, citizen_id, normalised
from tongban_catalog.resource import Resource, ResourceField
from tongban_schemas.types import CHINA

from tongban_certificates.registers.rules import FaultError, Rule

MAX_TEXT: Final = 1000
_USCC: Final = re.compile(r"[0-9A-Z]{18}")
"""Without its check character: registries have issued codes that fail it."""
_UNWANTED: Final = frozenset({"Cc", "Cs", "Co", "Cn"})


def _within_time(moment: datetime) -> datetime:
    if not 1 < moment.year < MAXYEAR:
        raise ValueError("no moment that can be told in every time zone")
    return moment.astimezone(UTC)


def _end(moment: datetime) -> datetime | None:
    return None if moment.year == MAXYEAR else _within_time(moment)


Moment = Annotated[AwareDatetime, AfterValidator(_within_time)]
"""When something was so, in UTC."""
End = Annotated[AwareDatetime, AfterValidator(_end)]
"""Until when something holds, in UTC; the year 9999 stands for no end and becomes None."""


def holder_number(resource: Resource, number: str, today: date) -> str:
    """The number that a record is kept under. Raises `FaultError`."""
    plain = normalised(number)
    if resource.holder == "enterprise":
        if not _USCC.fullmatch(plain):
            raise FaultError("holder")
        return plain
    try:
        return citizen_id(plain, today)
    except CodeError:
        raise FaultError("holder") from None


def check_values(resource: Resource, values: Mapping[str, object]) -> list[tuple[str, Rule]]:
    """What is wrong with values that came with their types, by field; a field that nobody knows is named as ``values``."""
    found: list[tuple[str, Rule]] = []
    for name, value in values.items():
        field = resource.field(name)
        if field is None:
            found.append(("values", "unknown-field"))
        elif isinstance(value, str) and (wrong := wrong_text(value)) is not None:
            found.append((name, wrong))
        elif not field.takes(value):
            found.append((name, expected(field, value)))
    return found


def end_of(day: str) -> datetime | None:
    """The end of a day in China, in UTC; None for a day of the year 9999, which stands for no end."""
    last = date.fromisoformat(day)
    return None if last.year == MAXYEAR else datetime.combine(last + timedelta(days=1), time(), CHINA).astimezone(UTC)


def wrong_text(text: str) -> Rule | None:
    if len(text) > MAX_TEXT:
        return "too-long"
    return "characters" if any(unicodedata.category(sign) in _UNWANTED for sign in text) else None


def expected(field: ResourceField, value: object) -> Rule:
    if field.type == "string":
        return "not-listed" if isinstance(value, str) else "not-text"
    kinds: Mapping[str, Rule] = {"boolean": "not-yes-or-no", "date": "not-a-date", "integer": "not-a-number"}
    return kinds[field.type]
