"""SQL of the status view: one row per application and generation, and which generation is the one that is read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from aiokafka import TopicPartition
from tongban_runtime.database import Pool, Tx

from tongban_intake.status import State


class ViewConflictError(Exception):
    """Another writer changed one of the rows meanwhile: fold the batch again on what is there now."""


@dataclass(frozen=True, slots=True)
class Folded:
    """One application, folded. ``facts`` and ``status`` are the bytes of `tongban_intake.facts` and `.status`.

    ``replaces`` is the version that was read before folding; 0 when there was none.
    """

    application: UUID
    partition: int
    state: str
    intake_position: int
    version: int
    facts: bytes
    status: bytes
    replaces: int = 0

    @property
    def columns(self) -> tuple[Any, ...]:
        return (
            self.application,
            self.partition,
            self.state,
            self.intake_position,
            self.version,
            self.facts,
            self.status,
        )


@dataclass(frozen=True, slots=True)
class Stored:
    """What a row holds before folding."""

    partition: int
    version: int
    facts: bytes


@dataclass(frozen=True, slots=True)
class Seen:
    """What readers of the view get. ``version`` counts the facts; ``status`` is JSON."""

    application: UUID
    version: int
    intake_position: int
    status: bytes


@dataclass(frozen=True, slots=True)
class Listed:
    """One of a person's applications; ``state`` is submitted until the view has folded it."""

    application: UUID
    item_code: str
    item_version: int
    submitted_at: datetime
    state: State
    number: str | None


async def active_generation(connection: Tx | Pool) -> int:
    """The generation that is read and folded."""
    generation: int = await connection.fetchval("SELECT generation FROM view_generation WHERE state = 'active'")
    return generation


async def stored(tx: Tx, generation: int, applications: Iterable[UUID]) -> dict[UUID, Stored]:
    """The rows of the applications, as they are before folding."""
    rows = await tx.fetch(
        "SELECT application_id, partition, version, facts FROM status_view"
        " WHERE generation = $1 AND application_id = ANY($2)",
        generation,
        list(applications),
    )
    return {row["application_id"]: Stored(row["partition"], row["version"], row["facts"]) for row in rows}


async def save(tx: Tx, generation: int, folded: Sequence[Folded]) -> None:
    """Writes folded applications, each over the version it was folded from. Raises `ViewConflictError`."""
    rows = sorted(folded, key=lambda row: row.application)
    new = [row for row in rows if not row.replaces]
    known = [row for row in rows if row.replaces]
    if new:
        tag = await tx.execute(
            """
            INSERT INTO status_view
                (generation, application_id, partition, state, intake_position, version, facts, status)
            SELECT $1, * FROM unnest($2::uuid[], $3::int[], $4::text[], $5::int[], $6::int[], $7::bytea[], $8::bytea[])
            ON CONFLICT DO NOTHING
            """,
            generation,
            *map(list, zip(*(row.columns for row in new), strict=True)),
        )
        _require(tag, len(new))
    if known:
        tag = await tx.execute(
            """
            UPDATE status_view v SET partition = t.partition, state = t.state, intake_position = t.intake_position,
                version = t.version, facts = t.facts, status = t.status
            FROM unnest($2::uuid[], $3::int[], $4::text[], $5::int[], $6::int[], $7::bytea[], $8::bytea[], $9::int[])
                AS t(application_id, partition, state, intake_position, version, facts, status, replaces)
            WHERE v.generation = $1 AND v.application_id = t.application_id AND v.version = t.replaces
            """,
            generation,
            *map(list, zip(*(row.columns for row in known), strict=True)),
            [row.replaces for row in known],
        )
        _require(tag, len(known))


def _require(tag: str, rows: int) -> None:
    if int(tag.rpartition(" ")[2]) != rows:
        raise ViewConflictError("a row of the view changed while it was folded")


async def seen(connection: Tx | Pool, applications: Iterable[UUID]) -> dict[UUID, Seen]:
    """What the active generation says of the applications; one query, however many are asked for."""
    rows = await connection.fetch(
        """
        SELECT v.application_id, v.version, v.intake_position, v.status
        FROM view_generation g JOIN status_view v USING (generation)
        WHERE g.state = 'active' AND v.application_id = ANY($1)
        """,
        list(applications),
    )
    return {
        row["application_id"]: Seen(row["application_id"], row["version"], row["intake_position"], row["status"])
        for row in rows
    }


async def packed_facts(connection: Tx | Pool, application: UUID) -> bytes | None:
    """The facts of an application as the active generation holds them, in the form of `tongban_intake.facts.pack`."""
    packed: bytes | None = await connection.fetchval(
        """
        SELECT v.facts FROM view_generation g JOIN status_view v USING (generation)
        WHERE g.state = 'active' AND v.application_id = $1
        """,
        application,
    )
    return packed


async def packed_facts_of(connection: Tx | Pool, applications: Iterable[UUID]) -> dict[UUID, bytes]:
    """`packed_facts` of many cases, of those that the active generation holds."""
    rows = await connection.fetch(
        """
        SELECT v.application_id, v.facts FROM view_generation g JOIN status_view v USING (generation)
        WHERE g.state = 'active' AND v.application_id = ANY($1)
        """,
        list(applications),
    )
    return {row["application_id"]: row["facts"] for row in rows}


async def versions(connection: Tx | Pool, applications: Iterable[UUID]) -> dict[UUID, tuple[int, int]]:
    """(version, intake position) of the applications that the active generation holds."""
    rows = await connection.fetch(
        """
        SELECT v.application_id, v.version, v.intake_position
        FROM view_generation g JOIN status_view v USING (generation)
        WHERE g.state = 'active' AND v.application_id = ANY($1)
        """,
        list(applications),
    )
    return {row["application_id"]: (row["version"], row["intake_position"]) for row in rows}


async def listed(connection: Tx | Pool, applicant: UUID, limit: int) -> list[Listed]:
    """A person's applications, newest first."""
    rows = await connection.fetch(
        """
        SELECT a.id, a.item_code, a.item_version, a.submitted_at, coalesce(v.state, 'submitted'),
            a.number
        FROM application a
        LEFT JOIN view_generation g ON g.state = 'active'
        LEFT JOIN status_view v ON v.generation = g.generation AND v.application_id = a.id
        WHERE a.applicant = $1 ORDER BY a.submitted_at DESC, a.id DESC LIMIT $2
        """,
        applicant,
        limit,
    )
    return [Listed(*row) for row in rows]


async def stored_positions(connection: Tx | Pool, consumer: str) -> dict[TopicPartition, int]:
    """The next offset of every partition that the consumer has ever claimed."""
    rows = await connection.fetch("SELECT topic, partition, next_offset FROM position WHERE consumer = $1", consumer)
    return {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in rows}
