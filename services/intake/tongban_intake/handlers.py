"""What intake does when it hears of something."""

from collections.abc import Sequence
from functools import partial

from tongban_catalog.item import Item, ItemDefinitionError
from tongban_runtime import facts, outbox
from tongban_runtime.clock import Clock
from tongban_runtime.database import Tx
from tongban_runtime.outcome import Done, Outcome, Park
from tongban_runtime.registry import Registry, Replay
from tongban_schemas.envelope import Event
from tongban_schemas.events.catalog import DepartmentRegistered, ItemPublished

from tongban_intake import domain
from tongban_intake.store import items
from tongban_intake.store.items import RegisteredDepartment


async def on_case(tx: Tx, events: Sequence[Event], clock: Clock) -> Outcome:
    """Keeps the facts of cases, and accepts what was submitted and not withdrawn.

    Duplicates: a fact that is known causes nothing, and the acceptance has one id per case.
    Failure: the batch rolls back with its facts.
    """
    cases = await facts.absorb(tx, events, domain.MODELS)
    accepted = [
        facts.derive(case.cause, data, source=domain.SOURCE, time=clock.now())
        for case in cases
        if (data := domain.acceptance(case.facts)) is not None
    ]
    published = await outbox.publish(tx, accepted)
    if published:
        await facts.remember(tx, published)
    return Done()


async def on_catalogue(tx: Tx, events: Sequence[Event]) -> Outcome:
    """Keeps the published items and the departments.

    Duplicates: a version that is stored stays as it is; an older word on a department changes nothing.
    Failure: an item that cannot be compiled is parked; applications for its other versions go on.
    """
    published = [event.data for event in events if isinstance(event.data, ItemPublished)]
    for item in published:
        try:
            Item.from_definition(item.definition)
        except ItemDefinitionError as error:
            return Park("rule_violated", str(error))
    if published:
        await items.add_items(tx, published)
    departments = [
        RegisteredDepartment(data.department, data.uscc, data.name_zh, data.name_en, event.sequence)
        for event in events
        if isinstance(data := event.data, DepartmentRegistered)
    ]
    if departments:
        await items.put_departments(tx, departments)
    return Done()


def registry(clock: Clock) -> Registry:
    """Intake's handlers, bound to what they need."""
    found = Registry()
    found.add(
        partial(on_case, clock=clock),
        *domain.HEARD,
        name="case",
        replay=Replay.SAFE,
        description=on_case.__doc__,
    )
    found.add(
        on_catalogue,
        ItemPublished,
        DepartmentRegistered,
        name="catalogue",
        replay=Replay.SAFE,
        description=on_catalogue.__doc__,
    )
    return found
