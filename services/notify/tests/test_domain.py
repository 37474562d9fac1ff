"""What is owed is a function of the set of facts; pauses grow and end."""

import random
from datetime import timedelta
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tongban_catalog.item import Item
from tongban_catalog.speakers import judge
from tongban_notify.domain import RetryPolicy, channels, owed, recipient
from tongban_notify.news import FACTS, Kind
from tongban_runtime.testing.keys import case_keys
from tongban_schemas.envelope import Event, EventData
from tongban_schemas.events.applications import ApplicationCorrected, ApplicationSubmitted
from tongban_schemas.events.approvals import ApprovalOpened
from tongban_schemas.events.evidence import EvidenceFailed, EvidenceRequested

from .eventful import every_news
from .history import DEFINITION, ITEM, PERSON, Seal, fact, submitted, whole_case

CASE = "019c0b5e-7a10-7c3e-9d52-3f6b1c8e2a47"
HISTORY = every_news(CASE)


def test_the_history_holds_every_type_of_fact() -> None:
    assert {type(event.data) for event in HISTORY} == set(FACTS)


def test_each_kind_is_owed_on_its_channels() -> None:
    found = {(one.kind, one.channel) for one in owed(HISTORY)}
    kinds = get_args(Kind)
    assert found == {(kind, channel) for kind in kinds for channel in channels(kind)}
    unmailed = {kind for kind in kinds if channels(kind) == ("inbox",)}
    assert unmailed == {"granted", "granted-deemed", "clock-resumed", "opinion-lapsed", "overdue", "reopened"}


def test_news_is_told_in_the_order_of_its_time() -> None:
    assert [(one.kind, one.channel) for one in owed(whole_case(CASE))] == [
        ("submitted", "inbox"),
        ("submitted", "email"),
        ("accepted", "inbox"),
        ("accepted", "email"),
        ("correction", "inbox"),
        ("correction", "email"),
        ("granted", "inbox"),
        ("refused", "inbox"),
        ("refused", "email"),
        ("granted", "inbox"),
        ("issued", "inbox"),
        ("issued", "email"),
    ]


def test_first_rounds_and_corrections_are_no_news() -> None:
    quiet = [
        fact(CASE, "/approvals/housing", 50, ApprovalOpened(step="FIRE1", department="housing"), 90),
        fact(CASE, "/intake", 51, ApplicationCorrected(request=UUID(int=1)), 91),
    ]
    assert owed([*HISTORY, *quiet]) == owed(HISTORY)


def answered(**changes: Any) -> EvidenceFailed:
    request = next(event.id for event in HISTORY if isinstance(event.data, EvidenceRequested))
    whole = {"request": request, "resource": "site-plans", "material": "site-plan", "department": "housing"}
    return EvidenceFailed(**whole | {"reason": "expired", "final": True} | changes)


def of_proofs(*more: Event) -> list[UUID]:
    heard = judge(CASE, [*whole_case(CASE), *more], Item.from_definition(DEFINITION), None)
    return [one.cause for one in owed(heard.counted) if one.kind == "evidence-failed"]


def test_what_a_source_says_is_told_when_it_was_asked() -> None:
    request = next(event for event in HISTORY if isinstance(event.data, EvidenceRequested))
    answer = fact(CASE, "/certificates/housing", 60, answered(), 95)
    by_time = fact(CASE, "/intake", 60, answered(), 96)
    assert of_proofs(answer) == []
    assert of_proofs(request, answer, by_time) == [answer.id, answer.id, by_time.id, by_time.id]


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        ("/certificates/natural-resources", {}),
        ("/certificates/natural-resources", {"department": "natural-resources"}),
        ("/approvals/housing", {}),
        ("/certificates/housing", {"material": "home-proof"}),
        ("/certificates/housing", {"resource": "home-right-99"}),
        ("/certificates/housing", {"request": UUID(int=3)}),
        ("/certificates/housing", {"final": False}),
    ],
)
def test_what_others_say_of_a_proof_is_not_told(source: str, changes: dict[str, Any]) -> None:
    request = next(event for event in HISTORY if isinstance(event.data, EvidenceRequested))
    assert of_proofs(request, fact(CASE, source, 60, answered(**changes), 95)) == []


def test_what_became_of_a_drafts_proofs_is_not_told_again() -> None:
    request = next(event for event in HISTORY if isinstance(event.data, EvidenceRequested))
    assert of_proofs(request, fact(CASE, "/certificates/housing", 60, answered(), -5)) == []


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(HISTORY), max_size=24), st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(facts: list[Event], rng: random.Random) -> None:
    again = [*facts, *rng.choices(facts, k=len(facts))] if facts else []
    rng.shuffle(again)
    assert owed(again) == owed(facts)
    assert recipient(again) == recipient(facts)


@settings(max_examples=200, deadline=None)
@given(st.permutations(HISTORY), st.integers(0, len(HISTORY)))
def test_more_facts_never_owe_less(facts: list[Event], known: int) -> None:
    assert set(owed(facts[:known])) <= set(owed(facts))


def test_nothing_is_owed_before_the_person_is_known() -> None:
    assert owed(HISTORY[1:]) == ()
    assert recipient(HISTORY[1:]) is None


def test_ids_differ_between_cases_causes_and_channels() -> None:
    other = whole_case("019c0b5e-7a10-7c3e-9d52-3f6b1c8e2a48")
    ids = [one.id for history in (HISTORY, other) for one in owed(history)]
    assert len(set(ids)) == len(ids)


def test_the_newest_address_counts() -> None:
    def answer(seal: Seal) -> EventData:
        return ApplicationCorrected(
            request=UUID(int=1), sealed={"contact_email": seal("contact_email", "new@example.com")}
        )

    facts = [fact(CASE, "/intake", 9, answer, 90), *HISTORY]
    known = recipient(facts)
    assert known is not None
    assert case_keys(CASE).open("contact_email", known.sealed_email or "") == "new@example.com"


def test_without_an_address_the_person_is_known_still() -> None:
    known = recipient([submitted(CASE, address=None, language="en")])
    assert known is not None
    assert (known.person, known.language, known.item, known.sealed_email) == (PERSON, "en", ITEM, None)


@given(st.integers(0, 200), st.floats(0, 1, exclude_max=True))
def test_pauses_grow_to_a_limit_and_spread(attempts: int, draw: float) -> None:
    policy = RetryPolicy(timedelta(seconds=5), timedelta(minutes=30), timedelta(hours=24))
    whole = min(timedelta(seconds=5 * 2 ** min(attempts, 30)), timedelta(minutes=30))
    assert whole / 2 <= policy.pause(attempts, draw) <= whole
    assert policy.pause(attempts + 1, draw) >= policy.pause(attempts, draw)


def test_a_message_is_over_at_its_age() -> None:
    policy = RetryPolicy(timedelta(seconds=5), timedelta(minutes=30), timedelta(hours=24))
    born = HISTORY[0].time
    assert not policy.is_over(born, born + timedelta(hours=24) - timedelta(microseconds=1))
    assert policy.is_over(born, born + timedelta(hours=24))


def test_two_submissions_keep_the_first_person() -> None:
    second = fact(
        CASE, "/intake", 7, ApplicationSubmitted(item=ITEM, applicant=UUID(int=9), region="990102", language="en"), 5
    )
    known = recipient([second, *HISTORY])
    assert known is not None
    assert known.person == PERSON
