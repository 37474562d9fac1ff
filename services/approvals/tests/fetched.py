"""Proofs that the tests of approvals let sources, the applicant and clerks speak about."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tongban_approvals.domain import source_of
from tongban_catalog.item import Item
from tongban_runtime.testing.keys import case_keys
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
    Stage,
    evidence_field,
    evidence_text_field,
)

from .samples import INVESTMENT, NOON

SOURCE = "housing"
RESOURCE = "home-right-99"
EXPIRES = datetime(2026, 3, 20, tzinfo=UTC)
ADDRESS = "示例路 1 号 1 Example Road"
INTAKE = "/intake"


def _told(subject: str, data: EventData, source: str, *names: str, minute: int) -> Event:
    return Event(
        id=event_id(data.TYPE, subject, *names),
        source=source,
        subject=subject,
        time=NOON + timedelta(minutes=minute),
        sequence=minute + 1,
        correlationid=UUID(subject),
        data=data,
    )


def _sealed(subject: str, model: type[EventData], field: str, text: str, *names: str) -> str:
    return case_keys(subject).seal(event_id(model.TYPE, subject, *names), field, text)


def requested(
    subject: str,
    material: str = "map",
    item: Item = INVESTMENT,
    attempt: int = 1,
    minute: int = 1,
    source: str = INTAKE,
) -> Event:
    data = EvidenceRequested(
        material=material,
        resource=RESOURCE,
        provider=SOURCE,
        item=item.ref,
        asked_by="ecology",
        basis="示例依据",
        fields=["kind", "address"],
        lookup_plain={"holder": "X"},
        attempt=attempt,
        expires=EXPIRES,
    )
    return _told(subject, data, source, material, str(attempt), minute=minute)


def _about(request: Event, department: str) -> dict[str, Any]:
    asked = request.data
    assert isinstance(asked, EvidenceRequested)
    return {
        "request": request.id,
        "resource": asked.resource,
        "material": asked.material,
        "department": department,
    }


def _answer(
    request: Event, model: type[EventData], minute: int, *names: str, department: str = SOURCE, **more: Any
) -> Event:
    data = model(**_about(request, department), **more)
    names = names or (str(request.id), more.get("stage", "answer"))
    return _told(request.subject, data, f"/certificates/{department}", *names, minute=minute)


def provided(request: Event, minute: int = 3, department: str = SOURCE, **more: Any) -> Event:
    about = _about(request, department)
    names = str(request.id), more.get("stage", "answer")
    field = evidence_field(about["material"], "address")
    return _answer(
        request,
        EvidenceProvided,
        minute,
        department=department,
        values={"kind": "owned"},
        sealed={"address": _sealed(request.subject, EvidenceProvided, field, ADDRESS, *names)},
        recorded_at=NOON - timedelta(days=9),
        **more,
    )


def refused_by_source(request: Event, stage: Stage = "answer", minute: int = 2) -> Event:
    about = _about(request, SOURCE)
    field = evidence_text_field(about["material"])
    reason = _sealed(request.subject, EvidenceRefused, field, "不在范围 Not covered.", str(request.id), stage)
    more: dict[str, Any] = {"ground": "purpose-not-covered", "basis": "示例依据", "reason": reason, "stage": stage}
    return _answer(request, EvidenceRefused, minute, **more)


def not_recorded(request: Event, minute: int = 2) -> Event:
    return _answer(request, EvidenceNotRecorded, minute)


def failed(request: Event, minute: int = 2, *, final: bool = True) -> Event:
    names = str(request.id), "final" if final else "retrying"
    return _answer(request, EvidenceFailed, minute, *names, reason="source-unreachable", final=final)


def late(request: Event, minute: int = 2) -> Event:
    return _answer(request, EvidenceOverdue, minute, stage="answer", due=NOON)


def corrected_at_source(
    given: Event, minute: int = 20, values: Mapping[str, Any] | None = None, version: int = 2, **more: Any
) -> Event:
    about = given.data
    assert isinstance(about, EvidenceProvided)
    values = values or {"kind": "leased"}
    data = EvidenceCorrected(
        request=about.request,
        resource=about.resource,
        material=about.material,
        department=about.department,
        provided=given.id,
        cause="source",
        changed=sorted(values),
        values=dict(values),
        recorded_at=NOON,
        **more,
    )
    return _told(given.subject, data, given.source, str(given.id), str(version), minute=minute)


def disputed(given: Event, minute: int = 10) -> Event:
    about = given.data
    assert isinstance(about, EvidenceProvided)
    names = str(given.id), "1"
    text = _sealed(given.subject, EvidenceDisputed, evidence_text_field(about.material), "有误 Wrong.", *names)
    data = EvidenceDisputed(
        provided=given.id,
        resource=about.resource,
        material=about.material,
        provider=about.department,
        fields=["address"],
        text=text,
    )
    return _told(given.subject, data, INTAKE, *names, minute=minute)


def dispute_answered(dispute: Event, request: Event, minute: int = 12) -> Event:
    about = dispute.data
    assert isinstance(about, EvidenceDisputed)
    field = evidence_text_field(about.material)
    text = _sealed(dispute.subject, EvidenceDisputeAnswered, field, "维持 It stands.", str(dispute.id))
    more: dict[str, Any] = {"dispute": dispute.id, "outcome": "upheld", "text": text}
    return _answer(request, EvidenceDisputeAnswered, minute, str(dispute.id), **more)


def substituted(subject: str, material: str = "map", rests_on: Sequence[UUID] = (), minute: int = 6) -> Event:
    data = EvidenceSubstituted(material=material, rule=0, basis="示例依据", rests_on=list(rests_on))
    return _told(subject, data, INTAKE, material, "0", minute=minute)


def uploaded(failure: Event, minute: int = 5, *, promise: bool = False) -> Event:
    material: str = failure.data.material  # type: ignore[attr-defined]
    data = EvidenceUploaded(
        material=material,
        because=failure.id,
        sha256="0" * 64,
        media_type="application/pdf",
        size=9,
        grade="D" if promise else "C",
        promise=promise,
    )
    return _told(failure.subject, data, INTAKE, material, str(failure.id), minute=minute)


def brought(subject: str, material: str = "map", minute: int = 5) -> Event:
    """A file for a material that no register has, brought with the application."""
    data = EvidenceUploaded(
        material=material,
        because=UUID(subject),
        reason="no-source",
        sha256="0" * 64,
        media_type="application/pdf",
        size=9,
    )
    return _told(subject, data, INTAKE, material, subject, minute=minute)


def checked(upload: Event, step: str | None, department: str, minute: int = 7, source: str | None = None) -> Event:
    material: str = upload.data.material  # type: ignore[attr-defined]
    data = EvidenceChecked(uploaded=upload.id, material=material, department=department, step=step, officer=UUID(int=8))
    return _told(upload.subject, data, source or source_of(department), str(upload.id), minute=minute)


def objected(refusal: Event, department: str, minute: int = 4, source: str | None = None) -> Event:
    about = refusal.data
    assert isinstance(about, EvidenceRefused)
    field = evidence_text_field(about.material)
    data = EvidenceObjected(
        request=about.request,
        refusal=refusal.id,
        material=about.material,
        department=department,
        stage="negotiation" if about.stage == "answer" else "mediation",
        argument=_sealed(refusal.subject, EvidenceObjected, field, "依法需要 Needed.", str(refusal.id)),
        officer=UUID(int=8),
    )
    return _told(refusal.subject, data, source or source_of(department), str(refusal.id), minute=minute)


def every_kind_of_evidence(subject: str, materials: Sequence[str], department: str) -> list[Event]:
    """All types of events about proofs, of four materials of a case; ``department`` is one that looks at them."""
    ask, deny, lose, spare = (requested(subject, name) for name in materials)
    gift, no, failure = provided(ask), refused_by_source(deny), failed(lose)
    dispute, upload = disputed(gift), uploaded(failure)
    return [
        *(ask, failed(ask, 2, final=False), gift, dispute, dispute_answered(dispute, ask), corrected_at_source(gift)),
        *(deny, late(deny, 1), no, objected(no, department), refused_by_source(deny, "negotiation", 6)),
        *(lose, failure, upload, checked(upload, None, "ecology", source=INTAKE)),
        *(spare, not_recorded(spare), substituted(subject, materials[3], [gift.id])),
        *(
            requested(subject, materials[3], attempt=2, minute=30),
            corrected_at_source(gift, 21, {"kind": "x"}, version=3),
        ),
    ]
