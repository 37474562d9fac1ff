"""The keys that wrap the root keys of cases. They lie in files of their own folder, never in the database.

`<epoch>.key` holds the key-encryption key (KEK) of an epoch; the one that the database names wraps. A root key is wrapped with
AES-256-GCM (NIST SP 800-38D) and bound to its case. A rotation wraps everything anew and destroys the older file: then no copy
of the database, no log and no dead row of an erased case can be opened by anybody. `index.key` keys the hashes of the search
index and of requests; it opens nothing.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tongban_runtime.key_file import ensure_key, sync_folder
from tongban_runtime.sealing import KEY_BYTES, derived

_NONCE_BYTES: Final = 12
_INDEX: Final = "index.key"


class VaultKeysMissingError(RuntimeError):
    """The folder of the vault does not hold the key that the database was written with, so nothing can be opened."""


class KeyEncryption:
    """The KEKs of a folder, by epoch. Several processes share the folder; each reads again what others have rotated."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys: dict[int, bytes] = {}
        self._agreed: int | None = None
        self._ciphers: dict[int, AESGCM] = {}
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._index = _right(folder / _INDEX, ensure_key(folder / _INDEX))
        self.reload()
        if not self._keys:
            ensure_key(folder / "1.key")
            self.reload()

    @property
    def epoch(self) -> int:
        """The epoch whose KEK wraps: the one that was agreed on, while its KEK is there, else the newest."""
        if self._agreed is not None and self._agreed in self._keys:
            return self._agreed
        return max(self._keys)

    def agree(self, epoch: int, kek: bytes) -> None:
        """Wraps from now on under the KEK with which a database is written. ``kek``: its fingerprint.

        Raises `VaultKeysMissingError` when the folder does not hold it.
        """
        if self.fingerprint(epoch) != kek:
            raise VaultKeysMissingError(f"TONGBAN_VAULT_DIR does not hold the key of epoch {epoch} of this database")
        self._agreed = epoch

    def reload(self) -> None:
        """Reads the folder again."""
        self._keys = dict(self._read())
        self._ciphers = {epoch: AESGCM(key) for epoch, key in self._keys.items()}

    @property
    def epochs(self) -> frozenset[int]:
        """All epochs of which the folder holds the KEK: more than one after a rotation that was interrupted."""
        return frozenset(self._keys)

    def fingerprint(self, epoch: int) -> bytes:
        """32 bytes that tell which KEK this is. Raises `VaultKeysMissingError`."""
        self._require(epoch)
        return hashlib.sha256(b"tongban kek " + self._keys[epoch]).digest()

    def wrap(self, case: UUID, root: bytes, epoch: int | None = None) -> bytes:
        """The root key of a case, wrapped under the KEK of an epoch, `epoch` by default."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._ciphers[epoch or self.epoch].encrypt(nonce, root, case.bytes)

    def unwrap(self, case: UUID, wrapped: bytes, epoch: int) -> bytes:
        """The reverse of `wrap`. Raises `VaultKeysMissingError` without the KEK, and for a row that was tampered with."""
        self._require(epoch)
        try:
            return self._ciphers[epoch].decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], case.bytes)
        except InvalidTag as error:
            raise VaultKeysMissingError(f"the key of {case} was not wrapped by the key of epoch {epoch}") from error

    def make(self, epoch: int) -> None:
        """Makes the KEK of an epoch, unless it is there."""
        ensure_key(self._folder / f"{epoch}.key")
        self.reload()

    def destroy_before(self, epoch: int) -> list[int]:
        """Overwrites and deletes the KEKs of older epochs; which ones."""
        gone = [number for number in self._keys if number < epoch]
        for number in gone:
            path = self._folder / f"{number}.key"
            with suppress(FileNotFoundError):
                with path.open("r+b") as file:
                    file.write(os.urandom(KEY_BYTES))
                    file.flush()
                    os.fsync(file.fileno())
                path.unlink()
        sync_folder(self._folder)
        self.reload()
        return gone

    def derive(self, purpose: bytes) -> bytes:
        """32 bytes for keyed hashes of one purpose, the same in every epoch."""
        return derived(self._index, b"tongban " + purpose)

    def _read(self) -> Iterator[tuple[int, bytes]]:
        """The KEKs in the folder, by epoch. One may be destroyed at this moment by another process."""
        for path in self._folder.glob("*.key"):
            if path.stem.isdigit():
                with suppress(FileNotFoundError):
                    yield int(path.stem), _right(path, path.read_bytes())

    def _require(self, epoch: int) -> None:
        if epoch not in self._keys:
            self.reload()
        if epoch not in self._keys:
            raise VaultKeysMissingError(f"TONGBAN_VAULT_DIR holds no {epoch}.key")


def _right(path: Path, key: bytes) -> bytes:
    if len(key) != KEY_BYTES:
        raise VaultKeysMissingError(f"{path.name} must hold {KEY_BYTES} bytes")
    return key
