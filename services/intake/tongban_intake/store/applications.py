"""SQL of applications: who applied, under which idempotency key."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tongban_runtime.database import Pool, Tx
from tongban_schemas.types import ItemRef


@dataclass(frozen=True, slots=True)
class NewApplication:
    """A row to be. ``digest`` is `tongban_intake.domain.request_digest` of the request."""

    id: UUID
    applicant: UUID
    idempotency_key: str
    digest: bytes
    item_code: str
    item_version: int
    submitted_at: datetime


@dataclass(frozen=True, slots=True)
class StoredApplication:
    """What an idempotency key stands for already."""

    id: UUID
    digest: bytes


async def insert(tx: Tx, applications: Sequence[NewApplication]) -> set[UUID]:
    """Inserts the applications whose key their applicant has not used yet, and returns the ids of those.

    Waits for other transactions that are inserting the same key. Rows go in by applicant and key, so that two writers
    never wait for each other in a circle.
    """
    rows = sorted(applications, key=lambda row: (row.applicant.bytes, row.idempotency_key))
    stored = await tx.fetch(
        """
        INSERT INTO application
            (id, applicant, idempotency_key, request_digest, item_code, item_version, submitted_at)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[], $5::text[], $6::int[], $7::timestamptz[])
        ON CONFLICT DO NOTHING RETURNING id
        """,
        [row.id for row in rows],
        [row.applicant for row in rows],
        [row.idempotency_key for row in rows],
        [row.digest for row in rows],
        [row.item_code for row in rows],
        [row.item_version for row in rows],
        [row.submitted_at for row in rows],
    )
    return {row["id"] for row in stored}


async def by_keys(tx: Tx, keys: Sequence[tuple[UUID, str]]) -> dict[tuple[UUID, str], StoredApplication]:
    """The applications behind (applicant, idempotency key)."""
    rows = await tx.fetch(
        """
        SELECT a.id, a.applicant, a.idempotency_key, a.request_digest
        FROM unnest($1::uuid[], $2::text[]) AS k(applicant, idempotency_key)
        JOIN application a USING (applicant, idempotency_key)
        """,
        [applicant for applicant, _ in keys],
        [key for _, key in keys],
    )
    return {
        (row["applicant"], row["idempotency_key"]): StoredApplication(row["id"], row["request_digest"]) for row in rows
    }


async def applicant_of(tx: Tx, application: UUID) -> UUID | None:
    """Who applied, or None when there is no such application."""
    found: UUID | None = await tx.fetchval("SELECT applicant FROM application WHERE id = $1", application)
    return found


async def existing(tx: Tx | Pool, ids: Iterable[UUID]) -> set[UUID]:
    """Those of the ids that are applications."""
    return {row["id"] for row in await tx.fetch("SELECT id FROM application WHERE id = ANY($1)", list(ids))}


async def item_of(tx: Tx | Pool, application: UUID) -> ItemRef | None:
    """The item that was applied for, or None when there is no such application."""
    row = await tx.fetchrow("SELECT item_code, item_version FROM application WHERE id = $1", application)
    return None if row is None else ItemRef(code=row["item_code"], version=row["item_version"])
