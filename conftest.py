"""Engines for every test that needs them: real Kafka and real PostgreSQL, found once a session."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from tongban_local.provider import Engines
from tongban_runtime.database import create_pool, migrate
from tongban_runtime.topics import create_topics

pytest_plugins = ["tongban_local.pytest_plugin"]

MakeDatabase = Callable[[str], Awaitable[str]]


@pytest.fixture(scope="session")
def database(engines: Engines) -> MakeDatabase:
    """Makes a fresh database with the migrations of a service's package, and returns its address."""

    templates: dict[str, str] = {}

    def address(name: str) -> str:
        return urlunsplit(urlsplit(engines.postgres)._replace(path=f"/{name}"))

    async def make(package: str) -> str:
        if package not in templates:
            template = f"{package}_template_{secrets.token_hex(4)}"
            await migrate(address(template), package)
            templates[package] = template
        name = f"{package}_{secrets.token_hex(4)}"
        connection = await asyncpg.connect(address("postgres"))
        try:
            await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{templates[package]}" STRATEGY WAL_LOG')
        finally:
            await connection.close()
        return address(name)

    return make


@pytest.fixture
async def topics(engines: Engines) -> str:
    """A prefix under which every topic was freshly made."""
    prefix = f"t{secrets.token_hex(4)}."
    await create_topics(engines.kafka, prefix)
    return prefix


@pytest.fixture
async def runtime_pool(database: MakeDatabase) -> AsyncIterator[object]:
    """Connections to a fresh database that holds the runtime's tables alone."""
    pool = await create_pool(await database("tongban_runtime"), 6)
    yield pool
    await pool.close()
