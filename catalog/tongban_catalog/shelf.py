"""What a service knows of the catalogue: items, compiled; departments; calendars; the cases that wait for an entry.

A service stands on it with ``MIGRATIONS_OF = ("tongban_catalog",)`` in its package, keeps one `Shelf` for the process and
lets it learn by `Shelf.register`. Functions take the caller's transaction and never commit; the ones that only read take a
pool as well.

No case waits unseen: whoever waits holds the shelf together with others, whoever learns holds it alone, and what
is missing is looked for once more under that lock. While nothing is missing, no lock is taken.
"""

import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any, Final
from uuid import UUID

from tongban_runtime import alarms, disbelief, facts
from tongban_runtime.database import Pool, Tx
from tongban_runtime.facts import Case
from tongban_runtime.outcome import Done, Outcome, Park
from tongban_runtime.registry import Registry, Replay
from tongban_schemas.envelope import Event, EventData
from tongban_schemas.events.catalog import CalendarPublished, DepartmentRegistered, ItemPublished, ResourcePublished
from tongban_schemas.types import ItemRef

from tongban_catalog.clock import Calendar, Calendars, parse_hours
from tongban_catalog.department import Department
from tongban_catalog.item import Item, ItemDefinitionError
from tongban_catalog.resource import Resource, ResourceDefinitionError
from tongban_catalog.shelving import put_calendars, put_departments, put_items, put_resources

FRESH_SECONDS: Final = 1.0
"""For how long `Shelf.newest` takes its list of newest versions as it is."""

Resume = Callable[[Tx, Sequence[Case]], Awaitable[None]]
"""Moves locked cases on: whatever they waited for is on the shelf now."""

_LOCK: Final = 0x7462_6974


class Shelf:
    """Items compiled once a process: a published version never changes, so nothing here grows old."""

    def __init__(self) -> None:
        self._items: dict[ItemRef, Item] = {}
        self._versions: dict[str, list[tuple[int, date | None, date | None]]] = {}
        self._calendars: tuple[int, Calendars] | None = None
        self._resources: dict[str, tuple[int, Resource]] = {}
        self._departments: tuple[tuple[int, int], dict[str, Department]] = ((0, 0), {})
        self._departments_read_at = float("-inf")
        self._read_at = float("-inf")

    async def items(self, tx: Tx | Pool, refs: Iterable[ItemRef]) -> dict[ItemRef, Item]:
        """The items that the catalogue has published; others are absent."""
        wanted = set(refs)
        missing = list(wanted - self._items.keys())
        if missing:
            rows = await tx.fetch(
                """
                SELECT definition FROM item
                JOIN unnest($1::text[], $2::int[]) AS wanted(code, version) USING (code, version)
                """,
                [ref.code for ref in missing],
                [ref.version for ref in missing],
            )
            for row in rows:
                item = Item.from_definition(json.loads(row["definition"]))
                self._items[item.ref] = item
        return {ref: self._items[ref] for ref in wanted & self._items.keys()}

    async def item(self, tx: Tx | Pool, ref: ItemRef) -> Item | None:
        """One item, or None when the catalogue has not published it."""
        found = self._items.get(ref)
        return found if found is not None else (await self.items(tx, [ref])).get(ref)

    async def newest(self, tx: Tx | Pool, code: str) -> Item | None:
        """The newest version of an item, or None. At most `FRESH_SECONDS` behind the database."""
        if not self._is_fresh() or code not in self._versions:
            await self._read_versions(tx)
        versions = self._versions.get(code)
        return None if versions is None else await self.item(tx, ItemRef(code=code, version=versions[0][0]))

    async def all_newest(self, tx: Tx | Pool) -> list[Item]:
        """Every item in its newest version, by code. At most `FRESH_SECONDS` behind the database."""
        if not self._is_fresh():
            await self._read_versions(tx)
        refs = [ItemRef(code=code, version=versions[0][0]) for code, versions in self._versions.items()]
        found = await self.items(tx, refs)
        return [found[ref] for ref in refs]

    async def current(self, tx: Tx | Pool, code: str, today: date) -> Item | None:
        """The version under which new applications are taken on a day in China, or None.

        It is the newest that has taken effect, unless it is cancelled: a cancelled version gives way to no older one. At most
        `FRESH_SECONDS` behind the database.
        """
        if not self._is_fresh() or code not in self._versions:
            await self._read_versions(tx)
        for version, effective_from, cancel_on in self._versions.get(code, ()):
            if effective_from is None or effective_from <= today:
                standing = cancel_on is None or today < cancel_on
                return await self.item(tx, ItemRef(code=code, version=version)) if standing else None
        return None

    async def all_current(self, tx: Tx | Pool, today: date) -> list[Item]:
        """Every item that takes new applications on a day in China, by code; see `current`."""
        if not self._is_fresh():
            await self._read_versions(tx)
        found = [await self.current(tx, code, today) for code in list(self._versions)]
        return [item for item in found if item is not None]

    async def departments(self, tx: Tx | Pool, *, at_once: bool = True) -> dict[str, Department]:
        """The departments that the catalogue has registered, by id. Read anew when one changed: sequences only rise.

        ``at_once``: False where they may be `FRESH_SECONDS` behind the database.
        """
        if not at_once and time.monotonic() - self._departments_read_at < FRESH_SECONDS:
            return self._departments[1]
        self._departments_read_at = time.monotonic()
        now = await tx.fetchrow("SELECT count(*) AS number, coalesce(sum(sequence), 0) AS stand FROM department")
        stand = now["number"], int(now["stand"])
        if self._departments[0] != stand:
            rows = await tx.fetch("SELECT id, uscc, name_zh, name_en, region, supervisor, keys FROM department")
            self._departments = stand, {row["id"]: _department(row) for row in rows}
        return self._departments[1]

    async def resources(self, tx: Tx | Pool) -> dict[str, Resource]:
        """The information resources that the catalogue has published, by id, in the order of the ids."""
        rows = await tx.fetch("SELECT id, sequence FROM resource ORDER BY id")
        changed = [row["id"] for row in rows if self._resources.get(row["id"], (0, None))[0] != row["sequence"]]
        if changed:
            for row in await tx.fetch("SELECT id, definition, sequence FROM resource WHERE id = ANY($1)", changed):
                compiled = Resource.from_definition(json.loads(row["definition"]))
                self._resources[row["id"]] = (row["sequence"], compiled)
        return {row["id"]: self._resources[row["id"]][1] for row in rows}

    async def calendars(self, tx: Tx | Pool) -> Calendars:
        """All calendars. Alarms that the transaction saves after this are rung once more when a calendar changes."""
        basis = await alarms.current_basis(tx)
        if self._calendars is None or self._calendars[0] != basis:
            rows = await tx.fetch("SELECT region, year, off, work, hours FROM calendar")
            self._calendars = (basis, Calendars(_calendar(row) for row in rows))
        return self._calendars[1]

    async def items_for(self, tx: Tx, cases: Sequence[tuple[Case, ItemRef]]) -> dict[ItemRef, Item]:
        """The items that locked cases need. A case whose item is absent waits, and is resumed when it is published."""
        refs = {ref for _, ref in cases}
        found = await self.items(tx, refs)
        if refs - found.keys():
            await _hold(tx)
            found = await self.items(tx, refs)
            await _wait(tx, [(case, _item_entry(ref)) for case, ref in cases if ref not in found])
        return found

    async def departments_for(self, tx: Tx, cases: Sequence[tuple[Case, str]]) -> dict[str, Department]:
        """All departments. A locked case whose department is absent waits, and is resumed when it is registered."""
        found = await self.departments(tx)
        if {department for _, department in cases} - found.keys():
            await _hold(tx)
            found = await self.departments(tx)
            await _wait(tx, [(case, _department_entry(one)) for case, one in cases if one not in found])
        return found

    async def resources_for(self, tx: Tx, cases: Sequence[tuple[Case, str]]) -> dict[str, Resource]:
        """All resources. A locked case whose resource is absent waits, and is resumed when it is published."""
        found = await self.resources(tx)
        if {resource for _, resource in cases} - found.keys():
            await _hold(tx)
            found = await self.resources(tx)
            await _wait(tx, [(case, _resource_entry(one)) for case, one in cases if one not in found])
        return found

    def register(
        self, registry: Registry, *, models: Mapping[str, type[EventData]] | None = None, resume: Resume | None = None
    ) -> None:
        """Lets this service learn. One whose cases wait gives ``resume`` and the ``models`` of its cases' facts."""
        registry.add(
            partial(self.learn, models=models or {}, resume=resume),
            ItemPublished,
            DepartmentRegistered,
            CalendarPublished,
            ResourcePublished,
            name="catalogue",
            replay=Replay.SAFE,
            description=self.learn.__doc__,
        )

    async def learn(
        self,
        tx: Tx,
        events: Sequence[Event],
        *,
        models: Mapping[str, type[EventData]],
        resume: Resume | None,
    ) -> Outcome:
        """Puts what the catalogue says on the shelf, moves on the cases that waited, wakes every alarm for a calendar.

        Duplicates: a version that is there stays as it is; of all other entries the highest sequence stays.
        Failure: a definition that is no item or no resource, or not the one that the event names, is parked; its cases wait for
        it. So is a calendar whose days or hours contradict each other; what is known of its year stays.
        """
        items: list[ItemPublished] = []
        departments: dict[str, tuple[int, DepartmentRegistered]] = {}
        calendars: dict[tuple[str, int], tuple[int, CalendarPublished]] = {}
        resources: dict[str, tuple[int, ResourcePublished]] = {}
        for event in events:
            match event.data:
                case ItemPublished() as published:
                    if (wrong := _unusable(published)) is not None:
                        return Park("rule_violated", wrong)
                    items.append(published)
                case DepartmentRegistered(department=department) as registered:
                    if department not in departments or departments[department][0] < event.sequence:
                        departments[department] = (event.sequence, registered)
                case CalendarPublished(region=region, year=year) as calendar:
                    if (wrong := _contradicting(calendar)) is not None:
                        return Park("rule_violated", wrong)
                    if (region, year) not in calendars or calendars[region, year][0] < event.sequence:
                        calendars[region, year] = (event.sequence, calendar)
                case ResourcePublished(resource=resource) as offered:
                    if (wrong := _unusable_resource(offered)) is not None:
                        return Park("rule_violated", wrong)
                    if resource not in resources or resources[resource][0] < event.sequence:
                        resources[resource] = (event.sequence, offered)
        entries = [_item_entry(data.item) for data in items] + [_department_entry(one) for one in departments]
        entries += [_resource_entry(one) for one in resources]
        unsigned = [UUID(one) for one in await disbelief.take_back(tx, ["key-unknown"])] if departments else []
        if resume is not None:
            await facts.lock(tx, [*await _waiting(tx, entries), *unsigned])
        await tx.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        await put_items(tx, items)
        await put_departments(tx, list(departments.values()))
        if departments:
            self._departments_read_at = float("-inf")
        await put_resources(tx, list(resources.values()))
        if await put_calendars(tx, list(calendars.values())):
            await alarms.wake_all(tx)
        if resume is not None and (waited := await _stop_waiting(tx, entries) | dict.fromkeys(unsigned)):
            await facts.lock(tx, waited)
            known = await facts.recall(tx, waited, models)
            await resume(tx, [_resumed(known[str(one)], traceparent) for one, traceparent in waited.items()])
        return Done()

    def _is_fresh(self) -> bool:
        return time.monotonic() - self._read_at < FRESH_SECONDS

    async def _read_versions(self, tx: Tx | Pool) -> None:
        rows = await tx.fetch("SELECT code, version, effective_from, cancel_on FROM item ORDER BY code, version DESC")
        versions: dict[str, list[tuple[int, date | None, date | None]]] = {}
        for row in rows:
            versions.setdefault(row["code"], []).append((row["version"], row["effective_from"], row["cancel_on"]))
        self._versions = versions
        self._read_at = time.monotonic()


def _unusable(published: ItemPublished) -> str | None:
    try:
        ref = Item.from_definition(published.definition).ref
    except ItemDefinitionError as error:
        return str(error)
    if ref != published.item:
        return f"the definition is {ref.code}:{ref.version}, not what the event names"
    return None


def _unusable_resource(published: ResourcePublished) -> str | None:
    try:
        resource = Resource.from_definition(published.definition)
    except ResourceDefinitionError as error:
        return str(error)
    if (resource.id, resource.provider) != (published.resource, published.provider):
        return f"the definition is {resource.id} of {resource.provider}, not what the event names"
    return None


def _contradicting(published: CalendarPublished) -> str | None:
    try:
        Calendar.of(published)
    except ValueError as error:
        return str(error)
    return None


def _department(row: Any) -> Department:
    return Department(
        row["id"],
        row["uscc"],
        row["name_zh"],
        row["name_en"],
        row["region"],
        row["supervisor"],
        tuple(json.loads(row["keys"])),
    )


def _calendar(row: Any) -> Calendar:
    return Calendar(
        row["region"], row["year"], frozenset(row["off"]), frozenset(row["work"]), parse_hours(row["hours"])
    )


def _resumed(known: tuple[Event, ...], traceparent: str | None) -> Case:
    newest = max(known, key=lambda fact: (fact.time, fact.id.int))
    return Case(newest.subject, known, replace(newest, traceparent=traceparent))


def _item_entry(ref: ItemRef) -> str:
    return f"item:{ref.code}:{ref.version}"


def _department_entry(department: str) -> str:
    return f"department:{department}"


def _resource_entry(resource: str) -> str:
    return f"resource:{resource}"


async def _hold(tx: Tx) -> None:
    """Keeps the shelf as it is until the transaction ends."""
    await tx.execute("SELECT pg_advisory_xact_lock_shared($1)", _LOCK)


async def _wait(tx: Tx, cases: Sequence[tuple[Case, str]]) -> None:
    await tx.execute(
        """
        INSERT INTO waiting_case (application, entry, traceparent)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[]) ON CONFLICT DO NOTHING
        """,
        [UUID(case.subject) for case, _ in cases],
        [entry for _, entry in cases],
        [case.cause.traceparent for case, _ in cases],
    )


async def _waiting(tx: Tx, entries: Sequence[str]) -> list[UUID]:
    rows = await tx.fetch("SELECT application FROM waiting_case WHERE entry = ANY($1)", entries)
    return [row["application"] for row in rows]


async def _stop_waiting(tx: Tx, entries: Sequence[str]) -> dict[UUID, str | None]:
    """The cases that waited for the entries, with their traces."""
    rows: Any = await tx.fetch(
        "DELETE FROM waiting_case WHERE entry = ANY($1) RETURNING application, traceparent", entries
    )
    return {row["application"]: row["traceparent"] for row in rows}
