"""What the passing of time makes true: warnings, overrun limits, opinions that lapse, decisions by silence.

Every such fact has the instant at which it became true as its time, and an id that depends on the case, the step, the round
and the limit alone, so it is said once. Sources: Administrative Licensing Law art. 42, 45, 50; the calendar is the deciding
department's.
"""

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from uuid import UUID
from weakref import WeakKeyDictionary

from tongban_catalog.clock import NATION, Calendars, Deadline, Stop, china_day, deadline, midnight, warning
from tongban_catalog.item import Item, all_granted, applicable_steps
from tongban_catalog.parts import NoDepartmentError, Step
from tongban_schemas.envelope import EventData, event_id
from tongban_schemas.events.approvals import (
    ApprovalDueSoon,
    ApprovalGranted,
    ApprovalOpinionLapsed,
    ApprovalOverdue,
    LimitKind,
)
from tongban_schemas.types import Limit

from tongban_approvals.domain.history import History, decides
from tongban_approvals.domain.react import Move, grounds
from tongban_approvals.domain.steps import Extension, OpinionRequest


@dataclass(frozen=True, slots=True)
class Almanac:
    """The calendars, and by department its region (GB/T 2260) and who is told when it is late."""

    calendars: Calendars
    regions: Mapping[str, str | None] = field(default_factory=dict)
    supervisors: Mapping[str, str | None] = field(default_factory=dict)

    def region(self, item: Item, department: str) -> str:
        return self.regions.get(department) or item.region or NATION

    def end(self, item: Item, department: str, start: datetime, limit: Limit) -> Deadline:
        """The end of a period that nothing stops."""
        return _period(self.calendars, self.region(item, department), start, limit, ())[0]


@dataclass(frozen=True, slots=True)
class Due:
    """One limit that runs. ``step`` is None for the joint limit; ``warn``: when it turns yellow, if it does."""

    step: str | None
    department: str
    limit: LimitKind
    round: int
    end: Deadline
    warn: Deadline | None
    extended_at: datetime | None

    @property
    def extended(self) -> bool:
        return self.extended_at is not None


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that time makes true. ``at``: when; None while a stop is open or the calendar is not known.

    Either `said` is to be said by ``department``, or ``move`` to be made. ``provisional``: the calendar of that year is
    not published, so it does not come true yet.
    """

    at: datetime | None
    rank: int
    department: str
    type: str
    discriminators: tuple[str, ...]
    provisional: bool = False
    make: Callable[[], EventData] | None = None
    move: Move | None = None

    def event_id(self, subject: str) -> UUID:
        return event_id(self.type, subject, *self.discriminators)


def dues(history: History, item: Item, almanac: Almanac, departments: AbstractSet[str]) -> list[Due]:
    """The limits of our open steps that run now, in the order of the item: the promised one before the legal one."""
    if not history.running:
        return []
    found: list[Due] = []
    for step in applicable_steps(item, history.answers):
        department = decides(step, history.answers, departments)
        if department is None or not history.undecided(step.id):
            continue
        more = history.extensions.get(step.id)
        limits: tuple[tuple[LimitKind, Limit | None], ...] = (
            ("promised", step.limits.promised),
            ("legal", step.limits.legal),
        )
        for kind, limit in limits:
            if limit is not None:
                found.append(_due(history, item, almanac, step, department, kind, limit, more))
    return found


def _due(
    history: History,
    item: Item,
    almanac: Almanac,
    step: Step,
    department: str,
    kind: LimitKind,
    limit: Limit,
    more: Extension | None,
) -> Due:
    stops = tuple(stops_of(history, step.id))
    start = clock_start(history, step)
    end, warn = _ends(almanac, almanac.region(item, department), start, limit, more.by if more else None, stops)
    return Due(step.id, department, kind, history.round_of(step.id), end, warn, more.at if more else None)


def _ends(
    almanac: Almanac, region: str, start: datetime, limit: Limit, more: Limit | None, stops: tuple[Stop, ...]
) -> tuple[Deadline, Deadline | None]:
    """The end and the warning of a limit, with its extension; one in another unit runs on from the first one's end."""
    if more is not None and more.unit == limit.unit:
        limit, more = Limit(number=limit.number + more.number, unit=limit.unit), None
    end, warn = _period(almanac.calendars, region, start, limit, stops)
    if more is None or end.at is None:
        return end, warn
    return _period(almanac.calendars, region, end.at - timedelta(microseconds=1), more, stops)


Period = tuple[Deadline, Deadline | None]
_KEPT = 20_000
_PERIODS: WeakKeyDictionary[Calendars, dict[tuple[str, date, Limit], Period]] = WeakKeyDictionary()
"""Periods in days that nothing stops, by region, first day and limit: thousands of cases share them."""


def _period(calendars: Calendars, region: str, start: datetime, limit: Limit, stops: tuple[Stop, ...]) -> Period:
    if stops or limit.unit not in ("WD", "ND"):
        return deadline(calendars, region, start, limit, stops), warning(calendars, region, start, limit, stops)
    known = _PERIODS.setdefault(calendars, {})
    key = region, china_day(start), limit
    if key not in known:
        if len(known) >= _KEPT:
            known.clear()
        known[key] = deadline(calendars, region, start, limit), warning(calendars, region, start, limit)
    return known[key]


def clock_start(history: History, step: Step) -> datetime:
    """When the step's time began: at its opening; one that waits for no other, at the acceptance, wherever it took effect."""
    opening = history.opened[step.id].time
    first = history.round_of(step.id) == 1 and not step.needed
    if first and history.accepted_at is not None:
        return min(opening, history.accepted_at)
    return opening


def stops_of(history: History, step: str) -> Iterator[Stop]:
    """The times during which the step's clock does not run: special procedures, and waiting for the applicant."""
    current = history.round_of(step)
    for number, stop in _all_stops(history, step):
        if number == current:
            yield stop


def _all_stops(history: History, step: str) -> Iterator[tuple[int, Stop]]:
    """The stops of every round, each with its round."""
    for one in history.procedures.get(step, ()):
        yield one.round, Stop(one.at, one.resumed_at)
    for asked in history.corrections.get(step, ()):
        yield asked.round, Stop(asked.at, asked.answered_at)


def joint_due(history: History, item: Item, almanac: Almanac) -> Due | None:
    """The joint limit of the whole case; None when the item has none, or nothing is left to decide."""
    joint, start = item.joint, history.accepted_at
    if joint is None or start is None or not history.running:
        return None
    if all_granted(item, history.answers, history.standing.granted):
        return None
    try:
        lead = joint.lead_of(history.answers)
    except NoDepartmentError:
        return None
    steps = {*history.procedures, *history.corrections}
    stops = tuple(stop for step in sorted(steps) for _, stop in _all_stops(history, step))
    more = history.extensions.get(None)
    end, warn = _ends(almanac, almanac.region(item, lead), start, joint.legal, more.by if more else None, stops)
    return Due(None, lead, "joint", 1, end, warn, more.at if more else None)


def moments(
    history: History, item: Item, almanac: Almanac, departments: AbstractSet[str], subject: str
) -> list[Moment]:
    """What time has made true and nobody said yet, or will make true, in order; what has no instant stands last."""
    if not history.running:
        return []
    running = dues(history, item, almanac, departments)
    whole = joint_due(history, item, almanac)
    if whole is not None and whole.department in departments:
        running.append(whole)
    found = [moment for due in running for moment in _of_limit(due, almanac)]
    found += _lapses(history, item, almanac, departments)
    found += _silences(history, item, running, departments)
    unsaid = [one for one in found if one.event_id(subject) not in history.ids]
    return sorted(unsaid, key=lambda one: (one.at is None, one.at or datetime.min.replace(tzinfo=UTC), one.rank))


def _of_limit(due: Due, almanac: Almanac) -> Iterator[Moment]:
    """Yellow and red. After an extension both come anew, yellow not before the extension."""
    names = (due.step or "", due.limit, str(due.round), "extended" if due.extended else "")
    if due.end.at is None:
        return
    about = {
        "step": due.step,
        "department": due.department,
        "limit": due.limit,
        "due": due.end.at,
        "round": due.round,
    }
    if due.warn is not None and due.warn.at is not None:
        at = due.warn.at if due.extended_at is None else max(due.warn.at, due.extended_at)
        soon = partial(ApprovalDueSoon, **about)
        yield Moment(at, 0, due.department, ApprovalDueSoon.TYPE, names, due.warn.provisional, soon)
    late = partial(ApprovalOverdue, **about, supervisor=almanac.supervisors.get(due.department))
    yield Moment(due.end.at, 1, due.department, ApprovalOverdue.TYPE, names, due.end.provisional, late)


def opinion_end(one: OpinionRequest, item: Item, almanac: Almanac) -> Deadline | None:
    """Until when the asked department may answer; None for an opinion that the item does not declare."""
    declared = item.step(one.step).opinion(one.opinion)
    return None if declared is None else almanac.end(item, one.asked, one.at, declared.limit)


def _lapses(history: History, item: Item, almanac: Almanac, departments: AbstractSet[str]) -> Iterator[Moment]:
    for step, requests in history.opinions.items():
        for one in requests:
            declared = item.step(step).opinion(one.opinion)
            if not one.pending or one.department not in departments or declared is None or not history.undecided(step):
                continue
            end = almanac.end(item, one.asked, one.at, declared.limit)
            lapsed = partial(
                ApprovalOpinionLapsed,
                step=step,
                department=one.department,
                opinion=one.opinion,
                request=one.id,
                asked=one.asked,
                silence=declared.silence,
            )
            names = (step, one.opinion, str(one.id))
            yield Moment(end.at, 2, one.department, ApprovalOpinionLapsed.TYPE, names, end.provisional, lapsed)


def _silences(history: History, item: Item, running: list[Due], departments: AbstractSet[str]) -> Iterator[Moment]:
    """Steps that count as granted because nobody decided in time. Needs still hold; the applicant's turn suspends it."""
    for step in applicable_steps(item, history.answers):
        if step.silence is None or not history.undecided(step.id) or history.unmet(item, step):
            continue
        department = decides(step, history.answers, departments)
        if department is None or history.unanswered(step.id):
            continue
        if step.silence.field is None:
            end = next((due.end for due in running if due.step == step.id and due.limit == "legal"), None)
            at, provisional = (None, False) if end is None else (end.at, end.provisional)
        else:
            at, provisional = _after_day(history, step, step.silence.field), False
        move = Move(
            "grant",
            step.id,
            department,
            history.round_of(step.id),
            rests_on=grounds(history, item, step),
            deemed=True,
        )
        yield Moment(at, 3, department, ApprovalGranted.TYPE, move.discriminators, provisional, move=move)


def _after_day(history: History, step: Step, name: str) -> datetime | None:
    """The end, in China, of the day that an answer names; not before the step lay open with everything it needs."""
    try:
        day = date.fromisoformat(str(history.answers.get(name)))
    except ValueError:
        return None
    ready = [history.opened[step.id].time]
    ready += [one.answered_at for one in history.corrections.get(step.id, ()) if one.answered_at is not None]
    ready += [one.at for name, one in history.standing.counting.items() if name in step.needed | step.needed_to_decide]
    return max(midnight(day + timedelta(days=1)), *ready)
