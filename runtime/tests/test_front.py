"""What every answer has in common: HEAD, Allow, media types, headers, hosts, engines that are away. Pure ASGI, no engines."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

import asyncpg
import httpx
import pytest
from fastapi import Depends, Form
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from tongban_runtime import failures
from tongban_runtime.auth import public
from tongban_runtime.front import App
from tongban_runtime.keys import VaultUnavailableError
from tongban_runtime.service import new_app


class Named(BaseModel):
    name: str


_AWAY = {
    "postgresql": asyncpg.CannotConnectNowError("starting"),
    "connection": ConnectionRefusedError("refused"),
    "full": asyncpg.TooManyConnectionsError("full"),
    "slow": TimeoutError(),
    "vault": VaultUnavailableError("no vault"),
}


@pytest.fixture
def app() -> App:
    app = new_app("a service")
    failures.install(app)
    app.form_targets = ("https://sign-in.invalid",)

    @app.get("/things/{thing}", dependencies=[Depends(public)])
    async def thing(thing: str) -> dict[str, str]:
        return {"thing": thing}

    @app.delete("/things/{thing}", dependencies=[Depends(public)])
    async def remove(thing: str) -> None:
        return

    @app.post("/things", dependencies=[Depends(public)])
    async def make(named: Named) -> str:
        return named.name

    @app.post("/forms", dependencies=[Depends(public)])
    async def sent(name: Annotated[str, Form()]) -> str:
        return name

    @app.get("/stream", dependencies=[Depends(public)])
    async def stream() -> StreamingResponse:
        async def endless() -> AsyncIterator[str]:
            while True:
                yield "more\n"

        return StreamingResponse(endless())

    @app.get("/away/{what}", dependencies=[Depends(public)])
    async def away(what: str) -> None:
        raise _AWAY[what]

    @app.get("/failing", dependencies=[Depends(public)])
    async def failing() -> None:
        raise RuntimeError("ours")

    return app


async def _ask(app: App, method: str, path: str, **more: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://here.invalid") as client:
        return await client.request(method, path, **more)


@pytest.mark.parametrize("path", ["/things/1", "/docs", "/docs/assets/swagger-ui.css", "/openapi.json", "/nothing"])
async def test_head_is_get_without_the_content(app: App, path: str) -> None:
    got, asked = await _ask(app, "GET", path), await _ask(app, "HEAD", path)
    assert asked.status_code == got.status_code
    assert asked.content == b""
    assert asked.headers["content-length"] == got.headers["content-length"] != "0"


async def test_head_of_a_stream_ends(app: App) -> None:
    assert (await _ask(app, "HEAD", "/stream")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/things/1", "DELETE, GET, HEAD"),
        ("GET", "/things", "POST"),
        ("DELETE", "/docs", "GET, HEAD"),
        ("POST", "/docs/assets/swagger-ui.css", "GET, HEAD"),
    ],
)
async def test_allow_names_every_method_of_the_resource(app: App, method: str, path: str, allow: str) -> None:
    answer = await _ask(app, method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)
    assert answer.json()["type"].endswith("method-not-allowed")


@pytest.mark.parametrize(
    "path", ["/things/1", "/nothing", "/failing", "/docs", "/docs/assets/swagger-ui.css", "/away/vault", "/things/%00"]
)
async def test_every_answer_says_how_it_is_to_be_used(app: App, path: str) -> None:
    answer = await _ask(app, "GET", path)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"]
    assert "form-action" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "cache-control" in answer.headers or "etag" in answer.headers
    assert "strict-transport-security" not in answer.headers


async def test_encrypted_connections_stay_so(app: App) -> None:
    assert (await _ask(app, "GET", "https://here.invalid/nothing")).headers["strict-transport-security"]
    app.is_behind_tls = True
    assert (await _ask(app, "GET", "/nothing")).headers["strict-transport-security"]


async def test_the_documentation_runs_its_own_script_and_no_other(app: App) -> None:
    policy = (await _ask(app, "GET", "/docs")).headers["content-security-policy"]
    assert "script-src 'self' 'sha256-" in policy
    assert "script-src 'self' 'unsafe-inline'" not in policy


@pytest.mark.parametrize("path", ["/things/", "//evil.invalid/things", "/docs/", "/things/1/"])
async def test_nobody_is_sent_to_the_host_that_a_request_names(app: App, path: str) -> None:
    answer = await _ask(app, "GET", path, headers={"Host": "evil.invalid"})
    assert answer.status_code in (404, 405)
    assert "location" not in answer.headers


@pytest.mark.parametrize("host", ["[", "a b", "a@b", "a/b", "a:99999", "a:x", "a\x7f"])
async def test_a_host_that_is_none_is_refused(app: App, host: str) -> None:
    assert (await _ask(app, "GET", "/things/1", headers={"Host": host})).status_code == 400


@pytest.mark.parametrize("what", _AWAY)
async def test_what_is_away_is_503_and_says_when_to_come_back(app: App, what: str) -> None:
    answer = await _ask(app, "GET", f"/away/{what}")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "sent", "accepted"),
    [
        ("/things", "text/plain", "application/json"),
        ("/things", "application/x-www-form-urlencoded", "application/json"),
        ("/forms", "application/json", "multipart/form-data, application/x-www-form-urlencoded"),
    ],
)
async def test_a_body_of_another_kind_is_415(app: App, path: str, sent: str, accepted: str) -> None:
    answer = await _ask(app, "POST", path, content=b'{"name": "x"}', headers={"Content-Type": sent})
    assert (answer.status_code, answer.headers["accept"]) == (415, accepted)


_JSON = {"Content-Type": "application/json; charset=utf-8"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"name": "\\u0000"}', 400),
        (b'{"name": "\\ud800"}', 400),
        (b'{"\\ud800": 1, "name": "x"}', 400),
        (b"[" * 90_000, 400),
        (b'{"name": ' + b"[" * 40 + b"]" * 40 + b"}", 400),
        (b'{"name": "\xff"}', 400),
        (b"", 422),
        (b"{", 422),
        (b'"' + b"x" * 200_000 + b'"', 413),
        (b'{"name": "\\ud83d\\ude00 \\\\u0000"}', 200),
    ],
)
async def test_json_that_could_not_be_stored_gets_no_further(app: App, body: bytes, status: int) -> None:
    answer = await _ask(app, "POST", "/things", content=body, headers=_JSON)
    assert answer.status_code == status
    if status == 200:
        assert answer.json() == "😀 \\u0000"


async def test_json_in_parts_is_measured_as_a_whole(app: App) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b'{"x":' + b" " * 5_000

    assert (await _ask(app, "POST", "/things", content=parts(), headers=_JSON)).status_code == 413


async def test_errors_are_counted_and_the_first_ten_named(app: App) -> None:
    @app.post("/many", dependencies=[Depends(public)])
    async def many(names: list[Named]) -> None:
        return

    answer = await _ask(app, "POST", "/many", content=json.dumps([{}] * 3_000), headers=_JSON)
    assert answer.status_code == 422
    assert (len(answer.json()["errors"]), answer.json()["count"]) == (10, 3_000)
    assert len(answer.content) < 3_000


async def test_nul_means_nothing_in_an_address(app: App) -> None:
    assert (await _ask(app, "GET", "/things/a%00b")).status_code == 404
    assert (await _ask(app, "GET", "/things/a?q=%00")).status_code == 422
