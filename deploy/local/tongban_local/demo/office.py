"""Scripted officers: each works on the open tasks of one case, many at a time, with a little thought for each."""

import asyncio
import random
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar
from uuid import UUID

from tongban_local.people import Officer

THOUGHT = (0.3, 1.2)
"""Seconds that an officer thinks, at least and at most."""

_LOOK_SECONDS = 0.1
_thoughts = random.SystemRandom()
Result = TypeVar("Result")


async def grant_everything(officer: Officer, application: UUID, thought: tuple[float, float] = THOUGHT) -> None:
    """Take and grant every task of the case that opens, until cancelled. thought: seconds, at least and at most."""
    seen: set[str] = set()
    async with asyncio.TaskGroup() as group:
        while True:
            for task in await officer.tasks_of(application, "open"):
                if task["step"] not in seen:
                    seen.add(task["step"])
                    group.create_task(_grant(officer, application, task["step"], thought))
            await asyncio.sleep(_LOOK_SECONDS)


async def _grant(officer: Officer, application: UUID, step: str, thought: tuple[float, float]) -> None:
    await officer.act(application, step, "take")
    await asyncio.sleep(_thoughts.uniform(*thought))
    await officer.grant(application, step)


async def alongside(work: Iterable[Coroutine[Any, Any, None]], wanted: Coroutine[Any, Any, Result]) -> Result:
    """The wanted result, with work going on meanwhile; the work ends with it. Raises: what either side raises first."""
    goal = asyncio.ensure_future(wanted)
    workers = [asyncio.ensure_future(one) for one in work]
    try:
        done, _ = await asyncio.wait({goal, *workers}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        return await goal
    finally:
        for task in (goal, *workers):
            task.cancel()
        await asyncio.gather(goal, *workers, return_exceptions=True)
