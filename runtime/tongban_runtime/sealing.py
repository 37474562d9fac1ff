"""Personal values are sealed before they enter an event: AES-256-GCM under the key of that field of that application.

A sealed value is ``s1.`` + base64url(event id (16 bytes) + nonce (12 bytes) + ciphertext + tag (16 bytes)). The associated
data is the id of the event that carries it and the field, so a value cannot be moved to another case, event or field.

Every application has a random root key that only the vault holds. The key of a field is derived from it (HKDF-SHA256, RFC
5869, without salt), so whoever was given the keys of some fields opens no other. Source of the cipher: NIST SP 800-38D.
"""

import base64
import hmac
import os
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
_PREFIX: Final = "s1."
_ID_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_HEAD_BYTES: Final = _ID_BYTES + _NONCE_BYTES
_WHOLE_ID_CHARACTERS: Final = 21
"""Base64 characters that hold nothing but bits of the event's id: 126 of 128."""
_SEALED_IN_BODY: Final = re.compile(rb'"s1\.([A-Za-z0-9_-]{0,21})').findall


class SealBrokenError(ValueError):
    """A sealed value does not open: wrong key, wrong case, wrong field, or changed."""


class KeyMissingError(SealBrokenError):
    """This process was not given the key of the field."""


def new_root() -> bytes:
    """The root key of a new application."""
    return os.urandom(KEY_BYTES)


def field_key(root: bytes, field: str) -> bytes:
    """32 bytes for one field of one application: HKDF-SHA256, whose second step is a single block at this length."""
    extracted = hmac.digest(bytes(KEY_BYTES), root, "sha256")
    return hmac.digest(extracted, b"tongban field " + field.encode() + b"\x01", "sha256")


class CaseKeys:
    """The keys of some fields of one application, or its root, which has them all. In memory only."""

    __slots__ = ("_ciphers", "_keys", "_root")

    def __init__(self, keys: Mapping[str, bytes] | None = None, *, root: bytes | None = None) -> None:
        self._keys = dict(keys or {})
        self._root = root
        self._ciphers: dict[str, AESGCM] = {}

    def keys(self, fields: Iterable[str]) -> dict[str, bytes]:
        """The keys of these fields, to be handed over. Raises `KeyMissingError`."""
        return {field: self._key(field) for field in fields}

    def seal(self, event: UUID, field: str, text: str) -> str:
        """A value for a field of the event with this id. Raises `KeyMissingError`."""
        return _PREFIX + base64.urlsafe_b64encode(self.seal_bytes(event, field, text.encode())).decode().rstrip("=")

    def seal_all(self, event: UUID, texts: Mapping[str, str]) -> dict[str, str]:
        """Values for fields of one event, by field. Raises `KeyMissingError`."""
        return {field: self.seal(event, field, text) for field, text in texts.items()}

    def open(self, field: str, sealed: str) -> str:
        """The value, whichever event of the application carries it. Raises `SealBrokenError`."""
        return self.open_bytes(field, _raw(sealed)).decode()

    def seal_bytes(self, event: UUID, field: str, content: bytes) -> bytes:
        """A file, sealed as a value is, without the text form. Raises `KeyMissingError`."""
        nonce = os.urandom(_NONCE_BYTES)
        return event.bytes + nonce + self._cipher(field).encrypt(nonce, content, _associated(event.bytes, field))

    def open_bytes(self, field: str, sealed: bytes) -> bytes:
        """The reverse of `seal_bytes`. Raises `SealBrokenError`."""
        cipher = self._cipher(field)
        event, nonce = sealed[:_ID_BYTES], sealed[_ID_BYTES:_HEAD_BYTES]
        try:
            return cipher.decrypt(nonce, sealed[_HEAD_BYTES:], _associated(event, field))
        except (InvalidTag, ValueError) as error:
            raise SealBrokenError("the value was sealed for another case, event or field, or it was changed") from error

    def _key(self, field: str) -> bytes:
        key = self._keys.get(field)
        if key is None:
            if self._root is None:
                raise KeyMissingError(f"no key of the field {field} was given")
            key = self._keys[field] = field_key(self._root, field)
        return key

    def _cipher(self, field: str) -> AESGCM:
        cipher = self._ciphers.get(field)
        if cipher is None:
            cipher = self._ciphers[field] = AESGCM(self._key(field))
        return cipher


def origin(sealed: str) -> UUID:
    """The id of the event that a sealed value was made for. Raises `SealBrokenError`."""
    return UUID(bytes=_raw(sealed)[:_ID_BYTES])


def misplaced(event: UUID, body: bytes) -> bool:
    """Whether a payload carries a sealed value that was made for another event than the one with this id."""
    found = _SEALED_IN_BODY(body)
    if not found:
        return False
    own = base64.urlsafe_b64encode(event.bytes)[:_WHOLE_ID_CHARACTERS]
    return any(place != own for place in found)


def _associated(event: bytes, field: str) -> bytes:
    return event + b"|" + field.encode()


def _raw(sealed: str) -> bytes:
    if not sealed.startswith(_PREFIX):
        raise SealBrokenError("not a sealed value")
    text = sealed.removeprefix(_PREFIX)
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise SealBrokenError("not a sealed value") from error
    if len(raw) < _HEAD_BYTES:
        raise SealBrokenError("not a sealed value")
    return raw


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _sealed(cipher: AESGCM, application: str, field: str, text: str, nonce: bytes) -> str:
    sealed = cipher.encrypt(nonce, text.encode(), f"{application}|{field}".encode())
    return "s1." + base64.urlsafe_b64encode(nonce + sealed).decode().rstrip("=")


class Sealer:
    """Seals and opens the personal values of applications."""

    def __init__(self, seal_key: str) -> None:
        root = _decode(seal_key)
        if len(root) != 32:
            raise ValueError("the seal key must be 32 bytes in base64url")
        self._extracted = hmac.digest(bytes(32), root, "sha256")
        self._cipher = lru_cache(maxsize=4096)(self._derive)

    def _derive(self, application: str) -> AESGCM:
        return AESGCM(self.derive_key(b"tongban application " + application.encode()))

    def derive_key(self, purpose: bytes) -> bytes:
        """32 bytes for one purpose: HKDF-SHA256 without salt, whose second step is a single block at this length."""
        return hmac.digest(self._extracted, purpose + b"\x01", "sha256")

    def seal(self, application: str, field: str, text: str) -> str:
        return _sealed(self._cipher(application), application, field, text, os.urandom(_NONCE_BYTES))

    def seal_all(self, application: str, texts: Mapping[str, str]) -> dict[str, str]:
        """Seals the values of a new application, by field. Its key is derived once and not kept."""
        if not texts:
            return {}
        cipher = self._derive(application)
        nonces = os.urandom(_NONCE_BYTES * len(texts))
        return {
            field: _sealed(cipher, application, field, text, nonces[start : start + _NONCE_BYTES])
            for start, (field, text) in zip(range(0, len(nonces), _NONCE_BYTES), texts.items(), strict=True)
        }

    def open(self, application: str, field: str, sealed: str) -> str:
        """Raises `SealBrokenError`."""
        if not sealed.startswith(_PREFIX):
            raise SealBrokenError("not a sealed value")
        try:
            raw = _decode(sealed.removeprefix(_PREFIX))
            plain = self._cipher(application).decrypt(
                raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], f"{application}|{field}".encode()
            )
        except (InvalidTag, ValueError) as error:
            raise SealBrokenError("the value was sealed for another case or field, or it was changed") from error
        return plain.decode()
