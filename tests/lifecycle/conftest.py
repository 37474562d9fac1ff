"""The world over Kafka, once for the whole session."""

import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tongban_runtime.topics import create_topics

from tests.lifecycle.world import World, morning, world


@pytest.fixture
def life(on_kafka: World) -> World:
    """The world over Kafka, on the morning of Monday 2026-03-02; cases of other tests go on in it."""
    on_kafka.clock.set(morning("2026-03-02"))
    on_kafka.edge.down = False
    return on_kafka


@pytest.fixture(scope="session")
async def on_kafka(engines: Any, database: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    prefix = f"life{secrets.token_hex(3)}."
    await create_topics(engines.kafka, prefix)
    async with world(database, engines, tmp_path_factory.mktemp("kafka"), prefix, kafka=True) as found:
        yield found
