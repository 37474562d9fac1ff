"""One batch, one transaction: guard, hand to the handlers, park what cannot be handled, move the positions."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from aiokafka import TopicPartition
from opentelemetry.trace import Span
from tongban_schemas.envelope import Event
from tongban_schemas.events import EVENTS
from tongban_schemas.topics import TOPICS

from tongban_runtime import logs, parking, positions
from tongban_runtime.clock import Clock
from tongban_runtime.database import ENGINE_ERRORS, Pool, Tx
from tongban_runtime.fetching import following
from tongban_runtime.outcome import Done, Outcome, Park, ParkReason, Retry
from tongban_runtime.parking import Parked, ParkingLimitError, Waiting
from tongban_runtime.positions import Position
from tongban_runtime.records import Record, Unreadable, read
from tongban_runtime.registry import Handler, Registry
from tongban_runtime.telemetry import count, format_traceparent, is_recorded, start_process_span

RETRY_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (1, 5, 30, 120, 600))
"""Pauses before a parked key is tried again; after the last one it waits for an operator."""


class NotDoneError(Exception):
    """A handler ended in something other than `Done`, so its transaction must not commit."""

    def __init__(self, outcome: Retry | Park) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


class NothingParkedError(Exception):
    """Nothing of this key or number is parked here."""


Find = Callable[[Tx], Awaitable[list[Waiting]]]


@dataclass(frozen=True, slots=True)
class Batch:
    """Records in order, with the claims under which they were read."""

    records: Sequence[Record]
    claims: Mapping[TopicPartition, Position]


@dataclass(slots=True)
class Result:
    """What a batch came to: new positions, partitions that must be claimed anew, and those that stand at the limit."""

    advanced: dict[TopicPartition, int] = field(default_factory=dict)
    fenced: set[TopicPartition] = field(default_factory=set)
    misplaced: set[TopicPartition] = field(default_factory=set)
    limited: set[TopicPartition] = field(default_factory=set)


Attempt = Callable[[Sequence[Any]], Awaitable[None]]


async def in_halves(
    items: Sequence[Any],
    attempt: Attempt,
    alone: Callable[[Any, Exception], Awaitable[None]],
    *,
    passing: tuple[type[Exception], ...],
) -> None:
    """Attempts a batch; one that fails is attempted in halves, in order, down to what fails ``alone``.

    Errors that are ``passing`` are no item's fault: they are raised.
    """
    try:
        await attempt(items)
    except passing:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the others of the batch go on
        logs.warning("consumer.batch-split", error=error, records=len(items))
        if len(items) == 1:
            await alone(items[0], error)
            return
        middle = len(items) // 2
        for half in (items[:middle], items[middle:]):
            await in_halves(half, attempt, alone, passing=passing)


class Processor:
    """Runs a consumer's handlers over batches, each in a transaction of its own."""

    def __init__(
        self, *, consumer: str, pool: Pool, registry: Registry, clock: Clock, topic_prefix: str, parked_keys_limit: int
    ) -> None:
        self._consumer = consumer
        self._pool = pool
        self.registry = registry
        self._clock = clock
        self._prefix = topic_prefix
        self._keys_limit = parked_keys_limit
        self._compacted = {topic_prefix + name for name, topic in TOPICS.items() if topic.cleanup == "compact"}

    async def process(self, batch: Batch) -> Result:
        """Handles a batch. One that fails is retried in halves, down to the single event that fails, which is parked.

        A partition whose next record may not be parked any more (`ParkingLimitError`) stands; the others go on. Raises the
        engines' errors when the batch must be read again.
        """
        result = Result()

        async def attempt(records: Sequence[Record]) -> None:
            await self._transact([one for one in records if one.place not in result.limited], batch.claims, result)

        async def alone(record: Record, error: Exception) -> None:
            try:
                if isinstance(error, ParkingLimitError):
                    raise error
                await self._park_failed(record, batch.claims, result, error)
            except ParkingLimitError:
                result.limited.add(record.place)

        await in_halves(batch.records, attempt, alone, passing=ENGINE_ERRORS)
        return result

    async def _transact(
        self, records: Sequence[Record], claims: Mapping[TopicPartition, Position], result: Result
    ) -> None:
        spans: list[Span] = []
        try:
            async with self._pool.acquire() as tx, tx.transaction():
                accepted = await self._guard(tx, records, claims, result)
                parked, events = await self._sort_out(tx, accepted, spans)
                await parking.park(tx, self._consumer, parked, self._keys_limit)
                await self._run_handlers(tx, events)
                advanced = {record.place: record.offset + 1 for record in accepted}
                if advanced:
                    await positions.advance(tx, self._consumer, advanced)
        finally:
            for span in spans:
                span.end()
        result.advanced.update(advanced)
        count("tongban.events.handled", len(events))

    async def _guard(
        self, tx: Tx, records: Sequence[Record], claims: Mapping[TopicPartition, Position], result: Result
    ) -> list[Record]:
        """The records that the locked positions allow: claimed by us, next in line, and without a hole before or inside."""
        current = await positions.lock(tx, self._consumer, {record.place for record in records})
        accepted: dict[TopicPartition, list[Record]] = {place: [] for place in current}
        for record in records:
            if record.offset >= current[record.place].next_offset:
                accepted[record.place].append(record)
        for place, position in current.items():
            if position.epoch != claims[place].epoch:
                result.fenced.add(place)
            elif place.topic not in self._compacted and _has_gap(position.next_offset, accepted[place]):
                result.misplaced.add(place)
            else:
                continue
            accepted[place] = []
        return [record for group in accepted.values() for record in group]

    async def _sort_out(self, tx: Tx, records: Sequence[Record], spans: list[Span]) -> tuple[list[Parked], list[Event]]:
        subjects = {subject for record in records if (subject := record.subject)}
        waiting = await parking.waiting_keys(tx, self._consumer, subjects)
        parked: list[Parked] = []
        events: list[Event] = []
        for record in records:
            if record.subject in waiting:
                parked.append(Parked(record, record.subject, "behind", "an earlier event of this key is parked"))
                continue
            match self._read(record):
                case Unreadable(reason, detail, holds_key):
                    parked.append(Parked(record, record.subject if holds_key else None, reason, detail))
                    if holds_key and record.subject:
                        waiting.add(record.subject)
                case None:
                    self._pass_over(record)
                case event:
                    events.append(_traced(event, spans))
        return parked, events

    def _read(self, record: Record) -> Event | Unreadable | None:
        return read(record, record.place.topic.removeprefix(self._prefix), self.registry.models)

    def _pass_over(self, record: Record) -> None:
        count("tongban.events.ignored")
        if record.header("ce_type") not in EVENTS:
            logs.info(
                "consumer.ignored",
                topic=record.place.topic,
                partition=record.place.partition,
                offset=record.offset,
                event_id=record.header("ce_id"),
            )

    async def _run_handlers(self, tx: Tx, events: Sequence[Event]) -> None:
        groups: dict[str, tuple[Handler, list[Event]]] = {}
        for event in events:
            handler = self.registry.handler_of(event.type)
            groups.setdefault(handler.name, (handler, []))[1].append(event)
        for handler, group in groups.values():
            outcome: Outcome = await handler.function(tx, group)
            if not isinstance(outcome, Done):
                raise NotDoneError(outcome)

    async def _park_failed(
        self, record: Record, claims: Mapping[TopicPartition, Position], result: Result, error: Exception
    ) -> None:
        reason, detail, after = _judge(error, attempts=0)
        retry_at = None if after is None else self._clock.now() + after
        async with self._pool.acquire() as tx, tx.transaction():
            for accepted in await self._guard(tx, [record], claims, result):
                await parking.park(
                    tx, self._consumer, [Parked(accepted, accepted.subject, reason, detail, retry_at)], self._keys_limit
                )
                await positions.advance(tx, self._consumer, {accepted.place: accepted.offset + 1})
                result.advanced[accepted.place] = accepted.offset + 1

    async def retry_due(self) -> None:
        """Tries the parked keys whose pause is over."""
        async with self._pool.acquire() as connection:
            due = await parking.due_keys(connection, self._consumer, self._clock.now())
        for key, attempts in due:
            with suppress(NothingParkedError):
                await self.release(key, attempts)

    async def release(self, key: str, attempts: int = 0) -> int:
        """Handles the parked events of a key, in order, in one transaction; returns how many, or 0 when one failed again.

        Raises `NothingParkedError`.
        """
        return await self._release(lambda tx: parking.of_key(tx, self._consumer, key), attempts)

    async def release_record(self, number: int) -> int:
        """`release` of one record that was parked without a key."""
        return await self._release(lambda tx: parking.one(tx, self._consumer, number), 0)

    async def discard(self, key: str) -> int:
        """Forgets the parked records of a key, for an operator who looked; says how many. Raises `NothingParkedError`."""
        return await self._discard(lambda tx: parking.of_key(tx, self._consumer, key))

    async def discard_record(self, number: int) -> int:
        """`discard` of one record that was parked without a key."""
        return await self._discard(lambda tx: parking.one(tx, self._consumer, number))

    async def _discard(self, find: Find) -> int:
        async with self._pool.acquire() as tx, tx.transaction():
            await positions.lock_all(tx, self._consumer)
            found = await _found(find, tx)
            await parking.forget(tx, self._consumer, [one.id for one in found])
        for one in found:
            place = one.record.place
            logs.warning("parked.discarded", topic=place.topic, partition=place.partition, offset=one.record.offset)
        return len(found)

    async def _release(self, find: Find, attempts: int) -> int:
        spans: list[Span] = []
        found: Sequence[Waiting] = ()
        try:
            async with self._pool.acquire() as tx, tx.transaction():
                await positions.lock_all(tx, self._consumer)
                found = await _found(find, tx)
                events: list[Event] = []
                for one in found:
                    if not one.kept:
                        raise NotDoneError(Park("oversized", "its bytes are not kept here: the topic has them"))
                    match self._read(one.record):
                        case Unreadable(reason, detail, _):
                            raise NotDoneError(Park(reason, detail))
                        case None:
                            pass
                        case event:
                            events.append(_traced(event, spans))
                await self._run_handlers(tx, events)
                await parking.forget(tx, self._consumer, [one.id for one in found])
        except NothingParkedError:
            raise
        except ENGINE_ERRORS:
            raise
        except Exception as error:  # noqa: BLE001 - as in `in_halves`
            _, detail, after = _judge(error, attempts)
            retry_at = None if after is None else self._clock.now() + after
            async with self._pool.acquire() as tx, tx.transaction():
                await parking.postpone(tx, self._consumer, found[0].id, retry_at, detail)
            logs.warning(
                "parked.failed-again", error=error, records=len(found), event_id=found[0].record.header("ce_id")
            )
            return 0
        finally:
            for span in spans:
                span.end()
        logs.info("parked.released", events=len(found))
        return len(found)


async def _found(find: Find, tx: Tx) -> list[Waiting]:
    found = await find(tx)
    if not found:
        raise NothingParkedError
    return found


def _has_gap(next_offset: int, records: Sequence[Record]) -> bool:
    """Whether an offset that can be a record is missing before one of the records of a partition."""
    for record in records:
        if record.offset != following(record.place, next_offset):
            return True
        next_offset = record.offset + 1
    return False


def _judge(error: Exception, attempts: int) -> tuple[ParkReason, str, timedelta | None]:
    """Why a single event failed, in words without its data, and the pause before the next attempt."""
    if isinstance(error, NotDoneError):
        outcome = error.outcome
        if isinstance(outcome, Park):
            return outcome.reason, outcome.detail, None
        return "retry", outcome.detail, outcome.after
    after = RETRY_DELAYS[attempts] if attempts < len(RETRY_DELAYS) else None
    return "handler_failed", type(error).__name__, after


def _traced(event: Event, spans: list[Span]) -> Event:
    """The event inside a span of its own; one whose trace is not recorded keeps its trace and gets none."""
    if not is_recorded(event.traceparent):
        return event
    span = start_process_span(event.type, event.subject, event.traceparent)
    spans.append(span)
    return replace(event, traceparent=format_traceparent(span))
