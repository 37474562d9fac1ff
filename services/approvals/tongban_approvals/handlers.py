"""What approvals does about events."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from tongban_catalog.item import Item, ItemDefinitionError
from tongban_runtime import facts
from tongban_runtime.database import Tx
from tongban_runtime.facts import Case
from tongban_runtime.outcome import Done, Outcome, Park
from tongban_runtime.registry import Registry, Replay
from tongban_schemas.envelope import Event
from tongban_schemas.events.catalog import DepartmentRegistered, ItemPublished

from tongban_approvals import store
from tongban_approvals.casework import Casework
from tongban_approvals.domain import MODELS


async def on_case_facts(tx: Tx, events: Sequence[Event], *, casework: Casework) -> Outcome:
    """Takes facts of cases in, opens the steps whose needs hold and decides those that a rule decides.

    Duplicates: a fact that is known already causes nothing; a step is opened and decided once, under the case's lock.
    Failure: nothing of the batch commits; the case that fails is parked and the others go on.
    """
    await casework.advance(tx, await facts.absorb(tx, events, MODELS))
    return Done()


async def on_items_published(tx: Tx, events: Sequence[Event], *, casework: Casework) -> Outcome:
    """Learns items, and moves on the cases that waited for them.

    Duplicates: a published version never changes, so learning it again changes nothing.
    Failure: an item that cannot be used is parked; its cases wait until a usable one is published.
    """
    published = [event.data for event in events if isinstance(event.data, ItemPublished)]
    for data in published:
        try:
            ref = Item.from_definition(data.definition).ref
        except ItemDefinitionError as error:
            return Park("rule_violated", str(error))
        if ref != data.item:
            return Park("rule_violated", f"the definition is {ref.code}:{ref.version}, not what the event names")
    refs = [data.item for data in published]
    await facts.lock(tx, await store.waiting_cases(tx, refs))
    await store.lock_catalogue(tx, to_learn=True)
    await store.learn_items(tx, published)
    waiting = await store.waiting_cases(tx, refs)
    if waiting:
        await facts.lock(tx, waiting)
        known = await facts.recall(tx, waiting, MODELS)
        await casework.advance(tx, [_resumed(known[str(one)], traceparent) for one, traceparent in waiting.items()])
        await store.stop_waiting(tx, waiting)
    return Done()


def _resumed(known: tuple[Event, ...], traceparent: str | None) -> Case:
    newest = max(known, key=lambda fact: (fact.time, fact.id.int))
    return Case(newest.subject, known, replace(newest, traceparent=traceparent))


async def on_departments_registered(tx: Tx, events: Sequence[Event]) -> Outcome:
    """Learns the departments' names.

    Duplicates: the entry with the highest sequence stays, however often and in whatever order entries come.
    Failure: the entry is parked; departments are shown by their ids until it is released.
    """
    await store.learn_departments(
        tx, [(event.sequence, event.data) for event in events if isinstance(event.data, DepartmentRegistered)]
    )
    return Done()


def registry(casework: Casework) -> Registry:
    """The handlers of one deployment."""
    found = Registry()
    found.add(
        partial(on_case_facts, casework=casework),
        *MODELS.values(),
        name="case-facts",
        replay=Replay.SAFE,
        description=on_case_facts.__doc__,
    )
    found.add(
        partial(on_items_published, casework=casework),
        ItemPublished,
        name="items-published",
        replay=Replay.SAFE,
        description=on_items_published.__doc__,
    )
    found.add(
        on_departments_registered,
        DepartmentRegistered,
        name="departments-registered",
        replay=Replay.SAFE,
        description=on_departments_registered.__doc__,
    )
    return found
