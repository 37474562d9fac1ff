"""Reads topics in batches; a batch's effects and the position that caused them commit together.

Correctness rests on the database alone. Before effects are written, the transaction locks the positions, checks that this
instance holds the newest epoch, drops records that were handled before, and refuses a batch with a hole in it. Kafka's own
committed offset is written for lag tools and never read.

A partition that cannot be handled stands alone and is tried again; the others go on, and so does the rest of the process. The
broker is given a time for every answer: while it is away its client waits without end, and a component that is silent for
too long ends the process (`tongban_runtime.health`).
"""

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from tongban_runtime import logs, positions
from tongban_runtime.batch import Batch, Processor
from tongban_runtime.database import ENGINE_ERRORS, Pool
from tongban_runtime.fetching import following, new_client
from tongban_runtime.health import Heartbeat
from tongban_runtime.positions import Position
from tongban_runtime.records import Record
from tongban_runtime.rivals import Announcement, Announcing
from tongban_runtime.standing import Standing, StandReason

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
_ANSWER_SECONDS: Final = 20.0
"""How long the broker may take for anything it is asked; well under the stall limit."""

STAND_SECONDS: Final[dict[StandReason, float]] = {"gap": 1.0, "log-truncated": 5.0, "parking-limit": 30.0}
"""Pause before a partition that stands is tried again."""


class StalledError(Exception):
    """Records wait, but none arrived for too long: the client is stuck and must be built anew."""


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
        standing: Standing,
        stall_limit: float,
        serves_alone: Mapping[str, frozenset[str] | None] | None = None,
    ) -> None:
        self._name = name
        self._replica = replica
        self._bootstrap = bootstrap
        self._group = topic_prefix + name
        self._topics = sorted(topic_prefix + topic for topic in processor.registry.topics())
        self._announcement = Announcement(topic_prefix=topic_prefix, serves=dict(serves_alone or {}))
        self._pool = pool
        self._heartbeat = heartbeat
        self._standing = standing
        self._stall_limit = stall_limit
        self._stopping = asyncio.Event()
        self._claims: dict[TopicPartition, Position] = {}
        self._resting: dict[TopicPartition, float] = {}
        self._processor = processor

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        """Consumes until `stop`; engines that do not answer are waited for. Raises what no retry can mend."""
        while not self._stopping.is_set():
            client = new_client(
                *self._topics,
                bootstrap_servers=self._bootstrap,
                group_id=self._group,
                group_instance_id=f"{self._group}-{self._replica}",
                partition_assignment_strategy=(Announcing(self._announcement),),
                **CONSUMER_SETTINGS,
            )
            try:
                await self._answer(client.start())
                await self._consume(client)
            except (KafkaError, StalledError, *ENGINE_ERRORS) as error:
                logs.warning("consumer.engine-unavailable", error=error)
                await asyncio.sleep(_RETRY_SECONDS)
            finally:
                self._heartbeat.beat()
                self._claims.clear()
                with contextlib.suppress(KafkaError, *ENGINE_ERRORS):
                    await asyncio.wait_for(client.stop(), 10)

    async def _answer(self, asked: Coroutine[Any, Any, Any]) -> Any:
        """What the broker answers. Raises `TimeoutError` when it does not."""
        self._heartbeat.beat()
        return await asyncio.wait_for(asked, _ANSWER_SECONDS)

    async def _consume(self, client: AIOKafkaConsumer) -> None:
        committed = checked = retried = progressed = time.monotonic()
        while not self._stopping.is_set():
            self._heartbeat.beat()
            await self._claim_new(client)
            fetched = await self._answer(client.getmany(timeout_ms=_POLL_MILLISECONDS, max_records=_MAX_RECORDS))
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
        """Claims what is assigned and does not rest, and goes to where the database stands."""
        assigned = set(client.assignment())
        for lost in self._claims.keys() - assigned:
            del self._claims[lost]
        self._standing.go({place for place in self._resting if place not in assigned})
        now = time.monotonic()
        self._resting = {place: until for place, until in self._resting.items() if place in assigned and until > now}
        new = assigned - self._claims.keys() - self._resting.keys()
        if not new:
            return
        claimed = await positions.claim(self._pool, self._name, new)
        ends = await self._answer(client.end_offsets(sorted(new)))
        for place, position in claimed.items():
            if position.next_offset > ends[place]:
                logs.warning(
                    "consumer.log-truncated",
                    topic=place.topic,
                    partition=place.partition,
                    end=ends[place],
                    position=position.next_offset,
                )
                self._rest(place, "log-truncated")
            else:
                client.seek(place, position.next_offset)
                self._claims[place] = position
        logs.info("consumer.assigned", partitions=len(claimed))

    def _rest(self, place: TopicPartition, reason: StandReason) -> None:
        """Lets go of a partition for a while; what the client delivers of it meanwhile is dropped, and read again then."""
        self._claims.pop(place, None)
        self._resting[place] = time.monotonic() + STAND_SECONDS[reason]
        self._standing.stop(place, reason)

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
            self._rest(place, "gap")
        for place in result.limited:
            self._rest(place, "parking-limit")
        self._standing.go(result.advanced.keys() - self._resting.keys())
        return bool(result.advanced)

    async def _commit_for_lag_tools(self, client: AIOKafkaConsumer) -> None:
        offsets = {place: claim.next_offset for place, claim in self._claims.items()}
        if offsets:
            with contextlib.suppress(KafkaError, TimeoutError):
                await self._answer(client.commit(offsets))

    async def _lags(self, client: AIOKafkaConsumer) -> bool:
        """Whether records wait that should have come; a partition that stands is told by `Standing`."""
        if not self._claims:
            return not self._resting
        ends = await self._answer(client.end_offsets(sorted(self._claims)))
        return any(ends[place] > following(place, claim.next_offset) for place, claim in self._claims.items())
