"""What sealing costs: cases a second through the whole system, with it and without it, in turns on one machine.

Both run the same programs; those without it are started by `bench.unsealed`. What is compared is finished cases: with sealing a
case has more events, because every release of keys is one.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
from tongban_catalog.load import load_catalog, with_keys
from tongban_catalog.publish import publish
from tongban_local import lifecycle, programs
from tongban_local.progress import silent
from tongban_local.stack import Stack
from tongban_local.supervise import Program

from bench.figures import Figure
from bench.pipeline import TRACE_RATIO, Applicant, automatic_item, issued_so_far, settle, warm_up

TURNS = 2
CASES = 150
BAR = 0.8


@contextmanager
def _without_sealing() -> Iterator[None]:
    """Services that are started meanwhile do not seal."""
    usual = programs.service_programs

    def unsealed(stack: Stack) -> list[Program]:
        return [replace(one, command=_unsealed(list(one.command))) for one in usual(stack)]

    programs.service_programs = unsealed
    try:
        yield
    finally:
        programs.service_programs = usual


def _unsealed(command: list[str]) -> list[str]:
    """``python -m package ...`` by way of `bench.unsealed`."""
    return [*command[:2], "bench.unsealed", *command[2:]]


async def _cases_a_second() -> float:
    """One turn: a fresh stack, warmed up, then a burst."""
    with lifecycle.temporary_stack("bench", announce=silent) as stack:
        await asyncio.to_thread(lifecycle.up, stack, silent)
        known = with_keys(load_catalog(), stack.acts_public)
        item = automatic_item()
        await publish(replace(known, items={"automatic": item}), stack.kafka)
        async with httpx.AsyncClient(timeout=30) as client:
            applicant = Applicant(stack, item, client)
            await asyncio.sleep(3)
            await settle(stack, await warm_up(stack, applicant, 60))
            already, began = await issued_so_far(stack), time.time()
            for _ in range(0, CASES, 50):
                await asyncio.gather(*(applicant.file() for _ in range(50)))
            return CASES / (await settle(stack, already + CASES) - began)


async def run(engines: Any) -> list[Figure]:
    """Runs on stacks of its own, one after another."""
    del engines
    os.environ["TONGBAN_TRACE_RATIO"] = str(TRACE_RATIO)
    sealed, unsealed = [], []
    for _ in range(TURNS):
        sealed.append(await _cases_a_second())
        with _without_sealing():
            unsealed.append(await _cases_a_second())
    ratios = [one / other for one, other in zip(sealed, unsealed, strict=True)]
    return [
        Figure("cases with sealing, best turn", max(sealed), "cases/s"),
        Figure("cases without sealing, best turn", max(unsealed), "cases/s"),
        Figure("with / without sealing, median of the turns", statistics.median(ratios), "", bar=BAR),
    ]
