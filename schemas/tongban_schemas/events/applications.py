"""What intake says about an application."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from tongban_schemas.envelope import EventData
from tongban_schemas.types import (
    Act,
    CaseNumber,
    DepartmentId,
    ItemRef,
    JsonObject,
    Language,
    MaterialId,
    Sealed,
    Sha256,
    Utc,
)

TOPIC = "tongban.applications.v1"

NoticeRule = Literal["second-notice", "late-notice"]
"""Why a notice was refused: the first one had to name everything; it came after five working days (art. 32)."""

NOTICE_FIELD = "application.correction-noticed"
"""The field under which the message of a correction notice is sealed, followed by ``/`` and its ordinal."""
NON_ACCEPTANCE_FIELD = "application.not-accepted"
"""The field under which the reason of a non-acceptance is sealed."""
APPEAL_FIELD = "application.appealed"
"""The field under which the grounds of an appeal are sealed, followed by ``/`` and the decision's event id."""


class ApplicationSubmitted(EventData):
    """A person or a company applied. Personal answers travel sealed, the others in the clear."""

    TYPE: ClassVar[str] = "cn.tongban.application.submitted.v1"
    TOPIC: ClassVar[str] = TOPIC

    item: ItemRef
    applicant: UUID = Field(description="The applicant's pseudonym; never a personal number.")
    region: str = Field(pattern=r"^[0-9]{6}$", description="GB/T 2260 code of the receiving place.")
    language: Language = "zh"
    answers: JsonObject = Field(default_factory=dict, description="Answers that are not personal.")
    sealed: dict[str, Sealed] = Field(default_factory=dict, description="Personal answers, by field.")
    materials: dict[MaterialId, Sha256] = Field(default_factory=dict, description="What was handed in, by material.")
    fetched: list[MaterialId] = Field(
        default_factory=list,
        max_length=100,
        description="The proofs that registers were asked for, or that a rule stands in for, before the application: "
        "what was said of them may be read later, and no decision is made without it.",
    )


class ApplicationReceived(EventData):
    """The application has its number and lies with the body that examines whether it is complete."""

    TYPE: ClassVar[str] = "cn.tongban.application.received.v1"
    TOPIC: ClassVar[str] = TOPIC

    item: ItemRef
    number: CaseNumber
    department: DepartmentId = Field(description="The receiving body.")
    act: Act | None = None


class ApplicationAccepted(EventData):
    """The application is complete and the deciding clock starts."""

    TYPE: ClassVar[str] = "cn.tongban.application.accepted.v1"
    TOPIC: ClassVar[str] = TOPIC

    item: ItemRef
    deemed: bool = Field(default=False, description="Accepted because nobody answered in time.")
    number: CaseNumber | None = None
    effective_from: Utc | None = Field(default=None, description="When it counts from; absent: from this event's time.")
    promised: list[MaterialId] = Field(default_factory=list, description="Accepted on the promise to bring these.")
    officer: UUID | None = Field(default=None, description="The officer's pseudonym; absent when a rule accepted.")
    act: Act | None = None


class ApplicationCorrectionNoticed(EventData):
    """The receiving body told, once and at once, everything that is missing or wrong. The event's id is the request."""

    TYPE: ClassVar[str] = "cn.tongban.application.correction-noticed.v1"
    TOPIC: ClassVar[str] = TOPIC

    department: DepartmentId
    fields: list[str] = Field(default_factory=list, description="The answers to correct.")
    materials: list[MaterialId] = Field(default_factory=list, description="The materials to bring.")
    message: Sealed
    officer: UUID | None = None
    act: Act | None = None


class ApplicationNoticeRejected(EventData):
    """A notice that the law forbids was refused; the attempt is on record (art. 32, 72)."""

    TYPE: ClassVar[str] = "cn.tongban.application.notice-rejected.v1"
    TOPIC: ClassVar[str] = TOPIC

    department: DepartmentId
    officer: UUID
    rule: NoticeRule
    fields: list[str] = Field(default_factory=list)
    materials: list[MaterialId] = Field(default_factory=list)


class ApplicationNotAccepted(EventData):
    """Not accepted: no permit is needed, or another authority is competent, which is then named (art. 32)."""

    TYPE: ClassVar[str] = "cn.tongban.application.not-accepted.v1"
    TOPIC: ClassVar[str] = TOPIC

    department: DepartmentId
    reason_code: str = Field(pattern=r"^[a-z][a-z0-9-]{1,40}$")
    reason: Sealed
    right_authority: str | None = Field(default=None, description="Who is competent, when it is not this body.")
    officer: UUID | None = None
    act: Act | None = None


class ApplicationCorrected(EventData):
    """The applicant answered a correction request."""

    TYPE: ClassVar[str] = "cn.tongban.application.corrected.v1"
    TOPIC: ClassVar[str] = TOPIC

    request: UUID = Field(description="The id of the correction request that this answers.")
    answers: JsonObject = Field(default_factory=dict)
    sealed: dict[str, Sealed] = Field(default_factory=dict)
    materials: dict[MaterialId, Sha256] = Field(default_factory=dict)


class ApplicationSupplemented(EventData):
    """The applicant brought materials that were promised."""

    TYPE: ClassVar[str] = "cn.tongban.application.supplemented.v1"
    TOPIC: ClassVar[str] = TOPIC

    materials: dict[MaterialId, Sha256]


class ApplicationPromiseOverdue(EventData):
    """The time to bring promised materials has passed."""

    TYPE: ClassVar[str] = "cn.tongban.application.promise-overdue.v1"
    TOPIC: ClassVar[str] = TOPIC

    materials: list[MaterialId]


class ApplicationAppealed(EventData):
    """The applicant asked for review of a decision (Administrative Reconsideration Law 2023 art. 20: 60 days)."""

    TYPE: ClassVar[str] = "cn.tongban.application.appealed.v1"
    TOPIC: ClassVar[str] = TOPIC

    decision: UUID = Field(description="Event id of the decision.")
    way: Literal["reconsideration", "litigation"]
    grounds: Sealed


class ApplicationWithdrawn(EventData):
    """The applicant took the application back."""

    TYPE: ClassVar[str] = "cn.tongban.application.withdrawn.v1"
    TOPIC: ClassVar[str] = TOPIC


EVENTS: tuple[type[EventData], ...] = (
    ApplicationSubmitted,
    ApplicationReceived,
    ApplicationAccepted,
    ApplicationCorrectionNoticed,
    ApplicationNoticeRejected,
    ApplicationNotAccepted,
    ApplicationCorrected,
    ApplicationSupplemented,
    ApplicationPromiseOverdue,
    ApplicationAppealed,
    ApplicationWithdrawn,
)
