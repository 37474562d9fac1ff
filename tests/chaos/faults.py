"""The seeded plan of faults, and carrying it out."""

import asyncio
import os
import random
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from tongban_local.errors import LocalStackError
from tongban_local.stack import Stack

Action = Literal["kill", "freeze", "restart"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to which program, ``at`` seconds after the start."""

    at: float
    program: str
    action: Action


@dataclass(frozen=True, slots=True)
class Doses:
    """How often each kind of fault hits each target."""

    kills: int
    freezes: int
    kafka_kills: int
    postgres_restarts: int


def plan(seed: int, programs: Sequence[str], doses: Doses, seconds: float) -> list[Fault]:
    """A repeatable plan, spread over ``seconds``."""
    rng = random.Random(seed)  # noqa: S311 - a seed makes the campaign repeatable
    actions: list[tuple[str, Action]] = [(program, "kill") for program in programs for _ in range(doses.kills)]
    actions += [(program, "freeze") for program in programs for _ in range(doses.freezes)]
    rng.shuffle(actions)
    engines: list[tuple[str, Action]] = [("kafka", "kill")] * doses.kafka_kills
    engines += [("postgres", "restart")] * doses.postgres_restarts
    for index, fault in enumerate(engines):
        actions.insert((index + 1) * len(actions) // (len(engines) + 1), fault)
    pause = seconds / max(1, len(actions))
    return [
        Fault(round(index * pause + rng.uniform(0, pause), 2), program, action)
        for index, (program, action) in enumerate(actions)
    ]


async def carry_out(stack: Stack, faults: Sequence[Fault], done: list[Fault]) -> None:
    """Does what the plan says; a fault whose program is just starting waits for it."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    freezes: list[asyncio.Task[None]] = []
    for fault in faults:
        await asyncio.sleep(max(0.0, began + fault.at - loop.time()))
        pid = await _running_pid(stack, fault.program)
        with suppress(ProcessLookupError):
            if fault.action == "kill":
                os.kill(pid, signal.SIGKILL)
            elif fault.action == "freeze":
                freezes.append(asyncio.create_task(_freeze(pid, 3.0)))
            else:
                await asyncio.to_thread(stack.restart, fault.program)
            done.append(fault)
    await asyncio.gather(*freezes)


async def _freeze(pid: int, seconds: float) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        os.kill(pid, signal.SIGCONT)


async def _running_pid(stack: Stack, program: str) -> int:
    async with asyncio.timeout(60):
        while True:
            with suppress(LocalStackError):
                return await asyncio.to_thread(stack.pid, program)
            await asyncio.sleep(0.2)
