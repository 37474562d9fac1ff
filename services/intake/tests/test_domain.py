"""What intake decides, in any order of facts."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID

from tongban_intake import domain
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events.applications import (
    ApplicationAccepted,
    ApplicationCorrected,
    ApplicationSubmitted,
    ApplicationWithdrawn,
)
from tongban_schemas.types import ItemRef

CASE = "01a20eab-ff28-71a4-88e1-7650bd84403f"
ITEM = ItemRef(code="0" * 31, version=1)
SUBMITTED = ApplicationSubmitted(
    item=ITEM, applicant=UUID(int=1), region="990000", answers={"a": 1, "b": 1}, sealed={"c": "s1.Yw"}
)


def fact(data: EventData, minute: int) -> Event:
    return Event(
        id=event_id(data.TYPE, CASE, str(minute)),
        source="/intake",
        subject=CASE,
        time=datetime(2026, 1, 5, 8, minute, tzinfo=UTC),
        correlationid=UUID(CASE),
        sequence=1,
        data=data,
    )


def test_acceptance_needs_a_submission_that_stands() -> None:
    submitted, withdrawn = fact(SUBMITTED, 0), fact(ApplicationWithdrawn(), 1)
    accepted = fact(ApplicationAccepted(item=ITEM), 2)
    assert domain.acceptance([]) is None
    assert domain.acceptance([submitted]) == ApplicationAccepted(item=ITEM)
    assert domain.acceptance([withdrawn]) is None
    for order in permutations([submitted, withdrawn]):
        assert domain.acceptance(order) is None
    for order in permutations([submitted, accepted]):
        assert domain.acceptance(order) is None


def test_corrections_lie_over_the_submission_in_the_order_of_their_times() -> None:
    facts = [
        fact(SUBMITTED, 0),
        fact(ApplicationCorrected(request=UUID(int=1), answers={"a": 2}, sealed={"c": "s1.ZA"}), 1),
        fact(ApplicationCorrected(request=UUID(int=2), answers={"a": 3}), 2),
    ]
    for order in permutations(facts):
        assert domain.current_answers(order) == domain.Answers({"a": 3, "b": 1}, {"c": "s1.ZA"})


def test_a_digest_knows_content_and_not_order() -> None:
    secret = b"k" * 32
    first = domain.request_digest(secret, {"a": 1, "b": {"c": [1, 2], "d": "文"}})
    assert first == domain.request_digest(secret, {"b": {"d": "文", "c": [1, 2]}, "a": 1})
    assert first != domain.request_digest(secret, {"b": {"d": "文", "c": [2, 1]}, "a": 1})
    assert first != domain.request_digest(b"l" * 32, {"a": 1, "b": {"c": [1, 2], "d": "文"}})
    assert len(first) == 32


def test_ids_of_effects_come_from_their_cause_alone() -> None:
    now = datetime(2026, 1, 5, tzinfo=UTC)
    first = domain.withdrawal(UUID(CASE), now, None)
    second = domain.withdrawal(UUID(CASE), now + timedelta(days=1), None)
    assert first.id == second.id
