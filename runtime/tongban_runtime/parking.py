"""A case that cannot be handled waits alone: parked by key, in order, in the consumer's own database.

Parking cannot fail by what a record holds. Its bytes are stored as bytes; what is stored as text beside them, for operators, is
escaped and short. What names no case can come in floods: of each consumer's, the first `KEPT_WITHOUT_KEY` keep their bytes if
these are few; of the others the place and the reason stay, and the broker has the record.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from aiokafka import TopicPartition

from tongban_runtime import logs
from tongban_runtime.database import Tx
from tongban_runtime.outcome import ParkReason
from tongban_runtime.records import Record
from tongban_runtime.telemetry import count

LIMIT_WINDOW: Final = "10 minutes"
LATEST_RETRY: Final = "1 hour"
"""A retry that is further away than this was set by a clock that ran ahead, and is due."""

KEPT_WITHOUT_KEY: Final = 1000
KEPT_BYTES: Final = 16 * 1024

_DETAIL_CHARACTERS: Final = 500


class ParkingLimitError(Exception):
    """So many keys of one producer were parked in `LIMIT_WINDOW` that the fault is not in the cases."""


@dataclass(frozen=True, slots=True)
class Parked:
    """A record to set aside. ``key`` None: nothing waits behind it. ``retry_at`` None: only an operator releases it."""

    record: Record
    key: str | None
    reason: ParkReason
    detail: str
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A parked record, as it is released."""

    id: int
    record: Record

    @property
    def kept(self) -> bool:
        """Whether its bytes are here; a record that had none at all is as one whose bytes are not."""
        return bool(self.record.headers or self.record.key is not None or self.record.body is not None)


async def park(tx: Tx, consumer: str, parked: Sequence[Parked], keys_limit: int) -> None:
    """Sets records aside. Raises `ParkingLimitError` when that would make too many keys of one producer wait."""
    if not parked:
        return
    producers = [item.record.producer for item in parked]
    kept = await _kept(tx, consumer, parked)
    await tx.executemany(
        """
        INSERT INTO parked (consumer, topic, partition, record_offset, key, event_id, type, reason, detail, retry_at,
            header_names, header_values, body, raw_key, producer)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
        ON CONFLICT (consumer, topic, partition, record_offset) DO NOTHING
        """,
        [
            (consumer, *_columns(item, keeps), producer)
            for item, keeps, producer in zip(parked, kept, producers, strict=True)
        ],
    )
    await _check_limit(tx, consumer, keys_limit, _that_make_keys_wait(parked, producers))
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


async def _kept(tx: Tx, consumer: str, parked: Sequence[Parked]) -> list[bool]:
    """Of which records the bytes are kept: all that make a key wait, and few and small ones of the others."""
    room = 0
    if any(item.key is None for item in parked):
        room = KEPT_WITHOUT_KEY - await tx.fetchval(
            "SELECT count(*) FROM (SELECT FROM parked WHERE consumer = $1 AND key IS NULL LIMIT $2) AS keyless",
            consumer,
            KEPT_WITHOUT_KEY,
        )
    found = []
    for item in parked:
        small = item.key is not None or (room > 0 and item.record.size <= KEPT_BYTES)
        room -= item.key is None
        found.append(item.reason != "oversized" and small)
    return found


def _columns(item: Parked, kept: bool) -> tuple[Any, ...]:
    record = item.record
    return (
        record.place.topic,
        record.place.partition,
        record.offset,
        item.key,
        record.header("ce_id"),
        record.header("ce_type"),
        item.reason,
        _short(item.detail),
        item.retry_at,
        [name.encode(errors="surrogateescape") for name, _ in record.headers] if kept else [],
        [value for _, value in record.headers] if kept else [],
        record.body if kept else None,
        record.key if kept else None,
    )


def _short(detail: str) -> str:
    """A detail names places inside a payload, and a stranger may have named them."""
    return detail.encode(errors="backslashreplace").decode().replace("\0", "\\x00")[:_DETAIL_CHARACTERS]


def _that_make_keys_wait(parked: Sequence[Parked], producers: Sequence[str]) -> set[str]:
    return {
        producer
        for item, producer in zip(parked, producers, strict=True)
        if item.key is not None and item.reason != "behind"
    }


async def _check_limit(tx: Tx, consumer: str, keys_limit: int, producers: Iterable[str]) -> None:
    for producer in sorted(producers):
        recent = await tx.fetchval(
            f"""
            SELECT count(DISTINCT key) FROM parked
            WHERE consumer = $1 AND producer = $2 AND reason <> 'behind'
                AND parked_at > now() - interval '{LIMIT_WINDOW}'
            """,  # noqa: S608 - a constant of this module
            consumer,
            producer,
        )
        if recent > keys_limit:
            logs.warning("parked.limit", producer=producer, keys=recent, limit=keys_limit)
            raise ParkingLimitError(
                f"{recent} keys of {producer} were parked in {LIMIT_WINDOW}; the limit is {keys_limit}"
            )


async def waiting_keys(tx: Tx, consumer: str, keys: Iterable[str]) -> set[str]:
    """Those of the keys that have something parked."""
    rows = await tx.fetch(
        "SELECT DISTINCT key FROM parked WHERE consumer = $1 AND key = ANY($2)", consumer, list(set(keys))
    )
    return {row["key"] for row in rows}


async def of_key(tx: Tx, consumer: str, key: str) -> list[Waiting]:
    """The parked records of a key, in the order in which they came."""
    rows = await tx.fetch("SELECT * FROM parked WHERE consumer = $1 AND key = $2 ORDER BY id", consumer, key)
    return [_waiting(row) for row in rows]


async def one(tx: Tx, consumer: str, number: int) -> list[Waiting]:
    """The parked record of this number, if it waits for no other: one with a key is released with its key."""
    rows = await tx.fetch("SELECT * FROM parked WHERE consumer = $1 AND id = $2 AND key IS NULL", consumer, number)
    return [_waiting(row) for row in rows]


def _waiting(row: Any) -> Waiting:
    names = (name.decode(errors="surrogateescape") for name in row["header_names"])
    return Waiting(
        row["id"],
        Record(
            place=TopicPartition(row["topic"], row["partition"]),
            offset=row["record_offset"],
            key=row["raw_key"],
            headers=tuple(zip(names, row["header_values"], strict=True)),
            body=row["body"],
        ),
    )


async def forget(tx: Tx, consumer: str, numbers: Iterable[int]) -> None:
    await tx.execute("DELETE FROM parked WHERE consumer = $1 AND id = ANY($2)", consumer, list(numbers))


async def postpone(tx: Tx, consumer: str, number: int, retry_at: datetime | None, detail: str) -> None:
    """Notes one more failed attempt on a record, the first of its key."""
    await tx.execute(
        "UPDATE parked SET attempts = attempts + 1, retry_at = $3, detail = $4 WHERE consumer = $1 AND id = $2",
        consumer,
        number,
        retry_at,
        _short(detail),
    )


async def due_keys(tx: Tx, consumer: str, now: datetime) -> list[tuple[str, int]]:
    """Keys whose first record may be tried again, with the attempts made so far."""
    rows = await tx.fetch(
        f"""
        SELECT key, attempts FROM (
            SELECT DISTINCT ON (key) key, attempts, retry_at FROM parked
            WHERE consumer = $1 AND key IS NOT NULL ORDER BY key, id
        ) AS heads WHERE retry_at <= $2 OR retry_at > $2 + interval '{LATEST_RETRY}'
        """,  # noqa: S608 - a constant of this module
        consumer,
        now,
    )
    return [(row["key"], row["attempts"]) for row in rows]


async def overview(tx: Tx, after: int, limit: int) -> list[dict[str, Any]]:
    """What waits in this database, for operators, oldest first, from the number ``after`` on: never payloads."""
    rows = await tx.fetch(
        """
        SELECT id, consumer, key, producer, topic, partition, record_offset, event_id, type, reason, detail, attempts,
            retry_at, parked_at
        FROM parked WHERE id > $1 ORDER BY id LIMIT $2
        """,
        after,
        limit,
    )
    return [dict(row) for row in rows]
