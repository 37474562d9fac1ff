"""The consumer against a real broker: effects and positions together, cases parked alone, no record stops a partition."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.partitioner import DefaultPartitioner
from tongban_runtime import facts, positions
from tongban_runtime.batch import Batch, Processor
from tongban_runtime.consumer import CONSUMER_SETTINGS, Consumer
from tongban_runtime.database import Tx
from tongban_runtime.health import Heartbeat
from tongban_runtime.outcome import Done, Outcome, Park, Retry
from tongban_runtime.records import Record
from tongban_runtime.registry import Registry, Replay
from tongban_runtime.standing import Standing
from tongban_runtime.testing.clock import FakeClock
from tongban_schemas.envelope import Event, encode_body, encode_headers
from tongban_schemas.events.applications import ApplicationAccepted, ApplicationSubmitted

from .samples import accepted, submitted


class Desk:
    """A handler that writes each accepted event as a fact, and fails on the subjects it is told to."""

    def __init__(self) -> None:
        self.broken: dict[str, Outcome | Exception] = {}
        self.clock = FakeClock()
        self.standing = Standing(self.clock)
        self.registry = Registry()
        self.registry.add(
            self.handle,
            ApplicationSubmitted,
            ApplicationAccepted,
            name="desk",
            replay=Replay.SAFE,
            description="Duplicates: facts are a set.\nFailure: as told.",
        )

    async def handle(self, tx: Tx, events: Sequence[Event]) -> Outcome:
        await facts.absorb(tx, events, self.registry.models)
        for event in events:
            verdict = self.broken.get(event.subject)
            if isinstance(verdict, Exception):
                raise verdict
            if verdict is not None:
                return verdict
        return Done()

    def processor(self, pool: Any, topics: str, limit: int = 50) -> Processor:
        return Processor(
            consumer="desk",
            pool=pool,
            registry=self.registry,
            clock=self.clock,
            topic_prefix=topics,
            parked_keys_limit=limit,
        )

    def consumer(self, pool: Any, kafka: str, topics: str, limit: int = 50, replica: str = "0") -> Consumer:
        return Consumer(
            name="desk",
            replica=replica,
            bootstrap=kafka,
            topic_prefix=topics,
            pool=pool,
            processor=self.processor(pool, topics, limit),
            heartbeat=Heartbeat("consumer"),
            standing=self.standing,
            stall_limit=20,
        )


def record(place: TopicPartition, offset: int, event: Event) -> Record:
    return Record(place, offset, event.subject.encode(), tuple(encode_headers(event)), encode_body(event.data))


@asynccontextmanager
async def running(consumer: Consumer) -> AsyncIterator[None]:
    task = asyncio.create_task(consumer.run())
    yield
    consumer.stop()
    await task


async def send(kafka: str, topics: str, events: Sequence[Event]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    await producer.start()
    try:
        for event in events:
            await producer.send_and_wait(
                topics + event.topic,
                key=event.subject.encode(),
                value=encode_body(event.data),
                headers=encode_headers(event),
            )
    finally:
        await producer.stop()


async def wait_for(pool: Any, query: str, expected: int, *arguments: Any) -> None:
    count = None
    async with asyncio.timeout(40):
        while (count := await pool.fetchval(query, *arguments)) != expected:
            await asyncio.sleep(0.05)
    assert count == expected


ALL = list(range(6))
FACTS = "SELECT count(*) FROM fact"
PARKED = "SELECT count(*) FROM parked"


def test_consumer_settings_lose_nothing() -> None:
    assert CONSUMER_SETTINGS["enable_auto_commit"] is False
    assert CONSUMER_SETTINGS["auto_offset_reset"] == "earliest"


async def test_events_are_handled_and_the_position_moves_with_them(
    engines: Any, runtime_pool: Any, topics: str
) -> None:
    desk = Desk()
    events = [submitted() for _ in range(50)]
    await send(engines.kafka, topics, events)
    async with running(desk.consumer(runtime_pool, engines.kafka, topics)):
        await wait_for(runtime_pool, FACTS, 50)
    assert await runtime_pool.fetchval("SELECT sum(next_offset) FROM position") == 50


async def test_a_position_set_back_or_ahead_never_loses_or_doubles(
    engines: Any, runtime_pool: Any, topics: str
) -> None:
    """Another instance claims the partitions while this one runs: it is fenced, claims anew and goes on."""
    desk = Desk()
    async with running(desk.consumer(runtime_pool, engines.kafka, topics)):
        for _ in range(5):
            await send(engines.kafka, topics, [submitted() for _ in range(10)])
            await runtime_pool.execute("UPDATE position SET epoch = epoch + 1")
        await wait_for(runtime_pool, FACTS, 50)
    assert await runtime_pool.fetchval("SELECT sum(next_offset) FROM position") == 50


async def test_only_the_broken_case_waits_and_its_release_keeps_order(
    engines: Any, runtime_pool: Any, topics: str
) -> None:
    desk = Desk()
    poison = str(uuid4())
    desk.broken[poison] = Park("rule_violated", "the desk cannot read it")
    others = [submitted() for _ in range(20)]
    events = [submitted(poison), *others[:10], accepted(poison, 2), *others[10:], accepted(poison, 3)]
    await send(engines.kafka, topics, events)
    async with running(desk.consumer(runtime_pool, engines.kafka, topics)):
        await wait_for(runtime_pool, FACTS, 20)
        await wait_for(runtime_pool, PARKED, 3)
        reasons = await runtime_pool.fetch("SELECT reason, key FROM parked ORDER BY id")
        assert [row["reason"] for row in reasons] == ["rule_violated", "behind", "behind"]
        assert {row["key"] for row in reasons} == {poison}
        processor = desk.processor(runtime_pool, topics)
        assert await processor.release(poison) == 0, "still broken"
        desk.broken.clear()
        assert await processor.release(poison) == 3
        await wait_for(runtime_pool, FACTS, 23)
    order = await runtime_pool.fetch("SELECT sequence FROM fact WHERE subject = $1::uuid ORDER BY sequence", poison)
    assert [row["sequence"] for row in order] == [1, 2, 3]
    assert await runtime_pool.fetchval(PARKED) == 0


async def test_a_passing_failure_is_tried_again_by_itself(engines: Any, runtime_pool: Any, topics: str) -> None:
    desk = Desk()
    later = str(uuid4())
    desk.broken[later] = Retry(timedelta(seconds=30), "the item is not known yet")
    await send(engines.kafka, topics, [submitted(later), submitted()])
    async with running(desk.consumer(runtime_pool, engines.kafka, topics)):
        await wait_for(runtime_pool, FACTS, 1)
        await wait_for(runtime_pool, PARKED, 1)
        desk.broken.clear()
        desk.clock.advance(timedelta(seconds=31))
        await wait_for(runtime_pool, FACTS, 2)
        await wait_for(runtime_pool, PARKED, 0)


async def test_a_bad_deploy_stops_instead_of_parking_everything(engines: Any, runtime_pool: Any, topics: str) -> None:
    """The partition stands, which is told; what another producer says, and every other partition, goes on."""
    desk = Desk()
    events = [submitted() for _ in range(10)]
    desk.broken = {event.subject: ValueError("a bug") for event in events}
    await send(engines.kafka, topics, events)
    async with running(desk.consumer(runtime_pool, engines.kafka, topics, limit=3)):
        await wait_for(runtime_pool, PARKED, 3)
        while not desk.standing.all():
            await asyncio.sleep(0.05)
        assert {stand.reason for stand in desk.standing.all()} == {"parking-limit"}
        assert {stand.since for stand in desk.standing.all()} == {desk.clock.now()}
        standing = {stand.partition for stand in desk.standing.all()}
        while (free := submitted()) and DefaultPartitioner()(free.subject.encode(), ALL, ALL) in standing:
            pass
        await send(engines.kafka, topics, [free])
        await wait_for(runtime_pool, FACTS, 1)
    assert await runtime_pool.fetchval(PARKED) == 3
    assert await runtime_pool.fetchval("SELECT sum(next_offset) FROM position") == 4


async def test_the_limit_counts_by_producer(runtime_pool: Any) -> None:
    desk = Desk()
    place = TopicPartition("tongban.applications.v1", 0)
    claims = await positions.claim(runtime_pool, "desk", [place])
    events = [replace(submitted(), source=f"/intake/{number % 3}") for number in range(6)]
    desk.broken = {event.subject: ValueError("a bug") for event in events}
    records = [record(place, offset, event) for offset, event in enumerate([*events, submitted()])]
    result = await desk.processor(runtime_pool, "", limit=2).process(Batch(records, claims))
    assert (result.advanced, result.limited) == ({place: 7}, set())
    more = replace(submitted(), source="/intake/1")
    desk.broken[more.subject] = ValueError("a bug")
    late = [record(place, 7, more), record(place, 8, submitted())]
    result = await desk.processor(runtime_pool, "", limit=2).process(Batch(late, claims))
    assert (result.advanced, result.limited) == ({}, {place})


async def test_unreadable_records_are_set_aside_and_nothing_stops(engines: Any, runtime_pool: Any, topics: str) -> None:
    desk = Desk()
    good = submitted()
    headers = encode_headers(good)
    topic = topics + good.topic
    key = good.subject.encode()
    body = encode_body(good.data)
    unknown = [(name, b"cn.tongban.application.dreamt.v1" if name == "ce_type" else value) for name, value in headers]
    forged = [(name, b"/notify" if name == "ce_source" else value) for name, value in headers]
    producer = AIOKafkaProducer(bootstrap_servers=engines.kafka, acks="all")
    await producer.start()
    try:
        for key_, value, headers_ in (
            (key, None, headers),
            (b"\xff\xfe", b"{}", headers),
            (None, b"not json", []),
            (b"elsewhere", body, headers),
            (key, body, unknown),
            (key, body, forged),
            (key, b"x" * 300_000, headers),
            (str(uuid4()).encode(), body, [("ce_type", b"\xff"), ("ce_specversion", b"1.0")]),
        ):
            await producer.send_and_wait(topic, key=key_, value=value, headers=headers_)
    finally:
        await producer.stop()
    await send(engines.kafka, topics, [good, submitted(), submitted()])
    async with running(desk.consumer(runtime_pool, engines.kafka, topics)):
        await wait_for(runtime_pool, FACTS, 3)
        await wait_for(runtime_pool, PARKED, 7)
    rows = await runtime_pool.fetch("SELECT reason, key, body FROM parked")
    assert sorted(row["reason"] for row in rows) == [
        "bad_attribute",
        "bad_attribute",
        "bad_attribute",
        "bad_attribute",
        "no_value",
        "not_cloudevent",
        "oversized",
    ]
    assert all(row["key"] is None for row in rows)
    assert all(row["body"] is None for row in rows if row["reason"] == "oversized")


async def test_a_known_event_with_a_bad_payload_holds_its_case(engines: Any, runtime_pool: Any, topics: str) -> None:
    desk = Desk()
    event = submitted()
    producer = AIOKafkaProducer(bootstrap_servers=engines.kafka, acks="all")
    await producer.start()
    await producer.send_and_wait(
        topics + event.topic, key=event.subject.encode(), value=b'{"item": 3}', headers=encode_headers(event)
    )
    await producer.stop()
    await send(engines.kafka, topics, [accepted(event.subject, 2), submitted()])
    async with running(desk.consumer(runtime_pool, engines.kafka, topics)):
        await wait_for(runtime_pool, FACTS, 1)
        await wait_for(runtime_pool, PARKED, 2)
    rows = await runtime_pool.fetch("SELECT reason, detail FROM parked ORDER BY id")
    assert [row["reason"] for row in rows] == ["bad_payload", "behind"]
    assert "item" in rows[0]["detail"]


async def test_a_gap_in_the_log_is_never_stepped_over(runtime_pool: Any, topics: str) -> None:
    desk = Desk()
    processor = desk.processor(runtime_pool, "")
    place = TopicPartition("tongban.applications.v1", 0)
    claims = await positions.claim(runtime_pool, "desk", [place])
    events = [submitted() for _ in range(4)]
    records = [record(place, offset, event) for offset, event in enumerate(events)]
    assert (await processor.process(Batch([records[0]], claims))).advanced == {place: 1}
    assert (await processor.process(Batch([records[2], records[3]], claims))).misplaced == {place}
    assert (await processor.process(Batch([records[0], records[1], records[3]], claims))).misplaced == {place}
    assert (await processor.process(Batch(records, claims))).advanced == {place: 4}
    assert await runtime_pool.fetchval(FACTS) == 4


async def test_a_log_shorter_than_the_position_stands_and_is_told(engines: Any, runtime_pool: Any, topics: str) -> None:
    """The broker's data was lost or swapped: going on would pass over every new event in silence."""
    desk = Desk()
    await runtime_pool.execute(
        "INSERT INTO position (consumer, topic, partition, next_offset) VALUES ('desk', $1, 0, 7)",
        f"{topics}tongban.applications.v1",
    )
    async with running(desk.consumer(runtime_pool, engines.kafka, topics)):
        async with asyncio.timeout(40):
            while not (standing := desk.standing.all()):
                await asyncio.sleep(0.05)
    assert [(stand.partition, stand.reason) for stand in standing] == [(0, "log-truncated")]
    assert await runtime_pool.fetchval("SELECT next_offset FROM position WHERE partition = 0") == 7
