"""The decisions of departments as a function of the set of facts."""

import random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tongban_approvals.domain import Almanac, History, conflict, react, tasks
from tongban_catalog.clock import Calendars
from tongban_catalog.item import Item
from tongban_schemas.envelope import Event

from .fetched import every_kind_of_evidence
from .samples import (
    ECOLOGY,
    INVESTMENT,
    LAND,
    REFORM,
    REFUSING,
    accepted,
    answers,
    applied,
    asked,
    chain,
    corrected,
    granted,
    new_subject,
    opened,
    refused,
    submitted,
    withdrawn,
)

CASE = new_subject()
CHAIN = chain()
MATERIALS = [one.id for one in INVESTMENT.materials][:4]
ALMANAC = Almanac(Calendars())


def _react(facts: list[Event], departments: frozenset[str], item: Item = INVESTMENT) -> list[tuple[str, str]]:
    return [(one.verb, one.step) for one in react(History.of(facts, item), item, departments)]


@pytest.mark.parametrize("facts", [[], [submitted(CASE)], [accepted(CASE)]])
def test_nothing_happens_before_submission_and_acceptance(facts: list[Event]) -> None:
    assert _react(facts, REFORM) == []


@pytest.mark.parametrize("end", [withdrawn(CASE), refused(CASE, "KG")])
def test_nothing_happens_after_the_end(end: Event) -> None:
    assert _react([*applied(CASE), end], REFORM) == []


def test_a_rule_grants_and_what_it_frees_opens_at_once() -> None:
    found = _react(applied(CASE), REFORM)
    assert found == [("open", "BA"), ("grant", "BA"), ("open", "HP"), ("open", "JN"), ("grant", "JN")]


def test_only_our_steps_open_and_only_when_their_needs_hold() -> None:
    assert _react(applied(CASE), LAND) == [("open", "KG")]
    assert _react([*applied(CASE), opened(CASE, "KG"), granted(CASE, "KG")], LAND) == [("open", "TD")]


def test_rules_chain_through_our_steps_in_one_go() -> None:
    found = _react(applied(CASE, CHAIN, {"company_name": "x"}), ECOLOGY, CHAIN)
    assert found == [
        ("open", "AA"),
        ("open", "DD"),
        ("grant", "AA"),
        ("open", "BB"),
        ("grant", "BB"),
        ("open", "CC"),
        ("grant", "CC"),
    ]


def test_a_refusal_by_rule_ends_the_case() -> None:
    found = react(History.of(applied(CASE, REFUSING, {"company_name": "x"}), REFUSING), REFUSING, ECOLOGY)
    assert (found[-1].verb, found[-1].step, found[-1].department, found[-1].round) == ("refuse", "CC", "ecology", 1)
    assert sum(one.verb == "refuse" for one in found) == 1


def test_a_rule_waits_for_a_correction_and_then_sees_it() -> None:
    facts = [*applied(CASE, plain=answers(env_category="registration")), granted(CASE, "BA"), opened(CASE, "HP")]
    assert ("grant", "HP") in _react(facts, REFORM)
    facts = [*applied(CASE, plain=answers(env_category="report_book")), granted(CASE, "BA"), opened(CASE, "HP")]
    request = asked(CASE, "HP", ["env_category"])
    assert ("grant", "HP") not in _react([*facts, request], REFORM)
    facts += [request, corrected(CASE, request.id, {"env_category": "registration"})]
    assert ("grant", "HP") in _react(facts, REFORM)


def test_a_step_that_waits_for_the_applicant_is_not_decided_by_rule() -> None:
    facts = [*applied(CASE, plain=answers(env_category="registration")), granted(CASE, "BA"), opened(CASE, "HP")]
    assert ("grant", "HP") not in _react([*facts, asked(CASE, "HP", ["land_area_m2"])], REFORM)


def test_corrections_are_laid_over_in_the_order_in_which_intake_took_them() -> None:
    second = corrected(CASE, UUID(int=1), {"land_area_m2": 2}, sequence=4)
    first = corrected(CASE, UUID(int=2), {"land_area_m2": 1}, sequence=3)
    for facts in ([second, first, *applied(CASE)], [*applied(CASE), first, second]):
        assert History.of(facts, INVESTMENT).answers["land_area_m2"] == 2


def test_the_desk_follows_the_facts() -> None:
    facts = [*applied(CASE), opened(CASE, "KG"), opened(CASE, "BA")]

    def state() -> list[tuple[str, str]]:
        found = tasks(UUID(CASE), History.of(facts, INVESTMENT), INVESTMENT, LAND | REFORM, ALMANAC)
        return [(task.step, task.state) for task in found]

    assert state() == [("BA", "open"), ("KG", "open")]
    facts.append(granted(CASE, "BA"))
    assert state() == [("BA", "granted"), ("KG", "open")]
    facts.append(withdrawn(CASE))
    assert state() == [("BA", "granted"), ("KG", "cancelled")]


def test_conflicts_say_what_stands_in_the_way() -> None:
    me, other = UUID(int=1), UUID(int=2)
    live, gone = History.of([refused(CASE, "BA")], INVESTMENT), History.of([withdrawn(CASE)], INVESTMENT)
    assert conflict("open", None, me, live) is None
    assert conflict("taken", me, me, live) is None
    assert conflict("taken", other, me, live) == "taken-by-another-officer"
    assert conflict("open", other, me, live) == "taken-by-another-officer"
    assert conflict("granted", me, me, live) == "already-decided"
    assert conflict("correction", me, me, live) == "waiting-for-applicant"
    assert conflict("cancelled", None, me, gone) == "application-withdrawn"
    assert conflict("cancelled", None, me, live) == "application-refused"


FACTS = [
    *applied(CASE),
    *[opened(CASE, step) for step in ("BA", "KG", "HP", "JN", "TD")],
    *[granted(CASE, step) for step in ("BA", "KG", "JN")],
    corrected(CASE, UUID(int=1), {"land_area_m2": 5, "energy_tce": 1}),
    corrected(CASE, UUID(int=2), {"land_area_m2": 6}, sequence=4),
    refused(CASE, "HP"),
    withdrawn(CASE),
    *every_kind_of_evidence(CASE, MATERIALS, "development-reform"),
]


@settings(max_examples=400, deadline=None)
@given(st.sets(st.sampled_from(range(len(FACTS)))), st.integers(0, 2**32), st.integers(1, 3))
def test_order_and_repetition_make_no_difference(chosen: set[int], seed: int, times: int) -> None:
    facts = [FACTS[index] for index in sorted(chosen)]
    shuffled = facts * times
    random.Random(seed).shuffle(shuffled)  # noqa: S311 - a seed makes the run repeatable
    before, after = History.of(facts, INVESTMENT), History.of(shuffled, INVESTMENT)
    assert before == after
    assert before.proofs == after.proofs
    assert react(before, INVESTMENT, REFORM | LAND) == react(after, INVESTMENT, REFORM | LAND)
    assert tasks(UUID(CASE), before, INVESTMENT, LAND, ALMANAC) == tasks(UUID(CASE), after, INVESTMENT, LAND, ALMANAC)
