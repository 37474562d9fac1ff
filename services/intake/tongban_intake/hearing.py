"""Which facts of a case the status view counts: the one rule of the catalogue, asked about the view's own form of facts."""

from collections.abc import Mapping

from tongban_catalog.hearing import judge_all, noted
from tongban_catalog.shelf import Shelf
from tongban_catalog.speakers import Heard, item_of
from tongban_runtime import disbelief
from tongban_runtime.database import Pool, Tx
from tongban_schemas.types import ItemRef

from tongban_intake.facts import Fact, Facts

CONSUMER = "intake-view"


async def judged(connection: Tx | Pool, shelf: Shelf, cases: Mapping[str, Facts]) -> dict[str, Heard[Fact]]:
    """The facts of every case by what they are worth."""
    refs = {subject: ref for subject, known in cases.items() if (ref := _item_of(known)) is not None}
    items = await shelf.items(connection, set(refs.values()))
    known = {subject: facts.values() for subject, facts in cases.items()}
    return await judge_all(connection, shelf, known, {name: items.get(ref) for name, ref in refs.items()})


async def hear(tx: Tx, shelf: Shelf, cases: Mapping[str, Facts]) -> dict[str, tuple[Fact, ...]]:
    """What counts of every case's facts. What does not goes on record."""
    found = await judged(tx, shelf, cases)
    strange = [noted(subject, fact, reason) for subject, one in found.items() for fact, reason in one.denied]
    await disbelief.note(tx, CONSUMER, strange)
    return {subject: one.counted for subject, one in found.items()}


def _item_of(known: Facts) -> ItemRef | None:
    found = item_of(known.values())
    return None if found is None else ItemRef(code=found.code, version=found.version)
