"""The virus scanner: clamd's INSTREAM command (clamd(8)). Without one nothing is scanned; one that is silent lets nothing in."""

import asyncio
import struct
from typing import Final

from tongban_intake.uploads.rules import FileRefusedError

_COMMAND: Final = b"zINSTREAM\x00"
_CHUNK_BYTES: Final = 64 * 1024
_LONGEST_ANSWER: Final = 4096
_SECONDS: Final = 30.0


class ScannerSilentError(ConnectionError):
    """The scanner does not answer, or says that it could not scan."""


class Scanner:
    """``address``: host:port of clamd; None when none is set up."""

    def __init__(self, address: str | None, seconds: float = _SECONDS) -> None:
        self._place = None if address is None else address.rsplit(":", 1)
        self._seconds = seconds

    async def scan(self, content: bytes) -> None:
        """Raises `FileRefusedError` for a virus, `ScannerSilentError` when nobody can say."""
        if self._place is None:
            return
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._ask(self._place[0], int(self._place[1]), content)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise ScannerSilentError("the scanner does not answer") from error
        if answer == b"stream: OK":
            return
        if answer.startswith(b"stream: ") and answer.endswith(b" FOUND"):
            raise FileRefusedError("infected")
        raise ScannerSilentError("the scanner could not scan")

    async def _ask(self, host: str, port: int, content: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(host, port, limit=_LONGEST_ANSWER)
        try:
            writer.write(_COMMAND)
            for start in range(0, len(content), _CHUNK_BYTES):
                chunk = content[start : start + _CHUNK_BYTES]
                writer.write(struct.pack(">I", len(chunk)) + chunk)
                await writer.drain()
            writer.write(struct.pack(">I", 0))
            await writer.drain()
            return (await reader.readuntil(b"\x00"))[:-1]
        finally:
            writer.close()
