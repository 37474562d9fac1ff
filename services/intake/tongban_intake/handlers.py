"""What intake does when it hears of something."""

from collections.abc import Sequence
from functools import partial

from tongban_runtime import facts
from tongban_runtime.database import Tx
from tongban_runtime.outcome import Done, Outcome
from tongban_runtime.registry import Registry, Replay
from tongban_schemas.envelope import Event

from tongban_intake import domain
from tongban_intake.casework import Casework


async def on_case(tx: Tx, events: Sequence[Event], *, casework: Casework) -> Outcome:
    """Keeps the facts of cases; numbers and receives what was submitted, and accepts it where a rule does.

    Duplicates: a fact that is known causes nothing; a case has one number, one receipt and one acceptance.
    Failure: the batch rolls back with its facts and its serials, so no number is lost.
    """
    telling = [event for event in events if domain.tells_something(event)]
    if telling:
        await casework.hear(tx, await facts.absorb(tx, telling, domain.MODELS))
    return Done()


def registry(casework: Casework) -> Registry:
    """Intake's handlers, bound to what they need."""
    found = Registry()
    found.add(
        partial(on_case, casework=casework),
        *domain.HEARD,
        name="case",
        replay=Replay.SAFE,
        description=on_case.__doc__,
    )
    casework.shelf.register(found, models=domain.MODELS, resume=casework.hear)
    return found
