"""Where a department's records come in: whose register it is, tables, news. One call is one transaction."""

import asyncio
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from tongban_catalog.resource import Resource
from tongban_catalog.shelf import Shelf
from tongban_runtime.clock import Clock
from tongban_runtime.database import Pool, Tx
from tongban_schemas.types import CHINA

from tongban_certificates.registers import previews, store
from tongban_certificates.registers.checking import holder_number, normal_values
from tongban_certificates.registers.header import HOLDER
from tongban_certificates.registers.news import News, NewsFault
from tongban_certificates.registers.previews import Preview
from tongban_certificates.registers.register import Registers, Row
from tongban_certificates.registers.rows import Fault, Note, Read, read_rows, valid_until_of
from tongban_certificates.registers.rules import FaultError, Rule
from tongban_certificates.registers.store import Entry, Taken
from tongban_certificates.registers.table import TableReader

AHEAD: Final = timedelta(minutes=5)
"""How far a source's clock may be ahead of ours."""


class PreviewGoneError(LookupError):
    """There is no such preview: its rows were taken in already (``taken``), or it is too old, or a newer one took its place."""

    def __init__(self, taken: bool) -> None:
        super().__init__("no such preview")
        self.taken = taken


class NotHereError(LookupError):
    """This deployment keeps no such register for those who ask."""


@dataclass(slots=True)
class Report:
    """What became of a table. ``good`` and ``bad`` count rows, ``changed`` records that had another content before."""

    total: int
    added: int = 0
    changed: int = 0
    withdrawn: int = 0
    unchanged: int = 0
    bad: int = 0
    faults: Sequence[Fault] = field(default_factory=list)
    notes: Sequence[Note] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of news: how many were taken in, had been before, or are older than what the register knows."""

    taken: int
    repeated: int
    stale: int


class NewsRefusedError(ValueError):
    """News that cannot be taken in, all of them: ``faults`` by place, rule, and field where there is one."""

    def __init__(self, faults: Sequence[tuple[int, Rule | NewsFault, str | None]]) -> None:
        super().__init__("news were refused")
        self.faults = faults


@dataclass(frozen=True, slots=True)
class RegisterDesk:
    """``departments``: those whose registers this deployment keeps; None: all."""

    pool: Pool
    clock: Clock
    shelf: Shelf
    registers: Registers
    departments: Collection[str] | None = None
    tables: TableReader = field(default_factory=TableReader)

    async def resource(self, name: str, departments: Collection[str] | None) -> Resource:
        """A register that is kept here for one of ``departments`` (None: whoever it is); a store of certificates is none.

        Raises `NotHereError`.
        """
        found = (await self.shelf.resources(self.pool)).get(name)
        if (
            found is None
            or found.certificate is not None
            or not (self.departments is None or found.provider in self.departments)
        ):
            raise NotHereError(name)
        if departments is not None and found.provider not in departments:
            raise NotHereError(name)
        return found

    async def kept(self, departments: Collection[str]) -> list[tuple[Resource, int]]:
        """The registers that are kept here for these departments, each with the number of its records."""
        mine = [
            one
            for one in (await self.shelf.resources(self.pool)).values()
            if one.certificate is None
            and one.provider in departments
            and (self.departments is None or one.provider in self.departments)
        ]
        counts = await store.count(self.pool, [one.id for one in mine])
        return [(one, counts.get(one.id, 0)) for one in sorted(mine, key=_id)]

    async def bring_in(
        self, resource: Resource, content: bytes, officer: UUID | None, sheet: str | None = None
    ) -> Report:
        """Takes in the good rows of a table. Raises `TableError`."""
        preview, report = await self._read(resource, content, sheet)
        async with self.pool.acquire() as tx, tx.transaction():
            _count(report, await self._take(tx, resource, preview, officer))
        return report

    async def preview(
        self, resource: Resource, content: bytes, officer: UUID | None, sheet: str | None = None
    ) -> tuple[UUID, Report]:
        """What `bring_in` would say, and the id under which ``officer`` may take in the good rows. Raises `TableError`."""
        preview, report = await self._read(resource, content, sheet)
        async with self.pool.acquire() as tx, tx.transaction():
            _count(report, await store.foresee(tx, resource.id, preview.entries))
            if officer is not None:
                await previews.keep(tx, resource.id, officer, preview)
        return preview.id, report

    async def confirm(self, resource: Resource, preview: UUID, officer: UUID) -> Report:
        """Takes in the rows of a preview, as they stood when it was made. Raises `PreviewGoneError`."""
        now = self.clock.now()
        async with self.pool.acquire() as tx, tx.transaction():
            found = await previews.claim(tx, resource.id, officer, preview, now)
            if found is None:
                raise PreviewGoneError(await store.was_imported(tx, preview))
            report = Report(len(found.entries) + found.bad, bad=found.bad)
            _count(report, await self._take(tx, resource, found, officer))
        return report

    async def _read(self, resource: Resource, content: bytes, sheet: str | None) -> tuple[Preview, Report]:
        now = self.clock.now()
        table = await self.tables.read(content)
        read = await asyncio.to_thread(read_rows, resource, table, now.astimezone(CHINA).date(), sheet)
        bad = len({fault.row for fault in read.faults})
        digest = hashlib.sha256(content).hexdigest()
        preview = Preview(uuid4(), now, digest, bad, self._entries(resource, read, now))
        return preview, Report(read.total, bad=bad, faults=read.faults, notes=read.notes)

    async def _take(self, tx: Tx, resource: Resource, preview: Preview, officer: UUID | None) -> Taken:
        taken = await self.registers.take(tx, resource.id, preview.entries)
        await store.note_import(
            tx, preview.id, resource.id, officer, self.clock.now(), preview.sha256, len(preview.entries), preview.bad
        )
        return taken

    async def hear(self, resource: Resource, news: Sequence[News]) -> Heard:
        """Takes in news, all or none. Raises `NewsRefusedError`."""
        now = self.clock.now()
        entries = self._check(resource, news, now)
        taken = Taken()
        repeated = 0
        async with self.pool.acquire() as tx, tx.transaction():
            by_source: dict[str, list[int]] = {}
            for place, one in enumerate(news):
                by_source.setdefault(one.source, []).append(place)
            fresh: list[tuple[int, Entry]] = []
            for source, places in sorted(by_source.items()):
                ids = [news[place].id for place in places]
                unheard = await store.unheard(tx, f"{resource.id}|{source}", ids, now)
                for place in places:
                    if news[place].id in unheard:
                        unheard.discard(news[place].id)
                        fresh.append((place, entries[place]))
                    else:
                        repeated += 1
            if fresh:
                taken = await self.registers.take(tx, resource.id, [entry for _, entry in sorted(fresh, key=_place)])
        return Heard(len(fresh) - taken.stale, repeated, taken.stale)

    def _entries(self, resource: Resource, read: Read, now: datetime) -> list[Entry]:
        return [
            *self.registers.entries(resource.id, read.rows, now),
            *self.registers.withdrawals(resource.id, read.withdrawn, now),
        ]

    def _check(self, resource: Resource, news: Sequence[News], now: datetime) -> list[Entry]:
        faults: list[tuple[int, Rule | NewsFault, str | None]] = []
        entries: list[Entry] = []
        for place, one in enumerate(news):
            if one.time > now + AHEAD:
                faults.append((place, "in-the-future", "time"))
            values: Mapping[str, object] | None = one.values
            if values is not None:
                values, wrong = normal_values(resource, values)
                faults += [(place, rule, name) for name, rule in wrong]
                if not one.values:
                    faults.append((place, "no-values", None))
            try:
                holder = holder_number(resource, one.holder, now.astimezone(CHINA).date())
            except FaultError as error:
                faults.append((place, error.rule, HOLDER))
                continue
            if values is None:
                entries += self.registers.withdrawals(resource.id, [holder], one.time)
            else:
                until = one.valid_until or valid_until_of(resource, values)
                entries += self.registers.entries(resource.id, [Row(holder, values, until, one.version)], one.time)
        if faults:
            raise NewsRefusedError(faults)
        return entries


def _id(resource: Resource) -> str:
    return resource.id


def _place(one: tuple[int, Entry]) -> int:
    return one[0]


def _count(report: Report, taken: Taken) -> None:
    report.added, report.unchanged = taken.added, taken.unchanged + taken.stale
    report.withdrawn = sum(change.withdrawn for change in taken.changes)
    report.changed = len(taken.changes) - report.withdrawn
