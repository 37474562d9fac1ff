"""What was said by somebody who may not say it: on record for operators, once, with a log line and a count."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tongban_runtime import logs
from tongban_runtime.database import Pool, Tx
from tongban_runtime.telemetry import count


@dataclass(frozen=True, slots=True)
class Disbelieved:
    """An event that counts nowhere, and why. ``event_id`` is a UUID as text."""

    topic: str
    subject: str
    event_id: str
    type: str
    source: str
    time: datetime
    reason: str


async def note(tx: Tx, consumer: str, found: Sequence[Disbelieved]) -> None:
    """Puts events on record. One that stands there already is left alone, and raises no second alarm."""
    if not found:
        return
    columns = list(
        zip(*((d.topic, d.subject, d.event_id, d.type, d.source, d.time, d.reason) for d in found), strict=True)
    )
    rows = await tx.fetch(
        """
        INSERT INTO not_believed (consumer, topic, subject, event_id, type, source, time, reason)
        SELECT $1, * FROM unnest($2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::timestamptz[], $8::text[])
        ON CONFLICT DO NOTHING RETURNING topic, event_id, type, reason
        """,
        consumer,
        *map(list, columns),
    )
    for row in rows:
        logs.warning("fact.not-believed", topic=row["topic"], event_id=str(row["event_id"]), reason=row["reason"])
    if rows:
        count("tongban.facts.not_believed", len(rows))


async def take_back(tx: Tx, reasons: Collection[str]) -> list[str]:
    """Takes off record what was noted for these reasons, because it may be told anew; the subjects."""
    rows = await tx.fetch("DELETE FROM not_believed WHERE reason = ANY($1) RETURNING subject", list(reasons))
    return sorted({row["subject"] for row in rows})


async def overview(connection: Tx | Pool, before: int | None = None, limit: int = 200) -> list[dict[str, Any]]:
    """What is on record, newest first, from below an ``id``: ids, places and reasons, never payloads."""
    rows = await connection.fetch(
        """
        SELECT id, consumer, topic, subject, event_id, type, source, time, reason, noted_at FROM not_believed
        WHERE $1::bigint IS NULL OR id < $1 ORDER BY id DESC LIMIT $2
        """,
        before,
        limit,
    )
    return [dict(row) for row in rows]
