"""``python -m tests.chaos``: the full campaign; ``--short`` for the three-minute form; ``--sabotage NAME`` to test the checker."""

import argparse
import asyncio
import secrets
import sys
import time

from tongban_catalog.item import Item, applicable_steps
from tongban_catalog.load import load_catalog
from tongban_local.lifecycle import engines_up, temporary_stack
from tongban_local.stack import SERVICES, Stack

from tests.chaos.campaign import Report, Scale, run
from tests.chaos.faults import Doses
from tests.chaos.sabotage import SABOTAGES
from tests.chaos.system import System

FULL = Scale(
    cases=220,
    doses=Doses(kills=5, freezes=2, kafka_kills=2, postgres_restarts=1),
    seconds=300.0,
    enrolments=80,
    families=16,
    corrections=80,
)
SHORT = Scale(
    cases=28,
    doses=Doses(kills=1, freezes=1, kafka_kills=1, postgres_restarts=1),
    seconds=70.0,
    rest=60.0,
    enrolments=12,
    families=3,
    corrections=16,
)
PROBE = Scale(cases=24, doses=Doses(kills=0, freezes=0, kafka_kills=0, postgres_restarts=0), seconds=6.0, rest=12.0)
PROBED = ("intake", "approvals-construction", "certificates", "notify")
"""Services of a sabotage probe: those that the single-step item needs."""


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)  # noqa: T201 - a command line talks to its user


def one_officer_settles(item: Item) -> bool:
    """Whether its example case ends when each open task is decided once: nobody has to receive it, agree, be asked or wait."""
    steps = applicable_steps(item, item.form.example())
    alone = all(step.quorum == 1 and step.quota is None and not step.opinions for step in steps)
    return item.acceptance.by == "rule" and alone


async def campaign(stack: Stack, scale: Scale, seed: int) -> Report:
    """The whole system under faults."""
    system = System(stack, f"c{secrets.token_hex(3)}", SERVICES)
    await system.start()
    try:
        items = [item for item in load_catalog().items.values() if one_officer_settles(item)]
        return await run(system, items, scale, seed, _say)
    finally:
        await system.stop()


async def probe(stack: Stack, sabotage: str, seed: int) -> Report:
    """A small run with one deliberate defect, or none for an empty name."""
    flaky = 0.25 if sabotage == "parked_key_skipped" else 0.02
    system = System(stack, f"p{secrets.token_hex(3)}", PROBED, sabotage=sabotage, flaky=flaky)
    await system.start()
    try:
        return await run(system, [load_catalog().item("credit-repair")], PROBE, seed, _say)
    finally:
        await system.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--seed", type=int, default=20260302)
    parser.add_argument("--short", action="store_true", help="the three-minute form")
    parser.add_argument("--sabotage", choices=["none", *SABOTAGES], nargs="*", help="probe the checker with defects")
    arguments = parser.parse_args()
    failed = False
    with temporary_stack("chaos", announce=_say) as stack:
        engines_up(stack, announce=_say)
        if arguments.sabotage is None:
            report = asyncio.run(campaign(stack, SHORT if arguments.short else FULL, arguments.seed))
            _say(str(report))
            failed = bool(report.violations)
            for name in SABOTAGES if not arguments.short else ():
                failed |= not _caught(stack, name, arguments.seed)
        else:
            for name in arguments.sabotage or SABOTAGES:
                failed |= not _caught(stack, "" if name == "none" else name, arguments.seed)
    sys.exit(1 if failed else 0)


def _caught(stack: Stack, name: str, seed: int) -> bool:
    """A defect must be caught, and a system without one must pass."""
    report = asyncio.run(probe(stack, name, seed))
    kinds = sorted({violation.kind for violation in report.violations})
    _say(f"{name or 'no defect'}: {len(report.violations)} violations {kinds}")
    for violation in report.violations[:3]:
        _say(f"    {violation.kind}: {violation.what}")
    return bool(report.violations) == bool(name)


if __name__ == "__main__":
    main()
