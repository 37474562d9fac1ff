"""A bounded load on one loopback address: keep-alive connections that each send the next request after an answer.

``python -m bench.http_load`` reads a `Plan` as JSON from its input and prints a `Load` as JSON. It runs in a process of its
own, so that it does not share a core's time slice with what it measures more than it must.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import cast

import uvloop

MAX_REQUESTS = 200_000
MAX_SECONDS = 60.0
ANSWER_SECONDS = 15.0
"""How long the last answers may take."""


@dataclass(frozen=True, slots=True)
class Plan:
    """POST ``bodies`` in turn to ``path``, ``requests`` times in all, for ``seconds`` at most. One token a connection.

    ``name`` begins every idempotency key, so that no two plans share one.
    """

    name: str
    port: int
    path: str
    requests: int
    seconds: float
    tokens: list[str]
    bodies: list[str]


@dataclass(frozen=True, slots=True)
class Load:
    """What came back. Latencies in seconds, over accepted requests."""

    accepted: int
    failed: int
    first_failure: str
    elapsed: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Accepted requests a second."""
        return self.accepted / self.elapsed


class _Connection(asyncio.Protocol):
    def __init__(self, requests: Iterator[tuple[str, bytes]], token: str, plan: Plan, end: float) -> None:
        self._requests = requests
        self._head = (
            f"POST {plan.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\n"
        ).encode()
        self._end = end
        self._buffer = b""
        self._sent_at = 0.0
        self.latencies: list[float] = []
        self.failures: list[str] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self._buffer[:head_end].lower()
        length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(self._buffer) < head_end + 4 + length:
            return
        if self._buffer.startswith(b"HTTP/1.1 202"):
            self.latencies.append(time.perf_counter() - self._sent_at)
        else:
            self.failures.append(self._buffer[:400].decode(errors="replace"))
        self._buffer = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.failures.append("the connection was closed")
            self.done.set_result(None)

    def _next(self) -> None:
        following = next(self._requests, None) if time.perf_counter() < self._end else None
        if following is None:
            self.done.set_result(None)
            self._transport.close()
            return
        key, body = following
        self._sent_at = time.perf_counter()
        self._transport.write(
            b"%bIdempotency-Key: %b\r\nContent-Length: %d\r\n\r\n%b" % (self._head, key.encode(), len(body), body)
        )


async def put_load(plan: Plan) -> Load:
    """Raises `ValueError` for a plan over `MAX_REQUESTS` or `MAX_SECONDS`."""
    if plan.requests > MAX_REQUESTS or plan.seconds > MAX_SECONDS:
        raise ValueError(f"at most {MAX_REQUESTS} requests and {MAX_SECONDS} s")
    bodies = [body.encode() for body in plan.bodies]
    requests = iter([(f"{plan.name}-{number}", bodies[number % len(bodies)]) for number in range(plan.requests)])
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    end = began + plan.seconds
    opened = [
        await loop.create_connection(partial(_Connection, requests, token, plan, end), "127.0.0.1", plan.port)
        for token in plan.tokens
    ]
    connections = [connection for _, connection in opened]
    async with asyncio.timeout(plan.seconds + ANSWER_SECONDS):
        await asyncio.gather(*(connection.done for connection in connections))
    elapsed = time.perf_counter() - began
    latencies = sorted(latency for connection in connections for latency in connection.latencies)
    failures = [failure for connection in connections for failure in connection.failures]
    return Load(
        accepted=len(latencies),
        failed=len(failures),
        first_failure=failures[0] if failures else "",
        elapsed=elapsed,
        p50=latencies[len(latencies) // 2] if latencies else 0.0,
        p99=latencies[len(latencies) * 99 // 100] if latencies else 0.0,
    )


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(put_load(Plan(**json.load(sys.stdin)))))))
