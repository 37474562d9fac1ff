"""Which decisions of a case stand. Pure, and the same for everybody who asks: approvals, certificates, the view.

A decision counts only in its own round, the highest in which its step was opened, and only while nothing takes it back: it
was not annulled, what it rests on was not annulled, and no correction came that it should have looked at and did not.
The answer depends on the set of facts alone, not on their order. Who may say what about a step, `tongban_catalog.speakers` tells.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tongban_schemas.envelope import Event, EventData
from tongban_schemas.events.applications import ApplicationCorrected
from tongban_schemas.events.approvals import ApprovalAnnulled, ApprovalGranted, ApprovalOpened, ApprovalRefused

from tongban_catalog.item import Item


@dataclass(frozen=True, slots=True)
class Decision:
    """A step's yes or no, as it was told. ``id`` is the event's id; ``told`` is the event."""

    id: UUID
    step: str
    department: str
    round: int
    granted: bool
    at: datetime
    rests_on: frozenset[UUID] | None
    told: Event


@dataclass(frozen=True, slots=True)
class Annulment:
    """A decision taken back."""

    id: UUID
    decision: UUID
    reopen: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the decisions of a case stand.

    ``rounds``: the highest round of each step that was opened or decided. ``latest``: the decision of that round, whether
    it counts or not. ``counting``: those of ``latest`` that count. ``decisions``: every decision ever told, by event id.
    """

    rounds: Mapping[str, int]
    latest: Mapping[str, Decision]
    counting: Mapping[str, Decision]
    decisions: Mapping[UUID, Decision]
    annulments: Mapping[UUID, Annulment]
    broken_by: Mapping[str, UUID]
    """For each step whose latest decision does not count: the annulment or the correction that made it so."""

    @property
    def granted(self) -> frozenset[str]:
        """The steps whose grant counts."""
        return frozenset(step for step, one in self.counting.items() if one.granted)

    @property
    def refused(self) -> frozenset[str]:
        return frozenset(step for step, one in self.counting.items() if not one.granted)

    @property
    def annulled_for_good(self) -> frozenset[str]:
        """Steps whose decision was annulled and is not made anew."""
        return frozenset(
            step
            for step, one in self.latest.items()
            if (annulment := self.annulments.get(one.id)) is not None and not annulment.reopen
        )


def standing_decisions(events: Iterable[Event], item: Item) -> dict[str, Decision]:
    """The decisions that count, by step."""
    return dict(standing(in_order(events), item).counting)


def in_order(events: Iterable[Event]) -> list[Event]:
    """Each event once, in an order that does not depend on how they came."""
    unique = {event.id: event for event in events}
    return sorted(unique.values(), key=lambda event: (event.time, event.sequence, event.id.int))


def corrected_parts(data: ApplicationCorrected) -> frozenset[str]:
    """The answers and materials that a correction holds."""
    return frozenset((*data.answers, *data.sealed, *data.materials))


def standing(ordered: Sequence[Event], item: Item) -> Standing:
    """``ordered``: as `in_order` gives them, and those alone that count (`tongban_catalog.speakers`)."""
    corrections = [
        (event, corrected_parts(event.data)) for event in ordered if isinstance(event.data, ApplicationCorrected)
    ]
    rounds: dict[str, int] = {}
    decisions: dict[UUID, Decision] = {}
    latest: dict[str, Decision] = {}
    annulments: dict[UUID, Annulment] = {}
    for event in ordered:
        data: EventData = event.data
        if not isinstance(data, ApprovalOpened | ApprovalGranted | ApprovalRefused | ApprovalAnnulled):
            continue
        if isinstance(data, ApprovalAnnulled):
            annulments.setdefault(data.decision, Annulment(event.id, data.decision, data.reopen, event.time))
            continue
        rounds[data.step] = max(data.round, rounds.get(data.step, 0))
        if not isinstance(data, ApprovalOpened):
            told = decisions[event.id] = _decision(event, data)
            known = latest.get(told.step)
            if known is None or known.round < told.round:
                latest[told.step] = told
    latest = {step: one for step, one in latest.items() if one.round == rounds[step]}
    broken_by = _broken(item, latest, decisions, annulments, corrections)
    counting = {step: one for step, one in latest.items() if step not in broken_by}
    return Standing(rounds, latest, counting, decisions, annulments, broken_by)


def _decision(event: Event, data: ApprovalGranted | ApprovalRefused) -> Decision:
    return Decision(
        id=event.id,
        step=data.step,
        department=data.department,
        round=data.round,
        granted=isinstance(data, ApprovalGranted),
        at=event.time,
        rests_on=None if data.rests_on is None else frozenset(data.rests_on),
        told=event,
    )


def _broken(
    item: Item,
    latest: Mapping[str, Decision],
    decisions: Mapping[UUID, Decision],
    annulments: Mapping[UUID, Annulment],
    corrections: Sequence[tuple[Event, frozenset[str]]],
) -> dict[str, UUID]:
    taken_back = {
        (decisions[name].step, decisions[name].round): one.id for name, one in annulments.items() if name in decisions
    }
    found: dict[UUID, UUID | None] = {}

    def annulled_under(one: Decision) -> UUID | None:
        """The annulment that takes a decision back: of itself, of a later one of its step, or of what it rests on."""
        if one.id not in found:
            found[one.id] = None
            own = annulments.get(one.id)
            later = [name for (step, number), name in taken_back.items() if step == one.step and number >= one.round]
            below = (annulled_under(decisions[name]) for name in sorted(one.rests_on or ()) if name in decisions)
            found[one.id] = own.id if own else next((name for name in (*later, *below) if name), None)
        return found[one.id]

    broken: dict[str, UUID] = {}
    for step, one in latest.items():
        because = annulled_under(one) if annulments else None
        if because is None and one.granted:
            because = next((event.id for event, parts in corrections if _overlooked(event, parts, one, item)), None)
        if because is not None:
            broken[step] = because
    return broken


def _overlooked(event: Event, parts: frozenset[str], decision: Decision, item: Item) -> bool:
    if parts.isdisjoint(item.step(decision.step).inputs):
        return False
    return event.id not in decision.rests_on if decision.rests_on is not None else event.time > decision.at
