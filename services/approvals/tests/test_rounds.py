"""Rounds: what a correction or an annulment reopens, and which decisions count meanwhile."""

from uuid import UUID

import pytest
from tongban_approvals.domain import History, Move, grounds, react
from tongban_catalog.standing import standing_decisions
from tongban_schemas.envelope import Event
from tongban_schemas.events.applications import ApplicationNotAccepted

from .samples import (
    ECOLOGY,
    accepted,
    annulled,
    applied,
    asked,
    corrected,
    granted,
    item,
    new_subject,
    opened,
    refused,
    sealed,
    step,
)

CASE = new_subject()
BOTH = frozenset({"ecology", "heritage"})
ITEM = item(
    [
        step("AA", inputs=["statement", "map"]),
        step("BB", "heritage", ["AA"], inputs=["company_name"]),
        step("CC", needs=["BB"], inputs=["listed_reason"]),
        step("DD", "heritage"),
        step("EE", needs=[{"step": "DD", "before": "decision"}]),
    ]
)
OPENED = [opened(CASE, name, ITEM) for name in ("AA", "BB", "CC", "DD", "EE")]
AA = granted(CASE, "AA", ITEM, rests_on=[])
BB = granted(CASE, "BB", ITEM, rests_on=[AA])
CC = granted(CASE, "CC", ITEM, rests_on=[BB])
DD = granted(CASE, "DD", ITEM, rests_on=[])
ALL = [*applied(CASE, ITEM, {"company_name": "x"}), *OPENED, AA, BB, CC, DD]
ANNULMENT = annulled(CASE, AA)


def _moves(facts: list[Event], departments: frozenset[str] = BOTH) -> list[Move]:
    return react(History.of(facts, ITEM), ITEM, departments, CASE)


def _standing(facts: list[Event]) -> set[str]:
    found = standing_decisions(facts, ITEM)
    assert set(standing_decisions(reversed(facts), ITEM)) == set(found)
    return set(found)


@pytest.mark.parametrize(
    ("parts", "reopened"),
    [
        ({"statement": 1}, ["AA"]),
        ({"company_name": 1}, ["BB"]),
        ({"listed_reason": 1, "plan": 1}, ["CC"]),
        ({"statement": 1, "listed_reason": 1}, ["AA", "CC"]),
        ({"plan": 1}, []),
    ],
)
def test_a_correction_reopens_the_decided_steps_that_look_at_it_and_no_other(
    parts: dict[str, int], reopened: list[str]
) -> None:
    request = asked(CASE, "EE", list(parts), ITEM)
    correction = corrected(CASE, request.id, parts, sequence=40)
    facts = [*ALL, request, correction]
    moves = _moves(facts)
    assert [(one.verb, one.step, one.round, one.because) for one in moves] == [
        ("open", name, 2, correction.id) for name in reopened
    ]
    again = [opened(CASE, name, ITEM, number=2, minute=41) for name in reopened]
    assert _moves([*facts, *again]) == []
    assert _standing([*facts, *again]) == {"AA", "BB", "CC", "DD"} - set(reopened)


def test_a_material_reopens_as_an_answer_does_and_an_answer_to_intake_too() -> None:
    correction = corrected(CASE, UUID(int=5), {}, sequence=40, materials={"map": "0" * 64})
    assert [(one.step, one.round) for one in _moves([*ALL, correction])] == [("AA", 2)]


def test_a_step_that_lies_open_is_not_reopened_and_its_decision_has_seen_the_correction() -> None:
    undecided = [fact for fact in ALL if fact.id not in (AA.id, BB.id, CC.id)]
    correction = corrected(CASE, UUID(int=5), {"statement": 1}, sequence=40)
    facts = [*undecided, correction]
    assert _moves(facts) == []
    history = History.of(facts, ITEM)
    assert grounds(history, ITEM, ITEM.step("AA")) == (correction.id,)
    late = granted(CASE, "AA", ITEM, rests_on=[correction])
    assert _moves([*facts, late], ECOLOGY) == []


def test_a_decision_made_before_the_correction_was_known_is_made_anew_however_late_it_comes() -> None:
    correction = corrected(CASE, UUID(int=5), {"statement": 1}, sequence=2)
    assert correction.time < AA.time
    assert [(one.step, one.round) for one in _moves([*ALL, correction])] == [("AA", 2)]


def test_decisions_count_only_in_their_own_round() -> None:
    again = opened(CASE, "AA", ITEM, number=2, minute=41)
    assert _standing([*ALL, again]) == {"BB", "CC", "DD"}
    second = granted(CASE, "AA", ITEM, number=2, minute=42, rests_on=[])
    assert _standing([*ALL, again, second]) == {"AA", "BB", "CC", "DD"}
    assert _standing([*ALL, second]) == {"AA", "BB", "CC", "DD"}


def test_what_rests_on_an_annulled_grant_does_not_count_and_is_reopened_once_it_is_granted_anew() -> None:
    facts = [*ALL, ANNULMENT]
    assert _standing(facts) == {"DD"}
    assert [(one.step, one.round, one.because) for one in _moves(facts)] == [("AA", 2, ANNULMENT.id)]
    facts += [opened(CASE, "AA", ITEM, number=2, minute=41)]
    assert _moves(facts) == []
    second = granted(CASE, "AA", ITEM, number=2, minute=42, rests_on=[])
    facts.append(second)
    assert [(one.step, one.round, one.because) for one in _moves(facts)] == [("BB", 2, ANNULMENT.id)]
    facts += [
        opened(CASE, "BB", ITEM, number=2, minute=43),
        granted(CASE, "BB", ITEM, number=2, minute=44, rests_on=[second]),
    ]
    assert [(one.step, one.round) for one in _moves(facts)] == [("CC", 2)]
    assert _standing(facts) == {"AA", "BB", "DD"}


def test_an_annulment_for_good_ends_the_case() -> None:
    facts = [*ALL, annulled(CASE, AA, reopen=False)]
    assert History.of(facts, ITEM).end == "decision-annulled"
    assert _moves(facts) == []


def test_an_annulled_refusal_lets_the_case_go_on() -> None:
    no = refused(CASE, "AA", ITEM)
    facts = [*applied(CASE, ITEM, {}), *OPENED[:1], no]
    assert History.of(facts, ITEM).end == "application-refused"
    facts.append(annulled(CASE, no))
    assert History.of(facts, ITEM).running
    assert ("open", "AA", 2) in [(one.verb, one.step, one.round) for one in _moves(facts)]


def test_a_need_before_the_decision_does_not_stop_the_opening() -> None:
    facts = applied(CASE, ITEM, {})
    assert ("open", "EE") in [(one.verb, one.step) for one in _moves(facts, ECOLOGY)]
    history = History.of([*facts, opened(CASE, "EE", ITEM)], ITEM)
    assert history.unmet(ITEM, ITEM.step("EE")) == ["DD"]
    assert History.of([*ALL], ITEM).unmet(ITEM, ITEM.step("EE")) == []


def test_a_rule_waits_for_what_is_needed_before_the_decision() -> None:
    rule = {"by": "rule", "grant_when": {"required": ["company_name"]}, "else": "officer"}
    needing = item([step("AA", "heritage"), step("BB", needs=[{"step": "AA", "before": "decision"}], decide=rule)])
    facts = applied(CASE, needing, {"company_name": "x"})
    assert [one.verb for one in react(History.of(facts, needing), needing, ECOLOGY, CASE)] == ["open"]
    yes = granted(CASE, "AA", needing)
    moves = react(History.of([*facts, yes, opened(CASE, "BB", needing)], needing), needing, ECOLOGY, CASE)
    assert [(one.verb, one.step, one.rests_on) for one in moves] == [("grant", "BB", (yes.id,))]


def test_the_department_is_the_one_that_an_answer_names() -> None:
    chosen = item(
        [step("AA", "out")],
        departments={
            "lead": "market-regulation",
            "issuer": "administrative-approval",
            "out": {"by": "moved_from", "of": {"a": "ecology", "b": "heritage"}},
        },
    )
    for answer, department in (("a", "ecology"), ("b", "heritage")):
        facts = applied(CASE, chosen, {"moved_from": answer})
        moves = react(History.of(facts, chosen), chosen, BOTH, CASE)
        assert [(one.step, one.department) for one in moves] == [("AA", department)]
        other = BOTH - {department}
        assert react(History.of(facts, chosen), chosen, other, CASE) == []
    assert "moved_from" in chosen.deciding_fields


def test_an_application_that_is_not_accepted_is_over() -> None:
    reason = sealed(CASE, ApplicationNotAccepted, "x", "no")
    no = ApplicationNotAccepted(department="ecology", reason_code="not-ours", reason=reason)
    event = Event(
        id=UUID(int=77),
        source="/intake",
        subject=CASE,
        time=ANNULMENT.time,
        correlationid=UUID(CASE),
        data=no,
    )
    history = History.of([*applied(CASE, ITEM, {}), event], ITEM)
    assert (history.end, history.running) == ("application-not-accepted", False)


def test_acceptance_counts_from_when_it_took_effect_and_promised_materials_are_outstanding() -> None:
    from_when = AA.time
    event = accepted(CASE, ITEM, effective_from=from_when, promised=["map"])
    history = History.of([applied(CASE, ITEM, {})[0], event], ITEM)
    assert history.accepted_at == from_when
    assert history.promised_for(ITEM.step("AA")) == {"map"}
    assert history.promised_for(ITEM.step("BB")) == frozenset()
    assert history.promised_for(ITEM.step("DD")) == {"map"}
    brought = corrected(CASE, UUID(int=5), {}, materials={"map": "0" * 64})
    assert History.of([applied(CASE, ITEM, {})[0], event, brought], ITEM).outstanding == frozenset()
