"""Families whose child starts school, the registers that know them, and what they and the officers do about proofs."""

import csv
import io
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import httpx
from tongban_catalog.codes import citizen_check_character
from tongban_catalog.item import Item
from tongban_intake.facts import Fact, fact_of
from tongban_intake.ledger.lines import ledger
from tongban_intake.presentation.proofs import proofs_shown, waited_for
from tongban_intake.presentation.shown import Department, ProofShown, Words
from tongban_intake.status import status
from tongban_schemas.envelope import Event, EventData
from tongban_schemas.events.certificates import CertificateIssued
from tongban_schemas.types import JsonObject

from tests.lifecycle.edge import PULLED
from tests.lifecycle.sample import item, material, step
from tests.lifecycle.world import Person, World

ENROLMENT = "primary-school-enrolment"
OWN: JsonObject = {
    "work_kind": "employed",
    "contact_name": "示例联系人",
    "contact_phone": "000-00000000",
    "contact_email": "contact@example.com",
}
"""All that a family is asked."""
BY_TABLE = ("home-right-99", "guardianship-98")
"""Registers of departments that have nothing but a spreadsheet; the others send events, or are asked."""
STEPS = {"JZ": "public-security", "FW": "housing", "JY": "human-resources", "JH": "street-office-99"}
"""The steps of the enrolment that look at proofs, and who decides them."""
_SERIAL = count(1)


@dataclass(frozen=True, slots=True)
class Family:
    """The parent who applies, known to the registers by this number."""

    parent: Person
    number: str


def family(life: World) -> Family:
    """A new family; the number belongs to nobody (birth year 1880, region 99)."""
    serial = next(_SERIAL)
    body = f"99010118800101{serial:03}"
    number = body + citizen_check_character(body)
    return Family(life.citizen(f"family {number}", number), number)


def records(*, both_permits: bool = False) -> dict[str, JsonObject]:
    """What the registers say of a family from region 98, by resource."""
    address = "示范市示范街道 8 号"
    return {
        "residence-permit-99": {
            "permit_number": "99-0001",
            "holder_name": "示例家长",
            "address": address,
            "valid_until": "2027-06-30",
            "both_permits_valid": both_permits,
        },
        "home-right-99": {"kind": "leased", "address": address, "certificate_number": "示范备案第 8 号"},
        "social-insurance-99": insurance(),
        "guardianship-98": {"no_guardian": True, "issued_on": "2026-02-02"},
        PULLED: {
            "child_name": "示例儿童",
            "child_birth_date": "1880-05-01",
            "household_region": "980101",
            "relation": "子女",
        },
    }


def insurance(**changed: Any) -> JsonObject:
    """A record of the social insurance register."""
    return {"employer": "示例制造有限公司", "months": 26, "holder_name": "示例家长"} | changed


async def registered(life: World, who: Family, only: Collection[str] = (), *, both_permits: bool = False) -> None:
    """The registers know a family from now on, each in its department's own way. ``only``: these registers."""
    for resource, values in records(both_permits=both_permits).items():
        if only and resource not in only:
            continue
        if resource == PULLED:
            life.edge.keep(who.number, values, life.clock.now())
        elif resource in BY_TABLE:
            await imported(life, resource, who, values)
        else:
            await pushed(life, resource, who, values)


async def imported(life: World, resource: str, who: Family, values: Mapping[str, Any]) -> JsonObject:
    """An officer of the provider hands in a table with one row; the report."""
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow(["holder", *values])
    table.writerow([who.number, *(_cell(value) for value in values.values())])
    provider = life.catalog.resources[resource].provider
    answer = await life.send(
        life.registers_of(provider),
        "POST",
        f"/v1/registers/{resource}/import",
        life.officer(provider),
        files={"file": ("records.csv", written.getvalue().encode("gb18030"), "text/csv")},
    )
    assert answer.status_code == 200, answer.text
    report: JsonObject = answer.json()
    assert report["bad"] == 0, report
    return report


def _cell(value: object) -> object:
    return ("是" if value else "否") if isinstance(value, bool) else value


async def pushed(
    life: World, resource: str, who: Family, values: Mapping[str, Any], name: str | None = None
) -> JsonObject:
    """The provider's own system says what it has. ``name``: the event's id."""
    provider = life.catalog.resources[resource].provider
    news = {
        "specversion": "1.0",
        "id": name or str(uuid4()),
        "source": f"/{provider}",
        "type": "cn.tongban.register.put",
        "time": life.clock.now().isoformat(),
        "data": {"holder": who.number, "values": dict(values)},
    }
    path, sender = f"/v1/registers/{resource}/events", life.program(provider)
    answer = await life.call(
        life.registers_of(provider), "POST", path, sender, news, Content_Type="application/cloudevents+json"
    )
    assert answer.status_code == 200, answer.text
    taken: JsonObject = answer.json()
    return taken


async def draft(life: World, who: Family, of: Item, answers: Mapping[str, Any], materials: Iterable[str] = ()) -> UUID:
    """A draft whose proofs are being fetched. ``materials``: what is brought."""
    body = {"item": of.code, "region": "990101", "answers": dict(answers)}
    made = await life.ask("intake", "POST", "/v1/drafts", who.parent, body)
    await life.ask("intake", "POST", f"/v1/proofs/{made['draft']}", who.parent)
    await life.bring(who.parent, UUID(made["draft"]), materials)
    return UUID(made["draft"])


async def submitted(life: World, who: Family, case: UUID) -> None:
    """The draft is submitted under its own id."""
    answer = await life.ask("intake", "POST", f"/v1/drafts/{case}/submission?again=true", who.parent)
    assert UUID(answer["application"]) == case
    await life.settle()


async def enrolled(life: World, who: Family) -> UUID:
    """An enrolment that the receiving desk accepted."""
    case = await draft(life, who, life.catalog.item(ENROLMENT), OWN)
    await submitted(life, who, case)
    await accepted(life, case)
    return case


async def accepted(life: World, case: UUID) -> None:
    """The street office accepts an enrolment."""
    desk = life.officer("street-office-99", "receiver")
    await life.ask("intake", "POST", f"/v1/receipts/{case}/accept", desk, {})
    await life.settle()


async def shown(life: World, who: Family, case: UUID) -> dict[str, Any]:
    """The case's proofs as the family sees them, by material."""
    found = await life.ask("intake", "GET", f"/v1/proofs/{case}", who.parent)
    return {one["material"]: one for one in found["proofs"]}


async def task(life: World, case: UUID, name: str, who: Person) -> Any:
    """A step as its department sees it."""
    return await life.ask(life.desk_of(next(iter(who.departments))), "GET", f"/v1/tasks/{case}/{name}", who)


async def view(life: World, case: UUID, of: Item) -> tuple[list[ProofShown], str]:
    """The proofs as the status shows them, and what the case waits for, in Chinese; folded here, for the world has no view."""
    told = status(await _lean(life, case))
    proofs = proofs_shown(told.proofs, of, lambda name: Department(id=name, name=Words(zh=name, en=name)))
    waited = waited_for(proofs)
    return proofs, "" if waited is None else waited.zh


async def ledger_kinds(life: World, case: UUID) -> list[str]:
    """The kinds of the lines of a case's ledger, newest first."""
    return [line.kind for line in ledger(await _lean(life, case))]


async def _lean(life: World, case: UUID) -> list[Fact]:
    return [found for event in await life.facts(case) if (found := fact_of(event)) is not None]


async def issued(life: World, case: UUID) -> CertificateIssued:
    """The certificate of a case, once it was made."""
    for _ in range(400):
        for one in await life.said(case, CertificateIssued):
            assert isinstance(one, CertificateIssued)
            return one
        await life.settle()
    raise AssertionError("no certificate came")


async def events(life: World, case: UUID, model: type[EventData]) -> list[Event]:
    """What was said of one type, with the envelopes."""
    return [event for event in await life.facts(case) if isinstance(event.data, model)]


async def repeat(life: World, cases: Iterable[UUID]) -> None:
    """Everything that was said about the cases is sent once more."""
    again = list(cases)
    for service in life.services.values():
        await service.runtime.pool.execute("UPDATE outbox SET sent_at = NULL WHERE subject = ANY($1)", again)
    await life.settle()


async def parked(life: World, case: UUID) -> int:
    """How many records about a case no service can handle."""
    return sum(
        [
            await service.runtime.pool.fetchval("SELECT count(*) FROM parked WHERE key = $1", str(case))
            for service in life.services.values()
        ]
    )


def kind(answer: httpx.Response) -> str:
    """The type of a problem, without what stands before its name."""
    return str(answer.json()["type"]).rsplit(":", 1)[-1]


def insured(serial: int, fields: Iterable[str]) -> Item:
    """A small item whose one proof is the applicant's social insurance record: these fields of it."""
    return proving(serial, "social-insurance-99", fields)


def proving(serial: int, resource: str, fields: Iterable[str]) -> Item:
    """A small item whose one proof, ``record``, is the applicant's record in a register."""
    source = {"material": "record", "resource": resource, "fields": list(fields), "basis": ["rule"]}
    return item(
        serial, [step("LAND", "land", inputs=["plot", "record"])], materials=[material("record")], sources=[source]
    )


async def applied(life: World, who: Family, of: Item) -> UUID:
    """An application for a small item, made from a draft."""
    case = await draft(life, who, of, of.form.example())
    await submitted(life, who, case)
    return case
