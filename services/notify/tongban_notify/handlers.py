"""Facts in, owed messages out."""

from collections.abc import Sequence
from functools import partial

from tongban_catalog import hearing
from tongban_catalog.shelf import Shelf
from tongban_runtime import outbox
from tongban_runtime.clock import Clock
from tongban_runtime.database import Tx
from tongban_runtime.facts import Case
from tongban_runtime.outcome import Done, Outcome
from tongban_runtime.registry import Registry, Replay
from tongban_schemas.envelope import Event

from tongban_notify import store
from tongban_notify.domain import MODELS, Owed, ended, owed, recipient
from tongban_notify.news import FACTS


async def on_case(tx: Tx, events: Sequence[Event], *, shelf: Shelf, clock: Clock) -> Outcome:
    """Writes the messages that the touched cases owe. In-site messages are sent by being written.

    Duplicates: messages have deterministic ids; one that is there is left alone and publishes nothing.
    Failure: the batch rolls back; nothing is owed, shown or published, and it is handled again.
    """
    await tell(tx, await hearing.absorb(tx, shelf, events, MODELS), clock=clock)
    return Done()


async def tell(tx: Tx, cases: Sequence[Case], *, clock: Clock) -> None:
    """Writes the messages that locked cases owe and that were not written yet."""
    now = clock.now()
    owing: list[Owed] = []
    for case in cases:
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


def registry(shelf: Shelf, clock: Clock) -> Registry:
    """The handlers of this service's consumer."""
    handlers = Registry()
    handlers.add(
        partial(on_case, shelf=shelf, clock=clock),
        *FACTS,
        name="case",
        replay=Replay.SAFE,
        description=on_case.__doc__,
    )
    shelf.register(handlers, models=MODELS, resume=hearing.resumed(shelf, partial(tell, clock=clock), MODELS))
    return handlers
