"""A file as it may be kept: its name and size looked at, its content told, and made anew in a confined process."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, Final, cast

from tongban_runtime.problems import Problem

from tongban_intake.uploads.rules import MAX_BYTES, WORDS, FileRefusedError, Media, Rule
from tongban_intake.uploads.sniff import kind_of

_SECONDS: Final = 30.0
"""How long one conversion may take by the clock."""
_AT_ONCE: Final = 2
"""Conversions of one process of intake at the same time; others wait."""
_LONGEST_ANSWER: Final = MAX_BYTES + 1024
"""Bytes: the largest result and the line before it."""
_CHUNK: Final = 1024 * 1024
_BAD_NAME: Final = re.compile(r"[/\\:\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]|^\.{1,2}$").search
_LONGEST_NAME: Final = 255


@dataclass(frozen=True, slots=True)
class Checked:
    """A file after the conversion."""

    content: bytes
    media: Media
    pages: int


def refused(rule: Rule) -> Problem:
    """What the person is told: 413, 415 or 422, in both languages, with what to do."""
    status, zh, en = WORDS[rule]
    return Problem(status, f"file-{rule}", zh, en)


def check_name(name: str | None) -> None:
    """A client's name for a file is never used, and one that tries to be a path is refused. Raises `Problem`."""
    if name is not None and (len(name) > _LONGEST_NAME or _BAD_NAME(name)):
        raise refused("bad-name")


async def receive(chunks: AsyncIterable[bytes], announced: str | None) -> bytes:
    """The whole file. ``announced``: the length that the client names. Raises `Problem` as soon as it is too large."""
    if announced is not None and announced.isascii() and announced.isdigit() and int(announced) > MAX_BYTES:
        raise refused("too-large")
    content = bytearray()
    async for chunk in chunks:
        content += chunk
        if len(content) > MAX_BYTES:
            raise refused("too-large")
    return bytes(content)


def sniff(content: bytes) -> None:
    """Refuses by the first bytes what is no picture and no document. Raises `Problem`."""
    try:
        if len(content) > MAX_BYTES:
            raise FileRefusedError("too-large")
        kind_of(content)
    except FileRefusedError as error:
        raise refused(error.rule) from None


class Converter:
    """Makes files anew, a few at a time, each in a process of its own that ends with it and is told none of intake's secrets."""

    COMMAND: ClassVar = (sys.executable, "-I", "-m", "tongban_intake.uploads.confined")
    ENVIRONMENT: ClassVar = {"PATH": os.defpath, "OMP_NUM_THREADS": "1"}

    def __init__(self, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def convert(self, content: bytes) -> Checked:
        """Raises `Problem`. A conversion that dies, lasts too long or says too much refuses the file as too complex."""
        async with self._places:
            status, answer = await self._run(content)
        head, _, made = answer.partition(b"\n")
        told: dict[str, Any] = json.loads(head) if status == 0 and head else {"refused": "too-complex"}
        if (rule := told.get("refused")) is not None:
            raise refused(cast(Rule, rule))
        return Checked(made, cast(Media, told["media"]), told["pages"])

    async def _run(self, content: bytes) -> tuple[int, bytes]:
        process = await asyncio.create_subprocess_exec(
            *self.COMMAND,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=self.ENVIRONMENT,
        )
        telling = asyncio.create_task(_tell(process.stdin, content))
        try:
            async with asyncio.timeout(self._seconds):
                answer = await _listen(process.stdout)
                if len(answer) > _LONGEST_ANSWER:
                    raise TimeoutError
                await process.wait()
        except TimeoutError:
            answer = b""
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
            if process.returncode is None:
                process.kill()
                await process.communicate()
        return process.returncode or 0, answer


async def _tell(process: asyncio.StreamWriter | None, content: bytes) -> None:
    """Gives a process its input. One that ends before it has read it is no matter: its answer tells."""
    assert process is not None
    with suppress(ConnectionError):
        process.write(content)
        await process.drain()
        process.close()


async def _listen(process: asyncio.StreamReader | None) -> bytes:
    """What a process says, and no more than a little above what it may say."""
    assert process is not None
    answer = bytearray()
    while len(answer) <= _LONGEST_ANSWER and (said := await process.read(_CHUNK)):
        answer += said
    return bytes(answer)
