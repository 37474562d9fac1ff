from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from hypothesis import given, settings
from hypothesis import strategies as st
from tongban_catalog.item import Item
from tongban_catalog.load import load_catalog
from tongban_certificates.domain import decide, gather
from tongban_schemas.envelope import Event, EventData
from tongban_schemas.events.applications import ApplicationCorrected, ApplicationSubmitted, ApplicationWithdrawn
from tongban_schemas.events.approvals import ApprovalGranted, ApprovalRefused

CASE = UUID("018f0000-0000-7000-8000-000000000001")
START = datetime(2026, 11, 24, 8, tzinfo=UTC)
ITEM: Item = load_catalog().item("enterprise-investment-project")
ANSWERS = {"project_list": "filing", "land_supply": "transfer", "company_name": "示例制造有限公司"}


def fact(data: EventData, minute: int, sequence: int = 1, source: str = "/intake") -> Event:
    return Event(
        id=uuid5(CASE, f"{data.TYPE}|{data.model_dump_json()}|{minute}"),
        source=source,
        subject=str(CASE),
        time=START + timedelta(minutes=minute),
        sequence=sequence,
        correlationid=CASE,
        data=data,
    )


def submitted(**answers: object) -> Event:
    return fact(
        ApplicationSubmitted(item=ITEM.ref, applicant=CASE, region="990000", answers={**ANSWERS, **answers}), minute=0
    )


def granted(step: str, minute: int) -> Event:
    department = ITEM.step(step).department
    data = ApprovalGranted(step=step, department=department, decided_by="rule")
    return fact(data, minute, source=f"/approvals/{department}")


def refused(step: str, minute: int) -> Event:
    data = ApprovalRefused(
        step=step, department=ITEM.step(step).department, decided_by="rule", reason_code="not-met", reason="s1.AAAA"
    )
    return fact(data, minute)


def complete(**answers: object) -> list[Event]:
    """A case in which every step that applies is granted, one a minute."""
    first = submitted(**answers)
    facts = gather([first])
    assert facts is not None
    steps = ITEM.flow(facts.answers).steps
    return [first, *(granted(step.id, minute) for minute, step in enumerate(steps, start=1))]


def due(events: Sequence[Event]) -> object:
    facts = gather(events)
    return None if facts is None else decide(facts, ITEM)


def test_certificate_is_due_when_every_step_is_granted() -> None:
    events = complete()
    facts = gather(events)
    assert facts is not None
    certificate = decide(facts, ITEM)
    assert certificate is not None
    assert (certificate.kind, certificate.issuer) == (ITEM.certificate.kind, "administrative-approval")
    assert certificate.decided_at == events[-1].time
    assert [grant.step for grant in certificate.grants] == [step.id for step in ITEM.flow(facts.answers).steps]


def test_one_missing_decision_is_enough_to_wait() -> None:
    events = complete()
    for index in range(len(events)):
        assert due([*events[:index], *events[index + 1 :]]) is None


def test_refused_case_has_no_certificate() -> None:
    events = complete()
    last = events[-1].data
    assert isinstance(last, ApprovalGranted)
    assert due([*events, refused(last.step, 100)]) is None


def test_withdrawal_counts_until_the_last_decision() -> None:
    events = complete()
    assert due([*events, fact(ApplicationWithdrawn(), 2, sequence=2)]) is None
    assert due([*events, fact(ApplicationWithdrawn(), 500, sequence=2)]) is not None


def test_correction_can_switch_a_branch_on() -> None:
    names = sorted({name for step in ITEM.steps if step.when for name in step.when.fields})
    switch = next(name for name in names if len(complete(**{name: True})) > len(complete(**{name: False})))
    events = complete(**{switch: False})
    assert due(events) is not None
    corrected = fact(ApplicationCorrected(request=CASE, answers={switch: True}), 1, sequence=2)
    assert due([*events, corrected]) is None


def test_corrections_apply_in_the_order_that_intake_made_them() -> None:
    first = fact(ApplicationCorrected(request=CASE, answers={"company_name": "甲"}), 5, sequence=2)
    second = replace(
        fact(ApplicationCorrected(request=CASE, answers={"company_name": "乙"}), 6, sequence=3), time=START
    )
    facts = gather([second, first, submitted()])
    assert facts is not None
    assert facts.answers["company_name"] == "乙"


EVERY_FACT = [
    *complete(),
    refused(ITEM.steps[0].id, 90),
    fact(ApplicationWithdrawn(), 95, sequence=4),
    fact(ApplicationCorrected(request=CASE, answers={"land_supply": "allocation"}), 3, sequence=2),
    fact(ApplicationCorrected(request=CASE, answers={"land_supply": "transfer"}), 3, sequence=3),
]


@settings(max_examples=400, deadline=None)
@given(st.sets(st.integers(0, len(EVERY_FACT) - 1)), st.data())
def test_order_and_repetition_of_facts_change_nothing(chosen: set[int], data: st.DataObject) -> None:
    events = [EVERY_FACT[index] for index in sorted(chosen)]
    repeated = data.draw(st.lists(st.sampled_from(events), max_size=8)) if events else []
    shuffled = data.draw(st.permutations([*events, *repeated]))
    assert gather(shuffled) == gather(events)
    assert due(shuffled) == due(events)
