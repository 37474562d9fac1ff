"""Anybody may upload anything to the public check: what hurts there hurts nobody else."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import uvicorn
from fastapi import FastAPI
from tongban_catalog.shelf import Shelf
from tongban_certificates.api import make_app
from tongban_certificates.credentials import load_trust_anchor
from tongban_certificates.issuing import IssuingWorker
from tongban_certificates.verification import CertificateVerifier
from tongban_runtime import failures
from tongban_runtime.registry import Registry
from tongban_runtime.testing.clock import FakeClock
from tongban_runtime.testing.keys import TestKeyring

from . import cases, hostile
from .conftest import hear, opened

pytestmark = pytest.mark.alone

HOSTILE = 20
ANSWERS_WITHIN_SECONDS = 2.0
GROWS_AT_MOST_BYTES = 100_000_000


@pytest.fixture
async def app(pool: Any, shelf: Shelf, clock: FakeClock, signing_directory: Path) -> FastAPI:
    made = make_app(pool, shelf, clock, CertificateVerifier(load_trust_anchor(signing_directory)), TestKeyring())
    failures.install(made)
    return made


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"accept": "application/json"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://verify.test", headers=headers) as found:
        yield found


@pytest.fixture
async def address(app: FastAPI) -> AsyncIterator[str]:
    """Where the app is served over real connections."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await serving


def children() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "tongban_certificates.signature" in " ".join(one.cmdline())]


async def test_twenty_hostile_files_hold_up_no_honest_one(
    pool: Any, registry: Registry, make_worker: Callable[[], IssuingWorker], client: httpx.AsyncClient
) -> None:
    await hear(pool, registry, [*cases.catalogue(), *cases.granted_case("honest")])
    assert await make_worker().issue_due() == 1
    row = await pool.fetchrow("SELECT * FROM certificate JOIN certificate_file USING (number)")
    honest = opened(row)
    assert (await client.post("/verify", files={"file": b"%PDF-1.7"})).json()["outcome"] == "unreadable"
    files = [hostile.entwined_fields(), hostile.swelling_table()]
    before = psutil.Process().memory_info().rss
    attack = [asyncio.create_task(client.post("/verify", files={"file": files[n % 2]})) for n in range(HOSTILE)]
    await asyncio.sleep(1)
    most = 0.0
    for _ in range(8):
        began = time.monotonic()
        answer = await client.post("/verify", files={"file": honest})
        most = max(most, time.monotonic() - began)
        assert (answer.json()["outcome"], answer.json()["certificate"]["number"]) == ("valid", row["number"])
        assert len(children()) <= 2
        await asyncio.sleep(0.25)
    grown = psutil.Process().memory_info().rss - before
    for one in attack[2:]:
        one.cancel()
    answers = [one for one in await asyncio.gather(*attack, return_exceptions=True) if isinstance(one, httpx.Response)]
    assert most < ANSWERS_WITHIN_SECONDS
    assert grown < GROWS_AT_MOST_BYTES
    assert {(one.status_code, one.json().get("outcome")) for one in answers} <= {(200, "unreadable"), (503, None)}
    assert children() == []


async def test_a_client_that_leaves_ends_its_work_and_gives_its_place_back(address: str) -> None:
    async with httpx.AsyncClient(base_url=address, timeout=30, headers={"accept": "application/json"}) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/verify", files={"file": hostile.entwined_fields()}, timeout=httpx.Timeout(30, read=0.5))
        async with asyncio.timeout(2):
            while children():
                await asyncio.sleep(0.02)
        assert (await client.post("/verify", files={"file": b"no PDF"})).json()["outcome"] == "unreadable"
