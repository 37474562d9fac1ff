"""Publishes the outbox to Kafka: one leader, in id order, each row at least once and marked only when acknowledged.

One relay leads at a time: it holds an advisory lock on a connection of its own and raises an epoch that every later mark must
match, so a relay that lost its lock while frozen can mark nothing. Rows of one partition go out in id order, one batch at a time; a
row is marked only after its own batch was acknowledged. On any failure the producer is closed and built anew, and the unsent
rows are read again.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Sequence
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner
from tongban_schemas.envelope import dataschema_uri
from tongban_schemas.types import format_utc

from tongban_runtime import logs
from tongban_runtime.database import ENGINE_ERRORS
from tongban_runtime.health import Heartbeat
from tongban_runtime.telemetry import count

_LOCK_KEY = 7_236_811_004_551
_POLL_SECONDS = 0.05
_BATCH_ROWS = 2000
_ANSWER_SECONDS = 20.0
"""How long the broker may take for anything it is asked; well under the stall limit, so that its outage ends no process."""

_FEW_ROWS = 200
"""Fewer rows than this wait one poll for company: a request to the broker costs more than a row in it."""

PRODUCER_SETTINGS: dict[str, Any] = {
    "acks": "all",
    "enable_idempotence": True,
    "max_batch_size": 240_000,
    "linger_ms": 0,
    "request_timeout_ms": 30_000,
    "max_request_size": 1_048_576,
}

_FETCH = """
SELECT id, event_id, topic, subject, source, sequence, type, time, correlation_id, causation_id, traceparent, body
FROM outbox WHERE sent_at IS NULL AND id > $1 ORDER BY id LIMIT $2
"""

_MARK = """
UPDATE outbox SET sent_at = now()
WHERE id = ANY($1) AND EXISTS (SELECT FROM outbox_leader WHERE epoch = $2)
"""


class LeadershipLostError(Exception):
    """Another relay raised the epoch."""


def headers_of(row: Any) -> list[tuple[str, bytes]]:
    """The CloudEvents headers of an outbox row; the same as `tongban_schemas.envelope.encode_headers` gives."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(row["event_id"]).encode()),
        ("ce_type", row["type"].encode()),
        ("ce_source", row["source"].encode()),
        ("ce_subject", str(row["subject"]).encode()),
        ("ce_time", format_utc(row["time"]).encode()),
        ("ce_sequence", b"%d" % row["sequence"]),
        ("ce_correlationid", str(row["correlation_id"]).encode()),
        ("ce_dataschema", dataschema_uri(row["type"]).encode()),
        ("content-type", b"application/json"),
    ]
    if row["causation_id"] is not None:
        headers.append(("ce_causationid", str(row["causation_id"]).encode()))
    if row["traceparent"] is not None:
        headers.append(("ce_traceparent", row["traceparent"].encode()))
    return headers


class Relay:
    def __init__(self, dsn: str, bootstrap: str, topic_prefix: str, heartbeat: Heartbeat) -> None:
        self._dsn = dsn
        self._bootstrap = bootstrap
        self._prefix = topic_prefix
        self._heartbeat = heartbeat
        self._partitioner = DefaultPartitioner()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        """Leads when it can, until `stop`. Broken engines are waited for."""
        while not self._stopping.is_set():
            self._heartbeat.beat()
            try:
                async with contextlib.AsyncExitStack() as stack:
                    connection = await asyncpg.connect(self._dsn, timeout=10, command_timeout=30)
                    stack.push_async_callback(_close, connection)
                    epoch = await self._wait_for_leadership(connection)
                    if epoch is not None:
                        await self._lead(connection, epoch)
            except LeadershipLostError:
                logs.warning("relay.leadership-lost")
            except (*ENGINE_ERRORS, KafkaError) as error:
                logs.warning("relay.rebuilt", error=error)
                await self._pause(0.5)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _wait_for_leadership(self, connection: Any) -> int | None:
        while not self._stopping.is_set():
            self._heartbeat.beat()
            if await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK_KEY):
                epoch: int = await connection.fetchval("UPDATE outbox_leader SET epoch = epoch + 1 RETURNING epoch")
                logs.info("relay.leader", epoch=epoch)
                return epoch
            await self._pause(0.5)
        return None

    async def _lead(self, connection: Any, epoch: int) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, **PRODUCER_SETTINGS)
        try:
            await self._answer(producer.start())
            await self._drain(connection, producer, epoch)
        finally:
            with contextlib.suppress(KafkaError, OSError, TimeoutError):
                self._heartbeat.beat()
                await asyncio.wait_for(producer.stop(), 10)

    async def _answer(self, asked: Awaitable[Any]) -> Any:
        """What the broker answers. Raises `TimeoutError` when it does not."""
        self._heartbeat.beat()
        return await asyncio.wait_for(asked, _ANSWER_SECONDS)

    async def _drain(self, connection: Any, producer: AIOKafkaProducer, epoch: int) -> None:
        rows: Sequence[Any] = []
        while not self._stopping.is_set():
            self._heartbeat.beat()
            if len(rows) < _FEW_ROWS:
                await self._pause(_POLL_SECONDS)
                rows = await connection.fetch(_FETCH, 0, _BATCH_ROWS)
                if not rows:
                    continue
            acknowledgements = await self._answer(self._send(producer, rows))
            complete = sum(len(ids) for ids, _ in acknowledgements) == len(rows)
            ahead = complete and len(rows) == _BATCH_ROWS
            following = await connection.fetch(_FETCH, rows[-1]["id"], _BATCH_ROWS) if ahead else []
            await self._mark(connection, epoch, acknowledgements)
            rows = following if complete else await connection.fetch(_FETCH, 0, _BATCH_ROWS)

    async def _send(
        self, producer: AIOKafkaProducer, rows: Sequence[Any]
    ) -> list[tuple[list[int], asyncio.Future[Any]]]:
        """Hands rows to the producer as at most one batch a partition, and returns the ids of each with its future.

        One batch a partition, so that a failed batch can never be overtaken by a later one of the same key. Rows that find
        their partition's batch full are left for the next round.
        """
        batches: dict[tuple[str, int], tuple[Any, list[int]]] = {}
        full: set[tuple[str, int]] = set()
        partitions: dict[str, list[int]] = {}
        for row in rows:
            topic = self._prefix + row["topic"]
            if topic not in partitions:
                partitions[topic] = sorted(await producer.partitions_for(topic))
            key = str(row["subject"]).encode()
            target = (topic, self._partitioner(key, partitions[topic], partitions[topic]))
            if target in full:
                continue
            if target not in batches:
                batches[target] = (producer.create_batch(), [])
            batch, ids = batches[target]
            milliseconds = int(row["time"].timestamp() * 1000)
            if batch.append(key=key, value=row["body"], timestamp=milliseconds, headers=headers_of(row)) is None:
                full.add(target)
            else:
                ids.append(row["id"])
        return [
            (ids, await producer.send_batch(batch, topic, partition=partition))
            for (topic, partition), (batch, ids) in batches.items()
            if ids
        ]

    async def _mark(
        self, connection: Any, epoch: int, acknowledgements: Sequence[tuple[list[int], asyncio.Future[Any]]]
    ) -> None:
        results = await self._answer(
            asyncio.gather(*(future for _, future in acknowledgements), return_exceptions=True)
        )
        done = [
            row
            for (ids, _), result in zip(acknowledgements, results, strict=True)
            if not isinstance(result, BaseException)
            for row in ids
        ]
        if done:
            marked = int((await connection.execute(_MARK, done, epoch)).split()[1])
            if marked != len(done):
                raise LeadershipLostError
            count("tongban.events.published", marked)
        for result in results:
            if isinstance(result, BaseException):
                raise result


async def _close(connection: Any) -> None:
    with contextlib.suppress(*ENGINE_ERRORS):
        await connection.close(timeout=5)
