"""A deployment of approvals on a fresh, real database, and callers with real tokens."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey
from pydantic import SecretStr
from tongban_approvals.casework import Casework
from tongban_approvals.settings import Settings
from tongban_approvals.wiring import wire
from tongban_catalog.load import load_catalog
from tongban_runtime.alarms import AlarmWorker
from tongban_runtime.auth import Authenticator
from tongban_runtime.database import Pool, create_pool
from tongban_runtime.health import Health, Heartbeat
from tongban_runtime.outcome import Done
from tongban_runtime.registry import Registry
from tongban_runtime.service import Runtime, prepare_app
from tongban_runtime.testing.acts import signer
from tongban_runtime.testing.clock import FakeClock
from tongban_runtime.testing.keys import TestKeyring
from tongban_schemas.envelope import Event, EventData
from tongban_schemas.events import EVENTS

from .samples import calendar, registered

ISSUER = "https://issuer.example"
KEY = OKPKey.generate_key("Ed25519", {"kid": "test", "use": "sig"})
ME, COLLEAGUE = UUID(int=101), UUID(int=102)


@dataclass
class Deployment:
    """One running deployment, without its consumer: tests hand it events."""

    pool: Pool
    app: FastAPI
    registry: Registry
    casework: Casework
    clock: FakeClock
    alarms: AlarmWorker
    keyring: TestKeyring

    async def move(self, until: datetime) -> None:
        """Moves the clock, and lets ring what is due by then."""
        self.clock.advance(until - self.clock.now())
        while await self.alarms.ring_due():
            pass

    async def hear(self, *events: Event) -> None:
        """Hands a batch to the handlers, as the consumer does."""
        async with self.pool.acquire() as tx, tx.transaction():
            for handler in self.registry.handlers:
                group = [event for event in events if isinstance(event.data, handler.types)]
                if group:
                    assert isinstance(await handler.function(tx, group), Done)

    async def said(self) -> list[tuple[str, str, EventData]]:
        """(entity's past tense, source, payload) of all that was published, in order."""
        rows = await self.pool.fetch("SELECT type, source, body FROM outbox ORDER BY id")
        return [
            (row["type"].split(".")[3], row["source"], EVENTS[row["type"]].model_validate_json(row["body"]))
            for row in rows
        ]

    def client(
        self,
        officer: UUID = ME,
        departments: Iterable[str] = ("natural-resources", "heritage"),
        role: str = "officer",
        duties: Iterable[str] = (),
    ) -> httpx.AsyncClient:
        claims = {
            "iss": ISSUER,
            "aud": "tongban",
            "sub": str(officer),
            "exp": int(time.time()) + 600,
            "role": role,
            "departments": list(departments),
            "duties": list(duties),
        }
        token = jwt.encode({"alg": "Ed25519", "kid": "test"}, claims, KEY, algorithms=["Ed25519"])
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app),
            base_url="http://approvals",
            headers={"authorization": f"Bearer {token}"},
        )


MakeDeployment = Callable[..., Awaitable[Deployment]]


@pytest.fixture
async def pools(database: Callable[[str], Awaitable[str]]) -> AsyncIterator[Callable[[], Awaitable[Pool]]]:
    """Makes pools, each on a fresh database of approvals."""
    made: list[Pool] = []

    async def make() -> Pool:
        made.append(await create_pool(await database("tongban_approvals"), 8))
        return made[-1]

    yield make
    for pool in made:
        await pool.close()


async def deployed(pool: Pool, departments: frozenset[str]) -> Deployment:
    settings = Settings(
        instance="approvals-test",
        kafka="127.0.0.1:1",
        database=SecretStr("postgresql://nobody@127.0.0.1:1/none"),
        token_issuer=ISSUER,
        token_jwks="file:///dev/null",
        approvals_departments=departments,
    )
    keyring = TestKeyring()
    keys = KeySet.import_key_set({"keys": [KEY.as_dict(private=False)]})
    runtime = Runtime(
        settings=settings,
        pool=pool,
        health=Health(60),
        clock=FakeClock(),
        keyring=keyring,
        acts=signer(load_catalog().departments),
        authenticator=Authenticator(ISSUER, keys),
    )
    parts = await wire(runtime)
    app = prepare_app(parts.app, runtime)
    casework: Casework = app.state.casework
    alarms = parts.workers["alarms"](Heartbeat("alarms"))
    assert isinstance(runtime.clock, FakeClock)
    assert isinstance(alarms, AlarmWorker)
    return Deployment(pool, app, parts.registry, casework, runtime.clock, alarms, keyring)


@pytest.fixture
async def deploy(pools: Callable[[], Awaitable[Pool]]) -> MakeDeployment:
    """Makes deployments that decide for the departments given, and that know the departments and the calendar of 2026."""

    async def make(departments: frozenset[str], pool: Any = None) -> Deployment:
        deployment = await deployed(pool or await pools(), departments)
        await deployment.hear(*registered(), calendar(2026))
        return deployment

    return make
