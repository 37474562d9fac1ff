"""Sixty things that somebody who can write to the broker says in the name of others, of every kind that has an effect."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from tongban_catalog.item import Item
from tongban_runtime.sealing import CaseKeys, new_root
from tongban_schemas.envelope import Event, EventData
from tongban_schemas.events.access import FIRST_CHAIN, AccessErased
from tongban_schemas.events.applications import (
    ApplicationAccepted,
    ApplicationAppealed,
    ApplicationCorrected,
    ApplicationCorrectionNoticed,
    ApplicationNotAccepted,
    ApplicationReceived,
    ApplicationSubmitted,
    ApplicationSupplemented,
    ApplicationWithdrawn,
)
from tongban_schemas.events.approvals import (
    ApprovalAnnulled,
    ApprovalAppealDecided,
    ApprovalClockResumed,
    ApprovalClockStopped,
    ApprovalConcurred,
    ApprovalCorrectionRequested,
    ApprovalExtended,
    ApprovalGranted,
    ApprovalOpened,
    ApprovalOpinionGiven,
    ApprovalOpinionRequested,
    ApprovalOverdue,
    ApprovalRefused,
)
from tongban_schemas.events.certificates import CertificateDeliveryOverdue, CertificateIssued, CertificateRevoked
from tongban_schemas.events.evidence import (
    EvidenceChecked,
    EvidenceCorrected,
    EvidenceFailed,
    EvidenceObjected,
    EvidenceProvided,
    EvidenceRefused,
    EvidenceSubstituted,
)
from tongban_schemas.types import Limit

Said = tuple[str, EventData]
OFFICER, OTHER = UUID(int=0xF1), UUID(int=0xF2)
_TEXT = "s1.AAAA"
_FIVE = Limit(number=5, unit="WD")


def forgeries(case: UUID, item: Item, granted: Event, now: Any) -> list[Event]:
    """The events, said now. ``granted``: the genuine grant of LAND, with its act."""
    said = [*_of_steps(granted, _TEXT), *_of_intake(item, _TEXT, now), *_of_certificates(item), *_of_proofs(_TEXT, now)]
    return [_event(case, now, number, source, data) for number, (source, data) in enumerate(said)]


def _event(case: UUID, now: Any, number: int, source: str, data: EventData) -> Event:
    """The event; what it says in sealed words is sealed for it, with a key that nobody has."""
    name = uuid4()
    words = CaseKeys(root=new_root()).seal(name, "forged", "x")
    return Event(
        id=name,
        source=source,
        subject=str(case),
        time=now + timedelta(microseconds=number),
        sequence=10_000 + number,
        correlationid=case,
        data=type(data).model_validate_json(data.model_dump_json().replace(_TEXT, words)),
    )


def _of_steps(granted: Event, seal: Any) -> Iterator[Said]:
    genuine: Any = granted.data
    own = "/approvals/ecology"
    for step, body in (("ECO", "ecology"), ("LAND", "natural-resources"), ("BUILD", "housing")):
        grant = ApprovalGranted(step=step, department=body, decided_by="officer", round=2)
        refusal = ApprovalRefused(
            step=step, department=body, decided_by="officer", reason_code="not-met", reason=seal, round=2
        )
        yield f"/approvals/{body}", grant
        yield f"/approvals/{body}", refusal
        yield "/approvals/tax", grant.model_copy(update={"department": "tax"})
        yield "/approvals/tax", refusal.model_copy(update={"department": "tax"})
        yield "/approvals/tax", refusal
        yield f"/approvals/{body}", grant.model_copy(update={"act": genuine.act})
    annulment = ApprovalAnnulled(
        step="LAND",
        department="natural-resources",
        decision=granted.id,
        reopen=False,
        reason_code="wrong",
        reason=seal,
        officer=OFFICER,
    )
    yield "/approvals/natural-resources", annulment
    yield "/approvals/tax", annulment.model_copy(update={"department": "tax"})
    yield "/approvals/natural-resources", annulment.model_copy(update={"act": genuine.act})
    stranger = {"step": "ECO", "department": "tax"}
    for data in (
        ApprovalOpened(**stranger, round=2),
        ApprovalConcurred(**stranger, officer=OFFICER),
        ApprovalCorrectionRequested(**stranger, fields=["noise"], message=seal),
        ApprovalClockStopped(**stranger, procedure="hearing", expected=_FIVE, officer=OFFICER),
        ApprovalClockResumed(**stranger, stop=OTHER, officer=OFFICER),
        ApprovalExtended(**stranger, by=_FIVE, reason=seal, officer=OFFICER),
        ApprovalOverdue(**stranger, limit="promised", due=granted.time),
        ApprovalOpinionRequested(**stranger, opinion="view", asked="housing"),
        ApprovalAppealDecided(**stranger, appeal=OTHER, outcome="annulled", text=seal, officer=OFFICER),
    ):
        yield "/approvals/tax", data
        yield own, data
    yield own, ApprovalCorrectionRequested(step="ECO", department="ecology", fields=["noise"], message=seal)
    yield (
        own,
        ApprovalClockStopped(step="ECO", department="ecology", procedure="hearing", expected=_FIVE, officer=OFFICER),
    )
    yield (
        "/approvals/housing",
        ApprovalOpinionGiven(
            step="ECO", department="housing", opinion="view", request=OTHER, agrees=False, text=seal, officer=OFFICER
        ),
    )


def _of_intake(item: Item, seal: Any, now: Any) -> Iterator[Said]:
    number = f"{item.code}202603020001"
    for source in ("/intake/desk", "/intake/"):
        yield source, ApplicationWithdrawn()
        yield source, ApplicationCorrected(request=OTHER, answers={"noise": 99})
    yield "/intake", ApplicationAccepted(item=item.ref)
    yield "/intake", ApplicationAccepted(item=item.ref, deemed=True, effective_from=now)
    yield "/intake", ApplicationReceived(item=item.ref, number=number, department="tax")
    yield "/intake", ApplicationCorrectionNoticed(department="tax", fields=["noise"], message=seal)
    yield "/intake", ApplicationNotAccepted(department="administrative-approval", reason_code="no", reason=seal)
    yield "/intake", ApplicationNotAccepted(department="tax", reason_code="no", reason=seal)
    yield "/intake/", ApplicationAppealed(decision=OTHER, way="litigation", grounds=seal)
    yield "/intake/", ApplicationSupplemented(materials={"map": "0" * 64})
    yield "/intake/", ApplicationSubmitted(item=item.ref, applicant=OTHER, region="990101")
    erased = AccessErased(ground="retention-over", basis="rule", key="0" * 64, chain=FIRST_CHAIN)
    yield "/intake", erased
    yield "/intake/vault", erased


def _of_certificates(item: Item) -> Iterator[Said]:
    kind, issuer = item.certificate.kind, item.certificate.issuer
    issued = CertificateIssued(
        item=item.ref,
        kind=kind,
        number="1.2.156.3005.2.1",
        issuer="tax",
        pdf_sha256="0" * 64,
        verification="http://127.0.0.1/v",
    )
    yield "/certificates/tax", issued
    yield f"/certificates/{issuer}", issued
    yield f"/certificates/{issuer}", issued.model_copy(update={"issuer": issuer, "kind": "1" * 21})
    yield "/certificates/tax", CertificateRevoked(number="1", issuer="tax", cause="annulled", because=OTHER)
    yield "/certificates/tax", CertificateRevoked(number="1", issuer=issuer, cause="annulled", because=OTHER)
    yield (
        "/certificates/tax",
        CertificateDeliveryOverdue(item=item.ref, kind=kind, issuer="tax", due="2026-03-02T00:00:00Z"),
    )


def _of_proofs(seal: Any, now: Any) -> Iterator[Said]:
    answer = {"request": OTHER, "resource": "deeds", "material": "map", "department": "housing"}
    yield "/certificates/tax", EvidenceProvided(**answer, recorded_at=now)
    yield "/certificates/tax", EvidenceRefused(**answer, ground="not-held", basis="x", reason=seal)
    yield "/certificates/tax", EvidenceFailed(**answer, reason="expired", final=True)
    yield "/certificates/tax", EvidenceCorrected(**answer, provided=OTHER, cause="source", recorded_at=now)
    yield "/certificates/tax", EvidenceSubstituted(material="map", rule=0, basis="x")
    yield (
        "/approvals/tax",
        EvidenceChecked(uploaded=OTHER, material="map", department="tax", step="ECO", officer=OFFICER),
    )
    yield (
        "/approvals/tax",
        EvidenceObjected(
            request=OTHER,
            refusal=OTHER,
            material="map",
            department="tax",
            stage="negotiation",
            argument=seal,
            officer=OFFICER,
        ),
    )
