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
from tongban_runtime.database import Pool
from tongban_schemas.types import CHINA

from tongban_certificates.registers import store
from tongban_certificates.registers.checking import FaultError, Rule, check_values, holder_number
from tongban_certificates.registers.news import News, NewsFault
from tongban_certificates.registers.register import Registers, Row
from tongban_certificates.registers.rows import HOLDER, Fault, Read, read_rows, valid_until_of
from tongban_certificates.registers.store import Entry, Taken
from tongban_certificates.registers.table import TableReader

AHEAD: Final = timedelta(minutes=5)
"""How far a source's clock may be ahead of ours."""


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
    faults: Sequence[Fault] = field(default_factory=list)

    @property
    def bad(self) -> int:
        return len({fault.row for fault in self.faults})


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

    async def bring_in(self, resource: Resource, content: bytes, officer: UUID | None) -> Report:
        """Takes in the good rows of a table. Raises `TableError`."""
        now = self.clock.now()
        table = await self.tables.read(content)
        read = await asyncio.to_thread(read_rows, resource, table, now.astimezone(CHINA).date())
        entries = self._entries(resource, read, now)
        digest = hashlib.sha256(content).hexdigest()
        report = Report(read.total, faults=read.faults)
        async with self.pool.acquire() as tx, tx.transaction():
            taken = await self.registers.take(tx, resource.id, entries)
            await store.note_import(tx, uuid4(), resource.id, officer, now, digest, len(entries), report.bad)
        _count(report, taken)
        return report

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
                faults += [(place, rule, name) for name, rule in check_values(resource, values)]
                if not values:
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


def _place(one: tuple[int, Entry]) -> int:
    return one[0]


def _count(report: Report, taken: Taken) -> None:
    report.added, report.unchanged = taken.added, taken.unchanged + taken.stale
    report.withdrawn = sum(change.withdrawn for change in taken.changes)
    report.changed = len(taken.changes) - report.withdrawn
