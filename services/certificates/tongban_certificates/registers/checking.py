"""What a register takes: which holders, which values. Pure. What is wrong is told by its rule and never by its value."""

from collections.abc import Mapping
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime
from tongban_catalog.fields import FieldError, FieldKind, read
from tongban_catalog.resource import Resource, ResourceField
from tongban_schemas.types import CHINA

from tongban_certificates.document import Bilingual
from tongban_certificates.registers.rules import FaultError, Rule

MAX_TEXT: Final = 1000


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
    kind: FieldKind = "credit-code" if resource.holder == "enterprise" else "citizen-number"
    try:
        return read(kind, number, today=today).value
    except FieldError as error:
        raise FaultError("holder", Bilingual(error.zh, error.en)) from None


def normal_text(field: ResourceField, text: str) -> str:
    """Text of a field as it is kept: the same whatever its source. Raises `FaultError`."""
    if len(text) > MAX_TEXT:
        raise FaultError("too-long")
    if not text.strip():
        return ""
    try:
        return read(field.kind or "text", text).value
    except FieldError as error:
        raise FaultError("not-of-kind" if field.kind else "characters", Bilingual(error.zh, error.en)) from None


def normal_values(resource: Resource, values: Mapping[str, object]) -> tuple[dict[str, object], list[tuple[str, Rule]]]:
    """Values that came with their types, as they are kept, and what is wrong with them, by field.

    A field that nobody knows is named as ``values``.
    """
    kept: dict[str, object] = {}
    faults: list[tuple[str, Rule]] = []
    for name, value in values.items():
        field = resource.field(name)
        if field is None:
            faults.append(("values", "unknown-field"))
            continue
        try:
            kept[name] = normal_text(field, value) if isinstance(value, str) and field.type == "string" else value
        except FaultError as error:
            faults.append((name, error.rule))
            continue
        if not field.takes(kept[name]):
            faults.append((name, expected(field, value)))
    return kept, faults


def end_of(day: str) -> datetime | None:
    """The end of a day in China, in UTC; None for a day of the year 9999, which stands for no end."""
    last = date.fromisoformat(day)
    return None if last.year == MAXYEAR else datetime.combine(last + timedelta(days=1), time(), CHINA).astimezone(UTC)


def expected(field: ResourceField, value: object) -> Rule:
    if field.type == "string":
        return "not-listed" if isinstance(value, str) else "not-text"
    kinds: Mapping[str, Rule] = {"boolean": "not-yes-or-no", "date": "not-a-date", "integer": "not-a-number"}
    return kinds[field.type]
