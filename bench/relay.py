"""The outbox relay against a bare idempotent producer: the same records, the same broker, one run."""

import asyncio
import secrets
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import uuid_utils
from aiokafka import AIOKafkaProducer
from tongban_runtime import outbox
from tongban_runtime.database import create_pool, migrate
from tongban_runtime.health import Heartbeat
from tongban_runtime.relay import PRODUCER_SETTINGS, Relay
from tongban_runtime.topics import create_topics
from tongban_schemas.envelope import Event, encode_body, encode_headers, event_id
from tongban_schemas.events.applications import ApplicationSubmitted
from tongban_schemas.types import ItemRef

from bench.figures import Figure

ROWS = 60_000
_ITEM = ItemRef(code="11990000000000019A3990100001000", version=1)


def _events() -> list[Event]:
    now = datetime.now(UTC)
    answers = {f"answer_{number}": "文" * 20 for number in range(8)}
    found = []
    for _ in range(ROWS):
        subject = str(uuid_utils.uuid7())
        data = ApplicationSubmitted(item=_ITEM, applicant=UUID(int=1), region="990101", answers=answers)
        found.append(
            Event(
                id=event_id(data.TYPE, subject),
                source="/intake",
                subject=subject,
                time=now,
                sequence=1,
                correlationid=UUID(subject),
                data=data,
            )
        )
    return found


async def _produce_bare(kafka: str, topic: str, events: list[Event]) -> float:
    records = [(event.subject.encode(), encode_body(event.data), encode_headers(event)) for event in events]
    producer = AIOKafkaProducer(bootstrap_servers=kafka, **{**PRODUCER_SETTINGS, "linger_ms": 5})
    await producer.start()
    try:
        began = time.perf_counter()
        pending = [await producer.send(topic, key=key, value=body, headers=headers) for key, body, headers in records]
        await asyncio.gather(*pending)
        return len(events) / (time.perf_counter() - began)
    finally:
        await producer.stop()


async def _relay(dsn: str, kafka: str, prefix: str, pool: Any, events: list[Event]) -> float:
    async with pool.acquire() as tx, tx.transaction():
        for start in range(0, len(events), 5000):
            await outbox.publish(tx, events[start : start + 5000])
    relay = Relay(dsn, kafka, prefix, Heartbeat("relay"))
    began = time.perf_counter()
    task = asyncio.create_task(relay.run())
    while await pool.fetchval("SELECT EXISTS (SELECT FROM outbox WHERE sent_at IS NULL)"):
        await asyncio.sleep(0.1)
    elapsed = time.perf_counter() - began
    relay.stop()
    await task
    return len(events) / elapsed


async def run(engines: Any) -> list[Figure]:
    prefix = f"b{secrets.token_hex(3)}."
    await create_topics(engines.kafka, prefix)
    dsn = urlunsplit(urlsplit(engines.postgres)._replace(path=f"/bench_relay_{secrets.token_hex(3)}"))
    await migrate(dsn, "tongban_runtime")
    pool = await create_pool(dsn, 4)
    events = _events()
    try:
        bare = await _produce_bare(engines.kafka, f"{prefix}tongban.applications.v1", events)
        relayed = await _relay(dsn, engines.kafka, prefix, pool, events)
    finally:
        await pool.close()
    return [
        Figure("bare idempotent produce (aiokafka send)", bare, "records/s"),
        Figure("outbox relay", relayed, "records/s"),
        Figure("outbox relay / bare produce", relayed / bare, "", bar=0.4),
    ]
