"""The relay: one leader, in order, each row marked only when the broker has it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

from aiokafka import AIOKafkaConsumer
from tongban_runtime import facts, outbox
from tongban_runtime.health import Heartbeat
from tongban_runtime.relay import PRODUCER_SETTINGS, Relay

from .samples import accepted


@asynccontextmanager
async def running(*relays: Relay) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(relay.run()) for relay in relays]
    yield
    for relay in relays:
        relay.stop()
    await asyncio.gather(*tasks)


async def publish(pool: Any, subject: str, numbers: range) -> None:
    async with pool.acquire() as tx, tx.transaction():
        await facts.lock(tx, [UUID(subject)])
        await outbox.publish(tx, [accepted(subject, number) for number in numbers])


async def wait_until_sent(pool: Any) -> None:
    async with asyncio.timeout(30):
        while await pool.fetchval("SELECT count(*) FROM outbox WHERE sent_at IS NULL"):
            await asyncio.sleep(0.05)


async def read(kafka: str, topic: str, count: int) -> list[tuple[str, int]]:
    """(subject, sequence) of the records of a topic."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    found: list[tuple[str, int]] = []
    try:
        async with asyncio.timeout(30):
            while len(found) < count:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [(record.key.decode(), int(dict(record.headers)["ce_sequence"])) for record in records]
    finally:
        await consumer.stop()
    return found


def test_producer_settings_lose_nothing() -> None:
    assert PRODUCER_SETTINGS["acks"] == "all"
    assert PRODUCER_SETTINGS["enable_idempotence"] is True


async def test_two_relays_publish_every_row_once_and_in_order(engines: Any, runtime_pool: Any, topics: str) -> None:
    dsn = _dsn(engines, await runtime_pool.fetchval("SELECT current_database()"))
    relays = [Relay(dsn, engines.kafka, topics, Heartbeat("relay")) for _ in range(2)]
    subjects = [str(uuid4()) for _ in range(20)]
    async with running(*relays):
        for start in range(1, 31, 10):
            await asyncio.gather(*(publish(runtime_pool, subject, range(start, start + 10)) for subject in subjects))
        await wait_until_sent(runtime_pool)
    records = await read(engines.kafka, f"{topics}tongban.applications.v1", 600)
    assert len(records) == 600
    for subject in subjects:
        assert [sequence for key, sequence in records if key == subject] == list(range(1, 31))


async def test_a_relay_that_lost_the_lead_marks_nothing(engines: Any, runtime_pool: Any, topics: str) -> None:
    dsn = _dsn(engines, await runtime_pool.fetchval("SELECT current_database()"))
    relay = Relay(dsn, engines.kafka, topics, Heartbeat("relay"))
    async with running(relay):
        await publish(runtime_pool, str(uuid4()), range(1, 2))
        await wait_until_sent(runtime_pool)
        before = await runtime_pool.fetchval("UPDATE outbox_leader SET epoch = epoch + 10 RETURNING epoch")
        await publish(runtime_pool, str(uuid4()), range(1, 2))
        await wait_until_sent(runtime_pool)
        after = await runtime_pool.fetchval("SELECT epoch FROM outbox_leader")
    assert after == before + 1, "the fenced relay must take the lead again before it marks a row"


async def test_a_killed_connection_loses_no_row(engines: Any, runtime_pool: Any, topics: str) -> None:
    dsn = _dsn(engines, await runtime_pool.fetchval("SELECT current_database()"))
    relay = Relay(dsn, engines.kafka, topics, Heartbeat("relay"))
    subject = str(uuid4())
    async with running(relay):
        for round_number in range(5):
            await publish(runtime_pool, subject, range(round_number * 10 + 1, round_number * 10 + 11))
            await runtime_pool.execute(
                """
                SELECT pg_terminate_backend(pid) FROM pg_locks
                WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                """
            )
        await wait_until_sent(runtime_pool)
    records = await read(engines.kafka, f"{topics}tongban.applications.v1", 50)
    assert list(dict.fromkeys(sequence for _, sequence in records)) == list(range(1, 51))


def _dsn(engines: Any, name: str) -> str:
    return str(engines.postgres).rsplit("/", 1)[0] + f"/{name}"
