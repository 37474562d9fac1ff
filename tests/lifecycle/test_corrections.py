"""A register corrects a record: whoever was given it hears of it, once, and nobody else. And what people at a source decide."""

from datetime import timedelta
from uuid import UUID

from tongban_schemas.envelope import Event
from tongban_schemas.events.evidence import (
    EvidenceCorrected,
    EvidenceDisputeAnswered,
    EvidenceDisputed,
    EvidenceObjected,
    EvidenceOverdue,
    EvidenceProvided,
    EvidenceRefused,
    EvidenceRequested,
)

from tests.lifecycle import families
from tests.lifecycle.families import Family, insurance, kind
from tests.lifecycle.world import World

_INSURANCE = "social-insurance-99"
_WRONG = {"fields": ["holder_name"], "text": "姓名登记有误"}
_ABOVE = "people-government-99"
_BROUGHT = ("bills", "cost-list", "diagnosis")
_REFUSAL = {"ground": "under-investigation", "basis": "示例条例 第九条", "reason": "正在核查。"}


async def _withdrawn(life: World, who: Family, case: UUID) -> None:
    answer = await life.call("intake", "POST", f"/v1/applications/{case}/withdrawal", who.parent)
    assert answer.status_code == 202, answer.text
    await life.settle()


async def _corrected(life: World, case: UUID) -> list[EvidenceCorrected]:
    return [event.data for event in await life.facts(case) if isinstance(event.data, EvidenceCorrected)]


async def _is_flagged(life: World, case: UUID) -> bool:
    """At the desk of the department, the task and its proof alike."""
    task = await families.task(life, case, "LAND", life.officer("natural-resources"))
    (evidence,) = task["evidence"]
    assert evidence["corrected"] == task["flagged"]
    found: bool = task["flagged"]
    return found


async def test_a_change_in_the_register_reaches_everybody_who_was_given_the_record_once(life: World) -> None:
    who, other = families.family(life), families.family(life)
    for family in (who, other):
        await families.registered(life, family, [_INSURANCE])
    whole = await life.offer(families.insured(502, ["employer", "months", "holder_name"]))
    months = await life.offer(families.insured(503, ["months"]))
    one, two, closed = [await families.applied(life, who, whole) for _ in range(3)]
    strange, part = await families.applied(life, other, whole), await families.applied(life, who, months)
    await _withdrawn(life, who, closed)
    life.clock.advance(timedelta(minutes=1))
    changed = insurance(employer="示例贸易有限公司", holder_name="示例家长乙")
    for _ in range(2):
        await families.imported(life, _INSURANCE, who, changed)
    await life.settle()
    await families.repeat(life, [one, two, closed, strange, part])
    told = {case: await _corrected(life, case) for case in (one, two, closed, strange, part)}
    assert {case: len(found) for case, found in told.items()} == {one: 1, two: 1, closed: 1, strange: 0, part: 0}
    for case in (one, two, closed):
        (said,) = told[case]
        assert (said.cause, set(said.changed)) == ("source", {"employer", "holder_name"})
    assert (told[closed][0].values, told[closed][0].sealed) == ({}, {})
    assert told[one][0].values == {"employer": "示例贸易有限公司"}
    assert told[one][0].sealed["holder_name"] != told[two][0].sealed["holder_name"]
    flags = {case: await _is_flagged(life, case) for case in (one, two, strange, part)}
    assert flags == {one: True, two: True, strange: False, part: False}
    seen = (await families.shown(life, who, one))["record"]
    assert {given["field"]: given["value"] for given in seen["values"]} == changed
    assert [set(found["changed"]) for found in seen["corrections"]] == [{"employer", "holder_name"}]
    for case, count in ((one, 1), (closed, 1), (part, 0)):
        assert (await families.ledger_kinds(life, case)).count("corrected") == count
    ((proof,), _) = await families.view(life, one, whole)
    assert (set(proof.changed), proof.corrected_at is not None) == ({"employer", "holder_name"}, True)
    again = await families.imported(life, _INSURANCE, who, changed)
    assert (again["changed"], again["unchanged"]) == (0, 1)
    assert len(await _corrected(life, one)) == 1


async def test_a_dispute_that_is_answered_corrected_reaches_the_others_too(life: World) -> None:
    who = families.family(life)
    await families.registered(life, who, [_INSURANCE])
    whole = await life.offer(families.insured(504, ["employer", "months", "holder_name"]))
    one, two, closed = [await families.applied(life, who, whole) for _ in range(3)]
    await _withdrawn(life, who, closed)
    path = f"/v1/proofs/{one}/record/dispute"
    for _ in range(2):
        assert (await life.call("intake", "POST", path, who.parent, _WRONG)).status_code == 202
    await life.settle()
    (disputed,) = await families.events(life, one, EvidenceDisputed)
    later = await families.applied(life, who, whole)
    assert [given.under_dispute for given in await life.said(later, EvidenceProvided)] == [True]
    for case in (one, later):
        task = await families.task(life, case, "LAND", life.officer("natural-resources"))
        assert [evidence["disputed"] for evidence in task["evidence"]] == [True]
    source = life.officer("human-resources")
    listed = await life.ask("certificates", "GET", "/v1/sharing/disputes", source)
    assert str(disputed.id) in {found["dispute"] for found in listed["disputes"]}
    looked = await life.ask("certificates", "GET", f"/v1/sharing/disputes/{disputed.id}", source)
    assert (looked["text"], looked["holder"]) == (_WRONG["text"], who.number)
    answer, verdict = f"/v1/sharing/disputes/{disputed.id}/answer", {"outcome": "corrected", "text": "已更正"}
    early = await life.call("certificates", "POST", answer, source, verdict)
    assert (early.status_code, kind(early)) == (409, "record-unchanged")
    life.clock.advance(timedelta(minutes=1))
    await families.imported(life, _INSURANCE, who, insurance(holder_name="示例家长丙"))
    await life.settle()
    await life.ask("certificates", "POST", answer, source, verdict)
    await life.settle()
    cases = (one, two, closed, later)
    await families.repeat(life, cases)
    for case in cases:
        (said,) = await _corrected(life, case)
        assert (said.cause, said.changed) == ("dispute", ["holder_name"])
        assert bool(said.sealed) == (case != closed)
    (answered,) = await life.said(one, EvidenceDisputeAnswered)
    assert (answered.dispute, answered.outcome) == (disputed.id, "corrected")
    assert [await life.said(case, EvidenceDisputeAnswered) for case in (two, later)] == [[], []]
    assert await _is_flagged(life, two)
    seen = (await families.shown(life, who, one))["record"]
    assert (seen["disputed"], seen["dispute_answer"]["text"]) == (None, "已更正")
    after = await families.applied(life, who, whole)
    assert [given.under_dispute for given in await life.said(after, EvidenceProvided)] == [False]


def _stages(found: list[Event]) -> list[str]:
    return [event.data.stage for event in found]  # type: ignore[attr-defined]


async def test_what_is_shared_on_a_condition_goes_through_people_up_to_the_authority_above(life: World) -> None:
    who, item = families.family(life), life.catalog.item("medical-reimbursement")
    record = {
        "hospital": "示范省 98 示范医院",
        "admitted_on": "2026-02-02",
        "discharged_on": "2026-02-09",
        "diagnosis": "示例诊断",
        "record_number": "98-0001",
    }
    await families.imported(life, "medical-records-99", who, record)
    answers = item.form.example() | {"patient_id": who.number}
    case = await families.draft(life, who, item, answers, _BROUGHT)
    await families.submitted(life, who, case)
    (request,) = [event.id for event in await families.events(life, case, EvidenceRequested)]
    path, health = f"/v1/sharing/requests/{request}", life.officer("health")
    looked = await life.ask("certificates", "GET", path, health)
    assert (looked["holder"], looked["stage"]) == (who.number, "answer")
    assert {one["field"]: one["value"] for one in looked["record"]["fields"]} == record
    without = {name: _REFUSAL[name] for name in ("ground", "reason")}
    assert (await life.call("certificates", "POST", f"{path}/refusal", health, without)).status_code == 422
    agency = life.officer("medical-insurance")
    waiting = await life.act(case, "BX", "grant", agency, refused=409)
    assert waiting["materials"] == ["records"]
    for late in ("2026-03-18", "2026-03-19"):
        await life.move(late)
    for stage, until in (("negotiation", "2026-03-30"), ("mediation", "2026-04-20")):
        await life.ask("certificates", "POST", f"{path}/refusal", health, _REFUSAL)
        await life.settle()
        assert (await families.shown(life, who, case))["records"]["state"] == "refused"
        await life.act(case, "BX", "evidence/records/objection", agency, {"argument": "报销必须核对"})
        assert (await families.shown(life, who, case))["records"]["state"] == "objected"
        assert _stages(await families.events(life, case, EvidenceObjected))[-1] == stage
        await life.move(until)
    overdue = await families.events(life, case, EvidenceOverdue)
    assert _stages(overdue) == ["answer", "negotiation", "mediation"]
    assert {event.data.supervisor for event in overdue} == {_ABOVE}  # type: ignore[attr-defined]
    assert (await life.call("certificates", "POST", f"{path}/release", health)).status_code == 404
    above = life.officer(_ABOVE, "supervisor")
    settled = await life.ask("certificates", "POST", f"{path}/release", above)
    assert settled["result"] == "provided"
    await life.settle()
    (given,) = await life.said(case, EvidenceProvided)
    assert (given.stage, given.officer) == ("mediation", above.id)
    assert _stages(await families.events(life, case, EvidenceRefused)) == ["answer", "negotiation"]
    seen = (await families.shown(life, who, case))["records"]
    assert {one["field"]: one["value"] for one in seen["values"]} == record
    unchecked = await life.act(case, "BX", "grant", agency, refused=409)
    assert unchecked["materials"] == list(_BROUGHT)
    for name in _BROUGHT:
        await life.act(case, "BX", f"evidence/{name}/check", agency)
    await life.act(case, "BX", "grant", agency)
