"""A poison case under load: it waits alone, the others do not feel it, and its release handles it in order."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer
from tongban_runtime import facts
from tongban_runtime.batch import Processor
from tongban_runtime.clock import SystemClock
from tongban_runtime.consumer import Consumer
from tongban_runtime.database import Tx
from tongban_runtime.health import Heartbeat
from tongban_runtime.outcome import Done, Outcome
from tongban_runtime.registry import Registry, Replay
from tongban_runtime.standing import Standing
from tongban_schemas.envelope import Event, encode_body, encode_headers, event_id
from tongban_schemas.events.applications import ApplicationAccepted
from tongban_schemas.types import ItemRef

pytestmark = pytest.mark.alone

_RATE = 200
_WINDOW_SECONDS = 3.0
_WINDOWS = 4
_ITEM = ItemRef(code="1199000000000001903990100001000", version=1)


class Desk:
    """Keeps facts, remembers when each was committed, and cannot handle the poison."""

    def __init__(self, pool: Any, kafka: str, topics: str) -> None:
        self.poison = str(uuid4())
        self.broken = True
        self.handled: dict[UUID, float] = {}
        registry = Registry()
        registry.add(
            self.handle,
            ApplicationAccepted,
            name="desk",
            replay=Replay.SAFE,
            description="Duplicates: facts are a set.\nFailure: the poison raises.",
        )
        self.processor = Processor(
            consumer="desk",
            pool=pool,
            registry=registry,
            clock=SystemClock(),
            topic_prefix=topics,
            parked_keys_limit=5,
        )
        self.consumer = Consumer(
            name="desk",
            replica="0",
            bootstrap=kafka,
            topic_prefix=topics,
            pool=pool,
            processor=self.processor,
            heartbeat=Heartbeat("consumer"),
            stall_limit=60,
            standing=Standing(SystemClock()),
        )
        self._models = registry.models

    async def handle(self, tx: Tx, events: Sequence[Event]) -> Outcome:
        if self.broken and any(event.subject == self.poison for event in events):
            raise ValueError("it cannot be read")
        await facts.absorb(tx, events, self._models)
        now = time.monotonic()
        for event in events:
            self.handled[event.id] = now
        return Done()


def _event(subject: str, sequence: int) -> Event:
    return Event(
        id=event_id("poison-test", subject, str(sequence)),
        source="/intake",
        subject=subject,
        time=SystemClock().now(),
        sequence=sequence,
        correlationid=UUID(subject),
        data=ApplicationAccepted(item=_ITEM),
    )


async def _window(desk: Desk, producer: AIOKafkaProducer, topic: str, poison: Sequence[Event]) -> list[float]:
    """Latencies of ordinary events, in seconds, while the poison's events come in between."""
    sent: dict[UUID, float] = {}
    waiting = list(poison)
    began, count = time.monotonic(), int(_RATE * _WINDOW_SECONDS)
    for number in range(count):
        await asyncio.sleep(max(0.0, began + number / _RATE - time.monotonic()))
        event = _event(str(uuid4()), 1)
        sent[event.id] = time.monotonic()
        await _send(producer, topic, event)
        if waiting and number % (count // len(poison)) == 0:
            await _send(producer, topic, waiting.pop(0))
    async with asyncio.timeout(30):
        while not sent.keys() <= desk.handled.keys():
            await asyncio.sleep(0.05)
    return [desk.handled[one] - at for one, at in sent.items()]


async def _send(producer: AIOKafkaProducer, topic: str, event: Event) -> None:
    await producer.send(topic, key=event.subject.encode(), value=encode_body(event.data), headers=encode_headers(event))


async def test_a_poison_case_does_not_slow_the_others(engines: Any, runtime_pool: Any, topics: str) -> None:
    desk = Desk(runtime_pool, engines.kafka, topics)
    topic = f"{topics}tongban.applications.v1"
    poison = [_event(desk.poison, number) for number in range(1, 10 * _WINDOWS + 1)]
    producer = AIOKafkaProducer(bootstrap_servers=engines.kafka, acks="all")
    await producer.start()
    consuming = asyncio.create_task(desk.consumer.run())
    clean: list[float] = []
    poisoned: list[float] = []
    try:
        await _window(desk, producer, topic, [])
        for number in range(_WINDOWS):
            clean.append(statistics.median(await _window(desk, producer, topic, [])))
            share = poison[number * 10 : number * 10 + 10]
            poisoned.append(statistics.median(await _window(desk, producer, topic, share)))
        rows = await runtime_pool.fetch("SELECT key, reason FROM parked ORDER BY id")
        assert {row["key"] for row in rows} == {desk.poison}
        assert [row["reason"] for row in rows] == ["handler_failed"] + ["behind"] * (len(poison) - 1)
        ratio = statistics.median(poisoned) / statistics.median(clean)
        assert ratio <= 1.2, f"median latency went from {clean} to {poisoned}"
        desk.broken = False
        async with asyncio.timeout(60):
            while await runtime_pool.fetchval("SELECT count(*) FROM parked"):
                await desk.processor.release(desk.poison)
    finally:
        desk.consumer.stop()
        await consuming
        await producer.stop()
    handled = [one for one in desk.handled if one in {event.id for event in poison}]
    assert handled == [event.id for event in poison]
    assert await runtime_pool.fetchval("SELECT count(*) FROM fact WHERE subject = $1::uuid", desk.poison) == len(poison)
