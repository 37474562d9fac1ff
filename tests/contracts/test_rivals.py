"""Deployments as they are started in production tell each other what they serve alone, and their operators of a conflict."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tongban_local import tokens
from tongban_local.tokens import TokenRequest
from tongban_runtime.service import _components
from tongban_runtime.settings import RuntimeSettings
from tongban_runtime.testing.clock import FakeClock

from ..wired import ISSUER, SERVICES, Wired, settings_class, wired


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_says_what_it_serves_alone(service: str) -> None:
    kind: Any = settings_class(f"tongban_{service}")
    assert kind.serves_alone is not RuntimeSettings.serves_alone


@asynccontextmanager
async def consuming(deployment: Wired) -> AsyncIterator[None]:
    every = _components(deployment.runtime, deployment.parts, ["consumer"])
    assert {"consumer", "rivals"} <= every.keys()
    running = [every[name] for name in ("consumer", "rivals")]
    tasks = [asyncio.create_task(component.run()) for component in running]
    try:
        yield
    finally:
        for component in running:
            component.stop()
        await asyncio.gather(*tasks)


async def told(deployment: Wired) -> Any:
    key = tokens.prepare(deployment.secrets)
    headers = {"Authorization": f"Bearer {tokens.sign(key, ISSUER, TokenRequest(role='operator'))}"}
    transport = httpx.ASGITransport(app=deployment.parts.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://deployment.invalid") as client:
        answer = await client.get("/ops/rivals", headers=headers)
        assert answer.status_code == 200
        return answer.json()


async def test_operators_are_told_of_a_second_deployment_for_one_department(
    database: Any, engines: Any, topics: str, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        made = [
            await stack.enter_async_context(
                wired(
                    "approvals",
                    await database("tongban_approvals"),
                    engines.kafka,
                    tmp_path,
                    FakeClock(),
                    departments=departments,
                    prefix=topics,
                )
            )
            for departments in ("ecology,housing", "health,ecology")
        ]
        first, second = made
        await stack.enter_async_context(consuming(first))
        async with asyncio.timeout(30):
            while not await first.runtime.pool.fetchval("SELECT count(*) FROM position"):
                await asyncio.sleep(0.2)
        await stack.enter_async_context(consuming(second))
        async with asyncio.timeout(50):
            while not (rivals := await told(second)):
                await asyncio.sleep(0.2)
        assert [(one["deployment"], one["kind"], one["names"]) for one in rivals] == [
            (first.runtime.settings.instance, "steps", ["ecology"])
        ]
