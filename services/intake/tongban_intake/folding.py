"""Folds batches of records into the status view: effects and positions in one transaction, guarded against gaps."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any
from uuid import UUID

from aiokafka import TopicPartition
from opentelemetry.trace import Span
from tongban_runtime import logs, positions
from tongban_runtime.database import Pool, Tx
from tongban_runtime.positions import Position
from tongban_runtime.records import Unreadable
from tongban_runtime.telemetry import count, is_recorded, start_process_span

from tongban_intake.facts import VIEW_TOPICS, Fact, Facts, Reader, merge, pack, unpack
from tongban_intake.status import encode, status
from tongban_intake.store import view
from tongban_intake.store.view import Folded

CONSUMER = "intake-view"

Changes = dict[str, tuple[int, list[Fact]]]
"""New facts by application, with the lowest partition that any of them came from."""


def note(changes: Changes, application: str, partition: int, fact: Fact) -> None:
    """Adds a fact to the changes."""
    lowest, facts = changes.get(application, (partition, []))
    facts.append(fact)
    changes[application] = (min(lowest, partition), facts)


class GapError(Exception):
    """Records are missing between the stored position and what was delivered."""


class FencedError(Exception):
    """Another worker claimed the partition."""


class GenerationChangedError(Exception):
    """The generation that is being folded is no longer the active one."""


def consumer_of(generation: int) -> str:
    """The name under which a generation's positions are kept; also its Kafka group, after the topic prefix."""
    return f"{CONSUMER}:{generation}"


def fold(application: str, partition: int, known: Facts, replaces: int) -> Folded:
    """The row of an application with these facts."""
    now = status(known.values())
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


async def fold_changes(tx: Tx, generation: int, changes: Changes) -> None:
    """Merges new facts into the rows of a generation: one query to read, one or two to write. Raises `ViewConflictError`."""
    before = await view.stored(tx, generation, map(UUID, changes))
    folded = []
    for application, (partition, facts) in changes.items():
        stored = before.get(UUID(application))
        known = unpack(stored.facts) if stored is not None else {}
        changed = [merge(known, fact) for fact in facts]
        if stored is None:
            folded.append(fold(application, partition, known, 0))
        elif any(changed) or partition < stored.partition:
            folded.append(fold(application, min(partition, stored.partition), known, stored.version))
    if folded:
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
        """Folds one batch of records, given in the order of their offsets, in one transaction.

        Records below the stored position were folded before and are dropped. Raises `GapError`, `FencedError`,
        `GenerationChangedError`, `ViewConflictError` and the database's errors; nothing is then folded.
        """
        places = {TopicPartition(message.topic, message.partition) for message in messages}
        new = places - self._claims.keys()
        if new:
            self._claims.update(await positions.claim(self._pool, self.consumer, new))
            logs.info("consumer.assigned", partitions=len(new))
        spans: list[Span] = []
        try:
            async with self._pool.acquire() as tx, tx.transaction():
                handled = await self._transact(tx, places, messages, spans)
        finally:
            for span in spans:
                span.end()
        count("tongban.view.folded", handled)

    async def _transact(
        self, tx: Tx, places: Iterable[TopicPartition], messages: Sequence[Any], spans: list[Span]
    ) -> int:
        current = await positions.lock(tx, self.consumer, places)
        if await view.active_generation(tx) != self.generation:
            raise GenerationChangedError
        for place, position in current.items():
            if position.epoch != self._claims[place].epoch:
                raise FencedError(f"{place.topic}/{place.partition}")
        following = {place: position.next_offset for place, position in current.items()}
        changes: Changes = {}
        handled = 0
        for message in messages:
            place = TopicPartition(message.topic, message.partition)
            if message.offset < following[place]:
                continue
            if message.offset > following[place]:
                raise GapError(f"{place.topic}/{place.partition}: {following[place]} expected, {message.offset} came")
            following[place] = message.offset + 1
            handled += 1
            self._take(message, changes, spans)
        if changes:
            await fold_changes(tx, self.generation, changes)
        if handled:
            await positions.advance(tx, self.consumer, following)
        return handled

    def _take(self, message: Any, changes: Changes, spans: list[Span]) -> None:
        match self._readers[message.topic].read(message):
            case Unreadable(reason=reason):
                passed_over(message.topic, message, reason)
            case (application, fact):
                note(changes, application, message.partition, fact)
                traceparent = dict(message.headers).get("ce_traceparent", b"").decode()
                if is_recorded(traceparent):
                    spans.append(start_process_span(fact.data.TYPE, application, traceparent))
            case None:
                count("tongban.events.ignored")
