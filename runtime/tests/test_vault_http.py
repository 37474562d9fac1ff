"""The way to the vault: signed in as the service, a new token once when the old one is not taken, errors that can be retried."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from tongban_runtime import failures
from tongban_runtime.auth import Caller
from tongban_runtime.command_line import StartRefusedError
from tongban_runtime.database import ENGINE_ERRORS
from tongban_runtime.keys import KeyRequest, NoVault, VaultKeyring, VaultUnavailableError
from tongban_runtime.settings import RuntimeSettings
from tongban_runtime.vault_http import VaultClient

CASE = UUID(int=1)
SECRET = "a secret"
BASIC = "Basic " + base64.b64encode(b"me:a%20secret").decode()
WANTED = KeyRequest(CASE, "notify", frozenset({"contact_email"}))


@dataclass
class Server:
    """An issuer and a vault in one, which count what they were asked."""

    url: str = ""
    signed_in: int = 0
    refusing: int = 0
    asked: list[Any] = field(default_factory=list)
    answer: Any = None

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        if (request.headers["Authorization"], form["grant_type"]) != (BASIC, "client_credentials"):
            return web.Response(status=401)
        self.signed_in += 1
        return web.json_response({"access_token": f"t{self.signed_in}", "expires_in": 900})

    async def release(self, request: web.Request) -> web.Response:
        self.asked.append((request.headers["Authorization"], await request.json()))
        if self.refusing:
            self.refusing -= 1
            return web.json_response({}, status=401)
        if self.answer is not None:
            return web.Response(text=self.answer)
        return web.json_response({"releases": [{"keys": {"contact_email": "A" * 43 + "="}}]})


@asynccontextmanager
async def serving(secret: str = SECRET) -> AsyncIterator[tuple[Server, VaultClient]]:
    server, app = Server(), web.Application()
    app.add_routes([web.post("/oauth/token", server.token), web.post("/v1/vault/releases", server.release)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    client = VaultClient(server.url, f"{server.url}/oauth/token", "me", secret)
    try:
        yield server, client
    finally:
        await client.close()
        await runner.cleanup()


async def test_a_service_signs_in_once_and_asks() -> None:
    async with serving() as (server, client):
        ring = VaultKeyring(client.post)
        await asyncio.gather(*(VaultKeyring(client.post).release([WANTED]) for _ in range(5)))
        await ring.release([WANTED])
        await ring.release([WANTED])
        assert server.signed_in == 1
        assert len(server.asked) == 6
        authorization, body = server.asked[0]
        assert authorization == "Bearer t1"
        assert body["requests"][0]["fields"] == ["contact_email"]


async def test_a_token_that_is_not_taken_is_replaced_once() -> None:
    async with serving() as (server, client):
        server.refusing = 1
        assert (await client.post("/v1/vault/releases", {"requests": []}))[0] == 200
        assert [authorization for authorization, _ in server.asked] == ["Bearer t1", "Bearer t2"]
        server.refusing = 2
        assert (await client.post("/v1/vault/releases", {"requests": []}))[0] == 401
        server.refusing = 2
        with pytest.raises(VaultUnavailableError):
            await VaultKeyring(client.post).release([WANTED])


async def test_what_goes_wrong_on_the_way_can_be_tried_again() -> None:
    assert issubclass(VaultUnavailableError, ENGINE_ERRORS)
    async with serving("guessed") as (_, stranger):
        with pytest.raises(VaultUnavailableError, match="401"):
            await stranger.post("/v1/vault/releases", {})
    nobody = VaultClient("http://127.0.0.1:9", "http://127.0.0.1:9/oauth/token", "me", SECRET)
    with pytest.raises(VaultUnavailableError):
        await nobody.post("/v1/vault/releases", {})
    await nobody.close()
    async with serving() as (server, client):
        for text in ("", "[]", "{", '"' + "x" * 9_000_000 + '"'):
            server.answer = text
            with pytest.raises(VaultUnavailableError):
                await client.post("/v1/vault/releases", {})


async def test_an_id_and_secret_that_are_not_taken_refuse_the_start_and_an_issuer_that_is_away_does_not() -> None:
    async with serving() as (server, client):
        await client.check()
        assert server.signed_in == 1
    async with serving("guessed") as (_, stranger):
        with pytest.raises(StartRefusedError, match="TONGBAN_CLIENT_SECRET"):
            await stranger.check()
    nobody = VaultClient("http://127.0.0.1:9", "http://127.0.0.1:9/oauth/token", "me", SECRET)
    await nobody.check()
    await nobody.close()


async def test_a_request_is_answered_with_503_while_there_is_no_vault() -> None:
    app = FastAPI()
    failures.install(app)

    @app.get("/")
    async def look() -> None:
        await NoVault().release([WANTED])

    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json()["type"].endswith("vault-unavailable")


def test_the_settings_belong_together() -> None:
    needed: dict[str, Any] = {
        "instance": "x",
        "kafka": "x",
        "database": "x",
        "token_issuer": "x",
        "token_jwks": "x",
    }
    assert VaultClient.of(RuntimeSettings(**needed)) is None
    with pytest.raises(ValueError, match="TONGBAN_CLIENT_SECRET"):
        VaultClient.of(RuntimeSettings(**needed, vault_url="http://x"))


def test_a_service_is_named_by_its_token() -> None:
    assert Caller(CASE, "service", frozenset({"ecology"}), service="approvals").service == "approvals"
