"""Finding cases by whose they are: the number lies in the database only as a keyed hash, and every case found is on record.

The key is derived from `index.key` in the folder of the vault; without it a hash cannot be guessed from the few numbers there
are.
"""

import hmac
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tongban_catalog.codes import normalised
from tongban_catalog.item import Item
from tongban_runtime.database import Tx
from tongban_runtime.keys import KeyRequest
from tongban_runtime.sealing import SealBrokenError

from tongban_intake.domain.history import Answers, History
from tongban_intake.evidence.identity import IDENTITY_FIELD
from tongban_intake.store import case_index
from tongban_intake.store.case_index import Entry, Hit, Kind
from tongban_intake.vault import record
from tongban_intake.vault.kek import KeyEncryption
from tongban_intake.vault.known import cases_known
from tongban_intake.vault.rules import CaseKnown
from tongban_intake.vault.vault import Vault

MOST: Final = 50
"""How many cases one search finds at most: the newest."""
_PAGE: Final = 200
_PAGES: Final = 10


@dataclass(frozen=True, slots=True)
class Found:
    """A case that was found. ``department`` is the one of the officer's by which it is theirs to see."""

    case: UUID
    submitted_at: datetime
    department: str
    history: History
    item: Item


def hashed(encryption: KeyEncryption, number: str) -> bytes:
    """The keyed hash of a number: HMAC-SHA256, 32 bytes."""
    return hmac.digest(encryption.derive(b"case index"), normalised(number).encode(), "sha256")


async def index_person(tx: Tx, vault: Vault, case: UUID, number: str | None) -> None:
    """Makes a case findable by the verified number of the person behind it, where there is one."""
    if number is not None:
        await case_index.put(tx, [Entry("citizen", hashed(vault.encryption, number), case)])


async def index_holders(tx: Tx, vault: Vault, cases: Iterable[tuple[UUID, Item, Answers]]) -> None:
    """Makes cases findable by the answer that their item names as the holder's code: a personal one is a citizen's."""
    plain: list[tuple[UUID, str]] = []
    sealed: dict[UUID, tuple[str, str]] = {}
    for case, item, answers in cases:
        name = None if item.holder is None else item.holder.code
        if name is not None and name in answers.sealed:
            sealed[case] = name, answers.sealed[name]
        elif name is not None and (code := answers.plain.get(name)):
            plain.append((case, str(code)))
    entries = [Entry("enterprise", hashed(vault.encryption, code), case) for case, code in plain]
    if sealed:
        for case, keys in (await vault.open_many(tx, sealed)).items():
            with suppress(SealBrokenError):
                entries.append(Entry("citizen", hashed(vault.encryption, keys.open(*sealed[case])), case))
    await case_index.put(tx, entries)


def served_by(case: CaseKnown, departments: Collection[str]) -> str | None:
    """The one of the departments that receives a case or decides a step of it; None when none does. Pure."""
    if case.item is None or case.history.submission is None:
        return None
    choices = [case.item.acceptance.choice, *(step.choice for step in case.flow())]
    mine = sorted(departments)
    return next((one for choice in choices for one in mine if case.plays(choice, one)), None)


async def search(
    tx: Tx, vault: Vault, officer: UUID, departments: Collection[str], kind: Kind, number: str
) -> list[Found]:
    """The newest cases of these departments that a number is named in. That each was found is on record in it.

    Of cases that are not theirs nothing is said, to nobody.
    """
    found: list[Found] = []
    value, last = hashed(vault.encryption, number), None
    for _ in range(_PAGES):
        hits = await case_index.find(tx, kind, value, last, _PAGE)
        found += await _theirs(tx, vault, hits, departments)
        if len(hits) < _PAGE or len(found) >= MOST:
            break
        last = hits[-1]
    return await _tell(tx, vault, officer, found[:MOST])


async def _theirs(tx: Tx, vault: Vault, hits: Collection[Hit], departments: Collection[str]) -> list[Found]:
    if not hits:
        return []
    known = await cases_known(tx, vault.shelf, [hit.case for hit in hits], ())
    found = []
    for hit in hits:
        case = known[hit.case]
        department = served_by(case, departments)
        if department is not None and case.item is not None:
            found.append(Found(hit.case, hit.submitted_at, department, case.history, case.item))
    return found


async def _tell(tx: Tx, vault: Vault, officer: UUID, found: list[Found]) -> list[Found]:
    """Puts on record that the cases were found; those that were not erased meanwhile."""
    rows = await vault.lock(tx, [one.case for one in found])
    left = [one for one in found if one.case in rows and rows[one.case].wrapped is not None]
    fields = frozenset((IDENTITY_FIELD,))
    said = [
        record.granted("intake", KeyRequest(one.case, "receive", fields, department=one.department, officer=officer))
        for one in left
    ]
    await record.put(tx, rows, said, vault.clock.now())
    return left
