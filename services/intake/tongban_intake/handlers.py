"""What intake does when it hears of something."""

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from tongban_catalog import hearing
from tongban_runtime import facts
from tongban_runtime.database import Tx
from tongban_runtime.outcome import Done, Outcome
from tongban_runtime.registry import Registry, Replay
from tongban_schemas.envelope import Event
from tongban_schemas.events import evidence

from tongban_intake import domain
from tongban_intake.casework import Casework
from tongban_intake.store.evidence import unknown


async def on_case(tx: Tx, events: Sequence[Event], *, casework: Casework) -> Outcome:
    """Keeps the facts of cases; numbers and receives what was submitted, accepts it where a rule does, and asks for the
    proofs that an answer about another one makes necessary.

    Duplicates: a fact that is known causes nothing; a case has one number, one receipt and one acceptance; a proof is asked
    for once.
    Failure: the batch rolls back with its facts and its serials, so no number is lost.
    """
    telling = [event for event in events if domain.tells_something(event)]
    if telling:
        answers = await _new_answers(tx, telling)
        cases = await hearing.absorb(tx, casework.shelf, telling, domain.MODELS, also_denied=True)
        await casework.hear(tx, cases, answers)
    return Done()


async def _new_answers(tx: Tx, events: Sequence[Event]) -> list[Event]:
    """What is said about proofs and not known yet. Locks the cases."""
    about = {event.id: event for event in events if event.topic == evidence.TOPIC}
    if not about:
        return []
    pairs = [(UUID(event.subject), event.id) for event in about.values()]
    await facts.lock(tx, [UUID(event.subject) for event in events])
    return [about[name] for name in sorted(await unknown(tx, pairs))]


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
    casework.shelf.register(
        found, models=domain.MODELS, resume=hearing.resumed(casework.shelf, casework.hear, domain.MODELS)
    )
    return found
