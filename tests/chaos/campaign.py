"""One campaign: load, faults, quiet, evidence, verdict."""

import asyncio
import hashlib
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tongban_catalog.item import Item
from tongban_catalog.load import load_catalog
from tongban_local import programs

from tests.chaos import collect, enrolment, load, proofs, sources
from tests.chaos.checker import check, republished
from tests.chaos.faults import Doses, Fault, carry_out, plan
from tests.chaos.load import Submitted
from tests.chaos.model import Evidence, Violation
from tests.chaos.sources import Sources
from tests.chaos.system import System

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Scale:
    """How much work, how many faults, and how long the system may take to come to rest afterwards.

    cases: applications of one person for every item. enrolments: of this many ``families``, with proofs. corrections: of
    records in the registers.
    """

    cases: int
    doses: Doses
    seconds: float
    rest: float = 120.0
    enrolments: int = 0
    families: int = 0
    corrections: int = 0


_PROOFS = {
    "requested": proofs.REQUESTED,
    "provided": proofs.PROVIDED,
    "corrected": proofs.CORRECTED,
    "disputed": proofs.DISPUTED,
}


@dataclass(slots=True)
class Report:
    """What a campaign found. ``violations`` is empty when every promise held."""

    seed: int
    submitted: int
    finished: int
    records: int
    republished: int
    retries: int
    seconds: float
    faults: list[Fault]
    violations: list[Violation]
    view_hash: str
    rebuild_hash: str
    states: dict[str, int] = field(default_factory=dict)
    proofs: dict[str, int] = field(default_factory=dict)
    """How many were requested, provided, corrected, disputed."""

    def __str__(self) -> str:
        kinds = Counter(one.kind for one in self.violations)
        hits: dict[str, int] = {}
        for fault in self.faults:
            hits[f"{fault.action} {fault.program}"] = hits.get(f"{fault.action} {fault.program}", 0) + 1
        lines = [
            f"seed {self.seed}: {self.submitted} submitted, {self.finished} finished {self.states}, {self.seconds:.0f} s",
            f"{self.records} records, {self.republished} of them repeats; {self.retries} requests sent again",
            f"lost {kinds['lost']}, duplicate effects {kinds['duplicate']}, order violations {kinds['order']}, "
            f"broken chains {kinds['chain']}",
            f"proofs: {', '.join(f'{count} {what}' for what, count in self.proofs.items())}; unanswered {kinds['unanswered']}, "
            f"unasked {kinds['unasked']}, untold {kinds['untold']}, misdirected {kinds['misdirected']}, "
            f"overtaken {kinds['overtaken']}",
            f"view {self.view_hash[:16]} {'=' if self.view_hash == self.rebuild_hash else '!='} rebuild {self.rebuild_hash[:16]}",
            f"faults: {', '.join(f'{name} x{count}' for name, count in sorted(hits.items())) or 'none'}",
        ]
        lines += [f"  {one.kind}: {one.what}" for one in self.violations[:30]]
        return "\n".join(lines)


async def run(
    system: System,
    items: Sequence[Item],
    scale: Scale,
    seed: int,
    say: Say,
    outages: Callable[[Submitted], Coroutine[Any, Any, None]] | None = None,
) -> Report:
    """Runs a campaign on a started system. The system is left running.

    outages: what else happens to the system while people submit.
    """
    began, seconds = time.monotonic(), scale.seconds * 0.8
    rng = random.Random(seed)  # noqa: S311 - a seed makes the campaign repeatable
    catalog, submitted, done = load_catalog(), Submitted(), list[Fault]()
    enrolled, families = catalog.item(enrolment.ITEM), enrolment.families(scale.families)
    registers = Sources(system, catalog, submitted)
    people = [asyncio.create_task(one) for one in _at_work(system, submitted, seed)]
    try:
        if families:
            await registers.fill(families)
        await asyncio.gather(
            load.apply(system, items, scale.cases, seconds, rng, submitted),
            enrolment.enrol(system, enrolled, families, scale.enrolments, seconds, submitted),
            registers.correct(scale.corrections, seconds, seed),
            carry_out(system.stack, plan(seed, system.names, scale.doses, scale.seconds), done),
            *([outages(submitted)] if outages else []),
        )
        say(f"{len(submitted.cases)} submitted, {len(done)} faults; waiting for rest")
        await _wait_for_rest(system, submitted, scale.rest, say)
    finally:
        for one in people:
            one.cancel()
        await asyncio.gather(*people, return_exceptions=True)
    evidence = await collect.gather(system, submitted, registers.changes)
    if "intake-view" in system.services:
        evidence.view_hash, evidence.rebuild_hash = await _hashes(system)
    known = {item.code: item for item in (*items, enrolled)}
    return _report(evidence, known, submitted, done, seed, time.monotonic() - began)


def _at_work(system: System, submitted: Submitted, seed: int) -> list[Coroutine[Any, Any, None]]:
    """Those who answer for ever: officers of every department, the receiving desk, people at sources."""
    officers = [
        load.decide(system, service, 0.002, seed) for service in system.services if service in programs.APPROVALS
    ]
    desks = [
        sources.attend(system, service, submitted) for service in system.services if service in programs.CERTIFICATES
    ]
    return [*officers, *desks, load.receive(system)]


async def _wait_for_rest(system: System, submitted: Submitted, patience: float, say: Say) -> None:
    """Until every case has ended everywhere, or nothing has moved for ``patience`` seconds."""
    last, moved = (-1, -1), time.monotonic()
    while time.monotonic() - moved < patience:
        with suppress(OSError, TimeoutError):
            log = await collect.read_log(system.stack.kafka, system.prefix)
            ended = {record.subject for record in log if record.type in _ENDS}
            if (len(log), len(ended)) != last:
                last, moved = (len(log), len(ended)), time.monotonic()
                say(f"{len(ended)}/{len(submitted.cases)} ended, {len(log)} records")
            elif submitted.cases.keys() <= ended and time.monotonic() - moved > 6 and await collect.is_idle(system):
                return
        await asyncio.sleep(1.5)


_ENDS = {
    "cn.tongban.certificate.issued.v1",
    "cn.tongban.approval.refused.v1",
    "cn.tongban.application.withdrawn.v1",
}


async def _hashes(system: System) -> tuple[str, str]:
    """Rows and hashes by partition, of the live view and of the view rebuilt from offset zero."""
    said = await system.rebuild()
    pairs = re.findall(r"partition (\d+): (\d+ \S+) \| (\d+ \S+)", said)
    if not pairs or "not compared" in said:
        return said, "not comparable"
    live = " ".join(f"{number}:{one}" for number, one, _ in pairs)
    rebuilt = " ".join(f"{number}:{other}" for number, _, other in pairs)
    return _digest(live), _digest(rebuilt)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _report(
    evidence: Evidence,
    items: Mapping[str, Item],
    submitted: Submitted,
    done: list[Fault],
    seed: int,
    seconds: float,
) -> Report:
    violations = check(evidence, items)
    ended = {record.subject for record in evidence.log if record.type in _ENDS}
    states: dict[str, int] = {}
    for state in evidence.view_states.values():
        states[state] = states.get(state, 0) + 1
    told = Counter(kind for _, kind in {(record.event_id, record.type) for record in evidence.log})
    return Report(
        seed=seed,
        submitted=len(submitted.cases),
        finished=len(ended & submitted.cases.keys()),
        records=len(evidence.log),
        republished=republished(evidence),
        retries=submitted.retries,
        seconds=seconds,
        faults=done,
        violations=violations,
        view_hash=evidence.view_hash,
        rebuild_hash=evidence.rebuild_hash,
        states=states,
        proofs={what: told[kind] for what, kind in _PROOFS.items()},
    )
