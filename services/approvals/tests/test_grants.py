"""What a decision says: the fields that its item declares, and the grounds on which it may refuse."""

import json
from typing import Any

import pytest
from tongban_runtime.acts import digest, verify
from tongban_schemas.events.approvals import ApprovalCorrectionRequested, ApprovalGranted, ApprovalRefused, grant_field

from .conftest import MakeDeployment
from .samples import item, step
from .test_rules import _desk, _kind

FORM = {
    "type": "object",
    "additionalProperties": False,
    "required": ["school_name"],
    "properties": {
        "school_name": {"type": "string", "title": "就读学校", "x-title-en": "School", "minLength": 2, "maxLength": 60},
        "class_teacher": {"type": "string", "title": "班主任", "x-title-en": "Teacher", "x-personal": True},
    },
}
SAID = {"school_name": "示范市第一小学", "class_teacher": "金丝雀老师"}


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, "school_name"),
        ({"school_name": "一"}, "school_name"),
        ({"school_name": 7}, "school_name"),
        ({"school_name": "第一小学\u200b"}, "school_name"),
        ({"school_name": "第一小学", "fee": 1}, "fee"),
    ],
)
async def test_a_grant_says_what_its_item_wants_said(
    deploy: MakeDeployment, fields: dict[str, Any], wrong: str
) -> None:
    desk = await _desk(deploy, item([step("AA", grant=FORM)]))
    task = await desk.get("AA")
    assert task["grant"] == FORM
    refused = await desk.post("AA/grant", {"fields": fields})
    assert _kind(refused) == (422, "invalid-grant")
    assert [error["field"] for error in refused[1]["errors"]] == [wrong]
    assert await desk.said(ApprovalGranted) == []


async def test_what_a_grant_says_stands_in_the_event_and_the_act_and_what_is_personal_is_sealed(
    deploy: MakeDeployment,
) -> None:
    desk = await _desk(deploy, item([step("AA", grant=FORM), step("BB", "heritage")]))
    assert (await desk.post("AA/grant", {"fields": SAID}))[0] == 200
    assert (await desk.post("AA/grant", {"fields": SAID}))[0] == 200
    other = await desk.post("AA/grant", {"fields": SAID | {"school_name": "示范市第二小学"}})
    assert _kind(other) == (409, "already-decided")
    (granted,) = await desk.said(ApprovalGranted)
    assert granted.fields == {"school_name": SAID["school_name"]}
    assert SAID["class_teacher"] not in json.dumps(granted.model_dump(mode="json"), ensure_ascii=False)
    content = verify(granted.act, desk.deployment.casework.acts.public_keys("ecology"))
    assert (content["says"], content["texts"]) == (granted.fields, [digest(granted.sealed["class_teacher"])])
    told = (await desk.get("AA"))["decisions"][0]["says"]
    assert {one["field"]: one["value"] for one in told} == SAID
    assert grant_field("AA", "class_teacher") == "approval.granted/AA/class_teacher"
    elsewhere = (await desk.get("BB"))["decisions"][0]["says"]
    assert {one["field"]: one["value"] for one in elsewhere} == SAID | {"class_teacher": None}


async def test_a_step_that_declares_nothing_takes_no_fields(deploy: MakeDeployment) -> None:
    desk = await _desk(deploy, item([step("AA")]))
    assert (await desk.get("AA"))["grant"] is None
    assert _kind(await desk.post("AA/grant", {"fields": {"school_name": "第一小学"}})) == (422, "invalid-grant")
    assert (await desk.post("AA/grant"))[0] == 200


async def test_a_refusal_rests_on_a_ground_of_the_item_or_the_law(deploy: MakeDeployment) -> None:
    own = {
        "id": "site-not-suitable",
        "name": {"zh": "选址不符", "en": "The site does not fit"},
        "basis": ["publicity-17"],
    }
    desk = await _desk(deploy, item([step("AA", refusals=[own]), step("BB", "heritage")]))
    grounds = [one["reason_code"] for one in (await desk.get("AA"))["grounds"]]
    assert grounds[0] == "site-not-suitable"
    assert "conditions-not-met" in grounds
    for name, code in (("AA", "zzz-nonsense"), ("BB", "site-not-suitable")):
        refused = await desk.post(f"{name}/refuse", {"reason_code": code, "reason": "不符合"})
        assert _kind(refused) == (422, "unknown-ground")
        assert "conditions-not-met" in refused[1]["errors"][0]["message_zh"]
    assert (await desk.post("AA/refuse", {"reason_code": "site-not-suitable", "reason": "不符合"}))[0] == 200
    assert [one.reason_code for one in await desk.said(ApprovalRefused)] == ["site-not-suitable"]
    annulled = await desk.post("AA/annulment", {"reason_code": "zzz", "reason": "?"}, duties=["head"])
    assert _kind(annulled) == (422, "unknown-ground")


async def test_a_material_alone_may_be_asked_for(deploy: MakeDeployment) -> None:
    desk = await _desk(deploy, item([step("AA")]))
    assert _kind(await desk.post("AA/correction", {"message": "?"})) == (422, "not-correctable")
    assert (await desk.post("AA/correction", {"materials": ["map"], "message": "图纸不清楚"}))[0] == 200
    asked = (await desk.said(ApprovalCorrectionRequested))[0]
    assert (asked.fields, asked.materials) == ([], ["map"])
