"""Personal values are sealed before they enter an event: AES-256-GCM under a key of that application.

A sealed value is ``s1.`` + base64url(nonce (12 bytes) + ciphertext + tag (16 bytes)). The associated data is the
application's id and the field, so a value cannot be moved to another case or field. Source: NIST SP 800-38D; the key of an
application is derived with HKDF-SHA256 (RFC 5869).
"""

import base64
import hmac
import os
from collections.abc import Mapping
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_PREFIX = "s1."
_NONCE_BYTES = 12


class SealBrokenError(ValueError):
    """A sealed value does not open: wrong key, wrong case, wrong field, or changed."""


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _sealed(cipher: AESGCM, application: str, field: str, text: str, nonce: bytes) -> str:
    sealed = cipher.encrypt(nonce, text.encode(), f"{application}|{field}".encode())
    return _PREFIX + base64.urlsafe_b64encode(nonce + sealed).decode().rstrip("=")


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
