"""Proofs are fetched, across services: from the draft's consent to the certificate, and everything that comes between."""

from collections import Counter
from datetime import timedelta

import httpx
from tongban_schemas.events.access import AccessErased
from tongban_schemas.events.evidence import (
    EvidenceChecked,
    EvidenceFailed,
    EvidenceProvided,
    EvidenceRefused,
    EvidenceRequested,
    EvidenceSubstituted,
    EvidenceUploaded,
)

from tests.lifecycle import families
from tests.lifecycle.edge import PULLED
from tests.lifecycle.families import ENROLMENT, OWN, STEPS, Family, kind
from tests.lifecycle.world import World, picture

_PROVIDERS = {"public-security", "housing", "human-resources", "street-office-98", "national-population"}
_FETCHED = 8
"""Answers of the enrolment that registers give."""


async def _decided(life: World, case: object, *but: str) -> None:
    """Every step that looks at proofs is granted, but for some."""
    for name, department in STEPS.items():
        if name not in but:
            await life.act(case, name, "grant", life.officer(department))  # type: ignore[arg-type]


async def _last(life: World, case: object) -> None:
    said = life.catalog.item(ENROLMENT).step("RX").grant
    assert said is not None
    await life.act(case, "RX", "grant", life.officer("education"), {"fields": said.example()})  # type: ignore[arg-type]


async def _bring(life: World, who: Family, case: object, material: str) -> httpx.Response:
    return await life.send("intake", "PUT", f"/v1/proofs/{case}/{material}/file", who.parent, content=picture())


async def test_five_proofs_of_five_departments_and_nothing_is_uploaded(life: World) -> None:
    who = families.family(life)
    await families.registered(life, who)
    case = await families.draft(life, who, life.catalog.item(ENROLMENT), OWN)
    found = await families.shown(life, who, case)
    assert {one["state"] for one in found.values()} == {"provided"}
    assert {one["provider"] for one in found.values()} == _PROVIDERS
    assert {one["grade"] for one in found.values()} == {"A"}
    kept = await life.ask("intake", "GET", f"/v1/drafts/{case}", who.parent)
    answers = [one for one in kept["origins"] if not one["field"].startswith("materials.")]
    assert Counter(one["origin"] for one in answers)["fetched"] == _FETCHED
    assert len(OWN) + _FETCHED == len(life.catalog.item(ENROLMENT).form.required | {"contact_email"})
    await families.submitted(life, who, case)
    await families.accepted(life, case)
    await _decided(life, case)
    await _last(life, case)
    assert (await families.issued(life, case)).number
    assert await life.said(case, EvidenceUploaded) == []
    assert len(await life.said(case, EvidenceRequested)) == len(await life.said(case, EvidenceProvided)) == 5
    seen, waited = await families.view(life, case, life.catalog.item(ENROLMENT))
    assert ([one.state for one in seen], waited) == (["provided"] * 5, "")


async def test_two_valid_permits_spare_the_proof_from_the_other_province(life: World) -> None:
    who = families.family(life)
    await families.registered(life, who, both_permits=True)
    case = await families.enrolled(life, who)
    spared = (await families.shown(life, who, case))["no-guardian-proof"]
    (rule,) = life.catalog.item(ENROLMENT).substitutions
    assert (spared["state"], spared["rule"]["stands_in"]["zh"]) == ("substituted", rule.by.zh)
    assert spared["rule"]["rests_on"] == ["residence-permit"]
    (said,) = await families.events(life, case, EvidenceSubstituted)
    (permit,) = [
        event.id
        for event in await families.events(life, case, EvidenceProvided)
        if event.data.material == "residence-permit"  # type: ignore[attr-defined]
    ]
    assert said.data.rests_on == [permit]  # type: ignore[attr-defined]
    asked = {one.material for one in await life.said(case, EvidenceRequested)}
    assert asked == {"residence-permit", "home-proof", "work-proof", "household-register"}
    seen = await families.task(life, case, "JH", life.officer("street-office-99"))
    (derived,) = [one for one in seen["evidence"] if one["material"] == "no-guardian-proof"]
    assert (derived["state"], derived["usable"], "优化营商环境条例" in derived["basis"]) == ("substituted", True, True)
    await life.act(case, "JH", "grant", life.officer("street-office-99"))


async def test_one_source_stands_still_and_only_its_proof_waits(life: World) -> None:
    who = families.family(life)
    await families.registered(life, who)
    street = life.officer("street-office-99")
    await life.stop("certificates-98")
    try:
        case = await families.enrolled(life, who)
        await _decided(life, case, "JH")
        waiting = await life.act(case, "JH", "grant", street, refused=409)
        assert (waiting["type"].rsplit(":", 1)[-1], waiting["materials"]) == (
            "evidence-outstanding",
            ["no-guardian-proof"],
        )
        seen, waited = await families.view(life, case, life.catalog.item(ENROLMENT))
        assert [one.material for one in seen if one.pending] == ["no-guardian-proof"]
        assert waited == "还在等待street-office-98的“户籍地没有监护条件的证明”。"
    finally:
        await life.start("certificates-98")
    await life.act(case, "JH", "grant", street)
    await _last(life, case)
    assert (await families.view(life, case, life.catalog.item(ENROLMENT)))[1] == ""


async def test_a_ministry_that_is_down_is_asked_again_until_it_answers(life: World) -> None:
    who = families.family(life)
    await families.registered(life, who)
    life.edge.down = True
    case = await life.apply(who.parent, life.catalog.item(ENROLMENT))
    await life.ask("intake", "POST", f"/v1/proofs/{case}", who.parent)
    await families.accepted(life, case)
    found = await families.shown(life, who, case)
    assert found["household-register"]["state"] == "retrying"
    assert [one.final for one in await life.said(case, EvidenceFailed)] == [False]
    waiting = await life.act(case, "JH", "grant", life.officer("street-office-99"), refused=409)
    assert waiting["materials"] == ["no-guardian-proof", "household-register"]
    for name in ("JZ", "FW", "JY"):
        await life.act(case, name, "grant", life.officer(STEPS[name]))
    life.edge.down = False
    life.clock.advance(timedelta(seconds=5))
    await life.settle()
    assert {one["state"] for one in (await families.shown(life, who, case)).values()} == {"provided"}
    assert life.edge.asked[-1]["fields"] == ["child_name", "child_birth_date", "household_region", "relation"]
    await life.act(case, "JH", "grant", life.officer("street-office-99"))


async def test_what_is_down_for_good_may_be_brought_and_counts_once_an_officer_saw_it(life: World) -> None:
    who = families.family(life)
    await families.registered(life, who)
    street, proof = life.officer("street-office-99"), "no-guardian-proof"
    await life.stop("certificates-98")
    try:
        case = await families.enrolled(life, who)
        early = await _bring(life, who, case, proof)
        assert (early.status_code, kind(early)) == (409, "fetch-first")
        (asked,) = [one for one in await life.said(case, EvidenceRequested) if one.material == proof]
        life.clock.set(asked.expires + timedelta(minutes=59))
        await life.settle()
        assert await life.said(case, EvidenceFailed) == []
        assert kind(await _bring(life, who, case, proof)) == "fetch-first"
        life.clock.set(asked.expires + timedelta(minutes=61))
        await life.settle()
        (failed,) = await families.events(life, case, EvidenceFailed)
        assert (failed.source, failed.time) == ("/intake", asked.expires + timedelta(hours=1))
        assert (failed.data.reason, failed.data.final) == ("expired", True)  # type: ignore[attr-defined]
        told = (await families.shown(life, who, case))[proof]
        assert (told["state"], told["reason"], told["upload_allowed"]) == ("failed", "expired", True)
        brought = await _bring(life, who, case, proof)
        assert brought.status_code == 202, brought.text
        await life.settle()
    finally:
        await life.start("certificates-98")
    unchecked = await life.act(case, "JH", "grant", street, refused=409)
    assert (unchecked["type"].rsplit(":", 1)[-1], unchecked["materials"]) == ("evidence-unchecked", [proof])
    seen = (await families.shown(life, who, case))[proof]
    assert (seen["state"], seen["grade"]) == ("uploaded", "C")
    await life.act(case, "JH", f"evidence/{proof}/check", street)
    assert len(await life.said(case, EvidenceChecked)) == 1
    assert (await families.shown(life, who, case))[proof]["grade"] == "B"
    await life.act(case, "JH", "grant", street)


async def test_a_law_that_forbids_it_refuses_by_rule(life: World) -> None:
    who = families.family(life)
    one = await life.offer(families.proving(501, "juvenile-record-99", ["sealed"]))
    case = await families.draft(life, who, one, one.form.example())
    (refused,) = await families.events(life, case, EvidenceRefused)
    said = refused.data
    assert isinstance(said, EvidenceRefused)
    assert (said.ground, said.officer) == ("forbidden-by-law", None)
    assert said.basis == "刑事诉讼法 286"
    seen = (await families.shown(life, who, case))["record"]
    assert (seen["state"], seen["reason"], seen["upload_allowed"]) == ("refused", "forbidden-by-law", True)
    assert seen["text"]
    path = f"/v1/sharing/requests/{said.request}/release"
    release = await life.call("certificates", "POST", path, life.officer("public-security"))
    assert release.status_code == 409, release.text


async def test_the_receiving_desk_may_not_ask_for_what_is_fetched(life: World) -> None:
    who = families.family(life)
    await families.registered(life, who)
    life.edge.down = True
    case = await life.apply(who.parent, life.catalog.item(ENROLMENT))
    await life.ask("intake", "POST", f"/v1/proofs/{case}", who.parent)
    await life.settle()
    desk = life.officer("street-office-99", "receiver")
    path = f"/v1/receipts/{case}/notice"
    for fields, materials in (([], ["household-register"]), ([], ["residence-permit"]), (["home_kind"], [])):
        body = {"fields": fields, "materials": materials, "message": "请补充"}
        answer = await life.call("intake", "POST", path, desk, body)
        assert (answer.status_code, kind(answer)) == (409, "may-not-be-asked"), answer.text
        named = {error["field"] for error in answer.json()["errors"]}
        assert named == {*fields, *(f"materials.{one}" for one in materials)}
    allowed = {"fields": ["contact_phone"], "materials": [], "message": "电话打不通"}
    assert (await life.call("intake", "POST", path, desk, allowed)).status_code == 200


async def test_a_discarded_draft_leaves_nothing_that_opens_and_late_answers_do_no_harm(life: World) -> None:
    who = families.family(life)
    await families.registered(life, who)
    life.edge.down = True
    case = await families.draft(life, who, life.catalog.item(ENROLMENT), OWN)
    given = len(await life.said(case, EvidenceProvided))
    assert given
    discarded = await life.call("intake", "DELETE", f"/v1/drafts/{case}", who.parent)
    assert discarded.status_code == 204
    await life.settle()
    life.edge.down = False
    life.clock.advance(timedelta(minutes=10))
    await life.settle()
    await families.repeat(life, [case])
    life.clock.advance(timedelta(days=3))
    await life.settle()
    (erased,) = await life.said(case, AccessErased)
    assert erased.ground == "draft-discarded"
    pool = life.services["intake"].runtime.pool
    assert await pool.fetchval("SELECT wrapped FROM vault_key WHERE application = $1", case) is None
    assert len(await life.said(case, EvidenceProvided)) == given
    assert await families.parked(life, case) == 0
    assert (await life.call("intake", "GET", f"/v1/proofs/{case}", who.parent)).status_code == 404
    assert case not in {one["request"] for one in life.edge.asked}


async def test_a_draft_waits_for_the_answers_that_are_on_their_way(life: World) -> None:
    who = families.family(life)
    await families.registered(life, who)
    life.edge.down = True
    case = await families.draft(life, who, life.catalog.item(ENROLMENT), OWN)
    early = await life.call("intake", "POST", f"/v1/drafts/{case}/submission", who.parent)
    assert early.status_code == 422
    assert {error["field"] for error in early.json()["errors"]} >= {"child_name", "child_birth_date"}
    life.edge.keep(who.number, families.records()[PULLED], life.clock.now())
    life.edge.down = False
    life.clock.advance(timedelta(seconds=5))
    await life.settle()
    await families.submitted(life, who, case)


async def test_a_certificate_comes_where_the_decision_rests_on_a_proof_of_another_deployment(life: World) -> None:
    who = families.family(life)
    await families.registered(life, who, ["social-insurance-99"])
    item = await life.offer(families.insured(97, ["employer", "holder_name"]))
    case = await families.applied(life, who, item)
    await life.act(case, "LAND", "grant", life.officer("natural-resources"))
    assert (await families.issued(life, case)).kind == item.certificate.kind
