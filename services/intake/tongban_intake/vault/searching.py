"""Finding cases by whose they are: the number lies in the database only as a keyed hash, and every case found is on record.

The key is derived from `index.key` in the folder of the vault; without it a hash cannot be guessed from the few numbers there
are.
"""

import hmac
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tongban_catalog.codes import normalised
from tongban_catalog.item import Item
from tongban_runtime.database import Tx
from tongban_runtime.keys import KeyRequest
from tongban_runtime.sealing import CaseKeys, SealBrokenError
from tongban_schemas.events.evidence import evidence_field

from tongban_intake.domain.history import History
from tongban_intake.evidence.answers import answered
from tongban_intake.evidence.identity import IDENTITY_FIELD, identity_of
from tongban_intake.store import case_index, evidence
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


async def index_holders(tx: Tx, vault: Vault, cases: Iterable[tuple[UUID, Item, History]]) -> None:
    """Makes cases findable by the answer that their item names as the holder's code: a personal one is a citizen's."""
    await case_index.put(tx, await _of_holders(tx, vault, cases))


async def index_anew(tx: Tx, vault: Vault, cases: Sequence[tuple[UUID, Item, History]]) -> None:
    """After a correction: a locked case is found by what its numbers are now, and by an earlier one no more.

    One that was erased stays out.
    """
    kept = await vault.open_many(tx, [case for case, _, _ in cases])
    people = {case: (IDENTITY_FIELD, one.sealed) for case, one in (await evidence.consents(tx, kept)).items()}
    known = {case: identity_of(text).id_number for case, text in _opened(kept, people).items()}
    entries = await _of_holders(tx, vault, [one for one in cases if one[0] in kept])
    entries += [Entry("citizen", hashed(vault.encryption, number), case) for case, number in known.items() if number]
    await case_index.replace(tx, [case for case, _, _ in cases], entries)


async def _of_holders(tx: Tx, vault: Vault, cases: Iterable[tuple[UUID, Item, History]]) -> list[Entry]:
    plain: list[tuple[UUID, str]] = []
    sealed: dict[UUID, tuple[str, str]] = {}
    for case, item, history in cases:
        found = _holder_code(item, history)
        if isinstance(found, tuple):
            sealed[case] = found
        elif found is not None:
            plain.append((case, found))
    entries = [Entry("enterprise", hashed(vault.encryption, code), case) for case, code in plain]
    keys = await vault.open_many(tx, sealed) if sealed else {}
    entries += [Entry("citizen", hashed(vault.encryption, code), case) for case, code in _opened(keys, sealed).items()]
    return entries


def _holder_code(item: Item, history: History) -> str | tuple[str, str] | None:
    """The holder's code as it is now, or (field, sealed value) of a personal one. A source's word goes before what was sent."""
    name = None if item.holder is None else item.holder.code
    if name is None:
        return None
    answers = history.answers
    if name in item.supplied:
        one = answered(item, answers.plain, history.proofs).fetched.get(name)
        if one is not None and one.sealed is not None:
            return evidence_field(one.material, one.resource_field), one.sealed
        if one is not None:
            return str(one.value)
    if name in answers.sealed:
        return name, answers.sealed[name]
    code = answers.plain.get(name)
    return str(code) if code else None


def _opened(keys: Mapping[UUID, CaseKeys], sealed: Mapping[UUID, tuple[str, str]]) -> dict[UUID, str]:
    """What (field, sealed value) hold, by case, where they open."""
    found = {}
    for case, one in sealed.items():
        with suppress(SealBrokenError):
            if case in keys:
                found[case] = keys[case].open(*one)
    return found


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
