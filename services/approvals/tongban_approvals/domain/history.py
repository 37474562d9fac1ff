"""A case, folded from the set of its facts."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from tongban_catalog.item import Item, applicable_steps
from tongban_catalog.parts import NoDepartmentError, Step
from tongban_catalog.proofs import EVIDENCE_TYPES, Proof, proofs
from tongban_catalog.standing import Standing, corrected_parts, in_order, standing
from tongban_schemas.envelope import Event, EventData
from tongban_schemas.events import applications, approvals, evidence
from tongban_schemas.events.applications import (
    ApplicationAccepted,
    ApplicationCorrected,
    ApplicationNotAccepted,
    ApplicationReceived,
    ApplicationSubmitted,
    ApplicationSupplemented,
    ApplicationWithdrawn,
)
from tongban_schemas.types import ItemRef, JsonObject

from tongban_approvals.domain.evidence import EvidenceGap, gap, outstanding
from tongban_approvals.domain.steps import Appeal, CorrectionRound, Extension, OpinionRequest, SpecialProcedure, Steps

MODELS: dict[str, type[EventData]] = {
    model.TYPE: model for model in (*applications.EVENTS, *approvals.EVENTS, *evidence.EVENTS)
}
"""The facts that decide."""

CaseEnd = Literal["application-withdrawn", "application-not-accepted", "application-refused", "decision-annulled"]
"""Why nothing more is decided."""


def item_of(facts: Iterable[Event]) -> ItemRef | None:
    """The item that the case is bound to; None while the submission is not known."""
    return next((fact.data.item for fact in facts if isinstance(fact.data, ApplicationSubmitted)), None)


@dataclass(frozen=True, slots=True)
class History:
    """What the facts come to. Per-step mappings speak of the step's current round; ``corrections`` and ``procedures`` of all.

    ``brought``: the materials that were handed in; ``proofs``: where those stand that are fetched instead, by material;
    ``announced``: the materials of which the application says that its proofs were asked for.
    """

    applicant: UUID | None
    submitted_at: datetime | None
    accepted_at: datetime | None
    number: str | None
    withdrawn: bool
    not_accepted: bool
    answers: JsonObject
    sealed: dict[str, str]
    outstanding: frozenset[str]
    brought: frozenset[str]
    announced: frozenset[str]
    proofs: Mapping[str, Proof] = field(repr=False)
    corrected: Sequence[tuple[UUID, datetime, frozenset[str]]] = field(repr=False)
    standing: Standing = field(repr=False)
    opened: Mapping[str, Event] = field(repr=False)
    corrections: Mapping[str, Sequence[CorrectionRound]] = field(repr=False)
    concurring: Mapping[str, tuple[UUID, ...]] = field(repr=False)
    procedures: Mapping[str, Sequence[SpecialProcedure]] = field(repr=False)
    opinions: Mapping[str, Sequence[OpinionRequest]] = field(repr=False)
    extensions: Mapping[str | None, Extension] = field(repr=False)
    appeals: Sequence[Appeal] = field(repr=False)
    rejected: Mapping[str, int] = field(repr=False)
    ids: frozenset[UUID] = field(repr=False)

    @classmethod
    def of(cls, facts: Iterable[Event], item: Item) -> "History":
        """Folds the facts that count (`tongban_catalog.speakers`)."""
        ordered = in_order(facts)
        return _fold(ordered, item)

    @property
    def end(self) -> CaseEnd | None:
        """Why nothing more is decided; None while the case is open."""
        if self.withdrawn:
            return "application-withdrawn"
        if self.not_accepted:
            return "application-not-accepted"
        if self.standing.refused:
            return "application-refused"
        return "decision-annulled" if self.standing.annulled_for_good else None

    @property
    def over(self) -> bool:
        return self.end is not None

    @property
    def running(self) -> bool:
        return self.submitted_at is not None and self.accepted_at is not None and not self.over

    def round_of(self, step: str) -> int:
        """The step's current round; 0 before it was opened."""
        return self.standing.rounds.get(step, 0)

    def undecided(self, step: str) -> bool:
        """Whether the step lies open: opened, and not decided in this round."""
        return step in self.opened and step not in self.standing.latest

    def unanswered(self, step: str) -> CorrectionRound | None:
        """The step's correction request of this round that the applicant has not answered yet."""
        current = self.round_of(step)
        waiting = (one for one in self.corrections.get(step, ()) if one.round == current and not one.answered)
        return next(waiting, None)

    def open_procedures(self, step: str) -> list[SpecialProcedure]:
        """Those of this round that have not ended."""
        current = self.round_of(step)
        return [one for one in self.procedures.get(step, ()) if one.round == current and one.resumed_at is None]

    def pending_opinions(self, step: str) -> list[OpinionRequest]:
        return [one for one in self.opinions.get(step, ()) if one.pending]

    def unmet(self, item: Item, step: Step) -> list[str]:
        """The steps that this one needs before its decision, that apply and whose grant does not count now."""
        applying = {one.id for one in applicable_steps(item, self.answers)}
        return sorted(((step.needed | step.needed_to_decide) & applying) - self.standing.granted)

    def evidence_gap(self, item: Item, step: Step) -> tuple[EvidenceGap, list[str]] | None:
        """Why the step's proofs do not carry a grant yet, and of which materials they are; None when they do."""
        return gap(self.proofs, item, step, self.answers, self.brought | self.outstanding, self.announced)

    def awaited(self, item: Item, step: Step) -> list[str]:
        """The materials of the step for which a source has still to answer."""
        return outstanding(self.proofs, item, step, self.brought | self.outstanding, self.announced)

    def promised_for(self, step: Step) -> frozenset[str]:
        """The promised materials still to come that this decision looks at; without declared inputs, all of them."""
        return self.outstanding & step.inputs if step.inputs else self.outstanding


def decides(step: Step, answers: JsonObject, departments: AbstractSet[str]) -> str | None:
    """Which of these departments decides the step of a case with these answers; None when none of them does."""
    try:
        found = step.department_of(answers)
    except NoDepartmentError:
        return None
    return found if found in departments else None


def _fold(ordered: Sequence[Event], item: Item) -> History:
    submitted = next((fact for fact in ordered if isinstance(fact.data, ApplicationSubmitted)), None)
    answers, sealed, promised, brought = _answers(ordered, submitted)
    decided = standing(ordered, item)
    answered: dict[UUID, datetime] = {}
    corrected: list[tuple[UUID, datetime, frozenset[str]]] = []
    accepted_at: datetime | None = None
    number: str | None = None
    withdrawn = not_accepted = False
    own: list[Event] = []
    told: list[Event] = []
    for fact in ordered:
        match fact.data:
            case ApplicationAccepted() as data:
                accepted_at = accepted_at or data.effective_from or fact.time
                number = number or data.number
            case ApplicationReceived() as data:
                number = number or data.number
            case ApplicationCorrected() as data:
                answered.setdefault(data.request, fact.time)
                corrected.append((fact.id, fact.time, corrected_parts(data)))
            case ApplicationWithdrawn():
                withdrawn = True
            case ApplicationNotAccepted():
                not_accepted = True
            case _:
                (told if fact.data.TYPE in EVIDENCE_TYPES else own).append(fact)
    steps = Steps(decided.rounds, answered)
    for fact in own:
        steps.add(fact)
    return History(
        applicant=_applicant(submitted),
        submitted_at=None if submitted is None else submitted.time,
        accepted_at=accepted_at,
        number=number,
        withdrawn=withdrawn,
        not_accepted=not_accepted,
        answers=answers,
        sealed=sealed,
        outstanding=promised - brought,
        brought=brought,
        announced=_announced(submitted),
        proofs=proofs(told) if told else {},
        corrected=corrected,
        standing=decided,
        opened=steps.opened,
        corrections=steps.corrections,
        concurring={step: tuple(officers) for step, officers in steps.concurring.items()},
        procedures=steps.procedures(),
        opinions=steps.opinions(),
        extensions=steps.extensions,
        appeals=steps.appeals(),
        rejected=steps.rejected,
        ids=frozenset(fact.id for fact in ordered),
    )


def _applicant(submitted: Event | None) -> UUID | None:
    return (
        submitted.data.applicant if submitted is not None and isinstance(submitted.data, ApplicationSubmitted) else None
    )


def _announced(submitted: Event | None) -> frozenset[str]:
    if submitted is None or not isinstance(submitted.data, ApplicationSubmitted):
        return frozenset()
    return frozenset(submitted.data.fetched)


def _answers(
    ordered: Sequence[Event], submitted: Event | None
) -> tuple[JsonObject, dict[str, str], frozenset[str], frozenset[str]]:
    """The answers with every correction laid over them in intake's own order, and the materials promised and handed in."""
    if submitted is None or not isinstance(submitted.data, ApplicationSubmitted):
        return {}, {}, frozenset(), frozenset()
    answers, sealed = dict(submitted.data.answers), dict(submitted.data.sealed)
    promised: set[str] = set()
    brought = set(submitted.data.materials)
    intake = [fact for fact in ordered if fact.topic == applications.TOPIC]
    for fact in sorted(intake, key=lambda one: (one.sequence, one.id.int)):
        match fact.data:
            case ApplicationCorrected() as data:
                answers.update(data.answers)
                sealed.update(data.sealed)
                brought.update(data.materials)
            case ApplicationSupplemented() as data:
                brought.update(data.materials)
            case ApplicationAccepted() as data:
                promised.update(data.promised)
    return answers, sealed, frozenset(promised), frozenset(brought)
