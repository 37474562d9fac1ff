"""What is easily forgotten: a route without a policy, a topic without a handler, a migration without a way back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from tongban_runtime.auth import guards_of, routes_without_policy
from tongban_runtime.database import run_dbmate
from tongban_runtime.limits import TABLE
from tongban_runtime.registry import Registry, Replay
from tongban_runtime.testing.clock import FakeClock
from tongban_schemas.events.applications import ApplicationSubmitted
from tongban_schemas.topics import TOPICS, topics_consumed_by

from tests.wired import SERVICES, Wired, wired


@pytest.fixture
async def service(request: pytest.FixtureRequest, engines: Any, database: Any, tmp_path: Path) -> AsyncIterator[Wired]:
    dsn = await database(f"tongban_{request.param}")
    async with wired(request.param, dsn, engines.kafka, tmp_path, FakeClock()) as found:
        yield found


@pytest.mark.parametrize("service", SERVICES, indirect=True)
async def test_every_route_has_exactly_one_policy(service: Wired) -> None:
    assert routes_without_policy(service.parts.app) == []


STRICTER = {
    ("certificates", "/verify/{number}"): {"look-up", "look-ups"},
    ("certificates", "/verify"): {"look-up", "look-ups"},
    ("certificates", "/v1/registers/{resource}/import"): {"upload"},
    ("certificates", "/registers/{resource}"): {"upload"},
    ("intake", "/v1/cases/search"): {"search"},
    ("intake", "/v1/drafts"): {"draft"},
    ("intake", "/apply/{code}"): {"draft"},
    ("intake", "/v1/proofs/{case}/{material}/file"): {"upload"},
    ("intake", "/proofs/{application}/{material}/file"): {"upload"},
    ("intake", "/applications/{application}/corrections"): {"upload"},
    ("intake", "/applications/{application}/materials"): {"upload"},
}
"""What takes files, begins drafts, or could be counted through."""


@pytest.mark.parametrize("service", SERVICES, indirect=True)
async def test_every_route_has_the_limits_of_its_kind(service: Wired) -> None:
    """Who has not signed in counts by address, a person by who it is; stricter limits stand where they are due."""
    name = service.runtime.settings.instance.split("-")[0]
    stricter: dict[tuple[str, str], set[str]] = {}
    for route in iter_route_contexts(service.parts.app.routes):
        for policy in guards_of(route) if isinstance(route.original_route, APIRoute) else ():
            usual, *more = policy.limits
            by_role = {frozenset(): "address", frozenset({"service"}): "service"}.get(policy.roles, "person")
            assert (usual, set(more) - set(TABLE)) == (by_role, set()), route.path
            if more:
                stricter[name, str(route.path_format)] = set(more)
    assert stricter == {place: limits for place, limits in STRICTER.items() if place[0] == name}


@pytest.mark.parametrize("service", SERVICES, indirect=True)
async def test_topics_and_handlers_agree(service: Wired) -> None:
    """Intake reads notifications and access in its view; everything else that a topic file promises has a handler."""
    name = service.runtime.settings.instance.split("-")[0]
    promised = {topic.topic for topic in topics_consumed_by(name)}
    handled = service.parts.registry.topics()
    read_by_the_view = {"tongban.notifications.v1", "tongban.access.v1"} if name == "intake" else set()
    assert handled | read_by_the_view == promised


@pytest.mark.parametrize("service", SERVICES, indirect=True)
async def test_every_handler_says_what_replay_does(service: Wired) -> None:
    for handler in service.parts.registry.handlers:
        assert handler.replay in Replay
        assert "Duplicates:" in handler.description
        assert "Failure:" in handler.description


def test_a_handler_without_its_promises_is_refused() -> None:
    async def silent(tx: Any, events: Any) -> Any:
        return None

    with pytest.raises(ValueError, match="Duplicates"):
        Registry().add(silent, ApplicationSubmitted, name="silent", replay=Replay.SAFE, description=None)


@pytest.mark.parametrize("service", SERVICES)
async def test_migrations_go_up_down_and_up(service: str, database: Any) -> None:
    package = f"tongban_{service}"
    dsn = await database(package)
    before = await _tables(dsn)
    while await _tables(dsn) - {"schema_migrations"}:
        await asyncio.to_thread(run_dbmate, dsn, package, "rollback")
    await asyncio.to_thread(run_dbmate, dsn, package, "migrate")
    assert await _tables(dsn) == before


async def _tables(dsn: str) -> set[str]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    finally:
        await connection.close()
    return {row["tablename"] for row in rows}


def test_topic_files_name_services_that_exist() -> None:
    for topic in TOPICS.values():
        assert {topic.owner, *topic.producers, *topic.consumers} <= {*SERVICES, "catalog"}
