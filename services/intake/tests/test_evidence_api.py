"""Fetching proofs for a draft and an application: agreeing, seeing, disputing, fetching again, submitting with what came."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from aiohttp import web
from tongban_catalog.item import Item
from tongban_catalog.load import Catalog
from tongban_intake import domain
from tongban_intake.evidence.asking import GRACE
from tongban_intake.store import case_index
from tongban_intake.store import evidence as store
from tongban_intake.vault.searching import hashed
from tongban_runtime.alarms import AlarmWorker
from tongban_runtime.health import Heartbeat
from tongban_runtime.testing.clock import FakeClock
from tongban_schemas.envelope import Event
from tongban_schemas.events.access import AccessErased, AccessRefused
from tongban_schemas.events.applications import ApplicationSubmitted
from tongban_schemas.events.evidence import (
    EvidenceDisputed,
    EvidenceFailed,
    EvidenceRequested,
    EvidenceSubstituted,
)

from .conftest import Service, only, serving
from .counter import whole_catalog
from .proving import (
    GIVEN,
    ID_NUMBER,
    OWN,
    corrected,
    dispute_answered,
    failed,
    not_recorded,
    provided,
    proving_item,
    refused,
    resources_published,
)

MATERIALS = {"residence-permit", "home-proof", "work-proof", "household-register"}


@dataclass(slots=True)
class SignIn:
    """A sign-in service: who is behind a token, or which status it answers instead."""

    address: str
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    status: int = 200

    def claims(self, token: str) -> web.Response:
        if self.status != 200:
            return web.Response(status=self.status)
        return web.json_response(self.people.get(token, {}))


@pytest.fixture(scope="session")
async def sign_in() -> AsyncIterator[SignIn]:
    found = SignIn("")

    async def userinfo(request: web.Request) -> web.Response:
        return found.claims(request.headers["Authorization"].removeprefix("Bearer "))

    app = web.Application()
    app.router.add_get("/userinfo", userinfo)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.address = f"http://127.0.0.1:{runner.addresses[0][1]}/userinfo"
    yield found
    await runner.cleanup()


@dataclass(slots=True)
class Desk:
    """Somebody who has proofs fetched, with the service, the clock and the sign-in service."""

    service: Service
    clock: FakeClock
    item: Item
    sign_in: SignIn
    person: UUID

    def client(self) -> httpx.AsyncClient:
        return self.service.client(self.person)

    async def draft(self, **answers: Any) -> str:
        body = {"item": self.item.code, "region": "990000", "answers": OWN | answers}
        async with self.client() as client:
            answer = await client.post("/v1/drafts", json=body)
        assert answer.status_code == 201, answer.text
        draft: str = answer.json()["draft"]
        return draft

    async def post(self, path: str, json: Any = None) -> httpx.Response:
        async with self.client() as client:
            self.sign_in.people.setdefault(
                client.headers["Authorization"].removeprefix("Bearer "),
                {"sub": str(self.person), "name": "示例家长", "id_number": ID_NUMBER, "phone": "000-00000000"},
            )
            return await client.post(path, json=json)

    async def get(self, path: str) -> dict[str, Any]:
        async with self.client() as client:
            answer = await client.get(path)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def requests(self, case: str) -> dict[str, Event]:
        """The newest request of each material."""
        return {
            event.data.material: event
            for event in await self.service.outbox(case)
            if isinstance(event.data, EvidenceRequested)
        }

    async def agreed(self, **answers: Any) -> tuple[str, dict[str, Event]]:
        draft = await self.draft(**answers)
        answer = await self.post(f"/v1/proofs/{draft}")
        assert answer.status_code == 202, answer.text
        return draft, await self.requests(draft)

    async def give_all(self, case: str) -> None:
        keys = await self.service.keys(case)
        await self.service.hear(*(provided(one, keys) for one in (await self.requests(case)).values()))

    async def submitted(self) -> str:
        """An application with everything fetched, which intake has heard of."""
        draft, _ = await self.agreed()
        await self.give_all(draft)
        answer = await self.post(f"/v1/drafts/{draft}/submission")
        assert answer.status_code == 202, answer.text
        heard = [one for one in await self.service.outbox(draft) if isinstance(one.data, ApplicationSubmitted)]
        await self.service.hear(*heard)
        return draft

    async def ring(self) -> int:
        intake = self.service.intake
        worker = AlarmWorker(
            self.service.runtime.pool, self.clock, domain.MODELS, intake.casework.ring, Heartbeat("alarms")
        )
        rung = 0
        while count := await worker.ring_due():
            rung += count
        return rung

    async def proof(self, case: str, material: str) -> dict[str, Any]:
        found = await self.get(f"/v1/proofs/{case}")
        return next(one for one in found["proofs"] if one["material"] == material)


@asynccontextmanager
async def _desk(dsn: str, catalog: Catalog, sign_in: SignIn, **changes: Any) -> AsyncIterator[Desk]:
    clock, item = FakeClock(), Item.from_definition(proving_item(catalog).definition | changes)
    events = [*whole_catalog(catalog, clock, item), *resources_published(clock.now())]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TONGBAN_USERINFO", sign_in.address)
        async with serving(dsn, clock, events) as service:
            yield Desk(service, clock, item, sign_in, uuid4())


@pytest.fixture(scope="session")
async def shared_desk(
    database: Callable[[str], Awaitable[str]], catalog: Catalog, sign_in: SignIn
) -> AsyncIterator[Desk]:
    async with _desk(await database("tongban_intake"), catalog, sign_in) as found:
        yield found


@pytest.fixture
def desk(shared_desk: Desk) -> Desk:
    """Somebody new at the service that these tests share."""
    shared_desk.sign_in.status = 200
    return replace(shared_desk, person=uuid4())


@pytest.fixture
async def timed(database: Callable[[str], Awaitable[str]], catalog: Catalog, sign_in: SignIn) -> AsyncIterator[Desk]:
    """A service of its own, under a clock that the test moves."""
    async with _desk(await database("tongban_intake"), catalog, sign_in) as found:
        yield found


async def test_a_case_is_found_by_the_verified_number_of_its_person(desk: Desk) -> None:
    case = await desk.submitted()
    draft, _ = await desk.agreed()
    department = desk.item.acceptance.choice.department_of({})
    async with desk.service.client(uuid4(), "officer", [department], ["receiver"]) as client:
        answer = await client.post("/v1/cases/search", json={"kind": "citizen", "value": ID_NUMBER.lower()})
    found = {one["application"] for one in answer.json()["cases"]}
    assert case in found
    assert draft not in found


async def test_a_number_that_its_source_corrects_finds_the_case_no_more(
    database: Callable[[str], Awaitable[str]], catalog: Catalog, sign_in: SignIn
) -> None:
    holder = {"name": "child_name", "code": "employer_name"}
    async with _desk(await database("tongban_intake"), catalog, sign_in, holder=holder) as desk:
        case, pool = await desk.submitted(), desk.service.runtime.pool

        async def found(number: str) -> list[str]:
            value = hashed(desk.service.intake.vault.encryption, number)
            return [str(hit.case) for hit in await case_index.find(pool, "enterprise", value, None, 9)]

        asked, before = (await desk.requests(case))["work-proof"], str(GIVEN["social-insurance-99"]["employer"])
        assert await found(before) == [case]
        gave = provided(asked, await desk.service.keys(case))
        await desk.service.hear(corrected(asked, gave, employer="示例重工"))
        assert (await found(before), await found("示例重工")) == ([], [case])


async def test_a_draft_asks_when_the_person_agrees_and_nothing_before(desk: Desk) -> None:
    draft = await desk.draft()
    assert await desk.service.outbox(draft) == []
    before = await desk.get(f"/v1/proofs/{draft}")
    assert {one["state"] for one in before["proofs"]} == {"not-asked"}
    answer = await desk.post(f"/v1/proofs/{draft}")
    assert answer.status_code == 202, answer.text
    again = await desk.post(f"/v1/proofs/{draft}")
    assert again.json() == answer.json()
    requests = await desk.requests(draft)
    assert set(requests) == MATERIALS
    keys = await desk.service.keys(draft)
    for event in requests.values():
        assert isinstance(event.data, EvidenceRequested)
        assert keys.open("evidence.lookup/holder", event.data.lookup["holder"]) == ID_NUMBER
        assert event.data.lookup_plain == {}
    row = await desk.service.runtime.pool.fetchval("SELECT i::text FROM identity i WHERE application = $1", UUID(draft))
    assert ID_NUMBER not in row
    assert "示例家长" not in row


async def test_what_came_is_shown_with_its_source_and_fills_the_form(desk: Desk) -> None:
    draft, _ = await desk.agreed()
    await desk.give_all(draft)
    found = await desk.get(f"/v1/proofs/{draft}")
    assert found["pending"] == 0
    permit = await desk.proof(draft, "residence-permit")
    assert (permit["state"], permit["grade"], permit["provider"]) == ("provided", "A", "public-security")
    assert {one["field"]: one["value"] for one in permit["values"]}["holder_name"] == "示例家长"
    spared = await desk.proof(draft, "no-guardian-proof")
    assert (spared["state"], spared["rule"]["rests_on"]) == ("substituted", ["residence-permit"])
    shown = await desk.get(f"/v1/drafts/{draft}")
    assert shown["errors"] == []
    origins = {one["field"]: one["origin"] for one in shown["origins"]}
    asked = {name for name, origin in origins.items() if origin == "asked"}
    assert asked & desk.item.form.required == set(OWN) - {"contact_email"}
    assert origins["child_name"] == "fetched"
    assert origins["materials.no-guardian-proof"] == "derived"
    event = only(await desk.service.outbox(draft), EvidenceSubstituted)
    assert isinstance(event.data, EvidenceSubstituted)
    assert len(event.data.rests_on) == 1


async def test_a_draft_is_submitted_under_its_id_with_what_was_fetched(desk: Desk) -> None:
    case = await desk.submitted()
    event = only(await desk.service.outbox(case), ApplicationSubmitted)
    data = event.data
    assert isinstance(data, ApplicationSubmitted)
    assert event.subject == case
    keys = await desk.service.keys(case)
    assert keys.open("child_name", data.sealed["child_name"]) == "示例儿童"
    assert data.answers["both_parents_permit"] is True
    again = await desk.post(f"/v1/drafts/{case}/submission")
    assert again.json()["application"] == case
    found = await desk.get(f"/v1/proofs/{case}")
    assert {one["state"] for one in found["proofs"]} == {"provided", "substituted"}
    assert data.fetched == sorted(one["material"] for one in found["proofs"])


async def test_nobody_writes_over_what_a_register_gave_or_is_about_to_give(desk: Desk) -> None:
    draft, _ = await desk.agreed(child_name="别人", employer_name="示例制造有限公司")
    early = await desk.post(f"/v1/drafts/{draft}/submission")
    assert early.status_code == 422
    assert {"child_name", "home_kind"} <= {one["field"] for one in early.json()["errors"]}
    await desk.give_all(draft)
    answer = await desk.post(f"/v1/drafts/{draft}/submission")
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == ["child_name"]
    assert "异议" in answer.json()["errors"][0]["message_zh"]


async def test_an_answer_that_no_register_can_say_is_asked(desk: Desk) -> None:
    draft, requests = await desk.agreed()
    keys = await desk.service.keys(draft)
    others = [provided(one, keys) for name, one in requests.items() if name != "household-register"]
    await desk.service.hear(*others, not_recorded(requests["household-register"]))
    register = await desk.proof(draft, "household-register")
    assert (register["state"], register["upload_allowed"], register["refetch_allowed"]) == ("not-recorded", True, True)
    shown = await desk.get(f"/v1/drafts/{draft}")
    assert {one["field"] for one in shown["errors"]} == {"child_name", "child_birth_date", "child_household_region"}
    body = {
        "item": desk.item.code,
        "region": "990000",
        "answers": OWN
        | {"child_name": "示例儿童", "child_birth_date": "1880-05-01", "child_household_region": "980101"},
    }
    async with desk.client() as client:
        assert (await client.put(f"/v1/drafts/{draft}", json=body, headers={"If-Match": "*"})).json()["errors"] == []
    assert (await desk.post(f"/v1/drafts/{draft}/submission")).status_code == 202


async def test_a_changed_answer_asks_another_register(desk: Desk) -> None:
    draft, requests = await desk.agreed()
    body = {"item": desk.item.code, "region": "990000", "answers": OWN | {"work_kind": "self_employed"}}
    async with desk.client() as client:
        changed = await client.put(f"/v1/drafts/{draft}", json=body, headers={"If-Match": "*"})
        other = await client.put(f"/v1/drafts/{draft}", json=body | {"item": _another(desk)}, headers={"If-Match": "*"})
    assert changed.status_code == 200
    assert other.status_code == 409
    work = (await desk.requests(draft))["work-proof"]
    assert isinstance(work.data, EvidenceRequested)
    assert (work.data.resource, work.data.attempt) == ("business-licence-99", 2)
    await desk.service.hear(provided(requests["work-proof"], await desk.service.keys(draft)))
    assert (await desk.proof(draft, "work-proof"))["state"] == "waiting"


def _another(desk: Desk) -> str:
    return "".join(("11990000000000019A399010000", "1000"))


async def test_a_proof_is_disputed_once_at_a_time(desk: Desk) -> None:
    draft, requests = await desk.agreed()
    path = f"/v1/proofs/{draft}/home-proof/dispute"
    body = {"fields": ["kind"], "text": "房屋是自有的"}
    assert (await desk.post(path, body)).status_code == 409
    await desk.give_all(draft)
    assert (await desk.post(path, body | {"fields": ["no_such"]})).status_code == 422
    first = await desk.post(path, body)
    assert first.status_code == 202, first.text
    assert (await desk.post(path, body)).json() == first.json()
    assert (await desk.post(path, body | {"text": "另一种说法"})).status_code == 409
    event = only(await desk.service.outbox(draft), EvidenceDisputed)
    assert isinstance(event.data, EvidenceDisputed)
    keys = await desk.service.keys(draft)
    assert keys.open("evidence.text/home-proof", event.data.text) == "房屋是自有的"
    await desk.service.hear(dispute_answered(requests["home-proof"], keys, event.id))
    shown = await desk.proof(draft, "home-proof")
    assert shown["disputed"] is None
    assert shown["dispute_answer"]["outcome"] == "upheld"
    assert (await desk.post(path, body)).status_code == 202


async def test_a_fetch_that_failed_for_good_is_asked_again(desk: Desk) -> None:
    draft, requests = await desk.agreed()
    path = f"/v1/proofs/{draft}/home-proof/refetch"
    assert (await desk.post(path)).status_code == 409
    await desk.service.hear(failed(requests["home-proof"], final=False))
    assert (await desk.proof(draft, "home-proof"))["state"] == "retrying"
    await desk.service.hear(failed(requests["home-proof"], final=True))
    assert (await desk.proof(draft, "home-proof"))["upload_allowed"]
    assert (await desk.post(path)).status_code == 202
    second = (await desk.requests(draft))["home-proof"]
    assert isinstance(second.data, EvidenceRequested)
    assert second.data.attempt == 2
    keys = await desk.service.keys(draft)
    await desk.service.hear(refused(second, keys))
    shown = await desk.proof(draft, "home-proof")
    assert (shown["state"], shown["text"], shown["refetch_allowed"]) == ("refused", "不在提供范围内", False)


async def test_time_ends_what_nobody_answers_in_drafts_and_applications(timed: Desk) -> None:
    draft, requests = await timed.agreed()
    expires = next(iter(requests.values())).data.expires  # type: ignore[attr-defined]
    timed.clock.advance(expires + GRACE - timed.clock.now() - timedelta(seconds=1))
    assert await timed.ring() == 0
    timed.clock.advance(timedelta(seconds=1))
    assert await timed.ring() == 1
    ended = [one for one in await timed.service.outbox(draft) if isinstance(one.data, EvidenceFailed)]
    assert len(ended) == 4
    assert {one.time for one in ended} == {expires + GRACE}
    assert await timed.ring() == 0
    assert {one["state"] for one in (await timed.get(f"/v1/proofs/{draft}"))["proofs"]} == {"failed", "not-asked"}


async def test_a_draft_that_is_discarded_is_asked_about_no_more(desk: Desk) -> None:
    draft, requests = await desk.agreed()
    async with desk.client() as client:
        assert (await client.delete(f"/v1/drafts/{draft}")).status_code == 204
        assert (await client.get(f"/v1/proofs/{draft}")).status_code == 404
    erased = only(await desk.service.outbox(draft), AccessErased)
    assert isinstance(erased.data, AccessErased)
    assert erased.data.ground == "draft-discarded"
    pool = desk.service.runtime.pool
    assert await pool.fetchval("SELECT count(*) FROM identity WHERE application = $1", UUID(draft)) == 0
    assert await pool.fetchval("SELECT count(*) FROM case_index WHERE application = $1", UUID(draft)) == 0
    before = {one.id for one in await desk.service.outbox(draft) if one.topic == "tongban.evidence.v1"}
    await desk.service.hear(not_recorded(requests["home-proof"]))
    assert await pool.fetchval("SELECT count(*) FROM alarm WHERE subject = $1", UUID(draft)) == 0
    assert {one.id for one in await desk.service.outbox(draft) if one.topic == "tongban.evidence.v1"} == before


async def test_nobody_else_has_anything_to_do_with_it(desk: Desk) -> None:
    draft, _ = await desk.agreed()
    async with desk.service.client(uuid4()) as stranger, desk.service.client(desk.person, "officer") as officer:
        assert (await stranger.get(f"/v1/proofs/{draft}")).status_code == 404
        assert (await stranger.post(f"/v1/proofs/{draft}")).status_code == 404
        assert (await stranger.post(f"/v1/proofs/{draft}/home-proof/refetch")).status_code == 404
        assert (await officer.get(f"/v1/proofs/{draft}")).status_code == 403


async def test_without_a_verified_identity_nothing_is_asked(desk: Desk) -> None:
    draft = await desk.draft()
    desk.sign_in.status = 502
    assert (await desk.post(f"/v1/proofs/{draft}")).status_code == 503
    desk.sign_in.status = 200
    async with desk.service.client(desk.person) as client:
        token = client.headers["Authorization"].removeprefix("Bearer ")
        desk.sign_in.people[token] = {"sub": str(uuid4()), "id_number": ID_NUMBER}
        assert (await client.post(f"/v1/proofs/{draft}")).status_code == 401
        assert await desk.service.outbox(draft) == []
        desk.sign_in.people[token] = {"sub": str(desk.person), "name": "示例家长"}
        assert (await client.post(f"/v1/proofs/{draft}")).status_code == 202
    reasons = {one.data.reason for one in await desk.service.outbox(draft) if isinstance(one.data, EvidenceFailed)}
    assert reasons == {"no-holder"}


async def test_an_application_without_a_draft_may_agree_afterwards(desk: Desk) -> None:
    answers = desk.item.form.example() | {"child_household_region": "980101"}
    body = {"item": desk.item.code, "region": "990000", "answers": answers}
    async with desk.client() as client:
        case = (await client.post("/v1/applications", json=body, headers={"Idempotency-Key": "k"})).json()[
            "application"
        ]
    await desk.service.hear(*await desk.service.outbox(case))
    assert await desk.requests(case) == {}
    assert (await desk.post(f"/v1/proofs/{case}")).status_code == 202
    assert set(await desk.requests(case)) == MATERIALS
    assert (await desk.post(f"/v1/applications/{case}/withdrawal")).status_code == 202
    assert (await desk.post(f"/v1/proofs/{case}")).status_code == 409


async def test_repeated_answers_are_counted_once(desk: Desk) -> None:
    pool = desk.service.runtime.pool
    before = (await store.figures(pool)).get("home-right-99", {})
    draft, requests = await desk.agreed()
    gave = provided(requests["home-proof"], await desk.service.keys(draft))
    await desk.service.hear(gave, gave)
    await asyncio.gather(*(desk.service.hear(gave) for _ in range(3)))
    after = (await store.figures(pool))["home-right-99"]
    assert after["provided"] == before.get("provided", 0) + 1
    assert after["requested"] == before.get("requested", 0) + 1


async def test_an_answer_from_another_source_goes_on_record_once_and_counts_nowhere(desk: Desk) -> None:
    draft, requests = await desk.agreed()
    keys = await desk.service.keys(draft)
    forged = provided(requests["home-proof"], keys, source="/certificates/education")
    await desk.service.hear(forged)
    await desk.service.hear(forged)
    assert (await desk.proof(draft, "home-proof"))["state"] == "waiting"
    event = only(await desk.service.outbox(draft), AccessRefused)
    assert isinstance(event.data, AccessRefused)
    assert (event.data.rule, event.data.request) == ("forged-source", requests["home-proof"].id)


async def test_the_receiving_desk_does_not_ask_for_what_is_fetched(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "tongban")
    case = await desk.submitted()
    officer, department = uuid4(), desk.item.acceptance.department
    async with desk.service.client(officer, "officer", [department], ["receiver"]) as client:
        shown = (await client.get(f"/v1/receipts/{case}")).json()
        states = {one["material"]: one["state"] for one in shown["materials"]}
        assert set(states.values()) == {"fetched", "substituted"}
        permit = next(one for one in shown["proofs"] if one["material"] == "residence-permit")
        assert {one["field"]: one["value"] for one in permit["values"]}["holder_name"] == "示例家长"
        path = f"/v1/receipts/{case}/notice"
        for fields, materials in ((["child_name"], []), ([], ["home-proof"]), ([], ["no-guardian-proof"])):
            body = {"fields": fields, "materials": materials, "message": "请补正"}
            answer = await client.post(path, json=body)
            assert answer.status_code == 409
            assert answer.json()["type"].endswith("may-not-be-asked")
            refused_once = [one for one in caplog.records if getattr(one, "tongban_event", "") == "desk.notice-refused"]
            told = refused_once[-1].tongban_fields  # type: ignore[attr-defined]
            assert (told["rule"], told["subject"], told["department"]) == ("may-not-be-asked", case, department)
            assert "请补正" not in str(told)
        asked = await client.post(path, json={"fields": ["contact_phone"], "message": "请更正联系电话"})
        assert asked.status_code == 200, asked.text
        assert asked.json()["notices"][0]["materials"] == []
