"""What a department says about its own steps of a case."""

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from tongban_schemas.envelope import EventData
from tongban_schemas.events.applications import NoticeRule
from tongban_schemas.types import Act, DepartmentId, JsonObject, Limit, MaterialId, Round, Sealed, StepId, Utc

TOPIC = "tongban.approvals.v1"

DecidedBy = Literal["rule", "officer"]


def refusal_field(step: str) -> str:
    """The field under which the reason of a step's refusal is sealed."""
    return f"approval.refused/{step}"


def grant_field(step: str, name: str) -> str:
    """The field under which what a grant says is sealed, where that is personal."""
    return f"approval.granted/{step}/{name}"


def correction_field(step: str) -> str:
    """The field under which the message of a step's correction request is sealed."""
    return f"approval.correction-requested/{step}"


def extension_field(step: str | None) -> str:
    """The field under which the reason of an extension is sealed; without a step, that of the joint limit."""
    return f"approval.extended/{step or 'joint'}"


def opinion_field(step: str, opinion: str) -> str:
    """The field under which the text of an opinion is sealed."""
    return f"approval.opinion-given/{step}/{opinion}"


def annulment_field(step: str) -> str:
    """The field under which the reason of an annulment is sealed."""
    return f"approval.annulled/{step}"


def appeal_decision_field(step: str) -> str:
    """The field under which the text of a decision on an appeal is sealed."""
    return f"approval.appeal-decided/{step}"


RestsOn = Annotated[
    list[UUID] | None,
    Field(
        description=(
            "Event ids of what the decision rests on: the grants that its step needs, and the corrections of what it "
            "looks at. Absent when it was not told."
        )
    ),
]

Silence = Literal["none", "escalate", "deemed"]
"""What it means when an opinion does not come in time: nothing, the supervisor is told, or consent with a basis."""

LimitKind = Literal["promised", "legal", "joint"]


class ApprovalOpened(EventData):
    """A department opened its step: every prerequisite holds."""

    TYPE: ClassVar[str] = "cn.tongban.approval.opened.v1"
    TOPIC: ClassVar[str] = TOPIC

    step: StepId
    department: DepartmentId
    round: Round = 1
    because: UUID | None = Field(default=None, description="Reopened: the correction or annulment that made it so.")


class ApprovalCorrectionRequested(EventData):
    """A department asks the applicant to correct marked fields; its step waits."""

    TYPE: ClassVar[str] = "cn.tongban.approval.correction-requested.v1"
    TOPIC: ClassVar[str] = TOPIC

    step: StepId
    department: DepartmentId
    fields: list[str] = Field(description="The answers to correct; none where materials alone are missing.")
    message: Sealed = Field(description="What is wrong and how to put it right.")
    materials: list[MaterialId] = Field(default_factory=list)
    round: Round = 1
    officer: UUID | None = None
    act: Act | None = None


class ApprovalNoticeRejected(EventData):
    """A correction request that the law forbids was refused; the attempt is on record (art. 32, 72)."""

    TYPE: ClassVar[str] = "cn.tongban.approval.notice-rejected.v1"
    TOPIC: ClassVar[str] = TOPIC

    step: StepId
    department: DepartmentId
    officer: UUID
    rule: NoticeRule
    fields: list[str] = Field(default_factory=list)
    materials: list[MaterialId] = Field(default_factory=list)


class ApprovalConcurred(EventData):
    """One officer of a step that takes several said yes (art. 34: two or more staff)."""

    TYPE: ClassVar[str] = "cn.tongban.approval.concurred.v1"
    TOPIC: ClassVar[str] = TOPIC

    step: StepId
    department: DepartmentId
    officer: UUID
    round: Round = 1


class ApprovalGranted(EventData):
    """A department decided yes."""

    TYPE: ClassVar[str] = "cn.tongban.approval.granted.v1"
    TOPIC: ClassVar[str] = TOPIC

    step: StepId
    department: DepartmentId
    decided_by: DecidedBy
    officer: UUID | None = Field(default=None, description="The officer's pseudonym; absent when a rule decided.")
    round: Round = 1
    deemed: bool = Field(default=False, description="Granted by silence: the time passed without a decision.")
    conditional: bool = Field(default=False, description="Granted while promised materials are still to come.")
    concurring: list[UUID] = Field(default_factory=list, description="Officers who said yes before.")
    fields: JsonObject = Field(
        default_factory=dict, description="What the decision says beyond yes, by the fields that its item declares."
    )
    sealed: dict[str, Sealed] = Field(default_factory=dict, description="What it says that is personal, by field.")
    rests_on: RestsOn = None
    act: Act | None = None


class ApprovalRefused(EventData):
    """A department decided no: the reason and the remedy are told (Administrative Licensing Law art. 38)."""

    TYPE: ClassVar[str] = "cn.tongban.approval.refused.v1"
    TOPIC: ClassVar[str] = TOPIC

    step: StepId
    department: DepartmentId
    decided_by: DecidedBy
    officer: UUID | None = None
    reason_code: str = Field(pattern=r"^[a-z][a-z0-9-]{1,40}$")
    reason: Sealed
    round: Round = 1
    rests_on: RestsOn = None
    act: Act | None = None


class ApprovalClockStopped(EventData):
    """A special procedure began; the step's time does not run until it ends (art. 45). The event's id names it."""

    TYPE: ClassVar[str] = "cn.tongban.approval.clock-stopped.v1"
    TOPIC: ClassVar[str] = TOPIC

    step: StepId
    department: DepartmentId
    procedure: str = Field(pattern=r"^[a-z][a-z0-9-]{1,40}$", description="A procedure that the item declares.")
    expected: Limit = Field(description="How long it will take, told to the applicant in writing.")
    round: Round = 1
    officer: UUID
    act: Act | None = None


class ApprovalClockResumed(EventData):
    """A special procedure ended."""

    TYPE: ClassVar[str] = "cn.tongban.approval.clock-resumed.v1"
    TOPIC: ClassVar[str] = TOPIC

    step: StepId
    department: DepartmentId
    stop: UUID = Field(description="Event id of the stop.")
    officer: UUID


class ApprovalExtended(EventData):
    """The limit was extended, once, by the head of the body, with a reason (art. 42). No step: the joint limit."""

    TYPE: ClassVar[str] = "cn.tongban.approval.extended.v1"
    TOPIC: ClassVar[str] = TOPIC

    step: StepId | None = None
    department: DepartmentId
    by: Limit
    reason: Sealed
    round: Round = 1
    officer: UUID = Field(description="The head who approved it.")
    act: Act | None = None


class ApprovalDueSoon(EventData):
    """Yellow: most of the time is used up. No step: the joint limit of the whole case."""

    TYPE: ClassVar[str] = "cn.tongban.approval.due-soon.v1"
    TOPIC: ClassVar[str] = TOPIC

    step: StepId | None = None
    department: DepartmentId
    limit: LimitKind
    due: Utc
    round: Round = 1


class ApprovalOverdue(EventData):
    """Red: a limit passed without a decision; the department and its supervisor are told."""

    TYPE: ClassVar[str] = "cn.tongban.approval.overdue.v1"
    TOPIC: ClassVar[str] = TOPIC

    step: StepId | None = None
    department: DepartmentId
    limit: LimitKind
    due: Utc
    round: Round = 1
    supervisor: DepartmentId | None = None


class ApprovalOpinionRequested(EventData):
    """The deciding department asked another one for its opinion. The event's id is the request."""

    TYPE: ClassVar[str] = "cn.tongban.approval.opinion-requested.v1"
    TOPIC: ClassVar[str] = TOPIC

    step: StepId
    department: DepartmentId
    opinion: str = Field(pattern=r"^[a-z][a-z0-9-]{1,40}$", description="An opinion that the item declares.")
    asked: DepartmentId
    round: Round = 1


class ApprovalOpinionGiven(EventData):
    """The asked department answered."""

    TYPE: ClassVar[str] = "cn.tongban.approval.opinion-given.v1"
    TOPIC: ClassVar[str] = TOPIC

    step: StepId
    department: DepartmentId = Field(description="The department that was asked.")
    opinion: str = Field(pattern=r"^[a-z][a-z0-9-]{1,40}$")
    request: UUID
    agrees: bool
    text: Sealed
    officer: UUID


class ApprovalOpinionLapsed(EventData):
    """The time to answer passed; the item's silence rule applies."""

    TYPE: ClassVar[str] = "cn.tongban.approval.opinion-lapsed.v1"
    TOPIC: ClassVar[str] = TOPIC

    step: StepId
    department: DepartmentId = Field(description="The department that asked.")
    opinion: str = Field(pattern=r"^[a-z][a-z0-9-]{1,40}$")
    request: UUID
    asked: DepartmentId
    silence: Silence


class ApprovalAnnulled(EventData):
    """A decision was taken back; it no longer counts, and what rests on it is examined anew."""

    TYPE: ClassVar[str] = "cn.tongban.approval.annulled.v1"
    TOPIC: ClassVar[str] = TOPIC

    step: StepId
    department: DepartmentId
    decision: UUID = Field(description="Event id of the decision.")
    reopen: bool = Field(description="Whether the step is decided anew.")
    reason_code: str = Field(pattern=r"^[a-z][a-z0-9-]{1,40}$")
    reason: Sealed
    officer: UUID
    appeal: UUID | None = Field(default=None, description="The appeal that led to it.")
    act: Act | None = None


class ApprovalAppealDecided(EventData):
    """The reviewing body decided on an appeal. An annulment that follows is an event of its own."""

    TYPE: ClassVar[str] = "cn.tongban.approval.appeal-decided.v1"
    TOPIC: ClassVar[str] = TOPIC

    step: StepId
    department: DepartmentId
    appeal: UUID
    outcome: Literal["upheld", "annulled"]
    text: Sealed
    officer: UUID
    act: Act | None = None


EVENTS: tuple[type[EventData], ...] = (
    ApprovalOpened,
    ApprovalCorrectionRequested,
    ApprovalNoticeRejected,
    ApprovalConcurred,
    ApprovalGranted,
    ApprovalRefused,
    ApprovalClockStopped,
    ApprovalClockResumed,
    ApprovalExtended,
    ApprovalDueSoon,
    ApprovalOverdue,
    ApprovalOpinionRequested,
    ApprovalOpinionGiven,
    ApprovalOpinionLapsed,
    ApprovalAnnulled,
    ApprovalAppealDecided,
)
