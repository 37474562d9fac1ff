"""People at work in a canary run: each case is a canary's, and takes one of the ways that cases take."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from io import BytesIO
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import pikepdf
from tongban_catalog.item import Item
from tongban_catalog.load import Catalog
from tongban_local import ministry, tokens
from tongban_local.demo import registers
from tongban_local.demo.registers import Values
from tongban_local.issuer import Person, register
from tongban_local.people import REGION, Applicant, Officer, demo_role, expect
from tongban_local.stack import Stack
from tongban_local.tokens import TokenRequest
from tongban_schemas.types import JsonObject

from tests.privacy.canaries import Canary

QUICK: Final = "credit-repair"
ENROLMENT: Final = "primary-school-enrolment"
MEDICAL: Final = "medical-reimbursement"
_PATIENCE: Final = 240.0
_BY_SPREADSHEET: Final = ("home-right-99", "medical-records-99", "guardianship-98")
_VARIED: Final = 27
"""So many cases take all ways in turn; those after them take the ways that end in a decision."""
_LOOK_SECONDS: Final = 0.15
_STEPS: Final = ("JZ", "FW", "JY", "JH")
_BROUGHT: Final = ("bills", "cost-list", "diagnosis")


@dataclass(slots=True)
class Case:
    """One canary's case: which way it took, and what came of it. ``seen``: what its person is shown, to compare later."""

    canary: Canary
    way: str
    item: Item
    id: UUID
    certificate: str | None = None
    seen: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Town:
    """The stack and the people in it who are no canaries."""

    stack: Stack
    http: httpx.AsyncClient
    catalog: Catalog
    hold: asyncio.Semaphore

    def applicant(self, canary: Canary) -> Applicant:
        return Applicant(self.stack, self.http, self._headers(TokenRequest(role="citizen", sub=canary.subject)))

    def officer(self, service: str, role: str = "") -> Officer:
        who = demo_role(role or service.removeprefix("approvals-"))
        return Officer(self.stack, self.http, service, self._headers(who.request()))

    def _headers(self, request: TokenRequest) -> Mapping[str, str]:
        key = tokens.prepare(self.stack.secrets)
        return {"Authorization": f"Bearer {tokens.sign(key, self.stack.url('issuer'), request)}"}

    async def post(self, who: Applicant | Officer, service: str, path: str, body: object = None) -> httpx.Response:
        return await self.http.post(f"{self.stack.url(service)}{path}", json=body, headers=who.headers)

    async def get(self, who: Applicant | Officer, service: str, path: str) -> httpx.Response:
        return await self.http.get(f"{self.stack.url(service)}{path}", headers=who.headers)


Way = Callable[[Town, Canary, Item], Awaitable[Case]]


def introduce(stack: Stack, people: Sequence[Canary]) -> None:
    """Makes the canaries known to the issuer, before it starts."""
    known = {one.subject: Person(name=one.name, id_number=one.id_number, phone=one.phone) for one in people}
    register(stack.secrets, known)


async def fill_registers(town: Town, people: Sequence[Canary]) -> None:
    """Puts everybody into every register, in the way in which its department joins."""
    by_resource: dict[str, dict[str, Values]] = {}
    for one in people:
        for resource, values in _records(one).items():
            by_resource.setdefault(resource, {})[one.id_number] = values
    stack = town.stack
    ministry.keep(stack.ministry, "household-register", by_resource.pop("household-register"))
    told = (("residence-permit-99", "source-public-security"), ("social-insurance-99", "source-human-resources"))
    await asyncio.gather(
        *(registers.push(stack, town.http, client, resource, by_resource.pop(resource)) for resource, client in told),
        *(_import(town, resource, by_resource[resource]) for resource in _BY_SPREADSHEET),
    )


async def _import(town: Town, resource: str, records: Mapping[str, Values]) -> None:
    """A clerk brings in a spreadsheet, which stays in the clerk's folder."""
    file = town.stack.root / "demo" / f"{resource}.csv"
    file.parent.mkdir(exist_ok=True)
    registers.write_csv(file, records)
    service, role = ("certificates-98", "neighbour") if resource.endswith("-98") else ("certificates", "construction")
    answer = await town.http.post(
        f"{town.stack.url(service)}/v1/registers/{resource}/import",
        files={"file": (file.name, await asyncio.to_thread(file.read_bytes), "text/csv")},
        headers=town.officer(service, role).headers,
    )
    expect(answer, 200)


def _records(one: Canary) -> dict[str, Values]:
    return {
        "residence-permit-99": {
            "permit_number": one.latin("permit"),
            "holder_name": one.name,
            "address": one.address,
            "valid_until": "2027-06-30",
            "both_permits_valid": False,
        },
        "home-right-99": {"kind": "leased", "address": one.address, "certificate_number": one.latin("home")},
        "social-insurance-99": {"employer": "示例制造有限公司", "months": 26, "holder_name": one.name},
        "household-register": {
            "child_name": one.child,
            "child_birth_date": "1880-05-01",
            "household_region": "980101",
            "relation": "子女",
        },
        "guardianship-98": {"no_guardian": True, "issued_on": "2026-02-02"},
        "medical-records-99": {
            "hospital": "示范医院",
            "admitted_on": "2026-03-02",
            "discharged_on": "2026-03-09",
            "diagnosis": one.words("诊断"),
            "record_number": one.latin("record"),
        },
    }


async def work(town: Town, people: Sequence[Canary]) -> list[Case]:
    """Takes every canary through its case, some at a time."""
    lasting = [name for name in WAYS if name not in CAME_TO_NOTHING]

    async def one(place: int, canary: Canary) -> Case:
        names = list(WAYS) if place < _VARIED else lasting
        code, way = WAYS[names[place % len(names)]]
        async with town.hold:
            return await way(town, canary, town.catalog.item(code))

    return list(await asyncio.gather(*(one(place, canary) for place, canary in enumerate(people))))


async def until(ask: Callable[[], Awaitable[httpx.Response]], good: Callable[[Any], bool], what: str) -> Any:
    """The answer's JSON once it is a good one; what is not there yet is asked for again. Raises `TimeoutError`."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        answer = await ask()
        if answer.status_code == 200 and good(found := answer.json()):
            return found
        if answer.status_code not in (200, 404, 409, 503):
            expect(answer, 200)
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: {answer.status_code} {answer.text[:300]}")
        await asyncio.sleep(_LOOK_SECONDS)


async def _applied(town: Town, canary: Canary, item: Item, way: str, answers: JsonObject) -> Case:
    who = town.applicant(canary)
    await _mishaps(town, who, canary, item)
    contact = {"contact_name": canary.name, "contact_email": canary.email, "contact_phone": canary.phone}
    known = {name: value for name, value in contact.items() if name in item.form.fields}
    case, _ = await who.apply(item, {**item.form.example(), **known, **answers})
    return Case(canary, way, item, case)


async def _mishaps(town: Town, who: Applicant, canary: Canary, item: Item) -> None:
    """What people send by mistake, with what is theirs in it: refused, and not repeated in any log."""
    headers = {**who.headers, "Idempotency-Key": str(uuid4())}
    url = f"{town.stack.url('intake')}/v1/applications"
    wrong = {
        "item": item.code,
        "region": REGION,
        "answers": {canary.name: canary.words("误填"), "contact_email": canary.id_number},
    }
    expect(await town.http.post(url, json=wrong, headers=headers), 422)
    broken = f'{{"answers": {{"contact_name": "{canary.name}", '.encode()
    expect(await town.http.post(url, content=broken, headers=headers), 400)


async def _task(town: Town, officer: Officer, case: UUID, step: str) -> Any:
    """A step once it is open, as the officer is shown it."""
    path = f"/v1/tasks/{case}/{step}"
    return await until(
        lambda: town.get(officer, officer.service, path), lambda found: found["state"] != "waiting", f"{case} {step}"
    )


async def _issued(town: Town, case: Case) -> None:
    """Waits until the case has its certificate, and fetches it."""
    who = town.applicant(case.canary)
    status = await until(
        lambda: town.get(who, "intake", f"/v1/applications/{case.id}"),
        lambda found: found["state"] == "issued",
        f"{case.id} issued",
    )
    case.certificate = str(status["certificate"]["number"])
    await who.certificate(case.certificate)


async def _quick_issued(town: Town, canary: Canary, item: Item) -> Case:
    case = await _applied(town, canary, item, "quick-issued", {})
    await _issued(town, case)
    return case


async def _quick_refused(town: Town, canary: Canary, item: Item) -> Case:
    case = await _applied(town, canary, item, "quick-refused", {"listed_reason": "false_information"})
    officer = town.officer("approvals-construction")
    await _task(town, officer, case.id, "XF")
    body = {"reason_code": "conditions-not-met", "reason": canary.words("不符合移出条件")}
    await officer.act(case.id, "XF", "refuse", body)
    return case


async def _quick_withdrawn(town: Town, canary: Canary, item: Item) -> Case:
    case = await _applied(town, canary, item, "quick-withdrawn", {"listed_reason": "false_information"})
    await _task(town, town.officer("approvals-construction"), case.id, "XF")
    await town.applicant(canary).withdraw(case.id)
    return case


def _patient(canary: Canary) -> JsonObject:
    return {
        "patient_name": canary.name,
        "patient_id": canary.id_number,
        "hospital_name": canary.words("示范医院"),
        "bank_account": canary.id_number[:17] + "000",
    }


async def _medical_corrected(town: Town, canary: Canary, item: Item) -> Case:
    """The officer has a name corrected; another department and another person look where they may not."""
    case = await _applied(town, canary, item, "medical-corrected", _patient(canary))
    officer, who = town.officer("approvals-construction"), town.applicant(canary)
    await _task(town, officer, case.id, "BX")
    wanted = {"fields": ["patient_name"], "message": canary.words("姓名与票据不符")}
    await officer.act(case.id, "BX", "correction", wanted)
    asked = await until(
        lambda: town.get(officer, officer.service, f"/v1/tasks/{case.id}/BX"), lambda one: one["corrections"], "asked"
    )
    request = asked["corrections"][-1]["request"]
    body = {"request": request, "answers": {"patient_name": f"{canary.name}号"}}
    path = f"/v1/applications/{case.id}/corrections"
    await _insist(lambda: town.post(who, "intake", path, body), 202)
    expect(
        await town.get(town.officer("approvals-construction", "land"), officer.service, f"/v1/tasks/{case.id}/BX"),
        403,
        404,
    )
    expect(await town.get(town.applicant(Canary(999)), "intake", f"/v1/applications/{case.id}"), 404)
    await _insist(lambda: town.post(officer, officer.service, f"/v1/tasks/{case.id}/BX/grant", {}), 200)
    await _issued(town, case)
    return case


async def _medical_uploaded(town: Town, canary: Canary, item: Item) -> Case:
    """The source refuses the records, in words; the person brings them, an officer compares them and grants."""
    who, officer = town.applicant(canary), town.officer("approvals-construction")
    contact = {"contact_name": canary.name, "contact_email": canary.email, "contact_phone": canary.phone}
    answers = {**item.form.example(), **_patient(canary), **contact}
    draft = await _draft(town, who, item, answers)
    for name in _BROUGHT:
        await _bring(town, who, canary, draft, name)
    request = await until(
        lambda: town.get(officer, "certificates", "/v1/sharing/requests"),
        lambda found: any(one["application"] == str(draft) for one in found["requests"]),
        f"{draft} at the source",
    )
    name = next(one["request"] for one in request["requests"] if one["application"] == str(draft))
    expect(await town.get(officer, "certificates", f"/v1/sharing/requests/{name}"), 200)
    refusal = {"ground": "under-investigation", "basis": "示范办法第八条", "reason": canary.words("病历正在核查")}
    expect(await town.post(officer, "certificates", f"/v1/sharing/requests/{name}/refusal", refusal), 200)
    await _proofs(town, who, draft, lambda found: found["records"] == "refused")
    await _bring(town, who, canary, draft, "records")
    case = await _submitted(town, who, Case(canary, "medical-uploaded", item, draft))
    await _task(town, officer, draft, "BX")
    path = f"/v1/tasks/{draft}/BX"
    for material in (*_BROUGHT, "records"):
        check = f"{path}/evidence/{material}/check"
        await _insist(lambda check=check: town.post(officer, officer.service, check, {}), 200)  # type: ignore[misc]
        expect(await town.get(officer, "intake", f"/v1/proofs/{draft}/{material}/file"), 200)
    await _insist(lambda: town.post(officer, officer.service, f"{path}/grant", {}), 200)
    await _issued(town, case)
    return case


async def _enrolled(town: Town, canary: Canary, item: Item) -> Case:
    """Five proofs are fetched, every department looks and grants; the person doubts a line of the ledger."""
    case = await _enrolment(town, canary, item, "enrolled")
    officer, who = town.officer("approvals-construction"), town.applicant(canary)
    await _received(town, officer, case)
    for step in (*_STEPS, "RX"):
        await _task(town, officer, case.id, step)
        form = item.step(step).grant
        said = {"fields": {} if form is None else form.example()}
        path = f"/v1/tasks/{case.id}/{step}/grant"
        await _insist(lambda path=path, said=said: town.post(officer, officer.service, path, said), 200)  # type: ignore[misc]
    await _issued(town, case)
    ledger = expect(await town.get(who, "intake", f"/v1/ledger/{case.id}"), 200).json()
    line = next(one for one in ledger["lines"] if one["department"] == "public-security")
    doubt = {"text": canary.words("为何查看")}
    made = expect(await town.post(who, "intake", f"/v1/ledger/{case.id}/{line['event']}/doubt", doubt), 202).json()
    desk = town.officer("intake", "construction")
    path = f"/v1/doubts/{case.id}/{made['doubt']}"
    expect(await town.get(desk, "intake", path), 200)
    expect(await town.post(desk, "intake", f"{path}/explanation", {"text": canary.words("为核验居住证")}), 204)
    return case


async def _disputed(town: Town, canary: Canary, item: Item) -> Case:
    """The person disputes a proof, its source upholds it; then the desk does not accept the application, in words."""
    who, officer = town.applicant(canary), town.officer("approvals-construction")
    draft = await _enrolment_draft(town, canary, item)
    body = {"fields": ["address"], "text": canary.words("住址有误")}
    expect(await town.post(who, "intake", f"/v1/proofs/{draft}/residence-permit/dispute", body), 202)
    found = await until(
        lambda: town.get(officer, "certificates", "/v1/sharing/disputes"),
        lambda found: any(one["application"] == str(draft) for one in found["disputes"]),
        f"{draft} disputed",
    )
    name = next(one["dispute"] for one in found["disputes"] if one["application"] == str(draft))
    expect(await town.get(officer, "certificates", f"/v1/sharing/disputes/{name}"), 200)
    answer = {"outcome": "upheld", "text": canary.words("经核查无误")}
    expect(await town.post(officer, "certificates", f"/v1/sharing/disputes/{name}/answer", answer), 200)
    case = await _submitted(town, who, Case(canary, "disputed", item, draft))
    desk = town.officer("intake", "construction")
    body = {"reason_code": "no-permit-needed", "reason": canary.words("不需要办理")}
    await _insist(lambda: town.post(desk, "intake", f"/v1/receipts/{draft}/non-acceptance", body), 200)
    return case


async def _enrolment_withdrawn(town: Town, canary: Canary, item: Item) -> Case:
    case = await _enrolment(town, canary, item, "enrolment-withdrawn")
    officer = town.officer("approvals-construction")
    await _received(town, officer, case)
    for step in _STEPS:
        await _task(town, officer, case.id, step)
    await town.applicant(canary).withdraw(case.id)
    return case


async def _discarded(town: Town, canary: Canary, item: Item) -> Case:
    """A draft whose proofs were fetched is thrown away: its key goes with it."""
    draft = await _enrolment_draft(town, canary, item)
    who = town.applicant(canary)
    expect(await town.http.delete(f"{town.stack.url('intake')}/v1/drafts/{draft}", headers=who.headers), 204)
    return Case(canary, "discarded", item, draft)


async def _enrolment(town: Town, canary: Canary, item: Item, way: str) -> Case:
    draft = await _enrolment_draft(town, canary, item)
    return await _submitted(town, town.applicant(canary), Case(canary, way, item, draft))


async def _enrolment_draft(town: Town, canary: Canary, item: Item) -> UUID:
    asked = {
        "work_kind": "employed",
        "contact_name": canary.name,
        "contact_phone": canary.phone,
        "contact_email": canary.email,
    }
    who = town.applicant(canary)
    draft = await _draft(town, who, item, asked)
    await _proofs(town, who, draft, lambda found: list(found.values()).count("provided") == 5)
    return draft


async def _bring(town: Town, who: Applicant, canary: Canary, draft: UUID, material: str) -> None:
    await _insist(
        lambda: town.http.put(
            f"{town.stack.url('intake')}/v1/proofs/{draft}/{material}/file",
            content=paper(canary),
            headers={**who.headers, "Content-Disposition": f'attachment; filename="{canary.latin("paper")}.pdf"'},
        ),
        202,
    )


async def _draft(town: Town, who: Applicant, item: Item, answers: JsonObject) -> UUID:
    body = {"item": item.code, "region": REGION, "answers": answers}
    draft = UUID(expect(await town.post(who, "intake", "/v1/drafts", body), 201).json()["draft"])
    expect(await town.post(who, "intake", f"/v1/proofs/{draft}"), 202)
    return draft


async def _proofs(town: Town, who: Applicant, case: UUID, good: Callable[[dict[str, str]], bool]) -> None:
    await until(
        lambda: town.get(who, "intake", f"/v1/proofs/{case}"),
        lambda found: good({one["material"]: one["state"] for one in found["proofs"]}),
        f"proofs of {case}",
    )


async def _submitted(town: Town, who: Applicant, case: Case) -> Case:
    await _insist(lambda: town.post(who, "intake", f"/v1/drafts/{case.id}/submission?again=true"), 202)
    return case


async def _received(town: Town, officer: Officer, case: Case) -> None:
    """The receiving desk looks at the case and accepts it."""
    desk = town.officer("intake", "construction")
    await until(lambda: town.get(desk, "intake", f"/v1/receipts/{case.id}"), lambda _: True, f"{case.id} at the desk")
    await _insist(lambda: town.post(desk, "intake", f"/v1/receipts/{case.id}/accept", {}), 200)


async def _insist(ask: Callable[[], Awaitable[httpx.Response]], *statuses: int) -> httpx.Response:
    """The answer once it is one of these; what another service has not heard of yet is tried again."""
    deadline = time.monotonic() + _PATIENCE
    while (answer := await ask()).status_code in (404, 409, 429, 503) and time.monotonic() < deadline:
        await asyncio.sleep(_LOOK_SECONDS)
    return expect(answer, *statuses)


def paper(canary: Canary) -> bytes:
    """A PDF of one page that names the person, in its title and in a deflated stream."""
    with pikepdf.new() as document:
        page = document.add_blank_page(page_size=(300, 200))
        text = f"BT /F1 12 Tf 20 100 Td ({canary.latin('paper')} {canary.id_number}) Tj ET"
        page.contents_add(document.make_stream(text.encode()))
        font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
        page.obj.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
        document.docinfo["/Title"] = f"{canary.name} {date(2026, 3, 2)}"
        kept = BytesIO()
        document.save(kept, compress_streams=True)
    return kept.getvalue()


WAYS: Final[Mapping[str, tuple[str, Way]]] = {
    "quick-issued": (QUICK, _quick_issued),
    "enrolled": (ENROLMENT, _enrolled),
    "quick-refused": (QUICK, _quick_refused),
    "medical-corrected": (MEDICAL, _medical_corrected),
    "quick-withdrawn": (QUICK, _quick_withdrawn),
    "disputed": (ENROLMENT, _disputed),
    "medical-uploaded": (MEDICAL, _medical_uploaded),
    "enrolment-withdrawn": (ENROLMENT, _enrolment_withdrawn),
    "discarded": (ENROLMENT, _discarded),
}
"""The ways that cases take, in turn."""
CAME_TO_NOTHING: Final = frozenset({"quick-withdrawn", "enrolment-withdrawn", "disputed", "discarded"})
"""Withdrawn, not accepted, thrown away: what is kept for thirty days, or not at all."""
