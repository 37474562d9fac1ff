"""An oracle for `tongban_catalog.clock`: it reads the calendar files itself and counts day by day and minute by minute."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

import tongban_catalog
import yaml

FOLDER = Path(tongban_catalog.__file__).parent / "calendars"
BEIJING = timezone(timedelta(hours=8))
MINUTE = timedelta(minutes=1)
LAST_KNOWN_YEAR = 2026
FOREVER = 1500

Stops = Sequence[tuple[datetime, datetime | None]]


@dataclass(frozen=True)
class Answer:
    """The end and the last day of a period; both None while a stop is open."""

    at: datetime | None
    day: date | None
    estimated: bool


@cache
def special_days(name: str) -> dict[date, str]:
    file = FOLDER / f"{name}.yaml"
    data: Any = yaml.load(file.read_text("utf-8"), yaml.BaseLoader) if file.exists() else {"holidays": []}  # noqa: S506
    days = [(kind, holiday.get(kind, [])) for holiday in data["holidays"] for kind in ("off", "work")]
    return {date.fromisoformat(day): kind for kind, listed in days for day in listed}


@cache
def is_workday(region: str, day: date) -> bool:
    special = dict(special_days(f"000000-{day.year}"))
    if region.startswith("9999"):
        special.update(special_days(f"999900-{day.year}"))
    return special.get(day, "off" if day.isoweekday() in (6, 7) else "work") == "work"


def stopped_days(stops: Stops) -> set[date]:
    found: set[date] = set()
    for begin, end in stops:
        moment = begin.astimezone(BEIJING)
        found.add(moment.date())
        for _ in range(2 * FOREVER):
            moment = datetime(moment.year, moment.month, moment.day, tzinfo=BEIJING) + timedelta(days=1)
            if end is not None and moment >= end:
                break
            found.add(moment.date())
    return found


def slow_days(region: str, start: datetime, number: int, working_days: bool, stops: Stops) -> Answer:
    first = start.astimezone(BEIJING).date()
    stopped = stopped_days(stops)
    days = [first + timedelta(days=n) for n in range(FOREVER)]
    counted = [day for day in days[1:] if day not in stopped and (is_workday(region, day) or not working_days)]
    if number > len(counted):
        return Answer(None, None, False)
    last = counted[number - 1] if number else first
    ends = [day for day in days if day >= last and day not in stopped and is_workday(region, day)]
    if not ends:
        return Answer(None, None, False)
    next_day = ends[0] + timedelta(days=1)
    at = datetime(next_day.year, next_day.month, next_day.day, tzinfo=BEIJING)
    return Answer(at, ends[0], ends[0].year > LAST_KNOWN_YEAR)


def slow_hours(region: str, start: datetime, number: int, working_hours: bool, stops: Stops) -> Answer:
    """Start and stops are whole minutes."""
    minute = start.astimezone(BEIJING)
    left = number * 60
    while True:
        open_hours = 9 * 60 <= (clock := minute.hour * 60 + minute.minute) < 12 * 60 or 810 <= clock < 1050
        runs = not working_hours or (open_hours and is_workday(region, minute.date()))
        if any(end is None and begin <= minute for begin, end in stops):
            return Answer(None, None, False)
        if runs and not any(end is not None and begin <= minute < end for begin, end in stops):
            if left <= 1:
                at = minute + left * MINUTE
                return Answer(at, at.date(), working_hours and at.year > LAST_KNOWN_YEAR)
            left -= 1
        minute += MINUTE
