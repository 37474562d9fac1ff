"""What is said of proofs, as `tongban_catalog.proofs` and the ledger read it."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import msgspec

from tongban_intake.payloads.base import Body, Item, text_default


class EvidenceRequested(Body, frozen=True, gc=False, tag="evidence-requested"):
    TYPE: ClassVar[str] = "cn.tongban.evidence.requested.v1"

    material: str
    resource: str
    provider: str
    item: Item
    asked_by: str
    basis: str
    fields: tuple[str, ...]
    expires: datetime
    attempt: int = 1


class EvidenceProvided(Body, frozen=True, gc=False, tag="evidence-provided"):
    """``values`` are those in the clear, ``sealed`` the others, by field of the resource."""

    TYPE: ClassVar[str] = "cn.tongban.evidence.provided.v1"

    request: UUID
    resource: str
    material: str
    department: str
    recorded_at: datetime
    grade: str = text_default("A")
    values: dict[str, Any] = msgspec.field(default_factory=dict)
    sealed: dict[str, str] = msgspec.field(default_factory=dict)
    valid_until: datetime | None = None
    under_dispute: bool = False
    stage: str = text_default("answer")
    officer: UUID | None = None


class EvidenceNotRecorded(Body, frozen=True, gc=False, tag="evidence-not-recorded"):
    TYPE: ClassVar[str] = "cn.tongban.evidence.not-recorded.v1"

    request: UUID
    resource: str
    material: str
    department: str


class EvidenceRefused(Body, frozen=True, gc=False, tag="evidence-refused"):
    TYPE: ClassVar[str] = "cn.tongban.evidence.refused.v1"

    request: UUID
    resource: str
    material: str
    department: str
    ground: str
    basis: str
    reason: str
    stage: str = text_default("answer")


class EvidenceFailed(Body, frozen=True, gc=False, tag="evidence-failed"):
    TYPE: ClassVar[str] = "cn.tongban.evidence.failed.v1"

    request: UUID
    resource: str
    material: str
    department: str
    reason: str
    final: bool


class EvidenceOverdue(Body, frozen=True, gc=False, tag="evidence-overdue"):
    TYPE: ClassVar[str] = "cn.tongban.evidence.overdue.v1"

    request: UUID
    resource: str
    material: str
    department: str
    stage: str
    due: datetime


class EvidenceObjected(Body, frozen=True, gc=False, tag="evidence-objected"):
    TYPE: ClassVar[str] = "cn.tongban.evidence.objected.v1"

    request: UUID
    refusal: UUID
    material: str
    department: str
    stage: str


class EvidenceDisputed(Body, frozen=True, gc=False, tag="evidence-disputed"):
    TYPE: ClassVar[str] = "cn.tongban.evidence.disputed.v1"

    provided: UUID
    resource: str
    material: str
    provider: str
    fields: tuple[str, ...]


class EvidenceDisputeAnswered(Body, frozen=True, gc=False, tag="evidence-dispute-answered"):
    TYPE: ClassVar[str] = "cn.tongban.evidence.dispute-answered.v1"

    request: UUID
    resource: str
    material: str
    department: str
    dispute: UUID
    outcome: str


class EvidenceCorrected(Body, frozen=True, gc=False, tag="evidence-corrected"):
    TYPE: ClassVar[str] = "cn.tongban.evidence.corrected.v1"

    request: UUID
    resource: str
    material: str
    department: str
    provided: UUID
    cause: str
    recorded_at: datetime
    changed: tuple[str, ...] = ()
    values: dict[str, Any] = msgspec.field(default_factory=dict)
    sealed: dict[str, str] = msgspec.field(default_factory=dict)
    withdrawn: bool = False


class EvidenceSubstituted(Body, frozen=True, gc=False, tag="evidence-substituted"):
    TYPE: ClassVar[str] = "cn.tongban.evidence.substituted.v1"

    material: str
    rule: int
    basis: str
    rests_on: tuple[UUID, ...] = ()


class EvidenceUploaded(Body, frozen=True, gc=False, tag="evidence-uploaded"):
    TYPE: ClassVar[str] = "cn.tongban.evidence.uploaded.v1"

    material: str
    because: UUID
    reason: str = text_default("fetch-failed")
    grade: str = text_default("C")
    promise: bool = False


class EvidenceChecked(Body, frozen=True, gc=False, tag="evidence-checked"):
    TYPE: ClassVar[str] = "cn.tongban.evidence.checked.v1"

    uploaded: UUID
    material: str
    department: str
    step: str | None = None
    grade: str = text_default("B")


AnyEvidence = (
    EvidenceRequested
    | EvidenceProvided
    | EvidenceNotRecorded
    | EvidenceRefused
    | EvidenceFailed
    | EvidenceOverdue
    | EvidenceObjected
    | EvidenceDisputed
    | EvidenceDisputeAnswered
    | EvidenceCorrected
    | EvidenceSubstituted
    | EvidenceUploaded
    | EvidenceChecked
)
