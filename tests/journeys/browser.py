"""A real browser for tests: headless Chromium, driven by the Chrome DevTools Protocol over a pipe, with page scripts off."""

import asyncio
import base64
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)
_PROGRAMS = ("chromium", "google-chrome", "chromium-browser")
_SECONDS = 30.0


class BrowserError(RuntimeError):
    """The browser is missing, or does not do what it is told."""


@dataclass(slots=True)
class Page:
    """One page. Widths and heights are CSS pixels."""

    _write: asyncio.StreamWriter
    _session: str = ""
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _answers: dict[int, "asyncio.Future[Any]"] = field(default_factory=dict)
    _loads: "asyncio.Queue[None]" = field(default_factory=asyncio.Queue)

    async def call(self, method: str, **parameters: Any) -> Any:
        """One command of the protocol. Raises: BrowserError with what the browser says against it."""
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._write.write(json.dumps(message).encode() + b"\0")
        async with asyncio.timeout(_SECONDS):
            return await self._answers[number]

    def hear(self, message: dict[str, Any]) -> None:
        """Take a message of the browser: an answer, or news that a page is loaded."""
        if "id" in message:
            waiting = self._answers.pop(message["id"])
            if "error" in message:
                waiting.set_exception(BrowserError(message["error"]["message"]))
            else:
                waiting.set_result(message["result"])
        elif message["method"] == "Page.loadEventFired":
            self._loads.put_nowait(None)

    async def attach(self) -> None:
        """Open the page, without scripts."""
        target = (await self.call("Target.createTarget", url="about:blank"))["targetId"]
        self._session = (await self.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        await self.call("Page.enable")
        await self.call("Emulation.setScriptExecutionDisabled", value=True)

    async def size(self, width: int, height: int, scale: float = 1.0, mobile: bool = False) -> None:
        """Set the width and height of the window, and how many image pixels one CSS pixel is."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=mobile
        )

    async def open(self, url: str) -> None:
        """Go to an address and wait until it is loaded."""
        while not self._loads.empty():
            self._loads.get_nowait()
        answer = await self.call("Page.navigate", url=url)
        if answer.get("errorText"):
            raise BrowserError(f"{url}: {answer['errorText']}")
        await self._loaded()

    async def click(self, selector: str) -> None:
        """Click the middle of the first element that the CSS selector finds, and wait for the page that follows."""
        node = await self._find(selector)
        await self.call("DOM.scrollIntoViewIfNeeded", nodeId=node)
        corners = (await self.call("DOM.getBoxModel", nodeId=node))["model"]["content"]
        place = {"x": sum(corners[0::2]) / 4, "y": sum(corners[1::2]) / 4, "button": "left", "clickCount": 1}
        while not self._loads.empty():
            self._loads.get_nowait()
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, **place)
        await self._loaded()

    async def html(self, selector: str = "html") -> str:
        """The markup of the first element that the CSS selector finds."""
        found = await self.call("DOM.getOuterHTML", nodeId=await self._find(selector))
        return str(found["outerHTML"])

    async def place_of(self, selector: str) -> int:
        """How far below the top of the page the first element is that the CSS selector finds."""
        box = (await self.call("DOM.getBoxModel", nodeId=await self._find(selector)))["model"]["margin"]
        return int(box[1])

    async def widths(self) -> tuple[float, float]:
        """Width of the window and of what the page holds, in CSS pixels: the second is larger when it scrolls sideways."""
        metrics = await self.call("Page.getLayoutMetrics")
        return float(metrics["cssLayoutViewport"]["clientWidth"]), float(metrics["cssContentSize"]["width"])

    async def picture(self, path: Path, *, height: int | None = None) -> None:
        """Write a PNG of the whole page, or of its upper ``height`` CSS pixels."""
        content = (await self.call("Page.getLayoutMetrics"))["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": content["width"], "height": height or content["height"], "scale": 1}
        shot = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        await asyncio.to_thread(path.write_bytes, base64.b64decode(shot["data"]))

    async def _find(self, selector: str) -> int:
        root = (await self.call("DOM.getDocument"))["root"]["nodeId"]
        node = int((await self.call("DOM.querySelector", nodeId=root, selector=selector))["nodeId"])
        if node == 0:
            raise BrowserError(f"nothing on the page matches {selector}")
        return node

    async def _loaded(self) -> None:
        async with asyncio.timeout(_SECONDS):
            await self._loads.get()


@asynccontextmanager
async def open_page() -> AsyncIterator[Page]:
    """A fresh browser with one page, gone after the block. Raises: BrowserError when there is no Chromium."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        raise BrowserError("没有 Chromium: there is no Chromium; run deploy/local/system-packages.sh test")
    to_browser, from_browser = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(prefix="tongban-chromium-", ignore_cleanup_errors=True) as profile:
        line = [program, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-c",
            f'exec "$@" 3<&{to_browser[0]} 4>&{from_browser[1]} >/dev/null 2>&1',
            "bash",
            *line,
            pass_fds=(to_browser[0], from_browser[1]),
        )
        os.close(to_browser[0])
        os.close(from_browser[1])
        try:
            async with _connected(to_browser[1], from_browser[0]) as page:
                await page.attach()
                yield page
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


@asynccontextmanager
async def _connected(outgoing: int, incoming: int) -> AsyncIterator[Page]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=64 * 1024 * 1024)
    inward, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(incoming, "rb", buffering=0)
    )
    outward, protocol = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, os.fdopen(outgoing, "wb", buffering=0)
    )
    page = Page(asyncio.StreamWriter(outward, protocol, None, loop))

    async def listen() -> None:
        while True:
            page.hear(json.loads((await reader.readuntil(b"\0"))[:-1]))

    listening = asyncio.create_task(listen())
    try:
        yield page
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        outward.close()
        inward.close()
