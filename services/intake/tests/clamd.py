"""A server that speaks clamd's INSTREAM command, for tests of the protocol alone."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Clamd:
    """``answer``: what it says to every file; nothing: it hangs up. ``scanned``: the files that came."""

    answer: bytes
    scanned: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(10) == b"zINSTREAM\x00"
        content = bytearray()
        while size := struct.unpack(">I", await reader.readexactly(4))[0]:
            content += await reader.readexactly(size)
        self.scanned.append(bytes(content))
        writer.write(self.answer)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def clamd(server: Clamd) -> AsyncIterator[str]:
    """Runs it; gives host:port."""
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    async with listening:
        yield f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
