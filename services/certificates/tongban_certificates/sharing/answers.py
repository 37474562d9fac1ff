"""The events of a source: what it gives, refuses, cannot give, and corrects. Their ids depend on what they answer alone."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from tongban_catalog.resource import Resource
from tongban_runtime.sealing import CaseKeys
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events.evidence import (
    EvidenceCorrected,
    EvidenceDisputeAnswered,
    EvidenceFailed,
    EvidenceNotRecorded,
    EvidenceOverdue,
    EvidenceProvided,
    EvidenceRefused,
    FailureReason,
    RefusalGround,
    evidence_field,
    evidence_text_field,
)

from tongban_certificates.registers.model import Record
from tongban_certificates.sharing.domain import ShareRequest, declared
from tongban_certificates.sharing.receivers import Correction, Disclosure, Dispute, Outcome
from tongban_certificates.sharing.store import Timer


def provided(
    request: ShareRequest,
    resource: Resource,
    record: Record,
    keys: CaseKeys,
    now: datetime,
    *,
    under_dispute: bool,
    officer: UUID | None = None,
) -> Event:
    """The declared fields of a record, those that are personal sealed. Raises `KeyMissingError`."""
    ident = _id(EvidenceProvided, request, str(request.request), request.stage)
    plain, personal = resource.split_personal(declared(record, request.fields))
    data = EvidenceProvided(
        **_head(request),
        grade=resource.grade,
        values=plain,
        sealed=_sealed(keys, ident, request.material, personal),
        recorded_at=record.changed_at,
        valid_until=record.valid_until,
        under_dispute=under_dispute,
        stage=request.stage,
        officer=officer,
    )
    return _event(ident, request, data, now)


def not_recorded(request: ShareRequest, now: datetime) -> Event:
    ident = _id(EvidenceNotRecorded, request, str(request.request), request.stage)
    return _event(ident, request, EvidenceNotRecorded(**_head(request)), now)


def refused(
    request: ShareRequest,
    keys: CaseKeys,
    now: datetime,
    *,
    ground: RefusalGround,
    basis: str,
    reason: str,
    officer: UUID | None = None,
) -> Event:
    """A refusal at the request's stage, its reason sealed. Raises `KeyMissingError`."""
    ident = _id(EvidenceRefused, request, str(request.request), request.stage)
    data = EvidenceRefused(
        **_head(request),
        ground=ground,
        basis=basis,
        reason=keys.seal(ident, evidence_text_field(request.material), reason),
        stage=request.stage,
        officer=officer,
    )
    return _event(ident, request, data, now)


def failed(request: ShareRequest, reason: FailureReason, now: datetime, *, final: bool) -> Event:
    ident = _id(EvidenceFailed, request, str(request.request), "final" if final else "retrying")
    return _event(ident, request, EvidenceFailed(**_head(request), reason=reason, final=final), now)


def overdue(request: ShareRequest, timer: Timer, due: datetime, supervisor: str | None) -> Event:
    """The time of a request or of a dispute is over; true since ``due``."""
    ident = _id(EvidenceOverdue, request, str(timer.about), timer.stage)
    data = EvidenceOverdue(**_head(request), stage=timer.stage, due=due, supervisor=supervisor)
    return _event(ident, request, data, due)


def corrected(
    request: ShareRequest,
    given: Disclosure,
    correction: Correction,
    resource: Resource,
    record: Record | None,
    keys: CaseKeys | None,
    now: datetime,
) -> Event:
    """What a receiver is told of a change. ``keys`` None: the case is closed, it learns no values. Raises `KeyMissingError`."""
    ident = _id(EvidenceCorrected, request, str(given.provided), str(correction.version))
    plain: Mapping[str, object] = {}
    personal: Mapping[str, str] = {}
    if record is not None and keys is not None and not correction.withdrawn:
        plain, personal = resource.split_personal(declared(record, sorted(correction.changed)))
    data = EvidenceCorrected(
        **_head(request),
        provided=given.provided,
        cause=correction.cause,
        changed=sorted(correction.changed),
        values=dict(plain),
        sealed={} if keys is None else _sealed(keys, ident, given.material, personal),
        recorded_at=correction.at,
        withdrawn=correction.withdrawn,
    )
    return _event(ident, request, data, now)


def dispute_answered(
    request: ShareRequest,
    dispute: Dispute,
    keys: CaseKeys,
    now: datetime,
    *,
    outcome: Outcome,
    text: str,
    officer: UUID,
) -> Event:
    """What the source found. Raises `KeyMissingError`."""
    ident = _id(EvidenceDisputeAnswered, request, str(dispute.dispute))
    data = EvidenceDisputeAnswered(
        **_head(request),
        dispute=dispute.dispute,
        outcome=outcome,
        text=keys.seal(ident, evidence_text_field(request.material), text),
        officer=officer,
    )
    return _event(ident, request, data, now, because=dispute.dispute)


def _head(request: ShareRequest) -> dict[str, object]:
    return {
        "request": request.request,
        "resource": request.resource,
        "material": request.material,
        "department": request.provider,
    }


def _sealed(keys: CaseKeys, ident: UUID, material: str, personal: Mapping[str, str]) -> dict[str, str]:
    return {name: keys.seal(ident, evidence_field(material, name), text) for name, text in personal.items()}


def _id(model: type[EventData], request: ShareRequest, *discriminators: str) -> UUID:
    return event_id(model.TYPE, str(request.application), *discriminators)


def _event(ident: UUID, request: ShareRequest, data: EventData, now: datetime, because: UUID | None = None) -> Event:
    return Event(
        id=ident,
        source=f"/certificates/{request.provider}",
        subject=str(request.application),
        time=now,
        correlationid=request.correlation_id,
        causationid=because or request.objection or request.request,
        traceparent=request.traceparent,
        data=data,
    )
