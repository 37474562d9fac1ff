"""What requests and answers look like."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field
from tongban_catalog.proofs import ProofState
from tongban_schemas.events.approvals import DecidedBy, LimitKind, Silence
from tongban_schemas.events.evidence import Grade, RefusalGround, Stage, UploadReason
from tongban_schemas.text import Said
from tongban_schemas.types import ItemRef, Limit

from tongban_approvals.domain import TaskState
from tongban_approvals.domain.desk import OpinionState
from tongban_approvals.domain.evidence import ObjectionStage

ReasonCode = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,40}$", examples=["site-not-suitable"])]
Colour = Literal["normal", "yellow", "red"]
"""1 正常, 2 预警, 3 逾期."""


class Name(BaseModel):
    """The same name in Chinese and in English."""

    zh: str
    en: str


class TaskSummary(BaseModel):
    """A step on a department's desk. ``officer`` is the pseudonym of who holds it or decided it."""

    application: UUID
    step: str
    step_name: Name
    item: ItemRef
    item_name: Name
    department: str
    department_name: Name
    round: int = Field(description="How often the step was opened.")
    state: TaskState
    officer: UUID | None
    decided_by: DecidedBy | None
    opened_at: datetime
    due_at: datetime | None = Field(description="End of the first limit; null while the clock stands still.")
    provisional: bool = Field(description="The calendar of that year is not published: the date may still move.")
    colour: Colour
    decided_at: datetime | None
    flagged: bool = Field(description="A proof that the step looks at was corrected at its source after it was given.")
    version: int = Field(description="Counts the changes of this task.")


class ListedTask(TaskSummary):
    """A task in the list. ``applicant`` is null where the name is personal: it is opened with the task alone, on record."""

    number: str | None = Field(description="The case number.")
    applicant: str | None


class TaskPage(BaseModel):
    """Tasks, undecided ones first. ``next`` goes into ``after`` to read on; absent on the last page."""

    tasks: list[ListedTask]
    next: str | None = None


class Answer(BaseModel):
    """One answer of the applicant. A personal one that the step looks at is opened while the case runs; null otherwise."""

    field: str
    label: Name
    value: Any
    personal: bool
    correctable: bool


class GrantedValue(BaseModel):
    """One thing that a decision says. A personal one is opened for its own step alone; null otherwise."""

    field: str
    label: Name
    value: Any


class StepDecision(BaseModel):
    """What a department decided in this case. The reason of a refusal is told to its own step alone."""

    decision: UUID
    step: str
    step_name: Name
    department: str
    department_name: Name
    round: int
    counts: bool = Field(description="False when it was annulled, or what it rests on was taken back or corrected.")
    granted: bool
    deemed: bool
    decided_by: DecidedBy
    at: datetime
    says: list[GrantedValue]
    reason_code: str | None
    reason: str | None
    act: str | None = Field(description="Number of the formal act.")


class Correction(BaseModel):
    """A correction that this step asked for."""

    request: UUID
    fields: list[str]
    materials: list[str]
    message: str | None
    at: datetime
    answered: bool


class RunningLimit(BaseModel):
    """A limit that runs. ``due_at`` is null while the clock stands still."""

    limit: LimitKind
    due_at: datetime | None
    warn_at: datetime | None
    provisional: bool
    extended: bool


class Procedure(BaseModel):
    """A special procedure of this round, and how long it was said to take."""

    stop: UUID
    procedure: str
    name: Name
    expected: Limit
    begun_at: datetime
    ended_at: datetime | None


class AskedFor(BaseModel):
    """An opinion that the step asked for. ``text``: null while there is none."""

    opinion: str
    name: Name
    asked: str
    asked_name: Name
    state: OpinionState
    silence: Silence | None
    asked_at: datetime
    agrees: bool | None
    text: str | None


class AppealSeen(BaseModel):
    """An appeal against a decision of the step."""

    appeal: UUID
    decision: UUID
    way: str
    grounds: str | None
    at: datetime
    outcome: str | None


class FetchedValue(BaseModel):
    """One field of a proof. A personal one is opened while the case runs; null otherwise."""

    field: str
    label: Name
    value: Any
    personal: bool


class SourceRefusal(BaseModel):
    """A source does not give a proof. ``may_ask_for``: what an objection leads to now; null when none is possible."""

    refusal: UUID
    ground: RefusalGround
    basis: str
    reason: str | None
    stage: Stage
    at: datetime
    may_ask_for: ObjectionStage | None


class SourceCorrection(BaseModel):
    """The record changed at its source after it was given. ``after_decision``: the step's decision has not seen it."""

    correction: UUID
    at: datetime
    changed: list[str]
    withdrawn: bool
    after_decision: bool


class Evidence(BaseModel):
    """A material, fetched from its source or brought by the applicant. ``rule`` and ``basis``: of what stands in for it."""

    material: str
    name: Name
    state: ProofState
    pending: bool = Field(description="Somebody else has still to answer: a grant waits.")
    usable: bool = Field(description="A decision may rest on it.")
    grade: Grade | None = Field(
        description="A, B, C, D as in 国办函〔2016〕108号; C carries no decision until checked."
    )
    provider: str | None
    provider_name: Name | None
    resource: str | None
    at: datetime
    values: list[FetchedValue]
    recorded_at: datetime | None
    valid_until: datetime | None
    rule: int | None
    basis: str | None
    failure: str | None = Field(description="Why it could not be fetched, or is tried again.")
    refusal: SourceRefusal | None
    overdue: bool
    disputed: bool = Field(description="The applicant, or somebody before, says that the record is wrong.")
    corrected: bool
    corrections: list[SourceCorrection]
    uploaded: UUID | None
    uploaded_for: UploadReason | None = Field(description="Why the applicant brought it.")
    file: bool = Field(
        description="The applicant brought a file: intake hands it out at `/v1/proofs/{application}/{material}/file`."
    )


class Ground(BaseModel):
    """On what a refusal or an annulment may rest."""

    reason_code: str
    name: Name
    basis: list[Name]


class TaskDetail(TaskSummary):
    """A task with its case: the current answers, what was decided before, what this step did and waits for."""

    grant: dict[str, Any] | None = Field(description="JSON Schema of what a grant has to say; null: yes is all.")
    grounds: list[Ground] = Field(description="On which a refusal may rest.")
    annulment_grounds: list[Ground] = Field(description="On which a decision may be taken back.")

    submitted_at: datetime | None
    number: str | None = Field(description="The case number.")
    answers: list[Answer]
    promised: list[str] = Field(description="Materials that were promised and are still to come.")
    evidence: list[Evidence]
    decisions: list[StepDecision]
    corrections: list[Correction]
    limits: list[RunningLimit]
    may_extend: bool = Field(description="The item lets the limit be extended, and it was not yet.")
    procedures: list[Procedure]
    may_start: list[str] = Field(description="Special procedures that the item declares for the step.")
    opinions: list[AskedFor]
    needs: list[str] = Field(description="Steps that have to be granted before this one and are not.")
    quorum: int
    agreed: int = Field(description="How many officers said yes so far.")
    appeals: list[AppealSeen]


class Grant(BaseModel):
    """What a decision says beyond yes."""

    fields: dict[str, Any] = Field(default={}, description="By the fields that `grant` of the task declares.")


class Refusal(BaseModel):
    """Why a step is refused (Administrative Licensing Law art. 38). ``reason_code`` is one of the task's `grounds`."""

    reason_code: ReasonCode
    reason: Said


class CorrectionRequest(BaseModel):
    """Which answers and materials to correct, and what is wrong with them: everything at once."""

    fields: Annotated[list[str], Field(max_length=100)] = []
    materials: Annotated[list[str], Field(max_length=100)] = []
    message: Said


class ProcedureStart(BaseModel):
    """A special procedure that begins."""

    procedure: ReasonCode = Field(examples=["expert-review"])


class Reason(BaseModel):
    """Why a limit is extended; the applicant is told."""

    reason: Said


class AnnulmentRequest(BaseModel):
    """Why a decision is taken back, and whether it is made anew."""

    reason_code: ReasonCode
    reason: Said
    reopen: bool = True


class AppealDecision(BaseModel):
    """What the review came to. ``appeal``: the oldest that waits, when absent."""

    outcome: Literal["upheld", "annulled"]
    text: Said
    appeal: UUID | None = None


class Objection(BaseModel):
    """Why a source's refusal is not accepted; the source reads it."""

    argument: Said


class OpinionAnswer(BaseModel):
    """The opinion of the asked department."""

    agrees: bool
    text: Said


class OpinionSummary(BaseModel):
    """What one of the officer's departments was asked."""

    request: UUID
    application: UUID
    step: str
    step_name: Name
    opinion: str
    name: Name
    item: ItemRef
    item_name: Name
    department: str = Field(description="Who asked.")
    department_name: Name
    asked: str
    asked_name: Name
    state: OpinionState
    silence: Silence | None
    asked_at: datetime
    due_at: datetime | None
    agrees: bool | None
    officer: UUID | None
    answered_at: datetime | None


class OpinionPage(BaseModel):
    """Requests, oldest first. ``next`` goes into ``after`` to read on; absent on the last page."""

    opinions: list[OpinionSummary]
    next: str | None = None


class OpinionDetail(OpinionSummary):
    """A request with the answers of its case, and what was answered."""

    answers: list[Answer]
    evidence: list[Evidence]
    text: str | None


class JointLimit(RunningLimit):
    """The joint limit of a case, seen by its lead."""

    application: UUID
    lead: str
