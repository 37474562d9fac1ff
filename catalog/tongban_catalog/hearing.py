"""Takes the facts of cases in, and gives a service those alone that count (`tongban_catalog.speakers`).

All facts are kept, as a set. What somebody may not say stands on record (`tongban_runtime.disbelief`) and reaches no domain. A case
whose item is not published yet waits for it on the shelf; what a body signed with a key that the catalogue has not told of is told
anew when the catalogue tells of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from tongban_runtime import disbelief, facts
from tongban_runtime.alarms import Ring
from tongban_runtime.database import Pool, Tx
from tongban_runtime.disbelief import Disbelieved
from tongban_runtime.facts import Case
from tongban_schemas.envelope import Event, EventData
from tongban_schemas.events import EVENTS
from tongban_schemas.events.applications import ApplicationSubmitted
from tongban_schemas.events.evidence import EvidenceRequested
from tongban_schemas.types import ItemRef

from tongban_catalog.acting import Signatures
from tongban_catalog.item import Item
from tongban_catalog.shelf import Resume, Shelf
from tongban_catalog.speakers import F, Heard, Reason, item_of, judge, speaks

CONSUMER: Final = "facts"
"""Under which name a service puts on record what its own handlers do not believe."""
_NEEDED: Final[Mapping[str, type[EventData]]] = {one.TYPE: one for one in (ApplicationSubmitted, EvidenceRequested)}
"""The facts without which nobody can tell who may speak."""


async def absorb(
    tx: Tx, shelf: Shelf, events: Sequence[Event], models: Mapping[str, type[EventData]], *, also_denied: bool = False
) -> list[Case]:
    """Takes a batch in: locks its cases, keeps what is new, and returns those that learned something that counts.

    ``also_denied``: and those of which something new does not count. The facts of a case are those that count.
    """
    touched = await facts.absorb(tx, events, {**models, **_NEEDED})
    if not touched:
        return []
    heard = await _heard(tx, shelf, touched)
    found = []
    for case in touched:
        counted = _only(heard[case.subject].counted, models)
        # What only tells who may speak is news too: what was said before it may count from now on.
        fresh = [one for one in heard[case.subject].counted if one.id in case.fresh]
        if fresh:
            newest = {one.id: one for one in events if one.subject == case.subject}
            found.append(replace(case, facts=counted, cause=newest.get(fresh[-1].id, fresh[-1])))
        elif also_denied:
            found.append(replace(case, facts=counted))
    return found


async def recall(
    tx: Tx | Pool, shelf: Shelf, subjects: Iterable[UUID], models: Mapping[str, type[EventData]]
) -> dict[str, tuple[Event, ...]]:
    """Every fact of the subjects that counts and whose type is among ``models``, by subject."""
    known = await facts.recall(tx, subjects, {**models, **_NEEDED})
    heard = await _judged(tx, shelf, known)
    return {subject: _only(one.counted, models) for subject, one in heard.items()}


def resumed(shelf: Shelf, resume: Resume, models: Mapping[str, type[EventData]]) -> Resume:
    """``resume``, given only what counts of the cases that the shelf moves on."""

    async def go_on(tx: Tx, cases: Sequence[Case]) -> None:
        await resume(tx, await _counted(tx, shelf, cases, models))

    return go_on


def ringing(shelf: Shelf, ring: Ring, models: Mapping[str, type[EventData]]) -> Ring:
    """``ring``, given only what counts of the cases whose alarm rings."""

    async def go_on(tx: Tx, cases: Sequence[Case], until: datetime) -> None:
        await ring(tx, await _counted(tx, shelf, cases, models), until)

    return go_on


async def believed(tx: Tx, events: Sequence[Event]) -> list[Event]:
    """Those of a batch that come from where their kind comes from, for handlers that keep no facts. The others go on record."""
    strange = [event for event in events if not speaks(event)]
    await disbelief.note(tx, CONSUMER, [noted(event.subject, event, "wrong-source") for event in strange])
    return [event for event in events if speaks(event)] if strange else list(events)


def noted(subject: str, fact: object, reason: Reason) -> Disbelieved:
    """A fact, the service's or the status view's, as it goes on record."""
    data = fact.data  # type: ignore[attr-defined]
    kind = EVENTS[data.TYPE]
    return Disbelieved(kind.TOPIC, subject, str(fact.id), kind.TYPE, fact.source, fact.time, reason)  # type: ignore[attr-defined]


async def _counted(tx: Tx, shelf: Shelf, cases: Sequence[Case], models: Mapping[str, type[EventData]]) -> list[Case]:
    heard = await _heard(tx, shelf, cases)
    found = []
    for case in cases:
        if counted := _only(heard[case.subject].counted, models):
            newest = max(counted, key=lambda fact: (fact.time, fact.id.int))
            found.append(replace(case, facts=counted, cause=replace(newest, traceparent=case.cause.traceparent)))
    return found


async def _heard(tx: Tx, shelf: Shelf, cases: Sequence[Case]) -> dict[str, Heard[Event]]:
    refs = [(case, ref) for case in cases if (ref := item_of(case.facts)) is not None]
    await shelf.items_for(tx, refs)
    found = await _judged(tx, shelf, {case.subject: case.facts for case in cases})
    await disbelief.note(
        tx,
        CONSUMER,
        [noted(subject, fact, reason) for subject, one in found.items() for fact, reason in one.denied],
    )
    return found


async def _judged(tx: Tx | Pool, shelf: Shelf, known: Mapping[str, Sequence[Event]]) -> dict[str, Heard[Event]]:
    refs: dict[str, ItemRef | None] = {subject: item_of(events) for subject, events in known.items()}
    items = await shelf.items(tx, {ref for ref in refs.values() if ref is not None})
    return await judge_all(tx, shelf, known, {name: items.get(ref) for name, ref in refs.items() if ref is not None})


async def judge_all(
    tx: Tx | Pool, shelf: Shelf, known: Mapping[str, Iterable[F]], items: Mapping[str, Item | None]
) -> dict[str, Heard[F]]:
    """The facts of cases by what they are worth, by subject. A body or a key that is not known is looked for once more."""
    for at_once in (False, True):
        signatures = Signatures(await shelf.departments(tx, at_once=at_once))
        found = {name: judge(name, facts, items.get(name), signatures) for name, facts in known.items()}
        if not any(reason == "key-unknown" for one in found.values() for _, reason in one.denied):
            break
    return found


def _only(events: Sequence[Event], models: Mapping[str, type[EventData]]) -> tuple[Event, ...]:
    return tuple(event for event in events if event.type in models)
