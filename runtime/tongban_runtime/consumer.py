"""Reads topics in batches; a batch's effects and the position that caused them commit together.

Correctness rests on the database alone. Before effects are written, the transaction locks the positions, checks that this
instance holds the newest epoch, drops records that were handled before, and refuses a batch with a hole in it. Kafka's own
committed offset is written for lag tools and never read.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from tongban_runtime import logs, positions
from tongban_runtime.batch import Batch, Processor
from tongban_runtime.database import ENGINE_ERRORS, Pool
from tongban_runtime.health import Heartbeat
from tongban_runtime.positions import Position
from tongban_runtime.records import Record

CONSUMER_SETTINGS = {
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
    "session_timeout_ms": 15_000,
    "heartbeat_interval_ms": 3_000,
    "max_poll_interval_ms": 300_000,
    "fetch_min_bytes": 32_768,
    "fetch_max_wait_ms": 100,
    "fetch_max_bytes": 16 * 1024 * 1024,
    "max_partition_fetch_bytes": 2 * 1024 * 1024,
}

_MAX_RECORDS = 500
_POLL_MILLISECONDS = 200
_COMMIT_SECONDS = 5.0
_LAG_CHECK_SECONDS = 10.0
_RETRY_SECONDS = 1.0


class StalledError(Exception):
    """Records wait, but none arrived for too long: the client is stuck and must be built anew."""


class LogTruncatedError(Exception):
    """A partition ends before the stored position: the log was lost or belongs to another system."""


class Consumer:
    """One member of a consumer group, over every topic that its registry has a type on."""

    def __init__(
        self,
        *,
        name: str,
        replica: str,
        bootstrap: str,
        topic_prefix: str,
        pool: Pool,
        processor: Processor,
        heartbeat: Heartbeat,
        stall_limit: float,
    ) -> None:
        self._name = name
        self._replica = replica
        self._bootstrap = bootstrap
        self._group = topic_prefix + name
        self._topics = sorted(topic_prefix + topic for topic in processor.registry.topics())
        self._pool = pool
        self._heartbeat = heartbeat
        self._stall_limit = stall_limit
        self._stopping = asyncio.Event()
        self._claims: dict[TopicPartition, Position] = {}
        self._processor = processor

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        """Consumes until `stop`; engines that do not answer are waited for. Raises what no retry can mend."""
        while not self._stopping.is_set():
            client = AIOKafkaConsumer(
                *self._topics,
                bootstrap_servers=self._bootstrap,
                group_id=self._group,
                group_instance_id=f"{self._group}-{self._replica}",
                **CONSUMER_SETTINGS,
            )
            try:
                self._heartbeat.beat()
                await client.start()
                await self._consume(client)
            except (KafkaError, StalledError, *ENGINE_ERRORS) as error:
                logs.warning("consumer.engine-unavailable", error=error)
                await asyncio.sleep(_RETRY_SECONDS)
            finally:
                self._claims.clear()
                with contextlib.suppress(KafkaError, *ENGINE_ERRORS):
                    await asyncio.wait_for(client.stop(), 10)

    async def _consume(self, client: AIOKafkaConsumer) -> None:
        committed = checked = retried = progressed = time.monotonic()
        while not self._stopping.is_set():
            self._heartbeat.beat()
            await self._claim_new(client)
            fetched = await client.getmany(timeout_ms=_POLL_MILLISECONDS, max_records=_MAX_RECORDS)
            batch = [Record.of(raw) for place, records in fetched.items() if place in self._claims for raw in records]
            if batch and await self._process(batch):
                progressed = time.monotonic()
            now = time.monotonic()
            if now - retried > _RETRY_SECONDS:
                await self._processor.retry_due()
                retried = now
            if now - committed > _COMMIT_SECONDS:
                await self._commit_for_lag_tools(client)
                committed = now
            if now - checked > _LAG_CHECK_SECONDS:
                if not await self._lags(client):
                    progressed = now
                elif now - progressed > self._stall_limit:
                    raise StalledError
                checked = now
        await self._commit_for_lag_tools(client)

    async def _claim_new(self, client: AIOKafkaConsumer) -> None:
        assigned = set(client.assignment())
        for lost in self._claims.keys() - assigned:
            del self._claims[lost]
        new = assigned - self._claims.keys()
        if not new:
            return
        claimed = await positions.claim(self._pool, self._name, new)
        ends = await client.end_offsets(sorted(new))
        for place, position in claimed.items():
            if position.next_offset > ends[place]:
                raise LogTruncatedError(
                    f"{place.topic}/{place.partition} ends at {ends[place]}, the position is {position.next_offset}"
                )
            client.seek(place, position.next_offset)
        self._claims.update(claimed)
        logs.info("consumer.assigned", partitions=len(claimed))

    async def _process(self, records: Sequence[Record]) -> bool:
        """Handles a batch and says whether a position moved."""
        result = await self._processor.process(Batch(records, self._claims))
        for place, next_offset in result.advanced.items():
            self._claims[place] = Position(self._claims[place].epoch, next_offset)
        for place in result.fenced:
            logs.warning("consumer.fenced", topic=place.topic, partition=place.partition)
            self._claims.pop(place, None)
        for place in result.misplaced:
            logs.warning("consumer.gap", topic=place.topic, partition=place.partition)
            self._claims.pop(place, None)
        return bool(result.advanced)

    async def _commit_for_lag_tools(self, client: AIOKafkaConsumer) -> None:
        offsets = {place: claim.next_offset for place, claim in self._claims.items()}
        if offsets:
            with contextlib.suppress(KafkaError):
                await client.commit(offsets)

    async def _lags(self, client: AIOKafkaConsumer) -> bool:
        if not self._claims:
            return True
        ends = await client.end_offsets(sorted(self._claims))
        return any(ends[place] > claim.next_offset for place, claim in self._claims.items())
