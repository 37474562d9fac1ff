"""What intake, approvals, certificates and notify say of a case."""

from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

from tongban_intake.payloads.base import Act, Body, Item, Limit


class Submitted(Body, frozen=True, gc=False, tag="submitted"):
    TYPE: ClassVar[str] = "cn.tongban.application.submitted.v1"

    item: Item
    answers: dict[str, Any] = {}  # noqa: RUF012 - a struct copies it


class Received(Body, frozen=True, gc=False, tag="received"):
    TYPE: ClassVar[str] = "cn.tongban.application.received.v1"

    item: Item
    number: str
    department: str
    act: Act | None = None


class Accepted(Body, frozen=True, gc=False, tag="accepted"):
    TYPE: ClassVar[str] = "cn.tongban.application.accepted.v1"

    item: Item
    deemed: bool = False
    number: str | None = None
    effective_from: datetime | None = None
    promised: tuple[str, ...] = ()
    act: Act | None = None


class Noticed(Body, frozen=True, gc=False, tag="noticed"):
    TYPE: ClassVar[str] = "cn.tongban.application.correction-noticed.v1"

    department: str
    message: str
    fields: tuple[str, ...] = ()
    materials: tuple[str, ...] = ()
    act: Act | None = None


class NoticeRejected(Body, frozen=True, gc=False, tag="notice-rejected"):
    TYPE: ClassVar[str] = "cn.tongban.application.notice-rejected.v1"

    department: str
    rule: str


class NotAccepted(Body, frozen=True, gc=False, tag="not-accepted"):
    TYPE: ClassVar[str] = "cn.tongban.application.not-accepted.v1"

    department: str
    reason_code: str
    reason: str
    right_authority: str | None = None
    act: Act | None = None


class Corrected(Body, frozen=True, gc=False, tag="corrected"):
    TYPE: ClassVar[str] = "cn.tongban.application.corrected.v1"

    request: UUID


class Supplemented(Body, frozen=True, gc=False, tag="supplemented"):
    TYPE: ClassVar[str] = "cn.tongban.application.supplemented.v1"

    materials: dict[str, str]


class PromiseOverdue(Body, frozen=True, gc=False, tag="promise-overdue"):
    TYPE: ClassVar[str] = "cn.tongban.application.promise-overdue.v1"

    materials: tuple[str, ...]


class Appealed(Body, frozen=True, gc=False, tag="appealed"):
    TYPE: ClassVar[str] = "cn.tongban.application.appealed.v1"

    decision: UUID
    way: str


class Withdrawn(Body, frozen=True, gc=False, tag="withdrawn"):
    TYPE: ClassVar[str] = "cn.tongban.application.withdrawn.v1"


class Opened(Body, frozen=True, gc=False, tag="opened"):
    TYPE: ClassVar[str] = "cn.tongban.approval.opened.v1"

    step: str
    department: str
    round: int = 1
    because: UUID | None = None


class CorrectionRequested(Body, frozen=True, gc=False, tag="correction"):
    TYPE: ClassVar[str] = "cn.tongban.approval.correction-requested.v1"

    step: str
    department: str
    fields: tuple[str, ...]
    message: str
    materials: tuple[str, ...] = ()
    round: int = 1
    act: Act | None = None


class StepNoticeRejected(Body, frozen=True, gc=False, tag="step-notice-rejected"):
    TYPE: ClassVar[str] = "cn.tongban.approval.notice-rejected.v1"

    step: str
    department: str
    rule: str


class Concurred(Body, frozen=True, gc=False, tag="concurred"):
    TYPE: ClassVar[str] = "cn.tongban.approval.concurred.v1"

    step: str
    department: str
    officer: UUID
    round: int = 1


class Granted(Body, frozen=True, gc=False, tag="granted"):
    TYPE: ClassVar[str] = "cn.tongban.approval.granted.v1"

    step: str
    department: str
    decided_by: str
    round: int = 1
    deemed: bool = False
    conditional: bool = False
    rests_on: tuple[UUID, ...] | None = None
    act: Act | None = None


class Refused(Body, frozen=True, gc=False, tag="refused"):
    TYPE: ClassVar[str] = "cn.tongban.approval.refused.v1"

    step: str
    department: str
    decided_by: str
    reason_code: str
    reason: str
    round: int = 1
    rests_on: tuple[UUID, ...] | None = None
    act: Act | None = None


class ClockStopped(Body, frozen=True, gc=False, tag="clock-stopped"):
    TYPE: ClassVar[str] = "cn.tongban.approval.clock-stopped.v1"

    step: str
    department: str
    procedure: str
    expected: Limit
    round: int = 1
    act: Act | None = None


class ClockResumed(Body, frozen=True, gc=False, tag="clock-resumed"):
    TYPE: ClassVar[str] = "cn.tongban.approval.clock-resumed.v1"

    step: str
    department: str
    stop: UUID


class Extended(Body, frozen=True, gc=False, tag="extended"):
    TYPE: ClassVar[str] = "cn.tongban.approval.extended.v1"

    department: str
    by: Limit
    reason: str
    step: str | None = None
    round: int = 1
    act: Act | None = None


class DueSoon(Body, frozen=True, gc=False, tag="due-soon"):
    TYPE: ClassVar[str] = "cn.tongban.approval.due-soon.v1"

    department: str
    limit: str
    due: datetime
    step: str | None = None
    round: int = 1


class Overdue(Body, frozen=True, gc=False, tag="overdue"):
    TYPE: ClassVar[str] = "cn.tongban.approval.overdue.v1"

    department: str
    limit: str
    due: datetime
    step: str | None = None
    round: int = 1


class OpinionRequested(Body, frozen=True, gc=False, tag="opinion-requested"):
    TYPE: ClassVar[str] = "cn.tongban.approval.opinion-requested.v1"

    step: str
    department: str
    opinion: str
    asked: str
    round: int = 1


class OpinionGiven(Body, frozen=True, gc=False, tag="opinion-given"):
    TYPE: ClassVar[str] = "cn.tongban.approval.opinion-given.v1"

    step: str
    department: str
    opinion: str
    request: UUID
    agrees: bool


class OpinionLapsed(Body, frozen=True, gc=False, tag="opinion-lapsed"):
    TYPE: ClassVar[str] = "cn.tongban.approval.opinion-lapsed.v1"

    step: str
    department: str
    opinion: str
    request: UUID
    asked: str
    silence: str


class Annulled(Body, frozen=True, gc=False, tag="annulled"):
    TYPE: ClassVar[str] = "cn.tongban.approval.annulled.v1"

    step: str
    department: str
    decision: UUID
    reopen: bool
    reason_code: str
    reason: str
    act: Act | None = None


class AppealDecided(Body, frozen=True, gc=False, tag="appeal-decided"):
    TYPE: ClassVar[str] = "cn.tongban.approval.appeal-decided.v1"

    step: str
    department: str
    appeal: UUID
    outcome: str
    text: str
    act: Act | None = None


class Issued(Body, frozen=True, gc=False, tag="issued"):
    TYPE: ClassVar[str] = "cn.tongban.certificate.issued.v1"

    item: Item
    kind: str
    number: str
    issuer: str
    verification: str
    valid_until: date | None = None


class Revoked(Body, frozen=True, gc=False, tag="revoked"):
    TYPE: ClassVar[str] = "cn.tongban.certificate.revoked.v1"

    number: str
    issuer: str
    cause: str
    because: UUID


class DeliveryOverdue(Body, frozen=True, gc=False, tag="delivery-overdue"):
    TYPE: ClassVar[str] = "cn.tongban.certificate.delivery-overdue.v1"

    issuer: str
    due: datetime


class Sent(Body, frozen=True, gc=False, tag="sent"):
    TYPE: ClassVar[str] = "cn.tongban.notification.sent.v1"

    notification: UUID
    channel: str


class Failed(Body, frozen=True, gc=False, tag="failed"):
    TYPE: ClassVar[str] = "cn.tongban.notification.failed.v1"

    notification: UUID
    channel: str
    reason: str


AnyCase = (
    Submitted
    | Received
    | Accepted
    | Noticed
    | NoticeRejected
    | NotAccepted
    | Corrected
    | Supplemented
    | PromiseOverdue
    | Appealed
    | Withdrawn
    | Opened
    | CorrectionRequested
    | StepNoticeRejected
    | Concurred
    | Granted
    | Refused
    | ClockStopped
    | ClockResumed
    | Extended
    | DueSoon
    | Overdue
    | OpinionRequested
    | OpinionGiven
    | OpinionLapsed
    | Annulled
    | AppealDecided
    | Issued
    | Revoked
    | DeliveryOverdue
    | Sent
    | Failed
)
