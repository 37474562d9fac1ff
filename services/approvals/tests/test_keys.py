"""Who is given the keys of which fields, for what, and who is turned away."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from tongban_runtime.keys import Attempt, KeyRequest, KeysRefusedError
from tongban_runtime.testing.keys import case_keys
from tongban_schemas.events.approvals import ApprovalRefused, correction_field, opinion_field, refusal_field

from .conftest import COLLEAGUE, ME, Deployment, MakeDeployment
from .samples import (
    CANARY,
    ECOLOGY,
    LAND,
    REFUSING,
    annulled,
    appealed,
    applied,
    chain,
    item,
    new_subject,
    opened,
    published,
    refused,
    step,
    withdrawn,
)

BOTH = frozenset({"ecology", "heritage"})
REFUSAL = {"reason_code": "conditions-not-met", "reason": "不符合 It does not fit."}
OPINION = {
    "id": "heritage-view",
    "name": {"zh": "文物意见", "en": "Heritage's view"},
    "department": "heritage",
    "limit": {"number": 5, "unit": "WD"},
    "silence": "escalate",
    "basis": [],
}


async def _answered(deployment: Deployment, verb: str, path: str, body: Any = None, **caller: Any) -> tuple[int, Any]:
    async with deployment.client(**caller) as client:
        answer = await client.request(verb, f"/v1/{path}", json=body)
    return answer.status_code, answer.json()


async def test_what_rules_grant_takes_no_key(deploy: MakeDeployment) -> None:
    deployment = await deploy(ECOLOGY)
    await deployment.hear(published(chain()))
    await deployment.hear(
        *(event for _ in range(5) for event in applied(new_subject(), chain(), {"company_name": "x"}))
    )
    assert len(await deployment.said()) == 35
    assert deployment.keyring.asked == []


async def test_what_rules_refuse_is_asked_for_once_for_all_cases_and_nobody_looks(deploy: MakeDeployment) -> None:
    deployment = await deploy(ECOLOGY)
    await deployment.hear(published(REFUSING))
    subjects = [new_subject() for _ in range(5)]
    await deployment.hear(
        *(event for subject in subjects for event in applied(subject, REFUSING, {"company_name": "x"}))
    )
    assert sorted(deployment.keyring.asked, key=lambda one: str(one.application)) == [
        KeyRequest(UUID(subject), "decide", frozenset({refusal_field("CC")}), "ecology", "CC")
        for subject in sorted(subjects)
    ]
    rows = await deployment.pool.fetch("SELECT state, count(*) FROM task WHERE step = 'CC' GROUP BY 1")
    assert [tuple(row) for row in rows] == [("refused", 5)]


@pytest.mark.parametrize("rule", ["case-closed", "erased"])
async def test_a_rule_waits_while_the_vault_holds_the_case_to_be_closed(deploy: MakeDeployment, rule: Any) -> None:
    deployment, subject = await deploy(ECOLOGY), new_subject()
    deployment.keyring.refusing[UUID(subject)] = rule
    await deployment.hear(published(REFUSING), *applied(subject, REFUSING, {"company_name": "x"}))
    for _ in range(2):
        await deployment.move(deployment.clock.now() + timedelta(seconds=60))
    assert len(deployment.keyring.asked) == 3
    assert not [one for _, _, one in await deployment.said() if isinstance(one, ApprovalRefused)]
    deployment.keyring.refusing.clear()
    await deployment.move(deployment.clock.now() + timedelta(seconds=60))
    refusals = [one for _, _, one in await deployment.said() if isinstance(one, ApprovalRefused)]
    assert [one.step for one in refusals] == ["CC"]
    assert "conditions" in case_keys(subject).open(refusal_field("CC"), refusals[0].reason)
    assert await deployment.pool.fetchval("SELECT count(*) FROM alarm") == 0


async def test_a_rule_that_may_not_refuse_here_is_an_error_that_somebody_sees(deploy: MakeDeployment) -> None:
    deployment, subject = await deploy(ECOLOGY), new_subject()
    deployment.keyring.refusing[UUID(subject)] = "department-not-yours"
    with pytest.raises(KeysRefusedError):
        await deployment.hear(published(REFUSING), *applied(subject, REFUSING, {"company_name": "x"}))


async def test_an_officer_is_shown_what_the_step_looks_at_and_is_named(deploy: MakeDeployment) -> None:
    of = item([step("AA", inputs=["statement"]), step("BB", inputs=["company_name"]), step("CC")])
    deployment, subject = await deploy(ECOLOGY), new_subject()
    sealed = ("statement", "contact_name", "company_name")
    events = applied(subject, of, {"x": 1}, personal=sealed)
    await deployment.hear(published(of), *events)
    for name, seen in (
        ("AA", {"statement", "contact_name"}),
        ("BB", {"company_name", "contact_name"}),
        ("CC", set(sealed)),
    ):
        _, task = await _answered(deployment, "GET", f"tasks/{subject}/{name}", departments=["ecology"])
        assert {one["field"] for one in task["answers"] if one["value"] == CANARY} == seen
        assert {one["field"] for one in task["answers"] if one["personal"]} == set(sealed)
        assert deployment.keyring.asked[-1] == KeyRequest(
            UUID(subject), "decide", frozenset(seen), "ecology", name, officer=ME
        )


async def test_lists_and_acts_without_words_take_no_key(deploy: MakeDeployment) -> None:
    deployment, subject = await deploy(ECOLOGY), new_subject()
    await deployment.hear(published(item([step("AA"), step("BB")])), *applied(subject, item([step("AA"), step("BB")])))
    for verb, path in (("GET", "tasks"), ("POST", f"tasks/{subject}/AA/take"), ("POST", f"tasks/{subject}/AA/grant")):
        assert (await _answered(deployment, verb, path, departments=["ecology"]))[0] == 200
    assert deployment.keyring.asked == []


async def test_a_word_takes_the_key_of_its_own_field(deploy: MakeDeployment) -> None:
    of = item([step("AA"), step("BB", "heritage", ["AA"])])
    deployment, subject = await deploy(BOTH), new_subject()
    await deployment.hear(published(of), *applied(subject, of))
    path, caller = f"tasks/{subject}/AA", {"departments": ["ecology"], "duties": ["head"]}
    wanted = {"fields": ["company_name"], "message": "?"}
    for verb, body, field, purpose in (
        ("correction", wanted, correction_field("AA"), "decide"),
        ("correction", wanted, correction_field("AA"), "decide"),
    ):
        deployment.keyring.asked.clear()
        assert (await _answered(deployment, "POST", f"{path}/{verb}", body, **caller))[0] == 200
        assert {(one.purpose, one.fields, one.officer) for one in deployment.keyring.asked} == {
            (purpose, frozenset({field}), ME)
        }


async def test_once_settled_only_the_words_about_the_decision_are_opened(deploy: MakeDeployment) -> None:
    of = item([step("AA"), step("BB")])
    deployment, subject = await deploy(ECOLOGY), new_subject()
    await deployment.hear(published(of), *applied(subject, of))
    path, caller = f"tasks/{subject}", {"departments": ["ecology"]}
    done = await _answered(deployment, "POST", f"{path}/AA/refuse", REFUSAL, **caller)
    assert await _answered(deployment, "POST", f"{path}/AA/refuse", REFUSAL, **caller) == done
    assert deployment.keyring.asked[-1].purpose == "remedy"
    deployment.keyring.asked.clear()
    _, task = await _answered(deployment, "GET", f"{path}/AA", **caller)
    assert (task["decisions"][0]["reason"], CANARY in str(task)) == (REFUSAL["reason"], False)
    _, task = await _answered(deployment, "GET", f"{path}/BB", **caller)
    assert (task["decisions"][0]["reason"], CANARY in str(task)) == (None, False)
    assert [(one.purpose, one.step, one.fields, one.officer) for one in deployment.keyring.asked] == [
        ("remedy", "AA", frozenset({refusal_field("AA")}), ME)
    ]


async def test_a_case_that_the_vault_holds_to_be_closed_is_shown_closed(deploy: MakeDeployment) -> None:
    of = item([step("AA", opinions=[OPINION])])
    deployment, subject = await deploy(BOTH), new_subject()
    await deployment.hear(published(of), *applied(subject, of))
    for rule, status in (("case-closed", 200), ("erased", 200), ("scope", 403)):
        deployment.keyring.refusing[UUID(subject)] = rule  # type: ignore[assignment]
        for path in (f"tasks/{subject}/AA", f"opinions/{subject}/AA/heritage-view"):
            found = await _answered(deployment, "GET", path, departments=sorted(BOTH))
            assert found[0] == status
            assert CANARY not in str(found)
    answer = {"agrees": True, "text": "同意 Yes."}
    status, problem = await _answered(
        deployment, "POST", f"opinions/{subject}/AA/heritage-view", answer, departments=["heritage"]
    )
    assert (status, problem["type"].rsplit(":", 1)[-1]) == (403, "access-scope")


async def test_who_is_asked_for_an_opinion_looks_for_that_purpose(deploy: MakeDeployment) -> None:
    of = item([step("AA", opinions=[OPINION], inputs=["contact_name", "map"])])
    deployment, subject = await deploy(BOTH), new_subject()
    await deployment.hear(published(of), *applied(subject, of))
    path = f"opinions/{subject}/AA/heritage-view"
    _, seen = await _answered(deployment, "GET", path, departments=["heritage"])
    assert CANARY in str(seen)
    answer = {"agrees": True, "text": "同意 Yes."}
    for _ in range(2):
        assert (await _answered(deployment, "POST", path, answer, departments=["heritage"]))[0] == 200
    _, seen = await _answered(deployment, "GET", path, departments=["heritage"])
    assert (seen["text"], CANARY in str(seen)) == (answer["text"], False)
    fields = [("contact_name",), *[(opinion_field("AA", "heritage-view"),)] * 3]
    assert deployment.keyring.asked == [
        KeyRequest(UUID(subject), "opinion", frozenset(names), "heritage", "AA", officer=ME) for names in fields
    ]
    _, task = await _answered(deployment, "GET", f"tasks/{subject}/AA", departments=["ecology"])
    assert task["opinions"][0]["text"] == answer["text"]


async def test_grounds_of_an_appeal_are_opened_for_the_remedy(deploy: MakeDeployment) -> None:
    of = item([step("AA")])
    deployment, subject = await deploy(ECOLOGY), new_subject()
    begun = [published(of), *applied(subject, of), opened(subject, "AA", of)]
    no = refused(subject, "AA", of)
    await deployment.hear(*begun, no, appealed(subject, no))
    _, task = await _answered(deployment, "GET", f"tasks/{subject}/AA", departments=["ecology"])
    assert task["appeals"][0]["grounds"] == "why"
    await deployment.hear(annulled(subject, no))
    _, task = await _answered(deployment, "GET", f"tasks/{subject}/AA", departments=["ecology"])
    assert (task["state"], task["appeals"][0]["grounds"]) == ("open", "why")
    assert [one.purpose for one in deployment.keyring.asked] == ["remedy", "decide"]


async def test_who_is_turned_away_is_put_on_record_where_the_case_is_known(deploy: MakeDeployment) -> None:
    deployment, subject, other = await deploy(LAND | ECOLOGY), new_subject(), new_subject()
    of = item([step("AA")])
    await deployment.hear(published(), *applied(subject), published(of), *applied(other, of), withdrawn(other))
    attempts: list[tuple[str, list[str], str, str | None]] = [
        (f"tasks/{subject}/KG", ["human-resources"], "department-not-yours", "human-resources"),
        (f"tasks/{subject}/KG", [], "department-not-yours", None),
        (f"tasks/{other}/AA", ["heritage"], "not-your-case", "heritage"),
        (f"tasks/{subject}/TD", ["heritage"], "not-your-step", "heritage"),
    ]
    for path, departments, rule, department in attempts:
        for verb, more in (("GET", ""), ("POST", "/grant")):
            deployment.keyring.refused.clear()
            found = await _answered(deployment, verb, path + more, departments=departments, officer=COLLEAGUE)
            assert found[0] == 404
            _, application, name = path.split("/")
            assert deployment.keyring.refused == [
                Attempt(UUID(application), "decide", rule, department, name, officer=COLLEAGUE)  # type: ignore[arg-type]
            ]
    deployment.keyring.refused.clear()
    for path in (f"opinions/{subject}/KG/some-view", f"cases/{other}/joint"):
        assert (await _answered(deployment, "GET", path, departments=["heritage"]))[0] == 404
    assert [(one.purpose, one.rule) for one in deployment.keyring.refused] == [
        ("opinion", "not-your-step"),
        ("decide", "not-your-case"),
    ]
    deployment.keyring.refused.clear()
    for path in (f"tasks/{new_subject()}/KG", f"tasks?department=human-resources&x={subject}"):
        assert (await _answered(deployment, "GET", path, departments=["heritage"]))[0] == 404
    assert (await _answered(deployment, "GET", f"tasks/{subject}/KG", role="citizen"))[0] == 403
    assert deployment.keyring.refused == []
    assert deployment.keyring.asked == []
