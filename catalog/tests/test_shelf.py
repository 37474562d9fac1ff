"""The shelf on a real database: what the catalogue says is kept once, and no case waits for what is there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from tongban_catalog.department import Department
from tongban_catalog.item import Item
from tongban_catalog.load import load_catalog
from tongban_catalog.publish import catalog_events
from tongban_catalog.shelf import Shelf
from tongban_runtime import facts
from tongban_runtime.database import Pool, Tx, create_pool
from tongban_runtime.facts import Case
from tongban_runtime.outcome import Done, Outcome, Park
from tongban_runtime.registry import Registry
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events.applications import ApplicationSubmitted
from tongban_schemas.events.catalog import DepartmentRegistered, ItemPublished, ResourcePublished
from tongban_schemas.types import ItemRef

CATALOG = load_catalog()
ITEM = CATALOG.items["credit-repair"]
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
MODELS: dict[str, type[EventData]] = {ApplicationSubmitted.TYPE: ApplicationSubmitted}
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
BODY = "ecology"


@pytest.fixture
async def pool(database: Callable[[str], Awaitable[str]]) -> AsyncIterator[Pool]:
    opened = await create_pool(await database("tongban_catalog"), 6)
    yield opened
    await opened.close()


def version(number: int) -> Item:
    return Item.from_definition({**ITEM.definition, "version": number})


def entry(subject: str, data: EventData, sequence: int = 1) -> Event:
    identity = event_id(data.TYPE, subject, str(sequence))
    return Event(identity, "/catalog", subject, NOON, identity, data, sequence)


def published(item: Item = ITEM, definition: dict[str, Any] | None = None) -> Event:
    data = ItemPublished(item=item.ref, definition=item.definition if definition is None else definition)
    return entry(f"item:{item.code}:{item.version}", data)


def registered(name: str, sequence: int) -> Event:
    data = DepartmentRegistered(department=BODY, uscc="11990000000000019A", name_zh=name, name_en=name)
    return entry(f"department:{BODY}", data, sequence)


def submitted(ref: ItemRef) -> Event:
    subject = str(uuid4())
    data = ApplicationSubmitted(item=ref, applicant=UUID(int=7), region="990101")
    identity = event_id(data.TYPE, subject)
    return Event(identity, "/intake", subject, NOON, UUID(subject), data, 1, traceparent=TRACE)


@dataclass
class Service:
    """A service whose cases need an item and a department; ``moved`` is every case that had both, and its trace."""

    pool: Pool
    shelf: Shelf = field(default_factory=Shelf)
    moved: list[tuple[str, str | None]] = field(default_factory=list)

    async def advance(self, tx: Tx, cases: Sequence[Case]) -> None:
        needs = [(case, _submission(case).item) for case in cases]
        items = await self.shelf.items_for(tx, needs)
        known = [case for case, ref in needs if ref in items]
        departments = await self.shelf.departments_for(tx, [(case, BODY) for case in known])
        self.moved += [(case.subject, case.cause.traceparent) for case in known if BODY in departments]

    async def hear(self, *events: Event) -> None:
        """Takes facts of cases in, as a service's handler does."""
        async with self.pool.acquire() as tx, tx.transaction():
            await self.advance(tx, await facts.absorb(tx, events, MODELS))

    async def learn(self, *events: Event) -> Outcome:
        registry = Registry()
        self.shelf.register(registry, models=MODELS, resume=self.advance)
        (handler,) = registry.handlers
        async with self.pool.acquire() as tx, tx.transaction():
            return await handler.function(tx, events)


def _submission(case: Case) -> ApplicationSubmitted:
    (data,) = (fact.data for fact in case.facts)
    assert isinstance(data, ApplicationSubmitted)
    return data


@pytest.fixture
def service(pool: Pool) -> Service:
    return Service(pool)


async def test_items_are_found_once_published_and_compiled_once(service: Service, pool: Pool) -> None:
    other = version(99).ref
    assert await service.shelf.items(pool, [ITEM.ref, other]) == {}
    assert await service.learn(*catalog_events(CATALOG, NOON)) == Done()
    found = await service.shelf.items(pool, [ITEM.ref, other])
    assert found.keys() == {ITEM.ref}
    assert await service.shelf.item(pool, ITEM.ref) is found[ITEM.ref]
    assert await service.shelf.item(pool, other) is None


async def test_a_form_keeps_the_order_of_its_fields(service: Service, pool: Pool) -> None:
    await service.learn(published())
    found = await service.shelf.item(pool, ITEM.ref)
    assert found is not None
    assert list(found.form.fields) == list(ITEM.form.fields)


async def test_a_published_version_never_changes(service: Service, pool: Pool) -> None:
    await service.learn(published())
    await service.learn(published(definition={**ITEM.definition, "name": {"zh": "另一个", "en": "Another"}}))
    found = await service.shelf.item(pool, ITEM.ref)
    assert found is not None
    assert found.name == ITEM.name


async def test_the_newest_version_is_the_highest(service: Service, pool: Pool) -> None:
    assert await service.shelf.newest(pool, ITEM.code) is None
    await service.learn(published(version(2)), published(version(10)), published(version(9)))
    newest = await service.shelf.newest(pool, ITEM.code)
    assert newest is not None
    assert newest.version == 10
    assert [item.ref for item in await service.shelf.all_newest(pool)] == [newest.ref]
    assert await service.shelf.newest(pool, "none") is None


async def test_new_applications_come_under_the_version_in_force(service: Service, pool: Pool) -> None:
    def dated(number: int, effective_from: str, cancel_on: str | None = None) -> Event:
        dates = {"effective_from": effective_from} | ({} if cancel_on is None else {"cancel_on": cancel_on})
        item = Item.from_definition({**ITEM.definition, "version": number, **dates})
        return published(item)

    await service.learn(dated(1, "2026-01-01"), dated(2, "2026-06-01"), dated(3, "2027-01-01", "2027-07-01"))
    found = {
        day: None if (item := await service.shelf.current(pool, ITEM.code, day)) is None else item.version
        for day in map(date.fromisoformat, ("2025-12-31", "2026-01-01", "2026-12-31", "2027-01-01", "2027-07-01"))
    }
    assert list(found.values()) == [None, 1, 2, 3, None]
    assert [item.version for item in await service.shelf.all_current(pool, date(2026, 6, 1))] == [2]
    assert await service.shelf.current(pool, "none", date(2026, 6, 1)) is None


async def test_a_department_keeps_its_region_supervisor_and_keys(service: Service, pool: Pool) -> None:
    key = {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}
    data = DepartmentRegistered(
        department=BODY,
        uscc="11990000000000019A",
        name_zh="一",
        name_en="one",
        region="990100",
        supervisor="lead",
        keys=[key],
    )
    await service.learn(entry(f"department:{BODY}", data))
    found = (await service.shelf.departments(pool))[BODY]
    assert (found.region, found.supervisor, found.keys) == ("990100", "lead", (key,))


@pytest.mark.parametrize("batched", [True, False])
async def test_of_a_department_the_highest_sequence_stays(service: Service, pool: Pool, batched: bool) -> None:
    events = [registered("二", 2), registered("三", 3), registered("一", 1)]
    for batch in [events] if batched else [[event] for event in events]:
        assert await service.learn(*batch) == Done()
    assert await service.shelf.departments(pool) == {BODY: Department(BODY, "11990000000000019A", "三", "三")}


@pytest.mark.parametrize("definition", [{}, {**ITEM.definition, "version": 9}, {**ITEM.definition, "steps": None}])
async def test_a_definition_that_is_not_the_item_is_parked(service: Service, definition: dict[str, Any]) -> None:
    outcome = await service.learn(published(definition=definition))
    assert isinstance(outcome, Park)
    assert outcome.reason == "rule_violated"


async def test_a_case_waits_for_its_item_then_for_its_department(service: Service, pool: Pool) -> None:
    case = submitted(ITEM.ref)
    await service.hear(case)
    await service.learn(published(version(9)))
    assert await pool.fetchval("SELECT entry FROM waiting_case") == f"item:{ITEM.code}:{ITEM.version}"
    await service.learn(published())
    assert await pool.fetchval("SELECT entry FROM waiting_case") == f"department:{BODY}"
    assert service.moved == []
    await service.learn(registered("一", 1))
    assert service.moved == [(case.subject, TRACE)]
    await service.learn(registered("一", 1), published())
    assert len(service.moved) == 1
    assert await pool.fetchval("SELECT count(*) FROM waiting_case") == 0


async def test_no_case_is_left_waiting_when_its_item_arrives_meanwhile(service: Service, pool: Pool) -> None:
    await service.learn(registered("一", 1))
    for number in range(1, 13):
        item = version(number)
        cases = [submitted(item.ref) for _ in range(6)]
        await service.hear(*cases[:2])
        await asyncio.gather(service.learn(published(item)), *(service.hear(case) for case in cases[2:]))
        assert sorted(subject for subject, _ in service.moved) == sorted(case.subject for case in cases)
        service.moved.clear()
    assert await pool.fetchval("SELECT count(*) FROM waiting_case") == 0


def offered(sequence: int = 1, **changed: Any) -> Event:
    definition = CATALOG.resources["tax-payment-99"].definition | changed
    data = ResourcePublished(resource="tax-payment-99", provider="tax", definition=definition)
    return entry("resource:tax-payment-99", data, sequence)


async def test_the_newest_resource_stays(service: Service, pool: Pool) -> None:
    assert await service.shelf.resources(pool) == {}
    assert await service.learn(*catalog_events(CATALOG, NOON)) == Done()
    found = await service.shelf.resources(pool)
    assert {name: one.definition for name, one in found.items()} == {
        name: one.definition for name, one in CATALOG.resources.items()
    }
    assert list(found["household-register"].fields) == list(CATALOG.resources["household-register"].fields)
    daily = {"zh": "每日", "en": "every day"}
    for sequence, update in ((3, daily), (2, {"zh": "每月", "en": "every month"})):
        assert await service.learn(offered(sequence, update=update)) == Done()
    later = await service.shelf.resources(pool)
    assert later["tax-payment-99"].update.en == "every day"
    assert later["household-register"] is found["household-register"]


@pytest.mark.parametrize("changed", [{"provider": "housing"}, {"id": "tax"}, {"fields": "none"}])
async def test_what_is_no_resource_is_parked(service: Service, pool: Pool, changed: dict[str, Any]) -> None:
    assert isinstance(await service.learn(offered(**changed)), Park)
    assert await service.shelf.resources(pool) == {}


async def test_a_case_waits_for_its_resource(pool: Pool) -> None:
    shelf, moved = Shelf(), list[str]()

    async def advance(tx: Tx, cases: Sequence[Case]) -> None:
        found = await shelf.resources_for(tx, [(case, "tax-payment-99") for case in cases])
        moved.extend(case.subject for case in cases if "tax-payment-99" in found)

    event = submitted(ITEM.ref)
    async with pool.acquire() as tx, tx.transaction():
        await advance(tx, await facts.absorb(tx, [event], MODELS))
    assert moved == []
    async with pool.acquire() as tx, tx.transaction():
        await shelf.learn(tx, [offered()], models=MODELS, resume=advance)
    assert moved == [event.subject]
