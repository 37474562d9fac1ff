"""The registers of the departments that this deployment serves: looked up, kept, and asked where they lie elsewhere."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from tongban_runtime.database import Pool, Tx
from tongban_schemas.events.evidence import Cause

from tongban_certificates.registers import store
from tongban_certificates.registers.holder import HolderKey, RegisterKeyError
from tongban_certificates.registers.issued import IssuedCertificates, holder_hash
from tongban_certificates.registers.model import Record, RecordChanged
from tongban_certificates.registers.store import Entry, Taken


@dataclass(frozen=True, slots=True)
class Asked:
    """On whose behalf a register elsewhere is asked: the request, its purpose and basis, and the fields that are wanted."""

    request: UUID
    purpose: str
    basis: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """What a source says about the holder with this number."""

    holder: str
    values: Mapping[str, object]
    valid_until: datetime | None = None
    version: int | None = None


class RemoteRegister(Protocol):
    """A register in somebody else's system, which is asked for each record."""

    async def ask(self, record: UUID, resource: str, holder: str, asked: Asked) -> Record | None:
        """The record; None: there is none. Raises `SourceDownError`."""
        ...


Listener = Callable[[Tx, Sequence[RecordChanged], Cause], Awaitable[None]]
"""Is told, inside the transaction, which records that existed have another content now."""


class Registers:
    """Where records are found and kept.

    ``remote``: the registers elsewhere, by resource. ``issued``: the store of certificates; None: this program has none.
    """

    def __init__(
        self,
        key: HolderKey,
        remote: Mapping[str, RemoteRegister] | None = None,
        issued: IssuedCertificates | None = None,
    ) -> None:
        self._key = key
        self._remote = dict(remote or {})
        self._issued = issued
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Every later change is told to ``listener`` in the transaction that makes it."""
        self._listeners.append(listener)

    @property
    def remote(self) -> frozenset[str]:
        """The resources whose records lie in somebody else's system."""
        return frozenset(self._remote)

    def is_remote(self, resource: str) -> bool:
        """Whether finding a record means asking somebody else's system: do it outside of transactions that hold locks."""
        return resource in self._remote

    async def check_key(self, pool: Pool) -> None:
        """Raises `RegisterKeyError` when the records of this database were kept under another key."""
        async with pool.acquire() as tx, tx.transaction():
            if not await store.key_is(tx, self._key.fingerprint):
                raise RegisterKeyError("the registers were kept under another key: restore the file with that key")

    async def find(self, tx: Tx, resource: str, holder: str, asked: Asked | None = None) -> Record | None:
        """The current record of the holder with this number, also one that has expired; None: there is none.

        ``asked`` is needed where `is_remote`. Raises `SourceDownError`.
        """
        remote = self._remote.get(resource)
        if remote is None:
            found = await store.find(tx, resource, self._key.holder(resource, holder))
            return await self._issued.find(tx, resource, holder) if found is None and self._issued else found
        if asked is None:
            raise ValueError(f"{resource} lies elsewhere: say on whose behalf it is asked")
        return await remote.ask(self._key.record(resource, holder), resource, holder, asked)

    async def find_all(self, tx: Tx, wanted: Sequence[tuple[str, str]]) -> list[Record | None]:
        """`find` for registers here, all at once: the record of each (resource, holder's number), in order."""
        ids = [self._key.record(resource, holder) for resource, holder in wanted]
        found: dict[UUID, Record | None] = {**await store.records(tx, ids)}
        if self._issued is not None and found.keys() != set(ids):
            stores = await self._issued.names(tx)
            for name, (resource, holder) in zip(ids, wanted, strict=True):
                if name not in found and resource in stores:
                    found[name] = await self._issued.find(tx, resource, holder)
        return [found.get(name) for name in ids]

    async def records(self, tx: Tx, ids: Collection[UUID]) -> dict[UUID, Record]:
        """The current records with these ids; of registers elsewhere, those that their source has sent."""
        found = await store.records(tx, ids)
        left = [one for one in ids if one not in found]
        return {**found, **await self._issued.records(tx, left)} if left and self._issued else found

    def record_id(self, resource: str, holder: str) -> UUID:
        """The id of a holder's record in a register, also in one elsewhere."""
        return self._key.record(resource, holder)

    def digests(self, record: UUID, values: Mapping[str, object]) -> dict[str, str]:
        """A keyed hash of each value of a record, by field: tells whether it is another one later, and not what it is."""
        return {name: self._key.value(record, name, value).hex() for name, value in values.items()}

    def certificate_holder(self, kind: str, code: str) -> bytes:
        """What the certificates of a kind are found by that the holder of this code has."""
        return holder_hash(self._key, kind, code)

    @asynccontextmanager
    async def certificates_changing(self, tx: Tx, numbers: Collection[str], at: datetime) -> AsyncIterator[None]:
        """Inside, certificates with these numbers may be issued and revoked; the listeners are told what that changes."""
        if self._issued is None:
            yield
            return
        changes: list[RecordChanged] = []
        async with self._issued.changing(tx, numbers, at, changes):
            yield
        await self._tell(tx, changes, "source")

    async def put(
        self, tx: Tx, resource: str, rows: Iterable[Row], at: datetime, cause: Cause = "source"
    ) -> list[RecordChanged]:
        """Keeps what a source says since ``at``; returns the records that existed and have another content now."""
        return (await self.take(tx, resource, self.entries(resource, rows, at), cause)).changes

    async def withdraw(
        self, tx: Tx, resource: str, holders: Iterable[str], at: datetime, cause: Cause = "source"
    ) -> list[RecordChanged]:
        """The records of these holders are gone since ``at``; returns those that were there."""
        return (await self.take(tx, resource, self.withdrawals(resource, holders, at), cause)).changes

    def entries(self, resource: str, rows: Iterable[Row], at: datetime) -> list[Entry]:
        """Rows with what they are found by."""
        return [
            Entry(
                record=self._key.record(resource, row.holder),
                holder=self._key.holder(resource, row.holder),
                values=row.values,
                at=at,
                valid_until=row.valid_until,
                version=row.version,
            )
            for row in rows
        ]

    def withdrawals(self, resource: str, holders: Iterable[str], at: datetime) -> list[Entry]:
        return [
            Entry(self._key.record(resource, holder), self._key.holder(resource, holder), None, at)
            for holder in holders
        ]

    async def take(self, tx: Tx, resource: str, entries: Sequence[Entry], cause: Cause = "source") -> Taken:
        """Keeps entries of one register and tells the listeners; says what became of them.

        What is heard of a register elsewhere for the first time may have been given before, and count as a change.
        """
        taken = await store.take(tx, resource, entries)
        first = taken.first if self.is_remote(resource) else ()
        await self._tell(tx, [*taken.changes, *(_heard(resource, entry) for entry in first)], cause)
        return taken

    async def _tell(self, tx: Tx, changes: Sequence[RecordChanged], cause: Cause) -> None:
        if changes:
            for listener in self._listeners:
                await listener(tx, changes, cause)


def _heard(resource: str, entry: Entry) -> RecordChanged:
    fields = tuple(sorted(entry.values or {}))
    return RecordChanged(resource, entry.record, entry.version or 1, fields, entry.values is None, entry.at)
