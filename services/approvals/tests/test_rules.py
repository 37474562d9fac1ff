"""What the law asks of officers' actions, over the interface and on a real database."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from tongban_catalog.item import Item
from tongban_runtime import facts
from tongban_runtime.acts import verify
from tongban_runtime.testing.keys import case_keys
from tongban_schemas.envelope import Event, EventData
from tongban_schemas.events import EVENTS
from tongban_schemas.events.approvals import (
    ApprovalAnnulled,
    ApprovalAppealDecided,
    ApprovalConcurred,
    ApprovalCorrectionRequested,
    ApprovalGranted,
    ApprovalNoticeRejected,
    ApprovalOpened,
    ApprovalOpinionGiven,
    ApprovalRefused,
    opinion_field,
)

from .conftest import COLLEAGUE, ME, Deployment, MakeDeployment
from .samples import (
    ECOLOGY,
    accepted,
    appealed,
    applied,
    corrected,
    days,
    granted,
    item,
    new_subject,
    published,
    step,
    submitted,
)
from .test_time import _at

BOTH = frozenset({"ecology", "heritage"})
REFUSAL = {"reason_code": "conditions-not-met", "reason": "不符合 It does not fit."}
ANNULMENT = {"reason_code": "fraud", "reason": "材料虚假 The material was false."}
OPINION = {"id": "heritage-view", "name": {"zh": "文物意见", "en": "Heritage's view"}, "department": "heritage"}


class Desk:
    """One deployment and one case on it, as an officer of all its departments works with them."""

    def __init__(self, deployment: Deployment, subject: str, departments: Sequence[str] = tuple(BOTH)) -> None:
        self.deployment = deployment
        self.subject = subject
        self.departments = departments

    async def post(
        self, path: str, body: Any = None, *, officer: UUID = ME, duties: Sequence[str] = (), root: str = "tasks"
    ) -> tuple[int, dict[str, Any]]:
        async with self.deployment.client(officer, self.departments, duties=duties) as client:
            answer = await client.post(f"/v1/{root}/{self.subject}/{path}", json=body)
        return answer.status_code, answer.json()

    async def get(self, path: str, root: str = "tasks") -> dict[str, Any]:
        async with self.deployment.client(ME, self.departments) as client:
            answer = await client.get(f"/v1/{root}/{self.subject}/{path}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def said(self, model: type[EventData]) -> list[Any]:
        return [data for _, _, data in await self.deployment.said() if isinstance(data, model)]

    async def state(self, name: str) -> tuple[str, int]:
        task = await self.get(name)
        return task["state"], task["round"]


async def _desk(deploy: MakeDeployment, of: Item, plain: dict[str, Any] | None = None, **more: Any) -> Desk:
    deployment, subject = await deploy(more.get("departments", BOTH)), new_subject()
    await deployment.hear(published(of), *applied(subject, of, plain or {"company_name": "x"}))
    return Desk(deployment, subject)


def _kind(answer: tuple[int, dict[str, Any]]) -> tuple[int, str]:
    status, body = answer
    assert status < 400 or (body["detail_zh"] and body["detail_en"])
    return status, str(body.get("type", "")).rsplit(":", 1)[-1]


async def test_a_taken_step_can_be_given_back(deploy: MakeDeployment) -> None:
    desk = await _desk(deploy, item([step("AA")]))
    assert (await desk.post("AA/release"))[0] == 200
    await desk.post("AA/take")
    assert _kind(await desk.post("AA/release", officer=COLLEAGUE)) == (409, "taken-by-another-officer")
    assert (await desk.post("AA/release"))[1]["state"] == "open"
    assert (await desk.post("AA/take", officer=COLLEAGUE))[0] == 200
    await desk.post("AA/grant", officer=COLLEAGUE)
    assert _kind(await desk.post("AA/release", officer=COLLEAGUE)) == (409, "already-decided")


async def test_two_officers_have_to_agree(deploy: MakeDeployment) -> None:
    desk = await _desk(deploy, item([step("AA", quorum=2)]))
    await desk.post("AA/take")
    status, task = await desk.post("AA/grant")
    assert (status, task["state"], task["officer"]) == (200, "open", None)
    assert _kind(await desk.post("AA/grant")) == (409, "already-concurred")
    assert ((await desk.get("AA"))["agreed"], (await desk.get("AA"))["quorum"]) == (1, 2)
    assert (await desk.post("AA/grant", officer=COLLEAGUE))[1]["state"] == "granted"
    assert [one.officer for one in await desk.said(ApprovalConcurred)] == [ME]
    yes = (await desk.said(ApprovalGranted))[0]
    assert (yes.officer, yes.concurring) == (COLLEAGUE, [ME])


async def test_one_of_two_officers_may_refuse(deploy: MakeDeployment) -> None:
    desk = await _desk(deploy, item([step("AA", quorum=2)]))
    await desk.post("AA/grant")
    assert (await desk.post("AA/refuse", REFUSAL, officer=COLLEAGUE))[1]["state"] == "refused"


async def test_a_limited_number_goes_in_order_of_acceptance(deploy: MakeDeployment) -> None:
    limited = item([step("AA", quota={"number": 2, "per": "year", "basis": []})])
    deployment = await deploy(BOTH)
    await deployment.hear(published(limited))
    desks = [Desk(deployment, new_subject()) for _ in range(4)]
    for minute, desk in reversed(list(enumerate(desks, 1))):
        sent = submitted(desk.subject, limited, {})
        await deployment.hear(sent, accepted(desk.subject, limited, minute=minute))
    status, problem = await desks[1].post("AA/grant")
    assert (status, problem["type"].rsplit(":", 1)[1], problem["first"]) == (409, "not-first-in-line", desks[0].subject)
    answers = await asyncio.gather(*(desk.post("AA/grant") for desk in desks[:2]))
    assert answers[0][0] == 200
    assert (await desks[1].post("AA/grant"))[0] == 200
    assert _kind(await desks[2].post("AA/grant")) == (409, "quota-exhausted")
    assert _kind(await desks[3].post("AA/grant")) == (409, "not-first-in-line")
    assert (await desks[2].post("AA/refuse", REFUSAL))[0] == 200
    await deployment.move(_at(12, 31, 16))
    assert (await desks[3].post("AA/grant"))[0] == 200


async def test_a_need_before_the_decision_holds_the_decision_up(deploy: MakeDeployment) -> None:
    desk = await _desk(deploy, item([step("AA", "heritage"), step("BB", needs=[{"step": "AA", "before": "decision"}])]))
    status, problem = await desk.post("BB/grant")
    assert (status, problem["type"].rsplit(":", 1)[1], problem["needs"]) == (409, "needs-not-met", ["AA"])
    assert (await desk.get("BB"))["needs"] == ["AA"]
    await desk.post("AA/grant")
    assert (await desk.post("BB/grant"))[0] == 200
    first, second = await desk.said(ApprovalGranted)
    ids = {
        row["event_id"]
        for row in await desk.deployment.pool.fetch("SELECT event_id FROM outbox WHERE type ~ 'granted'")
    }
    assert (first.rests_on, len(second.rests_on)) == ([], 1)
    assert set(second.rests_on) < ids


async def test_a_correction_has_to_come_within_five_working_days_and_the_attempt_is_on_record(
    deploy: MakeDeployment,
) -> None:
    desk = await _desk(deploy, item([step("AA")]))
    body = {"fields": ["company_name"], "materials": ["map"], "message": "?"}
    await desk.deployment.move(_at(3, 9, 15, 59))
    assert (await desk.post("AA/correction", {**body, "fields": ["nothing"], "materials": ["no"]}))[0] == 422
    await desk.deployment.move(_at(3, 9))
    for count in (1, 2):
        assert _kind(await desk.post("AA/correction", body)) == (409, "late-notice")
        told = await desk.said(ApprovalNoticeRejected)
        assert [one.rule for one in told] == ["late-notice"] * count
    assert (told[0].officer, told[0].fields, told[0].materials) == (ME, ["company_name"], ["map"])
    assert await desk.state("AA") == ("open", 1)


async def test_a_second_notice_may_only_name_what_was_changed_since(deploy: MakeDeployment) -> None:
    desk = await _desk(deploy, item([step("AA")]))
    body = {"fields": ["company_name", "statement"], "materials": ["map"], "message": "?"}
    assert (await desk.post("AA/correction", body))[1]["state"] == "correction"
    request = (await desk.get("AA"))["corrections"][0]
    assert (request["materials"], (await desk.said(ApprovalCorrectionRequested))[0].officer) == (["map"], ME)
    answer = corrected(desk.subject, UUID(request["request"]), {"statement": "y"}, materials={"map": "0" * 64})
    await desk.deployment.hear(answer)
    assert _kind(await desk.post("AA/correction", body)) == (409, "second-notice")
    assert [one.rule for one in await desk.said(ApprovalNoticeRejected)] == ["second-notice"]
    again = {**body, "fields": ["statement"]}
    assert (await desk.post("AA/correction", again))[1]["state"] == "correction"


async def test_answers_that_decide_the_course_cannot_be_corrected(deploy: MakeDeployment) -> None:
    there = {"required": ["plan"], "properties": {"plan": {"const": "yes"}}}
    desk = await _desk(deploy, item([step("AA"), step("BB", when=there)]))
    status, problem = await desk.post("AA/correction", {"fields": ["plan"], "message": "?"})
    assert (status, [one["field"] for one in problem["errors"]]) == (422, ["plan"])


async def test_a_correction_reopens_one_department_and_the_others_decisions_stand(deploy: MakeDeployment) -> None:
    desk = await _desk(
        deploy, item([step("AA", inputs=["statement"]), step("BB", "heritage", inputs=["plan"]), step("CC")])
    )
    for name in ("AA", "BB"):
        assert (await desk.post(f"{name}/grant"))[0] == 200
    await desk.post("CC/correction", {"fields": ["statement"], "message": "?"})
    request = (await desk.get("CC"))["corrections"][0]["request"]
    await desk.deployment.hear(corrected(desk.subject, UUID(request), {"statement": "new"}))
    assert [await desk.state(name) for name in ("AA", "BB", "CC")] == [("open", 2), ("granted", 1), ("taken", 1)]
    assert (await desk.get("AA"))["officer"] is None
    opened = [one for one in await desk.said(ApprovalOpened) if one.round == 2]
    assert [one.step for one in opened] == ["AA"]
    assert (await desk.post("AA/grant", officer=COLLEAGUE))[1]["round"] == 2
    seen = (await desk.said(ApprovalGranted))[-1]
    assert (seen.round, seen.rests_on) == (2, [opened[0].because])


async def test_an_annulment_takes_down_what_rests_on_it_until_it_is_granted_anew(deploy: MakeDeployment) -> None:
    desk = await _desk(deploy, item([step("AA"), step("BB", "heritage", ["AA"]), step("CC")]))
    for name in ("AA", "BB"):
        await desk.post(f"{name}/grant")
    assert _kind(await desk.post("AA/annulment", ANNULMENT)) == (403, "duty-required")
    assert (await desk.post("AA/annulment", ANNULMENT, officer=COLLEAGUE, duties=["head"]))[0] == 200
    assert [await desk.state(name) for name in ("AA", "BB", "CC")] == [("open", 2), ("suspended", 1), ("open", 1)]
    counts = {one["step"]: one["counts"] for one in (await desk.get("BB"))["decisions"]}
    assert counts == {"BB": False}
    assert _kind(await desk.post("BB/grant", officer=COLLEAGUE)) == (409, "already-decided")
    assert _kind(await desk.post("AA/annulment", ANNULMENT, duties=["head"])) == (409, "nothing-to-annul")
    assert (await desk.post("AA/grant", officer=COLLEAGUE))[0] == 200
    assert await desk.state("BB") == ("open", 2)
    told = (await desk.said(ApprovalAnnulled))[0]
    assert told.act is not None
    content = verify(told.act, desk.deployment.casework.acts.public_keys("ecology"))
    assert (content["reopen"], content["step"]) == (True, "AA")


async def test_an_annulment_for_good_ends_the_case(deploy: MakeDeployment) -> None:
    desk = await _desk(deploy, item([step("AA"), step("BB", "heritage")]))
    await desk.post("AA/grant")
    answer = await desk.post("AA/annulment", {**ANNULMENT, "reopen": False}, officer=COLLEAGUE, duties=["head"])
    assert (answer[0], answer[1]["state"]) == (200, "annulled")
    assert await desk.state("BB") == ("cancelled", 1)
    assert _kind(await desk.post("BB/grant")) == (409, "decision-annulled")
    assert _kind(await desk.post("AA/grant")) == (409, "decision-annulled")


@pytest.mark.parametrize("outcome", ["upheld", "annulled"])
async def test_a_supervisor_decides_an_appeal(deploy: MakeDeployment, outcome: str) -> None:
    desk = await _desk(deploy, item([step("AA"), step("BB", "heritage")]))
    await desk.post("AA/refuse", REFUSAL)
    assert await desk.state("BB") == ("cancelled", 1)
    body = {"outcome": outcome, "text": "复核 Reviewed."}
    assert _kind(await desk.post("AA/appeal-decision", body, duties=["supervisor"])) == (409, "no-appeal")
    row = await desk.deployment.pool.fetchrow("SELECT event_id FROM outbox WHERE type ~ 'refused'")
    decision = granted(desk.subject, "AA", item([step("AA")]))
    object.__setattr__(decision, "id", row["event_id"])
    await desk.deployment.hear(appealed(desk.subject, decision))
    assert (await desk.get("AA"))["appeals"][0]["grounds"] == "why"
    assert _kind(await desk.post("AA/appeal-decision", body, duties=["head"])) == (403, "duty-required")
    assert (await desk.post("AA/appeal-decision", body, officer=COLLEAGUE, duties=["supervisor"]))[0] == 200
    assert _kind(await desk.post("AA/appeal-decision", body, duties=["supervisor"])) == (409, "no-appeal")
    assert [one.outcome for one in await desk.said(ApprovalAppealDecided)] == [outcome]
    after = [await desk.state(name) for name in ("AA", "BB")]
    if outcome == "upheld":
        assert after == [("refused", 1), ("cancelled", 1)]
        assert await desk.said(ApprovalAnnulled) == []
    else:
        assert after == [("open", 2), ("open", 1)]
        assert [(one.reopen, one.reason_code) for one in await desk.said(ApprovalAnnulled)] == [
            (True, "annulled-on-appeal")
        ]
        assert (await desk.post("AA/grant", officer=COLLEAGUE))[0] == 200


async def test_an_opinion_is_asked_heard_elsewhere_and_answered(deploy: MakeDeployment) -> None:
    asking = item([step("AA", opinions=[{**OPINION, "limit": days(5), "silence": "escalate", "basis": []}])])
    ours = await _desk(deploy, asking, departments=ECOLOGY)
    other = Desk(await deploy(frozenset({"heritage"})), ours.subject, ("heritage",))
    await other.deployment.hear(published(asking), *applied(ours.subject, asking, {"company_name": "x"}))
    ours.departments = ("ecology",)

    async def carry(source: Deployment, target: Deployment) -> None:
        rows = await source.pool.fetch("SELECT * FROM outbox ORDER BY id")
        await target.hear(*(as_event(row) for row in rows))

    async with other.deployment.client(ME, ["heritage"]) as client:
        assert (await client.get("/v1/opinions")).json()["opinions"] == []
        await carry(ours.deployment, other.deployment)
        page = (await client.get("/v1/opinions?state=asked&limit=1")).json()
        assert (await client.get("/v1/opinions?after=xyz")).status_code == 422
    assert [(one["opinion"], one["asked"], one["department"]) for one in page["opinions"]] == [
        ("heritage-view", "heritage", "ecology")
    ]
    assert page["opinions"][0]["due_at"] == "2026-03-09T16:00:00Z"
    detail = await other.get("AA/heritage-view", root="opinions")
    assert {one["field"] for one in detail["answers"]} >= {"company_name", "contact_name"}
    assert _kind(await ours.post("AA/grant")) == (409, "opinions-pending")
    body = {"agrees": False, "text": "不同意 No."}
    answers = [await other.post("AA/heritage-view", body, root="opinions") for _ in range(2)]
    assert [answer[0] for answer in answers] == [200, 200]
    assert _kind(await other.post("AA/heritage-view", {**body, "agrees": True}, root="opinions")) == (
        409,
        "opinion-given",
    )
    assert _kind(await ours.post("AA/heritage-view", body, root="opinions"))[0] == 404
    given = (await other.said(ApprovalOpinionGiven))[0]
    assert case_keys(ours.subject).open(opinion_field("AA", "heritage-view"), given.text) == body["text"]
    await carry(other.deployment, ours.deployment)
    seen = (await ours.get("AA"))["opinions"][0]
    assert (seen["state"], seen["agrees"], seen["text"]) == ("given", False, body["text"])
    assert (await ours.post("AA/grant"))[0] == 200


def as_event(row: Any) -> Event:
    return facts.event_of(row, EVENTS)


async def test_an_opinion_of_a_case_that_is_over_needs_no_answer(deploy: MakeDeployment) -> None:
    asking = item([step("AA", opinions=[{**OPINION, "limit": days(5), "silence": "none", "basis": []}]), step("BB")])
    desk = await _desk(deploy, asking)
    await desk.post("BB/refuse", REFUSAL)
    body = {"agrees": True, "text": "?"}
    assert _kind(await desk.post("AA/heritage-view", body, root="opinions")) == (409, "opinion-cancelled")


async def test_decisions_are_documents_signed_by_their_department(deploy: MakeDeployment) -> None:
    rule = {"by": "rule", "grant_when": {"required": ["company_name"]}, "else": "officer"}
    desk = await _desk(deploy, item([step("AA", decide=rule, basis=["publicity-17"]), step("BB", "heritage")]))
    await desk.post("BB/refuse", REFUSAL)
    keys = desk.deployment.casework.acts.public_keys
    yes, no = (await desk.said(ApprovalGranted))[0], (await desk.said(ApprovalRefused))[0]
    content = verify(yes.act, keys("ecology"))
    assert (content["decision"], content["decided_by"], content["number"]) == ("granted", "rule", yes.act.number)
    assert content["basis"][0].startswith("企业信息公示暂行条例第17条")
    content = verify(no.act, keys("heritage"))
    assert (content["reason_code"], len(content["texts"])) == ("conditions-not-met", 1)
    assert "六十日" in content["remedy"]
    assert REFUSAL["reason"] not in str(content)
    assert (await desk.get("BB"))["decisions"][-1]["act"] == no.act.number


async def test_a_grant_while_promised_materials_are_to_come_is_conditional(deploy: MakeDeployment) -> None:
    promising = item([step("AA", inputs=["map"]), step("BB", inputs=["plan"])])
    deployment, subject = await deploy(ECOLOGY), new_subject()
    sent = submitted(subject, promising, {})
    await deployment.hear(published(promising), sent, accepted(subject, promising, promised=["map"]))
    desk = Desk(deployment, subject, ("ecology",))
    for name in ("AA", "BB"):
        await desk.post(f"{name}/grant")
    assert [one.conditional for one in await desk.said(ApprovalGranted)] == [True, False]
    assert (await desk.get("AA"))["promised"] == ["map"]


async def test_a_department_that_is_not_registered_yet_lets_the_case_wait(
    deploy: MakeDeployment,
) -> None:
    waiting = item([step("AA", "registry-to-come")])
    deployment, subject = await deploy(frozenset({"registry-to-come"})), new_subject()
    await deployment.hear(published(waiting), *applied(subject, waiting, {}))
    assert await deployment.said() == []
    assert await deployment.pool.fetchval("SELECT entry FROM waiting_case") == "department:registry-to-come"
