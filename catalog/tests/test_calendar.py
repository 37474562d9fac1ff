"""Calendars as files: the packaged ones are right, and each mistake is refused with its line and its rule."""

from datetime import date
from pathlib import Path

import pytest
from tongban_catalog.calendar import check_calendars, packaged
from tongban_catalog.clock import Calendar, Calendars
from tongban_catalog.formats import PACKAGED

GOOD = """region: "000000"
year: 2026
source: 放假安排
hours: ["09:00-12:00", "13:30-17:30"]
holidays:
  - name: { zh: 春节, en: Spring Festival }
    off: [2026-02-16, 2026-02-17]
    work: [2026-02-14]
"""

BAD = {
    "a make-up day that is a weekday": ("[2026-02-14]", "[2026-02-13]", 8, "calendar-work", "Friday"),
    "an off day that is a weekend": ("2026-02-17]", "2026-02-15]", 7, "calendar-off", "Sunday"),
    "a day of another year": ("2026-02-17]", "2027-02-17]", 7, "calendar-year", "not in 2026"),
    "a day that stands twice": ("2026-02-17]", "2026-02-16]", 7, "calendar-duplicate", "stands twice"),
    "a day that does not exist": ("2026-02-17]", "2026-02-30]", 7, "schema", "off"),
    "no source": ("source: 放假安排\n", "", 1, "schema", "source"),
    "an empty source": ("source: 放假安排", 'source: ""', 3, "schema", "source"),
    "a misspelt key": ("    work:", "    works:", 8, "schema", "works"),
    "a region of five digits": ('"000000"', '"00000"', 1, "schema", "region"),
    "a year that is a word": ("year: 2026", "year: next", 2, "schema", "year"),
    "a name that is not the file's": ("year: 2026", "year: 2025", 1, "calendar-name", "000000-2025.yaml"),
    "hours that overlap": ("13:30-17:30", "11:30-17:30", 4, "calendar-hours", "do not overlap"),
    "hours that are no hours": ("09:00-12:00", "9-12", 4, "calendar-hours", "9-12"),
    "the nation that extends": (
        "source: 放假安排",
        "source: 放假安排\nextends: true",
        4,
        "calendar-extends",
        "nothing",
    ),
    "no YAML": ("holidays:", "holidays: [", 6, "yaml", "not YAML"),
}


def folder(tmp_path: Path, **files: str) -> Path:
    (tmp_path / "calendars").mkdir()
    for name, content in files.items():
        (tmp_path / "calendars" / f"{name[1:].replace('_', '-')}.yaml").write_text(content, "utf-8")
    return tmp_path


def test_the_packaged_calendars_have_no_problem() -> None:
    assert check_calendars(PACKAGED) == []
    assert {(one.region, one.year) for one in packaged()} >= {("000000", year) for year in (2023, 2024, 2025, 2026)}


@pytest.mark.parametrize(("year", "working_days"), [(2023, 249), (2024, 251), (2025, 248), (2026, 248)])
def test_the_nations_working_days_of_a_year(year: int, working_days: int) -> None:
    known = Calendars(Calendar.of(one) for one in packaged())
    days = [
        date.fromordinal(number) for number in range(date(year, 1, 1).toordinal(), date(year + 1, 1, 1).toordinal())
    ]
    assert sum(known.working("000000", day) is True for day in days) == working_days
    assert known.working("000000", date(2027, 1, 4)) is None


def test_a_folder_without_calendars_has_no_problem(tmp_path: Path) -> None:
    assert check_calendars(tmp_path) == []
    assert packaged(tmp_path) == []


@pytest.mark.parametrize("name", BAD)
def test_a_bad_calendar_is_refused_with_line_and_rule(tmp_path: Path, name: str) -> None:
    before, after, line, rule, says = BAD[name]
    assert GOOD.count(before) == 1
    problems = check_calendars(folder(tmp_path, c000000_2026=GOOD.replace(before, after)))
    assert (line, rule) in {(one.line, one.rule) for one in problems}, problems
    assert any(says in one.said.en and one.said.zh for one in problems if one.rule == rule)
    assert all(one.file.name == "000000-2026.yaml" for one in problems)


REGIONAL = """region: "999900"
year: 2026
source: 民族节日
extends: true
holidays:
  - name: { zh: 三月三, en: Third Day of the Third Month }
    off: [2026-04-20]
    work: [2026-04-25]
"""


def test_a_region_that_extends_the_nation_is_published_whole(tmp_path: Path) -> None:
    root = folder(tmp_path, c000000_2026=GOOD, c999900_2026=REGIONAL)
    assert check_calendars(root) == []
    nation, region = packaged(root)
    assert region.off == [*nation.off, date(2026, 4, 20)]
    assert region.work == [*nation.work, date(2026, 4, 25)]
    assert region.hours == nation.hours


def test_a_region_cannot_extend_a_year_that_is_missing(tmp_path: Path) -> None:
    (problem,) = check_calendars(folder(tmp_path, c999900_2026=REGIONAL))
    assert (problem.line, problem.rule) == (4, "calendar-extends")
    assert "000000-2026.yaml" in problem.said.en
