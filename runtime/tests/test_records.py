"""Whatever a record holds, it stops nothing: read without failing, parked as the bytes it came as, released as these."""

from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from tongban_runtime import positions
from tongban_runtime.batch import Batch, NothingParkedError
from tongban_runtime.parking import KEPT_BYTES, KEPT_WITHOUT_KEY, Parked, of_key, one, park
from tongban_runtime.records import Record, Unreadable, read
from tongban_schemas.envelope import encode_body, encode_headers
from tongban_schemas.events import EVENTS

from .samples import accepted, submitted
from .test_consumer import FACTS, PARKED, Desk, record, running, send, wait_for

TOPIC = "tongban.applications.v1"
PLACE = TopicPartition(TOPIC, 0)
GOOD = submitted()
BODY = encode_body(GOOD.data)
HEADERS = encode_headers(GOOD)


def with_header(name: str, value: bytes | None) -> tuple[tuple[str, bytes | None], ...]:
    return (*((header, raw) for header, raw in HEADERS if header != name), (name, value))


STRANGE: dict[str, tuple[bytes | None, Any, bytes | None]] = {
    "a key with NUL": (b"\x00" + GOOD.subject.encode(), HEADERS, BODY),
    "a key that is not UTF-8": (b"\xff\xfe", HEADERS, BODY),
    "a key of 300 KB": (b"k" * 300_000, HEADERS, BODY),
    "an id with NUL": (GOOD.subject.encode(), with_header("ce_id", b"\x00"), BODY),
    "a type that is not UTF-8": (GOOD.subject.encode(), with_header("ce_type", b"\xff"), BODY),
    "a trace that is not UTF-8": (GOOD.subject.encode(), with_header("ce_traceparent", b"\xff\xfe"), BODY),
    "a header name that is not UTF-8": (None, (("\udcff\x00", b"\xff"), ("ce_id", None)), b"\x00"),
    "a subject in capitals": (GOOD.subject.upper().encode(), with_header("ce_subject", GOOD.subject.upper().encode()), BODY),
    "a subject without hyphens": (b"0" * 32, with_header("ce_subject", b"0" * 32), BODY),
    "headers of 300 KB": (GOOD.subject.encode(), (*HEADERS, ("x", b"\x00" * 300_000)), BODY),
    "every header twice": (GOOD.subject.encode(), (*HEADERS, *HEADERS), BODY),
    "nothing at all": (None, (), None),
}  # fmt: skip


@pytest.mark.parametrize("name", STRANGE)
async def test_a_strange_record_is_parked_as_it_came_and_the_partition_goes_on(name: str, runtime_pool: Any) -> None:
    desk = Desk()
    processor = desk.processor(runtime_pool, "")
    claims = await positions.claim(runtime_pool, "desk", [PLACE])
    key, headers, body = STRANGE[name]
    strange = Record(PLACE, 0, key, tuple(headers), body)
    found = read(strange, TOPIC, EVENTS)
    assert isinstance(found, Unreadable)
    result = await processor.process(Batch([strange, record(PLACE, 1, submitted())], claims))
    assert result.advanced == {PLACE: 2}
    number = await runtime_pool.fetchval("SELECT id FROM parked")
    (kept,) = await one(runtime_pool, "desk", number)
    if strange.size <= KEPT_BYTES:
        assert kept.record == strange
    assert await processor.release_record(number) == 0, "it is as unreadable as it was"
    assert await runtime_pool.fetchval("SELECT attempts FROM parked") == 2
    assert await processor.discard_record(number) == 1
    assert await runtime_pool.fetchval(PARKED) == 0
    with pytest.raises(NothingParkedError):
        await processor.release_record(number)


async def test_a_payload_that_names_its_places_strangely_holds_its_case_alone(runtime_pool: Any) -> None:
    """The place of a fault in a payload is told to operators, and a stranger chose its name."""
    desk = Desk()
    claims = await positions.claim(runtime_pool, "desk", [PLACE])
    body = BODY.replace(b'"sealed":{}', '"sealed":{"\\u0000\U00020000":3}'.encode())
    processor = desk.processor(runtime_pool, "")
    strange = Record(PLACE, 0, GOOD.subject.encode(), tuple(HEADERS), body)
    records = [strange, record(PLACE, 1, accepted(GOOD.subject, 2)), record(PLACE, 2, submitted())]
    assert (await processor.process(Batch(records, claims))).advanced == {PLACE: 3}
    assert [kept.record for kept in await of_key(runtime_pool, "desk", GOOD.subject)] == records[:2]
    assert await processor.discard(GOOD.subject) == 2
    with pytest.raises(NothingParkedError):
        await processor.release(GOOD.subject)


async def test_marks_of_transactions_are_no_gap_and_what_was_aborted_is_no_fact(
    engines: Any, runtime_pool: Any, topics: str
) -> None:
    """A mark takes an offset and is never delivered; a record written in a transaction is an honest record."""
    desk = Desk()
    subject = str(uuid4())
    producer = AIOKafkaProducer(bootstrap_servers=engines.kafka, transactional_id=f"{topics}honest")
    await producer.start()
    taken_back = accepted(subject, 9)
    try:
        for event, kept in ((submitted(subject), True), (taken_back, False), (accepted(subject, 2), True)):
            await producer.begin_transaction()
            await producer.send_and_wait(
                topics + TOPIC, key=subject.encode(), value=encode_body(event.data), headers=encode_headers(event)
            )
            await (producer.commit_transaction() if kept else producer.abort_transaction())
    finally:
        await producer.stop()
    async with running(desk.consumer(runtime_pool, engines.kafka, topics)):
        await wait_for(runtime_pool, FACTS, 2)
        await send(engines.kafka, topics, [accepted(subject, 3)])
        await wait_for(runtime_pool, FACTS, 3)
        assert desk.standing.all() == []
    rows = await runtime_pool.fetch("SELECT sequence FROM fact ORDER BY sequence")
    assert [row["sequence"] for row in rows] == [1, 2, 3]


async def test_a_header_name_that_is_not_utf8_stops_no_consumer(engines: Any, runtime_pool: Any, topics: str) -> None:
    """The client's own reader fails on it, in the batch that honest records may share."""
    desk = Desk()
    producer = AIOKafkaProducer(bootstrap_servers=engines.kafka)
    await producer.start()
    try:
        batch = producer.create_batch()
        batch._builder = _DefaultRecordBatchBuilderPy(
            2, _DefaultRecordBatchBuilderPy.CODEC_GZIP, 0, -1, -1, 0, 1_000_000
        )
        for event in [submitted() for _ in range(3)]:
            honest = {"key": event.subject.encode(), "value": encode_body(event.data), "timestamp": 1}
            batch.append(**honest, headers=encode_headers(event))
            batch.append(**honest, headers=[(Latin("é"), b"1")])
        await (await producer.send_batch(batch, topics + TOPIC, partition=0))
    finally:
        await producer.stop()
    async with running(desk.consumer(runtime_pool, engines.kafka, topics)):
        await wait_for(runtime_pool, FACTS, 3)
        await wait_for(runtime_pool, PARKED, 3)
    assert await runtime_pool.fetchval("SELECT header_names[1] FROM parked LIMIT 1") == b"\xe9"


class Latin(str):
    """A header's name that a program writes in another encoding than UTF-8."""

    def encode(self, *_: Any) -> bytes:
        return super().encode("latin-1")


@pytest.mark.parametrize("codec", ["lz4", "snappy", "zstd"])
async def test_records_are_read_however_they_are_compressed(
    codec: Any, engines: Any, runtime_pool: Any, topics: str
) -> None:
    desk = Desk()
    event = submitted()
    producer = AIOKafkaProducer(bootstrap_servers=engines.kafka, compression_type=codec)
    await producer.start()
    await producer.send_and_wait(
        topics + TOPIC, key=event.subject.encode(), value=encode_body(event.data), headers=encode_headers(event)
    )
    await producer.stop()
    async with running(desk.consumer(runtime_pool, engines.kafka, topics)):
        await wait_for(runtime_pool, FACTS, 1)


async def test_a_flood_of_records_that_name_no_case_keeps_places_and_reasons_and_few_bytes(runtime_pool: Any) -> None:
    small = [Record(PLACE, offset, b"k", (("x", b"1"),), b"junk") for offset in range(KEPT_WITHOUT_KEY + 5)]
    large = Record(TopicPartition(TOPIC, 1), 0, None, (("x", b"1"),), b"j" * KEPT_BYTES)
    async with runtime_pool.acquire() as tx, tx.transaction():
        await park(tx, "desk", [Parked(large, None, "not_cloudevent", "junk")], 10)
        await park(tx, "desk", [Parked(one, None, "not_cloudevent", "junk") for one in small], 10)
        await park(tx, "desk", [Parked(record(PLACE, 10**6, GOOD), GOOD.subject, "handler_failed", "ours")], 10)
    assert await runtime_pool.fetchval(PARKED) == len(small) + 2, "each has its place and its reason"
    kept = await runtime_pool.fetchval("SELECT count(*) FROM parked WHERE key IS NULL AND body IS NOT NULL")
    assert kept == KEPT_WITHOUT_KEY - 1, "the large one has no body, but a place"
    assert await runtime_pool.fetchval("SELECT body FROM parked WHERE key IS NOT NULL") == BODY
    number = await runtime_pool.fetchval("SELECT max(id) FROM parked WHERE key IS NULL")
    assert await Desk().processor(runtime_pool, "").release_record(number) == 0
    assert "the topic has" in await runtime_pool.fetchval("SELECT detail FROM parked WHERE id = $1", number)
