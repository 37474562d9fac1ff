"""Act keys for tests: derived from the department's name, so that signer and verifier agree without a folder."""

import base64
import hashlib
from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tongban_schemas.types import JsonObject

from tongban_runtime.acts import ActSigner, public_half


def private_key(department: str) -> JsonObject:
    """The private key (JWK) that tests give a department."""
    seed = hashlib.sha256(f"test act key of {department}".encode()).digest()
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return {"kty": "OKP", "crv": "Ed25519", "d": _text(seed), "x": _text(public)}


def public_keys(department: str) -> list[JsonObject]:
    """The public half, as the department's registration carries it."""
    return [public_half(private_key(department))]


def signer(departments: Iterable[str]) -> ActSigner:
    """Signs the acts of these departments."""
    return ActSigner({one: private_key(one) for one in departments})


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
