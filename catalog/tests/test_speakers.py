"""One rule for who may say what about a case, over every event of the contract."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tongban_catalog.acting import ACTS, Signatures
from tongban_catalog.item import Item
from tongban_catalog.load import load_catalog
from tongban_catalog.speakers import SPEAKERS, judge, speaks
from tongban_catalog.testing import keyed, signed
from tongban_schemas.envelope import Event, EventData
from tongban_schemas.events import EVENTS, certificates
from tongban_schemas.events import applications as apps
from tongban_schemas.events import approvals as said
from tongban_schemas.events import evidence as proof
from tongban_schemas.examples import load_examples
from tongban_schemas.types import Limit

CATALOG = keyed(load_catalog())
ITEM = CATALOG.item("enterprise-investment-project")
USCC = {name: one.uscc for name, one in CATALOG.departments.items()}
CASE = "0190a000-0000-7000-8000-00000000cafe"
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
SEALED = "s1.AAAA"
OFFICER, OTHER = UUID(int=7), UUID(int=8)
PLAIN, _ = ITEM.form.split_personal(ITEM.form.example())
PLANNING = {"step": "GC", "department": "natural-resources"}


def event(data: EventData, source: str, number: int = 1, minute: int = 1, name: int | None = None) -> Event:
    return Event(
        id=UUID(int=1000 + (number if name is None else name)),
        source=source,
        subject=CASE,
        time=NOON + timedelta(minutes=minute),
        sequence=number,
        correlationid=UUID(CASE),
        data=data,
    )


SUBMITTED = event(
    apps.ApplicationSubmitted(item=ITEM.ref, applicant=UUID(int=1), region="990000", answers=PLAIN), "/intake", 1, 0
)


def verdicts(*events: Event, item: Item | None = ITEM) -> list[str]:
    """What becomes of each event that is told after the submission."""
    heard = judge(CASE, [SUBMITTED, *events], item, Signatures(CATALOG.departments))
    told = {one.id: "counts" for one in heard.counted} | {one.id: "pending" for one in heard.pending}
    told |= {one.id: reason for one, reason in heard.denied}
    return [told[one.id] for one in events]


def act(one: Event) -> Event:
    return signed([SUBMITTED, one], ITEM, USCC)[-1]


def test_every_event_of_the_contract_has_a_speaker() -> None:
    assert SPEAKERS.keys() == EVENTS.keys()
    assert {kind for kind, model in EVENTS.items() if "act" in model.model_fields} == ACTS.keys()


@pytest.mark.parametrize("kind", sorted(EVENTS))
def test_nobody_speaks_for_another(kind: str) -> None:
    data = EVENTS[kind].model_validate(load_examples()[kind]["full"]["data"])
    (first, *_) = SPEAKERS[kind].sources(data)
    assert speaks(event(data, first))
    for source in ("/approvals/tax", "/certificates/tax", "/intake/x", "/notify/", "/catalog2", ""):
        assert not speaks(event(data, source)), source


GRANTED = said.ApprovalGranted(**PLANNING, decided_by="officer", officer=OFFICER)
REFUSED = said.ApprovalRefused(**PLANNING, decided_by="officer", reason_code="not-met", reason=SEALED)
OF_STEP: tuple[Callable[[str, str], EventData], ...] = (
    lambda step, body: said.ApprovalOpened(step=step, department=body),
    lambda step, body: said.ApprovalConcurred(step=step, department=body, officer=OFFICER),
    lambda step, body: said.ApprovalClockResumed(step=step, department=body, stop=OTHER, officer=OFFICER),
    lambda step, body: said.ApprovalNoticeRejected(step=step, department=body, officer=OFFICER, rule="late-notice"),
    lambda step, body: said.ApprovalGranted(step=step, department=body, decided_by="rule"),
    lambda step, body: said.ApprovalRefused(
        step=step, department=body, decided_by="rule", reason_code="not-met", reason=SEALED
    ),
    lambda step, body: said.ApprovalCorrectionRequested(step=step, department=body, fields=["x"], message=SEALED),
    lambda step, body: said.ApprovalAnnulled(
        step=step, department=body, decision=OTHER, reopen=True, reason_code="wrong", reason=SEALED, officer=OFFICER
    ),
    lambda step, body: said.ApprovalAppealDecided(
        step=step, department=body, appeal=OTHER, outcome="upheld", text=SEALED, officer=OFFICER
    ),
    lambda step, body: said.ApprovalOverdue(step=step, department=body, limit="legal", due=NOON),
    lambda step, body: said.ApprovalDueSoon(step=step, department=body, limit="legal", due=NOON),
    lambda step, body: said.ApprovalExtended(
        step=step, department=body, by=Limit(number=5, unit="WD"), reason=SEALED, officer=OFFICER
    ),
)


@pytest.mark.parametrize("make", OF_STEP, ids=lambda make: type(make("GC", "natural-resources")).__name__)
def test_a_step_is_its_department_s(make: Callable[[str, str], EventData]) -> None:
    own = act(event(make("GC", "natural-resources"), "/approvals/natural-resources", 2))
    foreign = act(event(make("GC", "heritage"), "/approvals/heritage", 3))
    borrowed = replace(own, id=UUID(int=4), source="/approvals/heritage")
    unknown = event(make("ZZ", "natural-resources"), "/approvals/natural-resources", 5)
    assert verdicts(own, foreign, borrowed, unknown) == ["counts", "not-your-step", "wrong-source", "no-such-step"]
    assert verdicts(own, item=None) == ["pending"], "nobody can tell before the item is known"


def test_a_step_that_does_not_exist_for_the_answers_is_nobody_s() -> None:
    absent = next(step for step in ITEM.steps if step not in ITEM.flow(PLAIN).steps)
    data = said.ApprovalOpened(step=absent.id, department=absent.department)
    assert verdicts(event(data, f"/approvals/{absent.department}", 2)) == ["no-such-step"]


def _changed(data: Any, **changes: Any) -> Any:
    return data.model_copy(update=changes)


def test_a_decision_counts_only_with_the_act_that_says_it() -> None:
    own = "/approvals/natural-resources"
    good = act(event(GRANTED, own, 2))
    signed_grant: Any = good.data
    other_case = signed([replace(good, subject=str(UUID(int=5)), data=GRANTED)], ITEM, USCC)[0].data
    tampered = signed_grant.act.model_copy(update={"sha256": "0" * 64})
    by_heritage = act(event(_changed(GRANTED, step="KG", department="heritage"), "/approvals/heritage", 9)).data
    forged = [
        (good.data, "counts"),
        (GRANTED, "act-missing"),
        (_changed(GRANTED, act=tampered), "act-not-signed"),
        (_changed(GRANTED, act=by_heritage.act), "key-unknown"),  # type: ignore[attr-defined]
        (_changed(GRANTED, act=other_case.act), "act-says-otherwise"),  # type: ignore[attr-defined]
        (_changed(signed_grant, round=2), "act-says-otherwise"),
        (_changed(signed_grant, conditional=True), "act-says-otherwise"),
        (_changed(signed_grant, fields={"school": "another"}), "act-says-otherwise"),
        (_changed(signed_grant, sealed={"school": SEALED}), "act-says-otherwise"),
        (_changed(REFUSED, act=signed_grant.act), "act-says-otherwise"),
    ]
    events = [event(data, own, number) for number, (data, _) in enumerate(forged, 20)]
    assert verdicts(*events) == [wanted for _, wanted in forged]
    assert verdicts(replace(good, time=good.time + timedelta(days=1))) == ["act-says-otherwise"], "of another day"
    refusal: Any = act(event(REFUSED, own, 3)).data
    assert verdicts(event(_changed(refusal, reason="s1.BBBB"), own, 3)) == ["act-says-otherwise"], "other words"


def test_a_key_is_the_body_s_for_its_time() -> None:
    good = act(event(GRANTED, "/approvals/natural-resources", 2))
    body = CATALOG.departments["natural-resources"]
    at = int(good.time.timestamp())
    for bounds, wanted in (
        ({"nbf": at - 1, "exp": at + 1}, None),
        ({"exp": at - 1}, "key-unknown"),
        ({"nbf": at + 1}, "key-unknown"),
    ):
        bodies = {body.id: replace(body, keys=({**body.keys[0], **bounds},))}
        denied = judge(CASE, [SUBMITTED, good], ITEM, Signatures(bodies)).denied
        assert [reason for _, reason in denied] == ([] if wanted is None else [wanted])


def test_nobody_deems_an_acceptance_early() -> None:
    item = Item.from_definition({**ITEM.definition, "acceptance": {"by": "officer"}})
    sent = SUBMITTED.time

    def deemed(after: timedelta, since: datetime | None = sent) -> Event:
        data = apps.ApplicationAccepted(item=item.ref, deemed=True, effective_from=since)
        return replace(event(data, "/intake", 2), time=sent + after)

    assert verdicts(deemed(timedelta(days=7)), item=item) == ["counts"]
    for one in (
        deemed(timedelta(days=4)),
        deemed(timedelta(days=9), None),
        deemed(timedelta(days=9), sent - timedelta(days=9)),
    ):
        assert verdicts(one, item=item) == ["not-due"]
    assert verdicts(deemed(timedelta(days=9))) == ["not-due"], "a rule accepts at once: there is no silence"


def test_certificates_are_the_issuing_body_s() -> None:
    kind, issuer = ITEM.certificate.kind, ITEM.certificate.issuer_of(PLAIN)

    def issued(body: str, of: str = kind) -> certificates.CertificateIssued:
        return certificates.CertificateIssued(
            item=ITEM.ref, kind=of, number="1.2", issuer=body, pdf_sha256="0" * 64, verification="http://127.0.0.1/v"
        )

    revoked = certificates.CertificateRevoked(number="1.2", issuer="tax", cause="annulled", because=OTHER)
    assert verdicts(
        event(issued(issuer), f"/certificates/{issuer}", 2),
        event(issued("tax"), "/certificates/tax", 3),
        event(issued(issuer, "11990000000000019A999"), f"/certificates/{issuer}", 4),
        event(revoked, "/certificates/tax", 5),
    ) == ["counts", "not-the-issuer", "not-in-the-item", "not-the-issuer"]


def test_a_source_answers_what_it_was_asked() -> None:
    request = event(
        proof.EvidenceRequested(
            material="deed",
            resource="deeds",
            provider="housing",
            item=ITEM.ref,
            asked_by="tax",
            basis="x",
            fields=["a"],
            expires=NOON,
        ),
        "/intake",
        2,
    )
    about = {"request": request.id, "resource": "deeds", "material": "deed"}

    def answer(number: int, source: str = "/certificates/housing", **changes: Any) -> Event:
        given = {**about, "department": "housing", **changes}
        return event(proof.EvidenceNotRecorded.model_validate(given), source, number)

    assert verdicts(
        request,
        answer(3),
        answer(4, "/certificates/tax", department="tax"),
        answer(5, "/certificates/tax"),
        answer(6, resource="others"),
        answer(7, request=OTHER),
        event(proof.EvidenceFailed(**about, department="housing", reason="expired", final=True), "/intake", 8),
    ) == ["counts", "counts", "not-asked", "wrong-source", "not-asked", "pending", "counts"]


def test_the_order_of_the_facts_changes_no_verdict() -> None:
    own = act(event(GRANTED, "/approvals/natural-resources", 2))
    foreign = act(event(_changed(GRANTED, department="heritage"), "/approvals/heritage", 3))
    signatures = Signatures(CATALOG.departments)
    one = judge(CASE, [own, foreign, SUBMITTED], ITEM, signatures)
    other = judge(CASE, [SUBMITTED, foreign, own], ITEM, signatures)
    assert {fact.id for fact in one.counted} == {fact.id for fact in other.counted}
    assert one.denied == other.denied


def test_a_taken_id_takes_nobody_s_place() -> None:
    honest = act(event(GRANTED, "/approvals/natural-resources", 2))
    squatter = replace(honest, data=GRANTED, time=honest.time - timedelta(minutes=1))
    heard = judge(CASE, [SUBMITTED, squatter, honest], ITEM, Signatures(CATALOG.departments))
    assert heard.counted == (SUBMITTED, honest)
    assert heard.denied == ((squatter, "act-missing"),)
