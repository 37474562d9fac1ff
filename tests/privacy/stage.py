"""One world in one process with the cases that people try to get data out of, each in another position."""

import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from uuid import UUID

from PIL import Image
from tongban_catalog.shelf import Shelf
from tongban_intake.api.context import Intake
from tongban_intake.facts import fact_of
from tongban_intake.folding import Changes, fold_changes
from tongban_intake.vault.erasing import erase
from tongban_local import tokens
from tongban_local.tokens import TokenRequest
from tongban_runtime.health import Heartbeat
from tongban_schemas.envelope import Event, EventData, encode_body
from tongban_schemas.events.access import AccessDoubted, AccessGranted
from tongban_schemas.events.evidence import EvidenceRequested

from tests.lifecycle import families
from tests.lifecycle.families import ENROLMENT, OWN, Family
from tests.lifecycle.world import CERTIFICATES, Make, Person, World, world
from tests.wired import ISSUER

CANARY = {
    "contact_name": "示例金丝雀",
    "contact_phone": "000-13579246",
    "contact_email": "canary@example.com",
}
"""What nobody may read in any answer: nor the family's number and what the registers say of it."""
REGISTERED = ("示例家长", "示范市示范街道 8 号", "示例儿童", "1880-05-01")
MEDICAL = {
    "resource": "medical-records-99",
    "values": {
        "hospital": "示范省 98 示范医院",
        "admitted_on": "2026-02-02",
        "discharged_on": "2026-02-09",
        "diagnosis": "示例诊断",
        "record_number": "示例病案 24680",
    },
}
NO_REGISTER = "work-proof"
"""The proof that no register has, so that it was uploaded."""
_WORKERS = ("answerer", "corrector", "issuer")


@dataclass(slots=True)
class Stage(World):
    """The world with its certificates' workers and the status view, and its cases by name with their owners."""

    cases: dict[str, UUID] = field(default_factory=dict)
    owners: dict[str, Person] = field(default_factory=dict)
    secret: set[str] = field(default_factory=set)
    certificate: str = ""
    doubt: UUID | None = None
    forged: set[UUID] = field(default_factory=set)
    _workers: list[Any] = field(default_factory=list)
    _folded: dict[UUID, int] = field(default_factory=dict)

    async def settle(self) -> None:
        """Until nothing is to be heard, answered, issued or folded."""
        while True:
            await World.settle(self)
            if not sum([await self._round(one) for one in self._made()]):
                break
        changes: Changes = {}
        for case, said in self._said.items():
            told = [fact for event in said[self._folded.get(case, 0) :] if (fact := fact_of(event)) is not None]
            self._folded[case] = len(said)
            if told:
                changes[str(case)] = (0, told)
        if changes:
            async with self.intake.pool.acquire() as tx, tx.transaction():
                await fold_changes(tx, Shelf(), 1, changes)

    def _made(self) -> list[Any]:
        if not self._workers:
            found = [self.services[name].parts.workers for name in CERTIFICATES]
            self._workers += [made[one](Heartbeat(one)) for made in found for one in _WORKERS]
        return self._workers

    async def _round(self, worker: Any) -> int:
        done: int = await (worker.issue_due() if hasattr(worker, "issue_due") else worker.round())
        return done

    @property
    def intake(self) -> Intake:
        found: Intake = self.services["intake"].parts.app.state.intake
        return found

    def service(self, name: str, *departments: str) -> Person:
        """A service that speaks for departments."""
        request = TokenRequest(role="service", service=name, departments=departments)
        token = tokens.sign(self.key, ISSUER, request)
        return Person(request.sub, {"Authorization": f"Bearer {token}"}, frozenset(departments))

    async def request(self, case: str, material: str) -> UUID:
        """The request for a proof of a case."""
        found = await families.events(self, self.cases[case], EvidenceRequested)
        return next(one.id for one in found if one.data.material == material)  # type: ignore[attr-defined]

    async def forge(self, name: UUID, case: UUID, data: EventData, source: str) -> Event:
        """Puts an event where everybody hears it, as somebody could who can write to the broker."""
        event = Event(
            id=name,
            source=source,
            subject=str(case),
            time=self.clock.now(),
            sequence=10_000 + len(self._said[case]),
            correlationid=case,
            data=data,
        )
        row = {
            "event_id": event.id,
            "topic": data.TOPIC,
            "type": event.type,
            "body": encode_body(data),
            "correlation_id": case,
            "causation_id": None,
            "traceparent": None,
            **{name: getattr(event, name) for name in ("source", "subject", "time", "sequence")},
        }
        self.forged.add(event.id)
        self._said[case].append(event)
        await self._deliver([row])
        return event

    async def ledger(self, case: str) -> list[Mapping[str, Any]]:
        """The lines that the case's owner reads."""
        found = await self.ask("intake", "GET", f"/v1/ledger/{self.cases[case]}", self.owners[case])
        lines: list[Mapping[str, Any]] = found["lines"]
        return lines

    def told(self, case: UUID) -> list[Event]:
        """Everything that was said about a case, in the order in which it came."""
        return list(self._said.get(case, ()))

    def keep(self, name: str, case: UUID, who: Family) -> UUID:
        self.cases[name], self.owners[name] = case, who.parent
        self.secret.add(who.number)
        return case


@asynccontextmanager
async def stage(make: Make, engines: Any, folder: Path) -> AsyncIterator[Stage]:
    """The world with all its cases, on the morning of Monday 2 March 2026 in China."""
    async with world(make, engines, folder, kafka=False) as found:
        made = Stage(**{one.name: getattr(found, one.name) for one in fields(found)})
        made.secret |= {*CANARY.values(), *REGISTERED}
        made.secret |= {str(MEDICAL["values"][name]) for name in ("diagnosis", "record_number")}  # type: ignore[index]
        await _enrolments(made)
        await _issued(made)
        await _medical(made)
        yield made


async def _enrolments(life: Stage) -> None:
    """``main``: accepted, all proofs there but one, which was uploaded; doubted. ``draft``; ``withdrawn``; ``erased``."""
    who, other = families.family(life), families.family(life)
    registers = [one for one in families.records() if one != "social-insurance-99"]
    await families.registered(life, who, registers)
    item = life.catalog.item(ENROLMENT)
    case = life.keep("main", await families.draft(life, who, item, OWN | CANARY), who)
    life.keep("draft", await families.draft(life, who, item, OWN | CANARY), who)
    life.keep("spare", await life.apply(who.parent, item, item.form.example() | CANARY), who)
    for name in ("withdrawn", "erased"):
        await _withdrawn(life, name, who)
    await _bring(life, who, case)
    await _submit(life, who)
    await families.accepted(life, case)
    looks = [one for one in await families.events(life, case, AccessGranted) if one.data.officer is not None]  # type: ignore[attr-defined]
    said = {"text": "为什么要看？"}
    await life.ask("intake", "POST", f"/v1/ledger/{case}/{looks[0].id}/doubt", who.parent, said)
    await life.settle()
    (doubted,) = await families.events(life, case, AccessDoubted)
    life.doubt = doubted.id
    life.keep("other", await families.draft(life, other, item, OWN), other)


async def _submit(life: Stage, who: Family) -> None:
    """Submits ``main``; the answer that no register gave is the person's own."""
    case = life.cases["main"]
    body = {
        "item": life.catalog.item(ENROLMENT).code,
        "region": "990101",
        "answers": OWN | CANARY | {"employer_name": "示例制造有限公司"},
    }
    kept = await life.call("intake", "PUT", f"/v1/drafts/{case}", who.parent, body, If_Match="*")
    assert kept.status_code == 200, kept.text
    await life.settle()
    await families.submitted(life, who, case)


async def _bring(life: Stage, who: Family, case: UUID) -> None:
    drawn = io.BytesIO()
    Image.new("RGB", (400, 400), "white").save(drawn, "PNG")
    path = f"/v1/proofs/{case}/{NO_REGISTER}/file"
    answer = await life.send("intake", "PUT", path, who.parent, content=drawn.getvalue())
    assert answer.status_code in (200, 202), answer.text
    await life.settle()


async def _withdrawn(life: Stage, name: str, who: Family) -> None:
    item = life.catalog.item(ENROLMENT)
    case = life.keep(name, await life.apply(who.parent, item, item.form.example() | CANARY), who)
    await life.ask("intake", "POST", f"/v1/applications/{case}/withdrawal", who.parent)
    await life.settle()
    if name == "erased":
        async with life.intake.pool.acquire() as tx, tx.transaction():
            await erase(tx, life.intake.vault, {case: "withdrawn"})
        await life.settle()


async def _issued(life: Stage) -> None:
    """``issued``: granted, its certificate made."""
    who = families.family(life)
    await families.registered(life, who, ["social-insurance-99"])
    item = await life.offer(families.insured(71, ["employer", "holder_name"]))
    case = life.keep("issued", await families.applied(life, who, item), who)
    await life.act(case, "LAND", "grant", life.officer("natural-resources"))
    life.certificate = (await families.issued(life, case)).number


async def _medical(life: Stage) -> None:
    """Requests that a person at the health commission answers: ``desk`` waits for it, ``answered``, ``mediated``; ``late`` ends
    within a day."""
    for name in ("desk", "answered", "mediated"):
        who = families.family(life)
        await families.pushed(life, str(MEDICAL["resource"]), who, MEDICAL["values"])  # type: ignore[arg-type]
        item = life.catalog.item("medical-reimbursement")
        answers = item.form.example() | CANARY | {"patient_id": who.number}
        case = await families.draft(life, who, item, answers, ("bills", "cost-list", "diagnosis"))
        life.keep(name, case, who)
        await families.submitted(life, who, case)
    health, desk = life.officer("health"), life.registers_of("health")
    released = await life.request("answered", "records")
    await life.ask(desk, "POST", f"/v1/sharing/requests/{released}/release", health)
    await life.settle()
    await _object(life, await life.request("mediated", "records"), health, desk)
    who = families.family(life)
    item = await life.offer(families.proving(72, str(MEDICAL["resource"]), ["hospital", "diagnosis"]))
    life.keep("late", await families.draft(life, who, item, item.form.example()), who)


async def _object(life: Stage, request: UUID, health: Person, desk: str) -> None:
    """Refused, objected to, refused once more and brought before the authority above."""
    officer, case = life.officer("medical-insurance"), life.cases["mediated"]
    refusal = {"ground": "under-investigation", "basis": "示例办法第一条", "reason": "正在核查"}
    for _ in range(2):
        await life.ask(desk, "POST", f"/v1/sharing/requests/{request}/refusal", health, refusal)
        await life.settle()
        await life.act(case, "BX", "evidence/records/objection", officer, {"argument": "法定需要"})
