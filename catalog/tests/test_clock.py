"""Deadlines against the law's own cases, and against an oracle that counts day by day and minute by minute."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tongban_catalog.calendar import packaged
from tongban_catalog.clock import Calendar, Calendars, Deadline, Stop, deadline, midnight, next_alarm, warning
from tongban_schemas.events.catalog import CalendarPublished
from tongban_schemas.types import CHINA, Limit, Unit

from .slow_clock import Answer, slow_days, slow_hours

PUBLISHED = packaged()
CALENDARS = Calendars(Calendar.of(one) for one in PUBLISHED)
VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "data" / "working_day_vectors.json").read_text("utf-8")
)
NATION = "000000"


def at(text: str) -> datetime:
    """An instant by its time in China."""
    return datetime.fromisoformat(text).replace(tzinfo=CHINA).astimezone(UTC)


def ends(start: str, number: int, unit: Unit, *stops: tuple[str, str | None], region: str = NATION) -> Deadline:
    spans = [Stop(at(begin), None if end is None else at(end)) for begin, end in stops]
    return deadline(CALENDARS, region, at(start), Limit(number=number, unit=unit), spans)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['start']}+{vector['working_days']}")
@pytest.mark.parametrize("hour", [0, 9, 23])
def test_working_day_vectors(vector: dict[str, Any], hour: int) -> None:
    found = ends(f"{vector['start']}T{hour:02}:30", vector["working_days"], "WD")
    if vector["deadline"] is None:
        assert found.provisional
    else:
        assert found == Deadline(midnight(found.day + timedelta(days=1)) if found.day else None, found.day)
        assert str(found.day) == vector["deadline"]


@st.composite
def periods(draw: st.DrawFn, unit: Unit) -> tuple[str, datetime, int, list[Stop]]:
    begin = datetime(2023, 1, 1, tzinfo=UTC)
    turn = draw(st.sampled_from([2023, 2024, 2025, 2026]))
    near_year_end = datetime(turn, 12, 20, tzinfo=UTC) + timedelta(minutes=draw(st.integers(0, 20_000)))
    anywhere = begin + timedelta(minutes=draw(st.integers(0, 1460 * 1440)))
    start = draw(st.sampled_from([anywhere, near_year_end]))
    number = draw(st.integers(0, 70 if unit in ("WD", "ND") else 48))
    stops: list[Stop] = []
    for _ in range(draw(st.integers(0, 4))):
        stop = start + timedelta(minutes=draw(st.integers(-3 * 1440, 40 * 1440)))
        length = draw(st.integers(0, 10 * 1440))
        stops.append(Stop(stop, None if draw(st.integers(0, 9)) == 0 else stop + timedelta(minutes=length)))
    return draw(st.sampled_from([NATION, "990000", "999900", "999901"])), start, number, stops


def _check(unit: Unit, region: str, start: datetime, number: int, stops: list[Stop]) -> None:
    spans = [(stop.begin, stop.end) for stop in stops]
    slow: Answer = (
        slow_days(region, start, number, unit == "WD", spans)
        if unit in ("WD", "ND")
        else slow_hours(region, start, number, unit == "WH", spans)
    )
    found = deadline(CALENDARS, region, start, Limit(number=number, unit=unit), stops)
    assert (found.at, found.day, found.provisional) == (slow.at, slow.day, slow.estimated)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(periods("WD"))
def test_working_days_agree_with_the_oracle(period: tuple[str, datetime, int, list[Stop]]) -> None:
    _check("WD", *period)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(periods("ND"))
def test_natural_days_agree_with_the_oracle(period: tuple[str, datetime, int, list[Stop]]) -> None:
    _check("ND", *period)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(periods("WH"))
def test_working_hours_agree_with_the_oracle(period: tuple[str, datetime, int, list[Stop]]) -> None:
    _check("WH", *period)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(periods("NH"))
def test_natural_hours_agree_with_the_oracle(period: tuple[str, datetime, int, list[Stop]]) -> None:
    _check("NH", *period)


def _halves(stop: Stop) -> list[Stop]:
    if stop.end is None:
        return [stop]
    middle = stop.begin + (stop.end - stop.begin) / 2
    return [Stop(stop.begin, middle), Stop(middle, stop.end)]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.one_of(*(st.tuples(st.just(unit), periods(unit)) for unit in ("WD", "ND", "WH", "NH"))))
def test_stops_that_overlap_or_touch_count_once(case: tuple[Unit, tuple[str, datetime, int, list[Stop]]]) -> None:
    unit, (region, start, number, stops) = case
    limit = Limit(number=number, unit=unit)
    found = deadline(CALENDARS, region, start, limit, stops)
    assert deadline(CALENDARS, region, start, limit, [*stops, *stops]) == found
    assert deadline(CALENDARS, region, start, limit, [half for stop in stops for half in _halves(stop)]) == found


def test_the_start_day_is_not_counted_and_the_last_day_ends_at_midnight_in_china() -> None:
    found = ends("2026-03-02T09:00", 1, "WD")
    assert found == Deadline(datetime(2026, 3, 3, 16, 0, tzinfo=UTC), date(2026, 3, 3))
    assert found.alarm == (found.at, False)
    assert ends("2026-12-30T09:00", 5, "WD").alarm == (None, True)


def test_the_next_alarm_is_the_first_firm_end_that_is_not_reached() -> None:
    first, second = ends("2026-03-02T09:00", 1, "WD"), ends("2026-03-02T09:00", 5, "WD")
    estimate = ends("2026-12-30T09:00", 5, "WD")
    assert first.at is not None
    assert next_alarm([second, None, first], at("2026-03-02T09:00")) == (first.at, False)
    assert next_alarm([second, first, estimate], first.at) == (second.at, True)
    assert next_alarm([first, Deadline(None, None)], first.at) == (None, False)
    assert next_alarm([estimate], first.at) == (None, True)


@pytest.mark.parametrize(
    ("start", "number", "unit", "day"),
    [
        ("2026-03-07T10:00", 1, "WD", "2026-03-09"),  # starts on a Saturday
        ("2026-05-08T10:00", 1, "WD", "2026-05-09"),  # a make-up Saturday counts
        ("2026-05-09T10:00", 1, "WD", "2026-05-11"),
        ("2026-03-02T10:00", 5, "ND", "2026-03-09"),  # a Saturday: the next working day
        ("2026-05-04T10:00", 5, "ND", "2026-05-09"),  # a make-up Saturday is none
        ("2026-09-29T10:00", 3, "ND", "2026-10-08"),  # into the October holiday
        ("2026-03-02T10:00", 0, "WD", "2026-03-02"),
        ("2026-03-07T10:00", 0, "WD", "2026-03-09"),
        ("2026-03-07T10:00", 0, "ND", "2026-03-09"),
    ],
)
def test_where_days_end(start: str, number: int, unit: Unit, day: str) -> None:
    assert str(ends(start, number, unit).day) == day


@pytest.mark.parametrize(
    ("start", "number", "unit", "end"),
    [
        ("2026-03-06T16:30", 2, "WH", "2026-03-09T10:00"),
        ("2026-03-06T11:00", 1, "WH", "2026-03-06T12:00"),
        ("2026-03-06T11:30", 1, "WH", "2026-03-06T14:00"),
        ("2026-03-07T03:00", 7, "WH", "2026-03-09T17:30"),
        ("2026-03-06T16:30", 24, "NH", "2026-03-07T16:30"),
    ],
)
def test_where_hours_end(start: str, number: int, unit: Unit, end: str) -> None:
    assert ends(start, number, unit).at == at(end)


def test_a_special_procedure_stops_the_clock_only_while_it_is_open() -> None:
    assert str(ends("2026-03-02T09:00", 5, "WD").day) == "2026-03-09"
    assert ends("2026-03-02T09:00", 5, "WD", ("2026-03-04T10:00", None)) == Deadline(None, None)
    assert str(ends("2026-03-02T09:00", 5, "WD", ("2026-03-04T10:00", "2026-03-06T16:00")).day) == "2026-03-12"
    assert str(ends("2026-03-02T09:00", 5, "WD", ("2026-03-10T00:00", None)).day) == "2026-03-09"
    assert str(ends("2026-03-02T09:00", 5, "WD", ("2026-03-09T23:59", "2026-03-09T23:59")).day) == "2026-03-10"


def test_a_stop_that_ends_at_midnight_leaves_the_next_day() -> None:
    assert str(ends("2026-03-02T09:00", 1, "WD", ("2026-03-02T10:00", "2026-03-03T00:00")).day) == "2026-03-03"


def test_a_region_follows_its_own_calendar_then_the_nations() -> None:
    assert str(ends("2026-04-17T09:00", 1, "WD").day) == "2026-04-20"
    assert str(ends("2026-04-17T09:00", 1, "WD", region="990000").day) == "2026-04-20"
    assert str(ends("2026-04-17T09:00", 1, "WD", region="999900").day) == "2026-04-22"
    assert str(ends("2026-04-17T09:00", 1, "WD", region="999901").day) == "2026-04-22"
    assert str(ends("2025-04-18T09:00", 1, "WD", region="999901").day) == "2025-04-21"


def test_an_unknown_year_is_an_estimate_until_its_calendar_comes() -> None:
    estimate = ends("2026-12-24T09:00", 10, "WD")
    assert estimate == Deadline(at("2027-01-08T00:00"), date(2027, 1, 7), provisional=True)
    new_year = CalendarPublished(region=NATION, year=2027, off=[date(2027, 1, 1)], source="放假安排")
    known = Calendars(Calendar.of(one) for one in [*PUBLISHED, new_year])
    firm = deadline(known, "990000", at("2026-12-24T09:00"), Limit(number=10, unit="WD"))
    assert firm == Deadline(at("2027-01-09T00:00"), date(2027, 1, 8))


@pytest.mark.parametrize(
    ("number", "left"), [(0, None), (1, None), (2, 1), (3, 1), (5, 1), (6, 2), (10, 2), (20, 4), (45, 9)]
)
def test_yellow_comes_with_a_fifth_left(number: int, left: int | None) -> None:
    start = at("2026-03-02T09:00")
    found = warning(CALENDARS, NATION, start, Limit(number=number, unit="WD"))
    assert found == (None if left is None else ends("2026-03-02T09:00", number - left, "WD"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"off": [date(2025, 5, 1)]}, "2025-05-01 is not in 2026"),
        ({"work": [date(2026, 5, 1)]}, "both a day off and a working day"),
        ({"hours": ["9-12"]}, "written 09:00-12:00"),
        ({"hours": ["13:00-17:00", "09:00-12:00"]}, "go forward"),
        ({"hours": []}, "needs working hours"),
    ],
)
def test_a_calendar_that_contradicts_itself_is_refused(change: dict[str, Any], says: str) -> None:
    data = CalendarPublished(region=NATION, year=2026, off=[date(2026, 5, 1)], source="放假安排")
    with pytest.raises(ValueError, match=says):
        Calendar.of(data.model_copy(update=change))
