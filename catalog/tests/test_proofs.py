"""Where proofs stand: whatever the order, the number and the batches of the facts, and whoever forges some of them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tongban_catalog.proofs import Proof, proofs
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events.evidence import (
    EvidenceChecked,
    EvidenceCorrected,
    EvidenceDisputeAnswered,
    EvidenceDisputed,
    EvidenceFailed,
    EvidenceNotRecorded,
    EvidenceObjected,
    EvidenceOverdue,
    EvidenceProvided,
    EvidenceRefused,
    EvidenceRequested,
    EvidenceSubstituted,
    EvidenceUploaded,
)
from tongban_schemas.types import ItemRef

CASE = UUID(int=7)
BEGIN = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
ITEM = ItemRef(code="1199000000000019A3990100001000".rjust(31, "1"), version=1)
SEALED, OTHER_SEALED = "s1.AAAA", "s1.BBBB"
OFFICER = UUID(int=9)
SOURCE = "/certificates/housing"
MATERIALS = ("home-proof", "work-proof")


def fact(data: EventData, source: str, *names: str, minute: int = 0) -> Event:
    identity = event_id(data.TYPE, str(CASE), *names)
    return Event(identity, source, str(CASE), BEGIN + timedelta(minutes=minute), CASE, data)


def said(event: Event) -> Any:
    return event.data


def request(material: str = "home-proof", attempt: int = 1, minute: int = 0) -> Event:
    data = EvidenceRequested(
        material=material,
        resource="home-right-99",
        provider="housing",
        item=ITEM,
        asked_by="education",
        basis="第七条",
        fields=["kind", "address"],
        attempt=attempt,
        expires=BEGIN + timedelta(days=1),
    )
    return fact(data, "/intake", material, str(attempt), minute=minute)


def answer(of: Event, model: type[EventData], *names: str, minute: int = 1, source: str = SOURCE, **more: Any) -> Event:
    common = {"request": of.id, "resource": "home-right-99", "material": said(of).material, "department": "housing"}
    return fact(model.model_validate(common | more), source, str(of.id), *names, minute=minute)


def provided(of: Event, stage: str = "answer", **more: Any) -> Event:
    content: dict[str, Any] = {
        "values": {"kind": "leased"},
        "sealed": {"address": SEALED},
        "recorded_at": BEGIN,
        "stage": stage,
    }
    return answer(of, EvidenceProvided, stage, **(content | more))


def refused(of: Event, stage: str = "answer", minute: int = 1) -> Event:
    more = {"ground": "not-held", "basis": "第九条", "reason": SEALED, "stage": stage}
    return answer(of, EvidenceRefused, stage, minute=minute, **more)


def failed(of: Event, *, final: bool, minute: int = 1, source: str = SOURCE) -> Event:
    name = "final" if final else "retrying"
    return answer(of, EvidenceFailed, name, minute=minute, source=source, reason="source-unreachable", final=final)


def objected(refusal: Event, stage: str = "negotiation", minute: int = 2) -> Event:
    data = EvidenceObjected(
        request=said(refusal).request,
        refusal=refusal.id,
        material=said(refusal).material,
        department="education",
        stage="mediation" if stage == "mediation" else "negotiation",
        argument=SEALED,
        officer=OFFICER,
    )
    return fact(data, "/approvals/education", str(refusal.id), minute=minute)


def disputed(of: Event, ordinal: int = 1, minute: int = 3) -> Event:
    data = EvidenceDisputed(
        provided=of.id,
        resource="home-right-99",
        material=said(of).material,
        provider="housing",
        fields=["address"],
        text=SEALED,
    )
    return fact(data, "/intake", str(of.id), str(ordinal), minute=minute)


def uploaded(because: Event, grade: str = "C", minute: int = 4) -> Event:
    data = EvidenceUploaded.model_validate(
        {
            "material": said(because).material,
            "because": because.id,
            "sha256": "0" * 64,
            "media_type": "image/png",
            "size": 10,
            "grade": grade,
            "promise": grade == "D",
        }
    )
    return fact(data, "/intake", said(because).material, str(because.id), minute=minute)


def checked(
    of: Event, source: str = "/approvals/education", grade: str = "B", step: str | None = "AA", *, desk: bool = False
) -> Event:
    """``desk``: at the receiving desk, by intake and without a step."""
    data = EvidenceChecked.model_validate(
        {
            "uploaded": of.id,
            "material": said(of).material,
            "department": "education",
            "officer": OFFICER,
            "grade": grade,
            "step": None if desk else step,
        }
    )
    return fact(data, "/intake" if desk else source, str(of.id), "desk" if desk else "step", minute=5)


def corrected(of: Event, version: int, kind: str = "owned", minute: int = 6, *, withdrawn: bool = False) -> Event:
    request_of = replace(of, id=said(of).request)
    return answer(
        request_of,
        EvidenceCorrected,
        str(version),
        minute=minute,
        provided=of.id,
        cause="source",
        changed=["kind"],
        values={"kind": kind},
        recorded_at=BEGIN + timedelta(hours=version),
        withdrawn=withdrawn,
    )


def dispute_answered(dispute: Event, of: Event) -> Event:
    request_of = replace(of, id=said(of).request)
    more: dict[str, Any] = {"dispute": dispute.id, "outcome": "upheld", "text": SEALED}
    return answer(request_of, EvidenceDisputeAnswered, str(dispute.id), minute=8, **more)


def substituted(material: str, rests_on: Sequence[Event] = ()) -> Event:
    data = EvidenceSubstituted(material=material, rule=0, basis="第四十四条", rests_on=[one.id for one in rests_on])
    return fact(data, "/intake", material, "0", minute=9)


def stands(*facts: Event, material: str = "home-proof") -> Proof:
    return proofs(facts)[material]


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Facts of one case as they may come: true ones with clocks that disagree, and forged ones among them."""
    found: list[Event] = []
    for material in MATERIALS:
        first = request(material)
        answers: list[Event] = [failed(first, final=False), failed(first, final=True), refused(first), provided(first)]
        objection = objected(answers[2])
        again = request(material, attempt=2, minute=10)
        upload = uploaded(answers[1])
        dispute = disputed(answers[3])
        answers += [
            answer(first, EvidenceNotRecorded),
            answer(first, EvidenceOverdue, stage="answer", due=BEGIN),
            objection,
            refused(first, "negotiation", minute=4),
            upload,
            checked(upload),
            checked(upload, desk=True),
            dispute,
            dispute_answered(dispute, answers[3]),
            corrected(answers[3], 2),
            corrected(answers[3], 3, "employer", minute=5),
            corrected(answers[3], 4, minute=4, withdrawn=True),
            again,
            provided(again),
            substituted(material, [answers[3]]),
        ]
        kept = [first, *draw(st.lists(st.sampled_from(answers), max_size=8, unique_by=lambda one: one.id))]
        found += [replace(one, time=BEGIN + timedelta(minutes=draw(st.integers(0, 12)))) for one in kept]
    return found


def forgeries(facts: Sequence[Event]) -> list[Event]:
    """The same words out of mouths that have no say, under ids of their own."""
    found = []
    for number, one in enumerate(facts):
        strangers = ["/certificates/heritage", "/approvals/heritage", "/approvals", "/notify"]
        ends = isinstance(one.data, EvidenceFailed)
        if not ends and one.source != "/intake":
            strangers.append("/intake")
        for source in strangers:
            identity = event_id(one.type, str(CASE), "forged", source, str(number))
            found.append(replace(one, id=identity, source=source))
        if isinstance(one.data, EvidenceProvided | EvidenceNotRecorded | EvidenceRefused | EvidenceCorrected):
            identity = event_id(one.type, str(CASE), "forged", "heritage", str(number))
            data = one.data.model_copy(update={"department": "heritage"})
            found.append(replace(one, id=identity, source="/certificates/heritage", data=data))
    return found


@settings(max_examples=150, deadline=None)
@given(histories(), st.randoms(use_true_random=False), st.integers(1, 5))
def test_order_duplicates_and_batches_change_nothing(facts: list[Event], random: Any, parts: int) -> None:
    expected = proofs(facts)
    shuffled = [*facts, *random.choices(facts, k=5)]
    random.shuffle(shuffled)
    assert proofs(shuffled) == expected
    batches = [shuffled[start::parts] for start in range(parts)]
    assert proofs(one for batch in batches for one in batch) == expected


@settings(max_examples=100, deadline=None)
@given(histories())
def test_forged_sources_never_count(facts: list[Event]) -> None:
    assert proofs([*forgeries(facts), *facts]) == proofs(facts)
    assert proofs(forgeries(facts)) == {}


@settings(max_examples=150, deadline=None)
@given(histories())
def test_uploads_and_decisions_keep_the_rules(facts: list[Event]) -> None:
    failures = {
        str(one.id)
        for one in facts
        if isinstance(one.data, EvidenceNotRecorded | EvidenceRefused)
        or (isinstance(one.data, EvidenceFailed) and one.data.final)
    }
    ids = {str(one.id): one for one in facts}
    for proof in proofs(facts).values():
        if proof.upload_allowed:
            assert proof.because in failures
            assert not proof.pending
        if proof.state == "uploaded":
            upload = ids[proof.uploaded or ""]
            assert isinstance(upload.data, EvidenceUploaded)
            assert str(upload.data.because) in failures
            looked = {one.data.uploaded for one in facts if isinstance(one.data, EvidenceChecked)}
            assert proof.usable == (upload.id in looked)
        if proof.usable:
            assert proof.fact in ids
        if proof.withdrawn:
            assert not proof.usable
            taken_back = ids[proof.corrections[-1].event].data
            assert isinstance(taken_back, EvidenceCorrected)
            assert taken_back.withdrawn
        if proof.state == "provided":
            assert proof.values.keys() | proof.sealed.keys() <= {"kind", "address"}


@settings(max_examples=60, deadline=None)
@given(histories())
def test_an_upload_is_no_upload_before_its_failure_is_on_record(facts: list[Event]) -> None:
    without = [one for one in facts if not isinstance(one.data, EvidenceNotRecorded | EvidenceRefused | EvidenceFailed)]
    for proof in proofs(without).values():
        assert proof.state != "uploaded"
        assert not proof.upload_allowed


FIRST = request()
UPLOAD = uploaded(failed(FIRST, final=True))


def test_a_proof_waits_is_retried_and_comes() -> None:
    assert stands(FIRST).state == "waiting"
    down = stands(FIRST, failed(FIRST, final=False))
    assert (down.state, down.pending, down.upload_allowed) == ("retrying", True, False)
    came = stands(FIRST, failed(FIRST, final=False), provided(FIRST))
    assert (came.state, came.grade, came.usable, came.values) == ("provided", "A", True, {"kind": "leased"})


def test_grade_c_supports_nothing_until_a_clerk_has_compared_it() -> None:
    gone = failed(FIRST, final=True)
    assert stands(FIRST, gone).upload_allowed
    assert not stands(FIRST, gone, UPLOAD).usable
    assert stands(FIRST, gone, UPLOAD, checked(UPLOAD)).grade == "B"
    assert stands(FIRST, gone, UPLOAD, checked(UPLOAD)).usable
    assert stands(FIRST, gone, UPLOAD, checked(UPLOAD, desk=True)).usable
    for source in ("/approvals/heritage", "/approvals", "/intake", "/certificates/education"):
        assert not stands(FIRST, gone, UPLOAD, checked(UPLOAD, source)).usable
    assert stands(FIRST, gone, UPLOAD, checked(UPLOAD, grade="A")).grade == "B"
    assert stands(FIRST, gone, uploaded(gone, "D")).usable


def test_an_upload_for_a_passing_trouble_does_not_count() -> None:
    passing = failed(FIRST, final=False)
    assert stands(FIRST, passing, uploaded(passing)).state == "retrying"


def test_a_refusal_is_objected_to_and_ends() -> None:
    refusal = refused(FIRST, minute=9)
    objection = objected(refusal, minute=1)
    waiting = stands(FIRST, objection, refusal)
    assert (waiting.state, waiting.pending, waiting.upload_allowed) == ("objected", True, False)
    again = refused(FIRST, "negotiation", minute=0)
    second = objected(again, "mediation", minute=0)
    assert stands(FIRST, again, objection, refusal).refused_at_stage == "negotiation"
    assert stands(FIRST, second, again, objection, refusal).state == "objected"
    given = provided(FIRST, "mediation")
    assert stands(given, second, again, objection, refusal, FIRST).state == "provided"


@pytest.mark.parametrize("source", ["/intake", "/approvals", "/approvals/heritage", "/certificates/education"])
def test_only_the_department_itself_objects(source: str) -> None:
    refusal = refused(FIRST)
    assert stands(FIRST, refusal, replace(objected(refusal), source=source)).state == "refused"


def test_who_is_late_is_late_until_they_answer() -> None:
    late = answer(FIRST, EvidenceOverdue, "answer", stage="answer", due=BEGIN, minute=5)
    assert stands(FIRST, late).overdue
    assert not stands(FIRST, late, refused(FIRST, minute=1)).overdue
    assert not stands(FIRST, late, provided(FIRST)).overdue


def test_corrections_lie_over_what_was_given_in_the_order_of_the_register() -> None:
    given = provided(FIRST)
    newer, older = corrected(given, 3, "employer", minute=5), corrected(given, 2, "owned", minute=6)
    proof = stands(newer, older, given, FIRST)
    assert proof.values == {"kind": "employer"}
    assert proof.sealed == {"address": SEALED}
    assert [one.event for one in proof.corrections] == [str(older.id), str(newer.id)]


def test_a_record_that_was_taken_back_carries_nothing_until_it_is_there_again() -> None:
    given = provided(FIRST)
    gone = corrected(given, 3, minute=5, withdrawn=True)
    back = stands(FIRST, given, gone, corrected(given, 2, minute=6))
    assert (back.state, back.withdrawn, back.usable, back.pending) == ("provided", True, False, False)
    there = stands(FIRST, given, gone, corrected(given, 4, minute=4))
    assert (there.withdrawn, there.usable) == (False, True)
    again = request(attempt=2, minute=9)
    assert stands(FIRST, given, gone, again, provided(again)).usable


def test_nothing_beyond_what_was_asked_counts() -> None:
    wide = provided(FIRST, values={"kind": "leased", "price": 7}, sealed={"owner": OTHER_SEALED})
    assert (stands(FIRST, wide).values, stands(FIRST, wide).sealed) == ({"kind": "leased"}, {})


def test_a_dispute_is_open_until_it_is_answered() -> None:
    given = provided(FIRST)
    one, two = disputed(given), disputed(given, 2, minute=2)
    assert stands(FIRST, given, one).disputed == str(one.id)
    assert stands(FIRST, given, one, dispute_answered(one, given)).disputed is None
    assert stands(FIRST, given, one, dispute_answered(one, given), two).disputed == str(two.id)


def test_a_new_attempt_starts_afresh() -> None:
    again = request(attempt=2, minute=0)
    assert stands(FIRST, failed(FIRST, final=True), again).state == "waiting"
    assert stands(FIRST, failed(FIRST, final=True), again, provided(FIRST)).state == "waiting"
    assert stands(FIRST, again, provided(again)).provided == str(provided(again).id)


@pytest.mark.parametrize("source", ["/intake", "/certificates/heritage", "/approvals/housing", "housing"])
def test_only_the_source_that_was_asked_gives_a_proof(source: str) -> None:
    given = replace(provided(FIRST), source=source)
    assert stands(FIRST, given).state == "waiting"


def test_intake_ends_a_request_in_the_name_of_its_source() -> None:
    assert stands(FIRST, failed(FIRST, final=True, source="/intake")).state == "failed"


def test_an_answer_about_something_else_does_not_count() -> None:
    other = answer(FIRST, EvidenceNotRecorded)
    elsewhere = other.data.model_copy(update={"resource": "social-insurance-99"})
    assert stands(FIRST, replace(other, data=elsewhere)).state == "waiting"


def test_what_stands_in_tells_its_rule_and_what_it_rests_on() -> None:
    given = provided(request("work-proof"))
    proof = stands(FIRST, substituted("home-proof", [given]))
    assert (proof.state, proof.rule, proof.rests_on, proof.usable) == ("substituted", 0, (str(given.id),), True)
