"""What is asked of registers instead of people, and what they answer. The key is the application's.

Intake asks and speaks for the applicant, certificates answers for the departments that hold registers, approvals speaks for
the departments that use what came. An answer names the request by its event id.
"""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from tongban_schemas.envelope import EventData
from tongban_schemas.types import (
    DepartmentId,
    ItemRef,
    JsonObject,
    MaterialId,
    ResourceId,
    Sealed,
    Sha256,
    StepId,
    Utc,
)

TOPIC = "tongban.evidence.v1"

Grade = Literal["A", "B", "C", "D"]
"""How far a proof carries (国办函〔2016〕108号). A: made by the issuing body; B: a clerk compared it with the original; C: the
applicant uploaded it, and a clerk has to see the original first; D: made by the applicant, who promises that it is true."""
Stage = Literal["answer", "negotiation", "mediation"]
"""Who is speaking: the source at first, the source again after an objection, or the authority above both."""
RefusalGround = Literal[
    "forbidden-by-law", "purpose-not-covered", "not-held", "under-investigation", "request-incomplete"
]
FailureReason = Literal["source-unreachable", "source-error", "expired", "no-holder"]
Cause = Literal["dispute", "source"]
UploadReason = Literal["fetch-failed", "no-source", "consent-refused", "notice", "promise"]
"""Why an applicant brings a file. ``fetch-failed``: its source could not give it; ``no-source``: no register has it;
``consent-refused``: the applicant did not agree to have it fetched; ``notice``: a notice or correction request asked for it;
``promise``: it was promised at acceptance."""


def lookup_field(name: str) -> str:
    """The field under which what a record is looked up by is sealed in a request, ``holder`` for one."""
    return f"evidence.lookup/{name}"


def evidence_field(material: str, name: str) -> str:
    """The field under which one field of a proof is sealed."""
    return f"evidence/{material}/{name}"


def evidence_text_field(material: str) -> str:
    """The field under which the words about a proof are sealed: a refusal's reason, an objection, a dispute, its answer."""
    return f"evidence.text/{material}"


def upload_field(material: str) -> str:
    """The field under which an uploaded file is sealed in the store of files."""
    return f"evidence.file/{material}"


class _Answer(EventData):
    request: UUID = Field(description="Event id of the request.")
    resource: ResourceId
    material: MaterialId
    department: DepartmentId = Field(description="The source that speaks.")


class EvidenceRequested(EventData):
    """A proof is asked of its source: for what, for whom, which fields, until when. The event's id is the request."""

    TYPE: ClassVar[str] = "cn.tongban.evidence.requested.v1"
    TOPIC: ClassVar[str] = TOPIC

    material: MaterialId
    resource: ResourceId
    provider: DepartmentId = Field(description="The source that has to answer.")
    item: ItemRef = Field(description="The purpose: the service item that the proof is for.")
    asked_by: DepartmentId = Field(description="The department that the proof is for.")
    basis: str = Field(description="The legal basis on which the item asks for it.")
    fields: list[str] = Field(min_length=1, description="What may be answered, and nothing more.")
    lookup: dict[str, Sealed] = Field(default_factory=dict, description="What to look up by, where it is personal.")
    lookup_plain: dict[str, str] = Field(default_factory=dict, description="What to look up by, where it is not.")
    attempt: int = Field(default=1, ge=1)
    expires: Utc = Field(description="The request ends then, answered or not.")


class EvidenceProvided(_Answer):
    """The source gave what was asked, and no more."""

    TYPE: ClassVar[str] = "cn.tongban.evidence.provided.v1"
    TOPIC: ClassVar[str] = TOPIC

    grade: Grade = "A"
    values: JsonObject = Field(default_factory=dict, description="What is not personal, by field.")
    sealed: dict[str, Sealed] = Field(default_factory=dict, description="What is personal, by field.")
    recorded_at: Utc = Field(description="When the register last changed the record.")
    valid_until: Utc | None = None
    under_dispute: bool = Field(default=False, description="Somebody says that the record is wrong.")
    stage: Stage = "answer"
    officer: UUID | None = Field(default=None, description="Who released it; absent when it went by itself.")


class EvidenceNotRecorded(_Answer):
    """The register has no such record."""

    TYPE: ClassVar[str] = "cn.tongban.evidence.not-recorded.v1"
    TOPIC: ClassVar[str] = TOPIC


class EvidenceRefused(_Answer):
    """The source does not give it, on a ground and with its legal basis. It may be objected to, once at each stage."""

    TYPE: ClassVar[str] = "cn.tongban.evidence.refused.v1"
    TOPIC: ClassVar[str] = TOPIC

    ground: RefusalGround
    basis: str = Field(min_length=1, description="The article that the ground rests on.")
    reason: Sealed
    stage: Stage = "answer"
    officer: UUID | None = None


class EvidenceFailed(_Answer):
    """The proof could not be fetched. ``final``: nobody tries again, and the applicant may bring it instead."""

    TYPE: ClassVar[str] = "cn.tongban.evidence.failed.v1"
    TOPIC: ClassVar[str] = TOPIC

    reason: FailureReason
    final: bool


class EvidenceOverdue(_Answer):
    """The time in which a person at the source, or the authority above, had to answer has passed."""

    TYPE: ClassVar[str] = "cn.tongban.evidence.overdue.v1"
    TOPIC: ClassVar[str] = TOPIC

    stage: Stage
    due: Utc
    supervisor: DepartmentId | None = None


class EvidenceObjected(EventData):
    """The department that needs a refused proof does not accept the refusal: it asks again, then asks the authority above."""

    TYPE: ClassVar[str] = "cn.tongban.evidence.objected.v1"
    TOPIC: ClassVar[str] = TOPIC

    request: UUID
    refusal: UUID = Field(description="Event id of the refusal.")
    material: MaterialId
    department: DepartmentId
    stage: Literal["negotiation", "mediation"]
    argument: Sealed
    officer: UUID


class EvidenceDisputed(EventData):
    """The applicant says that what a register gave is wrong."""

    TYPE: ClassVar[str] = "cn.tongban.evidence.disputed.v1"
    TOPIC: ClassVar[str] = TOPIC

    provided: UUID = Field(description="Event id of what was provided.")
    resource: ResourceId
    material: MaterialId
    provider: DepartmentId
    fields: list[str] = Field(min_length=1)
    text: Sealed


class EvidenceDisputeAnswered(_Answer):
    """The source examined a dispute: the record is corrected, or it stands."""

    TYPE: ClassVar[str] = "cn.tongban.evidence.dispute-answered.v1"
    TOPIC: ClassVar[str] = TOPIC

    dispute: UUID
    outcome: Literal["corrected", "upheld"]
    text: Sealed
    officer: UUID | None = None


class EvidenceCorrected(_Answer):
    """A record changed at its source after it was given. An open case gets the new values, a closed one only the news."""

    TYPE: ClassVar[str] = "cn.tongban.evidence.corrected.v1"
    TOPIC: ClassVar[str] = TOPIC

    provided: UUID = Field(description="Event id of what was provided.")
    cause: Cause
    changed: list[str] = Field(default_factory=list, description="The fields that changed.")
    values: JsonObject = Field(default_factory=dict)
    sealed: dict[str, Sealed] = Field(default_factory=dict)
    recorded_at: Utc
    withdrawn: bool = Field(default=False, description="The record is gone.")


class EvidenceSubstituted(EventData):
    """A rule of the item says that something else stands in for the proof, so nobody is asked for it."""

    TYPE: ClassVar[str] = "cn.tongban.evidence.substituted.v1"
    TOPIC: ClassVar[str] = TOPIC

    material: MaterialId
    rule: int = Field(ge=0, description="Which of the item's substitutions fired, counted from 0.")
    basis: str = Field(description="The legal basis of the rule.")
    rests_on: list[UUID] = Field(default_factory=list, description="Event ids of the proofs that it rests on.")


class EvidenceUploaded(EventData):
    """The applicant brought a material as a file, which lies sealed in the store of files."""

    TYPE: ClassVar[str] = "cn.tongban.evidence.uploaded.v1"
    TOPIC: ClassVar[str] = TOPIC

    material: MaterialId
    because: UUID = Field(
        description="Event id of what asked for it: the failed fetch, the notice, the acceptance on a promise; the "
        "application's own id where its item asks for it from the start."
    )
    reason: UploadReason = "fetch-failed"
    sha256: Sha256 = Field(description="Of the file as it was converted.")
    media_type: Literal["application/pdf", "image/jpeg", "image/png"]
    size: int = Field(ge=1, description="Bytes, as it was converted.")
    pages: int = Field(default=1, ge=1)
    grade: Literal["C", "D"] = "C"
    promise: bool = Field(default=False, description="Grade D: the applicant promised that it is true.")


class EvidenceChecked(EventData):
    """A clerk compared an uploaded proof with the original: it carries grade B from now on."""

    TYPE: ClassVar[str] = "cn.tongban.evidence.checked.v1"
    TOPIC: ClassVar[str] = TOPIC

    uploaded: UUID = Field(description="Event id of the upload.")
    material: MaterialId
    department: DepartmentId
    step: StepId | None = Field(default=None, description="Absent at the receiving desk.")
    officer: UUID
    grade: Grade = "B"


EVENTS: tuple[type[EventData], ...] = (
    EvidenceRequested,
    EvidenceProvided,
    EvidenceNotRecorded,
    EvidenceRefused,
    EvidenceFailed,
    EvidenceOverdue,
    EvidenceObjected,
    EvidenceDisputed,
    EvidenceDisputeAnswered,
    EvidenceCorrected,
    EvidenceSubstituted,
    EvidenceUploaded,
    EvidenceChecked,
)
