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
"""Base64 characters that hold nothing but bits of the event's id: 126 of 128; the last two begin the next character."""
_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_SEALED_IN_BODY: Final = re.compile(rb'(?<!\\)"s1\.([A-Za-z0-9_-]{0,22})').findall
"""JSON texts that begin like a sealed value; a quotation mark inside a text has a backslash before it."""


class SealBrokenError(ValueError):
    """A sealed value does not open: wrong key, wrong case, wrong field, or changed."""


class KeyMissingError(SealBrokenError):
    """This process was not given the key of the field."""


def new_root() -> bytes:
    """The root key of a new application."""
    return os.urandom(KEY_BYTES)


def derived(secret: bytes, purpose: bytes) -> bytes:
    """32 bytes for one purpose: HKDF-SHA256 without salt (RFC 5869), whose second step is a single block at this length."""
    extracted = hmac.digest(bytes(KEY_BYTES), secret, "sha256")
    return hmac.digest(extracted, purpose + b"\x01", "sha256")


def field_key(root: bytes, field: str) -> bytes:
    """The key of one field of one application."""
    return derived(root, b"tongban field " + field.encode())


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
    first = (event.bytes[-1] & 3) << 4
    ends = _ALPHABET[first : first + 16]
    return any(
        len(place) <= _WHOLE_ID_CHARACTERS or place[-1] not in ends or not place.startswith(own) for place in found
    )


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
