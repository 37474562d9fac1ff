"""What is known of one application, as values with one canonical form."""

from datetime import date, datetime
from typing import Literal

import msgspec
from tongban_catalog.proofs import ProofState

from tongban_intake.payloads import Item, Limit

State = Literal[
    "submitted", "accepted", "waiting-for-correction", "withdrawn", "refused", "not-accepted", "revoked", "issued"
]
StepState = Literal["open", "correction", "granted", "refused", "annulled"]
"""``annulled``: its decision was taken back and it is not open again."""

FINAL_STATES: frozenset[State] = frozenset({"issued", "refused", "not-accepted", "revoked", "withdrawn"})
"""Those in which nobody works on the case. An annulment can bring one back to life."""


class Value(msgspec.Struct, frozen=True, omit_defaults=True):
    """Base of everything inside a status. Texts that are sealed stay as they came."""


class Stop(Value, frozen=True):
    """A special procedure that stopped the clock. ``id`` is the event's; without ``end`` it still does."""

    id: str
    procedure: str
    begin: datetime
    expected: Limit
    end: datetime | None = None
    round: int = 1


class Extension(Value, frozen=True):
    """``by`` is what was added to the limit; ``reason`` is sealed."""

    by: Limit
    at: datetime
    department: str
    reason: str


class Alert(Value, frozen=True):
    """A limit (``promised``, ``legal`` or ``joint``) of which most was used up by ``at``, or all when ``over``."""

    limit: str
    over: bool
    due: datetime
    at: datetime


class Opinion(Value, frozen=True):
    """What another department was asked. ``silence`` is what its silence meant, once the time had passed."""

    request: str
    opinion: str
    asked: str
    asked_at: datetime
    answered_at: datetime | None = None
    agrees: bool | None = None
    lapsed_at: datetime | None = None
    silence: str | None = None


class StepStatus(Value, frozen=True):
    """One step that a department has opened, asked about or decided, in its present round.

    ``stops`` are those of every round, as they count for the joint limit of the case.
    ``decision`` is the event id of the decision that stands, or that was annulled. ``concurred`` counts officers who agreed.
    """

    department: str
    state: StepState
    round: int = 1
    opened_at: datetime | None = None
    because: str | None = None
    decided_at: datetime | None = None
    decided_by: str | None = None
    decision: str | None = None
    deemed: bool = False
    conditional: bool = False
    reason_code: str | None = None
    reason: str | None = None
    concurred: int = 0
    stops: tuple[Stop, ...] = ()
    extension: Extension | None = None
    alerts: tuple[Alert, ...] = ()
    opinions: tuple[Opinion, ...] = ()


class Correction(Value, frozen=True):
    """A notice (without a step) or a request to correct. ``id`` is its event id; ``open`` while the applicant is awaited."""

    id: str
    step: str | None
    department: str
    requested_at: datetime
    fields: tuple[str, ...]
    message: str
    answered_at: datetime | None
    open: bool
    materials: tuple[str, ...] = ()
    round: int = 1


class Promise(Value, frozen=True):
    """What was accepted on the promise to bring it: all of it, what was brought, what is overdue."""

    materials: tuple[str, ...]
    brought: tuple[str, ...] = ()
    overdue: tuple[str, ...] = ()


class Annulment(Value, frozen=True):
    """A decision taken back. ``reason`` is sealed."""

    id: str
    step: str
    department: str
    decision: str
    at: datetime
    reopen: bool
    reason_code: str
    reason: str


class Appeal(Value, frozen=True):
    """A request to review a decision, and what came of it. ``text`` is sealed; ``step`` is None for a non-acceptance."""

    id: str
    decision: str
    way: str
    filed_at: datetime
    step: str | None = None
    department: str | None = None
    decided_at: datetime | None = None
    outcome: str | None = None
    text: str | None = None


class NotAcceptedStatus(Value, frozen=True):
    """Why the receiving body did not take it up, and who is competent. ``reason`` is sealed."""

    decision: str
    at: datetime
    department: str
    reason_code: str
    reason: str
    right_authority: str | None = None


class CertificateStatus(Value, frozen=True):
    """``revoked_at`` and ``cause`` (``annulled``, ``replaced``) when it no longer stands."""

    number: str
    kind: str
    issuer: str
    verification: str
    issued_at: datetime
    valid_until: date | None = None
    revoked_at: datetime | None = None
    cause: str | None = None


class ActStatus(Value, frozen=True):
    """A formal act. ``event`` is the id of the event that carries its signed content."""

    event: str
    number: str
    kind: str
    issued_on: date
    body: str
    sha256: str
    department: str | None = None
    step: str | None = None


class ProofStatus(Value, frozen=True):
    """One proof; ``state`` as in `tongban_catalog.proofs`. ``because`` is the event after which the applicant may bring it.

    ``rests_on`` are the proofs, by material, that a substitution rests on; ``corrected_at`` is when its source last told
    that the record had changed.
    """

    state: ProofState
    at: datetime
    provider: str | None = None
    resource: str | None = None
    grade: str | None = None
    requested_at: datetime | None = None
    expires: datetime | None = None
    recorded_at: datetime | None = None
    valid_until: datetime | None = None
    reason: str | None = None
    overdue: bool = False
    because: str | None = None
    upload_allowed: bool = False
    disputed: bool = False
    corrected_at: datetime | None = None
    changed: tuple[str, ...] = ()
    rule: int | None = None
    rests_on: tuple[str, ...] = ()


class Deliveries(Value, frozen=True):
    """How many notifications of a channel ended in each way, and the ``reasons`` of those that failed, each once."""

    sent: int
    failed: int
    reasons: tuple[str, ...] = ()


class TimelineEntry(Value, frozen=True):
    """One fact. ``type`` is the CloudEvents type, ``trace`` the W3C trace id."""

    time: datetime
    id: str
    type: str
    source: str
    step: str | None = None
    trace: str | None = None


class Status(Value, frozen=True):
    """What is known of one application. ``version`` counts its facts; it only grows. ``proofs`` are by material.

    ``accepted_at`` is when the acceptance counts from: for a deemed one, the receipt.
    """

    state: State
    version: int
    intake_position: int
    item: Item | None
    submitted_at: datetime | None
    accepted_at: datetime | None
    withdrawn_at: datetime | None
    steps: dict[str, StepStatus]
    corrections: tuple[Correction, ...]
    certificate: CertificateStatus | None
    notifications: dict[str, Deliveries]
    timeline: tuple[TimelineEntry, ...]
    number: str | None = None
    received_at: datetime | None = None
    receiving: str | None = None
    deemed: bool = False
    not_accepted: NotAcceptedStatus | None = None
    promise: Promise | None = None
    extension: Extension | None = None
    alerts: tuple[Alert, ...] = ()
    annulments: tuple[Annulment, ...] = ()
    appeals: tuple[Appeal, ...] = ()
    delivery_overdue: datetime | None = None
    acts: tuple[ActStatus, ...] = ()
    proofs: dict[str, ProofStatus] = msgspec.field(default_factory=dict)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Status)


def encode(status: Status) -> bytes:
    """Canonical JSON: equal statuses give equal bytes."""
    return _encoder.encode(status)


def decode(body: bytes) -> Status:
    """The reverse of `encode`. Raises `msgspec.DecodeError`."""
    return _decoder.decode(body)
