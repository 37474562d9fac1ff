"""When a legal period ends. Pure: calendars and stops in, an instant out.

Sources: Administrative Licensing Law art. 45 and 82 (working days; special procedures are not counted), Civil Code art.
201 and 203 (the start day is not counted, a period that ends on a day off ends on the next working day, a day ends at
24:00). Days are days in China.

A day of a period counts when it lies after the start day, no stop touches it and, for ``WD``, it is a working day. So stops
that overlap never count twice, and the days on which a stop begins and ends do not count.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from math import ceil
from typing import Final, Self

from tongban_schemas.events.catalog import CalendarPublished
from tongban_schemas.types import CHINA, Limit

NATION: Final = "000000"
"""The region of the national calendar."""

_DAY: Final = timedelta(days=1)
_INSTANT: Final = timedelta(microseconds=1)
_SATURDAY: Final = 5
_HOURS: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")

Span = tuple[datetime, datetime]
"""Begin and end of a stretch of time; the end is outside."""

Hours = tuple[tuple[timedelta, timedelta], ...]
"""Working hours of a day: begin and end of each stretch, since midnight in China."""


def parse_hours(stretches: Iterable[str]) -> Hours:
    """``09:00-12:00`` and the like, in order and apart. Raises `ValueError`."""
    found: list[tuple[timedelta, timedelta]] = []
    for stretch in stretches:
        match = _HOURS.fullmatch(stretch)
        if match is None:
            raise ValueError(f"working hours are written 09:00-12:00, not {stretch}")
        numbers = [int(group) for group in match.groups()]
        begin, end = (timedelta(hours=numbers[n], minutes=numbers[n + 1]) for n in (0, 2))
        if begin >= end or end > _DAY or (found and begin < found[-1][1]):
            raise ValueError(f"working hours go forward and do not overlap: {stretch}")
        found.append((begin, end))
    if not found:
        raise ValueError("a working day needs working hours")
    return tuple(found)


DEFAULT_HOURS: Final = parse_hours(CalendarPublished.model_fields["hours"].get_default(call_default_factory=True))


@dataclass(frozen=True, slots=True)
class Calendar:
    """The working days of one region and year: ``off`` are weekdays without work, ``work`` weekend days with it."""

    region: str
    year: int
    off: frozenset[date]
    work: frozenset[date]
    hours: Hours = DEFAULT_HOURS

    @classmethod
    def of(cls, data: CalendarPublished) -> Self:
        """Raises `ValueError` for days of another year, days on both lists, and wrong hours."""
        off, work = frozenset(data.off), frozenset(data.work)
        if strange := sorted(day for day in off | work if day.year != data.year):
            raise ValueError(f"{strange[0]} is not in {data.year}")
        if both := sorted(off & work):
            raise ValueError(f"{both[0]} is both a day off and a working day")
        return cls(data.region, data.year, off, work, parse_hours(data.hours))

    def working(self, day: date) -> bool:
        return day in self.work or (day.weekday() < _SATURDAY and day not in self.off)


class Calendars:
    """All calendars that are known. A region's own comes first, then its city's, its province's, the national one."""

    def __init__(self, calendars: Iterable[Calendar] = ()) -> None:
        self._known = {(calendar.region, calendar.year): calendar for calendar in calendars}

    def find(self, region: str, year: int) -> Calendar | None:
        """The calendar that holds in a region (GB/T 2260, six digits), or None when the year is not published."""
        for code in (region, f"{region[:4]}00", f"{region[:2]}0000", NATION):
            if (found := self._known.get((code, year))) is not None:
                return found
        return None

    def working(self, region: str, day: date) -> bool | None:
        """Whether a day is a working day; None when its year is not published."""
        calendar = self.find(region, day.year)
        return None if calendar is None else calendar.working(day)


@dataclass(frozen=True, slots=True)
class Stop:
    """The clock stands still from ``begin`` to ``end``, UTC; without ``end`` it still does."""

    begin: datetime
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Deadline:
    """The end of a period.

    ``at`` is the instant it ends (UTC): 24:00 of ``day``, its last day in China, for periods in days. Both are None while a
    stop is open. ``provisional`` says that a year without a calendar was counted as Monday to Friday: shown, never acted upon.
    """

    at: datetime | None
    day: date | None
    provisional: bool = False

    @property
    def alarm(self) -> tuple[datetime | None, bool]:
        """What `tongban_runtime.alarms.save` takes: an estimate rings no alarm, it waits for its calendar."""
        return (None if self.provisional else self.at, self.provisional)


_STOPPED: Final = Deadline(None, None)


def china_day(instant: datetime) -> date:
    """The day in China of an instant."""
    return instant.astimezone(CHINA).date()


def midnight(day: date) -> datetime:
    """The instant at which a day begins in China, UTC."""
    return datetime.combine(day, time(), CHINA).astimezone(UTC)


def deadline(calendars: Calendars, region: str, start: datetime, limit: Limit, stops: Sequence[Stop] = ()) -> Deadline:
    """When a period that starts at ``start`` (UTC) ends.

    ``WD`` and ``ND`` end at 24:00 of their last day; a last day that is off or stopped moves to the next working day. None of
    either is the start day itself. ``WH`` runs in working hours and ``NH`` always, both to the microsecond and without the
    time that stops cover.
    """
    if limit.unit in ("WD", "ND"):
        return _end_of_days(_Workdays(calendars, region), start, limit, stops)
    return _end_of_hours(_Workdays(calendars, region), start, limit, stops)


def warning(
    calendars: Calendars, region: str, start: datetime, limit: Limit, stops: Sequence[Stop] = ()
) -> Deadline | None:
    """When a period turns yellow: with a fifth of it left, one unit at least. None for a period of one unit or none."""
    if limit.number <= 1:
        return None
    left = max(1, ceil(limit.number / 5))
    return deadline(calendars, region, start, Limit(number=limit.number - left, unit=limit.unit), stops)


def next_alarm(deadlines: Iterable[Deadline | None], until: datetime) -> tuple[datetime | None, bool]:
    """The alarm of several periods: the first firm end after ``until``, and whether one of them is an estimate."""
    alarms = [end.alarm for end in deadlines if end is not None]
    return min((at for at, _ in alarms if at is not None and at > until), default=None), any(one for _, one in alarms)


class _Workdays:
    """Working days of one region; remembers whether one had to be estimated."""

    def __init__(self, calendars: Calendars, region: str) -> None:
        self._calendars = calendars
        self._region = region
        self._years: dict[int, Calendar | None] = {}
        self.estimated = False

    def working(self, day: date) -> bool:
        calendar = self._calendar(day.year)
        if calendar is None:
            self.estimated = True
            return day.weekday() < _SATURDAY
        return calendar.working(day)

    def hours(self, day: date) -> Hours:
        if not self.working(day):
            return ()
        calendar = self._calendar(day.year)
        return DEFAULT_HOURS if calendar is None else calendar.hours

    def _calendar(self, year: int) -> Calendar | None:
        if year not in self._years:
            self._years[year] = self._calendars.find(self._region, year)
        return self._years[year]


def _end_of_days(workdays: _Workdays, start: datetime, limit: Limit, stops: Sequence[Stop]) -> Deadline:
    touched = [(china_day(stop.begin), _last_day(stop)) for stop in stops]
    endless = min((first for first, last in touched if last is None), default=date.max)
    closed = [(first, last) for first, last in touched if last is not None]

    def counts(day: date) -> bool:
        return not any(first <= day <= last for first, last in closed)

    day = china_day(start)
    left = limit.number
    while left and day < endless:
        day += _DAY
        if counts(day) and (limit.unit == "ND" or workdays.working(day)):
            left -= 1
    while day < endless and not (counts(day) and workdays.working(day)):
        day += _DAY
    return _STOPPED if day >= endless else Deadline(midnight(day + _DAY), day, workdays.estimated)


def _last_day(stop: Stop) -> date | None:
    """The last day that a stop touches; one that ends at 24:00 does not touch the next day."""
    if stop.end is None:
        return None
    return china_day(max(stop.begin, stop.end - _INSTANT))


def _end_of_hours(workdays: _Workdays, start: datetime, limit: Limit, stops: Sequence[Stop]) -> Deadline:
    endless = min((stop.begin for stop in stops if stop.end is None), default=None)
    closed = sorted((stop.begin, stop.end) for stop in stops if stop.end is not None)
    left = timedelta(hours=limit.number)
    day = china_day(start)
    while endless is None or midnight(day) < endless:
        begins = midnight(day)
        hours = ((timedelta(0), _DAY),) if limit.unit == "NH" else workdays.hours(day)
        for begin, end in hours:
            until = begins + end if endless is None else min(begins + end, endless)
            for free_from, free_until in _free((max(begins + begin, start), until), closed):
                if left <= free_until - free_from:
                    at = free_from + left
                    return Deadline(at, china_day(at), workdays.estimated)
                left -= free_until - free_from
        day += _DAY
    return _STOPPED


def _free(span: Span, stops: Sequence[Span]) -> Iterator[Span]:
    """What stops, in order of their begin, leave of a span."""
    begin, end = span
    for stop_begin, stop_end in stops:
        if begin < stop_begin < end:
            yield begin, stop_begin
        if stop_begin < end:
            begin = max(begin, stop_end)
    if begin < end:
        yield begin, end
