"""The world, once over Kafka and once carried by hand, for the whole session."""

import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tongban_runtime.topics import create_topics

from tests.lifecycle.world import World, world


@pytest.fixture(scope="session")
async def on_kafka(engines: Any, database: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    prefix = f"life{secrets.token_hex(3)}."
    await create_topics(engines.kafka, prefix)
    async with world(database, engines, tmp_path_factory.mktemp("kafka"), prefix, kafka=True) as found:
        yield found


@pytest.fixture(scope="session")
async def by_hand(engines: Any, database: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(database, engines, tmp_path_factory.mktemp("hand"), "", kafka=False) as found:
        yield found
