"""What intake says does not depend on how facts reach it; only the serials of numbers follow the order of arrival."""

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from tongban_catalog.load import Catalog
from tongban_intake import domain, handlers
from tongban_intake.domain import filing
from tongban_runtime.alarms import AlarmWorker
from tongban_runtime.health import Heartbeat
from tongban_runtime.testing.clock import FakeClock
from tongban_runtime.testing.injection import ARRIVALS, Arrival, effects
from tongban_runtime.testing.keys import case_keys
from tongban_schemas.envelope import Event
from tongban_schemas.events.applications import ApplicationAccepted, ApplicationReceived

from .conftest import serving
from .counter import received_item, whole_catalog

_CASES = [UUID(f"019cab3e-0000-7000-8000-{number:012x}") for number in range(8)]
_expected: dict[str, set[Any]] = {}


def history(catalog: Catalog, clock: FakeClock) -> list[Event]:
    """The catalogue, and cases that an officer or a rule accepts; all but one lay unheard past their time."""
    officers, rule = received_item(catalog), catalog.items["credit-repair"]
    start = clock.now() - timedelta(days=20)
    cases = [
        filing.submit(
            case,
            officers if number % 2 else rule,
            applicant=UUID(int=7),
            region="990000",
            language="zh",
            answers=(officers if number % 2 else rule).form.example(),
            materials={},
            seal=case_keys(case).seal_all,
            time=start + timedelta(days=2 * number),
            traceparent=None,
        )
        for number, case in enumerate(_CASES)
    ]
    numbered = [Event(**{name: getattr(one, name) for name in one.__slots__} | {"sequence": 1}) for one in cases]
    return [*whole_catalog(catalog, clock, officers), *numbered]


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("arrival", ARRIVALS)
async def test_effects_do_not_depend_on_how_facts_arrive(
    database: Any, catalog: Catalog, arrival: Arrival, seed: int
) -> None:
    clock = FakeClock()
    clock.advance(timedelta(days=40))
    async with serving(await database("tongban_intake"), clock, []) as service:
        registry = handlers.registry(service.intake.casework)
        await effects(service.runtime.pool, registry, history(catalog, clock), arrival, clock, seed)
        ring, heartbeat = service.intake.casework.ring, Heartbeat("alarms")
        alarms = AlarmWorker(service.runtime.pool, clock, domain.MODELS, ring, heartbeat, batch=3)
        while await alarms.ring_due():
            pass
        rows = await service.runtime.pool.fetch("SELECT event_id, type, subject, sequence FROM outbox")
        serials = await service.runtime.pool.fetchval("SELECT sum(serial) FROM case_serial")
    said = {tuple(row) for row in rows}
    assert serials == len(_CASES)
    assert Counter(row["type"] for row in rows) == {ApplicationAccepted.TYPE: 4 + 3, ApplicationReceived.TYPE: 4}
    assert said == _expected.setdefault("said", said)
