"""The handlers against a real database: however facts arrive, the same messages are owed, once."""

from uuid import UUID, uuid4

import asyncpg
import pytest
from tongban_catalog.shelf import Shelf
from tongban_notify import store
from tongban_notify.domain import MODELS, owed
from tongban_notify.handlers import registry
from tongban_runtime.database import Pool, create_pool
from tongban_runtime.outcome import Done
from tongban_runtime.testing.clock import FakeClock
from tongban_runtime.testing.injection import ARRIVALS, Effects, effects
from tongban_schemas.envelope import Event

from .conftest import MakeDatabase
from .eventful import every_news
from .history import ADDRESS, catalog, whole_case

CASES = [str(uuid4()) for _ in range(4)]
TOLD = {case: every_news(case) for case in CASES}
HISTORY = [*catalog(), *(event for events in TOLD.values() for event in events)]


async def states(pool: Pool) -> dict[UUID, str]:
    return {row["id"]: row["state"] for row in await pool.fetch("SELECT id, state FROM notification")}


async def test_arrival_changes_no_effect(database: MakeDatabase, clock: FakeClock) -> None:
    published: list[Effects] = []
    written: list[dict[UUID, str]] = []
    for seed, arrival in enumerate(ARRIVALS):
        pool = await create_pool(await database("tongban_notify"), 4)
        published.append(await effects(pool, registry(Shelf(), clock), HISTORY, arrival, clock, seed))
        written.append(await states(pool))
        await pool.close()
    assert all(found == published[0] for found in published)
    assert all(found == written[0] for found in written)
    expected = [one for events in TOLD.values() for one in owed(events)]
    assert len(published[0]) == sum(one.channel == "inbox" for one in expected)
    assert set(written[0]) == {one.id for one in expected}
    assert sorted(written[0].values()).count("pending") == sum(one.channel == "email" for one in expected)


async def test_what_is_told_comes_back_from_the_database_as_it_was(informed_pool: Pool, clock: FakeClock) -> None:
    case = str(uuid4())
    events = every_news(case)
    handler = registry(Shelf(), clock).handler_of(events[0].type)
    async with informed_pool.acquire() as tx, tx.transaction():
        await handler.function(tx, events)
        due = await store.take_due(tx, Shelf(), clock.now(), 100)
    found = {mail.notification.id: mail.notification for mail in due}
    assert found == {one.id: one for one in owed(events) if one.channel == "email"}


async def test_nothing_personal_is_kept_in_the_clear(informed_pool: Pool, clock: FakeClock) -> None:
    await handle(informed_pool, clock, whole_case(str(uuid4())))
    for table in ("recipient", "notification", "outbox", "fact"):
        rows = await informed_pool.fetch(f"SELECT t::text AS row FROM {table} t")  # noqa: S608 - names from the line above
        assert rows
        assert not [row for row in rows if ADDRESS in row["row"] or ADDRESS.encode().hex() in row["row"]]


async def handle(pool: Pool, clock: FakeClock, events: list[Event]) -> None:
    handler = registry(Shelf(), clock).handler_of(events[0].type)
    async with pool.acquire() as tx, tx.transaction():
        assert await handler.function(tx, events) == Done()


async def test_an_in_site_message_is_final_in_the_same_transaction(informed_pool: Pool, clock: FakeClock) -> None:
    case = str(uuid4())
    await handle(informed_pool, clock, whole_case(case))
    rows = await informed_pool.fetch(
        """
        SELECT n.state, n.channel, o.type, o.causation_id = n.cause AS caused, o.traceparent
        FROM notification n LEFT JOIN outbox o ON o.event_id = n.final_event
        """
    )
    inbox = [row for row in rows if row["channel"] == "inbox"]
    assert len(inbox) == 7
    assert {(row["state"], row["type"], row["caused"]) for row in inbox} == {
        ("sent", "cn.tongban.notification.sent.v1", True)
    }
    assert all(row["traceparent"] for row in inbox)
    assert {(row["state"], row["type"]) for row in rows if row["channel"] == "email"} == {("pending", None)}


@pytest.mark.parametrize(
    "change",
    [
        "state = 'failed', reason = 'refused'",
        "state = 'pending', final_event = NULL, finished_at = NULL",
        "final_event = gen_random_uuid()",
    ],
)
async def test_the_database_refuses_a_second_final_state(informed_pool: Pool, clock: FakeClock, change: str) -> None:
    await handle(informed_pool, clock, whole_case(str(uuid4())))
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await informed_pool.execute(f"UPDATE notification SET {change} WHERE channel = 'inbox'")  # noqa: S608 - from the list above


def test_every_fact_has_the_handler_that_keeps_facts(clock: FakeClock) -> None:
    handlers = registry(Shelf(), clock)
    assert {handlers.handler_of(kind).name for kind in MODELS} == {"case"}
