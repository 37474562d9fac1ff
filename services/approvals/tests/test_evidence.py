"""What a decision may rest on, as a function of the facts: proofs that are waited for, missing, unchecked, substituted."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from tongban_approvals.domain import Almanac, History, Move, grounds, react, tasks
from tongban_approvals.domain.evidence import EvidenceGap, objection_stage
from tongban_catalog.clock import Calendars
from tongban_schemas.envelope import Event

from .fetched import (
    INTAKE,
    RESOURCE,
    checked,
    corrected_at_source,
    disputed,
    failed,
    late,
    not_recorded,
    objected,
    provided,
    refused_by_source,
    requested,
    substituted,
    uploaded,
)
from .samples import accepted, applied, corrected, granted, item, new_subject, opened, step

CASE = new_subject()
BOTH = frozenset({"ecology", "heritage"})
RULE: dict[str, Any] = {"by": "rule", "grant_when": {"required": ["company_name"]}, "else": "refuse"}
ITEM = item(
    [
        step("AA", inputs=["statement", "map"]),
        step("BB", "heritage", inputs=["deed"]),
        step("CC"),
        step("DD", inputs=["statement"]),
        step("RR", inputs=["map"], decide=RULE),
    ]
)
APPLIED = applied(CASE, ITEM, {"company_name": "x"})
ASKED = requested(CASE, item=ITEM)
GIVEN = provided(ASKED)
REFUSED = refused_by_source(ASKED)
FAILED = failed(ASKED)
UPLOADED = uploaded(FAILED)
DEED = requested(CASE, "deed", ITEM)


def _history(*facts: Event) -> History:
    return History.of([*APPLIED, *facts], ITEM)


def _gaps(*facts: Event) -> dict[str, EvidenceGap]:
    """By step."""
    history = _history(*facts)
    found = {one.id: history.evidence_gap(ITEM, one) for one in ITEM.steps}
    return {name: gap[0] for name, gap in found.items() if gap is not None}


def _moves(*facts: Event) -> list[Move]:
    return react(_history(*facts), ITEM, BOTH, CASE)


@pytest.mark.parametrize(
    ("facts", "kind"),
    [
        ([], None),
        ([ASKED], "evidence-outstanding"),
        ([ASKED, failed(ASKED, final=False)], "evidence-outstanding"),
        ([ASKED, late(ASKED)], "evidence-outstanding"),
        ([ASKED, REFUSED], "evidence-missing"),
        ([ASKED, REFUSED, objected(REFUSED, "ecology")], "evidence-outstanding"),
        (
            [ASKED, REFUSED, objected(REFUSED, "ecology"), refused_by_source(ASKED, "negotiation", 6)],
            "evidence-missing",
        ),
        ([ASKED, REFUSED, objected(REFUSED, "ecology"), provided(ASKED, 6, stage="negotiation")], None),
        ([ASKED, not_recorded(ASKED)], "evidence-missing"),
        ([ASKED, FAILED], "evidence-missing"),
        ([ASKED, FAILED, requested(CASE, item=ITEM, attempt=2, minute=8)], "evidence-outstanding"),
        ([ASKED, FAILED, UPLOADED], "evidence-unchecked"),
        ([ASKED, FAILED, uploaded(FAILED, promise=True)], None),
        ([ASKED, FAILED, UPLOADED, checked(UPLOADED, "AA", "ecology")], None),
        ([ASKED, FAILED, UPLOADED, checked(UPLOADED, None, "ecology", source=INTAKE)], None),
        ([ASKED, FAILED, corrected(CASE, UUID(int=5), {}, materials={"map": "0" * 64})], None),
        ([ASKED, substituted(CASE)], None),
        ([ASKED, not_recorded(ASKED), substituted(CASE)], None),
        ([ASKED, GIVEN], None),
        ([ASKED, GIVEN, disputed(GIVEN)], None),
        ([ASKED, GIVEN, corrected_at_source(GIVEN)], None),
        ([ASKED, GIVEN, corrected_at_source(GIVEN, withdrawn=True)], "evidence-withdrawn"),
        (
            [
                ASKED,
                GIVEN,
                corrected_at_source(GIVEN, withdrawn=True),
                requested(CASE, item=ITEM, attempt=2, minute=30),
            ],
            "evidence-outstanding",
        ),
        ([ASKED, provided(ASKED, department="ecology")], "evidence-outstanding"),
    ],
)
def test_what_a_grant_waits_for(facts: list[Event], kind: str | None) -> None:
    expected = {} if kind is None else dict.fromkeys(("AA", "CC", "RR"), kind)
    assert _gaps(*facts) == _gaps(*reversed(facts)) == expected


def _submission(**changed: Any) -> Event:
    return replace(APPLIED[0], data=APPLIED[0].data.model_copy(update=changed))


def test_nothing_is_decided_before_the_first_word_about_a_proof_that_the_application_announces_is_read() -> None:
    facts = [_submission(fetched=["map"]), accepted(CASE, ITEM)]
    history = History.of(facts, ITEM)
    waiting = {one.id: history.evidence_gap(ITEM, one) for one in ITEM.steps}
    assert waiting == dict.fromkeys(("AA", "CC", "RR"), ("evidence-outstanding", ["map"])) | {"BB": None, "DD": None}
    assert not [one for one in react(history, ITEM, BOTH, CASE) if one.verb in ("grant", "refuse")]
    for read in ([ASKED, GIVEN], [substituted(CASE)]):
        assert "grant" in [one.verb for one in react(History.of([*facts, *read], ITEM), ITEM, BOTH, CASE)]


def test_a_material_that_was_handed_in_or_promised_is_not_missing() -> None:
    handed = _submission(materials={"map": "0" * 64})
    for facts in ([handed, accepted(CASE, ITEM)], [APPLIED[0], accepted(CASE, ITEM, promised=["map"])]):
        history = History.of([*facts, ASKED, FAILED], ITEM)
        assert history.evidence_gap(ITEM, ITEM.step("AA")) is None
        assert History.of([*facts, ASKED], ITEM).evidence_gap(ITEM, ITEM.step("AA")) is not None


def test_a_material_that_nobody_asks_for_any_more_is_not_missing() -> None:
    rule = {
        "material": "map",
        "by": {"zh": "他证", "en": "Another"},
        "when": {"required": ["company_name"]},
        "basis": ["online-10"],
    }
    spared = item([step("AA")], substitutions=[rule])
    facts = [*applied(CASE, spared, {"company_name": "x"}), ASKED, FAILED]
    assert History.of(facts, spared).evidence_gap(spared, spared.step("AA")) is None


def test_a_proof_is_waited_for_as_soon_as_one_on_its_way_decides_of_it() -> None:
    basis = ["online-10"]
    source = {"resource": RESOURCE, "fields": ["kind"], "basis": basis}
    chain = item(
        [step("BB", "heritage", inputs=["deed"])],
        sources=[
            {**source, "material": "map", "supplies": {"plan": "kind"}},
            {**source, "material": "deed", "when": {"required": ["plan"], "properties": {"plan": {"const": "x"}}}},
        ],
    )
    asked = requested(CASE, item=chain)
    facts = [*applied(CASE, chain, {"company_name": "x"}), asked]
    waiting = ("evidence-outstanding", ["deed"])
    assert History.of(facts, chain).evidence_gap(chain, chain.steps[0]) == waiting
    assert History.of([*facts, provided(asked)], chain).evidence_gap(chain, chain.steps[0]) is None


def test_the_step_opens_and_its_rule_waits_both_ways() -> None:
    assert {one.step for one in _moves(ASKED) if one.verb == "open"} == {"AA", "BB", "CC", "DD", "RR"}
    assert [one.verb for one in _moves(ASKED) if one.step == "RR"] == ["open"]
    refusing = applied(CASE, ITEM, {})
    assert "refuse" in [one.verb for one in react(History.of(refusing, ITEM), ITEM, BOTH, CASE)]
    assert "refuse" not in [one.verb for one in react(History.of([*refusing, ASKED], ITEM), ITEM, BOTH, CASE)]
    assert "refuse" in [one.verb for one in react(History.of([*refusing, ASKED, FAILED], ITEM), ITEM, BOTH, CASE)]
    assert [one.verb for one in _moves(ASKED, FAILED, UPLOADED) if one.step == "RR"] == ["open"]


def test_a_decision_rests_on_the_proofs_it_looks_at_and_on_nothing_else() -> None:
    correction = corrected_at_source(GIVEN)
    deed = provided(DEED)
    for facts, resting in (
        ([ASKED, GIVEN], [GIVEN]),
        ([ASKED, GIVEN, correction, DEED, deed], [GIVEN, correction]),
        ([ASKED, FAILED, UPLOADED], []),
    ):
        move = next((one for one in _moves(*facts) if one.verb == "grant"), None)
        assert (move.rests_on if move else ()) == tuple(sorted(one.id for one in resting))
    history = _history(ASKED, GIVEN, DEED, deed)
    assert set(grounds(history, ITEM, ITEM.step("CC"))) == {GIVEN.id, deed.id}
    assert grounds(history, ITEM, ITEM.step("DD")) == ()


def test_what_may_be_asked_for_after_a_refusal() -> None:
    second = refused_by_source(ASKED, "negotiation", 6)
    last = refused_by_source(ASKED, "mediation", 9)
    one, two = objected(REFUSED, "ecology"), objected(second, "ecology", 7)
    told: tuple[list[Event], ...] = (
        [],
        [REFUSED],
        [REFUSED, one],
        [REFUSED, one, second],
        [REFUSED, one, second, two, last],
    )
    stages = [objection_stage(_history(ASKED, *facts).proofs["map"]) for facts in told]
    assert stages == [None, "negotiation", None, "mediation", None]


def test_a_correction_at_the_source_flags_the_steps_that_look_at_the_proof_and_reopens_nothing() -> None:
    known = [ASKED, GIVEN, *[opened(CASE, one.id, ITEM) for one in ITEM.steps], granted(CASE, "AA", ITEM)]
    for facts, flagged in ((known, set()), ([*known, corrected_at_source(GIVEN)], {"AA", "CC", "RR"})):
        found = tasks(UUID(CASE), _history(*facts), ITEM, BOTH, Almanac(Calendars()))
        assert {one.step for one in found if one.flagged} == flagged
    assert [one for one in _moves(*known, corrected_at_source(GIVEN)) if one.verb == "open"] == []
