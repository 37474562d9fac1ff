"""One whole system for every journey: brought up, and taken through once, by the demonstration itself."""

import re
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

import httpx
import pytest
from tongban_catalog.item import Item
from tongban_catalog.load import Catalog, load_catalog
from tongban_local import demo, lifecycle
from tongban_local.people import Applicant, Officer, http_client, sign_in_officers
from tongban_local.progress import silent
from tongban_local.stack import Stack


@dataclass(frozen=True, slots=True)
class System:
    """The running system, and what its demonstration said. ``application`` is the demonstration's case."""

    stack: Stack
    status: int
    transcript: str
    seconds: float
    application: UUID
    number: str


@pytest.fixture(scope="package")
def system() -> Iterator[System]:
    with lifecycle.temporary_stack("journeys", announce=silent) as stack:
        lines: list[str] = []
        began = time.monotonic()
        with pytest.MonkeyPatch.context() as terminal, ThreadPoolExecutor(1) as apart:
            terminal.setenv("COLUMNS", "132")
            status = apart.submit(demo.main, stack, lines.append).result()
        transcript = "\n".join(lines)
        case = re.search(r"applications/([0-9a-f-]{36})", transcript)
        number = re.search(r"/verify/(\S+)", transcript)
        assert case is not None
        assert number is not None
        yield System(stack, status, transcript, time.monotonic() - began, UUID(case[1]), number[1])


@pytest.fixture(scope="package")
def stack(system: System) -> Stack:
    return system.stack


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture(scope="session")
def project(catalog: Catalog) -> Item:
    """The investment project, of many departments."""
    return catalog.item("enterprise-investment-project")


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with http_client() as client:
        yield client


@pytest.fixture
async def applicant(stack: Stack, http: httpx.AsyncClient) -> Applicant:
    return await Applicant.sign_in(stack, http)


@pytest.fixture
async def officers(stack: Stack, http: httpx.AsyncClient) -> list[Officer]:
    return await sign_in_officers(stack, http)
