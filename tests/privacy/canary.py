"""``python -m tests.privacy.canary``: canary names and numbers in many cases, looked for everywhere; then twenty erasures.

Two things are shown. Nothing personal lies anywhere but in sealed values, in the registers that own it, and in the mail of the
person it is about. And after an erasure nobody opens what was sealed, whoever has every file of the system, while the chains
and the signatures of the erased cases hold, their status is still shown, and nobody else's case is touched.
"""

import asyncio
import base64
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, cast
from uuid import UUID

import asyncpg
from tongban_catalog.load import Catalog, load_catalog, with_keys
from tongban_local import lifecycle
from tongban_local.errors import LocalStackError
from tongban_local.people import expect, http_client
from tongban_local.programs import service_environment
from tongban_local.progress import silent
from tongban_local.stack import PROJECT, Stack
from tongban_runtime.acts import ActInvalidError, verify
from tongban_runtime.auth import SESSION_COOKIE
from tongban_runtime.clock import READ_SECONDS, write_shift
from tongban_schemas.types import Act

from tests.chaos.collect import read_log
from tests.chaos.model import Logged
from tests.privacy import canaries, insider, places, plants
from tests.privacy.canaries import Canary
from tests.privacy.places import Collector, Search
from tests.privacy.scanning import Scanner
from tests.privacy.work import CAME_TO_NOTHING, Case, Town, fill_registers, introduce, work

AT_ONCE: Final = 8
_PATIENCE: Final = 300.0
_TRIES: Final = 3
_LATER: Final = timedelta(days=31)
"""After this time what was withdrawn or not accepted is due to be erased."""
_FIRST: Final = ("enrolled", "medical-uploaded", "medical-corrected", "quick-issued", "quick-refused")
"""The ways of which cases are erased by name, in this order."""

Say = Callable[[str], None]


@dataclass(slots=True)
class Report:
    """What a run found. ``failures``: every sentence is something that must not be."""

    cases: int = 0
    ways: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    searched: list[str] = field(default_factory=list)
    erased: int = 0
    opened_before: int = 0
    opened_after: int = 0
    dead_keys: int = 0
    acts: int = 0
    unharmed: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    clean: set[bytes] = field(default_factory=set, repr=False)

    def __str__(self) -> str:
        took = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in self.seconds.items())
        lines = [
            f"{self.cases} cases {dict(self.ways)}",
            *self.searched,
            f"{self.erased} erased: {self.opened_before} values opened before, {self.opened_after} after; {self.dead_keys} dead "
            f"copies of their keys found, {self.acts} acts verify, {self.unharmed} others unharmed",
            took,
            *(f"FAILED {one}" for one in self.failures[:40]),
        ]
        return "\n".join(lines)


async def run(stack: Stack, collector: Collector, cases: int, erasures: int, say: Say = silent) -> Report:
    """One run on a stack on which nothing was started yet. ``cases`` up to 999, ``erasures`` of them."""
    report = Report(cases=cases)
    people = [Canary(number) for number in range(cases)]
    clock = _Stopwatch(report, say)
    introduce(stack, people)
    await asyncio.to_thread(_start, stack)
    await places.leave_nothing_unseen(stack)
    clock.lap("start")
    catalog = with_keys(load_catalog(), stack.acts_public)
    async with http_client(timeout=_PATIENCE) as http:
        town = Town(stack, http, catalog, asyncio.Semaphore(AT_ONCE))
        await fill_registers(town, people)
        done = await work(town, people)
        report.ways.update(case.way for case in done)
        await settle(stack)
        clock.lap("work")
        await _search(report, town, collector, "before erasure")
        clock.lap("search")
        await _erase(report, town, done, erasures)
        clock.lap("erase")
        async with plants.planted(stack, http, collector.address):
            await _search(report, town, collector, "after erasure", planted=True)
        clock.lap("search again")
    return report


def _start(stack: Stack) -> None:
    """Brings the stack up; on a busy machine a service may need longer than one try allows."""
    for _ in range(_TRIES - 1):
        with suppress(LocalStackError):
            return lifecycle.up(stack, silent)
    return lifecycle.up(stack, silent)


@dataclass(slots=True)
class _Stopwatch:
    report: Report
    say: Say
    since: float = field(default_factory=time.monotonic)

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.report.seconds[name], self.since = now - self.since, now
        self.say(f"{name}: {self.report.seconds[name]:.1f} s")


async def settle(stack: Stack) -> None:
    """Waits until nothing is unsent, unmade, unanswered or unmailed, and the spans of it are written."""
    busy = dict.fromkeys(places.databases(), "EXISTS (SELECT FROM outbox WHERE sent_at IS NULL)")
    busy["tongban_notify"] += " OR EXISTS (SELECT FROM notification WHERE state = 'pending')"
    for name in ("tongban_certificates", "tongban_certificates_98"):
        busy[name] += " OR EXISTS (SELECT FROM certificate WHERE state = 'due')"
        busy[name] += " OR EXISTS (SELECT FROM evidence_request WHERE state = 'open')"
    deadline, quiet = time.monotonic() + _PATIENCE, 0
    while quiet < 3:
        quiet = 0 if [name for name, question in busy.items() if await _ask(stack, name, question)] else quiet + 1
        if time.monotonic() > deadline:
            raise TimeoutError("the stack does not come to rest")
        await asyncio.sleep(0.5)
    await asyncio.sleep(1.0)


async def _ask(stack: Stack, database: str, question: str) -> bool:
    connection = await asyncpg.connect(stack.database(database))
    try:
        return bool(await connection.fetchval(f"SELECT {question}"))
    finally:
        await connection.close()


async def _search(report: Report, town: Town, collector: Collector, when: str, *, planted: bool = False) -> None:
    """Looks everywhere. ``planted``: a canary was put into every kind of place, and each of these has to be found."""
    search = await Search(town.stack, Scanner(clean=report.clean)).everywhere(town.http, collector)
    looked = ", ".join(f"{name} {count}" for name, count in sorted(search.counts.items()))
    size = search.scanner.bytes_read / 1e6
    found = [one for one in search.findings if not (planted and plants.is_planted(one))]
    report.searched.append(f"{when}: {len(found)} findings in {size:.0f} MB: {looked}")
    report.failures += [f"{when}: {one}" for one in found]
    if planted and (blind := plants.missed(search.findings)):
        report.failures.append(f"the search does not see {blind}")
    for sort in (
        "kafka",
        "logs",
        "traces",
        "mail",
        "tables",
        "pages",
        "log segments",
        "processes",
        "exports",
        "records",
    ):
        if not search.counts.get(sort):
            report.failures.append(f"{when}: nothing was looked at of {sort}")


@dataclass(frozen=True, slots=True)
class _Known:
    """What the insider could do before the erasure: the control that the attack works at all."""

    fields: Mapping[UUID, Mapping[bytes, str | None]]
    roots: Mapping[UUID, set[bytes]]
    keks: Sequence[bytes]


async def _erase(report: Report, town: Town, done: Sequence[Case], erasures: int) -> None:
    stack = town.stack
    chosen, others = choose(done, erasures)
    report.erased = len(chosen)
    for case in done:
        if case.way != "discarded":
            case.seen = await _seen(town, case)
    before = await _before(report, stack, chosen, others[:3])
    named = [case for case in chosen if case.way not in CAME_TO_NOTHING]
    for case in named:
        _command(stack, "erase", "--application", str(case.id), "--ground", "retention-over")
    write_shift(stack.clock_shift, _LATER)
    await asyncio.sleep(2 * READ_SECONDS)
    _command(stack, "erase", "--due")
    await settle(stack)
    await _attack(report, stack, chosen, others[:3], before)
    if (wrong := _command(stack, "ledger", "check").rsplit(" ", 1)[1].strip()) != "0":
        report.failures.append(f"ledger check: {wrong} chains do not hold")
    gone = {case.id for case in chosen}
    log = await read_log(stack.kafka, stack.topic_prefix)
    erased = {UUID(one.subject) for one in log if one.type == "cn.tongban.access.erased.v1"}
    if erased != gone:
        report.failures.append(f"erased are {len(erased)} cases, not {len(gone)}; {len(erased ^ gone)} differ")
    report.acts = _verify_acts(report, log, gone, town.catalog)
    for case in chosen:
        await _check_erased(report, town, case)
    for case in others:
        await _check_other(report, town, case)


def choose(done: Sequence[Case], erasures: int) -> tuple[list[Case], list[Case]]:
    """Who is erased, and who is not: all that came to nothing and every draft thrown away, then others up to the number."""
    nothing = [case for case in done if case.way in CAME_TO_NOTHING]
    rest = [case for case in done if case.way not in CAME_TO_NOTHING]
    turns: Counter[str] = Counter()
    ranked = []
    for case in rest:
        ranked.append((turns[case.way], _FIRST.index(case.way), case))
        turns[case.way] += 1
    ranked.sort(key=lambda one: one[:2])
    more = [case for _, _, case in ranked[: max(erasures - len(nothing), 0)]]
    return nothing + more, [case for case in rest if case not in more]


async def _before(report: Report, stack: Stack, chosen: Sequence[Case], control: Sequence[Case]) -> _Known:
    """The attack while the keys are there: every whole value opens, else the attack would prove nothing later."""
    kept = [case for case in chosen if case.way != "discarded"]
    loot = await _loot(stack, [*chosen, *control])
    roots = loot.unwrap()
    fields = {}
    for case in chosen:
        names = insider.fields_of(case.item, case.certificate)
        fields[case.id] = found = loot.open(case.id, names, roots.get(case.id, ()))
        whole = [name for raw, name in found.items() if loot.sealed[case.id][raw]]
        if case in kept and (None in whole or not whole):
            report.failures.append(
                f"control: {whole.count(None)} of {len(whole)} values of {case.way} {case.id} do not open"
            )
        report.opened_before += sum(name is not None for name in found.values())
    missing = [case.id for case in (*kept, *control) if not roots.get(case.id)]
    if missing:
        report.failures.append(f"control: the insider finds no key of {missing}")
    return _Known(fields, roots, loot.keks)


async def _attack(
    report: Report, stack: Stack, chosen: Sequence[Case], control: Sequence[Case], before: _Known
) -> None:
    """The attack after the erasure, with all that is left; and with the destroyed key beside it, to see that it looks well."""
    loot = await _loot(stack, [*chosen, *control])
    roots = loot.unwrap()
    every = {root for found in roots.values() for root in found}
    for case in chosen:
        if roots.get(case.id):
            report.failures.append(f"the key of the erased {case.way} {case.id} can be unwrapped")
        known: dict[bytes, str | None] = {}
        known.update(before.fields[case.id])
        if case.way == "discarded":
            known = {}
        names = insider.fields_of(case.item, case.certificate)
        opened = [raw for raw, name in loot.open(case.id, names, every, known).items() if name is not None]
        report.opened_after += len(opened)
        if opened:
            report.failures.append(f"{len(opened)} values of the erased {case.way} {case.id} still open")
    for case in control:
        if not roots.get(case.id):
            report.failures.append(f"control: the insider finds no key of {case.id}, which was not erased")
    with_dead = loot.unwrap(before.keks)
    report.dead_keys = sum(bool(with_dead.get(case.id)) for case in chosen)
    if not report.dead_keys:
        report.failures.append("control: no dead copy of an erased key was found, although the log keeps them")
    await asyncio.to_thread(_plain_keys, report, stack, before, [case.id for case in chosen])


def _plain_keys(report: Report, stack: Stack, before: _Known, chosen: Collection[UUID]) -> None:
    """No key lies anywhere as it is: neither in raw bytes nor as text."""
    needles: dict[bytes, str] = {}
    for case in chosen:
        for root in before.roots.get(case, ()):
            forms = (
                root,
                root.hex().encode(),
                base64.urlsafe_b64encode(root).rstrip(b"="),
                base64.b64encode(root).rstrip(b"="),
            )
            needles |= dict.fromkeys(forms, "key")
    scanner = Scanner(needles)
    for path in sorted(stack.root.rglob("*")):
        if path.is_file() and not path.is_symlink():
            report.failures += [
                f"a key in the clear: {one.place} @{one.offset}" for one in scanner.file(path, path.name)
            ]


async def _loot(stack: Stack, cases: Sequence[Case]) -> insider.Loot:
    await places.checkpoint(stack)
    connection = await asyncpg.connect(stack.database("tongban_intake"))
    try:
        rows = await connection.fetch("SELECT application, fingerprint FROM vault_key")
    finally:
        await connection.close()
    marks = {row["application"]: bytes(row["fingerprint"]) for row in rows}
    log = await read_log(stack.kafka, stack.topic_prefix)
    tables = await places.every_table(stack)
    wanted = {case.id: marks[case.id] for case in cases}
    return await asyncio.to_thread(insider.gather, stack, wanted, log, tables)


def _command(stack: Stack, *arguments: str) -> str:
    """A command of intake, as an operator gives it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TONGBAN_")}
    done = subprocess.run(
        [sys.executable, "-m", "tongban_intake", *arguments],
        cwd=PROJECT,
        env=environment | service_environment(stack, "intake"),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode != 0 and arguments[0] != "ledger":
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


async def _seen(town: Town, case: Case) -> dict[str, str]:
    """What the person sees of the own case that the passing of time does not change: the page, the values of proofs, the file."""
    who = town.applicant(case.canary)
    status = expect(await town.get(who, "intake", f"/v1/applications/{case.id}"), 200).json()
    shown = {"state": str(status["state"]), "number": str(status["number"])}
    proofs = await town.get(who, "intake", f"/v1/proofs/{case.id}")
    if proofs.status_code == 200:
        values = [(one["material"], one["values"]) for one in proofs.json()["proofs"]]
        shown["proofs"] = str(values)
    page = await town.http.get(
        f"{town.stack.url('intake')}/applications/{case.id}",
        headers={"Cookie": f"{SESSION_COOKIE}={who.headers['Authorization'].removeprefix('Bearer ')}"},
    )
    shown["page"] = f"{page.status_code} {sorted({one.kind for one in canaries.read(page.text)})}"
    shown["text"] = page.text
    if case.certificate is not None:
        answer = await town.get(who, "certificates", f"/v1/certificates/{case.certificate}/pdf")
        shown["file"] = str(answer.status_code)
    return shown


async def _check_erased(report: Report, town: Town, case: Case) -> None:
    """The status of an erased case is still shown, with nothing personal in it; a discarded draft is gone."""
    if case.way == "discarded":
        return
    now = await _seen(town, case)
    if now["state"] != case.seen["state"] or not now["page"].startswith("200"):
        report.failures.append(f"the erased {case.way} {case.id} is shown as {now['state']} {now['page']}")
    personal = list(canaries.read(now["text"] + now.get("proofs", "")))
    if personal:
        report.failures.append(f"the erased {case.way} {case.id} still shows {personal[:3]}")
    if now.get("file", "410") not in ("404", "410", "403"):
        report.failures.append(f"the certificate of the erased {case.id} answers {now['file']}")


async def _check_other(report: Report, town: Town, case: Case) -> None:
    now = await _seen(town, case)
    wrong = [name for name in ("state", "number", "proofs", "page", "file") if now.get(name) != case.seen.get(name)]
    if wrong or now.get("file", "200") != "200":
        told = [f"{name}: {case.seen.get(name)} -> {now.get(name)}" for name in wrong]
        report.failures.append(f"{case.way} {case.id}, which was not erased, changed: {told}"[:400])
    else:
        report.unharmed += 1


def _verify_acts(report: Report, log: Sequence[Logged], gone: Collection[UUID], catalog: Catalog) -> int:
    """Checks every formal act of the erased cases against the keys that the catalogue published; how many there are."""
    keys = {body.uscc: body.keys for body in catalog.departments.values()}
    count = 0
    for one in log:
        if UUID(one.subject) not in gone:
            continue
        for act in _acts(one.body):
            count += 1
            try:
                verify(act, keys.get(act.body, ()))
            except ActInvalidError as error:
                report.failures.append(f"an act of the erased {one.subject} does not verify: {error}")
    if not count:
        report.failures.append("the erased cases have no formal act")
    return count


def _acts(value: object) -> Iterator[Act]:
    if isinstance(value, dict):
        if "jws" in value:
            yield Act.model_validate(cast("dict[str, Any]", value))
        else:
            for inner in value.values():
                yield from _acts(inner)
