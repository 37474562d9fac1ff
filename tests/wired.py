"""Services wired as in production, on a fresh database: what the tests that cross services look into."""

import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from tongban_catalog.load import load_catalog
from tongban_local import tokens
from tongban_local.tokens import TokenRequest
from tongban_runtime.clock import Clock
from tongban_runtime.keys import Keyring, VaultKeyring, VaultUnavailableError
from tongban_runtime.limits import TABLE, Rate
from tongban_runtime.service import Parts, Runtime, make_processor, open_runtime, prepare_app
from tongban_runtime.testing.acts import signer
from tongban_runtime.testing.keys import TestKeyring
from tongban_schemas.types import JsonObject

ISSUER = "http://issuer.invalid"
SERVICES = ("intake", "approvals", "certificates", "notify")
DEPARTMENTS = {"reform": "development-reform,ecology", "land": "natural-resources,heritage"}


@dataclass(frozen=True, slots=True)
class Wired:
    """One service: its runtime, its parts, and the folder of its secrets."""

    runtime: Runtime
    parts: Parts
    secrets: Path


class VaultOf:
    """The way from a service to the vault in intake's app, both in this process; ``app`` is set once intake is wired."""

    def __init__(self, folder: Path) -> None:
        self._key = tokens.prepare(folder)
        self.app: FastAPI | None = None

    def keyring(self, service: str, departments: Iterable[str]) -> VaultKeyring:
        """The keyring of a service that speaks for these departments."""
        request = TokenRequest(role="service", service=service, departments=tuple(departments))
        headers = {"Authorization": f"Bearer {tokens.sign(self._key, ISSUER, request)}"}

        async def post(path: str, body: JsonObject) -> tuple[int, JsonObject]:
            if self.app is None:
                raise VaultUnavailableError("intake is not wired yet")
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://vault.invalid") as client:
                answer = await client.post(path, json=body, headers=headers)
                return answer.status_code, answer.json()

        return VaultKeyring(post)


def settings_class(package: str) -> Callable[..., Any]:
    module = import_module(f"{package}.settings")
    name = "CertificatesSettings" if package == "tongban_certificates" else "Settings"
    found: Callable[..., Any] = getattr(module, name)
    return found


@asynccontextmanager
async def wired(
    service: str,
    dsn: str,
    kafka: str,
    folder: Path,
    clock: Clock,
    departments: str = "natural-resources,heritage",
    prefix: str = "",
    keyring: Keyring | None = None,
    **more: Any,
) -> AsyncIterator[Wired]:
    """The service's own composition root, run on the given database. ``more``: further settings.

    Limits are far away: tests ask faster, as fewer people, than anybody does.
    """
    package = f"tongban_{service}"
    tokens.prepare(folder)
    if service == "certificates":
        import_module("tongban_certificates.demo_ca").make_demo_ca(folder / "signing")
    settings = settings_class(package)(
        instance=f"{service}-{secrets.token_hex(2)}",
        kafka=kafka,
        topic_prefix=prefix,
        database=dsn,
        vault_dir=folder / "vault",
        files=(folder / "files").as_uri(),
        register_key=folder / "register.key",
        token_issuer=ISSUER,
        token_jwks=(folder / "jwks.json").as_uri(),
        approvals_departments=departments,
        smtp="127.0.0.1:25",
        public_url="http://127.0.0.1:1",
        verify_url="http://127.0.0.1:2",
        limits=dict.fromkeys(TABLE, Rate(rate=1e6, burst=1_000_000)),
        signing_dir=folder / "signing",
        **more,
    )
    runtime = await open_runtime(settings, clock)
    runtime.acts = signer(load_catalog().departments)
    runtime.keyring = keyring or TestKeyring()
    try:
        parts = await import_module(f"{package}.wiring").wire(runtime)
        runtime.processor = make_processor(runtime, parts.registry)
        prepare_app(parts.app, runtime)
        yield Wired(runtime, parts, folder)
    finally:
        await runtime.close()
