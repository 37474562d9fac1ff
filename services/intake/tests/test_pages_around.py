"""Signing in, the API's documentation, and a policy on every route."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest
import uvicorn
from fastapi import Request
from joserfc.jwk import KeySet, OKPKey
from tongban_intake.api.lean import LeanRoute
from tongban_intake.api.session import LOGIN_COOKIE, safe_return
from tongban_intake.store import ended_sessions
from tongban_local import issuer
from tongban_runtime.auth import SESSION_COOKIE, Authenticator, routes_without_policy
from tongban_runtime.database import create_pool
from tongban_runtime.sessions import Sessions

from .conftest import ISSUER, Service


@pytest.fixture
async def sign_in(service: Service) -> AsyncIterator[str]:
    """The development issuer, really listening; intake sends people to it. Yields its address."""
    server = uvicorn.Server(
        uvicorn.Config(issuer.build(service.signing_key, ISSUER), port=0, lifespan="off", log_config=None)
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    before = service.app.state.intake
    service.app.state.intake = replace(before, settings=before.settings.model_copy(update={"issuer_url": address}))
    yield address
    service.app.state.intake = before
    server.should_exit = True
    await serving


async def sent_to(client: httpx.AsyncClient, back: str) -> str:
    answer = await client.get("/login", params={"return": back})
    assert answer.status_code == 303
    return answer.headers["location"]


async def code_for(address: str) -> dict[str, str]:
    """Chooses a demo role on the sign-in page, and gives what it sends the browser back with."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    async with httpx.AsyncClient() as browser:
        answer = await browser.post(address.split("?")[0], data=query | {"role": "applicant"})
    assert answer.headers["location"].startswith("http://127.0.0.1:8000/session?")
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


async def test_signing_in_sets_a_session_and_returns(service: Service, sign_in: str) -> None:
    async with service.client() as client:
        address = await sent_to(client, "/cases?page=2")
        assert address.startswith(f"{sign_in}/authorize?")
        answer = await client.get("/session", params=await code_for(address))
        assert (answer.status_code, answer.headers["location"]) == (303, "/cases?page=2")
        cookie = next(value for value in answer.headers.get_list("set-cookie") if value.startswith(SESSION_COOKIE))
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        withdrawal = await client.post("/v1/applications/01a20eab-ff28-71a4-88e1-7650bd84403f/withdrawal")
        assert withdrawal.status_code == 404
        copied = {"Cookie": f"{SESSION_COOKIE}={client.cookies[SESSION_COOKIE]}"}
        assert (await client.get("/v1/applications")).status_code == 200
        foreign = await client.post("/logout", headers={"Origin": "http://evil.invalid"})
        assert foreign.status_code == 403
        out = await client.post("/logout")
        assert out.status_code == 303
        assert SESSION_COOKIE not in client.cookies
        assert (await client.get("/v1/applications", headers=copied)).status_code == 401
        service.app.state.sessions = Sessions(partial(ended_sessions.has_ended, service.runtime.pool))
        assert (await client.get("/v1/applications", headers=copied)).status_code == 401
        assert LOGIN_COOKIE not in client.cookies


async def test_a_code_without_this_browsers_state_signs_nobody_in(service: Service, sign_in: str) -> None:
    async with service.client() as client, service.client() as other:
        answer = await other.get("/session", params=await code_for(await sent_to(client, "/")))
        assert answer.status_code == 400
        assert answer.headers["content-type"].startswith("text/html")
        assert "请重新登录" in answer.text
        address = await sent_to(client, "/")
        wrong = await client.get(
            "/session", params={"code": "made-up", "state": parse_qs(urlsplit(address).query)["state"][0]}
        )
        assert wrong.status_code == 400
        assert SESSION_COOKIE not in client.cookies


async def test_a_token_that_does_not_verify_is_no_session(service: Service, sign_in: str) -> None:
    own = service.app.state.authenticator
    stranger = OKPKey.generate_key("Ed25519", {"kid": "other"})
    async with service.client() as client:
        params = await code_for(await sent_to(client, "/"))
        service.app.state.authenticator = Authenticator(ISSUER, KeySet([stranger]))
        try:
            answer = await client.get("/session", params=params)
        finally:
            service.app.state.authenticator = own
        assert answer.status_code == 401
        assert SESSION_COOKIE not in client.cookies


async def test_another_host_s_page_changes_nothing_with_the_session_of_this_one(service: Service) -> None:
    path = f"/v1/applications/{uuid4()}/withdrawal"
    cookie = {"Cookie": f"{SESSION_COOKIE}={service.token(uuid4())}"}
    async with service.client() as client:
        for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 404), ("none", 404)):
            answer = await client.post(path, headers=cookie | {"Sec-Fetch-Site": site})
            assert (site, answer.status_code) == (site, status)
        assert (
            await client.get("/v1/applications", headers=cookie | {"Sec-Fetch-Site": "cross-site"})
        ).status_code == 200


async def test_nobody_keeps_what_is_somebody_s_own(service: Service) -> None:
    async with service.client(uuid4()) as client:
        for path in ("/v1/applications", "/v1/drafts", "/v1/ledger", f"/v1/proofs/{uuid4()}", "/applications"):
            assert (path, (await client.get(path)).headers["cache-control"]) == (path, "no-store")
        assert "cache-control" not in (await client.get("/static/pages.css")).headers


async def test_whatever_goes_wrong_with_a_page_is_told_in_words(service: Service) -> None:
    closed = await create_pool(service.runtime.settings.database.get_secret_value(), 1)
    await closed.close()
    own = service.app.state.intake
    async with service.client(uuid4()) as client:
        fields = {f"a{number}": (None, "1") for number in range(300)}
        many = await client.post(f"/applications/{uuid4()}/appeals", files=fields)
        service.app.state.intake = replace(own, pool=closed)
        try:
            failed = await client.get("/applications")
        finally:
            service.app.state.intake = own
    for answer, status in ((many, 400), (failed, 503)):
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (status, "text/html")
        assert 'href="/applications"' in answer.text


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/cases/1?a=b", "/cases/1?a=b"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/a\nb", "/"),
        ("cases", "/"),
        ("", "/"),
        ("/" + "x" * 600, "/"),
    ],
)
def test_only_pages_of_this_site_are_returned_to(path: str, kept: str) -> None:
    assert safe_return(path) == kept


async def test_the_documentation_needs_nothing_from_elsewhere(service: Service) -> None:
    async with service.client() as client:
        page = await client.get("/docs")
        document = (await client.get("/openapi.json")).json()
        assert page.status_code == 200
        assert "http://" not in page.text
        assert "https://" not in page.text
        for asset in ("swagger-ui-bundle.js", "swagger-ui.css"):
            assert f"/docs/assets/{asset}" in page.text
            assert (await client.get(f"/docs/assets/{asset}")).status_code == 200
    submit = document["paths"]["/v1/applications"]["post"]
    assert submit["parameters"][0]["name"] == "Idempotency-Key"
    assert "answers" in submit["requestBody"]["content"]["application/json"]["schema"]["properties"]
    assert {"/v1/applications/{application}/withdrawal", "/v1/items/{code}"} <= document["paths"].keys()


def test_every_route_has_one_policy(service: Service) -> None:
    assert routes_without_policy(service.app) == []


def test_a_lean_route_takes_nothing_that_it_would_ignore() -> None:
    async def endpoint(request: Request, page: int) -> None: ...

    with pytest.raises(TypeError, match="lean route"):
        LeanRoute("/x", endpoint, methods=["POST"])


def test_the_settings_say_where_people_are(service: Service, tmp_path: Path) -> None:
    settings = service.intake.settings
    assert settings.own_url == "http://127.0.0.1:8000"
    assert settings.sign_in_url == ISSUER
    public = settings.model_copy(update={"public_url": "https://ban.example/", "issuer_url": "https://id.example/"})
    assert (public.own_url, public.sign_in_url) == ("https://ban.example", "https://id.example")


async def test_a_lean_route_answers_other_methods_as_any_route(service: Service) -> None:
    async with service.client() as client:
        answer = await client.put("/v1/applications")
        assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")
        assert (await client.post("/v1/applications")).status_code == 401


async def test_who_signs_in_to_work_has_a_start_page(service: Service) -> None:
    token = service.token(uuid4(), "officer", ["public-security"], ["receiver"])
    async with service.client() as browser:
        browser.cookies.set(SESSION_COOKIE, token)
        for path in ("/applications", "/ledger"):
            sent = await browser.get(path)
            assert (sent.status_code, sent.headers["location"]) == (303, "/workplace")
        page = (await browser.get("/workplace")).text
        assert "收件台" in page
        assert "系统管理员" in page
        browser.cookies.set(SESSION_COOKIE, service.token(uuid4()))
        assert (await browser.get("/workplace")).status_code == 403
