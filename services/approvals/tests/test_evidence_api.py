"""Proofs on the officers' desk: what is shown of them, checked, objected to, flagged, on a real database."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from tongban_catalog.item import Item
from tongban_runtime.keys import Attempt, KeyRequest
from tongban_runtime.testing.keys import case_keys
from tongban_schemas.envelope import Event
from tongban_schemas.events.approvals import ApprovalGranted
from tongban_schemas.events.evidence import (
    EvidenceChecked,
    EvidenceObjected,
    evidence_field,
    evidence_text_field,
)

from .conftest import COLLEAGUE, ME, Deployment, MakeDeployment
from .fetched import (
    ADDRESS,
    RESOURCE,
    SOURCE,
    brought,
    corrected_at_source,
    disputed,
    failed,
    provided,
    refused_by_source,
    requested,
    substituted,
    uploaded,
)
from .samples import applied, item, new_subject, published, step, withdrawn

BOTH = frozenset({"ecology", "heritage"})
ITEM = item([step("AA", inputs=["statement", "map"]), step("BB", "heritage", inputs=["deed"]), step("DD", "heritage")])
OBJECTION = {"argument": "办理本事项依法需要该数据。 The law asks for it."}


class Desk:
    """One case with what is known of its proofs, as officers of a department work with it."""

    def __init__(self, deployment: Deployment, subject: str) -> None:
        self.deployment = deployment
        self.subject = subject

    async def hear(self, *facts: Event) -> None:
        await self.deployment.hear(*facts)

    async def post(
        self, path: str, body: Any = None, officer: UUID = ME, departments: Sequence[str] = ("ecology",)
    ) -> tuple[int, str, dict[str, Any]]:
        """Status, kind of the problem or the task's state, the whole answer."""
        async with self.deployment.client(officer, departments) as client:
            answer = await client.post(f"/v1/tasks/{self.subject}/{path}", json=body)
        found: dict[str, Any] = answer.json()
        assert answer.status_code < 400 or answer.status_code == 422 or (found["detail_zh"] and found["detail_en"])
        kind = str(found["type"]).rsplit(":", 1)[-1] if answer.status_code >= 400 else found["state"]
        return answer.status_code, kind, found

    async def task(self, name: str, departments: Sequence[str] = ("ecology",)) -> dict[str, Any]:
        async with self.deployment.client(ME, departments) as client:
            answer = await client.get(f"/v1/tasks/{self.subject}/{name}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def said(self, model: type) -> list[Any]:
        return [data for _, _, data in await self.deployment.said() if isinstance(data, model)]


@pytest.fixture
async def desk(deploy: MakeDeployment) -> Desk:
    return await _desk(deploy, ITEM)


async def _desk(deploy: MakeDeployment, of: Item, answers: dict[str, Any] | None = None) -> Desk:
    deployment, subject = await deploy(BOTH), new_subject()
    await deployment.hear(published(of), *applied(subject, of, answers or {"company_name": "x"}))
    return Desk(deployment, subject)


async def test_a_fetched_proof_is_shown_with_its_source_to_the_step_that_looks_at_it(desk: Desk) -> None:
    ask = requested(desk.subject, item=ITEM)
    await desk.hear(ask, given := provided(ask))
    shown = (await desk.task("AA"))["evidence"][0]
    assert {name: shown[name] for name in ("material", "state", "provider", "grade", "pending", "usable", "file")} == {
        "material": "map",
        "state": "provided",
        "provider": SOURCE,
        "grade": "A",
        "pending": False,
        "usable": True,
        "file": False,
    }
    assert shown["name"]["zh"] == "图"
    assert shown["provider_name"]["zh"] != SOURCE
    assert {one["field"]: (one["value"], one["personal"]) for one in shown["values"]} == {
        "address": (ADDRESS, True),
        "kind": ("owned", False),
    }
    assert desk.deployment.keyring.asked == [
        KeyRequest(
            UUID(desk.subject),
            "decide",
            frozenset({"contact_name", evidence_field("map", "address")}),
            "ecology",
            "AA",
            officer=ME,
        )
    ]
    assert (await desk.task("BB", ["heritage"]))["evidence"] == []
    assert ADDRESS in str(await desk.task("DD", ["heritage"]))
    assert (await desk.post("AA/grant"))[:2] == (200, "granted")
    assert (await desk.said(ApprovalGranted))[0].rests_on == [given.id]
    await desk.hear(withdrawn(desk.subject))
    assert ADDRESS not in str(await desk.task("DD", ["heritage"]))


async def test_a_grant_waits_for_proofs_and_a_refusal_does_not(desk: Desk) -> None:
    ask = requested(desk.subject, item=ITEM)
    await desk.hear(ask)
    status, kind, problem = await desk.post("AA/grant")
    assert (status, kind, problem["materials"]) == (409, "evidence-outstanding", ["map"])
    await desk.hear(failure := failed(ask))
    assert (await desk.post("AA/grant"))[1] == "evidence-missing"
    await desk.hear(uploaded(failure))
    assert (await desk.post("AA/grant"))[1] == "evidence-unchecked"
    assert (await desk.post("BB/grant", departments=["heritage"]))[1] == "granted"
    assert (await desk.post("AA/refuse", {"reason_code": "conditions-not-met", "reason": "?"}))[1] == "refused"


async def test_an_upload_is_compared_with_the_original_once(desk: Desk) -> None:
    ask = requested(desk.subject, item=ITEM)
    await desk.hear(ask, failure := failed(ask))
    assert (await desk.post("AA/evidence/map/check"))[:2] == (409, "nothing-to-check")
    await desk.hear(upload := uploaded(failure))
    shown = (await desk.task("AA"))["evidence"][0]
    assert (shown["state"], shown["grade"], shown["file"], shown["uploaded"]) == ("uploaded", "C", True, str(upload.id))
    await desk.post("AA/take", officer=COLLEAGUE)
    assert (await desk.post("AA/evidence/map/check"))[:2] == (409, "taken-by-another-officer")
    await desk.post("AA/release", officer=COLLEAGUE)
    done = await desk.post("AA/evidence/map/check")
    assert done[:2] == (200, "open")
    assert await desk.post("AA/evidence/map/check") == done
    assert (await desk.post("AA/evidence/map/check", officer=COLLEAGUE))[:2] == (409, "checked-already")
    told = await desk.said(EvidenceChecked)
    assert [(one.uploaded, one.department, one.step, one.officer, one.grade) for one in told] == [
        (upload.id, "ecology", "AA", ME, "B")
    ]
    assert (await desk.task("AA"))["evidence"][0]["grade"] == "B"
    assert (await desk.post("AA/grant"))[:2] == (200, "granted")


async def test_a_file_that_was_replaced_is_not_checked_unseen(desk: Desk) -> None:
    ask = requested(desk.subject, item=ITEM)
    await desk.hear(ask, failure := failed(ask), first := uploaded(failure))
    later = replace(first, id=UUID(int=77), time=first.time + timedelta(minutes=1))
    await desk.hear(later)
    path = "AA/evidence/map/check?uploaded="
    assert (await desk.post(f"{path}{first.id}"))[:2] == (409, "evidence-replaced")
    assert await desk.said(EvidenceChecked) == []
    assert (await desk.post(f"{path}{later.id}"))[:2] == (200, "open")
    assert (await desk.said(EvidenceChecked))[0].uploaded == later.id


async def test_a_rule_goes_on_once_the_upload_is_checked(deploy: MakeDeployment) -> None:
    rule = {"by": "rule", "grant_when": {"required": ["company_name"]}, "else": "officer"}
    of = item([step("AA", inputs=["map"], decide=rule), step("BB", inputs=["map"])])
    desk = await _desk(deploy, of)
    other = Desk(desk.deployment, new_subject())
    ask = requested(other.subject, item=of)
    await desk.hear(ask, failure := failed(ask), uploaded(failure), *applied(other.subject, of, {"company_name": "x"}))
    assert (await other.task("AA"))["state"] == "open"
    assert (await other.post("BB/evidence/map/check"))[0] == 200
    assert (await other.task("AA"))["decided_by"] == "rule"


async def test_a_refusal_is_objected_to_once_at_each_stage(desk: Desk) -> None:
    ask = requested(desk.subject, item=ITEM)
    assert (await desk.post("AA/evidence/map/objection", OBJECTION))[:2] == (409, "nothing-to-object-to")
    refusal = refused_by_source(ask)
    await desk.hear(ask, refusal)
    shown = (await desk.task("AA"))["evidence"][0]["refusal"]
    assert (shown["ground"], shown["may_ask_for"]) == ("purpose-not-covered", "negotiation")
    assert shown["reason"].startswith("不在范围")
    assert (await desk.post("AA/evidence/map/objection", {"argument": " "}))[0] == 422
    done = await desk.post("AA/evidence/map/objection", OBJECTION)
    assert done[0] == 200
    assert await desk.post("AA/evidence/map/objection", OBJECTION) == done
    assert (await desk.post("AA/evidence/map/objection", {"argument": "other"}))[:2] == (409, "objected-already")
    assert (await desk.post("AA/evidence/map/objection", OBJECTION, COLLEAGUE))[:2] == (409, "objected-already")
    assert (await desk.post("AA/grant"))[1] == "evidence-outstanding"
    await desk.hear(refused_by_source(ask, "negotiation", 40))
    assert (await desk.task("AA"))["evidence"][0]["refusal"]["may_ask_for"] == "mediation"
    assert (await desk.post("AA/evidence/map/objection", OBJECTION))[0] == 200
    await desk.hear(refused_by_source(ask, "mediation", 60))
    assert (await desk.task("AA"))["evidence"][0]["refusal"]["may_ask_for"] is None
    assert (await desk.post("AA/evidence/map/objection", OBJECTION))[:2] == (409, "objections-over")
    told = await desk.said(EvidenceObjected)
    assert [(one.stage, one.request, one.department, one.officer) for one in told] == [
        ("negotiation", ask.id, "ecology", ME),
        ("mediation", ask.id, "ecology", ME),
    ]
    assert told[0].refusal == refusal.id
    keys = case_keys(desk.subject)
    assert {keys.open(evidence_text_field("map"), one.argument) for one in told} == {OBJECTION["argument"]}


async def test_who_reaches_for_a_proof_that_the_step_does_not_look_at_is_put_on_record(desk: Desk) -> None:
    ask = requested(desk.subject, "deed", ITEM)
    await desk.hear(ask, failure := failed(ask), uploaded(failure))
    for verb, body in (("check", None), ("objection", OBJECTION)):
        assert (await desk.post(f"AA/evidence/deed/{verb}", body))[0] == 404
        assert (await desk.post(f"AA/evidence/nothing/{verb}", body))[0] == 404
    scope = Attempt(UUID(desk.subject), "decide", "scope", "ecology", "AA", officer=ME)
    assert desk.deployment.keyring.refused == [scope, scope]


async def test_a_correction_at_the_source_flags_the_task_and_says_what_changed(desk: Desk) -> None:
    ask = requested(desk.subject, item=ITEM)
    given = provided(ask)
    await desk.hear(ask, given, disputed(given), corrected_at_source(given, 20))
    shown = await desk.task("AA")
    proof = shown["evidence"][0]
    assert (shown["flagged"], proof["corrected"], proof["disputed"]) == (True, True, True)
    assert {one["field"]: one["value"] for one in proof["values"]}["kind"] == "leased"
    assert (await desk.post("AA/grant"))[2]["flagged"] is True
    late = corrected_at_source(given, 25, {"kind": "employer"}, version=3, withdrawn=True)
    await desk.hear(late)
    found = (await desk.task("AA"))["evidence"][0]["corrections"]
    assert [(one["changed"], one["withdrawn"], one["after_decision"]) for one in found] == [
        (["kind"], False, False),
        (["kind"], True, True),
    ]
    async with desk.deployment.client(ME, BOTH) as client:
        listed = (await client.get("/v1/tasks")).json()["tasks"]
    assert {one["step"]: one["flagged"] for one in listed} == {"AA": True, "BB": False, "DD": True}


async def test_a_proof_that_a_rule_stands_in_for_names_the_rule(desk: Desk) -> None:
    await desk.hear(substituted(desk.subject))
    shown = (await desk.task("AA"))["evidence"][0]
    assert (shown["state"], shown["rule"], shown["basis"], shown["usable"]) == ("substituted", 0, "示例依据", True)
    assert (await desk.post("AA/grant"))[1] == "granted"


async def test_nobody_is_asked_for_what_a_source_gives(desk: Desk) -> None:
    ask, deed = requested(desk.subject, item=ITEM), requested(desk.subject, "deed", ITEM)
    await desk.hear(ask, provided(ask), deed, failed(deed))
    wanted = {"fields": ["statement"], "materials": ["map", "deed", "nothing"], "message": "?"}
    status, _, problem = await desk.post("AA/correction", wanted)
    assert (status, [one["field"] for one in problem["errors"]]) == (422, ["map", "nothing"])
    assert (await desk.post("AA/correction", {**wanted, "materials": ["deed"]}))[1] == "correction"


async def test_what_is_shown_as_correctable_may_be_asked_for_and_nothing_else(deploy: MakeDeployment) -> None:
    source = {
        "material": "map",
        "resource": RESOURCE,
        "fields": ["kind"],
        "supplies": {"plan": "kind"},
        "basis": ["online-10"],
    }
    steps = [
        step("AA", inputs=["plan", "map"]),
        step("BB", "heritage", when={"required": ["moved_from"], "properties": {"moved_from": {"const": "x"}}}),
    ]
    of = item(steps, sources=[{**source, "holder": "applicant"}])
    given = {"company_name": "x", "statement": "x", "moved_from": "y", "plan": "owned"}
    desk = await _desk(deploy, of, given)
    ask = requested(desk.subject, item=of)
    await desk.hear(ask, provided(ask))
    shown = {one["field"]: one["correctable"] for one in (await desk.task("AA"))["answers"]}
    assert shown == {"company_name": True, "statement": True, "moved_from": False, "plan": False, "contact_name": True}
    status, kind, problem = await desk.post("AA/correction", {"fields": [*shown, "no_such"], "message": "?"})
    assert (status, kind) == (422, "not-correctable")
    told = {one["field"]: one["message_zh"] for one in problem["errors"]}
    assert told.keys() == {name for name, may in shown.items() if not may} | {"no_such"}
    assert "数据源" in told["plan"]
    assert "决定办理流程" in told["moved_from"]
    correctable = {"fields": [name for name, may in shown.items() if may], "message": "?"}
    assert (await desk.post("AA/correction", correctable))[1] == "correction"


async def test_the_task_opens_what_was_brought_for_a_material_that_no_register_has(desk: Desk) -> None:
    upload = brought(desk.subject)
    await desk.hear(upload)
    shown = (await desk.task("AA"))["evidence"][0]
    assert {name: shown[name] for name in ("material", "state", "grade", "uploaded", "uploaded_for", "file")} == {
        "material": "map",
        "state": "uploaded",
        "grade": "C",
        "uploaded": str(upload.id),
        "uploaded_for": "no-source",
        "file": True,
    }
    assert (await desk.task("BB", ["heritage"]))["evidence"] == []
    assert (await desk.post("AA/grant"))[1] == "evidence-unchecked"
    assert (await desk.post("AA/evidence/map/check", {"uploaded": str(upload.id)}))[0] == 200
    assert (await desk.post("AA/grant"))[1] == "granted"


async def test_the_asked_department_sees_the_proofs_of_the_step(deploy: MakeDeployment) -> None:
    opinion = {
        "id": "heritage-view",
        "name": {"zh": "文物意见", "en": "Heritage's view"},
        "department": "heritage",
        "limit": {"number": 5, "unit": "WD"},
        "silence": "escalate",
        "basis": [],
    }
    desk = await _desk(deploy, item([step("AA", inputs=["map"], opinions=[opinion])]))
    ask = requested(desk.subject, item=ITEM)
    await desk.hear(ask, provided(ask))
    async with desk.deployment.client(ME, ["heritage"]) as client:
        path = f"/v1/opinions/{desk.subject}/AA/heritage-view"
        assert ADDRESS in (await client.get(path)).text
        await client.post(path, json={"agrees": True, "text": "同意 Yes."})
        assert ADDRESS not in (await client.get(path)).text
    assert desk.deployment.keyring.asked[0].purpose == "opinion"


async def test_facts_of_a_draft_wait_for_its_submission(deploy: MakeDeployment) -> None:
    deployment, subject = await deploy(BOTH), new_subject()
    ask = requested(subject, item=ITEM)
    await deployment.hear(published(ITEM), ask, provided(ask))
    assert await deployment.said() == []
    await deployment.hear(*applied(subject, ITEM))
    assert (await Desk(deployment, subject).task("AA"))["evidence"][0]["state"] == "provided"
