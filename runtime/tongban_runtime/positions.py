"""Where a consumer is, in its own database: moved by the transaction that holds the effects, and by nothing else."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiokafka import TopicPartition

from tongban_runtime.database import Pool, Tx


@dataclass(frozen=True, slots=True)
class Position:
    """``next_offset`` is the first record not yet handled. Who holds the newest ``epoch`` may move it."""

    epoch: int
    next_offset: int


def _columns(partitions: Iterable[TopicPartition]) -> tuple[list[str], list[int]]:
    ordered = sorted(partitions)
    return [tp.topic for tp in ordered], [tp.partition for tp in ordered]


async def claim(pool: Pool, consumer: str, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, Position]:
    """Takes the partitions over: an earlier holder's epoch is no longer the newest."""
    rows = await pool.fetch(
        """
        INSERT INTO position (consumer, topic, partition, epoch)
        SELECT $1, topic, partition, 1 FROM unnest($2::text[], $3::int[]) AS t(topic, partition)
        ON CONFLICT (consumer, topic, partition) DO UPDATE SET epoch = position.epoch + 1
        RETURNING topic, partition, epoch, next_offset
        """,
        consumer,
        *_columns(partitions),
    )
    return {TopicPartition(row["topic"], row["partition"]): Position(row["epoch"], row["next_offset"]) for row in rows}


async def lock(tx: Tx, consumer: str, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, Position]:
    """The positions, locked until the transaction ends."""
    rows = await tx.fetch(
        """
        SELECT p.topic, p.partition, p.epoch, p.next_offset
        FROM position p JOIN unnest($2::text[], $3::int[]) AS t(topic, partition) USING (topic, partition)
        WHERE p.consumer = $1 ORDER BY p.topic, p.partition FOR UPDATE OF p
        """,
        consumer,
        *_columns(partitions),
    )
    return {TopicPartition(row["topic"], row["partition"]): Position(row["epoch"], row["next_offset"]) for row in rows}


async def lock_all(tx: Tx, consumer: str) -> None:
    """Holds the consumer still until the transaction ends."""
    await tx.execute("SELECT FROM position WHERE consumer = $1 ORDER BY topic, partition FOR UPDATE", consumer)


async def advance(tx: Tx, consumer: str, offsets: Mapping[TopicPartition, int]) -> None:
    """Moves locked positions to the next offset of each partition."""
    partitions = sorted(offsets)
    await tx.execute(
        """
        UPDATE position p SET next_offset = t.next_offset
        FROM unnest($2::text[], $3::int[], $4::bigint[]) AS t(topic, partition, next_offset)
        WHERE p.consumer = $1 AND p.topic = t.topic AND p.partition = t.partition
        """,
        consumer,
        *_columns(partitions),
        [offsets[tp] for tp in partitions],
    )
