"""Reads ledgers for their owner: the facts from the status view, the names from the catalogue, the texts from the vault."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tongban_catalog import hearing
from tongban_catalog.item import Item
from tongban_catalog.shelf import Shelf
from tongban_runtime.database import Pool, Tx
from tongban_runtime.sealing import SealBrokenError
from tongban_schemas.types import ItemRef

from tongban_intake import domain
from tongban_intake.facts import Fact, unpack
from tongban_intake.hearing import judged
from tongban_intake.ledger.lines import Line, ledger
from tongban_intake.ledger.showing import LineShown, Teller
from tongban_intake.ledger.wording import Wording
from tongban_intake.payloads import EvidenceRequested, Submitted
from tongban_intake.presentation.presenter import Unseal
from tongban_intake.store import applications, drafts, view
from tongban_intake.vault import Vault

_CASES = 200
"""How many applications, and how many erased drafts, one's whole ledger tells of: the newest."""


@dataclass(frozen=True, slots=True)
class CaseLedger:
    """The ledger of one case, as it is and as it is shown, with its item once that is known."""

    case: UUID
    item: Item | None
    lines: tuple[Line, ...]
    shown: tuple[LineShown, ...]


async def own_cases(pool: Pool, person: UUID) -> list[UUID]:
    """A person's applications and drafts, those that were erased as well."""
    listed = [row.application for row in await view.listed(pool, person, _CASES)]
    begun = [row.id for row in await drafts.of(pool, person)]
    return list(dict.fromkeys((*listed, *begun, *await drafts.erased_of(pool, person, _CASES))))


async def is_own(connection: Tx | Pool, case: UUID, person: UUID) -> bool:
    if await applications.applicant_of(connection, case) == person:
        return True
    return await drafts.owner_of(connection, case) == person


async def read(pool: Pool, shelf: Shelf, vault: Vault, cases: Collection[UUID]) -> list[CaseLedger]:
    """The ledgers of cases; one of which the view has heard nothing has no lines."""
    packed = await view.packed_facts_of(pool, cases)
    kept = {case: unpack(body) for case, body in packed.items()}
    heard = await judged(pool, shelf, {str(case): one for case, one in kept.items()})
    known = {case: heard[str(case)].counted for case in kept}
    refs = {case: ref for case, found in known.items() if (ref := _item_of(found)) is not None}
    async with pool.acquire() as connection:
        items = await shelf.items(connection, refs.values())
        departments = await shelf.departments(connection)
        resources = await shelf.resources(connection)
        keys = await vault.open_many(connection, cases)
    found = []
    for case in cases:
        said = known.get(case, ())
        item = items.get(refs[case]) if case in refs else None
        asked = {one.data.material: one.data.resource for one in said if isinstance(one.data, EvidenceRequested)}
        lines = ledger(said)
        teller = Teller(Wording(item, resources, asked), departments, _unseal(keys.get(case)))
        found.append(CaseLedger(case, item, lines, tuple(map(teller.line, lines))))
    return found


async def plain_answers(tx: Tx, shelf: Shelf, case: UUID) -> dict[str, Any]:
    """The answers of an application in the clear; none of a draft."""
    heard = (await hearing.recall(tx, shelf, [case], domain.MODELS)).get(str(case), ())
    return dict(domain.current_answers(heard).plain)


def _item_of(found: Iterable[Fact]) -> ItemRef | None:
    for kind in (Submitted, EvidenceRequested):
        for fact in found:
            if isinstance(fact.data, kind):
                return ItemRef(code=fact.data.item.code, version=fact.data.item.version)
    return None


def _unseal(keys: Any) -> Unseal:
    def unseal(field: str, sealed: str) -> str:
        try:
            return "（已依规定删除 erased）" if keys is None else str(keys.open(field, sealed))
        except SealBrokenError:
            return "（无法打开 cannot be opened）"

    return unseal
