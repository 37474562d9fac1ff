"""A file as it may be kept: its size looked at, its content told, and made anew in a confined process."""

import json
from collections.abc import AsyncIterable
from dataclasses import dataclass
from typing import Any, Final, cast

from tongban_runtime.confined import Confined, python
from tongban_runtime.problems import Problem

from tongban_intake.uploads.rules import MAX_BYTES, WORDS, FileRefusedError, Media, Rule
from tongban_intake.uploads.sniff import kind_of

COMMAND: Final = python("-m", "tongban_intake.uploads.confined")
_SECONDS: Final = 30.0
"""How long one conversion may take by the clock."""
_LONGEST_ANSWER: Final = MAX_BYTES + 1024
"""Bytes: the largest result and the line before it."""


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

    def __init__(self, command: tuple[str, ...] = COMMAND, seconds: float = _SECONDS) -> None:
        self._process = Confined(command, seconds=seconds, longest=_LONGEST_ANSWER)

    async def convert(self, content: bytes) -> Checked:
        """Raises `Problem`. A conversion that dies, lasts too long or says too much refuses the file as too complex."""
        answer = await self._process.run(content)
        head, _, made = (answer or b"").partition(b"\n")
        told: dict[str, Any] = json.loads(head) if head else {"refused": "too-complex"}
        if (rule := told.get("refused")) is not None:
            raise refused(cast(Rule, rule))
        return Checked(made, cast(Media, told["media"]), told["pages"])
