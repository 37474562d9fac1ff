"""The outbox: the only way to publish. A fact commits with the change that made it true.

The caller must hold the lock of the subject (see `tongban_runtime.facts`) before it publishes: the lock makes the order of
outbox ids the order of commits for that subject. Forgetting it breaks the unique (subject, source, sequence).
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from tongban_schemas.envelope import Event, encode_body, require_time

from tongban_runtime.database import Tx

MAX_BODY_BYTES = 200 * 1024
"""The largest payload that may be published; every topic takes at least 256 KiB a batch."""

_PUBLISH = """
WITH incoming AS (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $7::uuid[],
        $8::uuid[], $9::text[], $10::bytea[])
    WITH ORDINALITY AS t(event_id, topic, subject, source, type, time, correlation_id, causation_id, traceparent, body, n)
), fresh AS (
    SELECT i.*, row_number() OVER (PARTITION BY subject, source ORDER BY n) AS rank
    FROM incoming i WHERE NOT EXISTS (SELECT FROM outbox o WHERE o.event_id = i.event_id)
)
INSERT INTO outbox
    (event_id, topic, subject, source, sequence, type, time, correlation_id, causation_id, traceparent, body)
SELECT event_id, topic, subject, source,
    rank + coalesce((SELECT max(o.sequence) FROM outbox o WHERE o.subject = f.subject AND o.source = f.source), 0),
    type, time, correlation_id, causation_id, traceparent, body
FROM fresh f ORDER BY n
RETURNING event_id, sequence
"""

_PUBLISH_FIRST = """
INSERT INTO outbox
    (event_id, topic, subject, source, type, time, correlation_id, causation_id, traceparent, body, sequence)
SELECT *, 1 FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $7::uuid[],
    $8::uuid[], $9::text[], $10::bytea[])
"""


async def publish(tx: Tx, events: Iterable[Event]) -> list[Event]:
    """Writes the events that are new, in the order given, and returns those with their sequence.

    An event whose id is in the outbox already is left out: repeating a cause repeats no effect. Raises `ValueError` for a
    payload over `MAX_BODY_BYTES`, and for a time that no reader takes: the relay could not pass such a row.
    """
    batch = list({event.id: event for event in events}.values())
    if not batch:
        return []
    rows = await tx.fetch(_PUBLISH, *_columns(batch))
    sequences = {row["event_id"]: row["sequence"] for row in rows}
    return [replace(event, sequence=sequences[event.id]) for event in batch if event.id in sequences]


async def publish_first(tx: Tx, events: Sequence[Event]) -> None:
    """Writes the first event of each subject, as sequence 1: for subjects whose id was made in this transaction.

    Nobody else can know such a subject, so no lock is needed and nothing is looked up. Raises `ValueError` as
    `publish` does, and asyncpg's `UniqueViolationError` for a subject that is not new.
    """
    if events:
        await tx.execute(_PUBLISH_FIRST, *_columns(events))


def _columns(events: Sequence[Event]) -> tuple[list[Any], ...]:
    bodies = [encode_body(event.data) for event in events]
    if any(len(body) > MAX_BODY_BYTES for body in bodies):
        raise ValueError(f"an event's payload may hold {MAX_BODY_BYTES} bytes at most")
    return (
        [event.id for event in events],
        [event.topic for event in events],
        [UUID(event.subject) for event in events],
        [event.source for event in events],
        [event.type for event in events],
        [require_time(event.time) for event in events],
        [event.correlationid for event in events],
        [event.causationid for event in events],
        [event.traceparent for event in events],
        bodies,
    )
