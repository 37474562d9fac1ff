"""What was said about the steps of a case, gathered step by step."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tongban_schemas.envelope import Event
from tongban_schemas.events.applications import ApplicationAppealed
from tongban_schemas.events.approvals import (
    ApprovalAppealDecided,
    ApprovalClockResumed,
    ApprovalClockStopped,
    ApprovalConcurred,
    ApprovalCorrectionRequested,
    ApprovalExtended,
    ApprovalNoticeRejected,
    ApprovalOpened,
    ApprovalOpinionGiven,
    ApprovalOpinionLapsed,
    ApprovalOpinionRequested,
)
from tongban_schemas.types import Limit


def source_of(department: str) -> str:
    """The event source under which a department speaks."""
    return f"/approvals/{department}"


@dataclass(frozen=True, slots=True)
class CorrectionRound:
    """One request to the applicant to correct. ``message`` is sealed; ``request`` is the id of the request."""

    request: UUID
    round: int
    fields: tuple[str, ...]
    materials: tuple[str, ...]
    message: str
    at: datetime
    answered_at: datetime | None

    @property
    def answered(self) -> bool:
        return self.answered_at is not None


@dataclass(frozen=True, slots=True)
class SpecialProcedure:
    """A special procedure, open while ``resumed_at`` is None. ``id`` is the id of the stop."""

    id: UUID
    round: int
    procedure: str
    expected: Limit
    at: datetime
    officer: UUID
    resumed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Extension:
    """By how much a limit was extended, and when."""

    by: Limit
    at: datetime


@dataclass(frozen=True, slots=True)
class OpinionRequest:
    """An opinion asked of another department in the step's current round. ``text`` is sealed."""

    id: UUID
    step: str
    opinion: str
    department: str
    asked: str
    at: datetime
    agrees: bool | None = None
    text: str | None = None
    officer: UUID | None = None
    answered_at: datetime | None = None
    lapsed_at: datetime | None = None

    @property
    def pending(self) -> bool:
        return self.answered_at is None and self.lapsed_at is None


@dataclass(frozen=True, slots=True)
class Appeal:
    """The applicant's request to review a decision. ``grounds`` are sealed; ``outcome`` is None while it is open."""

    id: UUID
    decision: UUID
    way: str
    grounds: str
    at: datetime
    outcome: str | None


class Steps:
    """Gathers what was said about steps in their current rounds."""

    def __init__(self, rounds: Mapping[str, int], answered: Mapping[UUID, datetime]) -> None:
        self._rounds = rounds
        self._answered = answered
        self._stops: dict[str, list[Event]] = {}
        self._resumed: dict[UUID, datetime] = {}
        self._asked: dict[str, list[Event]] = {}
        self._given: dict[UUID, Event] = {}
        self._lapsed: dict[UUID, datetime] = {}
        self._appealed: list[Event] = []
        self._outcomes: dict[UUID, str] = {}
        self.opened: dict[str, Event] = {}
        self.corrections: dict[str, list[CorrectionRound]] = {}
        self.concurring: dict[str, list[UUID]] = {}
        self.extensions: dict[str | None, Extension] = {}
        self.rejected: dict[str, int] = {}

    def add(self, fact: Event) -> None:
        match fact.data:
            case ApplicationAppealed():
                self._appealed.append(fact)
            case ApprovalOpinionGiven() as data:
                self._given.setdefault(data.request, fact)
            case ApprovalExtended(step=None) as data:
                self.extensions.setdefault(None, Extension(data.by, fact.time))
            case ApprovalOpened() | ApprovalConcurred() | ApprovalExtended() as data:
                step = data.step or ""
                if data.round == self._rounds.get(step):
                    self._add_of_round(fact)
            case (
                ApprovalCorrectionRequested()
                | ApprovalNoticeRejected()
                | ApprovalClockStopped()
                | ApprovalClockResumed()
                | ApprovalOpinionRequested()
                | ApprovalOpinionLapsed()
                | ApprovalAppealDecided()
            ) as data:
                self._add_of_step(fact)
            case _:
                pass

    def _add_of_round(self, fact: Event) -> None:
        match fact.data:
            case ApprovalOpened() as data:
                self.opened.setdefault(data.step, fact)
            case ApprovalConcurred() as data:
                officers = self.concurring.setdefault(data.step, [])
                if data.officer not in officers:
                    officers.append(data.officer)
            case ApprovalExtended() as data:
                self.extensions.setdefault(data.step, Extension(data.by, fact.time))

    def _add_of_step(self, fact: Event) -> None:
        match fact.data:
            case ApprovalCorrectionRequested() as data:
                self.corrections.setdefault(data.step, []).append(
                    CorrectionRound(
                        request=fact.id,
                        round=data.round,
                        fields=tuple(data.fields),
                        materials=tuple(data.materials),
                        message=data.message,
                        at=fact.time,
                        answered_at=self._answered.get(fact.id),
                    )
                )
            case ApprovalNoticeRejected() as data:
                self.rejected[data.step] = self.rejected.get(data.step, 0) + 1
            case ApprovalClockStopped() as data:
                self._stops.setdefault(data.step, []).append(fact)
            case ApprovalClockResumed() as data:
                self._resumed.setdefault(data.stop, fact.time)
            case ApprovalOpinionRequested() as data:
                if data.round == self._rounds.get(data.step):
                    self._asked.setdefault(data.step, []).append(fact)
            case ApprovalOpinionLapsed() as data:
                self._lapsed.setdefault(data.request, fact.time)
            case ApprovalAppealDecided() as data:
                self._outcomes.setdefault(data.appeal, data.outcome)

    def procedures(self) -> dict[str, list[SpecialProcedure]]:
        return {
            step: [
                SpecialProcedure(
                    id=fact.id,
                    round=data.round,
                    procedure=data.procedure,
                    expected=data.expected,
                    at=fact.time,
                    officer=data.officer,
                    resumed_at=self._resumed.get(fact.id),
                )
                for fact in facts
                if isinstance(data := fact.data, ApprovalClockStopped)
            ]
            for step, facts in self._stops.items()
        }

    def opinions(self) -> dict[str, list[OpinionRequest]]:
        return {step: [self._opinion(fact) for fact in facts] for step, facts in self._asked.items()}

    def _opinion(self, fact: Event) -> OpinionRequest:
        asked = fact.data
        assert isinstance(asked, ApprovalOpinionRequested)
        answer = self._given.get(fact.id)
        given = answer.data if answer is not None else None
        if answer is None or not isinstance(given, ApprovalOpinionGiven) or given.department != asked.asked:
            return OpinionRequest(
                id=fact.id,
                step=asked.step,
                opinion=asked.opinion,
                department=asked.department,
                asked=asked.asked,
                at=fact.time,
                lapsed_at=self._lapsed.get(fact.id),
            )
        return OpinionRequest(
            id=fact.id,
            step=asked.step,
            opinion=asked.opinion,
            department=asked.department,
            asked=asked.asked,
            at=fact.time,
            agrees=given.agrees,
            text=given.text,
            officer=given.officer,
            answered_at=answer.time,
            lapsed_at=self._lapsed.get(fact.id),
        )

    def appeals(self) -> list[Appeal]:
        return [
            Appeal(fact.id, data.decision, data.way, data.grounds, fact.time, self._outcomes.get(fact.id))
            for fact in self._appealed
            if isinstance(data := fact.data, ApplicationAppealed)
        ]
