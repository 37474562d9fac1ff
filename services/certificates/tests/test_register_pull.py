"""A register elsewhere is asked over HTTP: found, not found, and everything that counts as no answer."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from pydantic import ValidationError
from tongban_catalog.resource import Resource
from tongban_certificates.registers import pull
from tongban_certificates.registers.holder import HolderKey
from tongban_certificates.registers.model import SourceDownError
from tongban_certificates.registers.pull import MAX_ANSWER_BYTES, PulledRegister
from tongban_certificates.registers.register import Asked, Registers
from tongban_certificates.settings import CertificatesSettings

from .register_resources import PERMITS, number

FIELDS = ("address", "both_permits_valid")
ASKED = Asked(UUID(int=1), "99-enrolment", "示例条例第一条", FIELDS)
FOUND = {
    "values": {"address": "示例路1号", "both_permits_valid": True, "permit_number": "Z-1"},
    "version": 7,
    "recorded_at": "2026-03-02T09:00:00+08:00",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Source:
    """A source system whose answer each test chooses."""

    def __init__(self) -> None:
        self.address = ""
        self.handler: Handler = self.found
        self.heard: list[tuple[str | None, Any]] = []

    async def found(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(FOUND)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.heard.append((request.headers.get("authorization"), await request.json()))
        return await self.handler(request)


@pytest.fixture
async def source() -> AsyncIterator[Source]:
    source = Source()
    app = web.Application()
    app.router.add_post("/register", source.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    source.address = f"http://{host}:{port}/register"
    yield source
    await runner.cleanup()


async def published(name: str) -> Resource | None:
    return PERMITS if name == PERMITS.id else None


@pytest.fixture
def registers(source: Source) -> Registers:
    return Registers(HolderKey(bytes(32)), {PERMITS.id: PulledRegister(source.address, published, "secret")})


async def test_only_what_was_asked_is_kept_of_the_answer(source: Source, registers: Registers) -> None:
    assert registers.is_remote(PERMITS.id)
    found = await registers.find(None, PERMITS.id, number(1), ASKED)
    assert found is not None
    assert found.values == {"address": "示例路1号", "both_permits_valid": True}
    assert (found.version, found.changed_at, found.valid_until) == (7, datetime(2026, 3, 2, 1, tzinfo=UTC), None)
    body = {
        "request": str(UUID(int=1)),
        "purpose": "99-enrolment",
        "basis": "示例条例第一条",
        "fields": list(FIELDS),
        "holder": number(1),
    }
    assert source.heard == [("Bearer secret", body)]
    again = await registers.find(None, PERMITS.id, number(1), ASKED)
    assert again is not None
    assert again.id == found.id


@pytest.mark.parametrize(
    "end", [{"valid_until": "9999-12-31T23:59:59-08:00"}, {"values": {"valid_until": "9999-12-31"}}]
)
async def test_the_year_9999_is_no_end(source: Source, registers: Registers, end: Any) -> None:
    async def for_ever(_: web.Request) -> web.StreamResponse:
        return web.json_response({**FOUND, **end})

    source.handler = for_ever
    found = await registers.find(None, PERMITS.id, number(1), replace(ASKED, fields=("valid_until",)))
    assert found is not None
    assert found.valid_until is None


async def test_the_source_says_itself_that_it_has_no_record(source: Source, registers: Registers) -> None:
    async def none(_: web.Request) -> web.StreamResponse:
        return web.json_response({"found": False}, status=404)

    source.handler = none
    assert await registers.find(None, PERMITS.id, number(1), ASKED) is None


def _answers() -> dict[str, Handler]:
    def answer(body: Any, status: int = 200) -> Handler:
        async def give(_: web.Request) -> web.StreamResponse:
            return web.json_response(body, status=status)

        return give

    async def elsewhere(_: web.Request) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect("http://127.0.0.1:9/other")

    async def page(_: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>示例路1号", content_type="text/html")

    async def huge(_: web.Request) -> web.StreamResponse:
        return web.Response(body=b" " * (MAX_ANSWER_BYTES + 1))

    async def packed(_: web.Request) -> web.StreamResponse:
        headers = {"content-encoding": "gzip", "content-type": "application/json"}
        return web.Response(body=gzip.compress(json.dumps(FOUND).encode()), headers=headers)

    async def breaks_off(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-length": "100"})
        await response.prepare(request)
        assert request.transport is not None
        request.transport.close()
        return response

    return {
        "wrong-address": answer({"detail": "Not Found"}, 404),
        "error": answer(FOUND, 500),
        "not-ours": answer(FOUND, 401),
        "redirect": elsewhere,
        "page": page,
        "huge": huge,
        "broken-off": breaks_off,
        "more": answer({**FOUND, "other": 1}),
        "no-version": answer({**FOUND, "version": "7"}),
        "no-zone": answer({**FOUND, "recorded_at": "2026-03-02T09:00:00"}),
        "wrong-type": answer({**FOUND, "values": {"both_permits_valid": "示例路1号"}}),
        "before-time": answer({**FOUND, "recorded_at": "0001-01-01T00:00:00+08:00"}),
        "after-time": answer({**FOUND, "recorded_at": "9999-12-31T23:59:59-08:00"}),
        "packed": packed,
        "list": answer({**FOUND, "values": {"address": ["示例路1号"]}}),
    }


@pytest.mark.parametrize("name", list(_answers()))
async def test_every_other_answer_is_none_and_tells_nothing(source: Source, registers: Registers, name: str) -> None:
    source.handler = _answers()[name]
    with pytest.raises(SourceDownError) as caught:
        await registers.find(None, PERMITS.id, number(1), ASKED)
    assert "示例路" not in str(caught.value)
    assert number(1) not in str(caught.value)
    assert len(source.heard) == 1


async def test_a_silent_source_is_given_up(
    source: Source, registers: Registers, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    source.handler = silent
    monkeypatch.setattr(pull, "TIMEOUT_SECONDS", 0.2)
    with pytest.raises(SourceDownError):
        await registers.find(None, PERMITS.id, number(1), ASKED)


async def test_nobody_listens_or_nothing_is_published(source: Source) -> None:
    with pytest.raises(SourceDownError):
        await PulledRegister("http://127.0.0.1:9/register", published).ask(UUID(int=1), PERMITS.id, number(1), ASKED)
    with pytest.raises(SourceDownError):
        await PulledRegister(source.address, published).ask(UUID(int=1), "unknown", number(1), ASKED)
    assert source.heard == []


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("", {}),
        ("{}", {}),
        ("a=http://a.test/x=1, b=https://b.test", {"a": "http://a.test/x=1", "b": "https://b.test"}),
        ('{"a": "http://a.test"}', {"a": "http://a.test"}),
        ("a=file:///etc/passwd", None),
        ("a", None),
    ],
)
def test_the_addresses_come_from_the_settings(
    monkeypatch: pytest.MonkeyPatch, written: str, read: dict[str, str] | None
) -> None:
    for name in ("INSTANCE", "KAFKA", "DATABASE", "TOKEN_ISSUER", "TOKEN_JWKS", "SIGNING_DIR"):
        monkeypatch.setenv(f"TONGBAN_{name}", "x")
    monkeypatch.setenv("TONGBAN_VERIFY_URL", "http://verify.test")
    monkeypatch.setenv("TONGBAN_PULL", written)
    if read is None:
        with pytest.raises(ValidationError):
            CertificatesSettings()
    else:
        assert CertificatesSettings().pull == read
