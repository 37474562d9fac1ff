"""Makes, keeps and opens the root keys of cases. A case is an application or the draft that it was."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from tongban_runtime.clock import Clock
from tongban_runtime.database import Pool, Tx
from tongban_runtime.keys import KeysRefusedError
from tongban_runtime.sealing import CaseKeys, new_root

from tongban_intake.vault import store
from tongban_intake.vault.kek import KeyEncryption, VaultKeysMissingError

SOURCE: Final = "/intake/vault"
"""The source of the vault's events: they have a count of their own, beside intake's."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """The key of a new case, before it is kept."""

    case: UUID
    keys: CaseKeys
    root: bytes


@dataclass(frozen=True, slots=True)
class Vault:
    """The vault of one process; several share the folder and the database."""

    encryption: KeyEncryption
    clock: Clock

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

    def _opened(self, row: store.KeyRow) -> CaseKeys:
        if row.wrapped is None:
            raise KeysRefusedError("erased")
        return CaseKeys(root=self.encryption.unwrap(row.case, row.wrapped, row.epoch))

    async def _insert(self, tx: Tx, made: Sequence[NewKey]) -> int:
        epoch, wrap = self.encryption.epoch, self.encryption.wrap
        rows = [(one.case, wrap(one.case, one.root, epoch), fingerprint(one.root)) for one in made]
        return await store.insert(tx, rows, epoch, self.encryption.fingerprint(epoch), self.clock.now())

    async def _settle(self, tx: Tx) -> None:
        """Agrees with the database on the KEK that wraps: after a rotation, and when the database is new."""
        self.encryption.reload()
        known = await store.hold_epoch(tx)
        if known.kek is None:
            await store.set_epoch(tx, self.encryption.epoch, self.encryption.fingerprint(self.encryption.epoch))
        elif known.number != self.encryption.epoch or known.kek != self.encryption.fingerprint(known.number):
            raise VaultKeysMissingError(
                f"TONGBAN_VAULT_DIR does not hold the key of epoch {known.number} of this database"
            )


def fingerprint(root: bytes) -> bytes:
    """32 bytes that tell which root key this is, without the key."""
    return hashlib.sha256(b"tongban root " + root).digest()
