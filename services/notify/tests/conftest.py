"""A fresh database of notify, and a mail server that tests can make refuse."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from tongban_catalog.shelf import Shelf
from tongban_notify.handlers import registry
from tongban_runtime.database import Pool, create_pool
from tongban_runtime.testing.clock import FakeClock

from .history import catalog
from .post_office import PostOffice

MakeDatabase = Callable[[str], Awaitable[str]]


@pytest.fixture
async def dsn(database: MakeDatabase) -> str:
    return await database("tongban_notify")


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[Pool]:
    opened = await create_pool(dsn, 6)
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def informed_pool(pool: Pool, clock: FakeClock) -> Pool:
    """The database after the catalogue has told its names."""
    handler = registry(Shelf(), clock).handler_of(catalog()[0].type)
    async with pool.acquire() as tx, tx.transaction():
        await handler.function(tx, catalog())
    return pool


@pytest.fixture
async def post_office(tmp_path: Path) -> AsyncIterator[PostOffice]:
    office = PostOffice(tmp_path / "maildir")
    await office.open()
    yield office
    await office.shut()
