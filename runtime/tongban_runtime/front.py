"""What every answer of every service has in common, whether a route, a mount, an error or a fault of the service makes it.

It stands around the whole app, outside the part that answers failures, so that nothing is sent past it.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tongban_runtime import problem_pages
from tongban_runtime.connections import timed_body
from tongban_runtime.json_bodies import MAX_BYTES, checked_json
from tongban_runtime.problems import Problem

HSTS: Final = "max-age=31536000"
"""One year (RFC 6797), said on connections that are encrypted."""
_NOTHING: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The policy of what is no page: data need nothing."""
_NUL: Final = re.compile(rb"%00|\x00")


class App(FastAPI):
    """A service's app. ``form_targets``: other origins that forms may lead to, those of the sign-in service."""

    form_targets: tuple[str, ...] = ()
    is_behind_tls: bool = False
    body_seconds: float = 30.0
    """How long a body may take, at first (`timed_body`)."""
    long_json: Mapping[str, int] = {}
    """Where JSON may be longer than elsewhere: bytes, by the beginning of the path."""

    def build_middleware_stack(self) -> ASGIApp:
        return _Front(super().build_middleware_stack(), self)


class _Front:
    def __init__(self, inner: ASGIApp, app: App) -> None:
        self._inner = inner
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        encrypted = self._app.is_behind_tls or scope["scheme"] == "https"

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                complete_headers(MutableHeaders(raw=message["headers"]), encrypted, self._app.form_targets)
            await send(message)

        problem = refusal(scope)
        if problem is not None:
            scope["app"] = self._app
            await problem_pages.answer(Request(scope, receive), problem)(scope, receive, answer)
        elif scope["method"] == "HEAD":
            await _answer_head(self._inner, scope, receive, answer)
        else:
            timed = timed_body(receive, self._app.body_seconds)
            await self._inner(scope, checked_json(scope, timed, self._longest_json(scope["path"])), answer)

    def _longest_json(self, path: str) -> int:
        return next((most for start, most in self._app.long_json.items() if path.startswith(start)), MAX_BYTES)


def refusal(scope: Scope) -> Problem | None:
    """Why an address cannot mean anything here; None if it can.

    No host's name holds what an address cannot, and no text that is kept holds NUL (PostgreSQL stores none).
    """
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    if len(hosts) > 1 or not all(map(_is_host, hosts)):
        return Problem(400, "bad-host", "请求的主机名无效。", "The Host of the request is none.")
    if "\x00" in scope["path"]:
        return Problem(404, "not-found", "没有这个地址。", "There is nothing at this address.")
    if _NUL.search(scope["query_string"]):
        return Problem(
            422, "nul-character", "网址参数中不能有空字符。", "The query holds a NUL character: take it out."
        )
    return None


def _is_host(value: bytes) -> bool:
    text = value.decode("latin-1")
    try:
        parts = urlsplit(f"//{text}")
        parts.port  # noqa: B018 - raises for what is no port
    except ValueError:
        return False
    return parts.netloc == text and "@" not in text and not any(sign <= " " or sign > "~" for sign in text)


def complete_headers(headers: MutableHeaders, encrypted: bool, form_targets: Iterable[str]) -> None:
    """Adds what the answer does not say itself.

    Nobody keeps an answer that does not say how it may be kept: most are somebody's own.
    """
    if "cache-control" not in headers and "etag" not in headers:
        headers["Cache-Control"] = "no-store"
    headers["X-Content-Type-Options"] = "nosniff"
    headers.setdefault("Referrer-Policy", "same-origin")
    headers["Content-Security-Policy"] = _complete_policy(
        headers.get("content-security-policy", _NOTHING), form_targets
    )
    if encrypted:
        headers["Strict-Transport-Security"] = HSTS


def _complete_policy(policy: str, form_targets: Iterable[str]) -> str:
    said = {part.split()[0].lower() for part in policy.split(";") if part.strip()}
    if "form-action" not in said:
        policy += "; form-action " + " ".join(["'self'", *form_targets])
    if "frame-ancestors" not in said:
        policy += "; frame-ancestors 'none'"
    return policy


async def _answer_head(inner: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """HEAD is GET without the content (RFC 9110, 9.3.2); what streams is told that its reader has left."""
    started = False

    async def send_head(message: Message) -> None:
        nonlocal started
        if message["type"] == "http.response.start":
            started = True
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await asyncio.sleep(0)  # who streams without a pause learns that its reader has left

    async def receive_until_answered() -> Message:
        return {"type": "http.disconnect"} if started else await receive()

    as_get = {**scope, "method": "GET", "asgi": {**scope["asgi"], "spec_version": "2.3"}}
    await inner(as_get, receive_until_answered, send_head)
