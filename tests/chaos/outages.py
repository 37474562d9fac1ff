"""``python -m tests.chaos.outages``: engines go away for minutes and the clock jumps, while people submit.

Kafka: nobody is refused. PostgreSQL: every service says 503 and when to come back. The clock: an hour forward and back. No process
ends, and afterwards every promise of the campaign holds: nothing lost, nothing doubled, the view equals its rebuild.
"""

import argparse
import asyncio
import secrets
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
from tongban_catalog.load import load_catalog
from tongban_local.lifecycle import engines_up, temporary_stack
from tongban_local.stack import SERVICES
from tongban_runtime.clock import write_shift

from tests.chaos.__main__ import one_officer_settles
from tests.chaos.campaign import Report, Say, Scale, run
from tests.chaos.faults import Doses
from tests.chaos.load import Submitted
from tests.chaos.system import System

SEED = 20260302
_BETWEEN = 20.0
"""Seconds in which everything runs, before and after each outage."""
_JUMP = timedelta(hours=1)
_JUMPED = 20.0
_SETTLED = 5.0
"""Seconds that a service may take to notice that PostgreSQL has gone."""
_NOBODY_HURT = Doses(kills=0, freezes=0, kafka_kills=0, postgres_restarts=0)


@dataclass(slots=True)
class Outages:
    """How long each engine is away, in seconds, and what was seen meanwhile."""

    system: System
    kafka: float
    postgres: float
    say: Say
    refused: int = 0
    """Submissions that were not accepted at once while Kafka was away."""
    accepted: int = 0
    """Submissions that were, in that time."""
    answers: Counter[str] = field(default_factory=Counter)
    """What services said while PostgreSQL was away: service, status, whether it says when to come back."""
    ended: list[str] = field(default_factory=list)
    """Programs that did not live through all of it."""

    @property
    def seconds(self) -> float:
        return self.kafka + self.postgres + 2 * _JUMPED + 4 * _BETWEEN

    @property
    def wrong_answers(self) -> dict[str, int]:
        return {what: count for what, count in self.answers.items() if not what.endswith("503 Retry-After")}

    async def happen(self, submitted: Submitted) -> None:
        """One after another, with time between to go on."""
        before = self._pids()
        await asyncio.sleep(_BETWEEN)
        await self._without_kafka(submitted)
        await asyncio.sleep(_BETWEEN)
        await self._without_postgres()
        await asyncio.sleep(_BETWEEN)
        await self._clock_jumps()
        await asyncio.sleep(_BETWEEN)
        after = self._pids()
        self.ended = [name for name, pid in before.items() if after[name] != pid]

    def _pids(self) -> dict[str, int]:
        return {name: self.system.stack.pid(name) for name in self.system.names}

    async def _without_kafka(self, submitted: Submitted) -> None:
        retries, cases = submitted.retries, len(submitted.cases)
        async with _Away(self, "kafka"):
            await asyncio.sleep(self.kafka)
            self.refused, self.accepted = submitted.retries - retries, len(submitted.cases) - cases

    async def _without_postgres(self) -> None:
        async with _Away(self, "postgres"), httpx.AsyncClient(timeout=30) as client:
            await asyncio.sleep(_SETTLED)
            end = time.monotonic() + self.postgres - _SETTLED
            while time.monotonic() < end:
                await asyncio.gather(*(self._ask(client, name) for name in SERVICES if name != "intake-view"))
                await asyncio.sleep(2)

    async def _ask(self, client: httpx.AsyncClient, service: str) -> None:
        try:
            response = await client.get(f"{self.system.url(service)}/health/ready")
        except httpx.TransportError as problem:
            self.answers[f"{service} {type(problem).__name__}"] += 1
            return
        comes_back = " Retry-After" if response.headers.get("retry-after") else ""
        self.answers[f"{service} {response.status_code}{comes_back}"] += 1

    async def _clock_jumps(self) -> None:
        for shift in (_JUMP, timedelta(0)):
            self.say(f"the clock is {shift} ahead")
            write_shift(self.system.stack.clock_shift, shift)
            await asyncio.sleep(_JUMPED)

    def __str__(self) -> str:
        return (
            f"without Kafka for {self.kafka:.0f} s: {self.accepted} submissions accepted, {self.refused} refused\n"
            f"without PostgreSQL for {self.postgres:.0f} s: {self.answers.total()} answers, "
            f"of them not 503 with Retry-After: {self.wrong_answers or 'none'}\n"
            f"programs that ended: {', '.join(self.ended) or 'none'}"
        )


@dataclass(slots=True)
class _Away:
    """An engine is stopped, and started again at the end of the block."""

    outages: Outages
    engine: str

    async def __aenter__(self) -> None:
        self.outages.say(f"{self.engine} goes away")
        await asyncio.to_thread(self.outages.system.stack.supervisor.stop, [self.engine])

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.outages.system.stack.supervisor.ensure_started, [self.engine])
        self.outages.say(f"{self.engine} is back")


async def campaign(outages: Outages, per_second: float) -> Report:
    """People submit ``per_second`` all the while."""
    items = [item for item in load_catalog().items.values() if one_officer_settles(item)]
    scale = Scale(cases=int(outages.seconds * per_second), doses=_NOBODY_HURT, seconds=outages.seconds, rest=180.0)
    await outages.system.start()
    try:
        return await run(outages.system, items, scale, SEED, outages.say, outages.happen)
    finally:
        await outages.system.stop()


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)  # noqa: T201 - a command line talks to its user


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.outages")
    parser.add_argument("--kafka", type=float, default=600.0, help="seconds without Kafka")
    parser.add_argument("--postgres", type=float, default=120.0, help="seconds without PostgreSQL")
    parser.add_argument("--rate", type=float, default=0.5, help="submissions in a second")
    arguments = parser.parse_args()
    with temporary_stack("outages", announce=_say) as stack:
        engines_up(stack, announce=_say)
        system = System(stack, f"o{secrets.token_hex(3)}", SERVICES, flaky=0.0)
        outages = Outages(system, arguments.kafka, arguments.postgres, _say)
        report = asyncio.run(campaign(outages, arguments.rate))
    _say(f"{outages}\n{report}")
    held = not (report.violations or outages.refused or outages.wrong_answers or outages.ended)
    sys.exit(0 if held and outages.accepted and outages.answers and report.finished == report.submitted else 1)


if __name__ == "__main__":
    main()
