"""The officers' interface on a real database, with real tokens."""

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID

import pytest
from tongban_runtime.auth import routes_without_policy
from tongban_runtime.testing.keys import case_keys
from tongban_schemas.events.approvals import (
    ApprovalCorrectionRequested,
    ApprovalGranted,
    ApprovalRefused,
    correction_field,
    refusal_field,
)

from .conftest import COLLEAGUE, ME, Deployment, MakeDeployment
from .samples import (
    CANARY,
    INVESTMENT,
    LAND,
    accepted,
    answers,
    applied,
    corrected,
    granted,
    new_subject,
    published,
    refused,
    submitted,
    withdrawn,
)

REFUSAL = {"reason_code": "conditions-not-met", "reason": "选址不符合规划 The site does not fit the plan."}
WANTED = {"fields": ["land_area_m2", "contact_phone"], "message": "面积与图纸不符 The area differs from the drawings."}


@pytest.fixture
async def land(deploy: MakeDeployment) -> Deployment:
    deployment = await deploy(LAND)
    await deployment.hear(published())
    return deployment


async def _case(deployment: Deployment) -> str:
    """A case whose step KG lies open."""
    subject = new_subject()
    await deployment.hear(*applied(subject))
    return subject


async def _post(deployment: Deployment, path: str, body: Any = None, officer: UUID = ME) -> tuple[int, dict[str, Any]]:
    async with deployment.client(officer) as client:
        answer = await client.post(f"/v1/tasks/{path}", json=body)
    return answer.status_code, answer.json()


async def _get(deployment: Deployment, path: str, **caller: Any) -> tuple[int, dict[str, Any]]:
    async with deployment.client(**caller) as client:
        answer = await client.get(path)
    return answer.status_code, answer.json()


async def test_every_route_has_a_policy(land: Deployment) -> None:
    assert routes_without_policy(land.app) == []


async def test_the_documentation_needs_no_other_site(land: Deployment) -> None:
    async with land.client() as client:
        page = (await client.get("/docs", headers={"authorization": ""})).text
        paths = (await client.get("/openapi.json")).json()["paths"]
        for file in ("swagger-ui-bundle.js", "swagger-ui.css"):
            assert f"/docs/assets/{file}" in page
            assert (await client.get(f"/docs/assets/{file}")).status_code == 200
    assert "//" not in page.replace("<!--", "").split("<body>")[0]
    assert {
        f"/v1/tasks/{{application}}/{{step}}/{verb}" for verb in ("take", "grant", "refuse", "correction")
    } <= paths.keys()


async def test_who_may_see_what(land: Deployment) -> None:
    subject = await _case(land)
    path = f"/v1/tasks/{subject}/KG"
    assert (await _get(land, path))[0] == 200
    assert (await _get(land, path, departments=["natural-resources"]))[0] == 404
    assert (await _get(land, path, departments=["ecology"]))[0] == 404
    assert (await _get(land, path, departments=[]))[0] == 404
    assert (await _get(land, path, role="citizen"))[0] == 403
    assert (await _get(land, "/v1/tasks?department=ecology"))[0] == 404
    assert (await _get(land, f"/v1/tasks/{subject}/BA"))[0] == 404
    assert (await _get(land, f"/v1/tasks/{new_subject()}/KG"))[0] == 404
    async with land.client(departments=["ecology"]) as client:
        assert (await client.post(f"{path}/grant")).status_code == 404
        assert (await client.get(path, headers={"authorization": ""})).status_code == 401


async def test_lists_are_read_page_by_page(land: Deployment) -> None:
    subjects = [await _case(land) for _ in range(5)]
    await land.hear(granted(subjects[0], "KG"))
    seen: list[tuple[str, str]] = []
    path = "/v1/tasks?limit=2"
    while path:
        status, page = await _get(land, path)
        assert status == 200
        assert len(page["tasks"]) <= 2
        seen += [(task["application"], task["step"]) for task in page["tasks"]]
        assert {(task["number"], task["applicant"]) for task in page["tasks"]} == {(None, "示例制造有限公司")}
        path = f"/v1/tasks?limit=2&after={page['next']}" if page["next"] else ""
    assert sorted(seen) == sorted([*((subject, "KG") for subject in subjects), (subjects[0], "TD")])
    assert seen[-1] == (subjects[0], "KG"), "what is decided stands last"
    number = f"{INVESTMENT.code}202603020007"
    await land.hear(submitted(numbered := new_subject(), INVESTMENT, answers()), accepted(numbered, number=number))
    _, page = await _get(land, "/v1/tasks?state=open&limit=200")
    assert number in [task["number"] for task in page["tasks"]]
    _, page = await _get(land, "/v1/tasks?state=granted")
    assert [task["application"] for task in page["tasks"]] == [subjects[0]]
    _, page = await _get(land, "/v1/tasks?department=natural-resources")
    assert [(task["step"], task["department"]) for task in page["tasks"]] == [("TD", "natural-resources")]
    assert page["tasks"][0]["step_name"]["zh"].startswith("国有建设用地")
    for wrong in ("after=abc", "after=W10", "after=é", "limit=0", "state=unknown"):
        assert (await _get(land, f"/v1/tasks?{wrong}"))[0] == 422


async def test_a_task_shows_its_case(land: Deployment) -> None:
    subject = await _case(land)
    await land.hear(granted(subject, "BA"))
    _, task = await _get(land, f"/v1/tasks/{subject}/KG")
    answers = {answer["field"]: answer for answer in task["answers"]}
    assert answers["contact_name"]["value"] == CANARY
    assert answers["contact_name"]["personal"] is True
    assert answers["land_supply"] == {
        "field": "land_supply",
        "label": {"zh": "供地方式", "en": "How the land is supplied"},
        "value": "transfer",
        "personal": False,
        "correctable": False,
    }
    assert [(one["step"], one["granted"]) for one in task["decisions"]] == [("BA", True)]
    await land.hear(withdrawn(subject))
    _, task = await _get(land, f"/v1/tasks/{subject}/KG")
    assert task["state"] == "cancelled"
    assert CANARY not in str(task)


async def test_take_then_grant_opens_our_next_step_at_once(land: Deployment) -> None:
    subject = await _case(land)
    taken = await _post(land, f"{subject}/KG/take")
    assert taken[0] == 200
    assert (taken[1]["state"], taken[1]["officer"]) == ("taken", str(ME))
    assert await _post(land, f"{subject}/KG/take") == taken
    for verb, body in (("take", None), ("grant", None), ("refuse", REFUSAL), ("correction", WANTED)):
        status, problem = await _post(land, f"{subject}/KG/{verb}", body, COLLEAGUE)
        assert (status, problem["type"]) == (409, "urn:tongban:problem:taken-by-another-officer")
        assert problem["detail_zh"]
        assert problem["detail_en"]
    done = await _post(land, f"{subject}/KG/grant")
    assert (done[0], done[1]["state"], done[1]["decided_by"]) == (200, "granted", "officer")
    assert await _post(land, f"{subject}/KG/grant") == done
    said = await land.said()
    assert [(verb, source) for verb, source, _ in said] == [
        ("opened", "/approvals/heritage"),
        ("granted", "/approvals/heritage"),
        ("opened", "/approvals/natural-resources"),
    ]
    data = said[1][2]
    assert isinstance(data, ApprovalGranted)
    assert data.officer == ME
    for verb, body in (("take", None), ("refuse", REFUSAL), ("correction", WANTED)):
        status, problem = await _post(land, f"{subject}/KG/{verb}", body)
        assert (status, problem["type"]) == (409, "urn:tongban:problem:already-decided")
    assert (await _post(land, f"{subject}/KG/grant", None, COLLEAGUE))[0] == 409


async def test_a_decision_stays_in_the_trace_of_its_case(land: Deployment) -> None:
    subject = await _case(land)
    await _post(land, f"{subject}/KG/grant")
    rows = await land.pool.fetch("SELECT type, traceparent, causation_id, event_id FROM outbox ORDER BY id")
    traces = {row["traceparent"].split("-")[1] for row in rows}
    assert traces == {"0af7651916cd43dd8448eb211c80319c"}
    assert rows[1]["causation_id"] == rows[0]["event_id"]
    assert rows[2]["causation_id"] == rows[1]["event_id"]


async def test_refuse_needs_a_reason_and_seals_it(land: Deployment) -> None:
    subject = await _case(land)
    for body in ({}, {"reason_code": "x"}, {**REFUSAL, "reason": "  "}, {**REFUSAL, "reason_code": "No Code"}):
        assert (await _post(land, f"{subject}/KG/refuse", body))[0] == 422
    done = await _post(land, f"{subject}/KG/refuse", REFUSAL)
    assert (done[0], done[1]["state"]) == (200, "refused")
    assert await _post(land, f"{subject}/KG/refuse", REFUSAL) == done
    assert (await _post(land, f"{subject}/KG/refuse", {**REFUSAL, "reason": "other"}))[0] == 409
    data = (await land.said())[-1][2]
    assert isinstance(data, ApprovalRefused)
    assert case_keys(subject).open(refusal_field("KG"), data.reason) == REFUSAL["reason"]
    assert REFUSAL["reason"].encode() not in b"".join(
        row["body"] for row in await land.pool.fetch("SELECT body FROM outbox UNION ALL SELECT body FROM fact")
    )
    _, task = await _get(land, f"/v1/tasks/{subject}/KG")
    assert task["decisions"][0]["reason"] == REFUSAL["reason"]


@pytest.mark.parametrize(
    ("end", "kind"), [(withdrawn, "application-withdrawn"), (lambda s: refused(s, "BA"), "application-refused")]
)
async def test_nothing_is_decided_after_the_end(land: Deployment, end: Any, kind: str) -> None:
    subject = await _case(land)
    await land.hear(end(subject))
    for verb, body in (("take", None), ("grant", None), ("refuse", REFUSAL), ("correction", WANTED)):
        status, problem = await _post(land, f"{subject}/KG/{verb}", body)
        assert (status, problem["type"]) == (409, f"urn:tongban:problem:{kind}")


async def test_a_correction_goes_out_and_comes_back(land: Deployment) -> None:
    subject = await _case(land)
    asked = await _post(land, f"{subject}/KG/correction", WANTED)
    assert (asked[0], asked[1]["state"], asked[1]["officer"]) == (200, "correction", str(ME))
    assert await _post(land, f"{subject}/KG/correction", WANTED) == asked
    assert (await _post(land, f"{subject}/KG/correction", {**WANTED, "message": "other"}))[0] == 409
    assert (await _post(land, f"{subject}/KG/grant"))[1]["type"].endswith("waiting-for-applicant")
    assert (await _post(land, f"{subject}/KG/take", None, COLLEAGUE))[0] == 409
    _, task = await _get(land, f"/v1/tasks/{subject}/KG")
    request = task["corrections"][0]
    assert (request["message"], request["answered"]) == (WANTED["message"], False)
    data = (await land.said())[-1][2]
    assert isinstance(data, ApprovalCorrectionRequested)
    assert case_keys(subject).open(correction_field("KG"), data.message) == WANTED["message"]
    await land.hear(corrected(subject, UUID(request["request"]), {"land_area_m2": 77}))
    _, task = await _get(land, f"/v1/tasks/{subject}/KG")
    assert (task["state"], task["officer"]) == ("taken", str(ME))
    assert {answer["field"]: answer["value"] for answer in task["answers"]}["land_area_m2"] == 77
    again = await _post(land, f"{subject}/KG/correction", {**WANTED, "fields": ["land_area_m2"]})
    assert again[1]["state"] == "correction"
    assert [verb for verb, _, _ in await land.said()].count("correction-requested") == 2
    _, task = await _get(land, f"/v1/tasks/{subject}/KG")
    assert [one["answered"] for one in task["corrections"]] == [True, False]


async def test_answers_that_decide_the_course_cannot_be_corrected(land: Deployment) -> None:
    subject = await _case(land)
    body = {"fields": ["land_supply", "no_such_field"], "message": "?"}
    status, problem = await _post(land, f"{subject}/KG/correction", body)
    assert status == 422
    assert [error["field"] for error in problem["errors"]] == ["land_supply", "no_such_field"]


async def test_text_that_is_no_unicode_is_refused_politely(land: Deployment) -> None:
    subject = await _case(land)
    async with land.client() as client:
        answer = await client.post(
            f"/v1/tasks/{subject}/KG/refuse",
            content=b'{"reason_code": "conditions-not-met", "reason": "\\ud800"}',
            headers={"content-type": "application/json"},
        )
    assert answer.status_code == 400


async def test_a_hundred_parallel_takes_have_one_winner(land: Deployment) -> None:
    subject = await _case(land)
    officers = [UUID(int=1000 + number) for number in range(100)]
    answers = await asyncio.gather(*(_post(land, f"{subject}/KG/take", None, officer) for officer in officers))
    assert Counter(status for status, _ in answers) == {200: 1, 409: 99}
    winner = next(body["officer"] for status, body in answers if status == 200)
    assert (await _get(land, f"/v1/tasks/{subject}/KG"))[1]["officer"] == winner


async def test_grant_and_refuse_at_once_make_one_decision(land: Deployment) -> None:
    for _ in range(15):
        subject = await _case(land)
        answers = await asyncio.gather(
            _post(land, f"{subject}/KG/grant", None, ME),
            _post(land, f"{subject}/KG/refuse", REFUSAL, COLLEAGUE),
            _post(land, f"{subject}/KG/grant", None, ME),
            _post(land, f"{subject}/KG/refuse", REFUSAL, ME),
            land.hear(granted(subject, "BA")),
        )
        states = {answer[1]["state"] for answer in answers if answer and answer[0] == 200}
        assert len(states) == 1
        rows = await land.pool.fetch(
            "SELECT type FROM outbox WHERE subject = $1 AND type ~ 'granted|refused'", UUID(subject)
        )
        assert [row["type"].split(".")[3] for row in rows] == list(states)


async def test_a_withdrawal_and_a_grant_at_once_end_in_order(land: Deployment) -> None:
    for _ in range(15):
        subject = await _case(land)
        (status, _), _ = await asyncio.gather(_post(land, f"{subject}/KG/grant"), land.hear(withdrawn(subject)))
        rows = await land.pool.fetch("SELECT step, state FROM task WHERE application = $1", UUID(subject))
        states = {row["step"]: row["state"] for row in rows}
        assert states in (({"KG": "granted", "TD": "cancelled"},) if status == 200 else ({"KG": "cancelled"},))
