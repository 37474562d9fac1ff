"""A case with every kind of news that there is, and with officers' words that open."""

from collections.abc import Callable
from uuid import UUID

from tongban_catalog.codes import case_number
from tongban_catalog.item import Item
from tongban_catalog.testing import signed
from tongban_schemas.envelope import Event, EventData
from tongban_schemas.events.applications import (
    NON_ACCEPTANCE_FIELD,
    NOTICE_FIELD,
    ApplicationAccepted,
    ApplicationCorrectionNoticed,
    ApplicationNotAccepted,
    ApplicationPromiseOverdue,
    ApplicationReceived,
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
from tongban_schemas.events.certificates import CertificateDeliveryOverdue, CertificateRevoked
from tongban_schemas.events.evidence import (
    EvidenceCorrected,
    EvidenceDisputeAnswered,
    EvidenceFailed,
    EvidenceNotRecorded,
    EvidenceRefused,
    EvidenceRequested,
    evidence_text_field,
)
from tongban_schemas.types import JsonObject, Limit

from .history import DEFINITION, ITEM, MORNING, USCC, Seal, fact, whole_case

OFFICER = UUID(int=0xF1)
OTHER = UUID(int=0xF2)
_KIND = "11990000000000019A001"
_LAND, _BODY = "LAND1", "natural-resources"
Told = EventData | Callable[[Seal], EventData]


def _asked() -> EvidenceRequested:
    return EvidenceRequested(
        material="site-plan",
        resource="site-plans",
        provider="housing",
        item=ITEM,
        asked_by=_BODY,
        basis="示例办法第一条",
        fields=["owner", "area"],
        expires=MORNING,
    )


NUMBER = case_number(ITEM.code, MORNING.date(), 1)


def every_news(subject: str) -> list[Event]:
    """`whole_case`, and before its end everything else that a person can be told. Minutes are unique."""
    intake: list[Told] = [
        ApplicationReceived(item=ITEM, number=NUMBER, department=_BODY),
        ApplicationAccepted(item=ITEM, promised=["site-plan"]),
        ApplicationAccepted(item=ITEM, deemed=True, effective_from=MORNING),
        lambda seal: ApplicationCorrectionNoticed(
            department=_BODY,
            fields=["project_name"],
            materials=["site-plan"],
            message=seal(f"{NOTICE_FIELD}/2", "因为correction-noticed"),
        ),
        lambda seal: ApplicationNotAccepted(
            department=_BODY,
            reason_code="not-competent",
            reason=seal(NON_ACCEPTANCE_FIELD, "因为not-accepted"),
            right_authority="Example Ecology Bureau",
        ),
        ApplicationPromiseOverdue(materials=["site-plan"]),
        ApplicationWithdrawn(),
    ]
    approvals: list[Told] = [
        lambda seal: ApprovalCorrectionRequested(
            step=_LAND,
            department=_BODY,
            fields=["project_name"],
            message=seal(correction_field(_LAND), "因为correction"),
        ),
        ApprovalClockStopped(
            step=_LAND,
            department=_BODY,
            procedure="expert-review",
            expected=Limit(number=10, unit="WD"),
            officer=OFFICER,
        ),
        ApprovalClockResumed(step=_LAND, department=_BODY, stop=OTHER, officer=OFFICER),
        lambda seal: ApprovalExtended(
            step=_LAND,
            department=_BODY,
            by=Limit(number=5, unit="WD"),
            reason=seal(extension_field(_LAND), "因为extended"),
            officer=OFFICER,
        ),
        ApprovalOverdue(step=_LAND, department=_BODY, limit="promised", due=MORNING),
        ApprovalOpinionLapsed(
            step=_LAND, department=_BODY, opinion="heritage", request=OTHER, asked="heritage", silence="deemed"
        ),
        ApprovalGranted(step=_LAND, department=_BODY, decided_by="rule", deemed=True),
        lambda seal: ApprovalRefused(
            step=_LAND,
            department=_BODY,
            decided_by="officer",
            reason_code="not-met",
            reason=seal(refusal_field(_LAND), "因为refused"),
        ),
        lambda seal: ApprovalAnnulled(
            step=_LAND,
            department=_BODY,
            decision=OTHER,
            reopen=True,
            reason_code="mistake",
            reason=seal(annulment_field(_LAND), "因为annulled"),
            officer=OFFICER,
        ),
        ApprovalOpened(step=_LAND, department=_BODY, round=2, because=OTHER),
        lambda seal: ApprovalAppealDecided(
            step=_LAND,
            department=_BODY,
            appeal=OTHER,
            outcome="annulled",
            text=seal(appeal_decision_field(_LAND), "因为appeal-decided"),
            officer=OFFICER,
        ),
    ]
    issuer = "administrative-approval"
    certificates: list[Told] = [
        CertificateRevoked(number="1.2.156.3005.2.1", issuer=issuer, cause="annulled", because=OTHER),
        CertificateDeliveryOverdue(item=ITEM, kind=_KIND, issuer=issuer, due=MORNING),
    ]
    request = fact(subject, "/intake", 90, _asked(), 90)
    of_request: JsonObject = {
        "request": request.id,
        "resource": "site-plans",
        "material": "site-plan",
        "department": "housing",
    }
    text = evidence_text_field("site-plan")
    sources: list[Told] = [
        EvidenceFailed(**of_request, reason="source-unreachable", final=False),
        EvidenceFailed(**of_request, reason="source-unreachable", final=True),
        EvidenceNotRecorded(**of_request),
        lambda seal: EvidenceRefused(
            **of_request, ground="not-held", basis="Example Rules, art. 1", reason=seal(text, "因为evidence-refused")
        ),
        EvidenceCorrected(**of_request, provided=OTHER, cause="source", changed=["owner", "area"], recorded_at=MORNING),
        lambda seal: EvidenceDisputeAnswered(
            **of_request, dispute=OTHER, outcome="upheld", text=seal(text, "因为dispute-answered")
        ),
    ]
    told = [
        *(("/intake", data) for data in intake),
        *((f"/approvals/{_BODY}", data) for data in approvals),
        *((f"/certificates/{issuer}", data) for data in certificates),
        *(("/certificates/housing", data) for data in sources),
    ]
    news = [
        *whole_case(subject),
        request,
        *(fact(subject, source, 10 + number, data, 100 + number) for number, (source, data) in enumerate(told)),
    ]
    return signed(news, Item.from_definition(DEFINITION), USCC)
