"""The certificates that were issued here, as records: a resource may name their kind. With its SQL.

A record is a certificate and those that follow it for the same holder; the one that holds longest speaks for it.
"""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from tongban_catalog.resource import Resource
from tongban_catalog.shelf import Shelf
from tongban_runtime.database import Pool, Tx
from tongban_schemas.types import CHINA

from tongban_certificates.registers.checking import end_of
from tongban_certificates.registers.holder import HolderKey
from tongban_certificates.registers.model import Record, RecordChanged

_STANDING = """
    SELECT chain.*, best.number, best.issued_at, best.valid_until
    FROM (
        SELECT record, min(kind) AS kind, min(issuer) AS issuer, count(issued_at) + count(revoked_at) AS version,
            greatest(max(issued_at), max(revoked_at)) AS changed_at
        FROM certificate WHERE record = ANY($1) GROUP BY record
    ) AS chain LEFT JOIN LATERAL (
        SELECT number, issued_at, valid_until FROM certificate c WHERE c.record = chain.record AND c.state = 'issued'
        ORDER BY c.valid_until DESC NULLS FIRST, c.issued_at DESC, c.number DESC LIMIT 1
    ) AS best ON true
"""
"""The version counts what became of a record: each issue and each revocation is one more."""


def holder_hash(key: HolderKey, kind: str, code: str) -> bytes:
    """32 bytes to find the certificates of a kind by that the holder of a code has."""
    return key.holder(f"certificate {kind}", code)


@dataclass(frozen=True, slots=True)
class _Standing:
    """``record`` is None when none of the certificates holds any more."""

    resource: str
    version: int
    record: Record | None

    @property
    def values(self) -> dict[str, object]:
        return {} if self.record is None else self.record.values


@dataclass(frozen=True, slots=True)
class IssuedCertificates:
    """The store of certificates of the issuing bodies that this deployment serves."""

    key: HolderKey
    shelf: Shelf

    async def names(self, tx: Tx | Pool) -> frozenset[str]:
        """The resources that are stores of certificates."""
        return frozenset(_stores(await self.shelf.resources(tx)).values())

    async def find(self, tx: Tx | Pool, name: str, code: str) -> Record | None:
        """The record of the holder with this code; None: no certificate stands, or the resource is no store of certificates."""
        resource = (await self.shelf.resources(tx)).get(name)
        if resource is None or resource.certificate is None:
            return None
        found: UUID | None = await tx.fetchval(
            """
            SELECT record FROM certificate WHERE kind = $1 AND issuer = $2 AND holder = $3 AND state = 'issued'
            ORDER BY valid_until DESC NULLS FIRST, issued_at DESC, number DESC LIMIT 1
            """,
            resource.certificate,
            resource.provider,
            holder_hash(self.key, resource.certificate, code),
        )
        return None if found is None else (await self.records(tx, [found])).get(found)

    async def records(self, tx: Tx | Pool, ids: Collection[UUID]) -> dict[UUID, Record]:
        """The records with these ids of which a certificate stands."""
        standing = await self._standing(tx, ids)
        return {name: one.record for name, one in standing.items() if one.record is not None}

    @asynccontextmanager
    async def changing(
        self, tx: Tx, numbers: Collection[str], at: datetime, changes: list[RecordChanged]
    ) -> AsyncIterator[None]:
        """Inside, certificates with these numbers may be issued and revoked; then ``changes`` has what became of their records.

        The registers are held as when a source changes them: no answer misses a change.
        """
        rows = await tx.fetch(
            "SELECT DISTINCT kind, issuer, record FROM certificate WHERE number = ANY($1)", list(numbers)
        )
        stores = _stores(await self.shelf.resources(tx))
        touched = sorted({stores[row["kind"], row["issuer"]] for row in rows if (row["kind"], row["issuer"]) in stores})
        if not touched:
            yield
            return
        for name in touched:
            await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"register {name}")
        records = [row["record"] for row in rows if row["record"] is not None]
        before = await self._standing(tx, records)
        yield
        after = await self._standing(tx, records)
        changes += [_change(name, before[name], one, at) for name, one in after.items() if one != before[name]]

    async def _standing(self, tx: Tx | Pool, ids: Collection[UUID]) -> dict[UUID, _Standing]:
        if not ids:
            return {}
        rows = await tx.fetch(_STANDING, list(ids))
        if not rows:
            return {}
        stores = _stores(await self.shelf.resources(tx))
        named = [(row, stores.get((row["kind"], row["issuer"]))) for row in rows]
        return {row["record"]: _standing(row, name) for row, name in named if name is not None}


def _stores(resources: Mapping[str, Resource]) -> dict[tuple[str, str], str]:
    """The resources that are stores of certificates, by kind and issuing body."""
    return {(one.certificate, one.provider): one.id for one in resources.values() if one.certificate is not None}


def _standing(row: Any, resource: str) -> _Standing:
    if row["number"] is None:
        return _Standing(resource, row["version"], None)
    last: date | None = row["valid_until"]
    values: dict[str, object] = {
        "number": row["number"],
        "issued_on": row["issued_at"].astimezone(CHINA).date().isoformat(),
        "state": "issued",
    }
    if last is not None:
        values["valid_until"] = last.isoformat()
    record = Record(
        id=row["record"],
        resource=resource,
        values=values,
        version=row["version"],
        changed_at=row["changed_at"],
        valid_until=None if last is None else end_of(last.isoformat()),
    )
    return _Standing(resource, row["version"], record)


def _change(name: UUID, before: _Standing, after: _Standing, at: datetime) -> RecordChanged:
    old, new = before.values, after.values
    changed = tuple(sorted(field for field in old.keys() | new.keys() if old.get(field) != new.get(field)))
    return RecordChanged(after.resource, name, after.version, changed, after.record is None, at)
