"""The shapes in which a case is shown to people and programs."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field
from tongban_catalog.proofs import ProofState

from tongban_intake.status import State

FlowState = Literal["not-open", "open", "correction", "granted", "refused", "annulled", "stopped"]
"""``stopped``: undecided, and the case has ended."""
Colour = Literal["green", "yellow", "red"]
"""Green: there is time; yellow: most of it is used up; red: it is over."""
LimitKind = Literal["promised", "legal", "joint", "receipt", "delivery", "promise"]
"""What runs: a step's promised and legal limits, the case's joint one, the receiving body's five days, the delivery of the
certificate, the bringing of promised materials."""


class Words(BaseModel):
    """The same words in Chinese and English."""

    zh: str
    en: str


class Department(BaseModel):
    id: str
    name: Words


class ItemShown(BaseModel):
    code: str
    version: int
    name: Words | None


class LimitShown(BaseModel):
    """``number`` of ``unit``: WD working days, ND natural days, WH working hours, NH hours."""

    number: int
    unit: str
    words: Words


class DueShown(BaseModel):
    """When a limit ends: at ``at``, the end of ``day`` in China. Both are absent while the clock stands still.

    ``provisional``: the official days off of that year are not published yet, so the date may move.
    """

    kind: LimitKind
    limit: LimitShown
    at: datetime | None
    day: date | None
    provisional: bool
    colour: Colour
    words: Words


class StopShown(BaseModel):
    """Why and since when the clock stands still. ``expected_day``: the day on which it should run again, if that was told."""

    why: Words
    since: datetime
    expected: LimitShown | None = None
    expected_day: date | None = None
    words: Words


class ExtensionShown(BaseModel):
    by: LimitShown
    at: datetime
    department: Department
    reason: str | None = Field(default=None, description="Shown to the applicant alone.")


class ClockShown(BaseModel):
    """The law's clock and the promised one, side by side. ``words`` says all of it in one line."""

    step: str | None = None
    dues: list[DueShown]
    stop: StopShown | None = None
    colour: Colour
    words: Words


class ProcedureShown(BaseModel):
    """A special procedure, whose time does not count. ``end`` is absent while it is open."""

    procedure: str
    name: Words
    begin: datetime
    end: datetime | None
    expected: LimitShown


class OpinionShown(BaseModel):
    """What another department was asked, and what came of it."""

    opinion: str
    name: Words
    asked: Department
    asked_at: datetime
    answered_at: datetime | None
    agrees: bool | None
    lapsed_at: datetime | None
    words: Words


class FlowStep(BaseModel):
    """One step that applies to the case. Steps of the same ``level`` wait for none of each other and run in parallel.

    ``decision`` is the event id of the decision, which an appeal names; ``late``: a limit passed before it was decided.
    """

    step: str
    name: Words
    department: Department
    level: int
    needs: list[str]
    state: FlowState
    round: int = 1
    opened_at: datetime | None = None
    decided_at: datetime | None = None
    decided_by: str | None = Field(default=None, description="`rule` or `officer`.")
    decision: UUID | None = None
    deemed: bool = False
    conditional: bool = False
    concurred: int = Field(default=0, description="Officers who said yes so far.")
    quorum: int = Field(default=1, description="Officers who have to say yes.")
    reason_code: str | None = None
    reason: str | None = Field(default=None, description="Why it was refused; shown to the applicant alone.")
    late: bool = False
    clock: ClockShown | None = None
    extension: ExtensionShown | None = None
    procedures: list[ProcedureShown] = []
    opinions: list[OpinionShown] = []


class MaterialShown(BaseModel):
    id: str
    name: Words


class CorrectionShown(BaseModel):
    """A notice of the receiving body (no ``step``) or a department's request. ``open`` while the applicant is awaited."""

    request: UUID
    step: str | None
    department: Department
    fields: list[str]
    materials: list[MaterialShown]
    requested_at: datetime
    answered_at: datetime | None
    open: bool
    message: str | None = Field(default=None, description="What is wrong; shown to the applicant alone.")


class PromisedMaterial(BaseModel):
    """What was accepted on the promise to bring it."""

    id: str
    name: Words
    state: Literal["awaited", "brought", "overdue"]
    due: DueShown | None


class NotAcceptedShown(BaseModel):
    """Why it was not accepted, and who is competent."""

    decision: UUID
    at: datetime
    department: Department
    reason_code: str
    reason: str | None = Field(default=None, description="Shown to the applicant alone.")
    right_authority: str | None


class AnnulmentShown(BaseModel):
    step: str
    step_name: Words
    department: Department
    at: datetime
    reopen: bool
    reason_code: str
    reason: str | None = Field(default=None, description="Shown to the applicant alone.")


class AppealShown(BaseModel):
    """A request to review a decision. ``outcome`` is ``upheld`` or ``annulled``, once it is decided."""

    appeal: UUID
    decision: UUID
    step: str | None
    way: str
    filed_at: datetime
    department: Department | None
    decided_at: datetime | None
    outcome: str | None
    text: str | None = Field(default=None, description="Shown to the applicant alone.")
    words: Words


class ProofShown(BaseModel):
    """One proof of a case. ``words`` says in one sentence where it stands; ``changed`` are fields that its source corrected."""

    material: str
    name: Words
    state: ProofState
    state_name: Words
    provider: Department | None
    resource: str | None
    grade: str | None
    grade_words: Words | None
    at: datetime
    expires: datetime | None
    recorded_at: datetime | None
    valid_until: datetime | None
    reason: str | None = Field(description="Why it failed or was refused, as a code.")
    reason_words: Words | None
    rule: Words | None = Field(description="What stands in for it, where a rule of the item spares it.")
    rule_basis: list[Words] = []
    rests_on: list[Words] = Field(default_factory=list, description="The proofs on which the rule rests.")
    upload_allowed: bool
    overdue: bool
    disputed: bool
    corrected_at: datetime | None
    changed: list[str] = []
    pending: bool
    words: Words


class CertificateShown(BaseModel):
    """``revoked_at`` and ``cause`` (``annulled``, ``replaced``) when it no longer stands."""

    number: str
    kind: str
    issuer: Department
    verification: str
    issued_at: datetime
    valid_until: date | None = None
    revoked_at: datetime | None = None
    cause: str | None = None


class ActShown(BaseModel):
    """A formal act; its signed content is at ``/applications/{id}/acts/{number}``."""

    number: str
    kind: str
    name: Words
    issued_on: date
    department: Department | None
    body: str
    step: str | None
    step_name: Words | None
    sha256: str


class DeliveriesShown(BaseModel):
    """How many messages of a channel were handed over, how many failed for good, and why."""

    sent: int
    failed: int
    why: list[Words] = []


class Happened(BaseModel):
    """One event of the case."""

    time: datetime
    id: UUID
    type: str
    name: Words
    source: str
    department: Department | None
    step: str | None
    step_name: Words | None
    trace_id: str | None


class Shown(BaseModel):
    """The status of an application as of ``as_of``. ``position`` is intake's own count of events that it includes.

    ``clock`` is that of the whole case: the joint limit, the receiving body's, the delivery's, or that of the open step
    which ends last.
    """

    application: UUID
    number: str | None = Field(description="The case number, once it has one.")
    as_of: datetime
    state: State
    state_name: Words
    final: bool
    position: int
    version: int
    item: ItemShown | None
    submitted_at: datetime | None
    received_at: datetime | None
    accepted_at: datetime | None = Field(description="From when the acceptance counts.")
    deemed: bool = Field(description="Accepted because nobody answered in time.")
    withdrawn_at: datetime | None
    next: Words
    clock: ClockShown | None
    extension: ExtensionShown | None = Field(description="Of the joint limit.")
    flow: list[FlowStep]
    corrections: list[CorrectionShown]
    promised: list[PromisedMaterial]
    proofs: list[ProofShown]
    not_accepted: NotAcceptedShown | None
    annulments: list[AnnulmentShown]
    appeals: list[AppealShown]
    certificate: CertificateShown | None
    acts: list[ActShown]
    notifications: dict[str, DeliveriesShown]
    timeline: list[Happened]
