"""Facts in, owed messages out."""

from collections.abc import Sequence
from functools import partial

from tongban_runtime import facts, outbox
from tongban_runtime.clock import Clock
from tongban_runtime.database import Tx
from tongban_runtime.outcome import Done, Outcome, Park
from tongban_runtime.registry import Registry, Replay
from tongban_schemas.envelope import Event
from tongban_schemas.events.catalog import DepartmentRegistered, ItemPublished

from tongban_notify import store
from tongban_notify.domain import FACTS, MODELS, Owed, ended, owed, recipient
from tongban_notify.names import item_names


async def on_case(tx: Tx, events: Sequence[Event], *, clock: Clock) -> Outcome:
    """Writes the messages that the touched cases owe. In-site messages are sent by being written.

    Duplicates: messages have deterministic ids; one that is there is left alone and publishes nothing.
    Failure: the batch rolls back; nothing is owed, shown or published, and it is handled again.
    """
    now = clock.now()
    owing: list[Owed] = []
    for case in await facts.absorb(tx, events, MODELS):
        known = recipient(case.facts)
        if known is not None:
            owing.append(Owed(known, owed(case.facts), case.cause.traceparent))
    fresh = await store.add(tx, owing, now)
    await outbox.publish(
        tx,
        [
            ended(notification, now, case.traceparent)
            for case in owing
            for notification in case.notifications
            if notification.id in fresh and notification.channel == "inbox"
        ],
    )
    return Done()


async def on_catalog(tx: Tx, events: Sequence[Event]) -> Outcome:
    """Learns the names of items and departments.

    Duplicates: the newest publication of a key wins, so a repeated or late one changes nothing.
    Failure: a definition without the names that messages need is parked under its own key; cases flow on.
    """
    newest: dict[str, Event] = {}
    for event in events:
        standing = newest.get(event.subject)
        if standing is None or event.time >= standing.time:
            newest[event.subject] = event
    items: list[store.LearnedItem] = []
    departments: list[store.LearnedDepartment] = []
    for event in newest.values():
        match event.data:
            case ItemPublished(item=item, definition=definition):
                try:
                    names = item_names(definition)
                except KeyError as error:
                    return Park("rule_violated", f"the item's definition lacks {error}")
                items.append(store.LearnedItem(item, names, event.time))
            case DepartmentRegistered(department=department, name_zh=zh, name_en=en):
                departments.append(store.LearnedDepartment(department, zh, en, event.time))
    await store.learn(tx, items, departments)
    return Done()


def registry(clock: Clock) -> Registry:
    """The handlers of this service's consumer."""
    handlers = Registry()
    handlers.add(partial(on_case, clock=clock), *FACTS, name="case", replay=Replay.SAFE, description=on_case.__doc__)
    handlers.add(
        on_catalog,
        ItemPublished,
        DepartmentRegistered,
        name="catalog",
        replay=Replay.SAFE,
        description=on_catalog.__doc__,
    )
    return handlers
