"""SQL of doubts: what a department has to explain of its use of personal data."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tongban_runtime.database import Pool, Tx


@dataclass(frozen=True, slots=True)
class StoredDoubt:
    """One doubt. ``doubt`` is its event id, ``access`` that of the line; ``text`` is sealed."""

    doubt: UUID
    application: UUID
    access: UUID
    department: str
    text: str
    doubted_at: datetime
    explained_at: datetime | None = None


async def add(tx: Tx, one: StoredDoubt) -> None:
    """Keeps a doubt; one that is there stays."""
    await tx.execute(
        """
        INSERT INTO doubt (doubt, application, access, department, text, doubted_at) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT DO NOTHING
        """,
        one.doubt,
        one.application,
        one.access,
        one.department,
        one.text,
        one.doubted_at,
    )


async def waiting(connection: Tx | Pool, departments: Collection[str], limit: int) -> list[StoredDoubt]:
    """What departments have still to explain, the oldest first."""
    rows = await connection.fetch(
        """
        SELECT * FROM doubt WHERE explained_at IS NULL AND department = ANY($1)
        ORDER BY doubted_at, doubt LIMIT $2
        """,
        list(departments),
        limit,
    )
    return [_doubt(row) for row in rows]


async def find(connection: Tx | Pool, application: UUID, doubt: UUID) -> StoredDoubt | None:
    row = await connection.fetchrow("SELECT * FROM doubt WHERE doubt = $1 AND application = $2", doubt, application)
    return None if row is None else _doubt(row)


async def of_line(tx: Tx, application: UUID, access: UUID) -> list[StoredDoubt]:
    """The doubts of one line of a ledger, the oldest first."""
    rows = await tx.fetch(
        "SELECT * FROM doubt WHERE application = $1 AND access = $2 ORDER BY doubted_at, doubt", application, access
    )
    return [_doubt(row) for row in rows]


async def open_of(connection: Tx | Pool, cases: Iterable[UUID]) -> dict[UUID, StoredDoubt]:
    """The doubts of cases that nobody has answered yet, by their line."""
    rows = await connection.fetch(
        "SELECT * FROM doubt WHERE application = ANY($1) AND explained_at IS NULL", list(cases)
    )
    return {row["access"]: _doubt(row) for row in rows}


async def forget(tx: Tx, cases: Iterable[UUID]) -> None:
    """Removes the doubts of cases; that there were any stays in the ledger."""
    await tx.execute("DELETE FROM doubt WHERE application = ANY($1)", list(cases))


async def explained(tx: Tx, doubt: UUID, at: datetime) -> None:
    """Marks a doubt as answered."""
    await tx.execute("UPDATE doubt SET explained_at = $2 WHERE doubt = $1 AND explained_at IS NULL", doubt, at)


def _doubt(row: Any) -> StoredDoubt:
    return StoredDoubt(
        row["doubt"],
        row["application"],
        row["access"],
        row["department"],
        row["text"],
        row["doubted_at"],
        row["explained_at"],
    )
