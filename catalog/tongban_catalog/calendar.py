"""The calendars that come with the catalogue: ``calendars/<region>-<year>.yaml``, one for each official notice.

A file names the weekdays without work (``off``) and the weekend days on which work is made up (``work``), by holiday. A
region that only adds to the national calendar of the year says ``extends: true`` (Regulation on Public Holidays art. 4).
"""

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
from tongban_schemas.events.catalog import CalendarPublished
from tongban_schemas.types import JsonObject

from tongban_catalog.clock import NATION, parse_hours
from tongban_catalog.form import Text, explain
from tongban_catalog.formats import PACKAGED
from tongban_catalog.problem import Problem, problem
from tongban_catalog.source import CatalogFileError, Source, read_source

_SATURDAY: Final = 5
_WEEKDAYS: Final = ("一", "二", "三", "四", "五", "六", "日")
_KINDS: Final = ("off", "work")
_DAYS: Final = {"type": "array", "minItems": 1, "items": {"type": "string", "format": "date"}}

_SCHEMA: Final[JsonObject] = {
    "type": "object",
    "required": ["region", "year", "source", "holidays"],
    "additionalProperties": False,
    "properties": {
        "region": {"type": "string", "pattern": "^[0-9]{6}$"},
        "year": {"type": "integer", "minimum": 2000, "maximum": 2200},
        "source": {"type": "string", "minLength": 1},
        "extends": {"type": "boolean"},
        "hours": {"type": "array", "minItems": 1, "items": {"type": "string"}},
        "holidays": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["name"],
                "additionalProperties": False,
                "properties": {
                    "name": {
                        "type": "object",
                        "required": ["zh", "en"],
                        "additionalProperties": False,
                        "properties": {"zh": {"type": "string"}, "en": {"type": "string"}},
                    },
                    "off": _DAYS,
                    "work": _DAYS,
                },
            },
        },
    },
}
_VALIDATOR: Final = jsonschema_rs.Draft202012Validator(_SCHEMA, validate_formats=True, offline=True)

Entry = tuple[str, date, tuple[str | int, ...]]
"""``off`` or ``work``, a day, and its place in the file."""


def calendar_files(root: Path = PACKAGED) -> list[Path]:
    return sorted((root / "calendars").glob("*.yaml"))


def packaged(root: Path = PACKAGED) -> list[CalendarPublished]:
    """The calendars of a folder as they are published: whole, so one that extends the nation's holds its days as well.

    Files are checked by `check_calendars`. Raises `tongban_catalog.source.CatalogFileError`.
    """
    sources = [read_source(file).data for file in calendar_files(root)]
    nation = {data["year"]: data for data in sources if data["region"] == NATION}
    return [_published(data, nation[data["year"]] if data.get("extends") else None) for data in sources]


def _published(data: JsonObject, base: JsonObject | None) -> CalendarPublished:
    days = {kind: {day for name, day, _ in _entries(data) if name == kind} for kind in _KINDS}
    if base is not None:
        inherited = {kind: {day for name, day, _ in _entries(base) if name == kind} for kind in _KINDS}
        days = {
            "off": days["off"] | inherited["off"] - days["work"],
            "work": days["work"] | inherited["work"] - days["off"],
        }
    hours = data.get("hours", base.get("hours") if base is not None else None)
    return CalendarPublished(
        region=data["region"],
        year=data["year"],
        off=sorted(days["off"]),
        work=sorted(days["work"]),
        source=data["source"],
        **({} if hours is None else {"hours": hours}),
    )


def _entries(data: JsonObject) -> Iterator[Entry]:
    for index, holiday in enumerate(data["holidays"]):
        for kind in _KINDS:
            for number, day in enumerate(holiday.get(kind, [])):
                yield kind, date.fromisoformat(day), ("holidays", index, kind, number)


def check_calendars(root: Path = PACKAGED) -> list[Problem]:
    """Every problem of the calendars of a folder, by file and line; a folder without calendars has none."""
    problems: list[Problem] = []
    nation: set[int] = set()
    regional: list[Source] = []
    for file in calendar_files(root):
        try:
            source = read_source(file)
        except CatalogFileError as error:
            problems.append(Problem(file, error.line, "yaml", Text(error.zh, error.en)))
            continue
        found = list(_shape(source))
        problems += found or _rules(file, source)
        if not found and source.data["region"] == NATION:
            nation.add(source.data["year"])
        elif not found and source.data.get("extends"):
            regional.append(source)
    for source in regional:
        if (year := source.data["year"]) not in nation:
            zh = f"没有 {year} 年的全国日历可以沿用，请先补上"
            en = f"there is no national calendar of {year} to extend: add calendars/{NATION}-{year}.yaml"
            problems.append(problem(source, ["extends"], "calendar-extends", zh, en))
    return sorted(problems, key=lambda one: (str(one.file), one.line, one.rule))


def _shape(source: Source) -> Iterator[Problem]:
    for error in _VALIDATOR.iter_errors(source.data):
        place = list(error.instance_path)
        about: dict[str, Any] = error.kind.as_dict()
        for name in about.get("unexpected", [about.get("property")]):
            path = place if name is None else [*place, name]
            label = ".".join(map(str, path)) or "calendar"
            said = explain(error, Text(label, label), {}, [])
            spot = source.spot(path)
            yield Problem(spot.file, spot.line, "schema", said)


def _rules(file: Path, source: Source) -> Iterator[Problem]:
    data = source.data
    wanted = f"{data['region']}-{data['year']}.yaml"
    if file.name != wanted:
        yield problem(source, ["region"], "calendar-name", f"文件名应为 {wanted}", f"the file has to be named {wanted}")
    if data["region"] == NATION and data.get("extends"):
        zh, en = "全国日历没有可沿用的日历，请删除 extends", "the national calendar extends nothing: remove extends"
        yield problem(source, ["extends"], "calendar-extends", zh, en)
    try:
        parse_hours(data.get("hours", ["09:00-12:00"]))
    except ValueError as error:
        zh = "工作时间应写作 09:00-12:00，先后有序且不重叠"
        yield problem(source, ["hours"], "calendar-hours", zh, str(error))
    yield from _day_rules(source, _entries(data), data["year"])


def _day_rules(source: Source, entries: Iterable[Entry], year: int) -> Iterator[Problem]:
    seen: set[date] = set()
    for kind, day, place in entries:
        weekend = day.weekday() >= _SATURDAY
        name = f"{day}（星期{_WEEKDAYS[day.weekday()]}）"
        if day.year != year:
            yield problem(source, place, "calendar-year", f"{day} 不在 {year} 年", f"{day} is not in {year}")
        if kind == "off" and weekend:
            zh = f"{name}本来就休息，off 只列星期一至星期五，请删除"
            en = f"{day} is a {day:%A} and off anyway: off lists Mondays to Fridays only, remove it"
            yield problem(source, place, "calendar-off", zh, en)
        if kind == "work" and not weekend:
            zh = f"{name}本来就上班，work 只列调休上班的星期六、星期日，请删除"
            en = f"{day} is a {day:%A} and worked anyway: work lists make-up Saturdays and Sundays only, remove it"
            yield problem(source, place, "calendar-work", zh, en)
        if day in seen:
            yield problem(source, place, "calendar-duplicate", f"{day} 重复", f"{day} stands twice: remove one")
        seen.add(day)
