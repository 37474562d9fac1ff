"""Whom a record is about: a number that is looked up by its keyed hash, and stands nowhere in the register."""

import hashlib
import hmac
import json
from pathlib import Path
from uuid import UUID

from tongban_catalog.codes import normalised
from tongban_runtime.key_file import ensure_key
from tongban_runtime.sealing import KEY_BYTES


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


def load_key(path: Path) -> HolderKey:
    """The key that a file holds; a missing one is made, readable for its owner alone. Raises `RegisterKeyError`."""
    return HolderKey(ensure_key(path))
