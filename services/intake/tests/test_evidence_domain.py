"""What is asked of registers, what a rule puts in a proof's place, what time ends, who may answer: pure functions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tongban_catalog.calendar import packaged
from tongban_catalog.clock import Calendar, Calendars
from tongban_catalog.item import Item
from tongban_catalog.load import Catalog
from tongban_catalog.proofs import proofs
from tongban_intake.evidence import asking
from tongban_intake.evidence.answers import Answered, answered, typed, usable
from tongban_intake.evidence.judging import forged
from tongban_runtime.testing.keys import case_keys
from tongban_schemas.envelope import Event
from tongban_schemas.events.evidence import EvidenceFailed, EvidenceRequested, EvidenceSubstituted

from .proving import (
    GIVEN,
    MORNING,
    OWN,
    corrected,
    failed,
    not_recorded,
    provided,
    proving_item,
    refused,
    resources,
)

CASE = UUID("01950000-0000-7000-8000-000000000001")
KEYS = case_keys(CASE)
CALENDARS = Calendars(Calendar.of(one) for one in packaged())
PLAIN = {"work_kind": "employed"}
COUNTS = {"type": "object", "properties": {"number": {"type": "integer"}, "yes": {"type": "boolean"}}}


@pytest.fixture(scope="module")
def item(catalog: Catalog) -> Item:
    return proving_item(catalog)


def told(item: Item, facts: Sequence[Event], own: Mapping[str, Any] = PLAIN) -> Answered:
    return answered(item, own, proofs(facts), MORNING.date())


def ask(item: Item, facts: Sequence[Event], own: Mapping[str, Any] = PLAIN) -> list[Event]:
    """The requests that are due."""
    due = asking.due(item, told(item, facts, own), proofs(facts), facts, resources(), MORNING)
    return [
        asking.request(
            CASE,
            item,
            one,
            plain=None,
            sealed=KEYS.seal(asking.request_id(CASE, one), "evidence.lookup/holder", "990101188001010015"),
            calendars=CALENDARS,
            now=MORNING,
            cause=None,
            traceparent=None,
        )
        for one in due
    ]


def fire(item: Item, facts: Sequence[Event], own: Mapping[str, Any] = PLAIN) -> list[Event]:
    found = asking.fires(item, told(item, facts, own), proofs(facts), MORNING)
    return [asking.substitute(CASE, one, now=MORNING, cause=None, traceparent=None) for one in found]


def by_material(events: Sequence[Event]) -> dict[str, Event]:
    return {event.data.material: event for event in events}  # type: ignore[attr-defined]


def test_everything_that_can_be_fetched_is_asked_for_at_once_and_the_undecided_waits(item: Item) -> None:
    asked = by_material(ask(item, []))
    assert set(asked) == {"residence-permit", "home-proof", "work-proof", "household-register"}
    request = asked["work-proof"]
    assert isinstance(request.data, EvidenceRequested)
    assert request.data.provider == request.data.asked_by == "human-resources"
    assert request.data.fields == ["employer", "months"]
    assert "第12条" in request.data.basis
    assert request.data.expires == MORNING.replace(day=3, hour=16)  # 24:00 in China of the next working day
    assert asking.request_id(CASE, asking.due(item, told(item, []), {}, [], resources(), MORNING)[0]) in {
        one.id for one in asked.values()
    }
    assert ask(item, list(asked.values())) == []


def test_an_answer_that_is_missing_keeps_only_what_depends_on_it(item: Item) -> None:
    assert set(by_material(ask(item, [], {}))) == {"residence-permit", "home-proof", "household-register"}


def test_the_fourth_proof_is_spared_by_what_was_fetched_and_rests_on_it(item: Item) -> None:
    asked = by_material(ask(item, []))
    gave = provided(asked["residence-permit"], KEYS)
    facts = [*asked.values(), gave]
    fired = fire(item, facts)
    assert isinstance(fired[0].data, EvidenceSubstituted)
    assert [one.data.material for one in fired] == ["no-guardian-proof"]  # type: ignore[attr-defined]
    assert fired[0].data.rests_on == [gave.id]
    assert fired[0].data.rule == 0
    facts += [*fired, provided(asked["household-register"], KEYS)]
    assert ask(item, facts) == []
    assert fire(item, facts) == []


def test_the_fourth_proof_is_asked_of_the_other_province_when_no_rule_spares_it(item: Item) -> None:
    asked = by_material(ask(item, []))
    facts = [*asked.values(), provided(asked["residence-permit"], KEYS, both_permits_valid=False)]
    assert ask(item, facts) == []  # where the child is registered is not known yet
    facts.append(provided(asked["household-register"], KEYS))
    (request,) = ask(item, facts)
    assert isinstance(request.data, EvidenceRequested)
    assert (request.data.material, request.data.resource) == ("no-guardian-proof", "guardianship-98")


def test_what_people_say_of_themselves_puts_nothing_in_a_proofs_place(item: Item) -> None:
    own = PLAIN | {"both_parents_permit": True, "child_household_region": "110101"}
    asked = by_material(ask(item, [], own))
    assert "both_parents_permit" not in told(item, list(asked.values()), own).plain
    assert fire(item, list(asked.values()), own) == []
    facts = [*asked.values(), failed(asked["residence-permit"], final=True)]
    answers = told(item, facts, own)
    assert answers.plain["both_parents_permit"] is True
    assert {"both_parents_permit", "parent_name", "home_address"} <= answers.given_up
    assert fire(item, facts, own) == []


def test_a_source_that_is_tried_again_keeps_its_answers_waiting(item: Item) -> None:
    asked = by_material(ask(item, []))
    facts = [*asked.values(), failed(asked["household-register"], final=False)]
    answers = told(item, facts, PLAIN | {"child_household_region": "980101"})
    assert {"child_name", "child_birth_date", "child_household_region"} <= answers.awaited.keys()
    assert answers.given_up == frozenset()


def test_another_answer_asks_another_register_and_back_again_up_to_a_bound(item: Item) -> None:
    facts = ask(item, [])
    kinds = ["self_employed", "employed"] * 6
    for kind in kinds:
        facts += ask(item, facts, {"work_kind": kind})
    assert asking.attempts(facts, "work-proof") == asking.MAX_ATTEMPTS
    last = proofs(facts)["work-proof"]
    assert (last.resource, last.state) == ("social-insurance-99", "waiting")


def test_a_resource_that_is_not_published_is_not_asked(item: Item) -> None:
    assert asking.due(item, told(item, []), {}, [], {}, MORNING) == []


def test_a_request_that_nobody_answers_fails_an_hour_after_its_end(item: Item) -> None:
    facts = ask(item, [])
    known = proofs(facts)
    at = asking.next_expiry(known)
    assert at is not None
    assert asking.expired(CASE, known, at - timedelta(microseconds=1)) == []
    ended = asking.expired(CASE, known, at)
    assert len(ended) == 4
    for event in ended:
        assert isinstance(event.data, EvidenceFailed)
        assert (event.data.reason, event.data.final, event.time) == ("expired", True, at)
    after = proofs([*facts, *ended])
    assert asking.next_expiry(after) is None
    assert all(one.upload_allowed for one in after.values())


def test_only_the_source_that_was_asked_is_heard(item: Item) -> None:
    asked = by_material(ask(item, []))
    request = asked["home-proof"]
    good = provided(request, KEYS)
    other = provided(request, KEYS, source="/certificates/education")
    facts = list(asked.values())
    assert forged(facts, [good]) == []
    (found,) = forged(facts, [other])
    assert (found.rule, found.department, found.request) == ("forged-source", "housing", request.id)
    (lost,) = forged([], [good])
    assert lost.rule == "request-unknown"
    assert proofs([*facts, other])["home-proof"].state == "waiting"


@pytest.mark.parametrize(
    "source", ["/certificates/housing", "/certificates/education", "/intake", "/approvals/housing"]
)
def test_what_is_forged_is_what_does_not_count(item: Item, source: str) -> None:
    asked = by_material(ask(item, []))
    facts, request = list(asked.values()), asked["home-proof"]
    for answer in (
        provided(request, KEYS),
        not_recorded(request),
        failed(request, final=True),
        failed(request, final=False),
        refused(request, KEYS),
    ):
        said = replace(answer, source=source)
        counts = proofs([*facts, said]) != proofs(facts)
        assert counts == (not forged(facts, [said]))
        assert counts == (
            source == "/certificates/housing" or (source, answer.type) == ("/intake", EvidenceFailed.TYPE)
        )
    elsewhere = not_recorded(request)
    other = replace(elsewhere, data=elsewhere.data.model_copy(update={"material": "work-proof"}))
    assert proofs([*facts, other]) == proofs(facts)
    assert [one.rule for one in forged(facts, [other])] == ["forged-source"]


def test_a_correction_counts_for_what_is_still_to_be_decided(item: Item) -> None:
    asked = by_material(ask(item, []))
    gave = provided(asked["home-proof"], KEYS)
    facts = [*asked.values(), gave, corrected(asked["home-proof"], gave, kind="owned")]
    assert told(item, facts).plain["home_kind"] == "owned"


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_order_and_number_of_answers_make_no_difference(item: Item, data: st.DataObject) -> None:
    asked = by_material(ask(item, []))
    outcomes: dict[str, Callable[[Event], Event]] = {
        "provided": lambda one: provided(one, KEYS),
        "not-recorded": not_recorded,
        "failed": lambda one: failed(one, final=True),
        "retrying": lambda one: failed(one, final=False),
    }
    heard = [outcomes[data.draw(st.sampled_from(sorted(outcomes)))](one) for one in asked.values()]
    order = data.draw(st.permutations([*asked.values(), *heard, *heard]))
    straight, shuffled = [*asked.values(), *heard], list(order)
    assert told(item, straight) == told(item, shuffled)
    assert [e.id for e in ask(item, straight)] == [e.id for e in ask(item, shuffled)]
    assert [e.id for e in fire(item, straight)] == [e.id for e in fire(item, shuffled)]
    known = told(item, straight)
    assert not known.awaited.keys() & known.fetched.keys()
    assert not known.given_up & known.fetched.keys()


def test_everything_asked_of_people_beside_the_fetched_makes_a_whole_form(item: Item) -> None:
    asked = by_material(ask(item, []))
    facts = [*asked.values(), *(provided(one, KEYS) for one in asked.values())]
    answers = told(item, facts)
    assert item.form.required - answers.fetched.keys() == set(OWN) - {"contact_email"}
    assert answers.fetched["child_name"].sealed is not None
    assert answers.plain["employer_name"] == GIVEN["social-insurance-99"]["employer"]


@pytest.mark.parametrize(
    ("material", "values", "answer", "taken"),
    [
        ("residence-permit", {"both_permits_valid": "也许"}, "both_parents_permit", False),
        ("home-proof", {"kind": "共有"}, "home_kind", False),
        ("work-proof", {"employer": 7}, "employer_name", False),
        ("work-proof", {"employer": "s1.x"}, "employer_name", False),
        ("work-proof", {"employer": "店"}, "employer_name", True),
        ("work-proof", {"employer": "长" * 300}, "employer_name", True),
        ("household-register", {"region": "980101001001"}, "child_household_region", True),
    ],
)
def test_what_a_register_gave_is_taken_unless_the_flow_cannot_work_with_it(
    item: Item, material: str, values: Mapping[str, Any], answer: str, taken: bool
) -> None:
    request = by_material(ask(item, []))[material]
    found = told(item, [request, provided(request, KEYS, **values)])
    assert (answer in found.fetched, answer in found.given_up) == (taken, not taken)


def test_sealed_values_of_another_type_than_the_forms_are_text(item: Item) -> None:
    counted = Item.from_definition({**item.definition, "form": COUNTS})
    assert [typed(counted, "number", one) for one in ("3", "三")] == [3, "三"]
    assert [typed(counted, "yes", one) for one in ("true", "false", "是")] == [True, False, "是"]
    assert not usable(counted, "number", "三")
    assert not usable(counted, "yes", "是")
