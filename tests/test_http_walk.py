"""No input makes a service fail: every path, query and body of every service's OpenAPI, with wrong kinds and bounds.

Each request is signed in as the role that the route's policy wants, on a real database. Nothing may be answered with 5xx, every
refusal is a problem document, and no request holds the event loop.
"""

import copy
import gc
import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

import httpx
import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from tongban_local import tokens
from tongban_local.tokens import TokenRequest
from tongban_runtime.auth import policies_of
from tongban_runtime.testing.clock import FakeClock

from tests.wired import ISSUER, SERVICES, Wired, wired

pytestmark = pytest.mark.alone

_DEPARTMENT: Final = "natural-resources"
_ROLES: Final = {
    "public": "citizen",
    "citizen": "citizen",
    "signed-in": "citizen",
    "officer": "officer",
    "operator": "operator",
    "at-work": "officer",
    "service": "service",
}
_HUGE: Final = 10**30
_WRONG_TEXTS: Final = (
    "-1",
    str(2**63),
    "x" * 3_000,
    "\x00",
    "\ufffd",
    "0001-01-01T00:00:00+14:00",
    "MDAwMS0wMS0wMVQwMDowMDowMCsxNDowMHwwMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDU=",
    "WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzE0OjAwIiwgIjAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwNSJd",
)
_WRONG_VALUES: Final[tuple[Any, ...]] = (
    None,
    " ",
    {},
    [None],
    2**63,
    1e308,
    "x" * 3_000,
    "a\x00b",
    "\ud800",
    "0001-01-01T00:00:00+14:00",
)
_SOMEBODY: Final = str(UUID(int=5))
_LONGEST_HOLD: Final = 0.05
"""Seconds of processor time that one request may take of the event loop."""


@pytest.fixture
def _spared() -> Iterator[None]:
    """What other tests left in memory is not gone through meanwhile, as a service's own start spares it."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
async def service(request: pytest.FixtureRequest, engines: Any, database: Any, tmp_path: Path) -> AsyncIterator[Wired]:
    dsn = await database(f"tongban_{request.param}")
    async with wired(request.param, dsn, engines.kafka, tmp_path, FakeClock()) as found:
        yield found


@pytest.mark.usefixtures("_spared")
@pytest.mark.parametrize("service", SERVICES, indirect=True)
async def test_no_input_makes_a_service_fail(service: Wired) -> None:
    app = service.parts.app
    document = app.openapi()
    key = tokens.prepare(service.secrets)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    sent = 0
    async with httpx.AsyncClient(transport=transport, base_url="http://here.invalid") as client:
        for route in iter_route_contexts(app.routes):
            if not isinstance(route.original_route, APIRoute):
                continue
            role: Any = _ROLES[policies_of(route)[0]]
            request = TokenRequest(
                role=role, sub=UUID(int=5), departments=(_DEPARTMENT,), duties=("head", "receiver"), service="intake"
            )
            headers = {"Authorization": f"Bearer {tokens.sign(key, ISSUER, request)}"}
            for method in sorted(route.methods or ()):
                operation = document["paths"].get(route.path_format, {}).get(method.lower(), {})
                for address, more in _requests(document, route, operation):
                    headers_sent = headers | more.pop("headers", {})
                    answer, took = await _ask(client, method, address, headers=headers_sent, **more)
                    if took > _LONGEST_HOLD:  # what is used for the first time is made ready for every later request
                        _, took = await _ask(client, method, address, headers=headers_sent, **more)
                    sent += 1
                    assert took <= _LONGEST_HOLD, (method, address[:300], str(more)[:300])
                    assert answer.status_code < 500, (method, address[:300], str(more)[:300], answer.text[:300])
                    if answer.status_code >= 400:
                        kind = answer.headers["content-type"].partition(";")[0]
                        assert kind in ("application/problem+json", "text/html"), (method, address[:300], kind)
    assert sent > 50


async def _ask(client: httpx.AsyncClient, method: str, address: str, **more: Any) -> tuple[httpx.Response, float]:
    """The answer, and the seconds of processor time that this thread spent on it: the event loop's, not of threads beside it."""
    began = time.thread_time()
    answer = await client.request(method, address, **more)
    return answer, time.thread_time() - began


def _requests(document: Any, route: Any, operation: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    names = re.findall(r"{(\w+)", route.path_format)
    plain = dict.fromkeys(names, _SOMEBODY)
    for name in names or [""]:
        for text in _WRONG_TEXTS if name else ("",):
            yield _address(route.path_format, plain | ({name: text} if name else {})), {}
    for parameter in route.dependant.query_params:
        for text in _WRONG_TEXTS:
            query = f"?{quote(parameter.alias)}={quote(text, safe='')}"
            yield _address(route.path_format, plain) + query, {}
    body = operation.get("requestBody")
    if body is None and "POST" in route.methods:
        fields = ("decision", "request", "item", "region", "language", "material", "code", "state", "way", "grounds")
        for text in ("", "x" * 3_000, "\x00", str(_HUGE)):
            yield _address(route.path_format, plain), {"data": dict.fromkeys(fields, text)}
            yield _address(route.path_format, plain), {"data": {}, "files": {"file": (text[:99] or "a", b"%PDF-\x00")}}
    if body is not None:
        for content_type, media in body["content"].items():
            address = _address(route.path_format, plain)
            yield from ((address, more) for more in _bodies(document, content_type, media.get("schema", {})))


def _address(path_format: str, values: dict[str, str]) -> str:
    return path_format.format(**{name: quote(value, safe="") for name, value in values.items()})


def _bodies(document: Any, content_type: str, schema: Any) -> Iterator[dict[str, Any]]:
    schema = _resolved(document, schema)
    if content_type == "application/json":
        honest = _honest(document, schema)
        for wrong in (honest, *_WRONG_VALUES):
            yield _json(wrong)
        if isinstance(honest, dict):
            for path in list(_places(honest)):
                for wrong in _WRONG_VALUES:
                    yield _json(_with(honest, path, wrong))
            yield _json(honest | {f"unknown-{number}": 1 for number in range(4_500)})
    else:
        names = list(schema.get("properties", {"value": {}}))
        for name in names:
            for text in ("", "x" * 3_000, "\x00", str(_HUGE)):
                yield {"data": dict.fromkeys(names, "1") | {name: text}}
                yield {"data": dict.fromkeys(names, "1") | {name: text}, "files": {"file": ("a\x00.pdf", b"%PDF-")}}


def _json(value: Any) -> dict[str, Any]:
    return {"content": json.dumps(value), "headers": {"Content-Type": "application/json"}}


def _honest(document: Any, schema: Any, depth: int = 0) -> Any:
    """Something that may pass the schema: its example, its first choice, or the simplest of its kind."""
    schema = _resolved(document, schema)
    for word in ("const", "default"):
        if word in schema and schema[word] is not None:
            return schema[word]
    for word in ("examples", "enum", "anyOf", "oneOf"):
        if schema.get(word):
            first = schema[word][0]
            return _honest({**document, **schema}, first, depth) if word.endswith("Of") else first
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        return {
            name: _honest({**document, **schema}, part, depth + 1)
            for name, part in schema.get("properties", {}).items()
        }
    if kind == "array":
        return [_honest(document, schema.get("items", {}), depth + 1)] if depth < 5 else []
    if kind in ("integer", "number"):
        return max(1, schema.get("minimum", 1))
    if kind == "boolean":
        return True
    if schema.get("format") == "uuid":
        return _SOMEBODY
    return {"date-time": "2026-01-02T03:04:05Z", "date": "2026-01-02"}.get(schema.get("format", ""), "text")


def _resolved(document: Any, schema: Any) -> Any:
    while "$ref" in schema:
        _, *parts = schema["$ref"].split("/")
        found: Any = document
        for part in parts:
            found = found.get(part, {}) if isinstance(found, dict) else {}
        schema = found
    return schema


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield (*path, name)
        yield from _places(part, (*path, name))


def _with(value: Any, path: tuple[Any, ...], wrong: Any) -> Any:
    changed = copy.deepcopy(value)
    inner = changed
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = wrong
    return changed
