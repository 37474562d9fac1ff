"""The end of personal data: the key of a case is destroyed when its time is over, then the key that wrapped it.

An erased row is empty, but copies of the database and its log still hold the wrapped key. Only the destruction of the KEK
that wrapped it makes it worthless, so an erasure is complete after `finish`. With the key go what nobody needs without it:
the draft, the identity, the search index, the uploaded files and the doubts that nobody could answer any more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tongban_catalog.clock import china_day
from tongban_runtime import alarms, logs
from tongban_runtime.database import Pool, Tx
from tongban_schemas.events.access import FIRST_CHAIN, AccessErased, ErasureGround
from tongban_schemas.events.certificates import CertificateIssued
from tongban_schemas.events.evidence import EvidenceDisputed, EvidenceRequested, EvidenceUploaded

from tongban_intake.domain.history import SOURCE, History
from tongban_intake.store import applications, doubts, drafts, evidence
from tongban_intake.uploads import rows as uploads
from tongban_intake.uploads.store import Files
from tongban_intake.vault import record, store
from tongban_intake.vault.known import cases_known
from tongban_intake.vault.record import Said
from tongban_intake.vault.rules import CaseKnown
from tongban_intake.vault.vault import Vault

SHORT: Final = timedelta(days=30)
"""How long what came to nothing is kept: withdrawn and not accepted cases, drafts that nobody touches."""
_BATCH: Final = 200
_ROTATION: Final = 7_236_811_004_552
"""The advisory lock of whoever rotates."""
BASES: Final[Mapping[ErasureGround, str]] = {
    "retention-over": "个人信息保护法第四十七条第一款第二项 Personal Information Protection Law, art. 47(1)(2)",
    "withdrawn": "个人信息保护法第四十七条第一款第三项 Personal Information Protection Law, art. 47(1)(3)",
    "not-accepted": "个人信息保护法第四十七条第一款第一项 Personal Information Protection Law, art. 47(1)(1)",
    "draft-discarded": "个人信息保护法第四十七条第一款第三项 Personal Information Protection Law, art. 47(1)(3)",
}


@dataclass(frozen=True, slots=True)
class Retention:
    """How long personal data are kept: of ended cases, of those that came to nothing, of drafts that nobody touches."""

    years: int
    short: timedelta = SHORT
    draft: timedelta = SHORT


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure destroyed: the keys of ``cases``; ``objects`` have still to be deleted in the store of files."""

    cases: list[UUID] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)


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


def draft_due(touched: datetime, case: CaseKnown, now: datetime, retention: Retention) -> ErasureGround | None:
    """Why the key of a draft is to be destroyed now. ``touched``: when it last changed, or was agreed to be filled in. Pure."""
    theirs = (
        fact.time
        for fact in case.history.facts
        if fact.source == SOURCE and isinstance(fact.data, EvidenceRequested | EvidenceDisputed | EvidenceUploaded)
    )
    return "retention-over" if max((touched, *theirs)) + retention.draft <= now else None


async def erase(tx: Tx, vault: Vault, grounds: Mapping[UUID, ErasureGround]) -> Erased:
    """Destroys the keys of cases and says so, in one transaction, for those that had one.

    After the commit the objects have to be deleted, and `finish` has to follow. A process that dies before it deletes them
    leaves them to the sweeper.
    """
    rows = {case: row for case, row in (await vault.lock(tx, grounds)).items() if row.wrapped is not None}
    if not rows:
        return Erased()
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
    objects = await uploads.forget(tx, list(rows))
    await evidence.forget(tx, rows)
    await doubts.forget(tx, rows)
    await alarms.save(tx, dict.fromkeys(await drafts.forget(tx, rows, at), (None, False)))
    await record.put(tx, rows, said, at)
    return Erased(list(rows), objects)


async def erase_due(pool: Pool, vault: Vault, files: Files, retention: Retention) -> list[UUID]:
    """Destroys the keys of all cases and drafts whose time is over, and deletes their files, batch by batch."""
    gone: list[UUID] = []
    after = UUID(int=0)
    now = vault.clock.now()
    before = store.Before(now - timedelta(days=365) * retention.years, now - retention.short, now - retention.draft)
    while batch := await store.perhaps_due(pool, before, after, _BATCH):
        after = batch[-1]
        async with pool.acquire() as tx, tx.transaction():
            erased = await erase(tx, vault, await _grounds(tx, vault, batch, now, retention))
        gone += erased.cases
        await files.give_up(*erased.objects)
    if gone:
        logs.info("erasure.done", cases=len(gone))
    return gone


async def _grounds(
    tx: Tx, vault: Vault, cases: list[UUID], now: datetime, retention: Retention
) -> dict[UUID, ErasureGround]:
    """Which of the cases are due, once they are locked: a draft may be touched at this moment."""
    rows = await vault.lock(tx, cases)
    known = await cases_known(tx, vault.shelf, rows.keys(), ())
    submitted = await applications.existing(tx, rows)
    begun = {case: one for case, one in (await drafts.find_many(tx, rows)).items() if case not in submitted}
    consents = await evidence.consents(tx, begun)
    grounds: dict[UUID, ErasureGround] = {}
    for case, one in known.items():
        if (draft := begun.get(case)) is None:
            why = due(one, now, retention)
        else:
            agreed = [consents[case].at] if case in consents else []
            why = draft_due(max((draft.changed_at, *agreed)), one, now, retention)
        if why is not None:
            grounds[case] = why
    return grounds


async def finish(pool: Pool, vault: Vault) -> int:
    """`rotate`, if a key was erased since the last time, or a rotation was interrupted; how many keys were wrapped."""
    return await rotate(pool, vault, always=False)


async def rotate(pool: Pool, vault: Vault, *, always: bool = True) -> int:
    """Wraps every key anew and destroys the key-encryption keys before; how many keys were wrapped. One rotation at a time.

    Nobody waits for it: new keys are wrapped by the new KEK from the beginning, the others batch by batch, each of which says
    by which it is wrapped. If it is interrupted, the older KEKs are still there, and it can be run again: under another KEK,
    because what the interrupted one had wrapped may have been erased since, and copies of it are left. Raises
    `VaultKeysMissingError`, and destroys nothing, when the folder is not that of the database.
    """
    encryption = vault.encryption
    async with pool.acquire() as connection:
        await connection.execute("SELECT pg_advisory_lock($1)", _ROTATION)
        async with connection.transaction():
            held = await store.hold_epoch(connection)
            encryption.reload()
            if held.kek is None:
                return 0
            encryption.agree(held.number, held.kek)
            if (
                not always
                and encryption.epochs <= {held.number}
                and not await store.has_erased(connection, held.number)
            ):
                return 0
            epoch = max(held.number, *encryption.epochs) + 1
            encryption.make(epoch)
            await store.set_epoch(connection, epoch, encryption.fingerprint(epoch))
        count = await _wrap_anew(connection, vault, epoch)
        encryption.destroy_before(epoch)
    return count


async def _wrap_anew(connection: Any, vault: Vault, epoch: int) -> int:
    """Wraps what older KEKs wrapped. Nobody keeps a key under those any more."""
    count, after = 0, UUID(int=0)
    while True:
        async with connection.transaction():
            batch = await store.wrapped_before(connection, epoch, after, _BATCH * 10)
            if not batch:
                return count
            await store.rewrap(connection, [_anew(vault, row, epoch) for row in batch], epoch)
        after = batch[-1].case
        count += len(batch)


def _anew(vault: Vault, row: store.KeyRow, epoch: int) -> tuple[UUID, bytes]:
    assert row.wrapped is not None
    root = vault.encryption.unwrap(row.case, row.wrapped, row.epoch)
    return row.case, vault.encryption.wrap(row.case, root, epoch)
