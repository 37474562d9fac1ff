"""What the passing of time makes true: warnings, overrun limits, opinions that lapse, decisions by silence.

Every such fact has the instant at which it became true as its time, and an id that depends on the case, the step, the round
and the limit alone, so it is said once. Sources: Administrative Licensing Law art. 42, 45, 50; the calendar is the deciding
department's.
"""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from tongban_catalog.clock import NATION, Calendars, Deadline, Stop, deadline, midnight, warning
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
from tongban_approvals.domain.steps import OpinionRequest


@dataclass(frozen=True, slots=True)
class Almanac:
    """The calendars, and by department its region (GB/T 2260) and who is told when it is late."""

    calendars: Calendars
    regions: Mapping[str, str | None] = field(default_factory=dict)
    supervisors: Mapping[str, str | None] = field(default_factory=dict)

    def region(self, item: Item, department: str) -> str:
        return self.regions.get(department) or item.region or NATION

    def end(self, item: Item, department: str, start: datetime, limit: Limit, stops: Iterable[Stop] = ()) -> Deadline:
        return deadline(self.calendars, self.region(item, department), start, limit, tuple(stops))


@dataclass(frozen=True, slots=True)
class Due:
    """One limit that runs. ``step`` is None for the joint limit; ``warn``: when it turns yellow, if it does."""

    step: str | None
    department: str
    limit: LimitKind
    round: int
    end: Deadline
    warn: Deadline | None
    extended: bool


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that time makes true. ``at``: when; None while a stop is open or the calendar is not known.

    Either ``data`` is to be said by ``department``, or ``move`` to be made. ``provisional``: the calendar of that year is
    not published, so it does not come true yet.
    """

    at: datetime | None
    rank: int
    department: str
    provisional: bool = False
    data: EventData | None = None
    discriminators: tuple[str, ...] = ()
    move: Move | None = None

    def event_id(self, subject: str) -> UUID:
        if self.move is not None:
            return event_id(ApprovalGranted.TYPE, subject, *self.move.discriminators)
        assert self.data is not None
        return event_id(self.data.TYPE, subject, *self.discriminators)


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
    more: Limit | None,
) -> Due:
    stops = tuple(stops_of(history, step.id))
    start = clock_start(history, step)
    end, warn = _ends(almanac, almanac.region(item, department), start, limit, more, stops)
    return Due(step.id, department, kind, history.round_of(step.id), end, warn, more is not None)


def _ends(
    almanac: Almanac, region: str, start: datetime, limit: Limit, more: Limit | None, stops: tuple[Stop, ...]
) -> tuple[Deadline, Deadline | None]:
    """The end and the warning of a limit, with its extension; one in another unit runs on from the first one's end."""
    calendars = almanac.calendars
    if more is not None and more.unit == limit.unit:
        limit, more = Limit(number=limit.number + more.number, unit=limit.unit), None
    end = deadline(calendars, region, start, limit, stops)
    if more is not None:
        if end.at is None:
            return end, None
        start, limit = end.at - timedelta(microseconds=1), more
        end = deadline(calendars, region, start, limit, stops)
    return end, warning(calendars, region, start, limit, stops)


def clock_start(history: History, step: Step) -> datetime:
    """When the step's time began: at its opening; one that waits for no other, at the acceptance, wherever it took effect."""
    opening = history.opened[step.id].time
    first = history.round_of(step.id) == 1 and not step.needed
    if first and history.accepted_at is not None:
        return min(opening, history.accepted_at)
    return opening


def stops_of(history: History, step: str) -> Iterator[Stop]:
    """The times during which the step's clock does not run: special procedures, and waiting for the applicant."""
    for one in history.procedures.get(step, ()):
        yield Stop(one.at, one.resumed_at)
    current = history.round_of(step)
    for asked in history.corrections.get(step, ()):
        if asked.round == current:
            yield Stop(asked.at, asked.answered_at)


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
    stops = tuple(stop for step in sorted(steps) for stop in stops_of(history, step))
    more = history.extensions.get(None)
    end, warn = _ends(almanac, almanac.region(item, lead), start, joint.legal, more, stops)
    return Due(None, lead, "joint", 1, end, warn, more is not None)


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
    names = (due.step or "", due.limit, str(due.round), "extended" if due.extended else "")
    if due.end.at is None:
        return
    if due.warn is not None and due.warn.at is not None:
        soon = ApprovalDueSoon(
            step=due.step, department=due.department, limit=due.limit, due=due.end.at, round=due.round
        )
        yield Moment(due.warn.at, 0, due.department, due.warn.provisional, soon, names)
    late = ApprovalOverdue(
        step=due.step,
        department=due.department,
        limit=due.limit,
        due=due.end.at,
        round=due.round,
        supervisor=almanac.supervisors.get(due.department),
    )
    yield Moment(due.end.at, 1, due.department, due.end.provisional, late, names)


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
            data = ApprovalOpinionLapsed(
                step=step,
                department=one.department,
                opinion=one.opinion,
                request=one.id,
                asked=one.asked,
                silence=declared.silence,
            )
            yield Moment(end.at, 2, one.department, end.provisional, data, (step, one.opinion, str(one.id)))


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
            rests_on=grounds(history, step),
            deemed=True,
        )
        yield Moment(at, 3, department, provisional, move=move)


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
