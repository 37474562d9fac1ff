"""Intake on a real database: its app, its consumer's processor, callers with real tokens."""

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey
from tongban_catalog.load import Catalog, load_catalog
from tongban_catalog.publish import catalog_events
from tongban_catalog.testing import keyed
from tongban_intake import handlers
from tongban_intake.api import Intake, make_app
from tongban_intake.settings import Settings
from tongban_runtime import facts
from tongban_runtime.auth import SESSION_COOKIE, Authenticator
from tongban_runtime.clock import Clock, SystemClock
from tongban_runtime.database import create_pool
from tongban_runtime.health import Health
from tongban_runtime.outcome import Outcome
from tongban_runtime.sealing import CaseKeys
from tongban_runtime.service import Runtime, prepare_app
from tongban_runtime.testing.acts import signer
from tongban_runtime.testing.clock import FakeClock
from tongban_schemas.envelope import Event, EventData
from tongban_schemas.events import EVENTS

ISSUER = "http://issuer.example"
PERSONAL = {
    "contact_name": "金丝雀甲乙丙",
    "contact_phone": "000-98765432",
    "contact_email": "canary-yellow@example.com",
}


@dataclass(frozen=True, slots=True)
class Service:
    """One intake: what tests call and look into."""

    app: FastAPI
    intake: Intake
    runtime: Runtime
    signing_key: OKPKey

    def token(
        self,
        subject: UUID,
        role: str = "citizen",
        departments: Sequence[str] = (),
        duties: Sequence[str] = (),
        **more: str | None,
    ) -> str:
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": "tongban",
            "sub": str(subject),
            "exp": 4_000_000_000,
            "role": role,
        }
        claims |= {"departments": list(departments), "duties": list(duties), "acts_for": "91990000MA00000195"} | more
        return jwt.encode({"alg": "Ed25519"}, claims, self.signing_key, algorithms=["Ed25519"])

    def client(
        self,
        subject: UUID | None = None,
        role: str = "citizen",
        departments: Sequence[str] = (),
        duties: Sequence[str] = (),
    ) -> httpx.AsyncClient:
        """A client signed in as ``subject``, or as nobody."""
        token = None if subject is None else self.token(subject, role, departments, duties)
        headers = {"Origin": "http://127.0.0.1:8000"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", headers=headers)

    def browser(self, subject: UUID) -> httpx.AsyncClient:
        """A citizen's browser, which is signed in by its session cookie."""
        client = self.client()
        client.cookies.set(SESSION_COOKIE, self.token(subject))
        return client

    async def hear(self, *events: Event) -> list[Outcome]:
        """Hands events to the registered handlers, each group in a transaction, as the consumer does."""
        registry = handlers.registry(self.intake.casework)
        outcomes = []
        for event in events:
            async with self.runtime.pool.acquire() as tx, tx.transaction():
                outcomes.append(await registry.handler_of(event.type).function(tx, [event]))
        return outcomes

    async def keys(self, case: object) -> CaseKeys:
        """All keys of a case."""
        return await self.intake.vault.open(self.runtime.pool, UUID(str(case)))

    async def outbox(self, application: object) -> list[Event]:
        """What intake published about an application, in order."""
        rows = await self.runtime.pool.fetch(
            "SELECT * FROM outbox WHERE subject = $1 ORDER BY id", UUID(str(application))
        )
        return [replace(facts.event_of(row, EVENTS), traceparent=row["traceparent"]) for row in rows]


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return keyed(load_catalog())


@asynccontextmanager
async def serving(dsn: str, clock: Clock, events: Sequence[Event]) -> AsyncIterator[Service]:
    """An intake on a database, which has heard the events."""
    key = OKPKey.generate_key("Ed25519", {"kid": "test"})
    settings = Settings(
        instance="intake",
        kafka="127.0.0.1:9",
        database=dsn,
        vault_dir=Path(tempfile.mkdtemp(prefix="tongban-vault-")),
        token_issuer=ISSUER,
        token_jwks="file:///unused",
        files=Path(tempfile.mkdtemp(prefix="tongban-files-")).as_uri(),
    )
    pool = await create_pool(settings.database.get_secret_value(), 8)
    runtime = Runtime(
        settings=settings,
        pool=pool,
        health=Health(60),
        clock=clock,
        authenticator=Authenticator(ISSUER, KeySet([key])),
        acts=signer(load_catalog().departments),
    )
    intake = Intake.build(runtime, settings)
    app = prepare_app(make_app(intake), runtime)
    found = Service(app, intake, runtime, key)
    await found.hear(*events)
    yield found
    await pool.close()


@pytest.fixture(scope="session")
async def service(database: Callable[[str], Awaitable[str]], catalog: Catalog) -> AsyncIterator[Service]:
    """An intake with the packaged catalogue, on a database of its own."""
    clock = SystemClock()
    async with serving(await database("tongban_intake"), clock, catalog_events(catalog, clock.now())) as found:
        yield found


@pytest.fixture
def citizen() -> UUID:
    return uuid4()


@pytest.fixture
def application(catalog: Catalog) -> dict[str, Any]:
    """A complete application for the investment project."""
    item = catalog.items["enterprise-investment-project"]
    return {
        "item": item.code,
        "region": "990000",
        "language": "zh",
        "answers": item.form.example() | PERSONAL,
    }


def only(events: list[Event], model: type[EventData]) -> Event:
    """The one event of a type."""
    found = [event for event in events if isinstance(event.data, model)]
    assert len(found) == 1
    return found[0]


@pytest.fixture
async def counter(database: Callable[[str], Awaitable[str]], catalog: Catalog) -> AsyncIterator[Any]:
    """A receiving counter on a fresh database, under a clock that starts on Monday 2 March 2026, 09:00 in China."""
    from .counter import Counter, received_item, whole_catalog

    clock, item = FakeClock(), received_item(catalog)
    dsn = await database("tongban_intake")
    async with serving(dsn, clock, whole_catalog(catalog, clock, item)) as service:
        yield Counter(service, clock, item, uuid4(), uuid4())
