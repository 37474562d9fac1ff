"""What the verified sign-in says is not asked, and nobody says otherwise."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tongban_catalog.item import Item
from tongban_catalog.load import Catalog
from tongban_catalog.publish import catalog_events
from tongban_runtime.clock import SystemClock
from tongban_schemas.events.applications import ApplicationCorrectionNoticed, ApplicationSubmitted

from .conftest import PERSONAL, Service, only, serving
from .counter import MATERIALS, Counter, kind_of
from .test_evidence_api import SignIn, sign_in

__all__ = ["sign_in"]

NUMBER = "990101188001010015"
CODE = "91990000MA00000195"
OTHER = "91990000MA00000275"


class Signed:
    """Somebody who is signed in, and what the sign-in service says of them."""

    def __init__(self, service: Service, sign_in: SignIn) -> None:
        self.service, self.person, self.sign_in, self.name = service, uuid4(), sign_in, "示例参保人"

    def client(self, acts_for: str = CODE) -> httpx.AsyncClient:
        client = self.service.client(self.person)
        token = self.service.token(self.person, acts_for=acts_for)
        client.headers["Authorization"] = f"Bearer {token}"
        self.sign_in.people[token] = {"sub": str(self.person), "name": self.name, "id_number": NUMBER}
        return client

    async def post(self, path: str, body: Any = None, acts_for: str = CODE) -> httpx.Response:
        async with self.client(acts_for) as client:
            return await client.post(path, json=body, headers={"Idempotency-Key": uuid4().hex})


@pytest.fixture(scope="module")
async def served(
    database: Callable[[str], Awaitable[str]], catalog: Catalog, sign_in: SignIn
) -> AsyncIterator[Service]:
    clock = SystemClock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TONGBAN_USERINFO", sign_in.address)
        async with serving(await database("tongban_intake"), clock, catalog_events(catalog, clock.now())) as service:
            yield service


@pytest.fixture
def signed(served: Service, sign_in: SignIn) -> Signed:
    sign_in.status = 200
    return Signed(served, sign_in)


def asked(item: Item, **more: str) -> dict[str, Any]:
    example = item.form.example() | {name: PERSONAL[name] for name in PERSONAL if name in item.form.fields}
    answers = {name: value for name, value in example.items() if name not in item.from_sign_in}
    return {"item": item.code, "region": "990000", "answers": answers | more}


async def test_name_and_number_are_those_of_who_is_signed_in(signed: Signed, catalog: Catalog) -> None:
    item = catalog.item("pension-transfer")
    for invented in ({"person_id": "99010118800202002X"}, {"person_name": "别人"}):
        for path in ("/v1/applications", "/v1/drafts"):
            refused = await signed.post(path, asked(item, **invented))
            assert kind_of(refused) == (422, "invalid-answers")
            assert [one["field"] for one in refused.json()["errors"]] == list(invented)
    sent = await signed.post("/v1/applications", asked(item, person_name="示例参保人"))
    assert sent.status_code == 202, sent.text
    case = sent.json()["application"]
    data = only(await signed.service.outbox(case), ApplicationSubmitted).data
    assert isinstance(data, ApplicationSubmitted)
    keys = await signed.service.keys(case)
    assert [keys.open(name, data.sealed[name]) for name in ("person_name", "person_id")] == ["示例参保人", NUMBER]


async def test_without_the_sign_in_service_nobody_types_a_number_instead(signed: Signed, catalog: Catalog) -> None:
    signed.sign_in.status = 500
    sent = await signed.post("/v1/applications", asked(catalog.item("pension-transfer"), person_id=NUMBER))
    assert kind_of(sent) == (503, "identity-unavailable")


async def test_pages_show_what_the_sign_in_says_with_its_source_and_do_not_ask_it(
    signed: Signed, catalog: Catalog
) -> None:
    item = catalog.item("pension-transfer")
    made = await signed.post("/v1/drafts", asked(item))
    draft = made.json()["draft"]
    assert {one["field"]: one["value"] for one in made.json()["origins"] if one["origin"] == "signed-in"} == {
        "person_name": "示例参保人",
        "person_id": NUMBER,
    }
    async with signed.client() as browser:
        questions = (await browser.get(f"/drafts/{draft}/questions")).text
        check = (await browser.get(f"/drafts/{draft}/check")).text
        assert 'name="answer.person_id"' not in questions
        assert 'name="answer.contact_name"' in questions
        assert check.count("取自您的登录信息") == 2
        assert NUMBER in check
        sent = await browser.post(f"/drafts/{draft}/submission", data={"version": "1"})
    assert sent.headers["location"] == f"/applications/{draft}", sent.text


async def test_a_verified_name_that_cannot_be_printed_yet_is_told_and_operators_learn_of_it(
    signed: Signed, catalog: Catalog, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING", "tongban")
    signed.name = "示例\U0002ebf0"
    made = await signed.post("/v1/drafts", asked(catalog.item("pension-transfer")))
    draft = made.json()["draft"]
    assert [one["field"] for one in made.json()["notices"]] == ["person_name"]
    assert made.json()["errors"] == []
    sent = await signed.post(f"/v1/drafts/{draft}/submission")
    assert sent.status_code == 202, sent.text
    told = [vars(one) for one in caplog.records if getattr(one, "tongban_event", "") == "certificate.unprintable"]
    assert [one["tongban_fields"] for one in told] == [{"case": draft, "characters": ["U+2EBF0"]}]


@pytest.mark.parametrize(
    "name", ["food-business-permit", "credit-repair", "enterprise-investment-project", "tobacco-retail-permit"]
)
async def test_the_code_is_that_of_the_organisation_one_acts_for(signed: Signed, catalog: Catalog, name: str) -> None:
    item = catalog.item(name)
    refused = await signed.post("/v1/applications", asked(item, company_uscc=OTHER))
    assert [one["field"] for one in refused.json()["errors"]] == ["company_uscc"]
    made = await signed.post("/v1/drafts", asked(item))
    draft = made.json()["draft"]
    assert made.json()["answers"]["company_uscc"] == CODE
    changed_sides = await signed.post(f"/v1/drafts/{draft}/submission", acts_for=OTHER)
    assert [one["field"] for one in changed_sides.json()["errors"]] == ["company_uscc"]
    sent = await signed.post(f"/v1/drafts/{draft}/submission")
    assert sent.status_code == 202, sent.text
    data = only(await signed.service.outbox(draft), ApplicationSubmitted).data
    assert isinstance(data, ApplicationSubmitted)
    assert data.answers["company_uscc"] == CODE


async def test_no_correction_says_otherwise(counter: Counter) -> None:
    case = await counter.apply(["design-scheme"])
    asked_for = {"fields": ["company_uscc", "company_name"], "message": "请核对。"}
    assert (await counter.at_desk(case, "notice", asked_for)).status_code == 200
    body = {"request": str((await counter.one(case, ApplicationCorrectionNoticed)).id)}
    await counter.bring(case, *MATERIALS, version=1)
    answers = {"company_uscc": OTHER, "company_name": "示例制造二厂"}
    refused = await counter.by_applicant(case, "corrections", body | {"answers": answers})
    assert kind_of(refused) == (422, "invalid-answers")
    assert [one["field"] for one in refused.json()["errors"]] == ["company_uscc"]
