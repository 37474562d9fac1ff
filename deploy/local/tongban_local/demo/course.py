"""The course of a case, worked out from its events: when each step was open, what ran side by side, what waited. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Any

from tongban_catalog.item import Item, Step, applicable_steps
from tongban_schemas.envelope import Event
from tongban_schemas.events.approvals import ApprovalGranted, ApprovalOpened

from tongban_local.errors import LocalStackError


class OutOfOrderError(LocalStackError):
    """A step opened before what it needs was granted."""


@dataclass(frozen=True, slots=True)
class Course:
    """One step of the case: open from ``opened`` until ``granted``."""

    step: Step
    opened: datetime
    granted: datetime
    by_rule: bool

    @property
    def seconds(self) -> float:
        return (self.granted - self.opened).total_seconds()

    def overlaps(self, other: "Course") -> bool:
        """Whether there was a time at which both were open."""
        return max(self.opened, other.opened) < min(self.granted, other.granted)


def courses(item: Item, events: Iterable[Event]) -> list[Course]:
    """Every step that was opened and granted, in the order in which they opened."""
    opened: dict[str, datetime] = {}
    granted: dict[str, Event] = {}
    for event in events:
        if isinstance(event.data, ApprovalOpened):
            opened[event.data.step] = event.time
        elif isinstance(event.data, ApprovalGranted):
            granted[event.data.step] = event
    found = [
        Course(item.step(step), opened[step], event.time, _is_by_rule(event))
        for step, event in granted.items()
        if step in opened
    ]
    return sorted(found, key=lambda course: (course.opened, course.granted, course.step.id))


def _is_by_rule(event: Event) -> bool:
    return isinstance(event.data, ApprovalGranted) and event.data.decided_by == "rule"


def departments_at_once(found: Sequence[Course]) -> frozenset[str]:
    """The largest set of departments that had a step open at the same time."""
    moments = (
        frozenset(one.step.department for one in found if one.opened <= course.opened < one.granted) for course in found
    )
    return max(moments, key=len, default=frozenset())


def overlapping(found: Sequence[Course]) -> list[tuple[Course, Course]]:
    """Pairs of steps of different departments that were open at the same time."""
    return [
        (one, other)
        for one, other in combinations(found, 2)
        if one.step.department != other.step.department and one.overlaps(other)
    ]


def needed(course: Course, item: Item, answers: Mapping[str, Any]) -> list[Step]:
    """The steps that the step waits for in this case, in the order of the item."""
    return [step for step in applicable_steps(item, answers) if step.id in course.step.needed]


def check_order(found: Sequence[Course], item: Item, answers: Mapping[str, Any]) -> list[Course]:
    """The steps that waited for others. Raises: OutOfOrderError when one did not wait."""
    by_id = {course.step.id: course for course in found}
    waited = []
    for course in found:
        needs = needed(course, item, answers)
        early = [need.id for need in needs if need.id not in by_id or by_id[need.id].granted > course.opened]
        if early:
            raise OutOfOrderError(f"{course.step.id} 早于前置环节 opened before {', '.join(early)}")
        waited += [course] if needs else []
    return waited


def optional_steps(item: Item, answers: Mapping[str, Any]) -> list[tuple[Step, bool]]:
    """Every step that the answers switch, and whether it exists in this case."""
    exist = {step.id for step in applicable_steps(item, answers)}
    return [(step, step.id in exist) for step in item.steps if step.when is not None]
