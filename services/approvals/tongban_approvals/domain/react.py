"""What departments say because of the facts: steps that open or reopen, opinions that are asked, what rules decide."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from tongban_catalog.item import Item, applicable_steps, open_steps
from tongban_catalog.parts import NoDepartmentError, Opinion, Step
from tongban_schemas.envelope import event_id
from tongban_schemas.events.approvals import ApprovalGranted
from tongban_schemas.types import JsonObject

from tongban_approvals.domain.evidence import supporting
from tongban_approvals.domain.history import History, decides

RULE_NOT_MET = "rule-not-met"
"""The reason code of a refusal by rule."""

Verb = Literal["open", "ask", "grant", "refuse"]


@dataclass(frozen=True, slots=True)
class Move:
    """What follows from the facts, to be published by the department whose step it is.

    ``because``: the correction or annulment that reopens. ``opinion`` and ``asked``: of a request. ``rests_on``: see
    `grounds`. ``deemed``: granted by silence.
    """

    verb: Verb
    step: str
    department: str
    round: int = 1
    because: UUID | None = None
    opinion: str = ""
    asked: str = ""
    rests_on: tuple[UUID, ...] = ()
    deemed: bool = False

    @property
    def discriminators(self) -> tuple[str, ...]:
        """What tells the event's id apart from others of its type in the case."""
        return (self.step, self.opinion, str(self.round)) if self.verb == "ask" else (self.step, str(self.round))


def grounds(history: History, item: Item, step: Step, granted: Mapping[str, UUID] | None = None) -> tuple[UUID, ...]:
    """What a decision of the step rests on now: the grants that it needs, the corrections and the proofs of what it looks at.

    ``granted``: event id by step, instead of the grants that count.
    """
    if granted is None:
        granted = {name: one.id for name, one in history.standing.counting.items() if one.granted}
    needed = [granted[name] for name in step.needed | step.needed_to_decide if name in granted]
    seen = [correction for correction, _, parts in history.corrected if not parts.isdisjoint(step.inputs)]
    return tuple(sorted((*needed, *seen, *supporting(history.proofs, item, step))))


@dataclass(slots=True)
class _Board:
    """What is granted and what lies open while moves are made. ``closed`` are the steps that may not be opened now."""

    history: History
    item: Item
    departments: AbstractSet[str]
    granted: dict[str, UUID]
    closed: set[str]
    undecided: set[str]
    unanswered: set[str]
    applying: frozenset[str]
    asked: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, history: History, item: Item, departments: AbstractSet[str]) -> "_Board":
        decided = history.standing
        reopening = decided.broken_by.keys() - decided.annulled_for_good
        return cls(
            history=history,
            item=item,
            departments=departments,
            granted={name: one.id for name, one in decided.counting.items() if one.granted},
            closed=set(decided.rounds) - reopening,
            undecided={name for name in history.opened if history.undecided(name)},
            unanswered={name for name in history.corrections if history.unanswered(name)},
            applying=frozenset(one.id for one in applicable_steps(item, history.answers)),
        )

    def round_of(self, step: str) -> int:
        """The round in which the step is open, or opens now."""
        return self.history.round_of(step) + (0 if self.history.undecided(step) else 1)


def react(history: History, item: Item, departments: AbstractSet[str], subject: str = "") -> list[Move]:
    """What our departments have to say now, in order. ``subject``: the case, for the ids of grants that rest on others.

    A grant may let the next of our steps open; that follows in the same list. A refusal ends the list: the case is over.
    """
    if not history.running:
        return []
    board = _Board.of(history, item, departments)
    moves: list[Move] = []
    while True:
        made = [*_open(board), *_decide(board, subject)]
        moves += made
        if not any(move.verb == "grant" for move in made) or moves[-1].verb == "refuse":
            return moves


def _open(board: _Board) -> list[Move]:
    moves: list[Move] = []
    answers = board.history.answers
    for step in open_steps(board.item, answers, board.granted.keys(), board.closed):
        department = decides(step, answers, board.departments)
        if department is None:
            continue
        number = board.history.round_of(step.id) + 1
        because = board.history.standing.broken_by.get(step.id)
        moves.append(Move("open", step.id, department, number, because))
        for opinion in step.opinions:
            asked = _asked(opinion, answers)
            if asked is not None:
                moves.append(Move("ask", step.id, department, number, opinion=opinion.id, asked=asked))
                board.asked.add(step.id)
        board.closed.add(step.id)
        board.undecided.add(step.id)
    return moves


def _asked(opinion: Opinion, answers: JsonObject) -> str | None:
    try:
        return opinion.department.department_of(answers)
    except NoDepartmentError:
        return None


def _decide(board: _Board, subject: str) -> list[Move]:
    """What rules decide. A limited number, a missing need, a proof or an opinion still to come, a procedure leave it undecided."""
    moves: list[Move] = []
    history = board.history
    for step in applicable_steps(board.item, history.answers):
        department = decides(step, history.answers, board.departments)
        if department is None or step.id not in board.undecided:
            continue
        if step.id in board.unanswered | board.asked or history.pending_opinions(step.id):
            continue
        if history.open_procedures(step.id) or history.awaited(board.item, step):
            continue
        verdict = step.verdict(history.answers)
        if verdict == "officer":
            continue
        number = board.round_of(step.id)
        if verdict == "refuse":
            return [
                *moves,
                Move("refuse", step.id, department, number, rests_on=grounds(history, board.item, step, {})),
            ]
        needs = (step.needed | step.needed_to_decide) & board.applying
        if step.quota is not None or not needs <= board.granted.keys() or history.evidence_gap(board.item, step):
            continue
        moves.append(
            Move("grant", step.id, department, number, rests_on=grounds(history, board.item, step, board.granted))
        )
        board.undecided.discard(step.id)
        board.granted[step.id] = event_id(ApprovalGranted.TYPE, subject, step.id, str(number))
    return moves
