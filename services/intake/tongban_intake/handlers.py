"""What intake does when it hears of something."""

from collections.abc import Sequence
from functools import partial

from tongban_catalog.shelf import Shelf
from tongban_runtime import facts, outbox
from tongban_runtime.clock import Clock
from tongban_runtime.database import Tx
from tongban_runtime.outcome import Done, Outcome
from tongban_runtime.registry import Registry, Replay
from tongban_schemas.envelope import Event

from tongban_intake import domain


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


def registry(shelf: Shelf, clock: Clock) -> Registry:
    """Intake's handlers, bound to what they need."""
    found = Registry()
    found.add(
        partial(on_case, clock=clock),
        *domain.HEARD,
        name="case",
        replay=Replay.SAFE,
        description=on_case.__doc__,
    )
    shelf.register(found)
    return found
