"""Whom a record is about: a number that is looked up by its keyed hash, and stands nowhere in the register."""

import contextlib
import hashlib
import hmac
import json
import os
import unicodedata
from pathlib import Path
from typing import Final
from uuid import UUID

KEY_BYTES: Final = 32


class RegisterKeyError(RuntimeError):
    """The key of the holders' numbers cannot be used."""


class HolderKey:
    """Hashes holders' numbers, for one register each: the same person has other hashes in another register."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise RegisterKeyError(f"the key of the registers must have {KEY_BYTES} bytes")
        self._key = key

    @property
    def fingerprint(self) -> bytes:
        """32 bytes that tell this key from others, and nothing about it."""
        return self._digest("fingerprint", "", "")

    def holder(self, resource: str, number: str) -> bytes:
        """32 bytes to find a holder's record by. ``number`` may be written in any usual way."""
        return self._digest("holder", resource, normalised(number))

    def record(self, resource: str, number: str) -> UUID:
        """The id of the holder's record: always the same one."""
        return UUID(bytes=self._digest("record", resource, normalised(number))[:16], version=5)

    def value(self, record: UUID, field: str, value: object) -> bytes:
        """16 bytes that tell a value of a record's field from others."""
        text = json.dumps([field, value], ensure_ascii=False, sort_keys=True)
        return self._digest("value", str(record), text)[:16]

    def _digest(self, purpose: str, resource: str, text: str) -> bytes:
        return hmac.digest(self._key, f"{purpose}|{resource}|{text}".encode(), hashlib.sha256)


def normalised(number: str) -> str:
    """A number without spaces and hyphens, full-width signs as plain ones, letters as capitals."""
    plain = unicodedata.normalize("NFKC", number).upper()
    return "".join(sign for sign in plain if not sign.isspace() and sign not in "-‐‑‒–—")


def load_key(path: Path) -> HolderKey:
    """The key that a file holds; a missing one is made, readable for its owner alone. Raises `RegisterKeyError`."""
    if not path.exists():
        _make(path)
    return HolderKey(path.read_bytes())


def _make(path: Path) -> None:
    """Writes a new key beside the file and gives it the name, unless another process was first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    fresh.touch(mode=0o600)
    try:
        fresh.write_bytes(os.urandom(KEY_BYTES))
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(fresh)
    finally:
        fresh.unlink()
