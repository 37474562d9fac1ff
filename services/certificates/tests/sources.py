"""A small world of sources: resources of each class, an item that names them, registers, and everything that works with them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from tongban_catalog.item import Item
from tongban_catalog.publish import catalog_events
from tongban_catalog.resource import CERTIFICATE_FIELDS
from tongban_catalog.shelf import Shelf
from tongban_certificates.registers.holder import HolderKey
from tongban_certificates.registers.issued import IssuedCertificates
from tongban_certificates.registers.model import Record, SourceDownError
from tongban_certificates.registers.register import Asked, Registers, Row
from tongban_certificates.sharing import receivers
from tongban_certificates.sharing.answerer import Answerer
from tongban_certificates.sharing.api import bound
from tongban_certificates.sharing.context import Sharing
from tongban_certificates.sharing.corrector import Corrector
from tongban_certificates.sharing.handlers import SharingHandlers
from tongban_runtime import facts, failures
from tongban_runtime.auth import Caller, Duty, officer
from tongban_runtime.health import Heartbeat
from tongban_runtime.registry import Registry
from tongban_runtime.sealing import misplaced
from tongban_runtime.service import new_app
from tongban_runtime.testing.clock import FakeClock
from tongban_runtime.testing.keys import TestKeyring, case_keys
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events import EVENTS
from tongban_schemas.events.catalog import ItemPublished, ResourcePublished
from tongban_schemas.events.evidence import (
    EvidenceDisputed,
    EvidenceObjected,
    EvidenceProvided,
    EvidenceRefused,
    EvidenceRequested,
    evidence_field,
    evidence_text_field,
    lookup_field,
)

from . import cases
from .conftest import hear

PERMIT, TAX, ADOPTION, LICENCE, HOUSEHOLD = "permit-99", "tax-paid-99", "adoption-99", "licence-99", "household"
DECISION = "decision-99"
"""The store of the certificates that `cases.RENEWABLE` leads to."""
PROVIDERS = {
    PERMIT: "public-security",
    TAX: "tax",
    ADOPTION: "street-office-99",
    LICENCE: "market-regulation",
    HOUSEHOLD: "street-office-98",
    DECISION: "administrative-approval",
}
PARENT, COMPANY = "99010018800101004X", "91990000MA00000195"
ADDRESS = "示例路1号"
LAW = {"zh": "示例法", "en": "An example of a law"}


def _text(words: str) -> dict[str, str]:
    return {"zh": words, "en": words}


def _resource(name: str, kind: str, holder: str, fields: Mapping[str, tuple[str, bool]], code: int) -> dict[str, Any]:
    sharing: dict[str, Any] = {"kind": kind, "mode": _text("接口")}
    if kind == "none":
        sharing["basis"] = [{"law": LAW, "article": "第八条", "says": _text("不得公开。")}]
    if kind == "conditional":
        sharing["condition"] = _text("用于信用修复。")
    return {
        "id": name,
        "code": f"1010{code:02}/{code}",
        "name": _text(name),
        "summary": _text(name),
        "provider": PROVIDERS[name],
        "category": f"1010{code:02}",
        "format": _text("数据库"),
        "fields": [
            {"id": one, "name": _text(one), "type": kind_of, "personal": personal}
            for one, (kind_of, personal) in fields.items()
        ],
        "holder": holder,
        "sharing": sharing,
        "open": "none",
        "update": _text("实时"),
        "published_on": "2026-01-01",
    }


PERMIT_FIELDS = {
    "holder_name": ("string", True),
    "address": ("string", True),
    "both_permits_valid": ("boolean", False),
    "permit_number": ("string", True),
}
RESOURCES = (
    _resource(PERMIT, "unconditional", "citizen", PERMIT_FIELDS, 1),
    _resource(TAX, "conditional", "citizen", {"paid": ("integer", False), "holder_name": ("string", True)}, 2),
    _resource(ADOPTION, "none", "citizen", {"adopted": ("boolean", True)}, 3),
    _resource(LICENCE, "unconditional", "enterprise", {"state": ("string", False)}, 4),
    _resource(HOUSEHOLD, "unconditional", "citizen", {"relation": ("string", True)}, 5),
    {
        **_resource(
            DECISION, "unconditional", "enterprise", {one: (kind, False) for one, kind in CERTIFICATE_FIELDS.items()}, 6
        ),
        "certificate": cases.RENEWABLE.certificate.kind,
    },
)


def _source(material: str, resource: str, *fields: str) -> dict[str, Any]:
    return {"material": material, "resource": resource, "fields": list(fields)}


ITEM: Item = cases.changed(
    "credit-repair",
    95,
    sources=[
        _source("permit", PERMIT, "holder_name", "address", "both_permits_valid"),
        _source("tax", TAX, "paid", "holder_name"),
        _source("adoption", ADOPTION, "adopted"),
        _source("licence", LICENCE, "state"),
        _source("household", HOUSEHOLD, "relation"),
        _source("decision", DECISION, *CERTIFICATE_FIELDS),
    ],
)
WITHOUT_SOURCES: Item = cases.changed("credit-repair", 96)
FIELDS = {one["material"]: one["fields"] for one in ITEM.definition["sources"]}
RESOURCE_OF = {one["material"]: one["resource"] for one in ITEM.definition["sources"]}


_PACKAGED = {*(f"department:{one}" for one in PROVIDERS.values()), "calendar:000000:2026"}


def catalogue() -> list[Event]:
    """What these resources and items need of the packaged catalogue, and they themselves."""
    own: list[EventData] = [ItemPublished(item=one.ref, definition=one.definition) for one in (ITEM, WITHOUT_SOURCES)]
    own += [ResourcePublished(resource=one["id"], provider=one["provider"], definition=one) for one in RESOURCES]
    names = [f"item:{one.code}:{one.version}" for one in (ITEM.ref, WITHOUT_SOURCES.ref)]
    names += [f"resource:{one['id']}" for one in RESOURCES]
    fresh = [cases.fact(name, data, 0, "/catalog") for name, data in zip(names, own, strict=True)]
    packaged = [one for one in catalog_events(cases.CATALOG, cases.START) if one.subject in _PACKAGED]
    return [*packaged, *fresh]


def asked(
    name: str,
    material: str = "permit",
    holder: str = PARENT,
    *,
    source: str = "/intake",
    attempt: int = 1,
    **parts: Any,
) -> Event:
    """A request for a proof of the case ``name``, an hour before the clock of `World`, for one day."""
    subject = str(cases.case_id(name))
    ident = event_id(EvidenceRequested.TYPE, subject, material, str(attempt))
    sealed = case_keys(subject).seal(ident, lookup_field("holder"), holder)
    plain = holder == COMPANY
    document = {
        "material": material,
        "resource": RESOURCE_OF.get(material, material),
        "provider": PROVIDERS.get(RESOURCE_OF.get(material, material), "public-security"),
        "item": ITEM.ref,
        "asked_by": "market-regulation",
        "basis": "示例条例 第一条",
        "fields": FIELDS.get(material, ["x"]),
        "lookup": {} if plain else {"holder": sealed},
        "lookup_plain": {"holder": holder} if plain else {},
        "attempt": attempt,
        "expires": cases.START + timedelta(days=1),
        **parts,
    }
    return _event(ident, subject, EvidenceRequested(**document), source)


def _event(ident: UUID, subject: str, data: EventData, source: str, at: datetime = cases.START) -> Event:
    return Event(id=ident, source=source, subject=subject, time=at, sequence=1, correlationid=ident, data=data)


def objected(request: Event, refusal: UUID, stage: Any, at: datetime, source: str | None = None) -> Event:
    """The department that needs a proof does not accept a refusal."""
    ident = event_id(EvidenceObjected.TYPE, request.subject, str(refusal))
    asked_for = request.data
    assert isinstance(asked_for, EvidenceRequested)
    data = EvidenceObjected(
        request=request.id,
        refusal=refusal,
        material=asked_for.material,
        department="market-regulation",
        stage=stage,
        argument=case_keys(request.subject).seal(ident, evidence_text_field(asked_for.material), "法定需要"),
        officer=UUID(int=4),
    )
    return _event(ident, request.subject, data, source or "/approvals/market-regulation", at)


def disputed(provided: Event, *fields: str, source: str = "/intake", at: datetime = cases.START) -> Event:
    """The applicant says that what was provided is wrong."""
    given = provided.data
    assert isinstance(given, EvidenceProvided)
    ident = event_id(EvidenceDisputed.TYPE, provided.subject, str(provided.id), "1")
    data = EvidenceDisputed(
        provided=provided.id,
        resource=given.resource,
        material=given.material,
        provider=given.department,
        fields=list(fields),
        text=case_keys(provided.subject).seal(ident, evidence_text_field(given.material), "地址不对"),
    )
    return _event(ident, provided.subject, data, source, at)


@dataclass(slots=True)
class Elsewhere:
    """A register in another system: ``values`` of every holder; ``down`` while it does not answer."""

    values: dict[str, object] = field(default_factory=lambda: {"relation": "父女"})
    version: int = 1
    changed_at: datetime = cases.START
    down: bool = False
    asked: list[Asked] = field(default_factory=list)

    async def ask(self, record: UUID, resource: str, holder: str, asked: Asked) -> Record | None:
        self.asked.append(asked)
        if self.down:
            raise SourceDownError
        return Record(record, resource, dict(self.values), self.version, self.changed_at, None)


@dataclass(slots=True)
class World:
    """Everything on one database, at 10:00 in China on Monday 2 March 2026."""

    pool: Any
    clock: FakeClock
    keyring: TestKeyring
    elsewhere: Elsewhere
    registers: Registers
    sharing: Sharing
    registry: Registry
    answerer: Answerer
    corrector: Corrector

    async def hear(self, *events: Event) -> None:
        await hear(self.pool, self.registry, events)

    async def work(self) -> None:
        """Lets the workers go on until there is nothing to do."""
        while await self.answerer.round() + await self.corrector.round():
            pass

    async def ask(self, *requests: Event) -> list[Event]:
        """Hears requests, lets the workers answer, and returns everything published so far."""
        await self.hear(*requests)
        await self.work()
        return await self.told()

    async def told(self, *models: type[EventData]) -> list[Event]:
        """What was published, in order; with ``models`` only such events. None carries a value sealed for another."""
        rows = await self.pool.fetch("SELECT * FROM outbox ORDER BY id")
        for row in rows:
            assert not misplaced(row["event_id"], row["body"])
        found = [facts.event_of(row, EVENTS) for row in rows]
        return [one for one in found if not models or isinstance(one.data, models)]

    async def state(self, request: Event) -> str:
        found: str = await self.pool.fetchval("SELECT state FROM evidence_request WHERE request = $1", request.id)
        return found

    async def put(self, resource: str, values: Mapping[str, object], holder: str = PARENT, **parts: Any) -> None:
        """What a source says now."""
        async with self.pool.acquire() as tx, tx.transaction():
            await self.registers.put(tx, resource, [Row(holder, values, **parts)], self.clock.now())

    @asynccontextmanager
    async def client(self, *departments: str, duties: Sequence[Duty] = (), name: int = 3) -> AsyncIterator[Any]:
        """The desk, as an officer of these departments uses it."""
        app = new_app("desk")
        failures.install(app)
        app.include_router(bound(self.sharing))
        caller = Caller(UUID(int=name), "officer", frozenset(departments), frozenset(duties))
        app.dependency_overrides[officer] = lambda: caller
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://desk.test") as client:
            yield client


def permit(address: str = ADDRESS) -> dict[str, object]:
    return {
        "holder_name": "示例家长",
        "address": address,
        "both_permits_valid": True,
        "permit_number": "P-1",
    }


async def _unheard(_: Any, __: Any) -> None:
    """Nothing is issued in this world, so nobody needs the requests as facts of their cases."""


async def make_world(pool: Any, departments: frozenset[str] | None = None) -> World:
    """A world that knows the catalogue and a record of `PARENT` and of `COMPANY` in every register here."""
    clock, shelf, keyring, elsewhere = FakeClock(cases.START + timedelta(hours=1)), Shelf(), TestKeyring(), Elsewhere()
    key = HolderKey(bytes(32))
    registers = Registers(key, {HOUSEHOLD: elsewhere}, IssuedCertificates(key, shelf))
    registers.listen(receivers.enqueue)
    sharing = Sharing(pool, clock, shelf, keyring, registers, departments)
    registry = Registry()
    shelf.register(registry)
    SharingHandlers(clock, departments, _unheard).register(registry)
    world = World(
        pool,
        clock,
        keyring,
        elsewhere,
        registers,
        sharing,
        registry,
        Answerer(sharing, Heartbeat("answerer")),
        Corrector(sharing, Heartbeat("corrector")),
    )
    await world.hear(*catalogue())
    async with pool.acquire() as tx, tx.transaction():
        at = cases.START - timedelta(days=9)
        await registers.put(tx, PERMIT, [Row(PARENT, permit())], at)
        await registers.put(tx, TAX, [Row(PARENT, {"paid": 12, "holder_name": "示例家长"})], at)
        await registers.put(tx, ADOPTION, [Row(PARENT, {"adopted": False})], at)
        await registers.put(tx, LICENCE, [Row(COMPANY, {"state": "在营"})], at)
    return world


def opened(event: Event) -> dict[str, str]:
    """The personal values that an event carries, opened with the keys of its case."""
    data: Any = event.data
    keys = case_keys(event.subject)
    return {name: keys.open(evidence_field(data.material, name), text) for name, text in data.sealed.items()}


def words(event: Event, name: str) -> str:
    """What an event says in sealed words."""
    data: Any = event.data
    return case_keys(event.subject).open(evidence_text_field(data.material), getattr(data, name))


def refusal_of(events: Sequence[Event]) -> Event:
    """The newest refusal."""
    return [one for one in events if isinstance(one.data, EvidenceRefused)][-1]
