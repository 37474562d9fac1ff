from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tongban_catalog.item import Item
from tongban_catalog.load import load_catalog
from tongban_certificates.domain import DueCertificate, gather, judge
from tongban_schemas.envelope import Event, EventData
from tongban_schemas.events.applications import (
    ApplicationCorrected,
    ApplicationNotAccepted,
    ApplicationSubmitted,
    ApplicationWithdrawn,
)
from tongban_schemas.events.approvals import ApprovalAnnulled, ApprovalGranted, ApprovalOpened, ApprovalRefused

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
    return fact(data, minute, source=f"/approvals/{data.department}")


def complete(**answers: object) -> list[Event]:
    """A case in which every step that applies is granted, one a minute."""
    first = submitted(**answers)
    facts = gather([first])
    assert facts is not None
    steps = ITEM.flow(facts.answers).steps
    return [first, *(granted(step.id, minute) for minute, step in enumerate(steps, start=1))]


def due(events: Sequence[Event]) -> DueCertificate | None:
    facts = gather(events)
    return None if facts is None else judge(facts, ITEM).due


def test_certificate_is_due_when_every_step_is_granted() -> None:
    events = complete()
    facts = gather(events)
    assert facts is not None
    certificate = judge(facts, ITEM).due
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


def annulled(decision: Event, minute: int, *, reopen: bool = True) -> Event:
    told = decision.data
    assert isinstance(told, ApprovalGranted)
    data = ApprovalAnnulled(
        step=told.step,
        department=told.department,
        decision=decision.id,
        reopen=reopen,
        reason_code="mistake",
        reason="s1.AAAA",
        officer=CASE,
    )
    return fact(data, minute, source=decision.source)


def again(step: str, minute: int, because: Event | None, *, rests_on: list[UUID] | None = None) -> list[Event]:
    """A step opened and granted in its second round."""
    department = ITEM.step(step).department
    opened = ApprovalOpened(step=step, department=department, round=2, because=None if because is None else because.id)
    grant = ApprovalGranted(step=step, department=department, decided_by="officer", round=2, rests_on=rests_on)
    source = f"/approvals/{department}"
    return [fact(opened, minute, source=source), fact(grant, minute + 1, source=source)]


def undone_by(events: Sequence[Event], certificate: DueCertificate) -> UUID | None:
    facts = gather(events)
    assert facts is not None
    return judge(facts, ITEM).undone_by([grant.event for grant in certificate.grants])


@pytest.mark.parametrize("index", [1, -1], ids=["first-step", "last-step"])
def test_annulled_decision_takes_the_certificate_back_and_a_new_one_earns_it_again(index: int) -> None:
    events = complete()
    first = due(events)
    assert first is not None
    assert undone_by(events, first) is None
    annulment = annulled(events[index], 200)
    assert due([*events, annulment]) is None
    assert undone_by([*events, annulment], first) == annulment.id
    step = annulment.data.step if isinstance(annulment.data, ApprovalAnnulled) else ""
    anew = [*events, annulment, *again(step, 210, annulment)]
    second = due(anew)
    assert second is not None
    assert second.decided_at == anew[-1].time
    assert {grant.event for grant in second.grants} - {grant.event for grant in first.grants} == {anew[-1].id}
    assert undone_by(anew, first) == annulment.id
    assert undone_by(anew, second) is None


def test_reopening_that_is_heard_before_its_reason_takes_the_certificate_back_for_that_reason() -> None:
    events = complete()
    first = due(events)
    assert first is not None
    annulment = annulled(events[1], 200)
    step = annulment.data.step if isinstance(annulment.data, ApprovalAnnulled) else ""
    opened = again(step, 210, annulment)[0]
    assert due([*events, opened]) is None
    assert undone_by([*events, opened], first) == annulment.id
    assert undone_by([*events, opened, annulment], first) == annulment.id


def test_certificate_waits_for_everything_that_its_decisions_rest_on() -> None:
    correction = fact(ApplicationCorrected(request=CASE, answers={"unrelated": "甲"}), 5, sequence=2)
    events = complete()
    step = events[-1].data.step if isinstance(events[-1].data, ApprovalGranted) else ""
    told = [*events, *again(step, 210, None, rests_on=[correction.id])]
    assert due(told) is None
    assert due([*told, correction]) is not None


def test_correction_that_a_decision_overlooked_takes_the_certificate_back() -> None:
    events = complete()
    first = due(events)
    step = next(step for step in ITEM.flow(ANSWERS).steps if step.inputs)
    correction = fact(ApplicationCorrected(request=CASE, answers={min(step.inputs): "甲"}), 150, sequence=2)
    assert first is not None
    assert due([*events, correction]) is None
    assert undone_by([*events, correction], first) == correction.id


def test_application_that_was_not_accepted_has_no_certificate() -> None:
    data = ApplicationNotAccepted(
        department="administrative-approval", reason_code="no-permit-needed", reason="s1.AAAA"
    )
    assert due([*complete(), fact(data, 1, sequence=2)]) is None


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
    annulled(complete()[1], 60),
    *again(ITEM.steps[0].id, 61, annulled(complete()[1], 60)),
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
