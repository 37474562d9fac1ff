"""The facts of a case, as one service knows them.

Services keep the facts they heard and decide by pure functions on the set, so that late, early and repeated events need no
special code. All of it is batched: a batch of events costs four statements, however many cases it touches.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tongban_schemas.envelope import Event, EventData, decode_data, encode_body, event_id

from tongban_runtime.database import Pool, Tx


@dataclass(frozen=True, slots=True)
class Case:
    """One subject that a batch touched: every fact known about it, the newest event that touched it, the ids of what is new."""

    subject: str
    facts: tuple[Event, ...]
    cause: Event
    fresh: frozenset[UUID] = frozenset()


def derive(
    cause: Event, data: EventData, *discriminators: str, source: str, time: datetime, subject: str | None = None
) -> Event:
    """The event that ``cause`` brings about. Its id depends on type, subject and ``discriminators`` alone."""
    subject = subject or cause.subject
    return Event(
        id=event_id(data.TYPE, subject, *discriminators),
        source=source,
        subject=subject,
        time=time,
        correlationid=cause.correlationid,
        causationid=cause.id,
        traceparent=cause.traceparent,
        data=data,
    )


async def lock(tx: Tx, subjects: Iterable[UUID]) -> None:
    """Locks the subjects until the transaction ends, always in the same order."""
    ids = sorted(set(subjects))
    await tx.execute("INSERT INTO subject SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING", ids)
    await tx.execute("SELECT id FROM subject WHERE id = ANY($1) ORDER BY id FOR UPDATE", ids)


async def remember(tx: Tx, events: Sequence[Event]) -> set[UUID]:
    """Stores facts of locked subjects; returns the ids of those that were new.

    A fact is what was said, by whom and when. Two that share an id and say different things are both kept: an id is easily guessed.
    """
    rows = await tx.fetch(
        """
        INSERT INTO fact
            (subject, event_id, type, source, sequence, time, correlation_id, causation_id, body, digest)
        SELECT *, sha256(convert_to(source || ' ' || extract(epoch FROM time)::text || ' ', 'UTF8') || body)
        FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::int[], $6::timestamptz[], $7::uuid[], $8::uuid[],
            $9::bytea[]) AS t(subject, event_id, type, source, sequence, time, correlation_id, causation_id, body)
        ON CONFLICT DO NOTHING RETURNING event_id
        """,
        [UUID(event.subject) for event in events],
        [event.id for event in events],
        [event.type for event in events],
        [event.source for event in events],
        [event.sequence for event in events],
        [event.time for event in events],
        [event.correlationid for event in events],
        [event.causationid for event in events],
        [encode_body(event.data) for event in events],
    )
    return {row["event_id"] for row in rows}


async def recall(
    tx: Tx | Pool, subjects: Iterable[UUID], models: Mapping[str, type[EventData]]
) -> dict[str, tuple[Event, ...]]:
    """Every fact of the subjects whose type is among ``models``, by subject."""
    rows = await tx.fetch(
        "SELECT * FROM fact WHERE subject = ANY($1) AND type = ANY($2) ORDER BY subject, time, event_id, digest",
        list(subjects),
        list(models),
    )
    found: dict[str, list[Event]] = {}
    for row in rows:
        event = event_of(row, models)
        found.setdefault(event.subject, []).append(event)
    return {subject: tuple(facts) for subject, facts in found.items()}


def event_of(row: Any, models: Mapping[str, type[EventData]]) -> Event:
    """The event of a row of ``fact``, or of ``outbox``; its trace is left out."""
    return Event(
        id=row["event_id"],
        source=row["source"],
        subject=str(row["subject"]),
        time=row["time"],
        sequence=row["sequence"],
        correlationid=row["correlation_id"],
        causationid=row["causation_id"],
        data=decode_data(models[row["type"]], row["body"]),
    )


async def absorb(tx: Tx, events: Sequence[Event], models: Mapping[str, type[EventData]]) -> list[Case]:
    """Takes a batch in: locks its subjects, stores what is new, and returns the cases that learned something.

    A batch of repeated events returns nothing, so it causes nothing.
    """
    await lock(tx, (UUID(event.subject) for event in events))
    fresh = await remember(tx, events)
    causes = {event.subject: event for event in events if event.id in fresh}
    if not causes:
        return []
    known = await recall(tx, (UUID(subject) for subject in causes), models)
    new = frozenset(fresh)
    return [Case(subject, known[subject], cause, new) for subject, cause in causes.items()]
