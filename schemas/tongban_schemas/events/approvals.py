"""What a department says about its own steps of a case."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from tongban_schemas.envelope import EventData
from tongban_schemas.types import DepartmentId, Sealed, StepId

TOPIC = "tongban.approvals.v1"

DecidedBy = Literal["rule", "officer"]


def refusal_field(step: str) -> str:
    """The field under which the reason of a step's refusal is sealed."""
    return f"approval.refused/{step}"


def correction_field(step: str) -> str:
    """The field under which the message of a step's correction request is sealed."""
    return f"approval.correction-requested/{step}"


class ApprovalOpened(EventData):
    """A department opened its step: every prerequisite holds."""

    TYPE: ClassVar[str] = "cn.tongban.approval.opened.v1"
    TOPIC: ClassVar[str] = TOPIC

    step: StepId
    department: DepartmentId


class ApprovalCorrectionRequested(EventData):
    """A department asks the applicant to correct marked fields; its step waits."""

    TYPE: ClassVar[str] = "cn.tongban.approval.correction-requested.v1"
    TOPIC: ClassVar[str] = TOPIC

    step: StepId
    department: DepartmentId
    fields: list[str] = Field(min_length=1, description="The answers to correct.")
    message: Sealed = Field(description="What is wrong and how to put it right.")


class ApprovalGranted(EventData):
    """A department decided yes."""

    TYPE: ClassVar[str] = "cn.tongban.approval.granted.v1"
    TOPIC: ClassVar[str] = TOPIC

    step: StepId
    department: DepartmentId
    decided_by: DecidedBy
    officer: UUID | None = Field(default=None, description="The officer's pseudonym; absent when a rule decided.")


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


EVENTS: tuple[type[EventData], ...] = (
    ApprovalOpened,
    ApprovalCorrectionRequested,
    ApprovalGranted,
    ApprovalRefused,
)
