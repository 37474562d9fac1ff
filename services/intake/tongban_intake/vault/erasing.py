"""The end of personal data: the key of a case is destroyed when its time is over, then the key that wrapped it.

An erased row is empty, but copies of the database and its log still hold the wrapped key. Only the destruction of the KEK
that wrapped it makes it worthless, so an erasure is complete after `rotate`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tongban_catalog.clock import china_day
from tongban_runtime.database import Pool, Tx
from tongban_schemas.events.access import FIRST_CHAIN, AccessErased, ErasureGround
from tongban_schemas.events.certificates import CertificateIssued

from tongban_intake.domain.history import History
from tongban_intake.vault import record, store
from tongban_intake.vault.known import cases_known
from tongban_intake.vault.record import Said
from tongban_intake.vault.rules import CaseKnown
from tongban_intake.vault.vault import Vault

SHORT: Final = timedelta(days=30)
"""How long what came to nothing is kept: withdrawn and not accepted cases."""
_BATCH: Final = 200
BASES: Final[Mapping[ErasureGround, str]] = {
    "retention-over": "个人信息保护法第四十七条第一款第二项 Personal Information Protection Law, art. 47(1)(2)",
    "withdrawn": "个人信息保护法第四十七条第一款第三项 Personal Information Protection Law, art. 47(1)(3)",
    "not-accepted": "个人信息保护法第四十七条第一款第一项 Personal Information Protection Law, art. 47(1)(1)",
    "draft-discarded": "个人信息保护法第四十七条第一款第三项 Personal Information Protection Law, art. 47(1)(3)",
}


@dataclass(frozen=True, slots=True)
class Retention:
    """How long the data of cases are kept after their end."""

    years: int
    short: timedelta = SHORT


def due(case: CaseKnown, now: datetime, retention: Retention) -> ErasureGround | None:
    """Why the key of a case is to be destroyed now; None while it has to be kept. Pure."""
    history, ending = case.history, case.history.ending()
    if case.erased or ending is None:
        return None
    if ending == "withdrawn" and history.withdrawn is not None:
        return "withdrawn" if history.withdrawn.time + retention.short <= now else None
    if ending == "not-accepted" and history.not_accepted is not None:
        return "not-accepted" if history.not_accepted.time + retention.short <= now else None
    day, ended = china_day(now), china_day(_ended_at(history))
    over = (day.year - ended.year, day.month, day.day) >= (retention.years, ended.month, ended.day)
    return "retention-over" if over else None


def _ended_at(history: History) -> datetime:
    """The last thing that was said: the certificate, where there is one."""
    issued = [fact.time for fact in history.facts if isinstance(fact.data, CertificateIssued)]
    return max(issued or (fact.time for fact in history.facts))


async def erase(tx: Tx, vault: Vault, grounds: Mapping[UUID, ErasureGround]) -> list[UUID]:
    """Destroys the keys of cases and says so, in one transaction; those that had one. `rotate` has to follow."""
    rows = {case: row for case, row in (await vault.lock(tx, grounds)).items() if row.wrapped is not None}
    if not rows:
        return []
    at = vault.clock.now()
    said = [
        Said(
            case,
            AccessErased(
                ground=grounds[case], basis=BASES[grounds[case]], key=row.fingerprint.hex(), chain=FIRST_CHAIN
            ),
            (row.fingerprint.hex(),),
        )
        for case, row in rows.items()
    ]
    await store.erase(tx, rows, at)
    await record.put(tx, rows, said, at)
    return list(rows)


async def erase_due(pool: Pool, vault: Vault, retention: Retention) -> list[UUID]:
    """Destroys the keys of all cases whose time is over, batch by batch."""
    gone: list[UUID] = []
    after = UUID(int=0)
    while batch := await store.unerased(pool, after, _BATCH):
        after = batch[-1]
        async with pool.acquire() as tx, tx.transaction():
            rows = await vault.lock(tx, batch)
            known = await cases_known(tx, vault.shelf, rows.keys(), ())
            now = vault.clock.now()
            grounds = {case: why for case, one in known.items() if (why := due(one, now, retention)) is not None}
            gone += await erase(tx, vault, grounds)
    return gone


async def rotate(pool: Pool, vault: Vault) -> int:
    """Wraps every key anew and destroys the key-encryption keys before; how many keys were wrapped.

    New cases wait meanwhile. If it is interrupted, the older KEK is still there, and it can be run again.
    """
    encryption = vault.encryption
    async with pool.acquire() as tx, tx.transaction():
        held = await store.hold_epoch(tx)
        encryption.reload()
        epoch = held.number + 1
        encryption.make(epoch)
        count = 0
        after = UUID(int=0)
        while batch := await store.wrapped(tx, after, _BATCH * 10):
            after = batch[-1].case
            await store.rewrap(tx, [_anew(vault, row, epoch) for row in batch], epoch)
            count += len(batch)
        await store.set_epoch(tx, epoch, encryption.fingerprint(epoch))
    encryption.destroy_before(epoch)
    return count


def _anew(vault: Vault, row: store.KeyRow, epoch: int) -> tuple[UUID, bytes]:
    assert row.wrapped is not None
    root = vault.encryption.unwrap(row.case, row.wrapped, row.epoch)
    return row.case, vault.encryption.wrap(row.case, root, epoch)
