"""Secrets of a stack, made once and kept under its folder for its owner only."""

import json
import os
import secrets
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from joserfc.jwk import OKPKey
from tongban_runtime.acts import KEY_SUFFIX, new_key, public_half


def remembered(path: Path, fresh: str) -> str:
    """The text kept in the file, which is created whole with `fresh`, mode 0600, when it does not exist."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".", encoding="utf-8") as file:
            file.write(fresh)
            file.flush()
            os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(file.name, path)
    return path.read_text("utf-8")


def database_password(folder: Path) -> str:
    """Password of the database's owner; letters, digits, `-` and `_` only."""
    return remembered(folder / "postgres-password", secrets.token_urlsafe(24))


def client_secret(folder: Path, client: str) -> str:
    """The secret with which a service signs in as itself (RFC 6749 section 2.3.1)."""
    return remembered(folder / "clients" / client, secrets.token_urlsafe(32))


def signing_key(folder: Path) -> OKPKey:
    """Ed25519 key pair (RFC 8037) that the development issuer signs tokens with."""
    generated = OKPKey.generate_key("Ed25519", {"use": "sig", "alg": "Ed25519"}, auto_kid=True)
    kept: dict[str, Any] = json.loads(
        remembered(folder / "token-key.json", json.dumps(generated.as_dict(private=True)))
    )
    return OKPKey.import_key(kept)


def act_keys(private: Path, public: Path, departments: Iterable[str]) -> None:
    """One Ed25519 key for each department's formal acts, made once: `<department>.jwk`, its public half `<department>.json`."""
    public.mkdir(mode=0o700, parents=True, exist_ok=True)
    for department in departments:
        kept: dict[str, Any] = json.loads(remembered(private / f"{department}{KEY_SUFFIX}", json.dumps(new_key())))
        remembered(public / f"{department}.json", json.dumps(public_half(kept)))


def public_keys(key: OKPKey) -> dict[str, Any]:
    """JWK set (RFC 7517) with the public half."""
    return {"keys": [key.as_dict(private=False)]}
