"""Who calls: signed tokens of the issuer, in date, with the role that the route's policy wants."""

import time
from typing import Annotated, Any
from uuid import UUID

import httpx
import pytest
from fastapi import Depends, FastAPI
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey
from tongban_runtime import failures
from tongban_runtime.auth import AUDIENCE, SESSION_COOKIE, Authenticator, Caller, officer, public, routes_without_policy
from tongban_runtime.keys import VaultUnavailableError
from tongban_runtime.limits import Limiter
from tongban_runtime.sessions import Sessions, digest_of

_KEY = OKPKey.generate_key("Ed25519", {"kid": "k1", "use": "sig"})
_ISSUER = "http://issuer.invalid"


def _token(key: OKPKey = _KEY, algorithm: str = "Ed25519", **changes: Any) -> str:
    claims = {
        "iss": _ISSUER,
        "aud": AUDIENCE,
        "sub": str(UUID(int=5)),
        "exp": int(time.time()) + 60,
        "role": "officer",
        "departments": ["ecology"],
    } | changes
    return jwt.encode({"alg": algorithm, "kid": "k1"}, claims, key, algorithms=[algorithm])


def _app() -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    failures.install(app)
    app.state.limiter = Limiter()
    app.state.authenticator = Authenticator(_ISSUER, KeySet([OKPKey.import_key(_KEY.as_dict(private=False))]))

    @app.get("/tasks")
    async def tasks(caller: Annotated[Caller, Depends(officer)]) -> list[str]:
        return sorted(caller.departments)

    @app.post("/tasks", dependencies=[Depends(officer)])
    async def change() -> str:
        return "changed"

    @app.get("/open", dependencies=[Depends(public)])
    async def open_to_all() -> str:
        return "yes"

    return app


async def _get(path: str, **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path, headers=headers)


async def test_a_good_token_names_the_caller() -> None:
    by_header = await _get("/tasks", Authorization=f"Bearer {_token()}")
    by_cookie = await _get("/tasks", Cookie=f"{SESSION_COOKIE}={_token()}")
    assert by_header.json() == by_cookie.json() == ["ecology"]


@pytest.mark.parametrize(
    ("site", "status"), [("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403)]
)
async def test_a_session_changes_nothing_for_another_host_s_page(site: str, status: int) -> None:
    cookie = {"Cookie": f"{SESSION_COOKIE}={_token()}", "Sec-Fetch-Site": site}
    transport = httpx.ASGITransport(app=_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.post("/tasks", headers=cookie)).status_code == status
        assert (await client.get("/tasks", headers=cookie)).status_code == 200
        assert (await client.post("/tasks", headers={"Authorization": f"Bearer {_token()}"})).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://test"}, 200),
        ({"Referer": "http://test/page"}, 200),
        ({}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://evil.invalid"}, 403),
        ({"Origin": "http://[", "Referer": "http://test/page"}, 403),
        ({"Referer": "http://evil.invalid/http://test/"}, 403),
        ({"Referer": "http://test@evil.invalid/"}, 403),
        ({"Origin": "http://test", "Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
async def test_a_browser_that_says_no_site_names_the_page(headers: dict[str, str], status: int) -> None:
    cookie = {"Cookie": f"{SESSION_COOKIE}={_token()}"}
    transport = httpx.ASGITransport(app=_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.post("/tasks", headers=cookie | headers)).status_code == status


@pytest.mark.parametrize("header", ["Cookie", "Authorization"])
async def test_a_session_that_was_ended_admits_nobody_who_copied_it(header: str) -> None:
    ended: set[bytes] = set()

    async def lookup(digest: bytes) -> bool:
        return digest in ended

    app = _app()
    first, second = _token(), _token(sub=str(UUID(int=6)))
    ended.add(digest_of(first))
    app.state.sessions = Sessions(lookup)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for token, status in ((first, 401), (second, 200)):
            value = f"{SESSION_COOKIE}={token}" if header == "Cookie" else f"Bearer {token}"
            assert (await client.get("/tasks", headers={header: value})).status_code == status


async def test_where_sessions_cannot_be_asked_about_those_in_date_stand() -> None:
    async def away(_: bytes) -> bool:
        raise VaultUnavailableError("away")

    sessions = Sessions(away)
    assert not await sessions.has_ended("one")
    sessions.note_end("one")
    assert await sessions.has_ended("one")


@pytest.mark.parametrize(
    "token",
    [
        "",
        "nonsense",
        _token(exp=int(time.time()) - 1),
        _token(iss="http://elsewhere.invalid"),
        _token(aud="https://elsewhere.invalid"),
        _token(aud=[]),
        _token(aud=None),
        _token(sub="not a uuid"),
        _token(role="emperor"),
        _token(OKPKey.generate_key("Ed25519", {"kid": "k1"})),
    ],
)
async def test_anything_else_is_nobody(token: str) -> None:
    response = await _get("/tasks", Authorization=f"Bearer {token}")
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == "urn:tongban:problem:not-signed-in"


async def test_the_wrong_role_is_told_so() -> None:
    response = await _get("/tasks", Authorization=f"Bearer {_token(role='citizen')}")
    assert response.status_code == 403
    assert response.json()["detail_zh"]


async def test_public_routes_ask_nobody() -> None:
    assert (await _get("/open")).json() == "yes"


def test_a_route_without_a_policy_is_found() -> None:
    app = _app()

    @app.get("/forgotten")
    async def forgotten() -> None:
        return

    assert routes_without_policy(app) == ["/forgotten"]
