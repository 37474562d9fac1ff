"""Which facts are news to the applicant, and what of them is told. Pure.

Warnings that a limit is near are for the department and its supervisor. That a limit has passed is told to the applicant too:
an overrun has to be explained in public (Regulation on the Business Environment art. 36).
"""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field
from tongban_schemas.envelope import EventData
from tongban_schemas.events.applications import (
    NON_ACCEPTANCE_FIELD,
    NOTICE_FIELD,
    ApplicationAccepted,
    ApplicationCorrected,
    ApplicationCorrectionNoticed,
    ApplicationNotAccepted,
    ApplicationPromiseOverdue,
    ApplicationReceived,
    ApplicationSubmitted,
    ApplicationWithdrawn,
)
from tongban_schemas.events.approvals import (
    ApprovalAnnulled,
    ApprovalAppealDecided,
    ApprovalClockResumed,
    ApprovalClockStopped,
    ApprovalCorrectionRequested,
    ApprovalExtended,
    ApprovalGranted,
    ApprovalOpened,
    ApprovalOpinionLapsed,
    ApprovalOverdue,
    ApprovalRefused,
    annulment_field,
    appeal_decision_field,
    correction_field,
    extension_field,
    refusal_field,
)
from tongban_schemas.events.certificates import CertificateDeliveryOverdue, CertificateIssued, CertificateRevoked
from tongban_schemas.events.evidence import (
    EvidenceCorrected,
    EvidenceDisputeAnswered,
    EvidenceFailed,
    EvidenceNotRecorded,
    EvidenceRefused,
    EvidenceRequested,
    FailureReason,
    RefusalGround,
    evidence_text_field,
)
from tongban_schemas.types import Limit, Value

Kind = Literal[
    "submitted",
    "accepted",
    "accepted-deemed",
    "correction-noticed",
    "not-accepted",
    "promise-overdue",
    "withdrawn",
    "correction",
    "clock-stopped",
    "clock-resumed",
    "extended",
    "overdue",
    "opinion-lapsed",
    "granted",
    "granted-deemed",
    "refused",
    "annulled",
    "reopened",
    "appeal-decided",
    "issued",
    "revoked",
    "delivery-overdue",
    "evidence-failed",
    "evidence-refused",
    "evidence-corrected",
    "dispute-answered",
]
"""Every kind of news; ``about`` in what notify publishes."""

FACTS: tuple[type[EventData], ...] = (
    ApplicationSubmitted,
    ApplicationReceived,
    ApplicationAccepted,
    ApplicationCorrected,
    ApplicationCorrectionNoticed,
    ApplicationNotAccepted,
    ApplicationPromiseOverdue,
    ApplicationWithdrawn,
    ApprovalOpened,
    ApprovalCorrectionRequested,
    ApprovalClockStopped,
    ApprovalClockResumed,
    ApprovalExtended,
    ApprovalOverdue,
    ApprovalOpinionLapsed,
    ApprovalGranted,
    ApprovalRefused,
    ApprovalAnnulled,
    ApprovalAppealDecided,
    CertificateIssued,
    CertificateRevoked,
    CertificateDeliveryOverdue,
    EvidenceRequested,
    EvidenceNotRecorded,
    EvidenceRefused,
    EvidenceFailed,
    EvidenceCorrected,
    EvidenceDisputeAnswered,
)

Outcome = (
    Literal[
        "upheld", "annulled", "replaced", "promised", "legal", "joint", "none", "escalate", "deemed", "reopen", "final"
    ]
    | Literal["not-recorded", "corrected", "withdrawn"]
    | FailureReason
    | RefusalGround
)
"""How it came out, where one kind of news has several outcomes: of an appeal, a revocation, a silence, which limit passed, why a
proof did not come."""

_NOTICES = 9
"""More notices than one application can have; see `Particulars.sealed_under`."""


class Particulars(Value):
    """What one message tells beyond its kind. Names are the catalogue's ids; ``text`` is sealed.

    With a ``resource``, ``fields`` are those of its records and ``department`` is the source; else they are the form's.

    ``sealed_under``: the fields under one of which ``text`` was sealed. A notice is sealed under its ordinal, which is not
    known from the notice alone.
    """

    step: str | None = None
    department: str | None = None
    fields: tuple[str, ...] = ()
    materials: tuple[str, ...] = ()
    procedure: str | None = None
    opinion: str | None = None
    limit: Limit | None = None
    authority: str | None = None
    number: str | None = None
    resource: str | None = None
    basis: str | None = None
    outcome: Outcome | None = None
    text: str | None = None
    sealed_under: Annotated[tuple[str, ...], Field(repr=False)] = ()


News = tuple[Kind, Particulars]
Answer = EvidenceNotRecorded | EvidenceRefused | EvidenceFailed | EvidenceCorrected | EvidenceDisputeAnswered
"""What the source of a proof says, that is news."""


def news_of(data: EventData) -> News | None:
    """What a fact tells the applicant; None when it is nothing to tell."""
    return _of_application(data) or _of_clock(data) or _of_decision(data) or _of_certificate(data) or _of_proof(data)


def _of_application(data: EventData) -> News | None:
    match data:
        case ApplicationSubmitted():
            return "submitted", Particulars()
        case ApplicationAccepted():
            kind: Kind = "accepted-deemed" if data.deemed else "accepted"
            return kind, Particulars(number=data.number, materials=tuple(data.promised))
        case ApplicationCorrectionNoticed():
            return "correction-noticed", Particulars(
                department=data.department,
                fields=tuple(data.fields),
                materials=tuple(data.materials),
                text=data.message,
                sealed_under=tuple(f"{NOTICE_FIELD}/{ordinal}" for ordinal in range(1, _NOTICES + 1)),
            )
        case ApplicationNotAccepted():
            return "not-accepted", Particulars(
                department=data.department,
                authority=data.right_authority,
                text=data.reason,
                sealed_under=(NON_ACCEPTANCE_FIELD,),
            )
        case ApplicationPromiseOverdue():
            return "promise-overdue", Particulars(materials=tuple(data.materials))
        case ApplicationWithdrawn():
            return "withdrawn", Particulars()
        case _:
            return None


def _of_clock(data: EventData) -> News | None:
    match data:
        case ApprovalClockStopped():
            return "clock-stopped", Particulars(
                step=data.step, department=data.department, procedure=data.procedure, limit=data.expected
            )
        case ApprovalClockResumed():
            return "clock-resumed", Particulars(step=data.step, department=data.department)
        case ApprovalExtended():
            return "extended", Particulars(
                step=data.step,
                department=data.department,
                limit=data.by,
                text=data.reason,
                sealed_under=(extension_field(data.step),),
            )
        case ApprovalOverdue():
            return "overdue", Particulars(step=data.step, department=data.department, outcome=data.limit)
        case ApprovalOpinionLapsed():
            return "opinion-lapsed", Particulars(
                step=data.step, department=data.department, opinion=data.opinion, outcome=data.silence
            )
        case _:
            return None


def _of_decision(data: EventData) -> News | None:
    match data:
        case ApprovalOpened() if data.round > 1:
            return "reopened", Particulars(step=data.step, department=data.department)
        case ApprovalCorrectionRequested():
            return "correction", Particulars(
                step=data.step,
                department=data.department,
                fields=tuple(data.fields),
                materials=tuple(data.materials),
                text=data.message,
                sealed_under=(correction_field(data.step),),
            )
        case ApprovalGranted():
            kind: Kind = "granted-deemed" if data.deemed else "granted"
            return kind, Particulars(step=data.step, department=data.department)
        case ApprovalRefused():
            return "refused", Particulars(
                step=data.step,
                department=data.department,
                text=data.reason,
                sealed_under=(refusal_field(data.step),),
            )
        case ApprovalAnnulled():
            return "annulled", Particulars(
                step=data.step,
                department=data.department,
                outcome="reopen" if data.reopen else "final",
                text=data.reason,
                sealed_under=(annulment_field(data.step),),
            )
        case ApprovalAppealDecided():
            return "appeal-decided", Particulars(
                step=data.step,
                department=data.department,
                outcome=data.outcome,
                text=data.text,
                sealed_under=(appeal_decision_field(data.step),),
            )
        case _:
            return None


def _of_certificate(data: EventData) -> News | None:
    match data:
        case CertificateIssued():
            return "issued", Particulars(department=data.issuer)
        case CertificateRevoked():
            return "revoked", Particulars(department=data.issuer, number=data.number, outcome=data.cause)
        case CertificateDeliveryOverdue():
            return "delivery-overdue", Particulars(department=data.issuer)
        case _:
            return None


def _of_proof(data: EventData) -> News | None:
    match data:
        case EvidenceFailed() if data.final:
            return "evidence-failed", _proof(data, outcome=data.reason)
        case EvidenceNotRecorded():
            return "evidence-failed", _proof(data, outcome="not-recorded")
        case EvidenceRefused():
            return "evidence-refused", _proof(data, outcome=data.ground, basis=data.basis, text=data.reason)
        case EvidenceCorrected():
            outcome: Outcome = "withdrawn" if data.withdrawn else "corrected"
            return "evidence-corrected", _proof(data, outcome=outcome, fields=data.changed)
        case EvidenceDisputeAnswered():
            return "dispute-answered", _proof(data, outcome=data.outcome, text=data.text)
        case _:
            return None


def _proof(
    data: Answer,
    outcome: Outcome,
    *,
    fields: Iterable[str] = (),
    basis: str | None = None,
    text: str | None = None,
) -> Particulars:
    return Particulars(
        department=data.department,
        resource=data.resource,
        materials=(data.material,),
        fields=tuple(fields),
        outcome=outcome,
        basis=basis,
        text=text,
        sealed_under=() if text is None else (evidence_text_field(data.material),),
    )
