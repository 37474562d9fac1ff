"""From receipt to acceptance: five working days, everything at once, silence accepts, promises, the right authority."""

from typing import Any
from uuid import UUID

import httpx
from tongban_schemas.events.applications import (
    ApplicationAccepted,
    ApplicationCorrectionNoticed,
    ApplicationNotAccepted,
    ApplicationNoticeRejected,
    ApplicationPromiseOverdue,
    ApplicationReceived,
)
from tongban_schemas.events.approvals import ApprovalOpened

from tests.lifecycle.sample import item, limit, material, step
from tests.lifecycle.world import World, end_of

_ACCEPTANCE = {"by": "officer", "department": "lead", "notice": limit(5)}
_MATERIALS = [material("plan"), material("consent", tolerable=limit(20))]


async def _case(life: World, serial: int, given: tuple[str, ...] = ("plan", "consent")) -> UUID:
    one = item(serial, [step("LAND", "land", inputs=["plot"])], acceptance=_ACCEPTANCE, materials=_MATERIALS)
    return await life.apply_with(life.person("applicant"), await life.offer(one), given)


async def _desk(life: World, case: UUID, verb: str, body: object) -> httpx.Response:
    answer = await life.call(
        "intake", "POST", f"/v1/receipts/{case}/{verb}", life.officer("administrative-approval", "receiver"), body
    )
    await life.settle()
    return answer


async def _citizen(life: World, case: UUID, what: str, body: object) -> httpx.Response:
    answer = await life.call("intake", "POST", f"/v1/applications/{case}/{what}", life.person("applicant"), body)
    await life.settle()
    return answer


def _kind(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).rsplit("/", 1)[-1].rsplit(":", 1)[-1]


async def _event(life: World, case: UUID, model: Any) -> Any:
    return next(event for event in await life.facts(case) if isinstance(event.data, model))


async def test_silence_for_five_working_days_accepts_from_the_day_of_receipt(life: World) -> None:
    case = await _case(life, 201)
    received = await _event(life, case, ApplicationReceived)
    assert received.data.number.endswith("202603020001")
    await life.move("2026-03-09")
    assert await life.said(case, ApplicationAccepted) == []
    await life.move("2026-03-10")
    accepted = await _event(life, case, ApplicationAccepted)
    assert accepted.data.deemed
    assert accepted.time == end_of("2026-03-09")
    assert accepted.data.effective_from == (await life.facts(case))[0].time
    assert len(await life.said(case, ApprovalOpened)) == 1


async def test_the_notice_names_everything_at_once_and_there_is_no_second(life: World) -> None:
    case = await _case(life, 202, given=())
    answer = await _desk(life, case, "notice", {"fields": ["plot"], "materials": ["plan"], "message": "面积有误"})
    assert answer.status_code == 200, answer.text
    notice = await _event(life, case, ApplicationCorrectionNoticed)
    assert set(notice.data.materials) == {"plan", "consent"}
    assert notice.data.act.kind == "correction-notice"
    second = await _desk(life, case, "notice", {"fields": ["noise"], "materials": [], "message": "还有一处"})
    assert second.status_code == 409
    assert second.json()["detail_zh"]
    body = {"request": str(notice.id), "answers": {"plot": 90}}
    assert (await _citizen(life, case, "corrections", body)).status_code == 422
    await life.bring(life.person("applicant"), case, ("plan", "consent"))
    assert (await _citizen(life, case, "corrections", body)).status_code == 202
    late = await _desk(life, case, "notice", {"fields": ["noise"], "materials": [], "message": "还有一处"})
    assert (late.status_code, _kind(late)) == (409, "second-notice")
    assert [one.rule for one in await life.said(case, ApplicationNoticeRejected)][-1] == "second-notice"
    again = await _desk(life, case, "notice", {"fields": ["plot"], "materials": [], "message": "改后仍有误"})
    assert again.status_code == 200, again.text
    assert await life.said(case, ApplicationAccepted) == []


async def test_not_accepted_names_the_right_authority(life: World) -> None:
    case = await _case(life, 203)
    body = {"reason_code": "other-authority", "reason": "应由市级机关办理"}
    assert (await _desk(life, case, "non-acceptance", body)).status_code == 422
    answer = await _desk(life, case, "non-acceptance", body | {"right_authority": "市自然资源局"})
    assert answer.status_code == 200, answer.text
    (said,) = await life.said(case, ApplicationNotAccepted)
    assert said.right_authority == "市自然资源局"
    assert said.act.kind == "non-acceptance"
    assert (await _citizen(life, case, "withdrawal", None)).status_code == 409
    await life.move("2026-04-01")
    assert await life.said(case, ApprovalOpened) == []


async def test_accepted_on_a_promise_that_is_not_kept(life: World) -> None:
    case = await _case(life, 204, given=("plan",))
    assert (await _desk(life, case, "accept", {"promised": []})).status_code in (409, 422)
    answer = await _desk(life, case, "accept", {"promised": ["consent"]})
    assert answer.status_code == 200, answer.text
    (accepted,) = await life.said(case, ApplicationAccepted)
    assert accepted.promised == ["consent"]
    await life.move("2026-04-10")
    overdue = await _event(life, case, ApplicationPromiseOverdue)
    assert (overdue.data.materials, overdue.time) == (["consent"], end_of("2026-03-30"))


async def test_a_promise_that_is_kept_in_time(life: World) -> None:
    case = await _case(life, 205, given=("plan",))
    await _desk(life, case, "accept", {"promised": ["consent"]})
    await life.move("2026-03-20")
    await life.bring(life.person("applicant"), case, ("consent",))
    await life.move("2026-04-10")
    assert await life.said(case, ApplicationPromiseOverdue) == []


async def test_withdrawn_until_the_decision_and_not_after(life: World) -> None:
    one = await life.offer(item(206, [step("LAND", "land")]))
    first = await life.apply(life.person("applicant"), one)
    assert (await _citizen(life, first, "withdrawal", None)).status_code == 202
    second = await life.apply(life.person("applicant"), one)
    await life.act(
        second,
        "LAND",
        "refuse",
        life.officer("natural-resources"),
        {"reason_code": "conditions-not-met", "reason": "不符合"},
    )
    answer = await _citizen(life, second, "withdrawal", None)
    assert answer.status_code == 409
    assert answer.json()["detail_zh"]


async def test_a_case_number_is_item_day_and_serial(life: World) -> None:
    one = await life.offer(item(207, [step("LAND", "land")]))
    cases = [await life.apply(life.person("applicant"), one) for _ in range(3)]
    numbers = [(await life.said(case, ApplicationAccepted))[0].number for case in cases]
    assert numbers == [f"{one.code}20260302{serial:04d}" for serial in (1, 2, 3)]
