"""What departments do about a case, from the set of facts known. Pure: no clock, no database, no network.

The order, the number and the lateness of facts make no difference. A decision is made on the facts known when it is made
and never made again: what was decided is itself a fact.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from tongban_catalog.item import Item, applicable_steps, open_steps
from tongban_schemas.envelope import Event, EventData
from tongban_schemas.events import applications, approvals
from tongban_schemas.events.applications import (
    ApplicationAccepted,
    ApplicationCorrected,
    ApplicationSubmitted,
    ApplicationWithdrawn,
)
from tongban_schemas.events.approvals import (
    ApprovalCorrectionRequested,
    ApprovalGranted,
    ApprovalOpened,
    ApprovalRefused,
    DecidedBy,
)
from tongban_schemas.types import ItemRef, JsonObject

MODELS: dict[str, type[EventData]] = {model.TYPE: model for model in (*applications.EVENTS, *approvals.EVENTS)}
"""The facts that decide."""

RULE_NOT_MET = "rule-not-met"
"""The reason code of a refusal by rule."""

TaskState = Literal["open", "taken", "correction", "granted", "refused", "cancelled"]
Verb = Literal["open", "grant", "refuse"]


def source_of(department: str) -> str:
    """The event source under which a department speaks."""
    return f"/approvals/{department}"


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from the facts, to be published by the department whose step it is."""

    verb: Verb
    step: str
    department: str


@dataclass(frozen=True, slots=True)
class Decided:
    """A step's end, as it was told. ``reason`` is sealed; ``officer`` is None when a rule decided."""

    step: str
    department: str
    granted: bool
    decided_by: DecidedBy
    officer: UUID | None
    at: datetime
    reason_code: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class CorrectionRound:
    """One request to the applicant to correct answers. ``message`` is sealed; ``request`` is the id of the request."""

    request: UUID
    fields: tuple[str, ...]
    message: str
    at: datetime
    answered: bool


@dataclass(frozen=True, slots=True)
class Task:
    """A step as it lies on a department's desk. Whether an officer has taken it is the desk's own affair, no fact."""

    application: UUID
    step: str
    department: str
    item: ItemRef
    state: TaskState
    opened_at: datetime
    decided_by: DecidedBy | None = None
    officer: UUID | None = None
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class History:
    """A case, folded from the set of its facts. ``opened`` is by step, ``answers`` are those in the clear."""

    accepted: bool
    withdrawn: bool
    refused: bool
    submitted_at: datetime | None
    answers: JsonObject
    sealed: dict[str, str]
    opened: Mapping[str, Event] = field(repr=False)
    decided: Mapping[str, Decided] = field(repr=False)
    rounds: Mapping[str, Sequence[CorrectionRound]] = field(repr=False)

    @classmethod
    def of(cls, facts: Iterable[Event], item: Item) -> "History":
        """Folds the facts. What somebody says about a step that the item gives to another department does not count."""
        ordered = sorted(
            {fact.id: fact for fact in facts}.values(), key=lambda fact: (fact.time, fact.sequence, fact.id.int)
        )
        corrections = [fact for fact in ordered if isinstance(fact.data, ApplicationCorrected)]
        answered = {fact.data.request for fact in corrections if isinstance(fact.data, ApplicationCorrected)}
        submitted_at, answers, sealed = _answers(ordered, corrections)
        opened: dict[str, Event] = {}
        decided: dict[str, Decided] = {}
        rounds: dict[str, list[CorrectionRound]] = {}
        refused = False
        for fact in ordered:
            data = fact.data
            if not isinstance(data, _STEP_EVENTS) or not _by_right(fact.source, data, item):
                continue
            match data:
                case ApprovalOpened():
                    opened.setdefault(data.step, fact)
                case ApprovalCorrectionRequested():
                    rounds.setdefault(data.step, []).append(
                        CorrectionRound(fact.id, tuple(data.fields), data.message, fact.time, fact.id in answered)
                    )
                case ApprovalGranted() | ApprovalRefused():
                    decided.setdefault(data.step, _decided(data, fact.time))
                    refused = refused or isinstance(data, ApprovalRefused)
        return cls(
            accepted=any(isinstance(fact.data, ApplicationAccepted) for fact in ordered),
            withdrawn=any(isinstance(fact.data, ApplicationWithdrawn) for fact in ordered),
            refused=refused,
            submitted_at=submitted_at,
            answers=answers,
            sealed=sealed,
            opened=opened,
            decided=decided,
            rounds=rounds,
        )

    @property
    def over(self) -> bool:
        """Nothing more is decided: the applicant withdrew, or a department refused."""
        return self.withdrawn or self.refused

    @property
    def running(self) -> bool:
        return self.submitted_at is not None and self.accepted and not self.over

    def unanswered(self, step: str) -> CorrectionRound | None:
        """The step's correction request that the applicant has not answered yet."""
        return next((one for one in self.rounds.get(step, ()) if not one.answered), None)


_STEP_EVENTS = (ApprovalOpened, ApprovalCorrectionRequested, ApprovalGranted, ApprovalRefused)
_StepEvent = ApprovalOpened | ApprovalCorrectionRequested | ApprovalGranted | ApprovalRefused


def _by_right(source: str, data: _StepEvent, item: Item) -> bool:
    return (
        item.has_step(data.step)
        and item.step(data.step).department == data.department
        and source == source_of(data.department)
    )


def _answers(
    ordered: Sequence[Event], corrections: Sequence[Event]
) -> tuple[datetime | None, JsonObject, dict[str, str]]:
    """When it was submitted, and the answers with every correction laid over them in intake's own order."""
    for fact in ordered:
        if isinstance(fact.data, ApplicationSubmitted):
            answers, sealed = dict(fact.data.answers), dict(fact.data.sealed)
            for correction in sorted(corrections, key=lambda one: (one.sequence, one.id.int)):
                if isinstance(correction.data, ApplicationCorrected):
                    answers.update(correction.data.answers)
                    sealed.update(correction.data.sealed)
            return fact.time, answers, sealed
    return None, {}, {}


def _decided(data: ApprovalGranted | ApprovalRefused, at: datetime) -> Decided:
    refusal = data if isinstance(data, ApprovalRefused) else None
    return Decided(
        step=data.step,
        department=data.department,
        granted=refusal is None,
        decided_by=data.decided_by,
        officer=data.officer,
        at=at,
        reason_code=refusal.reason_code if refusal else None,
        reason=refusal.reason if refusal else None,
    )


def item_of(facts: Iterable[Event]) -> ItemRef | None:
    """The item that the case is bound to; None while the submission is not known."""
    return next((fact.data.item for fact in facts if isinstance(fact.data, ApplicationSubmitted)), None)


def react(history: History, item: Item, departments: AbstractSet[str]) -> list[Decision]:
    """What our departments have to say now, in order: steps that open, and what rules decide about open steps.

    A grant may let the next of our steps open; that follows in the same list. A refusal ends the list: the case is over.
    """
    if not history.running:
        return []
    decisions: list[Decision] = []
    granted = {step for step, end in history.decided.items() if end.granted}
    ended = set(history.decided)
    opened = set(history.opened) | ended
    waiting = {step for step in history.rounds if history.unanswered(step)}
    ours = [step for step in applicable_steps(item, history.answers) if step.department in departments]
    progress = True
    while progress:
        progress = False
        for step in open_steps(item, history.answers, granted, opened):
            if step.department in departments:
                decisions.append(Decision("open", step.id, step.department))
                opened.add(step.id)
        for step in ours:
            if step.id not in opened or step.id in ended or step.id in waiting:
                continue
            verdict = step.verdict(history.answers)
            if verdict == "officer":
                continue
            decisions.append(Decision(verdict, step.id, step.department))
            if verdict == "refuse":
                return decisions
            ended.add(step.id)
            granted.add(step.id)
            progress = True
    return decisions


def tasks(application: UUID, history: History, item: Item, departments: AbstractSet[str]) -> list[Task]:
    """The desk of our departments as the facts say it is: every step of ours that was opened, in the item's order."""
    found = []
    for step in item.steps:
        opening = history.opened.get(step.id)
        if opening is None or step.department not in departments:
            continue
        end = history.decided.get(step.id)
        found.append(
            Task(
                application=application,
                step=step.id,
                department=step.department,
                item=item.ref,
                state=_state(history, step.id),
                opened_at=opening.time,
                decided_by=end.decided_by if end else None,
                officer=end.officer if end else None,
                decided_at=end.at if end else None,
            )
        )
    return found


def _state(history: History, step: str) -> TaskState:
    end = history.decided.get(step)
    if end is not None:
        return "granted" if end.granted else "refused"
    if history.over:
        return "cancelled"
    return "correction" if history.unanswered(step) else "open"


def fixed_fields(item: Item) -> frozenset[str]:
    """Answers that decide which steps exist. A case stays on the flow it was accepted under, so they cannot be corrected."""
    return frozenset(name for step in item.steps if step.when is not None for name in step.when.fields)


ConflictKind = Literal[
    "already-decided",
    "application-withdrawn",
    "application-refused",
    "waiting-for-applicant",
    "taken-by-another-officer",
]


def conflict(state: TaskState, holder: UUID | None, officer: UUID, history: History) -> ConflictKind | None:
    """Why this officer may not act on the step now; None when it lies open or this officer holds it."""
    match state:
        case "granted" | "refused":
            return "already-decided"
        case "cancelled":
            return "application-withdrawn" if history.withdrawn else "application-refused"
        case "correction":
            return "waiting-for-applicant"
        case "open" | "taken":
            return "taken-by-another-officer" if holder not in (None, officer) else None
