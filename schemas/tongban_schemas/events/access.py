"""What the vault says: who was given the keys of which personal fields of a case and why, who was refused, what was erased.

The facts of one case form a chain: ``chain`` is the SHA-256 of the chain value before (64 zeros at first), a line feed, the
event's id, a line feed and the payload as canonical JSON without ``chain``. Nobody can take a fact out unseen.
"""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from tongban_schemas.envelope import EventData
from tongban_schemas.types import DepartmentId, Sealed, Sha256, StepId

TOPIC = "tongban.access.v1"

Purpose = Literal[
    "receive",
    "decide",
    "opinion",
    "remedy",
    "certify",
    "deliver",
    "notify",
    "evidence",
    "share",
    "correct",
    "explain",
    "own",
]
"""``receive``: the receiving desk; ``decide``, ``opinion``, ``remedy`` (annulment, appeal): a department of the flow;
``certify``: to make the certificate; ``deliver``: to hand it to its holder; ``notify``: to write to the person; ``evidence``:
a source answers a request; ``share``: a person at the source looks at one; ``correct``: a source tells earlier receivers;
``explain``: a doubt about a line of the ledger is answered; ``own``: somebody opens a case as its applicant, told only when it
is somebody else's."""
Caller = Literal["intake", "approvals", "certificates", "notify"]
AccessRule = Literal[
    "unknown-case",
    "service-not-permitted",
    "department-not-yours",
    "not-your-case",
    "not-your-step",
    "case-closed",
    "scope",
    "request-unknown",
    "request-not-yours",
    "request-answered",
    "request-expired",
    "not-the-applicant",
    "duty-missing",
    "own-application",
    "own-decision",
    "forged-source",
    "erased",
]
"""Why keys were refused. ``scope``: a field that the purpose does not cover."""
ErasureGround = Literal["retention-over", "withdrawn", "not-accepted", "draft-discarded"]

DOUBT_FIELD = "access.doubted"
"""The field under which a doubt is sealed."""
EXPLANATION_FIELD = "access.explained"
"""The field under which the answer to a doubt is sealed."""
FIRST_CHAIN = "0" * 64


class AccessGranted(EventData):
    """The keys of these fields were given, for this purpose."""

    TYPE: ClassVar[str] = "cn.tongban.access.granted.v1"
    TOPIC: ClassVar[str] = TOPIC

    service: Caller
    department: DepartmentId | None = None
    purpose: Purpose
    fields: list[str] = Field(min_length=1)
    step: StepId | None = None
    request: UUID | None = Field(default=None, description="The evidence request that it is for.")
    officer: UUID | None = Field(
        default=None, description="Who looked; absent when a program used the values by itself."
    )
    chain: Sha256


class AccessRefused(EventData):
    """Somebody asked for what is not theirs to see, and did not get it."""

    TYPE: ClassVar[str] = "cn.tongban.access.refused.v1"
    TOPIC: ClassVar[str] = TOPIC

    service: Caller
    department: str | None = None
    purpose: Purpose
    rule: AccessRule
    fields: list[str] = Field(default_factory=list)
    step: str | None = None
    request: UUID | None = None
    officer: UUID | None = None
    chain: Sha256


class AccessDoubted(EventData):
    """The person doubts a line of the ledger."""

    TYPE: ClassVar[str] = "cn.tongban.access.doubted.v1"
    TOPIC: ClassVar[str] = TOPIC

    access: UUID = Field(description="Event id of the line.")
    department: DepartmentId | None = None
    text: Sealed
    chain: Sha256


class AccessExplained(EventData):
    """The department answers a doubt."""

    TYPE: ClassVar[str] = "cn.tongban.access.explained.v1"
    TOPIC: ClassVar[str] = TOPIC

    doubt: UUID
    department: DepartmentId
    text: Sealed
    officer: UUID
    chain: Sha256


class AccessErased(EventData):
    """The key of the case was destroyed; what it sealed cannot be opened any more by anybody."""

    TYPE: ClassVar[str] = "cn.tongban.access.erased.v1"
    TOPIC: ClassVar[str] = TOPIC

    ground: ErasureGround
    basis: str = Field(description="The rule under which it was done.")
    key: Sha256 = Field(description="The fingerprint that the key had: which key is gone, without the key.")
    chain: Sha256


EVENTS: tuple[type[EventData], ...] = (AccessGranted, AccessRefused, AccessDoubted, AccessExplained, AccessErased)
