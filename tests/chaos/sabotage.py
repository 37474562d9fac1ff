"""Deliberate defects, each a mistake that real systems make. The checker must catch every one of them.

They are put into a running service from outside; the product has no switch for any of them.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from aiokafka import AIOKafkaConsumer, TopicPartition
from tongban_runtime import facts, outbox, parking, positions, relay
from tongban_runtime.batch import Processor, Result
from tongban_runtime.positions import Position
from tongban_runtime.records import Record

# ruff: noqa: S311 - the chances of a defect are no secrets


def position_before_effects() -> None:
    """The position is saved in a transaction of its own, before the effects, and some effects then fail."""

    async def transact(
        self: Any, records: Sequence[Record], claims: Mapping[TopicPartition, Position], result: Result
    ) -> None:
        async with self._pool.acquire() as tx, tx.transaction():
            accepted = await self._guard(tx, records, claims, result)
            advanced = {record.place: record.offset + 1 for record in accepted}
            if advanced:
                await positions.advance(tx, self._consumer, advanced)
        result.advanced.update(advanced)
        if random.random() < 0.15:
            return
        async with self._pool.acquire() as tx, tx.transaction():
            parked, events = await self._sort_out(tx, accepted, [])
            await parking.park(tx, self._consumer, parked, self._keys_limit)
            await self._run_handlers(tx, events)

    Processor._transact = transact  # type: ignore[method-assign]


def outbox_row_dropped() -> None:
    """The relay marks rows that it never handed to the producer."""

    async def send_fewer(self: Any, producer: Any, rows: Sequence[Any]) -> Any:
        kept = [row for row in rows if random.random() > 0.03]
        dropped = [row["id"] for row in rows if row not in kept]
        sent = await send(self, producer, kept)
        gone: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        gone.set_result(None)
        return [*sent, (dropped, gone)] if dropped else sent

    send = relay.Relay._send
    relay.Relay._send = send_fewer  # type: ignore[method-assign]


def _ids(acknowledgements: Sequence[tuple[list[int], Any]]) -> list[int]:
    return [row for ids, _ in acknowledgements for row in ids]


def relay_without_leader() -> None:
    """Several relays share the rows with SKIP LOCKED instead of electing one."""

    async def lead_always(self: Any, connection: Any) -> int:
        return 0

    async def drain(self: Any, connection: Any, producer: Any, epoch: int) -> None:
        query = relay._FETCH.replace("ORDER BY id LIMIT $2", "ORDER BY id LIMIT 3 FOR UPDATE SKIP LOCKED")
        while not self._stopping.is_set():
            self._heartbeat.beat()
            async with connection.transaction():
                rows = await connection.fetch(query.replace("$1", "0"))
                await asyncio.sleep(random.uniform(0, 0.2))
                acknowledgements = await self._send(producer, rows) if rows else []
                await asyncio.gather(*(future for _, future in acknowledgements))
                await connection.execute("UPDATE outbox SET sent_at = now() WHERE id = ANY($1)", _ids(acknowledgements))
            await asyncio.sleep(0 if rows else 0.05)

    async def run_three(self: Any) -> None:
        await asyncio.gather(*(run(self) for _ in range(3)))

    run = relay.Relay.run
    relay.Relay._wait_for_leadership = lead_always  # type: ignore[method-assign]
    relay.Relay._drain = drain  # type: ignore[method-assign]
    relay.Relay.run = run_three  # type: ignore[method-assign]


def no_gap_guard() -> None:
    """The client skips records now and then, and nobody looks whether the next offset is the one expected."""
    getmany = AIOKafkaConsumer.getmany

    async def getmany_with_holes(self: Any, *partitions: Any, **options: Any) -> Any:
        found = await getmany(self, *partitions, **options)
        return {place: [record for record in records if random.random() > 0.05] for place, records in found.items()}

    async def guard(
        self: Any, tx: Any, records: Sequence[Record], claims: Mapping[TopicPartition, Position], result: Result
    ) -> list[Record]:
        current = await positions.lock(tx, self._consumer, {record.place for record in records})
        return [record for record in records if record.offset >= current[record.place].next_offset]

    AIOKafkaConsumer.getmany = getmany_with_holes
    Processor._guard = guard  # type: ignore[method-assign]


def random_effect_ids() -> None:
    """Batches are handled at least once, and an effect is neither remembered nor given an id computed from its cause."""

    async def absorb(tx: Any, events: Any, models: Any) -> Any:
        await facts.lock(tx, (UUID(event.subject) for event in events))
        await remember(tx, events)
        subjects = {event.subject: event for event in events}
        known = await facts.recall(tx, (UUID(subject) for subject in subjects), models)
        fresh = frozenset(event.id for event in events)
        return [facts.Case(subject, known[subject], cause, fresh) for subject, cause in subjects.items()]

    async def publish(tx: Any, events: Any) -> Any:
        return await honest(tx, [replace(event, id=uuid4()) for event in events])

    async def run_twice(self: Any, tx: Any, events: Any) -> None:
        await run_handlers(self, tx, events)
        await run_handlers(self, tx, events)

    async def forget(tx: Any, events: Any) -> set[UUID]:
        return set()

    honest, run_handlers, remember = outbox.publish, Processor._run_handlers, facts.remember
    facts.absorb = absorb
    facts.remember = forget
    outbox.publish = publish
    Processor._run_handlers = run_twice  # type: ignore[method-assign]


def parked_key_skipped() -> None:
    """What fails is dropped instead of parked."""

    async def drop(tx: Any, consumer: str, parked: Any, keys_limit: int) -> None:
        return

    parking.park = drop


SABOTAGES: dict[str, Callable[[], None]] = {
    defect.__name__: defect
    for defect in (
        position_before_effects,
        outbox_row_dropped,
        relay_without_leader,
        no_gap_guard,
        random_effect_ids,
        parked_key_skipped,
    )
}


def commit(name: str) -> None:
    """Raises `KeyError` for a defect that nobody described."""
    SABOTAGES[name]()
