"""Every service of the system in one process, wired as in production, with one clock that the test moves.

On Kafka each service runs its own relay, consumer and alarms. Without it (`Post`) the events are carried from outbox to
handler by hand, in the same order, for tests that make thousands of cases; the databases are real in both.
"""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from aiokafka import TopicPartition
from joserfc.jwk import OKPKey
from PIL import Image
from tongban_catalog.calendar import packaged
from tongban_catalog.item import Item
from tongban_catalog.load import Catalog, load_catalog
from tongban_local import tokens
from tongban_local.tokens import Role, TokenRequest
from tongban_runtime import facts, positions
from tongban_runtime.batch import Batch
from tongban_runtime.health import Heartbeat
from tongban_runtime.records import Record
from tongban_runtime.relay import headers_of
from tongban_runtime.testing.acts import public_keys
from tongban_runtime.testing.clock import FakeClock
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events import EVENTS
from tongban_schemas.events.catalog import DepartmentRegistered, ItemPublished, ResourcePublished

from tests.lifecycle.edge import PULLED, Edge, edge
from tests.lifecycle.running import DUE, Running, running
from tests.wired import ISSUER, VaultOf, Wired, wired

APPROVALS = ("approvals-99", "approvals-98")
CERTIFICATES = ("certificates", "certificates-98")
EVERY = ("intake", *APPROVALS, *CERTIFICATES, "notify")
_PATIENCE = 60.0

Make = Callable[[str], Awaitable[str]]


def picture() -> bytes:
    """A small picture that an applicant may bring."""
    drawn = io.BytesIO()
    Image.new("RGB", (120, 120), "white").save(drawn, "PNG")
    return drawn.getvalue()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a token."""

    id: UUID
    headers: Mapping[str, str]
    departments: frozenset[str] = frozenset()


@dataclass(slots=True)
class World:
    """The running services by name, the clock, the catalogue they know, and who may ask them."""

    clock: FakeClock
    catalog: Catalog
    services: dict[str, Wired]
    key: OKPKey
    kafka: str | None
    prefix: str
    edge: Edge
    people: dict[str, Person] = field(default_factory=dict)
    _ends: dict[tuple[str, TopicPartition], int] = field(default_factory=dict)
    _claims: dict[str, Any] = field(default_factory=dict)
    _clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)
    _said: dict[UUID, list[Event]] = field(default_factory=dict)
    _running: Running | None = None

    def person(self, name: str, role: Role = "citizen", departments: Iterable[str] = (), *duties: str) -> Person:
        """The person of that name, made when new."""
        if name not in self.people:
            program = name if role == "service" else None
            request = TokenRequest(role=role, departments=tuple(departments), duties=duties, service=program)
            token = tokens.sign(self.key, ISSUER, request)
            self.people[name] = Person(request.sub, {"Authorization": f"Bearer {token}"}, frozenset(departments))
        return self.people[name]

    def citizen(self, name: str, number: str) -> Person:
        """An applicant whom the sign-in service knows by this number."""
        found = self.person(name)
        token = found.headers["Authorization"].removeprefix("Bearer ")
        self.edge.people[token] = {"sub": str(found.id), "name": "示例家长", "id_number": number}
        return found

    def program(self, department: str) -> Person:
        """A department's own system."""
        return self.person(f"{department}/program", "service", [department])

    def officer(self, department: str, *duties: str, name: str = "") -> Person:
        """An officer of one department."""
        return self.person(f"{department}/{name}/{','.join(duties)}", "officer", [department], *duties)

    def desk_of(self, department: str) -> str:
        """The deployment of approvals that serves a department."""
        return desk_of(self.catalog, department)

    def registers_of(self, department: str) -> str:
        """The deployment of certificates that keeps a department's registers."""
        return _deployment(self.catalog, department, CERTIFICATES)

    async def stop(self, service: str) -> None:
        """Stops the components of a service; its database and its address stay."""
        assert self._running is not None
        await self._running.stop(service)

    async def start(self, service: str) -> None:
        """Starts them again, and waits until it has caught up."""
        assert self._running is not None
        self._running.start(service)
        await self.settle()

    async def call(
        self, service: str, method: str, path: str, who: Person | None, body: object = None, **headers: str
    ) -> httpx.Response:
        """A request to a service's own app."""
        client = self._clients[service]
        sent = {**(who.headers if who else {}), **{name.replace("_", "-"): value for name, value in headers.items()}}
        return await client.request(method, path, json=body, headers=sent)

    async def send(self, service: str, method: str, path: str, who: Person, **request: Any) -> httpx.Response:
        """A request whose body is no JSON. ``request``: as httpx takes it."""
        return await self._clients[service].request(method, path, headers=who.headers, **request)

    async def ask(self, service: str, method: str, path: str, who: Person | None, body: object = None) -> Any:
        """The JSON of a request that has to succeed."""
        answer = await self.call(service, method, path, who, body)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def apply(self, who: Person, item: Item, answers: Mapping[str, Any] | None = None, **more: Any) -> UUID:
        """Applies, and returns once every service has heard of it."""
        body = {
            "item": item.code,
            "version": item.version,
            "region": "990101",
            "answers": answers or item.form.example(),
            **more,
        }
        answer = await self.call("intake", "POST", "/v1/applications", who, body, Idempotency_Key=str(uuid4()))
        assert answer.status_code == 202, answer.text
        await self.settle()
        return UUID(answer.json()["application"])

    async def apply_with(self, who: Person, item: Item, materials: Iterable[str]) -> UUID:
        """Applies by a draft to which materials were brought."""
        body = {"item": item.code, "region": "990101", "answers": item.form.example()}
        case = UUID((await self.ask("intake", "POST", "/v1/drafts", who, body))["draft"])
        await self.bring(who, case, materials)
        await self.ask("intake", "POST", f"/v1/drafts/{case}/submission?again=true", who)
        await self.settle()
        return case

    async def bring(self, who: Person, case: UUID, materials: Iterable[str]) -> None:
        """Brings a picture of each material."""
        for name in materials:
            path = f"/v1/proofs/{case}/{name}/file"
            answer = await self.send("intake", "PUT", path, who, content=picture())
            assert answer.status_code == 202, answer.text
        await self.settle()

    async def act(
        self, application: UUID, step: str, verb: str, who: Person, body: object = None, *, refused: int = 0
    ) -> Any:
        """An officer's action on a step. ``refused``: the status it has to be refused with."""
        service = self.desk_of(next(iter(who.departments)))
        answer = await self.call(service, "POST", f"/v1/tasks/{application}/{step}/{verb}", who, body)
        assert answer.status_code == (refused or 200), f"{step} {verb}: {answer.status_code} {answer.text}"
        await self.settle()
        return answer.json()

    async def facts(self, application: UUID) -> list[Event]:
        """Everything that was said about a case, in the order of its times."""
        if self.kafka is None:
            return sorted(self._said.get(application, ()), key=_place)
        found: list[Event] = []
        for wired_service in self.services.values():
            rows = await wired_service.runtime.pool.fetch("SELECT * FROM outbox WHERE subject = $1", application)
            found += [_event(row) for row in rows]
        return sorted(found, key=_place)

    async def said(self, application: UUID, model: type[EventData]) -> list[Any]:
        """The payloads of one type that were said about a case."""
        return [event.data for event in await self.facts(application) if isinstance(event.data, model)]

    async def move(self, until: str) -> None:
        """Moves the clock on to the morning of a day in China, and lets everything happen that time brings about."""
        self.clock.set(morning(until))
        await self.settle()

    async def offer(self, item: Item) -> Item:
        """Publishes an item to every service."""
        await self.publish(ItemPublished(item=item.ref, definition=item.definition), f"item:{item.code}:{item.version}")
        return item

    async def publish(self, data: EventData, subject: str, sequence: int = 1) -> None:
        """The catalogue says something: carried to every service that listens."""
        event = Event(
            id=event_id(data.TYPE, subject, str(sequence)),
            source="/catalog",
            subject=subject,
            time=self.clock.now(),
            sequence=sequence,
            correlationid=UUID(int=1),
            data=data,
        )
        for service in self.services.values():
            handlers = service.parts.registry
            if data.TYPE in handlers.models:
                async with service.runtime.pool.acquire() as tx, tx.transaction():
                    await handlers.handler_of(data.TYPE).function(tx, [event])

    async def settle(self) -> None:
        """Waits until everything that was said was heard, and nothing is due."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            quiet = await (self._running.is_quiet(self.clock.now()) if self._running else self._carry())
            if quiet:
                return
            assert time.monotonic() < deadline, "the world does not come to rest"
            if self._running:
                await asyncio.sleep(0.03)

    async def _carry(self) -> bool:
        """Takes every unsent event to everyone who listens, and rings what is due; whether there was nothing."""
        quiet = True
        for name, service in self.services.items():
            pool = service.runtime.pool
            rows = await pool.fetch("UPDATE outbox SET sent_at = now() WHERE sent_at IS NULL RETURNING *")
            if rows:
                quiet = False
                for row in rows:
                    self._said.setdefault(row["subject"], []).append(_event(row))
                await self._deliver(sorted(rows, key=lambda row: row["id"]))
            if "alarms" in service.parts.workers and await pool.fetchval(DUE, self.clock.now()):
                quiet = False
                await service.parts.workers["alarms"](Heartbeat(name)).ring_due()  # type: ignore[attr-defined]
        return quiet

    async def _deliver(self, rows: Sequence[Any]) -> None:
        for name, service in self.services.items():
            processor, listened = service.runtime.processor, service.parts.registry.topics()
            assert processor is not None
            records = [self._record(name, row) for row in rows if row["topic"] in listened]
            if records:
                claims = await self._claimed(name, service)
                await processor.process(Batch(records, claims))

    def _record(self, name: str, row: Any) -> Record:
        place = TopicPartition(row["topic"], 0)
        offset = self._ends.get((name, place), 0)
        self._ends[name, place] = offset + 1
        return Record(place, offset, str(row["subject"]).encode(), tuple(headers_of(row)), row["body"])

    async def _claimed(self, name: str, service: Wired) -> Any:
        if name not in self._claims:
            places = [TopicPartition(topic, 0) for topic in service.parts.registry.topics()]
            consumer = service.runtime.settings.instance
            self._claims[name] = await positions.claim(service.runtime.pool, consumer, places)
        return self._claims[name]


def _place(event: Event) -> tuple[datetime, str, int]:
    return event.time, event.source, event.sequence


def _event(row: Any) -> Event:
    return facts.event_of(row, EVENTS)


@asynccontextmanager
async def world(
    make: Make, engines: Any, folder: Path, prefix: str = "", *, kafka: bool, names: Sequence[str] = EVERY
) -> AsyncIterator[World]:
    """The services with a published catalogue. ``kafka``: over the broker, or carried by hand."""
    catalog, clock = load_catalog(), FakeClock()
    served = {
        name: [one for one in catalog.departments if _deployment(catalog, one, pair) == name]
        for pair in (APPROVALS, CERTIFICATES)
        for name in pair
    }
    async with AsyncExitStack() as stack:
        services: dict[str, Wired] = {}
        vault = VaultOf(folder)
        around = await stack.enter_async_context(edge())
        more: dict[str, dict[str, Any]] = {
            "intake": {"userinfo": f"{around.address}/userinfo"},
            **{name: {"certificates_issuers": served[name], "registers": served[name]} for name in CERTIFICATES},
        }
        more["certificates"]["pull"] = {PULLED: f"{around.address}/{PULLED}"}
        for name in names:
            kind = name.split("-")[0]
            dsn = await make(f"tongban_{kind}")
            own = served.get(name, [])
            keyring = vault.keyring(kind, own or catalog.departments)
            services[name] = await stack.enter_async_context(
                wired(
                    kind,
                    dsn,
                    engines.kafka,
                    folder,
                    clock,
                    ",".join(own) or "none",
                    prefix,
                    keyring,
                    **more.get(name, {}),
                )
            )
            if kind == "intake":
                vault.app = services[name].parts.app
        found = World(
            clock, catalog, services, tokens.prepare(folder), engines.kafka if kafka else None, prefix, around
        )
        for name, service in services.items():
            transport = httpx.ASGITransport(app=service.parts.app)
            client = httpx.AsyncClient(transport=transport, base_url=f"http://{name}")
            found._clients[name] = await stack.enter_async_context(client)
        await _publish_catalogue(found)
        if kafka:
            found._running = await stack.enter_async_context(running(services, engines.kafka, prefix))
        yield found


async def _publish_catalogue(found: World) -> None:
    for calendar in packaged():
        await found.publish(calendar, f"calendar:{calendar.region}:{calendar.year}")
    for one in found.catalog.departments.values():
        data = DepartmentRegistered(
            department=one.id,
            uscc=one.uscc,
            name_zh=one.name_zh,
            name_en=one.name_en,
            region=one.region,
            supervisor=one.supervisor,
            keys=public_keys(one.id),
        )
        await found.publish(data, f"department:{one.id}")
    for resource in found.catalog.resources.values():
        published = ResourcePublished(
            resource=resource.id, provider=resource.provider, definition=dict(resource.definition)
        )
        await found.publish(published, f"resource:{resource.id}")
    for item in found.catalog.items.values():
        await found.offer(item)


def desk_of(catalog: Catalog, department: str) -> str:
    """The deployment of approvals that serves a department: one for each of the two regions."""
    return _deployment(catalog, department, APPROVALS)


def _deployment(catalog: Catalog, department: str, pair: Sequence[str]) -> str:
    """Of two deployments the second serves region 98, the first everything else."""
    return pair[(catalog.departments[department].region or "").startswith("98")]


def morning(day: str) -> datetime:
    """09:00 in China on a day such as 2026-03-02, UTC."""
    return datetime.fromisoformat(f"{day}T01:00:00+00:00")


def end_of(day: str) -> datetime:
    """24:00 in China of a day, UTC."""
    return datetime.fromisoformat(f"{day}T16:00:00+00:00")
