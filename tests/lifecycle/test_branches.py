"""Each branch of a case by its own right: corrections, quorum, annulment, appeals, limited numbers."""

import asyncio
from uuid import UUID, uuid4

from tongban_catalog.impact import cases_of
from tongban_catalog.item import Item
from tongban_catalog.shadow import assess
from tongban_schemas.events.applications import ApplicationAppealed
from tongban_schemas.events.approvals import (
    ApprovalAnnulled,
    ApprovalConcurred,
    ApprovalCorrectionRequested,
    ApprovalGranted,
    ApprovalNoticeRejected,
    ApprovalOpened,
    ApprovalRefused,
)
from tongban_schemas.events.certificates import CertificateIssued, CertificateRevoked

from tests.lifecycle.sample import item, limit, step
from tests.lifecycle.world import World

_REFUSAL = {"reason_code": "conditions-not-met", "reason": "不符"}
_STEPS = [step("LAND", "land", inputs=["plot"]), step("ECO", "ecology", inputs=["noise"])]
_LAST = step("BUILD", "housing", needs=[{"step": "LAND", "basis": ["rule"]}, {"step": "ECO", "basis": ["rule"]}])


async def _case(life: World, one: Item) -> UUID:
    return await life.apply(life.person("applicant"), await life.offer(one))


async def _rounds(life: World, case: UUID) -> list[tuple[str, int]]:
    return sorted((one.step, one.round) for one in await life.said(case, ApprovalOpened))


async def _correct(life: World, case: UUID, answers: dict[str, object]) -> int:
    request = [one for one in await life.facts(case) if isinstance(one.data, ApprovalCorrectionRequested)][-1]
    body = {"request": str(request.id), "answers": answers}
    answer = await life.call("intake", "POST", f"/v1/applications/{case}/corrections", life.person("applicant"), body)
    await life.settle()
    return answer.status_code


async def _in_force(life: World, one: Item) -> None:
    """Waits until intake takes applications under the version; it looks for new ones every few seconds."""
    for _ in range(100):
        shown = await life.ask("intake", "GET", f"/v1/items/{one.code}", None)
        if shown["version"] == one.version:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the new version does not come into force")


async def _issued(life: World, case: UUID, count: int) -> list[CertificateIssued]:
    for _ in range(200):
        found = await life.said(case, CertificateIssued)
        if len(found) >= count:
            return found
        await life.settle()
    raise AssertionError("no certificate came")


async def test_a_correction_reopens_the_one_department_whose_input_changed(life: World) -> None:
    case = await _case(life, item(301, [*_STEPS, _LAST]))
    land, ecology, housing = (life.officer(name) for name in ("natural-resources", "ecology", "housing"))
    await life.act(case, "LAND", "grant", land)
    await life.act(case, "ECO", "grant", ecology)
    await life.act(case, "BUILD", "correction", housing, {"fields": ["noise"], "message": "噪声值与报告不一致"})
    assert await _correct(life, case, {"noise": 45}) == 202
    assert await _rounds(life, case) == [("BUILD", 1), ("ECO", 1), ("ECO", 2), ("LAND", 1)]
    tasks = {
        name: (await life.ask("approvals-99", "GET", f"/v1/tasks/{case}/{name}", who))["state"]
        for name, who in (("LAND", land), ("ECO", ecology))
    }
    assert tasks == {"LAND": "granted", "ECO": "open"}
    await life.act(case, "ECO", "grant", ecology)
    await life.act(case, "BUILD", "grant", housing)
    assert len(await _issued(life, case, 1)) == 1


async def test_a_second_notice_is_refused_and_recorded_and_so_is_a_late_one(life: World) -> None:
    case = await _case(life, item(302, [step("LAND", "land", inputs=["plot"]), step("ECO", "ecology")]))
    land, ecology = life.officer("natural-resources"), life.officer("ecology")
    await life.act(case, "LAND", "correction", land, {"fields": ["plot"], "message": "面积有误"})
    assert await _correct(life, case, {"plot": 90}) == 202
    body = {"fields": ["noise"], "message": "还有一处"}
    assert (await life.act(case, "LAND", "correction", land, body, refused=409))["type"].endswith("second-notice")
    await life.move("2026-03-11")
    body = {"fields": ["noise"], "message": "太晚"}
    assert (await life.act(case, "ECO", "correction", ecology, body, refused=409))["type"].endswith("late-notice")
    rules = {one.step: one.rule for one in await life.said(case, ApprovalNoticeRejected)}
    assert rules == {"LAND": "second-notice", "ECO": "late-notice"}


async def test_a_quorum_of_two_takes_two_officers(life: World) -> None:
    case = await _case(life, item(303, [step("LAND", "land", quorum=2)]))
    one, other = life.officer("natural-resources", name="a"), life.officer("natural-resources", name="b")
    await life.act(case, "LAND", "grant", one)
    assert await life.said(case, ApprovalGranted) == []
    again = await life.act(case, "LAND", "grant", one, refused=409)
    assert again["type"].endswith("already-concurred")
    await life.act(case, "LAND", "grant", other)
    (granted,) = await life.said(case, ApprovalGranted)
    assert (granted.officer, granted.concurring) == (other.id, [one.id])
    assert len(await life.said(case, ApprovalConcurred)) == 1


async def test_an_annulled_decision_takes_the_certificate_with_it_and_what_rested_on_it(life: World) -> None:
    case = await _case(life, item(304, [*_STEPS, _LAST]))
    land, head = life.officer("natural-resources"), life.officer("natural-resources", "head")
    ecology, housing = life.officer("ecology"), life.officer("housing")
    for name, who in (("LAND", land), ("ECO", ecology), ("BUILD", housing)):
        await life.act(case, name, "grant", who)
    (first,) = await _issued(life, case, 1)
    body = {"reason_code": "facts-unclear", "reason": "审查有误", "reopen": True}
    await life.act(case, "LAND", "annulment", head, body)
    (revoked,) = await life.said(case, CertificateRevoked)
    (annulled,) = [event for event in await life.facts(case) if isinstance(event.data, ApprovalAnnulled)]
    assert (revoked.number, revoked.cause, revoked.because) == (first.number, "annulled", annulled.id)
    verified = await life.call("certificates", "GET", f"/verify/{first.number}", None, accept="application/json")
    assert "revoked" in verified.text
    await life.act(case, "LAND", "grant", land)
    assert await _rounds(life, case) == [("BUILD", 1), ("BUILD", 2), ("ECO", 1), ("LAND", 1), ("LAND", 2)]
    await life.act(case, "BUILD", "grant", housing)
    second = (await _issued(life, case, 2))[-1]
    assert second.replaces == first.number


async def test_an_appeal_annuls_a_refusal_and_the_case_goes_on(life: World) -> None:
    case = await _case(life, item(305, [step("LAND", "land"), step("ECO", "ecology")]))
    land, above = life.officer("natural-resources"), life.officer("natural-resources", "supervisor")
    await life.act(case, "ECO", "grant", life.officer("ecology"))
    await life.act(case, "LAND", "refuse", land, {"reason_code": "conditions-not-met", "reason": "选址不符"})
    (refusal,) = [event for event in await life.facts(case) if isinstance(event.data, ApprovalRefused)]
    (said,) = await life.said(case, ApprovalRefused)
    assert said.act.kind == "refusal"
    await life.move("2026-04-01")
    body = {"decision": str(refusal.id), "way": "reconsideration", "grounds": "选址符合规划"}
    path = f"/v1/applications/{case}/appeals"
    answer = await life.call("intake", "POST", path, life.person("applicant"), body)
    assert answer.status_code == 202, answer.text
    await life.settle()
    assert len(await life.said(case, ApplicationAppealed)) == 1
    await life.act(case, "LAND", "appeal-decision", above, {"outcome": "annulled", "text": "撤销原决定,重新办理"})
    await life.act(case, "LAND", "grant", land)
    assert len(await _issued(life, case, 1)) == 1


async def test_an_appeal_comes_too_late_after_sixty_days(life: World) -> None:
    case = await _case(life, item(306, [step("LAND", "land")]))
    await life.act(
        case,
        "LAND",
        "refuse",
        life.officer("natural-resources"),
        _REFUSAL,
    )
    (refusal,) = [event for event in await life.facts(case) if isinstance(event.data, ApprovalRefused)]
    await life.move("2026-05-08")
    body = {"decision": str(refusal.id), "way": "reconsideration", "grounds": "不服"}
    path = f"/v1/applications/{case}/appeals"
    answer = await life.call("intake", "POST", path, life.person("applicant"), body)
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1].rsplit(":", 1)[-1]) == (409, "appeal-too-late")


async def test_limited_numbers_go_in_order_of_acceptance(life: World) -> None:
    quota = {"number": 1, "per": "item", "basis": ["rule"]}
    one = await life.offer(item(307, [step("LAND", "land", quota=quota)]))
    first, second = [await life.apply(life.person(f"applicant {uuid4()}"), one) for _ in range(2)]
    land = life.officer("natural-resources")
    early = await life.act(second, "LAND", "grant", land, refused=409)
    assert early["type"].endswith("not-first-in-line")
    await life.act(first, "LAND", "grant", land)
    late = await life.act(second, "LAND", "grant", land, refused=409)
    assert late["type"].endswith("quota-exhausted")
    await life.act(second, "LAND", "refuse", land, {"reason_code": "quota-used-up", "reason": "数量已满"})


async def test_fifty_running_cases_keep_their_version_and_impact_names_exactly_them(life: World) -> None:
    old = await life.offer(item(308, [step("LAND", "land", limit={"legal": limit(20)})]))
    done = await life.apply(life.person("applicant"), old)
    await life.act(
        done,
        "LAND",
        "refuse",
        life.officer("natural-resources"),
        _REFUSAL,
    )
    running = await asyncio.gather(*(life.apply(life.person("applicant"), old) for _ in range(50)))
    new = await life.offer(item(308, [step("LAND", "land"), step("ECO", "ecology")], version=2))
    await _in_force(life, new)
    later = await life.apply(life.person("applicant"), new)
    assert {tuple(await _rounds(life, case)) for case in running} == {(("LAND", 1),)}
    assert await _rounds(life, later) == [("ECO", 1), ("LAND", 1)]
    found = assess(new, await cases_of(str(life.kafka), life.prefix, new.code), {old.ref: old, new.ref: new})
    assert {UUID(one.application) for one in found.running} == set(running)
