"""Rebuilds the status view from the first event as a new generation, compares it with the live one, and swaps on demand.

``python -m tongban_intake rebuild [--swap]``. Applications have the same partition number on every topic, so one number is
read at a time, of all topics together: memory holds the facts of one partition, and each row is written once, by COPY.
Comparing and swapping happen while the live worker is held still for a moment, at equal positions.
"""

import argparse
import asyncio
import gc
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition
from tongban_catalog.shelf import Shelf
from tongban_runtime import logs, positions
from tongban_runtime.command_line import Command
from tongban_runtime.database import Pool, Tx, create_pool
from tongban_runtime.fetching import following, new_client
from tongban_runtime.records import Unreadable
from tongban_runtime.settings import RuntimeSettings

from tongban_intake.facts import VIEW_TOPICS, Facts, Reader, merge, merge_all, unpack
from tongban_intake.folding import (
    Changes,
    GapError,
    consumer_of,
    fold,
    fold_changes,
    note,
    passed_over,
)
from tongban_intake.group import Group
from tongban_intake.hearing import CONSUMER, hear
from tongban_intake.store import generations, view
from tongban_intake.store.generations import Digest
from tongban_intake.store.view import stored_positions

_POLL_MS = 1000
_MAX_RECORDS = 10_000
_COPY_ROWS = 5_000
_LIVE_POLL_SECONDS = 0.2

CONSUMER_SETTINGS: dict[str, Any] = {
    "group_id": None,
    "auto_offset_reset": "none",
    "fetch_max_bytes": 64 * 1024 * 1024,
    "max_partition_fetch_bytes": 8 * 1024 * 1024,
}


NOTHING = Digest(0, "-")


@dataclass(slots=True)
class Built:
    """What building came to. ``positions`` is where the new generation stands; ``seconds`` includes writing."""

    generation: int
    events: int = 0
    rows: int = 0
    seconds: float = 0.0
    positions: dict[TopicPartition, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Live and rebuilt digests by partition, of those where both stand at the same positions."""

    live: Mapping[int, Digest]
    rebuilt: Mapping[int, Digest]
    apart: tuple[int, ...]

    @property
    def equal(self) -> bool:
        """Whether every partition could be compared and is the same."""
        return not self.apart and self.live == self.rebuilt


async def build(pool: Pool, bootstrap: str, prefix: str) -> Built:
    """Builds a new generation up to where the topics end now. Earlier generations that are not active are deleted.

    Raises `GapError` when offsets are missing, and the engines' errors; the new generation then stays unused.
    """
    async with pool.acquire() as tx, tx.transaction():
        await generations.discard(tx, CONSUMER)
    built = Built(await generations.begin(pool))
    started = time.monotonic()
    group = await Group.open(bootstrap, f"{prefix}{CONSUMER}-rebuild", [prefix + topic for topic in VIEW_TOPICS])
    try:
        ends = await group.ends()
    finally:
        await group.close()
    consumer = new_client(bootstrap_servers=bootstrap, **CONSUMER_SETTINGS)
    await consumer.start()
    try:
        for number in sorted({place.partition for place in ends}):
            targets = {place: end for place, end in ends.items() if place.partition == number}
            with _without_collector():
                known = await _read(consumer, prefix, targets, built)
                await _write(pool, built, number, known, targets)
    finally:
        await consumer.stop()
    built.seconds = time.monotonic() - started
    return built


@contextmanager
def _without_collector() -> Iterator[None]:
    """Facts hold no cycles; looking for some in millions of them costs a third of the rate."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def _read(
    consumer: AIOKafkaConsumer, prefix: str, targets: Mapping[TopicPartition, int], built: Built
) -> dict[str, Facts]:
    """The facts of every application in the partitions, from their beginning to at least the targets."""
    known: dict[str, Facts] = {}
    readers = {place.topic: Reader(place.topic, prefix) for place in targets}
    async for place, records in _batches(consumer, dict.fromkeys(targets, 0), targets):
        read = readers[place.topic].read
        for record in records:
            found = read(record)
            if type(found) is tuple:
                application, fact = found
                facts = known.get(application)
                if facts is None:
                    known[application] = {fact.id: fact}
                elif fact.id not in facts:
                    facts[fact.id] = fact
                else:
                    merge(facts, fact)
            elif isinstance(found, Unreadable):
                passed_over(place.topic, record, found.reason)
        built.events += len(records)
        built.positions[place] = records[-1].offset + 1
    for place in targets:
        built.positions.setdefault(place, 0)
    return known


async def _batches(
    consumer: AIOKafkaConsumer, starts: Mapping[TopicPartition, int], targets: Mapping[TopicPartition, int]
) -> Any:
    """Batches of records of one partition each, from the starts to exactly the targets. Raises `GapError`."""
    missing = {place: end for place, end in targets.items() if end > starts[place]}
    if not missing:
        return
    consumer.assign(list(missing))
    reached = dict(starts)
    for place in missing:
        consumer.seek(place, starts[place])
    while missing:
        for place, records in (await consumer.getmany(timeout_ms=_POLL_MS, max_records=_MAX_RECORDS)).items():
            wanted = records if records[-1].offset < targets[place] else _before(records, targets[place])
            if wanted:
                _require_all(place, reached[place], wanted)
                reached[place] = wanted[-1].offset + 1
                yield place, wanted
        for place in [place for place, end in missing.items() if following(place, reached[place]) >= end]:
            del missing[place]
            consumer.pause(place)


def _require_all(place: TopicPartition, expected: int, records: Sequence[Any]) -> None:
    """Raises `GapError` when an offset that can be a record is missing before one of them."""
    for record in records:
        if record.offset != expected and record.offset != following(place, expected):
            raise GapError(place, expected, record.offset)
        expected = record.offset + 1


def _before(records: Sequence[Any], end: int) -> list[Any]:
    return [record for record in records if record.offset < end]


async def _write(
    pool: Pool, built: Built, number: int, known: dict[str, Facts], targets: Iterable[TopicPartition]
) -> None:
    """Writes the applications of one partition, with the positions that they stand for, in one transaction."""
    consumer, shelf = consumer_of(built.generation), Shelf()
    await positions.claim(pool, consumer, targets)
    async with pool.acquire() as tx, tx.transaction():
        await _merge_strays(tx, shelf, built.generation, known)
        applications = list(known)
        for start in range(0, len(applications), _COPY_ROWS):
            chunk = applications[start : start + _COPY_ROWS]
            counted = await hear(tx, shelf, {application: known[application] for application in chunk})
            await generations.load(
                tx,
                built.generation,
                [fold(one, number, known.pop(one), counted[one], 0) for one in chunk],
            )
        built.rows += len(applications)
        await positions.advance(tx, consumer, {place: built.positions[place] for place in targets})


async def _merge_strays(tx: Tx, shelf: Shelf, generation: int, known: dict[str, Facts]) -> None:
    """Applications that an earlier partition holds too, because a producer partitioned otherwise, are merged into it."""
    strays = await view.stored(tx, generation, map(UUID, known)) if known else {}
    if not strays:
        return
    changes: Changes = {}
    for application, stored in strays.items():
        facts = merge_all([*unpack(stored.facts).values(), *known.pop(str(application)).values()])
        changes[str(application)] = (stored.partition, list(facts.values()))
    await fold_changes(tx, shelf, generation, changes)


async def compare_and_swap(
    pool: Pool, bootstrap: str, prefix: str, built: Built, *, swap: bool, even_if_different: bool, patience: float
) -> tuple[Comparison, bool]:
    """Compares the built generation with the live one, and makes it the live one if asked; says whether it did.

    Waits up to ``patience`` seconds for the live worker to come as far as the built generation. Then, with the live worker
    held still by the lock on its positions, brings the built one exactly to where the live one stands.
    """
    live = await view.active_generation(pool)
    await _wait_for_live(pool, live, built, patience)
    consumer = new_client(bootstrap_servers=bootstrap, **CONSUMER_SETTINGS)
    await consumer.start()
    try:
        await _catch_up(pool, consumer, prefix, built, await stored_positions(pool, consumer_of(live)))
        async with pool.acquire() as tx, tx.transaction():
            await positions.lock_all(tx, consumer_of(live))
            now = await stored_positions(tx, consumer_of(live))
            await _advance_to(tx, consumer, prefix, built, now)
            apart = {place.partition for place, at in built.positions.items() if now.get(place, 0) != at}
            comparison = Comparison(
                {number: one for number, one in (await generations.digests(tx, live)).items() if number not in apart},
                {
                    number: one
                    for number, one in (await generations.digests(tx, built.generation)).items()
                    if number not in apart
                },
                tuple(sorted(apart)),
            )
            swapped = swap and (comparison.equal or even_if_different)
            if swapped:
                await generations.activate(tx, built.generation)
    finally:
        await consumer.stop()
    return comparison, swapped


async def _wait_for_live(pool: Pool, live: int, built: Built, patience: float) -> None:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        now = await stored_positions(pool, consumer_of(live))
        if all(now.get(place, 0) >= at for place, at in built.positions.items()):
            return
        await asyncio.sleep(_LIVE_POLL_SECONDS)


async def _catch_up(
    pool: Pool, consumer: AIOKafkaConsumer, prefix: str, built: Built, targets: Mapping[TopicPartition, int]
) -> None:
    """Most of the way without holding the live worker, so that little is left to do while it is held."""
    async with pool.acquire() as tx, tx.transaction():
        await _advance_to(tx, consumer, prefix, built, targets)


async def _advance_to(
    tx: Tx, consumer: AIOKafkaConsumer, prefix: str, built: Built, targets: Mapping[TopicPartition, int]
) -> None:
    ahead = {place: end for place, end in targets.items() if end > built.positions.get(place, 0)}
    starts = {place: built.positions.get(place, 0) for place in ahead}
    changes: Changes = {}
    reached = dict(built.positions)
    async for place, records in _batches(consumer, starts, ahead):
        reader = Reader(place.topic, prefix)
        for record in records:
            match reader.read(record):
                case (application, fact):
                    note(changes, application, place.partition, fact)
        reached[place] = records[-1].offset + 1
    if changes:
        await fold_changes(tx, Shelf(), built.generation, changes)
    if reached != built.positions:
        await positions.advance(tx, consumer_of(built.generation), reached)
        built.positions = reached


def report(built: Built, comparison: Comparison, swapped: bool) -> str:
    """What came of it, for the operator who reads it: counts, hashes by partition, the verdict."""
    lines = [
        f"重建 rebuilt: 第 {built.generation} 代 generation, {built.events} 条事件 events, {built.rows} 件 applications, "
        f"{built.seconds:.1f} s, {built.events / max(built.seconds, 1e-9):,.0f} 条/秒 events/s"
    ]
    for number in sorted(comparison.live.keys() | comparison.rebuilt.keys()):
        one, other = comparison.live.get(number, NOTHING), comparison.rebuilt.get(number, NOTHING)
        verdict = "一致 equal" if one == other else "不一致 DIFFERENT"
        lines.append(
            f"  分区 partition {number}: {one.rows} {one.hash[:16]} | {other.rows} {other.hash[:16]}  {verdict}"
        )
    if comparison.apart:
        lines.append(f"  位置不同，未比较 not compared, positions differ: {', '.join(map(str, comparison.apart))}")
    live = sum(digest.rows for digest in comparison.live.values())
    rebuilt = sum(digest.rows for digest in comparison.rebuilt.values())
    lines.append(f"  合计 total: {live} | {rebuilt}  {'一致 equal' if comparison.equal else '不一致 NOT EQUAL'}")
    lines.append("已切换 swapped" if swapped else "未切换 not swapped")
    return "\n".join(lines) + "\n"


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--swap", action="store_true", help="切换 make the new generation the live one if it is equal")
    parser.add_argument("--even-if-different", action="store_true", help="不一致也切换 swap also when it is different")
    parser.add_argument(
        "--patience", type=float, default=30.0, help="等待在线视图的秒数 seconds to wait for the live view"
    )


async def _rebuild(settings: RuntimeSettings, options: argparse.Namespace) -> int:
    """Exit status 0 when live and rebuilt are equal or a swap was made, else 1."""
    pool = await create_pool(settings.database.get_secret_value(), settings.database_pool)
    try:
        built = await build(pool, settings.kafka, settings.topic_prefix)
        logs.info("view.rebuilt", generation=built.generation, events=built.events, rows=built.rows)
        comparison, swapped = await compare_and_swap(
            pool,
            settings.kafka,
            settings.topic_prefix,
            built,
            swap=options.swap,
            even_if_different=options.even_if_different,
            patience=options.patience,
        )
    finally:
        await pool.close()
    sys.stdout.write(report(built, comparison, swapped))
    return 0 if comparison.equal or swapped else 1


command = Command("重建状态视图 rebuild the status view from the first event, compare, swap", _options, _rebuild)
