"""Publishing: with the caller's transaction, once an id, numbered per subject and source."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from tongban_runtime import facts, outbox

from .samples import accepted, submitted


async def test_sequences_count_per_subject_and_source(runtime_pool: Any) -> None:
    one, two = str(uuid4()), str(uuid4())
    async with runtime_pool.acquire() as tx, tx.transaction():
        await facts.lock(tx, [UUID(one), UUID(two)])
        first = await outbox.publish(tx, [submitted(one), accepted(one, 2), submitted(two)])
        again = await outbox.publish(tx, [submitted(one), accepted(two, 2)])
    assert [(event.subject, event.sequence) for event in first] == [(one, 1), (one, 2), (two, 1)]
    assert [(event.subject, event.sequence) for event in again] == [(two, 2)]


async def test_a_rolled_back_change_publishes_nothing(runtime_pool: Any) -> None:
    async with runtime_pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await outbox.publish(connection, [submitted()])
        await transaction.rollback()
    assert await runtime_pool.fetchval("SELECT count(*) FROM outbox") == 0


async def test_concurrent_publishers_of_one_subject_leave_no_hole(runtime_pool: Any) -> None:
    subject = str(uuid4())

    async def publish(number: int) -> None:
        async with runtime_pool.acquire() as tx, tx.transaction():
            await facts.lock(tx, [UUID(subject)])
            await outbox.publish(tx, [accepted(subject, number)])

    await asyncio.gather(*(publish(number) for number in range(40)))
    rows = await runtime_pool.fetch("SELECT sequence FROM outbox ORDER BY id")
    assert [row["sequence"] for row in rows] == list(range(1, 41))


async def test_a_payload_that_no_broker_takes_is_refused_at_once(runtime_pool: Any) -> None:
    event = submitted()
    huge = event.data.model_copy(update={"answers": {"text": "字" * outbox.MAX_BODY_BYTES}})
    async with runtime_pool.acquire() as tx:
        with pytest.raises(ValueError, match="at most"):
            await outbox.publish(tx, [type(event)(**{**_fields(event), "data": huge})])


def _fields(event: Any) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__dataclass_fields__}
