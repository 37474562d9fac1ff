"""Every registered handler of every service, under duplicates, reorderings and crashes: the same effects each time."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tongban_catalog.load import load_catalog
from tongban_runtime.testing.clock import FakeClock
from tongban_runtime.testing.injection import ARRIVALS, Arrival, effects
from tongban_schemas.envelope import Event

from tests.history import catalogue, granted_case
from tests.wired import SERVICES, Wired, wired

_RUNS = [
    (arrival, seed) for arrival in ARRIVALS for seed in ((1,) if arrival in ("in-order", "one-by-one") else (1, 2))
]
_CASES = [UUID(f"019cab3e-0000-7000-8000-{number:012x}") for number in range(4)]


@pytest.fixture
async def service(request: pytest.FixtureRequest, engines: Any, database: Any, tmp_path: Path) -> AsyncIterator[Wired]:
    dsn = await database(f"tongban_{request.param}")
    async with wired(request.param, dsn, engines.kafka, tmp_path, FakeClock()) as found:
        yield found


def _history(found: Wired) -> list[Event]:
    """The catalogue and some cases, as far as this service listens to them."""
    items = list(load_catalog().items.values())
    cases = [granted_case(items[number % len(items)], str(case)) for number, case in enumerate(_CASES)]
    interleaved = [event for turn in zip_longest(cases) for event in turn]
    return [event for event in (*catalogue(), *interleaved) if event.type in found.parts.registry.models]


def zip_longest(cases: Sequence[Sequence[Event]]) -> list[list[Event]]:
    """The cases side by side: first facts, second facts ..."""
    longest = max(map(len, cases))
    return [[case[turn] for case in cases if turn < len(case)] for turn in range(longest)]


_expected: dict[str, set[str]] = {}
"""What the world knows in the end: what it told the service, and what the service told it. The first run sets it."""


@pytest.mark.parametrize(("arrival", "seed"), _RUNS)
@pytest.mark.parametrize("service", SERVICES, indirect=True)
async def test_effects_do_not_depend_on_how_events_arrive(service: Wired, arrival: Arrival, seed: int) -> None:
    history = _history(service)
    told = await effects(service.runtime.pool, service.parts.registry, history, arrival, service.runtime.clock, seed)
    facts = told.keys() | {str(event.id) for event in history}
    name = service.runtime.settings.instance.split("-")[0]
    assert facts == _expected.setdefault(name, facts)
    if name == "certificates":
        rows = await service.runtime.pool.fetch("SELECT application, count(*) AS n FROM certificate GROUP BY 1")
        assert sorted((row["application"], row["n"]) for row in rows) == [(case, 1) for case in _CASES]
    if name == "notify":
        rows = await service.runtime.pool.fetch("SELECT kind, count(*) AS n FROM notification GROUP BY 1 ORDER BY 1")
        counted = {row["kind"] for row in rows}
        assert counted == {"submitted", "accepted", "granted", "issued"}
