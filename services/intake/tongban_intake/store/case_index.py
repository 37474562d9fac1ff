"""SQL of the search index: keyed hashes of numbers, and the cases that they are named in."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from tongban_runtime.database import Pool, Tx

Kind = Literal["citizen", "enterprise"]
"""Whose number it is: a citizen's (GB 11643, or what stands in for it) or an organisation's (GB 32100)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A case that a number is named in. ``hash`` is 32 bytes, see `tongban_intake.vault.searching.hashed`."""

    kind: Kind
    hash: bytes
    case: UUID


@dataclass(frozen=True, slots=True)
class Hit:
    """An application that a number is named in."""

    case: UUID
    submitted_at: datetime


async def put(tx: Tx, entries: Iterable[Entry]) -> None:
    """Adds to the index. In one order, so that two writers never wait for each other in a circle."""
    rows = sorted({(one.kind, one.hash, one.case) for one in entries})
    if rows:
        await tx.execute(
            """
            INSERT INTO case_index (kind, hash, application)
            SELECT * FROM unnest($1::text[], $2::bytea[], $3::uuid[]) ON CONFLICT DO NOTHING
            """,
            [kind for kind, _, _ in rows],
            [value for _, value, _ in rows],
            [case for _, _, case in rows],
        )


async def replace(tx: Tx, cases: Iterable[UUID], entries: Iterable[Entry]) -> None:
    """Makes locked cases findable by these entries and by nothing else."""
    kept = list(entries)
    await tx.execute(
        """
        DELETE FROM case_index c WHERE application = ANY($1) AND NOT EXISTS (
            SELECT FROM unnest($2::text[], $3::bytea[], $4::uuid[]) AS k(kind, hash, application)
            WHERE (k.kind, k.hash, k.application) = (c.kind, c.hash, c.application)
        )
        """,
        list(cases),
        [one.kind for one in kept],
        [one.hash for one in kept],
        [one.case for one in kept],
    )
    await put(tx, kept)


async def find(tx: Tx | Pool, kind: Kind, value: bytes, after: Hit | None, limit: int) -> list[Hit]:
    """The applications with this hash, newest first, from after one on; no drafts."""
    rows = await tx.fetch(
        """
        SELECT a.id, a.submitted_at FROM case_index c JOIN application a ON a.id = c.application
        WHERE c.kind = $1 AND c.hash = $2 AND ($3::timestamptz IS NULL OR (a.submitted_at, a.id) < ($3, $4::uuid))
        ORDER BY a.submitted_at DESC, a.id DESC LIMIT $5
        """,
        kind,
        value,
        None if after is None else after.submitted_at,
        None if after is None else after.case,
        limit,
    )
    return [Hit(*row) for row in rows]
