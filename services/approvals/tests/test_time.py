"""The clock: what time makes true, at which instant, once; on a real database with a moving clock."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tongban_catalog.item import Item
from tongban_runtime.acts import verify
from tongban_runtime.testing.keys import case_keys
from tongban_schemas.envelope import EventData
from tongban_schemas.events.approvals import (
    ApprovalClockStopped,
    ApprovalDueSoon,
    ApprovalExtended,
    ApprovalGranted,
    ApprovalOpinionLapsed,
    ApprovalOverdue,
    extension_field,
)

from .conftest import COLLEAGUE, ME, Deployment, MakeDeployment
from .samples import (
    ECOLOGY,
    accepted,
    applied,
    calendar,
    corrected,
    days,
    item,
    new_subject,
    published,
    step,
    submitted,
)

LIMITS = {"promised": days(5), "legal": days(20)}
REVIEW = [
    {"id": "expert-review", "name": {"zh": "专家评审", "en": "Expert review"}, "expected": days(10), "basis": []},
    {"id": "hearing", "name": {"zh": "听证", "en": "Hearing"}, "expected": days(20), "basis": []},
]
TIMED = item([step("AA", limit=LIMITS, extension=days(10), procedures=REVIEW)])


def _at(month: int, day: int, hour: int = 16, minute: int = 0, year: int = 2026) -> datetime:
    """16:00 UTC is midnight in China."""
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


async def _case(deployment: Deployment, timed: Item, plain: dict[str, Any] | None = None) -> str:
    subject = new_subject()
    await deployment.hear(published(timed), *applied(subject, timed, plain or {}))
    return subject


async def _post(
    deployment: Deployment, path: str, body: Any = None, officer: UUID = ME, duties: tuple[str, ...] = ()
) -> tuple[int, dict[str, Any]]:
    async with deployment.client(officer, ECOLOGY, duties=duties) as client:
        answer = await client.post(path, json=body)
    return answer.status_code, answer.json()


async def _get(deployment: Deployment, path: str) -> dict[str, Any]:
    async with deployment.client(ME, ECOLOGY) as client:
        answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def _times(deployment: Deployment, *models: type[EventData]) -> list[tuple[str, str, datetime]]:
    """What was said of these types, with the limit and its time, in the order of publication."""
    rows = await deployment.pool.fetch("SELECT type, time, body FROM outbox ORDER BY id")
    by_type = {model.TYPE: model for model in models}
    return [
        (
            row["type"].split(".")[3],
            getattr(by_type[row["type"]].model_validate_json(row["body"]), "limit", ""),
            row["time"],
        )
        for row in rows
        if row["type"] in by_type
    ]


WARNED = (ApprovalDueSoon, ApprovalOverdue)
ALL_WARNINGS = [
    ("due-soon", "promised", _at(3, 6)),
    ("overdue", "promised", _at(3, 9)),
    ("due-soon", "legal", _at(3, 24)),
    ("overdue", "legal", _at(3, 30)),
]


@pytest.mark.parametrize("leap", [timedelta(days=1), timedelta(days=60)])
async def test_limits_turn_yellow_and_red_at_their_instants_however_long_the_system_slept(
    deploy: MakeDeployment, leap: timedelta
) -> None:
    deployment = await deploy(ECOLOGY)
    subject = await _case(deployment, TIMED)
    task = await _get(deployment, f"/v1/tasks/{subject}/AA")
    assert (task["due_at"], task["colour"]) == ("2026-03-09T16:00:00Z", "normal")
    while deployment.clock.now() < _at(4, 20):
        await deployment.move(min(deployment.clock.now() + leap, _at(4, 20)))
    assert await _times(deployment, *WARNED) == ALL_WARNINGS
    late = [data for _, _, data in await deployment.said() if isinstance(data, ApprovalOverdue)]
    assert {one.supervisor for one in late} == {"administrative-approval"}
    task = await _get(deployment, f"/v1/tasks/{subject}/AA")
    assert task["colour"] == "red"
    assert [one["limit"] for one in task["limits"]] == ["promised", "legal"]


async def test_colours_and_dates_in_the_list_which_can_be_sorted_by_them(deploy: MakeDeployment) -> None:
    deployment = await deploy(ECOLOGY)
    slow = item([step("AA", limit={"legal": days(30)})], version=7)
    fast = item([step("AA", limit={"legal": days(5)})], version=8)
    free = item([step("AA")], version=9)
    cases = [await _case(deployment, one) for one in (free, slow, fast)]
    assert [task["application"] for task in (await _get(deployment, "/v1/tasks?sort=due"))["tasks"]] == cases[::-1]
    await deployment.move(_at(3, 6))
    page = await _get(deployment, "/v1/tasks?sort=due&limit=1")
    assert [task["colour"] for task in page["tasks"]] == ["yellow"]
    seen = [page["tasks"][0]["application"]]
    while page["next"]:
        page = await _get(deployment, f"/v1/tasks?sort=due&limit=1&after={page['next']}")
        seen += [task["application"] for task in page["tasks"]]
    assert seen == cases[::-1]


async def test_a_decision_ends_the_time_and_an_action_says_what_time_made_true_before(deploy: MakeDeployment) -> None:
    deployment = await deploy(ECOLOGY)
    subject = await _case(deployment, TIMED)
    deployment.clock.advance(_at(3, 10) - deployment.clock.now())
    assert (await _post(deployment, f"/v1/tasks/{subject}/AA/grant"))[0] == 200
    verbs = [verb for verb, _, _ in await deployment.said()]
    assert verbs == ["opened", "due-soon", "overdue", "granted"]
    await deployment.move(_at(6, 1))
    assert await _times(deployment, *WARNED) == ALL_WARNINGS[:2]
    assert await deployment.pool.fetchval("SELECT count(*) FROM alarm") == 0


async def test_special_procedures_stop_the_clock_and_overlapping_ones_do_not_count_twice(
    deploy: MakeDeployment,
) -> None:
    deployment = await deploy(ECOLOGY)
    subject = await _case(deployment, TIMED)
    path = f"/v1/tasks/{subject}/AA"
    assert (await _post(deployment, f"{path}/procedures", {"procedure": "survey"}))[1]["type"].endswith("not-declared")
    await deployment.move(_at(3, 4, 2))
    status, task = await _post(deployment, f"{path}/procedures", {"procedure": "expert-review"})
    assert (status, task["due_at"], task["colour"]) == (200, None, "normal")
    assert (await _post(deployment, f"{path}/procedures", {"procedure": "expert-review"}))[0] == 200
    await deployment.move(_at(3, 5, 2))
    await _post(deployment, f"{path}/procedures", {"procedure": "hearing"})
    for verb in ("grant", "refuse"):
        body = {"reason_code": "conditions-not-met", "reason": "?"} if verb == "refuse" else None
        assert (await _post(deployment, f"{path}/{verb}", body))[1]["type"].endswith("procedure-running")
    await deployment.move(_at(3, 30, 2))
    assert await _times(deployment, *WARNED) == []
    stops = (await _get(deployment, path))["procedures"]
    assert [(one["procedure"], one["expected"]["number"]) for one in stops] == [("expert-review", 10), ("hearing", 20)]
    await _post(deployment, f"{path}/procedures/{stops[0]['stop']}/resume")
    _, task = await _post(deployment, f"{path}/procedures/{stops[1]['stop']}/resume")
    assert task["due_at"] == "2026-04-03T16:00:00Z"
    assert (await _post(deployment, f"{path}/procedures/{stops[1]['stop']}/resume"))[1]["type"].endswith("over")
    assert (await _post(deployment, f"{path}/procedures/{UUID(int=1)}/resume"))[0] == 404
    said = [data for _, _, data in await deployment.said() if isinstance(data, ApprovalClockStopped)]
    assert len(said) == 2
    assert said[0].act is not None
    content = verify(said[0].act, deployment.casework.acts.public_keys("ecology"))
    assert (content["procedure"], content["expected"]) == ("expert-review", days(10))


async def test_the_clock_stands_still_while_the_applicant_is_asked(deploy: MakeDeployment) -> None:
    deployment = await deploy(ECOLOGY)
    subject = await _case(deployment, TIMED, {"company_name": "x"})
    body = {"fields": ["company_name"], "message": "?"}
    await deployment.move(_at(3, 3, 2))
    status, task = await _post(deployment, f"/v1/tasks/{subject}/AA/correction", body)
    assert (status, task["due_at"]) == (200, None)
    await deployment.move(_at(5, 4, 2))
    assert await _times(deployment, *WARNED) == []
    request = (await _get(deployment, f"/v1/tasks/{subject}/AA"))["corrections"][0]["request"]
    answer = corrected(subject, UUID(request), {"company_name": "y"}, sequence=3)
    await deployment.hear(replace(answer, time=_at(5, 4, 2)))
    task = await _get(deployment, f"/v1/tasks/{subject}/AA")
    assert (task["state"], task["due_at"]) == ("taken", "2026-05-11T16:00:00Z")


async def test_the_head_extends_once_before_the_limit_ends(deploy: MakeDeployment) -> None:
    deployment = await deploy(ECOLOGY)
    subject = await _case(deployment, TIMED)
    path, body = f"/v1/tasks/{subject}/AA/extension", {"reason": "情况复杂 It is complex."}
    assert (await _post(deployment, path, body))[0] == 403
    await deployment.move(_at(3, 20))
    status, task = await _post(deployment, path, body, duties=("head",))
    assert (status, task["due_at"]) == (200, "2026-03-23T16:00:00Z")
    assert (await _post(deployment, path, body, duties=("head",)))[1]["type"].endswith("already-extended")
    told = next(data for _, _, data in await deployment.said() if isinstance(data, ApprovalExtended))
    assert (told.by.number, told.step) == (10, "AA")
    assert case_keys(subject).open(extension_field("AA"), told.reason) == body["reason"]
    detail = await _get(deployment, f"/v1/tasks/{subject}/AA")
    assert [(one["limit"], one["due_at"], one["extended"]) for one in detail["limits"]] == [
        ("promised", "2026-03-23T16:00:00Z", True),
        ("legal", "2026-04-13T16:00:00Z", True),
    ]
    await deployment.move(_at(4, 14))
    assert await _times(deployment, *WARNED) == [
        *ALL_WARNINGS[:2],
        ("due-soon", "promised", _at(3, 20)),
        ("overdue", "promised", _at(3, 23)),
        ("due-soon", "legal", _at(4, 3)),
        ("overdue", "legal", _at(4, 13)),
    ]


async def test_no_extension_after_the_limit_or_where_none_is_declared(deploy: MakeDeployment) -> None:
    deployment = await deploy(ECOLOGY)
    subject = await _case(deployment, TIMED)
    plain = await _case(deployment, item([step("AA", limit=LIMITS)], version=2))
    await deployment.move(_at(4, 1))
    for case, kind in ((subject, "limit-over"), (plain, "extension-not-declared")):
        answer = await _post(deployment, f"/v1/tasks/{case}/AA/extension", {"reason": "?"}, duties=("head",))
        assert (answer[0], answer[1]["type"].rsplit(":", 1)[1]) == (409, kind)


async def test_the_joint_limit_is_said_by_the_lead_and_extended_once(deploy: MakeDeployment) -> None:
    joint = {"lead": "ecology", "legal": days(45), "extension": days(15), "basis": []}
    timed = item([step("AA", procedures=REVIEW), step("BB", "heritage")], joint=joint)
    deployment, other = await deploy(ECOLOGY), await deploy(frozenset({"heritage"}))
    subject = await _case(deployment, timed)
    await other.hear(published(timed), *applied(subject, timed, {}))
    assert (await _get(deployment, f"/v1/cases/{subject}/joint"))["due_at"] == "2026-05-04T16:00:00Z"
    path, body = f"/v1/cases/{subject}/extension", {"reason": "政府批准 approved"}
    assert (await _post(deployment, path, body))[0] == 403
    async with other.client(ME, ["heritage"], duties=["head"]) as client:
        assert (await client.post(path, json=body)).status_code == 404
    status, due = await _post(deployment, path, body, duties=("head",))
    assert (status, due["due_at"], due["extended"]) == (200, "2026-05-25T16:00:00Z", True)
    assert (await _post(deployment, path, body, duties=("head",)))[0] == 409
    for one in (deployment, other):
        await one.move(_at(6, 1))
    assert await _times(deployment, *WARNED) == [
        ("due-soon", "joint", _at(5, 7)),
        ("overdue", "joint", _at(5, 25)),
    ]
    assert await _times(other, *WARNED) == []


async def test_silence_grants_at_the_end_of_the_legal_limit(deploy: MakeDeployment) -> None:
    timed = item(
        [
            step("AA", limit={"legal": days(5)}, silence={"at": "legal", "then": "grant"}),
            step("BB", needs=["AA"], limit={"legal": days(5)}),
        ]
    )
    deployment = await deploy(ECOLOGY)
    subject = await _case(deployment, timed)
    await deployment.move(_at(4, 1))
    said = await _times(deployment, ApprovalGranted, *WARNED)
    assert said == [
        ("due-soon", "legal", _at(3, 6)),
        ("overdue", "legal", _at(3, 9)),
        ("granted", "", _at(3, 9)),
        ("due-soon", "legal", _at(3, 16)),
        ("overdue", "legal", _at(3, 17)),
    ]
    yes = next(data for _, _, data in await deployment.said() if isinstance(data, ApprovalGranted))
    assert (yes.deemed, yes.decided_by) == (True, "rule")
    assert yes.act is not None
    assert (await _get(deployment, f"/v1/tasks/{subject}/AA"))["state"] == "granted"


@pytest.mark.parametrize(("answer", "at"), [("2026-03-15", _at(3, 15)), ("2025-12-31", _at(3, 2, 1)), ("soon", None)])
async def test_a_renewal_that_nobody_decides_is_granted_at_expiry(
    deploy: MakeDeployment, answer: str, at: datetime | None
) -> None:
    timed = item([step("AA", silence={"at": "field:expires_on", "then": "grant"})])
    deployment = await deploy(ECOLOGY)
    await _case(deployment, timed, {"expires_on": answer})
    await deployment.move(_at(5, 1))
    assert await _times(deployment, ApprovalGranted) == ([("granted", "", at)] if at else [])


async def test_a_deemed_acceptance_starts_the_clock_when_it_took_effect(deploy: MakeDeployment) -> None:
    deployment = await deploy(ECOLOGY)
    subject = new_subject()
    deployment.clock.advance(timedelta(days=14))
    received = item([step("AA", limit=LIMITS)], acceptance={"by": "officer"})
    sent = submitted(subject, received, {})
    deemed = accepted(subject, received, 8 * 24 * 60, deemed=True, effective_from=_at(3, 3, 2))
    await deployment.hear(published(received), sent, deemed)
    assert (await _get(deployment, f"/v1/tasks/{subject}/AA"))["due_at"] == "2026-03-10T16:00:00Z"
    assert [verb for verb, _, _ in await deployment.said()] == ["opened", "due-soon", "overdue"]


async def test_an_unknown_year_is_provisional_and_recomputed_when_its_calendar_comes(deploy: MakeDeployment) -> None:
    deployment = await deploy(ECOLOGY)
    deployment.clock.advance(_at(12, 28, 2) - deployment.clock.now())
    subject = new_subject()
    sent = submitted(subject, TIMED, {})
    await deployment.hear(published(TIMED), sent, accepted(subject, TIMED, effective_from=_at(12, 28, 2)))
    task = await _get(deployment, f"/v1/tasks/{subject}/AA")
    assert (task["due_at"], task["provisional"], task["colour"]) == ("2027-01-04T16:00:00Z", True, "normal")
    await deployment.move(_at(1, 20, year=2027))
    assert await _times(deployment, ApprovalOverdue) == []
    await deployment.hear(calendar(2027, date(2027, 1, 1), date(2027, 1, 4)))
    await deployment.move(_at(1, 21, year=2027))
    assert await _times(deployment, ApprovalOverdue) == [("overdue", "promised", _at(1, 6, year=2027))]
    assert not (await _get(deployment, f"/v1/tasks/{subject}/AA"))["provisional"]


async def test_a_change_of_the_calendar_moves_dates(deploy: MakeDeployment) -> None:
    deployment = await deploy(ECOLOGY)
    subject = await _case(deployment, TIMED)
    await deployment.hear(calendar(2026, date(2026, 3, 6), region="990000"))
    await deployment.move(_at(3, 2, 2))
    assert (await _get(deployment, f"/v1/tasks/{subject}/AA"))["due_at"] == "2026-03-10T16:00:00Z"


async def test_an_opinion_lapses_at_its_instant(deploy: MakeDeployment) -> None:
    asking = {"id": "heritage-view", "name": {"zh": "意见", "en": "View"}, "department": "heritage", "limit": days(5)}
    timed = item([step("AA", opinions=[{**asking, "silence": "deemed", "basis": []}])])
    deployment = await deploy(ECOLOGY)
    subject = await _case(deployment, timed)
    assert (await _post(deployment, f"/v1/tasks/{subject}/AA/grant"))[1]["type"].endswith("opinions-pending")
    await deployment.move(_at(4, 1))
    assert await _times(deployment, ApprovalOpinionLapsed) == [("opinion-lapsed", "", _at(3, 9))]
    assert (await _get(deployment, f"/v1/tasks/{subject}/AA"))["opinions"][0]["state"] == "lapsed"
    assert (await _post(deployment, f"/v1/tasks/{subject}/AA/grant", officer=COLLEAGUE))[0] == 200


async def test_a_hundred_cases_ring_in_order_of_time_and_once(deploy: MakeDeployment) -> None:
    deployment = await deploy(ECOLOGY)
    await deployment.hear(published(TIMED))
    for _ in range(20):
        subjects = [new_subject() for _ in range(5)]
        await deployment.hear(*(event for one in subjects for event in applied(one, TIMED, {})))
        deployment.clock.advance(timedelta(hours=7))
    for until in (_at(3, 20), _at(4, 30)):
        await deployment.move(until)
    times = [at for _, _, at in await _times(deployment, *WARNED)]
    assert len(times) == 400
    late = [
        row["time"] for row in await deployment.pool.fetch("SELECT time FROM outbox WHERE type ~ 'overdue' ORDER BY id")
    ]
    assert late == sorted(late)
