"""SQL of drafts: what somebody has begun to fill in, sealed as a whole; and whose those were that were erased."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from tongban_runtime.database import Pool, Tx

DRAFT_FIELD: Final = "draft"
"""The field under which all of a draft is sealed, as JSON; its event is the draft itself."""


@dataclass(frozen=True, slots=True)
class StoredDraft:
    """A draft as it is kept. ``sealed`` opens to what was filled in; ``version`` counts its changes, from 1."""

    id: UUID
    sealed: str
    made_at: datetime
    changed_at: datetime
    version: int = 1


async def add(
    tx: Tx, draft: StoredDraft, applicant: UUID, limit: int, begun_by: str | None = None
) -> StoredDraft | None:
    """Keeps a new draft, or finds the one that ``begun_by`` began; None when the person has ``limit`` of them already."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"draft {applicant}")
    row = await tx.fetchrow("SELECT * FROM draft WHERE applicant = $1 AND begun_by = $2", applicant, begun_by)
    if row is not None:
        return _draft(row)
    if await tx.fetchval("SELECT count(*) FROM draft WHERE applicant = $1", applicant) >= limit:
        return None
    await tx.execute(
        "INSERT INTO draft (id, applicant, sealed, made_at, changed_at, begun_by) VALUES ($1, $2, $3, $4, $5, $6)",
        draft.id,
        applicant,
        draft.sealed,
        draft.made_at,
        draft.changed_at,
        begun_by,
    )
    return draft


async def begun_by(tx: Tx | Pool, applicant: UUID, key: str) -> UUID | None:
    """The person's draft that ``key`` began, or None."""
    found: UUID | None = await tx.fetchval(
        "SELECT id FROM draft WHERE applicant = $1 AND begun_by = $2", applicant, key
    )
    return found


async def of(tx: Tx | Pool, applicant: UUID) -> list[StoredDraft]:
    """A person's drafts, the last changed first."""
    rows = await tx.fetch("SELECT * FROM draft WHERE applicant = $1 ORDER BY changed_at DESC, id", applicant)
    return [_draft(row) for row in rows]


async def find(tx: Tx | Pool, draft: UUID, applicant: UUID) -> StoredDraft | None:
    """A person's own draft, or None."""
    row = await tx.fetchrow("SELECT * FROM draft WHERE id = $1 AND applicant = $2", draft, applicant)
    return None if row is None else _draft(row)


async def find_many(tx: Tx | Pool, ids: Iterable[UUID]) -> dict[UUID, StoredDraft]:
    """Those of the drafts that are there, by id, whosever they are."""
    wanted = list(ids)
    rows = await tx.fetch("SELECT * FROM draft WHERE id = ANY($1)", wanted) if wanted else ()
    return {row["id"]: _draft(row) for row in rows}


async def owner_of(tx: Tx | Pool, draft: UUID) -> UUID | None:
    """Whose draft it is, or was before it was erased; None when there was no such draft."""
    found: UUID | None = await tx.fetchval(
        "SELECT applicant FROM draft WHERE id = $1 UNION ALL SELECT applicant FROM erased_draft WHERE id = $1", draft
    )
    return found


async def erased_of(tx: Tx | Pool, applicant: UUID, limit: int) -> list[UUID]:
    """A person's drafts that were erased, the last first."""
    rows = await tx.fetch(
        "SELECT id FROM erased_draft WHERE applicant = $1 ORDER BY erased_at DESC, id LIMIT $2", applicant, limit
    )
    return [row["id"] for row in rows]


async def change(tx: Tx | Pool, draft: UUID, applicant: UUID, sealed: str, now: datetime) -> StoredDraft | None:
    """Replaces what a draft holds; None when the person has no such draft."""
    row = await tx.fetchrow(
        """
        UPDATE draft SET sealed = $3, changed_at = $4, version = version + 1
        WHERE id = $1 AND applicant = $2 RETURNING *
        """,
        draft,
        applicant,
        sealed,
        now,
    )
    return None if row is None else _draft(row)


async def remove(tx: Tx | Pool, draft: UUID, applicant: UUID) -> None:
    await tx.execute("DELETE FROM draft WHERE id = $1 AND applicant = $2", draft, applicant)


async def forget(tx: Tx, ids: Iterable[UUID], at: datetime) -> list[UUID]:
    """Removes drafts, whosever they are, and keeps whose they were; those that were there."""
    rows = await tx.fetch(
        """
        WITH gone AS (DELETE FROM draft WHERE id = ANY($1) RETURNING id, applicant)
        INSERT INTO erased_draft (id, applicant, erased_at) SELECT id, applicant, $2 FROM gone RETURNING id
        """,
        list(ids),
        at,
    )
    return [row["id"] for row in rows]


def _draft(row: Any) -> StoredDraft:
    return StoredDraft(row["id"], row["sealed"], row["made_at"], row["changed_at"], row["version"])
