"""The desk of our departments, as the facts say it is."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from tongban_catalog.clock import Deadline
from tongban_catalog.item import Item
from tongban_schemas.events.approvals import ApprovalGranted, ApprovalRefused, DecidedBy
from tongban_schemas.types import ItemRef

from tongban_approvals.domain.evidence import seen_proofs
from tongban_approvals.domain.history import CaseEnd, History, decides
from tongban_approvals.domain.time import Almanac, Due, dues, opinion_end

TaskState = Literal["open", "taken", "correction", "granted", "refused", "cancelled", "annulled", "suspended"]
"""``annulled``: the decision was taken back and none stands in its place. ``suspended``: what it rests on was taken back."""
OpinionState = Literal["asked", "given", "lapsed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Task:
    """A step as it lies on a department's desk. Whether an officer has taken it is the desk's own affair, no fact.

    ``due_at``: the end of the first limit, None while the clock stands still; ``provisional``: it may still move, because the
    calendar of that year is not published. ``flagged``: a proof that the step looks at was corrected at its source.
    """

    application: UUID
    step: str
    department: str
    item: ItemRef
    round: int
    state: TaskState
    opened_at: datetime
    accepted_at: datetime | None
    due_at: datetime | None = None
    warn_at: datetime | None = None
    provisional: bool = False
    decided_by: DecidedBy | None = None
    officer: UUID | None = None
    decided_at: datetime | None = None
    flagged: bool = False


@dataclass(frozen=True, slots=True)
class OpinionTask:
    """An opinion that one of our departments was asked for."""

    request: UUID
    application: UUID
    step: str
    opinion: str
    department: str
    asked: str
    item: ItemRef
    state: OpinionState
    asked_at: datetime
    due_at: datetime | None
    agrees: bool | None
    officer: UUID | None
    answered_at: datetime | None


def tasks(
    application: UUID, history: History, item: Item, departments: AbstractSet[str], almanac: Almanac
) -> list[Task]:
    """Every step of ours that was opened, in the item's order."""
    running: dict[str, list[Due]] = {}
    for due in dues(history, item, almanac, departments):
        running.setdefault(due.step or "", []).append(due)
    found = []
    for step in item.steps:
        opening = history.opened.get(step.id)
        department = decides(step, history.answers, departments)
        if opening is None or department is None:
            continue
        latest = history.standing.latest.get(step.id)
        told = latest.told.data if latest is not None else None
        end, warn = _first(running.get(step.id, []))
        found.append(
            Task(
                application=application,
                step=step.id,
                department=department,
                item=item.ref,
                round=history.round_of(step.id),
                state=_state(history, step.id),
                opened_at=opening.time,
                accepted_at=history.accepted_at,
                due_at=end.at if end else None,
                warn_at=warn.at if warn else None,
                provisional=end.provisional if end else False,
                decided_by=told.decided_by if isinstance(told, ApprovalGranted | ApprovalRefused) else None,
                officer=told.officer if isinstance(told, ApprovalGranted | ApprovalRefused) else None,
                decided_at=latest.at if latest else None,
                flagged=any(one.corrections for one in seen_proofs(history.proofs, item, step)),
            )
        )
    return found


def _first(running: list[Due]) -> tuple[Deadline | None, Deadline | None]:
    known = [due for due in running if due.end.at is not None]
    if not known:
        return None, None
    first = min(known, key=lambda due: (due.end.at, due.limit))
    return first.end, first.warn


def _state(history: History, step: str) -> TaskState:
    latest = history.standing.latest.get(step)
    if latest is not None:
        if step in history.standing.counting:
            return "granted" if latest.granted else "refused"
        return "annulled" if latest.id in history.standing.annulments else "suspended"
    if history.over:
        return "cancelled"
    return "correction" if history.unanswered(step) else "open"


def opinion_tasks(
    application: UUID, history: History, item: Item, departments: AbstractSet[str], almanac: Almanac
) -> list[OpinionTask]:
    """What our departments were asked in the current rounds of steps."""
    found = []
    for step, requests in history.opinions.items():
        for one in requests:
            if one.asked not in departments:
                continue
            end = opinion_end(one, item, almanac)
            state: OpinionState = "asked"
            if one.answered_at is not None:
                state = "given"
            elif one.lapsed_at is not None:
                state = "lapsed"
            elif history.over or not history.undecided(step):
                state = "cancelled"
            found.append(
                OpinionTask(
                    request=one.id,
                    application=application,
                    step=step,
                    opinion=one.opinion,
                    department=one.department,
                    asked=one.asked,
                    item=item.ref,
                    state=state,
                    asked_at=one.at,
                    due_at=end.at if end else None,
                    agrees=one.agrees,
                    officer=one.officer,
                    answered_at=one.answered_at,
                )
            )
    return found


ConflictKind = Literal["already-decided", "waiting-for-applicant", "taken-by-another-officer"] | CaseEnd


def conflict(state: TaskState, holder: UUID | None, officer: UUID, history: History) -> ConflictKind | None:
    """Why this officer may not act on the step now; None when it lies open or this officer holds it."""
    match state:
        case "granted" | "refused" | "suspended":
            return "already-decided"
        case "annulled":
            return history.end or "already-decided"
        case "cancelled":
            return history.end or "already-decided"
        case "correction":
            return "waiting-for-applicant"
        case "open" | "taken":
            return "taken-by-another-officer" if holder not in (None, officer) else None
