"""A view worker on real engines, with what the tests of the view ask about it."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from joserfc.jwk import KeySet
from tongban_catalog.acting import Signatures
from tongban_catalog.speakers import judge
from tongban_intake.facts import fact_of, merge_all, pack
from tongban_intake.settings import Settings
from tongban_intake.status import encode, status
from tongban_intake.store import view
from tongban_intake.view import ViewWorker
from tongban_local.provider import Engines
from tongban_runtime.auth import Authenticator
from tongban_runtime.clock import SystemClock
from tongban_runtime.database import create_pool
from tongban_runtime.health import Health
from tongban_runtime.service import Runtime
from tongban_schemas.envelope import Event

from .cases import Stream

PATIENCE = 45.0


@pytest.fixture
async def runtime(
    engines: Engines, database: Callable[[str], Awaitable[str]], topics: str, tmp_path: Path
) -> AsyncIterator[Runtime]:
    settings = Settings(
        instance="intake-view",
        kafka=engines.kafka,
        topic_prefix=topics,
        database=await database("tongban_intake"),
        vault_dir=tmp_path,
        token_issuer="http://issuer.example",
        token_jwks="file:///unused",
        stall_limit=30,
    )
    pool = await create_pool(settings.database.get_secret_value(), 4)
    yield Runtime(
        settings=settings,
        pool=pool,
        health=Health(60),
        clock=SystemClock(),
        authenticator=Authenticator("http://issuer.example", KeySet([])),
    )
    await pool.close()


@pytest.fixture
async def stream(engines: Engines, topics: str) -> AsyncIterator[Stream]:
    async with Stream(engines.kafka, topics) as found:
        yield found


@contextlib.asynccontextmanager
async def working(runtime: Runtime) -> AsyncIterator["asyncio.Task[None]"]:
    worker = ViewWorker(runtime, runtime.health.heartbeat("view"))
    task = asyncio.create_task(worker.run())
    try:
        yield task
    finally:
        worker.stop()
        with contextlib.suppress(Exception):
            await asyncio.wait_for(task, 30)


async def until_folded(runtime: Runtime, cases: Sequence[Sequence[Event]], task: "asyncio.Task[None]") -> None:
    """Waits until the view holds every fact of the cases; raises what ``task`` raised."""
    expected = {UUID(case[0].subject): len({event.id for event in case}) for case in cases}
    deadline = time.monotonic() + PATIENCE
    while True:
        if task.done():
            task.result()
        found = await view.versions(runtime.pool, expected)
        if {application: version for application, (version, _) in found.items()} == expected:
            return
        assert time.monotonic() < deadline, f"{len(found)} of {len(expected)} cases are in the view"
        await asyncio.sleep(0.1)


def expected_row(case: Sequence[Event]) -> tuple[bytes, bytes]:
    """As the view folds it without a catalogue: what no item entitles anybody to say does not count."""
    known = merge_all(fact for event in case if (fact := fact_of(event)))
    counted = judge(case[0].subject, known.values(), None, Signatures({})).counted
    return pack(known), encode(msgspec.structs.replace(status(counted), version=len(known)))


async def rows(runtime: Runtime, generation: int = 1) -> dict[UUID, tuple[bytes, bytes]]:
    found = await runtime.pool.fetch(
        "SELECT application_id, facts, status FROM status_view WHERE generation = $1", generation
    )
    return {row["application_id"]: (row["facts"], row["status"]) for row in found}


def mixed(cases: Sequence[Sequence[Event]], seed: int, repeats: int = 0) -> list[Event]:
    """Events of many cases as a broker may deliver them: in any order across topics, some of them twice."""
    rng = random.Random(seed)  # noqa: S311 - test data
    events = [event for case in cases for event in case]
    events += rng.choices(events, k=repeats)
    rng.shuffle(events)
    return events
