"""All SQL of the registers. Functions take the caller's transaction and never commit."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from tongban_runtime.database import Pool, Tx

from tongban_certificates.registers.model import Record, RecordChanged


@dataclass(frozen=True, slots=True)
class Entry:
    """What a source says about one holder. ``values`` None: the record is withdrawn. ``at``: since when, by the source.

    ``version``: the source's own count, where it has one; ours goes on from the higher of the two.
    """

    record: UUID
    holder: bytes
    values: Mapping[str, object] | None
    at: datetime
    valid_until: datetime | None = None
    version: int | None = None


@dataclass(slots=True)
class Taken:
    """What became of entries. ``stale`` are those that are older than what the register knows, ``first`` tell of records that
    nothing was heard of here before.
    """

    added: int = 0
    unchanged: int = 0
    stale: int = 0
    changes: list[RecordChanged] = field(default_factory=list)
    first: list[Entry] = field(default_factory=list)


async def find(tx: Tx, resource: str, holder: bytes) -> Record | None:
    """The current record of a holder."""
    row = await tx.fetchrow(
        "SELECT * FROM register_record WHERE resource = $1 AND holder = $2 AND state = 'current'", resource, holder
    )
    return None if row is None else _record(row)


async def records(tx: Tx, ids: Collection[UUID]) -> dict[UUID, Record]:
    """The current records with these ids."""
    rows = await tx.fetch("SELECT * FROM register_record WHERE record = ANY($1) AND state = 'current'", list(ids))
    return {row["record"]: _record(row) for row in rows}


async def take(tx: Tx, resource: str, entries: Sequence[Entry]) -> Taken:
    """Takes in what a source says; of several entries about a holder the newest counts, of equally new ones the last."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"register {resource}")
    taken, written = await _compare(tx, resource, entries)
    if written:
        await _write(tx, written)
    return taken


async def foresee(tx: Tx | Pool, resource: str, entries: Sequence[Entry]) -> Taken:
    """What `take` would say now."""
    return (await _compare(tx, resource, entries))[0]


async def _compare(tx: Tx | Pool, resource: str, entries: Sequence[Entry]) -> tuple[Taken, list[tuple[Any, ...]]]:
    newest: dict[UUID, Entry] = {}
    for entry in entries:
        if (before := newest.get(entry.record)) is None or before.at <= entry.at:
            newest[entry.record] = entry
    rows = await tx.fetch("SELECT * FROM register_record WHERE record = ANY($1)", list(newest))
    known = {row["record"]: row for row in rows}
    taken = Taken(stale=len(entries) - len(newest))
    written: list[tuple[Any, ...]] = []
    for entry in newest.values():
        before = known.get(entry.record)
        row = _next(entry, before)
        if before is not None and entry.at < before["told_at"]:
            taken.stale += 1
            continue
        if before is None:
            taken.first.append(entry)
            taken.unchanged += entry.values is None
            taken.added += entry.values is not None
        elif (change := _change(resource, entry, before, row[3])) is not None:
            taken.changes.append(change)
        else:
            taken.unchanged += 1
            row = (*row[:3], before["version"], row[4], row[5], before["changed_at"], *row[7:])
        written.append((row[0], resource, *row[2:]))
    return taken, written


def _next(entry: Entry, before: Any | None) -> tuple[Any, ...]:
    """The row that an entry makes: record, resource, holder, version, values, valid_until, changed_at, told_at, state."""
    version = max(entry.version or 1, 1 if before is None else before["version"] + 1)
    state = "withdrawn" if entry.values is None else "current"
    values = json.dumps(entry.values or {}, ensure_ascii=False, sort_keys=True)
    valid_until = None if entry.values is None else entry.valid_until
    return (entry.record, None, entry.holder, version, values, valid_until, entry.at, entry.at, state)


def _change(resource: str, entry: Entry, before: Any, version: int) -> RecordChanged | None:
    """How an entry changes a known record; None when it says what the register says already."""
    old: dict[str, object] = json.loads(before["values"])
    new = dict(entry.values or {})
    changed = tuple(sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name)))
    withdrawn = entry.values is None
    same_state = withdrawn == (before["state"] == "withdrawn")
    if same_state and not changed and (withdrawn or entry.valid_until == before["valid_until"]):
        return None
    return RecordChanged(resource, entry.record, version, changed, withdrawn, entry.at)


async def _write(tx: Tx, rows: Sequence[tuple[Any, ...]]) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)]
    await tx.execute(
        """
        INSERT INTO register_record (record, resource, holder, version, values, valid_until, changed_at, told_at, state)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::int[], $5::jsonb[], $6::timestamptz[],
            $7::timestamptz[], $8::timestamptz[], $9::text[])
        ON CONFLICT (record) DO UPDATE SET version = excluded.version, values = excluded.values,
            valid_until = excluded.valid_until, changed_at = excluded.changed_at, told_at = excluded.told_at,
            state = excluded.state
        """,
        *columns,
    )


async def unheard(tx: Tx, source: str, ids: Sequence[str], now: datetime) -> set[str]:
    """Those of a source's news that were not taken in before; they count as taken in from now on."""
    rows = await tx.fetch(
        """
        INSERT INTO register_event (source, event_id, heard_at) SELECT $1, unnest($2::text[]), $3
        ON CONFLICT DO NOTHING RETURNING event_id
        """,
        source,
        sorted(set(ids)),
        now,
    )
    return {row["event_id"] for row in rows}


async def note_import(
    tx: Tx, import_id: UUID, resource: str, officer: UUID | None, at: datetime, sha256: str, good: int, bad: int
) -> None:
    """Keeps who brought in a file."""
    await tx.execute(
        "INSERT INTO register_import (import, resource, officer, at, sha256, good, bad) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        import_id,
        resource,
        officer,
        at,
        sha256,
        good,
        bad,
    )


async def was_imported(tx: Tx, import_id: UUID) -> bool:
    """Whether the rows of this import were taken in."""
    found: bool = await tx.fetchval("SELECT EXISTS (SELECT FROM register_import WHERE import = $1)", import_id)
    return found


async def count(tx: Tx | Pool, resources: Sequence[str]) -> dict[str, int]:
    """How many current records registers have."""
    rows = await tx.fetch(
        """
        SELECT resource, count(*) AS records FROM register_record WHERE resource = ANY($1) AND state = 'current'
        GROUP BY resource
        """,
        list(resources),
    )
    return {row["resource"]: row["records"] for row in rows}


async def key_is(tx: Tx, fingerprint: bytes) -> bool:
    """Whether the register's holders are hashed under the key with this fingerprint; the first key to ask is the one."""
    await tx.execute("INSERT INTO register_key (fingerprint) VALUES ($1) ON CONFLICT DO NOTHING", fingerprint)
    found: bytes = await tx.fetchval("SELECT fingerprint FROM register_key")
    return found == fingerprint


def _record(row: Any) -> Record:
    return Record(
        id=row["record"],
        resource=row["resource"],
        values=json.loads(row["values"]),
        version=row["version"],
        changed_at=row["changed_at"],
        valid_until=row["valid_until"],
    )
