"""What time alone makes true of an application, and when. Pure.

**Five working days** (Administrative Licensing Law art. 32(4)). The body that receives an application tells everything that
is missing at once, within the item's notice limit, counted from the day after the application came in. If it does not, the
application counts as accepted from the day it came in. A notice stops that time; the answer does not bring it back to the
start: the law knows no second notice. What runs from the answer is the same limit once more, and only for saying that the
completed application is accepted (or, about what the answer itself changed, what is wrong with it); if nothing is said, the
application counts as accepted from the moment the answer came in, which is when it was complete.

**Promised materials** (容缺) are to be brought within the item's time after acceptance; each of them once becomes overdue.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tongban_catalog.clock import Calendars, Deadline, deadline, next_alarm, warning
from tongban_catalog.item import Item
from tongban_schemas.envelope import Event, EventData
from tongban_schemas.events.applications import ApplicationAccepted, ApplicationPromiseOverdue
from tongban_schemas.types import Limit

from tongban_intake.domain.history import History

APPEAL = Limit(number=60, unit="ND")
"""The time to ask for review of a decision (Administrative Reconsideration Law 2023 art. 20)."""

_WITHOUT_PROMISES = frozenset({"refused", "annulled", "withdrawn"})


@dataclass(frozen=True, slots=True)
class Days:
    """By which calendar days count for a case: the receiving body's region."""

    calendars: Calendars
    region: str


@dataclass(frozen=True, slots=True)
class TimeSays:
    """What became true at an instant, and the fact it follows from. ``discriminators`` make its event id."""

    at: datetime
    data: EventData
    cause: Event
    discriminators: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiptDue:
    """Until when the receiving body has to answer, and from when it is late in the day."""

    due: Deadline
    warning: Deadline | None


def receipt_due(history: History, item: Item, days: Days) -> ReceiptDue | None:
    """The time that runs at the receiving desk; None while none runs."""
    complete = history.complete
    if complete is None or item.acceptance.by != "officer":
        return None
    span = (days.calendars, days.region, complete.time, item.acceptance.notice)
    return ReceiptDue(deadline(*span), warning(*span))


def time_says(history: History, item: Item, days: Days, until: datetime) -> list[TimeSays]:
    """What time has made true up to ``until`` and nobody has said yet, in order."""
    found = []
    desk, complete = receipt_due(history, item, days), history.complete
    if desk is not None and complete is not None and _is_over(desk.due, until):
        data = ApplicationAccepted(item=item.ref, deemed=True, number=history.number, effective_from=complete.time)
        found.append(TimeSays(_instant(desk.due), data, complete))
    promises: dict[datetime, list[str]] = {}
    for material, due in _promises(history, item, days):
        if _is_over(due, until):
            promises.setdefault(_instant(due), []).append(material)
    for at, materials in sorted(promises.items()):
        if history.accepted is not None:
            names = sorted(materials)
            found.append(TimeSays(at, ApplicationPromiseOverdue(materials=names), history.accepted, tuple(names)))
    return found


def next_moment(history: History, item: Item, days: Days, until: datetime) -> tuple[datetime | None, bool]:
    """When, after ``until``, `time_says` will have something new to say, and whether an estimate waits for its calendar."""
    desk = receipt_due(history, item, days)
    waited = [due for _, due in _promises(history, item, days)]
    return next_alarm([*waited, None if desk is None else desk.due], until)


def earliest(
    one: tuple[datetime | None, bool], other: tuple[datetime | None, bool] | None
) -> tuple[datetime | None, bool]:
    """The earlier of two moments of a case; whether one of them is an estimate."""
    if other is None:
        return one
    at = min((moment for moment in (one[0], other[0]) if moment is not None), default=None)
    return at, one[1] or other[1]


def appeal_is_late(decided_at: datetime, days: Days, now: datetime) -> bool:
    """Whether the sixty days have passed. While a year's calendar is missing nobody is shut out."""
    return _is_over(deadline(days.calendars, days.region, decided_at, APPEAL), now)


def _promises(history: History, item: Item, days: Days) -> Sequence[tuple[str, Deadline]]:
    """What was promised, is not brought and was not yet told to be overdue, with its time."""
    if history.accepted is None or not history.promised or history.ending() in _WITHOUT_PROMISES:
        return ()
    found = []
    for name in history.promised:
        material = item.material(name)
        if material is None or material.tolerable is None or name in history.overdue_said or name in history.materials:
            continue
        due = deadline(days.calendars, days.region, history.accepted.time, material.tolerable)
        found.append((name, due))
    return found


def _is_over(due: Deadline, now: datetime) -> bool:
    return due.at is not None and not due.provisional and due.at <= now


def _instant(due: Deadline) -> datetime:
    if due.at is None:
        raise ValueError("a deadline without an end is never over")
    return due.at
