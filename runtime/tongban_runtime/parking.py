"""A case that cannot be handled waits alone: parked by key, in order, in the consumer's own database."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiokafka import TopicPartition

from tongban_runtime import logs
from tongban_runtime.database import Tx
from tongban_runtime.outcome import ParkReason
from tongban_runtime.records import Record
from tongban_runtime.telemetry import count

LIMIT_WINDOW = "10 minutes"


class ParkingLimitError(Exception):
    """So many keys were parked in `LIMIT_WINDOW` that the fault is in this deployment, not in the cases."""


@dataclass(frozen=True, slots=True)
class Parked:
    """A record to set aside. ``key`` None: nothing waits behind it. ``retry_at`` None: only an operator releases it."""

    record: Record
    key: str | None
    reason: ParkReason
    detail: str
    retry_at: datetime | None = None


async def park(tx: Tx, consumer: str, parked: Sequence[Parked], keys_limit: int) -> None:
    """Sets records aside. Raises `ParkingLimitError` when that would make too many keys wait."""
    if not parked:
        return
    await tx.executemany(
        """
        INSERT INTO parked (consumer, topic, partition, record_offset, key, event_id, type, reason, detail, retry_at,
            header_names, header_values, body)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        ON CONFLICT (consumer, topic, partition, record_offset) DO NOTHING
        """,
        [
            (
                consumer,
                item.record.place.topic,
                item.record.place.partition,
                item.record.offset,
                item.key,
                item.record.header("ce_id"),
                item.record.header("ce_type"),
                item.reason,
                item.detail[:500],
                item.retry_at,
                [name for name, _ in item.record.headers],
                [value for _, value in item.record.headers],
                None if item.reason == "oversized" else item.record.body,
            )
            for item in parked
        ],
    )
    if any(item.reason != "behind" for item in parked):
        await _check_limit(tx, consumer, keys_limit)
    for item in parked:
        logs.warning(
            "parked.key" if item.key else "parked.record",
            topic=item.record.place.topic,
            partition=item.record.place.partition,
            offset=item.record.offset,
            event_id=item.record.header("ce_id"),
            reason=item.reason,
        )
    count("tongban.events.parked", len(parked))


async def _check_limit(tx: Tx, consumer: str, keys_limit: int) -> None:
    recent = await tx.fetchval(
        f"""
        SELECT count(DISTINCT key) FROM parked
        WHERE consumer = $1 AND reason <> 'behind' AND parked_at > now() - interval '{LIMIT_WINDOW}'
        """,  # noqa: S608 - a constant of this module
        consumer,
    )
    if recent > keys_limit:
        logs.warning("parked.limit", keys=recent, limit=keys_limit)
        raise ParkingLimitError(f"{recent} keys were parked in {LIMIT_WINDOW}; the limit is {keys_limit}")


async def waiting_keys(tx: Tx, consumer: str, keys: Iterable[str]) -> set[str]:
    """Those of the keys that have something parked."""
    rows = await tx.fetch(
        "SELECT DISTINCT key FROM parked WHERE consumer = $1 AND key = ANY($2)", consumer, list(set(keys))
    )
    return {row["key"] for row in rows}


async def records_of(tx: Tx, consumer: str, key: str) -> list[Record]:
    """The parked records of a key, in the order in which they came."""
    rows = await tx.fetch("SELECT * FROM parked WHERE consumer = $1 AND key = $2 ORDER BY id", consumer, key)
    return [
        Record(
            place=TopicPartition(row["topic"], row["partition"]),
            offset=row["record_offset"],
            key=row["key"],
            headers=tuple(zip(row["header_names"], row["header_values"], strict=True)),
            body=row["body"],
        )
        for row in rows
    ]


async def forget(tx: Tx, consumer: str, key: str) -> None:
    await tx.execute("DELETE FROM parked WHERE consumer = $1 AND key = $2", consumer, key)


async def postpone(tx: Tx, consumer: str, key: str, retry_at: datetime | None, detail: str) -> None:
    """Notes one more failed attempt on the first record of a key."""
    await tx.execute(
        """
        UPDATE parked SET attempts = attempts + 1, retry_at = $3, detail = $4
        WHERE id = (SELECT min(id) FROM parked WHERE consumer = $1 AND key = $2)
        """,
        consumer,
        key,
        retry_at,
        detail[:500],
    )


async def due_keys(tx: Tx, consumer: str, now: datetime) -> list[tuple[str, int]]:
    """Keys whose first record may be tried again, with the attempts made so far."""
    rows = await tx.fetch(
        """
        SELECT key, attempts FROM (
            SELECT DISTINCT ON (key) key, attempts, retry_at FROM parked
            WHERE consumer = $1 AND key IS NOT NULL ORDER BY key, id
        ) AS heads WHERE retry_at <= $2
        """,
        consumer,
        now,
    )
    return [(row["key"], row["attempts"]) for row in rows]


async def overview(tx: Tx, consumer: str, limit: int = 200) -> list[dict[str, Any]]:
    """What waits, for operators: places, ids and reasons, never payloads."""
    rows = await tx.fetch(
        """
        SELECT key, topic, partition, record_offset, event_id, type, reason, detail, attempts, retry_at, parked_at
        FROM parked WHERE consumer = $1 ORDER BY id LIMIT $2
        """,
        consumer,
        limit,
    )
    return [dict(row) for row in rows]
