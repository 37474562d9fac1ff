"""Folds batches of records into the status view: effects and positions in one transaction, guarded against gaps.

A record that cannot be read or folded is parked as every consumer parks it. Nothing waits behind it: facts are a set, and a
rebuild reads it again.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any
from uuid import UUID

import msgspec
from aiokafka import TopicPartition
from opentelemetry.trace import Span
from tongban_catalog.shelf import Shelf
from tongban_runtime import logs, parking, positions
from tongban_runtime.batch import in_halves
from tongban_runtime.database import ENGINE_ERRORS, Pool, Tx
from tongban_runtime.fetching import following
from tongban_runtime.parking import Parked
from tongban_runtime.positions import Position
from tongban_runtime.records import Record, Unreadable
from tongban_runtime.telemetry import count, start_process_span

from tongban_intake.facts import VIEW_TOPICS, Fact, Facts, Reader, merge, pack, recorded_trace, unpack
from tongban_intake.hearing import CONSUMER, hear
from tongban_intake.status import encode, status
from tongban_intake.store import view
from tongban_intake.store.view import Folded, ViewConflictError

Changes = dict[str, tuple[int, list[Fact]]]
"""New facts by application, with the lowest partition that any of them came from."""


def note(changes: Changes, application: str, partition: int, fact: Fact) -> None:
    """Adds a fact to the changes."""
    lowest, facts = changes.get(application, (partition, []))
    facts.append(fact)
    changes[application] = (min(lowest, partition), facts)


class GapError(Exception):
    """Records of ``place`` are missing between the stored position and what was delivered."""

    def __init__(self, place: TopicPartition, expected: int, came: int) -> None:
        super().__init__(f"{place.topic}/{place.partition}: {expected} expected, {came} came")
        self.place = place


class FencedError(Exception):
    """Another worker claimed the partition."""


class GenerationChangedError(Exception):
    """The generation that is being folded is no longer the active one."""


_NOT_THE_RECORDS_FAULT: tuple[type[Exception], ...] = (
    GapError,
    FencedError,
    GenerationChangedError,
    ViewConflictError,
    *ENGINE_ERRORS,
)


def consumer_of(generation: int) -> str:
    """The name under which a generation's positions are kept; also its Kafka group, after the topic prefix."""
    return f"{CONSUMER}:{generation}"


def fold(application: str, partition: int, known: Facts, counted: Iterable[Fact], replaces: int) -> Folded:
    """The row of an application with these facts, of which those count. Its version counts all of them."""
    now = msgspec.structs.replace(status(counted), version=len(known))
    return Folded(
        application=UUID(application),
        partition=partition,
        state=now.state,
        intake_position=now.intake_position,
        version=now.version,
        facts=pack(known),
        status=encode(now),
        replaces=replaces,
    )


async def fold_changes(tx: Tx, shelf: Shelf, generation: int, changes: Changes) -> None:
    """Merges new facts into the rows of a generation: one query to read, one or two to write. Raises `ViewConflictError`."""
    before = await view.stored(tx, generation, map(UUID, changes))
    fresh: dict[str, Facts] = {}
    places: dict[str, tuple[int, int]] = {}
    for application, (partition, facts) in changes.items():
        stored = before.get(UUID(application))
        known = unpack(stored.facts) if stored is not None else {}
        changed = [merge(known, fact) for fact in facts]
        if stored is None:
            fresh[application], places[application] = known, (partition, 0)
        elif any(changed) or partition < stored.partition:
            fresh[application], places[application] = known, (min(partition, stored.partition), stored.version)
    if fresh:
        counted = await hear(tx, shelf, fresh)
        folded = [fold(one, places[one][0], known, counted[one], places[one][1]) for one, known in fresh.items()]
        await view.save(tx, generation, folded)


def passed_over(topic: str, message: Any, reason: str) -> None:
    """Records, by its place, that a record was left out of the view."""
    logs.warning("view.passed-over", topic=topic, partition=message.partition, offset=message.offset, reason=reason)


class Folding:
    """The folding of one generation. Holds this worker's claims on partitions."""

    def __init__(self, pool: Pool, generation: int, prefix: str) -> None:
        self.generation = generation
        self.consumer = consumer_of(generation)
        self._pool = pool
        self._shelf = Shelf()
        self._readers = {prefix + topic: Reader(prefix + topic, prefix) for topic in VIEW_TOPICS}
        self._claims: dict[TopicPartition, Position] = {}

    @property
    def topics(self) -> list[str]:
        """The topics that are folded, by their full names."""
        return sorted(self._readers)

    def let_go(self, assigned: AbstractSet[TopicPartition]) -> None:
        """Forgets the claims on partitions that are no longer assigned to this worker."""
        self._claims = {place: claim for place, claim in self._claims.items() if place in assigned}

    async def process(self, messages: Sequence[Any]) -> None:
        """Folds a batch of records, given in the order of their offsets, in one transaction; one that fails, in halves.

        Records below the stored position were folded before and are dropped. Raises `GapError`, `FencedError`,
        `GenerationChangedError`, `ViewConflictError` and the database's errors; the batch must then be given again.
        """
        places = {TopicPartition(message.topic, message.partition) for message in messages}
        new = places - self._claims.keys()
        if new:
            self._claims.update(await positions.claim(self._pool, self.consumer, new))
            logs.info("consumer.assigned", partitions=len(new))
        await in_halves(messages, self._attempt, self._set_aside, passing=_NOT_THE_RECORDS_FAULT)

    async def _attempt(self, messages: Sequence[Any]) -> None:
        spans: list[Span] = []
        try:
            async with self._pool.acquire() as tx, tx.transaction():
                handled = await self._transact(tx, messages, spans)
        finally:
            for span in spans:
                span.end()
        count("tongban.view.folded", handled)

    async def _set_aside(self, message: Any, error: Exception) -> None:
        async with self._pool.acquire() as tx, tx.transaction():
            for fresh in await self._guard(tx, [message]):
                await self._park(tx, [Parked(Record.of(fresh), None, "handler_failed", type(error).__name__)])
                await positions.advance(tx, self.consumer, {_place(fresh): fresh.offset + 1})

    async def _transact(self, tx: Tx, messages: Sequence[Any], spans: list[Span]) -> int:
        fresh = await self._guard(tx, messages)
        changes: Changes = {}
        parked: list[Parked] = []
        for message in fresh:
            self._take(message, changes, parked, spans)
        if changes:
            await fold_changes(tx, self._shelf, self.generation, changes)
        await self._park(tx, parked)
        if fresh:
            await positions.advance(tx, self.consumer, {_place(message): message.offset + 1 for message in fresh})
        return len(fresh)

    async def _guard(self, tx: Tx, messages: Sequence[Any]) -> list[Any]:
        """Those that were not folded before, if the locked positions allow them."""
        current = await positions.lock(tx, self.consumer, {_place(message) for message in messages})
        if await view.active_generation(tx) != self.generation:
            raise GenerationChangedError
        for place, position in current.items():
            if position.epoch != self._claims[place].epoch:
                raise FencedError(f"{place.topic}/{place.partition}")
        expected = {place: position.next_offset for place, position in current.items()}
        fresh = []
        for message in messages:
            place = _place(message)
            if message.offset < expected[place]:
                continue
            if message.offset != following(place, expected[place]):
                raise GapError(place, expected[place], message.offset)
            expected[place] = message.offset + 1
            fresh.append(message)
        return fresh

    async def _park(self, tx: Tx, parked: Sequence[Parked]) -> None:
        """Under one name for all generations: a record is parked once, however often it is folded. No key, so no limit."""
        await parking.park(tx, CONSUMER, parked, keys_limit=0)

    def _take(self, message: Any, changes: Changes, parked: list[Parked], spans: list[Span]) -> None:
        match self._readers[message.topic].read(message):
            case Unreadable(reason, detail, _):
                parked.append(Parked(Record.of(message), None, reason, detail))
            case (application, fact):
                note(changes, application, message.partition, fact)
                if traceparent := recorded_trace(message):
                    spans.append(start_process_span(fact.data.TYPE, application, traceparent))
            case None:
                count("tongban.events.ignored")


def _place(message: Any) -> TopicPartition:
    return TopicPartition(message.topic, message.partition)
