"""Tables that an officer has seen a preview of, until they count: their SQL. Functions take the caller's transaction."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tongban_runtime.database import Tx

from tongban_certificates.registers.store import Entry

KEPT: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Preview:
    """The good rows of a table, read at ``at``; ``bad`` counts the others."""

    id: UUID
    at: datetime
    sha256: str
    bad: int
    entries: Sequence[Entry]


async def keep(tx: Tx, resource: str, officer: UUID, preview: Preview) -> None:
    """Keeps an officer's newest preview of a register, in place of an earlier one, and forgets everybody's old ones."""
    await forget_old(tx, preview.at)
    await tx.execute(
        """
        INSERT INTO register_preview (resource, officer, import, at, sha256, bad, entries) VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (resource, officer) DO UPDATE SET import = excluded.import, at = excluded.at, sha256 = excluded.sha256,
            bad = excluded.bad, entries = excluded.entries
        """,
        resource,
        officer,
        preview.id,
        preview.at,
        preview.sha256,
        preview.bad,
        json.dumps([_told(entry) for entry in preview.entries], ensure_ascii=False),
    )


async def claim(tx: Tx, resource: str, officer: UUID, preview: UUID, now: datetime) -> Preview | None:
    """An officer's preview with this id, which is gone afterwards; None: there is none that is new enough."""
    await forget_old(tx, now)
    row = await tx.fetchrow(
        "DELETE FROM register_preview WHERE resource = $1 AND officer = $2 AND import = $3 RETURNING *",
        resource,
        officer,
        preview,
    )
    if row is None:
        return None
    entries = [_entry(one, row["at"]) for one in json.loads(row["entries"])]
    return Preview(row["import"], row["at"], row["sha256"], row["bad"], entries)


async def forget_old(tx: Tx, now: datetime) -> None:
    await tx.execute("DELETE FROM register_preview WHERE at < $1", now - KEPT)


def _told(entry: Entry) -> list[object]:
    until = None if entry.valid_until is None else entry.valid_until.isoformat()
    return [str(entry.record), entry.holder.hex(), entry.values, until]


def _entry(told: Sequence[object], at: datetime) -> Entry:
    record, holder, values, until = told
    assert values is None or isinstance(values, dict)
    return Entry(
        record=UUID(str(record)),
        holder=bytes.fromhex(str(holder)),
        values=values,
        at=at,
        valid_until=None if until is None else datetime.fromisoformat(str(until)),
    )
