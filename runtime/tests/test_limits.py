"""Limits at every door: rates by person and address, streams, and clients that are slow or many. Real sockets, no engines."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID, uuid4

import httpx
import pytest
import uvicorn
from fastapi import Depends, Request
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from tongban_runtime import failures, telemetry
from tongban_runtime.auth import Caller, Policy, citizen, public
from tongban_runtime.connections import MAX_HEAD, Bounds, protocol_within
from tongban_runtime.front import App
from tongban_runtime.health import Heartbeat
from tongban_runtime.limits import Buckets, Limiter, Rate, address_of
from tongban_runtime.problems import Problem
from tongban_runtime.service import HttpServer, new_app
from tongban_runtime.settings import RuntimeSettings

HEAD_SECONDS = 0.3
BODY_SECONDS = 0.3
LOOK_UP = public.within("look-up", "look-ups")


class Named:
    """Stands in the place of tokens: the header says who calls."""

    def caller(self, token: str) -> Caller:
        if not token.startswith("person-"):
            raise Problem(401, "not-signed-in", "", "")
        return Caller(UUID(int=int(token[7:])), "citizen", frozenset())


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(clock: Clock) -> App:
    app = new_app("a service")
    failures.install(app)
    app.body_seconds = BODY_SECONDS
    app.state.authenticator = Named()
    rates: Any = {"person": (2, 4), "address": (2, 3), "look-up": (1, 2), "look-ups": (1, 3)}
    app.state.limiter = Limiter({name: Rate(rate=rate, burst=burst) for name, (rate, burst) in rates.items()}, 2, clock)

    @app.get("/mine")
    async def mine(caller: Annotated[Caller, Depends(citizen)]) -> str:
        return str(caller.id)

    @app.get("/numbers/{number}", dependencies=[Depends(LOOK_UP)])
    async def look_up(number: int) -> int:
        return number

    @app.post("/bytes", dependencies=[Depends(public)])
    async def read(request: Request) -> int:
        return len(await request.body())

    return app


async def _ask(app: App, path: str, address: str = "192.0.2.1", person: str = "") -> httpx.Response:
    transport = httpx.ASGITransport(app=app, client=(address, 1))
    headers = {"Authorization": f"Bearer {person}"} if person else {}
    async with httpx.AsyncClient(transport=transport, base_url="http://here.invalid") as client:
        return await client.get(path, headers=headers)


async def _statuses(app: App, path: str, times: int, **who: str) -> list[int]:
    return [(await _ask(app, path, **who)).status_code for _ in range(times)]


async def test_a_person_who_asks_too_often_waits_and_nobody_else_does(app: App, clock: Clock) -> None:
    assert await _statuses(app, "/mine", 5, person="person-1") == [200] * 4 + [429]
    refused = await _ask(app, "/mine", person="person-1")
    assert (refused.headers["retry-after"], refused.json()["type"]) == ("1", "urn:tongban:problem:too-many-requests")
    assert await _statuses(app, "/mine", 1, person="person-2") == [200]
    clock.now += 1
    assert await _statuses(app, "/mine", 3, person="person-1") == [200, 200, 429]


async def test_who_fails_to_sign_in_counts_by_address(app: App) -> None:
    assert await _statuses(app, "/mine", 4, person="nobody") == [401] * 3 + [429]
    assert await _statuses(app, "/mine", 1, person="nobody", address="192.0.2.2") == [401]
    assert await _statuses(app, "/mine", 1, person="person-1") == [200]


async def test_numbers_cannot_be_counted_through_from_one_address_or_many(app: App) -> None:
    assert await _statuses(app, "/numbers/1", 3) == [200, 200, 429]
    assert await _statuses(app, "/numbers/2", 2, address="192.0.2.2") == [200, 429]
    assert await _statuses(app, "/numbers/3", 1, address="192.0.2.3") == [429]


async def test_what_is_refused_is_counted(app: App) -> None:
    reader = InMemoryMetricReader()
    counted = MeterProvider(metric_readers=[reader]).get_meter("tongban").create_counter("tongban.requests.limited")
    telemetry._counters["tongban.requests.limited"] = counted
    assert await _statuses(app, "/numbers/1", 4) == [200, 200, 429, 429]
    del telemetry._counters["tongban.requests.limited"]
    data = json.loads(reader.get_metrics_data().to_json())  # type: ignore[union-attr]  # there are some
    points = data["resource_metrics"][0]["scope_metrics"][0]["metrics"][0]["data"]["data_points"]
    assert {point["attributes"]["limit"]: point["value"] for point in points} == {"look-up": 1, "address": 1}


def test_addresses_are_counted_by_household() -> None:
    def seen(host: str) -> str:
        return address_of(Request({"type": "http", "client": (host, 1), "headers": []}))

    assert seen("2001:db8:1:2::1") == seen("2001:db8:1:2:ffff::9") != seen("2001:db8:1:3::1")
    assert seen("192.0.2.1") != seen("192.0.2.2")


def test_buckets_are_bounded_and_the_oldest_goes_first() -> None:
    buckets = Buckets(Rate(rate=1, burst=1), most=100)
    for key in range(1_000):
        assert buckets.take(key, 0.0) == 0.0
    assert len(buckets) == 100
    assert buckets.take(999, 0.0) == 1.0
    assert buckets.take(0, 0.0) == 0.0


def test_a_stream_that_ends_makes_room() -> None:
    limiter, person = Limiter(streams_per_person=2), uuid4()
    with limiter.stream(person):
        with limiter.stream(person), pytest.raises(Problem, match="too-many") as refused, limiter.stream(person):
            pass
        assert refused.value.status == 429
        with limiter.stream(person), limiter.stream(uuid4()):
            pass


def test_a_policy_keeps_its_usual_limit_beside_stricter_ones() -> None:
    assert Policy("public", ()).limits == ("address",)
    assert Policy("service", ("service",)).limits == ("service",)
    assert citizen.within("upload").limits == ("person", "upload")
    assert citizen.limits == ("person",)


@contextlib.asynccontextmanager
async def _served(app: App, per_address: int = 50, connections: int = 100) -> AsyncIterator[int]:
    bounds = Bounds(HEAD_SECONDS, per_address)
    config = uvicorn.Config(
        app, port=0, log_config=None, lifespan="off", http=protocol_within(bounds), limit_concurrency=connections
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await running


async def _send(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """All that the server answers until it closes the connection or has been silent for two seconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await asyncio.sleep(pause)
        async with asyncio.timeout(2):
            return await reader.read()
    finally:
        writer.close()


_POST = b"POST /bytes HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n"


@pytest.mark.parametrize(
    ("parts", "pause", "status"),
    [
        ((), 0.0, b"408"),
        ((b"GET /mi", b"ne HTTP/1.1\r\n"), 0.1, b"408"),
        ((b"GET /mine HTTP/1.1\r\nX: " + b"x" * MAX_HEAD + b"x",), 0.0, b"431"),
        ((_POST + b"\r\n12", b"3"), 0.1, b"408"),
        ((_POST + b"Connection: close\r\n\r\n12", b"34567890"), 0.1, b"200"),
    ],
    ids=["nothing", "half a head", "a large head", "half a body", "slow, and in time"],
)
async def test_slow_clients_hold_nothing(app: App, parts: tuple[bytes, ...], pause: float, status: bytes) -> None:
    async with _served(app) as port:
        assert (await _send(port, *parts, pause=pause)).split(b" ")[1] == status


async def test_the_second_head_of_a_connection_has_its_time_too(app: App) -> None:
    async with _served(app) as port:
        answered = await _send(port, _POST + b"\r\n1234567890", b"GET /mi", pause=0.1)
        assert answered.count(b"HTTP/1.1 200") == 1
        assert answered.count(b"HTTP/1.1 408") == 1


async def test_one_address_holds_no_more_than_its_share_of_connections(app: App) -> None:
    whole = _POST + b"Connection: close\r\n\r\n1234567890"
    async with _served(app, per_address=2) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        await asyncio.sleep(0.05)
        assert (await _send(port, whole)).startswith(b"HTTP/1.1 429")
        for _, writer in held:
            writer.close()
        await asyncio.sleep(0.05)
        assert (await _send(port, whole)).startswith(b"HTTP/1.1 200")


async def test_beyond_all_connections_a_service_is_busy(app: App) -> None:
    async with _served(app, connections=3) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        await asyncio.sleep(0.05)
        assert (await _send(port, _POST + b"Connection: close\r\n\r\n1234567890")).startswith(b"HTTP/1.1 503")
        for _, writer in held:
            writer.close()


@pytest.mark.parametrize(
    ("proxies", "seen"), [("", "127.0.0.1"), ("127.0.0.1", "203.0.113.9"), ("192.0.2.7", "127.0.0.1")]
)
async def test_only_a_proxy_that_is_named_says_for_whom_it_asks(app: App, proxies: str, seen: str) -> None:
    @app.get("/address", dependencies=[Depends(public)])
    async def address(request: Request) -> str:
        return address_of(request)

    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    settings = RuntimeSettings.model_validate(
        {"instance": "one", "kafka": "none", "database": "none", "token_issuer": "none", "token_jwks": "none"}
        | {"http_port": port, "trusted_proxies": proxies}
    )
    server = HttpServer(app, settings, Heartbeat("api"))
    running = asyncio.create_task(server.run())
    transport = httpx.AsyncHTTPTransport(retries=5)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://127.0.0.1:{port}") as client:
        answer = await client.get("/address", headers={"X-Forwarded-For": "203.0.113.9"})
    server.stop()
    await running
    assert answer.json() == seen
