"""What approvals does about events."""

from collections.abc import Sequence
from functools import partial

from tongban_catalog import hearing
from tongban_runtime.database import Tx
from tongban_runtime.outcome import Done, Outcome
from tongban_runtime.registry import Registry, Replay
from tongban_schemas.envelope import Event

from tongban_approvals.casework import Casework
from tongban_approvals.domain import MODELS


async def on_case_facts(tx: Tx, events: Sequence[Event], *, casework: Casework) -> Outcome:
    """Takes facts of cases in, opens the steps whose needs hold and decides those that a rule decides.

    Duplicates: a fact that is known already causes nothing; a step is opened and decided once, under the case's lock.
    Failure: nothing of the batch commits; the case that fails is parked and the others go on.
    """
    await casework.advance(tx, await hearing.absorb(tx, casework.shelf, events, MODELS))
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
    casework.shelf.register(found, models=MODELS, resume=hearing.resumed(casework.shelf, casework.advance, MODELS))
    return found
