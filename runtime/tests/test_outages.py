"""The broker is away: nobody falls silent, what is accepted meanwhile waits in the outbox, and all goes on by itself."""

import asyncio
import signal
from typing import Any
from uuid import UUID

from tongban_runtime import facts, outbox
from tongban_runtime.database import create_pool
from tongban_runtime.health import Heartbeat
from tongban_runtime.relay import Relay
from tongban_schemas.envelope import Event

from .samples import submitted
from .test_consumer import FACTS, Desk, running, wait_for

AWAY_SECONDS = 26
ALLOWED_SILENCE = 25.0
"""Of a stall limit of sixty seconds."""


async def accept(pool: Any, event: Event) -> None:
    async with pool.acquire() as tx, tx.transaction():
        await facts.lock(tx, [UUID(event.subject)])
        await outbox.publish(tx, [event])


async def test_a_broker_that_is_away_ends_nothing_and_loses_nothing(
    engines: Any, runtime_pool: Any, database: Any, topics: str
) -> None:
    desk = Desk()
    own = await database("tongban_runtime")
    beat = Heartbeat("relay")
    relay = Relay(own, engines.kafka, topics, beat)
    consumer = desk.consumer(runtime_pool, engines.kafka, topics)
    publishing = asyncio.create_task(relay.run())
    silences = [0.0, 0.0]
    pool = await create_pool(own, 2)
    try:
        async with running(consumer):
            await accept(pool, submitted())
            await wait_for(runtime_pool, FACTS, 1)
            engines.stack.signal("kafka", signal.SIGSTOP)
            try:
                for _ in range(AWAY_SECONDS):
                    await accept(pool, submitted())
                    await asyncio.sleep(1)
                    silences = [max(silences[0], beat.silence()), max(silences[1], consumer._heartbeat.silence())]
            finally:
                engines.stack.signal("kafka", signal.SIGCONT)
            await wait_for(runtime_pool, FACTS, 1 + AWAY_SECONDS)
        assert not publishing.done()
        assert max(silences) < ALLOWED_SILENCE
    finally:
        relay.stop()
        await publishing
        await pool.close()
    assert desk.standing.all() == []
