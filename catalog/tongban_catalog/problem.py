"""What keeps a catalogue from being published, and what the rules that find it share. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tongban_catalog.department import Department
from tongban_catalog.form import Text
from tongban_catalog.source import Place, Source, Spot


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that keeps an item from being published. Printed as ``file:line: [rule] Chinese / English``."""

    file: Path
    line: int
    rule: str
    said: Text

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: [{self.rule}] {self.said.zh} / {self.said.en}"


Rule = Callable[[Source, Mapping[str, Department]], Iterator[Problem]]
"""Takes the data of an item or of a national standard, and the registered departments."""


def problem(source: Source, place: Iterable[str | int], rule: str, zh: str, en: str) -> Problem:
    return at_spot(source.spot(place), rule, zh, en)


def at_spot(spot: Spot, rule: str, zh: str, en: str) -> Problem:
    return Problem(spot.file, spot.line, rule, Text(zh, en))


def find(value: Any, key: str, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every value under ``key``, at any depth."""
    if isinstance(value, dict):
        for name, part in value.items():
            if name == key:
                yield (*place, name), part
            else:
                yield from find(part, key, (*place, name))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from find(part, key, (*place, index))


def places(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """A value and everything inside it, each with its place."""
    yield place, value
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from places(part, (*place, key))


def has_law(data: Mapping[str, Any], names: Iterable[str]) -> bool:
    """Whether one of the bases is an article of a law, and not only a local habit."""
    return any("law" in data["bases"].get(name, {}) for name in names)
