"""Calendars on the shelf of a real database: the newest stays, and whoever rests on one is woken."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pytest
from tongban_catalog.calendar import packaged
from tongban_catalog.clock import NATION
from tongban_catalog.shelf import Shelf
from tongban_runtime import alarms
from tongban_runtime.database import Pool, create_pool
from tongban_runtime.outcome import Done, Outcome, Park
from tongban_runtime.registry import Registry
from tongban_schemas.envelope import Event, event_id
from tongban_schemas.events.catalog import CalendarPublished

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
LABOUR_DAY = date(2027, 5, 3)


@pytest.fixture
async def pool(database: Callable[[str], Awaitable[str]]) -> AsyncIterator[Pool]:
    opened = await create_pool(await database("tongban_catalog"), 4)
    yield opened
    await opened.close()


def published(sequence: int = 1, **change: Any) -> Event:
    data = CalendarPublished(region=NATION, year=2027, off=[LABOUR_DAY], source="放假安排").model_copy(update=change)
    key = f"calendar:{data.region}:{data.year}"
    identity = event_id(data.TYPE, key, str(sequence))
    return Event(identity, "/catalog", key, NOON, identity, data, sequence)


@dataclass
class Service:
    pool: Pool
    shelf: Shelf = field(default_factory=Shelf)

    async def learn(self, *events: Event) -> Outcome:
        registry = Registry()
        self.shelf.register(registry)
        (handler,) = registry.handlers
        async with self.pool.acquire() as tx, tx.transaction():
            return await handler.function(tx, events)

    async def works(self, day: date, region: str = NATION) -> bool | None:
        return (await self.shelf.calendars(self.pool)).working(region, day)


@pytest.fixture
def service(pool: Pool) -> Service:
    return Service(pool)


async def test_a_calendar_is_unknown_until_it_is_published(service: Service) -> None:
    assert await service.works(LABOUR_DAY) is None
    assert await service.learn(published()) == Done()
    assert await service.works(LABOUR_DAY) is False
    assert await service.works(date(2027, 5, 4), "990101") is True
    assert await service.works(date(2028, 5, 4)) is None


async def test_every_packaged_calendar_is_learned_whole(service: Service) -> None:
    events = [published(**one.model_dump()) for one in packaged()]
    assert await service.learn(*events) == Done()
    for one in packaged():
        assert {await service.works(day, one.region) for day in one.off} == {False}
        assert {await service.works(day, one.region) for day in one.work} == {True}


@pytest.mark.parametrize("batched", [True, False])
async def test_of_a_calendar_the_highest_sequence_stays(service: Service, batched: bool) -> None:
    events = [published(2, off=[]), published(3, off=[LABOUR_DAY]), published(1, off=[])]
    for batch in [events] if batched else [[event] for event in events]:
        assert await service.learn(*batch) == Done()
    assert await service.works(LABOUR_DAY) is False


async def test_another_process_sees_a_new_calendar_at_once(service: Service) -> None:
    other = Service(service.pool)
    await service.learn(published(1, off=[]))
    assert await other.works(LABOUR_DAY) is True
    await service.learn(published(2))
    assert await other.works(LABOUR_DAY) is False


async def test_only_a_calendar_that_is_new_wakes_the_alarms(service: Service, pool: Pool) -> None:
    await service.learn(published())
    first = await alarms.current_basis(pool)
    assert first > 0
    await service.learn(published())
    assert await alarms.current_basis(pool) == first
    await service.learn(published(2))
    assert await alarms.current_basis(pool) > first


@pytest.mark.parametrize(
    "change", [{"off": [date(2026, 5, 1)]}, {"work": [LABOUR_DAY]}, {"hours": ["9-17"]}, {"hours": []}]
)
async def test_a_calendar_that_contradicts_itself_is_parked(service: Service, change: dict[str, Any]) -> None:
    await service.learn(published())
    outcome = await service.learn(published(2, **change))
    assert isinstance(outcome, Park)
    assert outcome.reason == "rule_violated"
    assert await service.works(LABOUR_DAY) is False
