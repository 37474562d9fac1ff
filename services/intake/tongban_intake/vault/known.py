"""What the vault knows of cases: the facts that intake heard, and those that intake said itself, heard back or not."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from tongban_catalog import hearing
from tongban_catalog.shelf import Shelf
from tongban_runtime import facts
from tongban_runtime.database import Tx
from tongban_schemas.envelope import Event
from tongban_schemas.events.evidence import EvidenceRequested
from tongban_schemas.types import ItemRef

from tongban_intake import domain
from tongban_intake.domain.history import History
from tongban_intake.vault.rules import CaseKnown


async def cases_known(
    tx: Tx, shelf: Shelf, cases: Collection[UUID], erased: Collection[UUID]
) -> Mapping[UUID, CaseKnown]:
    """Every one of the cases, with whatever is known of it; ``erased`` are those whose key is destroyed."""
    heard = await hearing.recall(tx, shelf, cases, domain.MODELS)
    said = await _said(tx, cases)
    found = {
        case: {event.id: event for event in (*said.get(case, ()), *heard.get(str(case), ()))}.values() for case in cases
    }
    refs = {case: ref for case, events in found.items() if (ref := _item_of(events)) is not None}
    items = await shelf.items(tx, set(refs.values()))
    departments = await shelf.departments(tx)
    return {
        case: CaseKnown(History.of(str(case), events, item), item, departments, case in erased)
        for case, events in found.items()
        for item in [items.get(refs[case]) if case in refs else None]
    }


def _item_of(events: Collection[Event]) -> ItemRef | None:
    """The item of a case: as it was submitted, or the one for which proofs are asked already."""
    sent = domain.submission(events)
    if sent is not None:
        return sent.item
    return next((event.data.item for event in events if isinstance(event.data, EvidenceRequested)), None)


async def _said(tx: Tx, cases: Collection[UUID]) -> dict[UUID, list[Event]]:
    rows: list[Any] = await tx.fetch(
        """
        SELECT * FROM outbox WHERE subject = ANY($1) AND source = $2 AND type = ANY($3) ORDER BY subject, sequence
        """,
        list(cases),
        domain.SOURCE,
        list(domain.MODELS),
    )
    found: dict[UUID, list[Event]] = {}
    for row in rows:
        found.setdefault(row["subject"], []).append(facts.event_of(row, domain.MODELS))
    return found
