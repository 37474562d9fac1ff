"""Cases are found by number, by the departments that have them, and every case found says so."""

import hashlib
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from tongban_catalog.codes import normalised
from tongban_catalog.load import Catalog
from tongban_intake.evidence.identity import IDENTITY_FIELD, Identity
from tongban_intake.store import applications, case_index, evidence
from tongban_intake.store.evidence import Consent
from tongban_intake.vault import searching
from tongban_intake.vault.erasing import erase
from tongban_intake.vault.known import cases_known
from tongban_intake.vault.searching import hashed, index_anew, index_person
from tongban_schemas.envelope import Event
from tongban_schemas.events.access import AccessGranted

from .conftest import Service
from .counter import kind_of
from .test_cases import correction_asked

LEAD, STEP, STRANGER = "administrative-approval", "development-reform", "education"
OFFICER = UUID(int=8)


@pytest.fixture
def uscc() -> str:
    """A number that no other test uses."""
    return f"9199{uuid4().int % 10**13:013}X"


async def applied(service: Service, application: dict[str, Any], uscc: str) -> UUID:
    """An application of an organisation, which intake has heard of."""
    body = application | {"answers": application["answers"] | {"company_uscc": uscc}}
    headers = {
        "Idempotency-Key": str(uuid4()),
        "Authorization": f"Bearer {service.token(uuid4(), acts_for=uscc)}",
    }
    async with service.client() as client:
        answer = await client.post("/v1/applications", json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    case = UUID(answer.json()["application"])
    await service.hear(*await service.outbox(case))
    return case


async def look(
    service: Service, value: object, department: str = LEAD, kind: str = "enterprise", *duties: str
) -> httpx.Response:
    async with service.client(OFFICER, "officer", [department], duties or ["receiver"]) as client:
        return await client.post("/v1/cases/search", json={"kind": kind, "value": value})


async def looks(service: Service, case: UUID) -> list[Event]:
    return [event for event in await service.outbox(case) if isinstance(event.data, AccessGranted)]


async def test_departments_find_their_cases_and_each_says_so(
    service: Service, application: dict[str, Any], uscc: str
) -> None:
    case, other = await applied(service, application, uscc), await applied(service, application, "91990000000000000A")
    for department, written in ((LEAD, uscc.lower()), (STEP, f" {uscc[:4]}-{uscc[4:]}"), (LEAD, fullwidth(uscc))):
        answer = await look(service, written, department)
        assert answer.status_code == 200, answer.text
        (found,) = answer.json()["cases"]
        assert (found["application"], found["department"], found["ended"]) == (str(case), department, False)
        assert found["number"]
    told = [event.data for event in await looks(service, case)]
    assert [one.model_dump(include={"department", "purpose", "fields", "officer"}) for one in told] == [
        {"department": department, "purpose": "receive", "fields": ["identity"], "officer": OFFICER}
        for department in (LEAD, STEP, LEAD)
    ]
    assert await looks(service, other) == []


async def test_of_cases_of_others_nobody_learns_anything(
    service: Service, application: dict[str, Any], uscc: str
) -> None:
    case = await applied(service, application, uscc)
    for department, kind in ((STRANGER, "enterprise"), (LEAD, "citizen")):
        answer = await look(service, uscc, department, kind)
        assert (answer.status_code, answer.json()) == (200, {"cases": []})
    assert await looks(service, case) == []


async def test_who_may_not_search_and_what_is_no_number(service: Service) -> None:
    async with service.client() as nobody, service.client(uuid4()) as citizen:
        for status, client in ((401, nobody), (403, citizen)):
            answer = await client.post("/v1/cases/search", json={"kind": "citizen", "value": "990101188001010019"})
            assert answer.status_code == status
    assert kind_of(await look(service, "990101188001010019", LEAD, "citizen", "supervisor")) == (403, "not-a-receiver")
    for value in ("", "1234", "金丝雀甲乙丙丁戊", "x" * 101, "123456' OR '1", 123456, None):
        answer = await look(service, value)
        assert kind_of(answer) == (422, "invalid-request")
        (error,) = answer.json()["errors"]
        assert error["field"] == "value"
        assert error["message_zh"] != error["message_en"]
        assert not value or str(value) not in answer.text
    assert [one["field"] for one in (await look(service, "123456", LEAD, "dog")).json()["errors"]] == ["kind"]


async def test_the_newest_are_found_page_by_page(
    service: Service, application: dict[str, Any], uscc: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [await applied(service, application, uscc) for _ in range(4)]
    monkeypatch.setattr(searching, "_PAGE", 1)
    monkeypatch.setattr(searching, "MOST", 3)
    found = [UUID(one["application"]) for one in (await look(service, uscc)).json()["cases"]]
    assert found == cases[:0:-1]
    assert await looks(service, cases[0]) == []


async def test_the_database_holds_no_number_and_forgets_with_the_case(
    service: Service, application: dict[str, Any], uscc: str
) -> None:
    case, vault, pool = await applied(service, application, uscc), service.intake.vault, service.runtime.pool
    person = f"99{uuid4().int % 10**15:015}X"
    async with pool.acquire() as tx, tx.transaction():
        await index_person(tx, vault, case, person)
        await index_person(tx, vault, case, None)
    (found,) = (await look(service, person, LEAD, "citizen")).json()["cases"]
    assert found["application"] == str(case)
    rows = await pool.fetch("SELECT kind, hash FROM case_index WHERE application = $1 ORDER BY kind", case)
    assert [row["kind"] for row in rows] == ["citizen", "enterprise"]
    guesses = {hashlib.sha256(number.encode()).digest() for number in (person, uscc)}
    assert all(len(row["hash"]) == 32 and row["hash"] not in guesses for row in rows)
    async with pool.acquire() as tx, tx.transaction():
        await erase(tx, vault, {case: "retention-over"})
    assert await case_index.find(pool, "enterprise", hashed(vault.encryption, uscc), None, 9) == []
    assert (await look(service, uscc)).json() == {"cases": []}


async def test_a_number_that_was_corrected_finds_the_case_no_more(
    service: Service, application: dict[str, Any], uscc: str
) -> None:
    case, vault, pool = await applied(service, application, uscc), service.intake.vault, service.runtime.pool
    person, right = f"99{uuid4().int % 10**15:015}X", f"9199{uuid4().int % 10**13:013}X"
    sealed = (await service.keys(case)).seal(case, IDENTITY_FIELD, Identity("示例", person).text())
    item = await applications.item_of(pool, case)
    assert item is not None
    async with pool.acquire() as tx, tx.transaction():
        await evidence.keep(tx, Consent(case, item, sealed, service.intake.clock.now()))
        await index_person(tx, vault, case, person)
    asked = correction_asked(str(case), ["company_uscc"])
    await service.hear(asked)
    owner = await pool.fetchval("SELECT applicant FROM application WHERE id = $1", case)
    signed_in = {"Authorization": f"Bearer {service.token(owner, acts_for=right)}"}
    async with service.client() as client:
        body = {"request": str(asked.id), "answers": {"company_uscc": right}}
        answer = await client.post(f"/v1/applications/{case}/corrections", json=body, headers=signed_in)
    assert answer.status_code == 202, answer.text
    assert (await look(service, uscc)).json() == {"cases": []}
    for number, kind in ((right, "enterprise"), (person, "citizen")):
        (found,) = (await look(service, number, LEAD, kind)).json()["cases"]
        assert found["application"] == str(case)
    async with pool.acquire() as tx, tx.transaction():
        await erase(tx, vault, {case: "retention-over"})
        history = (await cases_known(tx, vault.shelf, [case], ()))[case]
        assert history.item is not None
        await index_anew(tx, vault, [(case, history.item, history.history)])
    assert await pool.fetchval("SELECT count(*) FROM case_index WHERE application = $1", case) == 0


async def test_a_citizens_own_number_is_found_though_it_is_sealed(service: Service, catalog: Catalog) -> None:
    item = catalog.items["birth-registration"]
    answers = item.form.example()
    number = str(answers["mother_id"])
    body = {"item": item.code, "region": "990000", "language": "zh", "answers": answers}
    async with service.client(uuid4()) as client:
        answer = await client.post("/v1/applications", json=body, headers={"Idempotency-Key": str(uuid4())})
    assert answer.status_code == 202, answer.text
    case = answer.json()["application"]
    await service.hear(*await service.outbox(case))
    department = item.acceptance.choice.department_of(answers)
    (found,) = (await look(service, number, department, "citizen")).json()["cases"]
    assert (found["application"], found["item_name"]["zh"]) == (case, item.name.zh)


def test_numbers_are_compared_however_they_are_written() -> None:
    assert (
        normalised(fullwidth("9901-0118 8001010019x"))
        == normalised("99010118800101001 9X")
        == "99010118800101" + "0019X"
    )


def fullwidth(text: str) -> str:
    return "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in text)
