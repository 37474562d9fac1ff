"""What intake decides, in any order of facts."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID

import pytest
from tongban_catalog.load import Catalog
from tongban_intake import domain
from tongban_intake.domain import filing
from tongban_intake.domain.history import History
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events.applications import (
    ApplicationCorrected,
    ApplicationNotAccepted,
    ApplicationSubmitted,
    ApplicationWithdrawn,
)
from tongban_schemas.events.approvals import ApprovalAnnulled, ApprovalGranted, ApprovalOpened, ApprovalRefused
from tongban_schemas.events.certificates import CertificateIssued, CertificateRevoked
from tongban_schemas.types import ItemRef

CASE = "01a20eab-ff28-71a4-88e1-7650bd84403f"
ITEM = ItemRef(code="0" * 31, version=1)
SUBMITTED = ApplicationSubmitted(
    item=ITEM, applicant=UUID(int=1), region="990000", answers={"a": 1, "b": 1}, sealed={"c": "s1.Yw"}
)
STEP, BODY = "XF", "market-regulation"
GRANTED = ApprovalGranted(step=STEP, department=BODY, decided_by="rule")
REFUSED = ApprovalRefused(step=STEP, department=BODY, decided_by="rule", reason_code="no", reason="s1.Yw")
ISSUED = CertificateIssued(
    item=ITEM, kind="0" * 21, number="n", issuer=BODY, pdf_sha256="0" * 64, verification="http://127.0.0.1"
)


def fact(data: EventData, minute: int, source: str = "/intake") -> Event:
    return Event(
        id=event_id(data.TYPE, CASE, str(minute)),
        source=source,
        subject=CASE,
        time=datetime(2026, 1, 5, 8, minute, tzinfo=UTC),
        correlationid=UUID(CASE),
        sequence=1,
        data=data,
    )


def decided(data: EventData, minute: int) -> Event:
    return fact(data, minute, f"/approvals/{BODY}")


def annulled(decision: Event, reopen: bool, minute: int) -> Event:
    data = ApprovalAnnulled(
        step=STEP,
        department=BODY,
        decision=decision.id,
        reopen=reopen,
        reason_code="error",
        reason="s1.Yw",
        officer=UUID(int=2),
    )
    return decided(data, minute)


def test_corrections_lie_over_the_submission_in_the_order_of_intakes_count() -> None:
    facts = [
        fact(SUBMITTED, 0),
        fact(ApplicationCorrected(request=UUID(int=1), answers={"a": 2}, sealed={"c": "s1.ZA"}), 1),
        fact(ApplicationCorrected(request=UUID(int=2), answers={"a": 3}), 2),
    ]
    facts = [
        Event(**{name: getattr(one, name) for name in one.__slots__} | {"sequence": n})
        for n, one in enumerate(facts, 1)
    ]
    for order in permutations(facts):
        assert domain.current_answers(order) == domain.Answers({"a": 3, "b": 1}, {"c": "s1.ZA"})


GRANT, REFUSAL = decided(GRANTED, 1), decided(REFUSED, 1)
NOT_ACCEPTED = ApplicationNotAccepted(department=BODY, reason_code="no-permit-needed", reason="s1.Yw")


@pytest.mark.parametrize(
    ("facts", "ending"),
    [
        ([], None),
        ([fact(ApplicationWithdrawn(), 2)], "withdrawn"),
        ([fact(NOT_ACCEPTED, 2)], "not-accepted"),
        ([GRANT], "granted"),
        ([GRANT, decided(ApprovalOpened(step=STEP, department=BODY, round=2), 3)], None),
        ([REFUSAL], "refused"),
        ([REFUSAL, fact(ISSUED, 5)], "issued"),
        ([REFUSAL, annulled(REFUSAL, True, 3)], None),
        ([REFUSAL, annulled(REFUSAL, False, 3)], None),
        ([GRANT, annulled(GRANT, True, 3)], None),
        ([GRANT, annulled(GRANT, False, 3)], "annulled"),
        (
            [
                REFUSAL,
                annulled(REFUSAL, True, 3),
                decided(ApprovalOpened(step=STEP, department=BODY, round=2), 4),
                decided(GRANTED.model_copy(update={"round": 2}), 5),
            ],
            "granted",
        ),
        ([fact(ISSUED, 4)], "issued"),
        (
            [
                fact(ISSUED, 4),
                fact(CertificateRevoked(number="n", issuer=BODY, cause="replaced", because=UUID(CASE)), 6),
            ],
            "issued",
        ),
        (
            [
                fact(ISSUED, 4),
                fact(CertificateRevoked(number="n", issuer=BODY, cause="annulled", because=UUID(CASE)), 6),
            ],
            None,
        ),
    ],
)
def test_how_a_case_ends_does_not_depend_on_the_order_of_facts(
    catalog: Catalog, facts: list[Event], ending: str | None
) -> None:
    item = catalog.items["credit-repair"]
    for order in permutations([fact(SUBMITTED, 0), *facts]):
        assert History.of(CASE, order, item).ending() == ending


def test_that_a_step_opened_first_tells_intake_nothing() -> None:
    first = ApprovalOpened(step=STEP, department=BODY)
    assert not domain.tells_something(decided(first, 1))
    assert domain.tells_something(decided(first.model_copy(update={"round": 2}), 1))


def test_a_digest_knows_content_and_not_order() -> None:
    secret = b"k" * 32
    first = domain.request_digest(secret, {"a": 1, "b": {"c": [1, 2], "d": "文"}})
    assert first == domain.request_digest(secret, {"b": {"d": "文", "c": [1, 2]}, "a": 1})
    assert first != domain.request_digest(secret, {"b": {"d": "文", "c": [2, 1]}, "a": 1})
    assert first != domain.request_digest(b"l" * 32, {"a": 1, "b": {"c": [1, 2], "d": "文"}})
    assert len(first) == 32


def test_ids_of_effects_come_from_their_cause_alone() -> None:
    now = datetime(2026, 1, 5, tzinfo=UTC)
    first = filing.withdrawal(UUID(CASE), now, None)
    second = filing.withdrawal(UUID(CASE), now + timedelta(days=1), None)
    assert first.id == second.id
