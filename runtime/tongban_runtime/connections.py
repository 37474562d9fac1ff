"""Connections of clients that are slow or many: what a head may weigh and how long it and a body may take.

Uvicorn bounds how long an idle connection stays and how many there are; it waits for ever for a head that has begun.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from starlette.types import Message, Receive
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tongban_runtime import telemetry
from tongban_runtime.problems import Problem

MAX_HEAD: Final = 64 * 1024
"""Bytes of a request's line and headers."""
SLOWEST_BODY: Final = 16 * 1024
"""Bytes a second that a body has to keep up after its first seconds."""
_ANSWERS: Final = {
    408: b"HTTP/1.1 408 Request Timeout\r\n",
    429: b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 10\r\n",
    431: b"HTTP/1.1 431 Request Header Fields Too Large\r\n",
}
_CLOSE: Final = b"Content-Length: 0\r\nConnection: close\r\nX-Content-Type-Options: nosniff\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Bounds:
    """``per_address``: open connections; None where a proxy stands before the service and they are all its own."""

    head_seconds: float = 10.0
    per_address: int | None = 200


class BoundedProtocol(HttpToolsProtocol):
    """Ends a connection whose next head does not come whole in time, is too large, or is one too many of its address."""

    bounds: ClassVar[Bounds] = Bounds()
    open: ClassVar[Counter[str]] = Counter()

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._deadline: asyncio.TimerHandle | None = None
        self._head = 0
        self._address = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        self.open[self._address] += 1
        most = self.bounds.per_address
        if most is not None and self.open[self._address] > most:
            self._end(429)
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._has_head()
        self.open[self._address] -= 1
        if self.open[self._address] <= 0:
            del self.open[self._address]
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._deadline is not None:
            self._head += len(data)
            if self._head > MAX_HEAD:
                self._end(431)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        self._has_head()
        super().on_headers_complete()

    def _await_head(self) -> None:
        if self._deadline is None:
            self._head = 0
            self._deadline = self.loop.call_later(self.bounds.head_seconds, self._end, 408)

    def _has_head(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end(self, status: int) -> None:
        """Answers a client that has no request here, and closes its connection; what is being answered is let finish."""
        self._has_head()
        telemetry.count("tongban.requests.limited", limit="connection")
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(_ANSWERS[status] + _CLOSE)
        self.transport.close()


def protocol_within(bounds: Bounds) -> type[BoundedProtocol]:
    """The protocol of one server, with its own bounds and its own count of connections."""
    return type("ServerProtocol", (BoundedProtocol,), {"bounds": bounds, "open": Counter()})


def timed_body(receive: Receive, seconds: float) -> Receive:
    """``receive`` that raises `Problem` 408 for a body slower than ``seconds`` and `SLOWEST_BODY` after that."""
    loop = asyncio.get_running_loop()
    began, received, is_whole = 0.0, 0, False

    async def timed() -> Message:
        nonlocal began, received, is_whole
        if is_whole:
            return await receive()
        began = began or loop.time()
        try:
            async with asyncio.timeout_at(began + seconds + received / SLOWEST_BODY):
                message = await receive()
        except TimeoutError:
            telemetry.count("tongban.requests.limited", limit="body")
            raise _too_slow() from None
        received += len(message.get("body", b""))
        is_whole = not message.get("more_body", False)
        return message

    return timed


def _too_slow() -> Problem:
    return Problem(
        408,
        "too-slow",
        "提交的内容没有及时传完，请检查网络后重试。",
        "What was sent did not arrive in time: check the connection and try again.",
        headers={"Connection": "close"},
    )
