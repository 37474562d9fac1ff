"""After acceptance or refusal: promised materials, appeals, withdrawal until the decision."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from tongban_runtime.problems import Problem
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events.applications import (
    APPEAL_FIELD,
    ApplicationAccepted,
    ApplicationAppealed,
    ApplicationNotAccepted,
    ApplicationPromiseOverdue,
    ApplicationSupplemented,
    ApplicationWithdrawn,
)
from tongban_schemas.events.approvals import ApprovalAnnulled, ApprovalOpened, ApprovalRefused
from tongban_schemas.events.evidence import EvidenceUploaded

from .cases import acted
from .counter import MATERIALS, Counter, digests, kind_of

LAND = "natural-resources"
PROMISE_ENDS = datetime(2026, 3, 16, 16, 0, tzinfo=UTC)
"""The tenth working day after Monday 2 March, at its end."""
REFUSED = ApprovalRefused(
    step="FA", department=LAND, decided_by="officer", reason_code="site-not-suitable", reason="s1.cmVhc29u"
)


def told(counter: Counter, case: str, data: EventData, *discriminators: str) -> Event:
    """What the land department says about a case, now."""
    name, at = event_id(data.TYPE, case, *discriminators), counter.clock.now()
    return acted(Event(name, f"/approvals/{LAND}", case, at, UUID(case), data, 1), counter.item)


def taken_back(refusal: Event, reopen: bool = True) -> ApprovalAnnulled:
    return ApprovalAnnulled(
        step="FA",
        department=LAND,
        decision=refusal.id,
        reopen=reopen,
        reason_code="wrong-facts",
        reason="s1.cmVhc29u",
        officer=uuid4(),
    )


async def on_promise(counter: Counter) -> str:
    """A case accepted on the promise of the business licence."""
    case = await counter.apply(["design-scheme"])
    answer = await counter.at_desk(case, "accept", {"promised": ["business-licence"]})
    assert answer.status_code == 200, answer.text
    return case


async def refused(counter: Counter) -> tuple[str, Event]:
    case = await counter.apply(MATERIALS)
    assert (await counter.at_desk(case, "accept")).status_code == 200
    refusal = told(counter, case, REFUSED)
    await counter.service.hear(refusal)
    return case, refusal


def grounds(decision: object, **changes: Any) -> dict[str, Any]:
    return {"decision": str(decision), "way": "reconsideration", "grounds": "金丝雀：认定事实不清。"} | changes


async def test_what_was_promised_is_brought(counter: Counter) -> None:
    case = await on_promise(counter)
    accepted = await counter.one(case, ApplicationAccepted)
    assert accepted.data.promised == ["business-licence"]  # type: ignore[attr-defined]
    states = {one["material"]: one["state"] for one in (await counter.at_desk(case, "")).json()["materials"]}
    assert states == {"business-licence": "promised", "design-scheme": "uploaded"}
    await asyncio.gather(*(counter.bring(case, "business-licence") for _ in range(3)))
    upload = (await counter.said(case, EvidenceUploaded))[-1].data
    assert isinstance(upload, EvidenceUploaded)
    assert (upload.material, upload.reason, upload.because) == ("business-licence", "promise", accepted.id)
    brought = await counter.one(case, ApplicationSupplemented)
    assert brought.data.materials == digests("business-licence")  # type: ignore[attr-defined]
    await counter.bring(case, "business-licence", version=2)
    assert len(await counter.said(case, ApplicationSupplemented)) == 1
    assert len(await counter.said(case, EvidenceUploaded)) == 3
    await counter.until(PROMISE_ENDS + timedelta(days=9))
    assert await counter.said(case, ApplicationPromiseOverdue) == []


async def test_a_promise_that_is_not_kept_is_told_once(counter: Counter) -> None:
    case = await on_promise(counter)
    await counter.until(PROMISE_ENDS - timedelta(seconds=1))
    assert await counter.said(case, ApplicationPromiseOverdue) == []
    await counter.until(PROMISE_ENDS + timedelta(days=2))
    event = await counter.one(case, ApplicationPromiseOverdue)
    assert (event.time, event.data.materials) == (PROMISE_ENDS, ["business-licence"])  # type: ignore[attr-defined]
    await counter.bring(case, "business-licence")
    await counter.pass_days(30)
    assert len(await counter.said(case, ApplicationPromiseOverdue)) == 1


async def test_lateness_is_said_before_what_comes_late(counter: Counter) -> None:
    case = await on_promise(counter)
    counter.clock.advance(PROMISE_ENDS - counter.clock.now() + timedelta(hours=1))
    await counter.bring(case, "business-licence")
    said = [type(event.data) for event in await counter.service.outbox(case)]
    assert said[-3:] == [ApplicationPromiseOverdue, EvidenceUploaded, ApplicationSupplemented]


async def test_nothing_is_brought_that_nobody_asked_for(counter: Counter) -> None:
    promised, plain = await on_promise(counter), await counter.apply()
    for case, material in ((promised, "no-such"), (plain, "business-licence")):
        with pytest.raises(Problem) as refused:
            await counter.bring(case, material)
        assert refused.value.kind in ("no-such-material", "not-asked-for")


async def test_a_refusal_may_be_appealed_against_once(counter: Counter) -> None:
    case, refusal = await refused(counter)
    await counter.pass_days(30)
    body = grounds(refusal.id)
    answers = await asyncio.gather(*(counter.by_applicant(case, "appeals", body) for _ in range(3)))
    assert {answer.status_code for answer in answers} == {202}
    event = await counter.one(case, ApplicationAppealed)
    assert isinstance(event.data, ApplicationAppealed)
    keys = await counter.service.keys(case)
    assert keys.open(f"{APPEAL_FIELD}/{refusal.id}", event.data.grounds) == body["grounds"]
    other = await counter.by_applicant(case, "appeals", grounds(refusal.id, way="litigation"))
    assert kind_of(other) == (409, "appealed-already")


@pytest.mark.parametrize(("days", "status"), [(60, 202), (65, 202), (66, 409)])
async def test_the_time_to_appeal_is_sixty_days(counter: Counter, days: int, status: int) -> None:
    """Sixty days after 2 March are 1 May: a holiday, so it ends with Wednesday 6 May."""
    case, refusal = await refused(counter)
    await counter.pass_days(days)
    answer = await counter.by_applicant(case, "appeals", grounds(refusal.id))
    assert answer.status_code == status
    if status == 409:
        assert kind_of(answer) == (409, "appeal-too-late")


async def test_only_decisions_that_stand_are_appealed_against(counter: Counter) -> None:
    case, refusal = await refused(counter)
    assert kind_of(await counter.by_applicant(case, "appeals", grounds(uuid4()))) == (409, "nothing-to-appeal")
    await counter.service.hear(told(counter, case, taken_back(refusal)))
    assert kind_of(await counter.by_applicant(case, "appeals", grounds(refusal.id))) == (409, "nothing-to-appeal")


async def test_a_non_acceptance_may_be_appealed_against(counter: Counter) -> None:
    case = await counter.apply()
    await counter.at_desk(case, "non-acceptance", {"reason_code": "no-permit-needed", "reason": "无需许可。"})
    decision = await counter.one(case, ApplicationNotAccepted)
    assert (await counter.by_applicant(case, "appeals", grounds(decision.id))).status_code == 202


async def test_a_refused_case_runs_again_when_the_refusal_is_annulled(counter: Counter) -> None:
    case, refusal = await refused(counter)
    gone = await counter.by_applicant(case, "withdrawal")
    assert (gone.status_code, gone.json()["reason"]) == (409, "refused")
    opened = ApprovalOpened(step="FA", department=LAND, round=2)
    await counter.service.hear(told(counter, case, taken_back(refusal)), told(counter, case, opened, "2"))
    assert (await counter.by_applicant(case, "withdrawal")).status_code == 202
    await counter.one(case, ApplicationWithdrawn)


async def test_strangers_bring_and_appeal_nothing(counter: Counter) -> None:
    case, refusal = await refused(counter)
    async with counter.service.client(uuid4()) as stranger:
        answer = await stranger.post(f"/v1/applications/{case}/appeals", json=grounds(refusal.id))
        assert kind_of(answer) == (404, "no-such-application")
        brought = await stranger.put(f"/v1/proofs/{case}/design-scheme/file", content=b"x")
        assert kind_of(brought) == (404, "no-such-case")
