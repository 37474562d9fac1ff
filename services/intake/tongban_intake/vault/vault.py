"""Makes, keeps and opens the root keys of cases. A case is an application or the draft that it was."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from tongban_catalog.shelf import Shelf
from tongban_runtime import facts, logs
from tongban_runtime.clock import Clock
from tongban_runtime.database import Pool, Tx
from tongban_runtime.keys import Attempt, KeyRequest, KeysRefusedError, Refused
from tongban_runtime.sealing import CaseKeys, new_root
from tongban_schemas.envelope import Event, EventData

from tongban_intake.vault import record, store
from tongban_intake.vault.kek import KeyEncryption, VaultKeysMissingError
from tongban_intake.vault.known import cases_known
from tongban_intake.vault.record import Said
from tongban_intake.vault.rules import Asker, judge


@dataclass(frozen=True, slots=True)
class NewKey:
    """The key of a new case, before it is kept."""

    case: UUID
    keys: CaseKeys
    root: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Vault:
    """The vault of one process; several share the folder and the database."""

    encryption: KeyEncryption
    clock: Clock
    shelf: Shelf = field(default_factory=Shelf)

    def new(self, case: UUID) -> NewKey:
        """A key for a new case. Whatever it seals is lost unless `keep` follows in the same transaction."""
        root = new_root()
        return NewKey(case, CaseKeys(root=root), root)

    async def keep(self, tx: Tx, made: Sequence[NewKey]) -> None:
        """Keeps new keys, all in one statement. Raises `VaultKeysMissingError`."""
        if made and await self._insert(tx, made) != len(made):
            await self._settle(tx)
            if await self._insert(tx, made) != len(made):
                raise VaultKeysMissingError("the keys could not be kept")

    async def open(self, tx: Tx | Pool, case: UUID) -> CaseKeys:
        """All keys of a case, for intake's own use. Raises `KeysRefusedError`: ``unknown-case``, ``erased``."""
        row = (await store.rows(tx, [case])).get(case)
        if row is None:
            raise KeysRefusedError("unknown-case")
        if row.wrapped is None:
            raise KeysRefusedError("erased")
        return self._opened(row)

    async def open_many(self, tx: Tx | Pool, cases: Collection[UUID]) -> Mapping[UUID, CaseKeys]:
        """All keys of the cases that have any, for intake's own use."""
        found = await store.rows(tx, cases)
        return {case: self._opened(row) for case, row in found.items() if row.wrapped is not None}

    async def look(self, tx: Tx, wanted: KeyRequest) -> CaseKeys:
        """The keys for an officer who looks at a case in intake, on record. Raises `KeysRefusedError`, on record too:

        the transaction has to be committed all the same (see `tongban_intake.api.acting.transact`).
        """
        asker = Asker("intake", frozenset((wanted.department,)) if wanted.department else frozenset())
        found = (await self.release(tx, asker, [wanted]))[0]
        if isinstance(found, Refused):
            raise KeysRefusedError(found.rule)
        return found

    async def release(self, tx: Tx, asker: Asker, wanted: Sequence[KeyRequest]) -> list[CaseKeys | Refused]:
        """Keys or a refusal for each request, in order, everything on record.

        A case that the vault does not know has no record to put a refusal on: a line in the log tells of it.
        """
        rows = await self.lock(tx, {one.application for one in wanted})
        # At once: a rotation may wrap them anew, and destroy the key that wraps them here, while the case is looked at.
        opened = {case: self._opened(row) for case, row in rows.items() if row.wrapped is not None}
        erased = rows.keys() - opened.keys()
        known = await cases_known(tx, self.shelf, rows.keys(), erased)
        now = self.clock.now()
        answers: list[CaseKeys | Refused] = []
        said: list[Said] = []
        for one in wanted:
            if one.application not in rows:
                _unknown(asker, one)
                answers.append(Refused("unknown-case"))
                continue
            rule = judge(asker, one, known[one.application], now)
            if rule is None:
                answers.append(CaseKeys(opened[one.application].keys(one.fields)))
                said.append(record.granted(asker.service, one))
            else:
                answers.append(Refused(rule))
                said.append(record.refused(asker.service, one, rule, now))
        await record.put(tx, rows, said, now)
        return answers

    async def turned_away(self, tx: Tx, asker: Asker, attempts: Sequence[Attempt]) -> int:
        """Puts attempts on record that a service turned away; how many are on record for the first time this hour."""
        rows = await self.lock(tx, {one.application for one in attempts})
        now = self.clock.now()
        for one in attempts:
            if one.application not in rows:
                _unknown(asker, one)
        said = [record.refused(asker.service, one, one.rule, now) for one in attempts if one.application in rows]
        return len(await record.put(tx, rows, said, now))

    async def say(
        self,
        tx: Tx,
        case: UUID,
        data: EventData,
        *names: str,
        cause: UUID | None = None,
        traceparent: str | None = None,
    ) -> Event | None:
        """Publishes an access fact with the right chain value; None when it was said before under these names.

        ``data`` carries any chain value (`FIRST_CHAIN`), it is replaced. Without ``names`` the fact is new each time. Raises
        `KeysRefusedError` for a case that the vault does not know.
        """
        rows = await self.lock(tx, {case})
        if case not in rows:
            raise KeysRefusedError("unknown-case")
        published = await record.put(tx, rows, [Said(case, data, names, cause, traceparent)], self.clock.now())
        return published[0] if published else None

    async def lock(self, tx: Tx, cases: Collection[UUID]) -> dict[UUID, store.KeyRow]:
        """The keys of those cases that have one, locked."""
        known = await store.rows(tx, cases)
        if not known:
            return {}
        await facts.lock(tx, known)
        return await store.rows(tx, known)

    def _opened(self, row: store.KeyRow) -> CaseKeys:
        if row.wrapped is None:
            raise KeysRefusedError("erased")
        return CaseKeys(root=self.encryption.unwrap(row.case, row.wrapped, row.epoch))

    async def _insert(self, tx: Tx, made: Sequence[NewKey]) -> int:
        epoch, wrap = self.encryption.epoch, self.encryption.wrap
        rows = [(one.case, wrap(one.case, one.root, epoch), fingerprint(one.root)) for one in made]
        return await store.insert(tx, rows, epoch, self.encryption.fingerprint(epoch), self.clock.now())

    async def _settle(self, tx: Tx) -> None:
        """Agrees with the database on the KEK that wraps: after a rotation, done or broken off, and when the database is new."""
        known = await store.hold_epoch(tx)
        self.encryption.reload()
        if known.kek is None:
            await store.set_epoch(tx, self.encryption.epoch, self.encryption.fingerprint(self.encryption.epoch))
        else:
            self.encryption.agree(known.number, known.kek)


def _unknown(asker: Asker, one: KeyRequest | Attempt) -> None:
    logs.info(
        "access.refused",
        rule="unknown-case",
        asked_by=asker.service,
        department=one.department if one.department in asker.departments else None,
        purpose=one.purpose,
        case=str(one.application),
    )


def fingerprint(root: bytes) -> bytes:
    """32 bytes that tell which root key this is, without the key."""
    return hashlib.sha256(b"tongban root " + root).digest()
