"""Processes in which files of strangers are opened: what hurts there ends the process, and nothing else.

The child is a module that calls `confine`, reads the file from its input and says on its output what became of it. It is told
nothing of the service's environment.
"""

import asyncio
import os
import resource
import sys
from contextlib import suppress
from typing import Final

MEMORY_BYTES: Final = 1536 * 1024 * 1024
ENVIRONMENT: Final = {"PATH": os.defpath, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_OPEN_FILES: Final = 32
_CHUNK: Final = 1024 * 1024


def python(*arguments: str) -> tuple[str, ...]:
    """The command line of a child: our Python, without the working folder and the user's own packages."""
    return (sys.executable, "-I", *arguments)


def confine(processor_seconds: int, memory_bytes: int = MEMORY_BYTES) -> None:
    """In the child: takes away what it does not need, for good. It writes no file, but may write to a pipe."""
    for kind, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, processor_seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))


class Confined:
    """Runs a child on files, ``at_once`` at the same time; ``waiting`` others wait at most, each with its file in memory.

    A file is whole when it is given: a slow client holds no place. Who is cancelled gives back the place, and its child is ended.
    ``seconds``: how long one may take by the clock. ``longest``: how many bytes it may say.
    """

    def __init__(
        self, command: tuple[str, ...], *, seconds: float, longest: int, at_once: int = 2, waiting: int = 16
    ) -> None:
        self._command = command
        self._seconds = seconds
        self._longest = longest
        self._places = asyncio.Semaphore(at_once)
        self._free = at_once + waiting

    async def run(self, content: bytes) -> bytes | None:
        """What the child said of a file; None when it died, lasted too long or said too much.

        Raises `Problem` 503 when too many wait already.
        """
        if self._free == 0:
            raise _busy()
        self._free -= 1
        try:
            return await self._run(content)
        finally:
            self._free += 1

    async def _run(self, content: bytes) -> bytes | None:
        async with self._places:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=ENVIRONMENT,
            )
            telling = asyncio.create_task(_tell(process.stdin, content))
            try:
                async with asyncio.timeout(self._seconds):
                    answer = await self._listen(process.stdout)
                    if answer is None or await process.wait() != 0:
                        return None
                    return answer
            except TimeoutError:
                return None
            finally:
                telling.cancel()
                await asyncio.gather(telling, return_exceptions=True)
                if process.returncode is None:
                    process.kill()
                    await process.communicate()

    async def _listen(self, process: asyncio.StreamReader | None) -> bytes | None:
        assert process is not None
        answer = bytearray()
        while said := await process.read(_CHUNK):
            answer += said
            if len(answer) > self._longest:
                return None
        return bytes(answer)


def _busy() -> Exception:
    from tongban_runtime.problems import Problem  # not in the child: it would load the whole server

    return Problem(
        503,
        "files-busy",
        "正在检查的文件太多，文件没有保存，请稍后再试。",
        "Too many files are being checked just now; nothing was kept. Try again shortly.",
        headers={"Retry-After": "10"},
    )


async def _tell(process: asyncio.StreamWriter | None, content: bytes) -> None:
    """Gives a process its input. One that ends before it has read it is no matter: its answer tells."""
    assert process is not None
    with suppress(ConnectionError):
        process.write(content)
        await process.drain()
        process.close()
