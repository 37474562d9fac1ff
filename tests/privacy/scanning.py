"""Finds canaries in bytes of any kind: logs, segments, database pages, files, also inside deflated streams."""

import email
import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default as rules
from pathlib import Path
from typing import Final

from tests.privacy import canaries
from tests.privacy.canaries import Found, Kind

_PIECE: Final = 32 * 1024 * 1024
_OVERLAP: Final = 4096
_AROUND: Final = 60
_STREAM: Final = re.compile(rb"stream\r?\n")
_DEFLATED: Final = re.compile(rb"\x1f\x8b\x08[\x00-\x1f]")
_STREAM_LIMIT: Final = 8 * 1024 * 1024
IN_OWN_MAIL: Final[frozenset[Kind]] = frozenset({"name", "child", "words", "latin"})
"""What a mail may hold of the person it goes to. The words of a refusal name the number too; see `mail_findings`."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A canary where none may be. ``offset`` in bytes; ``shown``: what stands around it."""

    place: str
    offset: int
    encoding: str
    shown: str

    def __str__(self) -> str:
        return f"{self.place} @{self.offset} ({self.encoding}): {self.shown}"


@dataclass(slots=True)
class Scanner:
    """Looks for stems. ``bytes_read`` counts everything that was looked at, deflated streams as they are inside.

    ``clean`` holds the digests of pieces of files in which nothing was found, so that the same piece is not searched again.
    """

    needles: Mapping[bytes, str] = field(default_factory=lambda: _all_needles())
    clean: set[bytes] = field(default_factory=set)
    bytes_read: int = 0
    streams: int = 0

    def content(self, place: str, content: bytes, base: int = 0) -> list[Finding]:
        """Every place at which a canary begins, and those in deflated streams inside."""
        found = self._plain(place, content, base)
        for start, inner in _inflated(content):
            self.streams += 1
            found += self._plain(f"{place}, deflated at {base + start}", inner, 0)
        return found

    def file(self, path: Path, place: str) -> list[Finding]:
        """A file of any size, read in pieces that overlap. A file that is gone by now holds nothing."""
        found: dict[tuple[str, int, str], Finding] = {}
        try:
            with path.open("rb") as opened:
                base, before = 0, b""
                while piece := opened.read(_PIECE):
                    whole = (before + piece).rstrip(b"\0")
                    digest = hashlib.sha256(whole).digest()
                    here = [] if digest in self.clean else self.content(place, whole, base - len(before))
                    found |= {(one.place, one.offset, one.encoding): one for one in here}
                    if not here:
                        self.clean.add(digest)
                    base += len(piece)
                    before = (before + piece)[-_OVERLAP:]
        except FileNotFoundError:
            return []
        return list(found.values())

    def _plain(self, place: str, content: bytes, base: int) -> list[Finding]:
        self.bytes_read += len(content)
        found = []
        for needle, encoding in self.needles.items():
            at = content.find(needle)
            while at >= 0:
                around = content[max(0, at - _AROUND) : at + len(needle) + _AROUND]
                found.append(Finding(place, base + at, encoding, around.decode("utf-8", "backslashreplace")))
                at = content.find(needle, at + 1)
        return found


def mail_findings(place: str, content: bytes) -> list[Finding]:
    """What a mail holds that it may not: anybody but the person it goes to, and of that person numbers and addresses.

    What an officer wrote to the person is the person's to read, so a number inside those words is no finding.
    """
    message = email.message_from_bytes(content, policy=rules)
    assert isinstance(message, EmailMessage)
    text = "\n".join(_texts(message))
    recipient = next((one.number for one in canaries.read(str(message["Delivered-To"] or ""))), None)
    quoted = {match.span() for match in re.finditer(r"\([^()]*\)", text) if canaries.WORD + "语" in match.group()}
    open_text = "".join(sign for at, sign in enumerate(text) if not any(start <= at < end for start, end in quoted))
    wrong = [one for one in canaries.read(text) if one.number != recipient]
    wrong += [one for one in canaries.read(open_text) if one.kind not in IN_OWN_MAIL]
    return [Finding(place, 0, "mail", f"{one.kind} of {one.number}, to {recipient}") for one in wrong]


def _texts(message: EmailMessage) -> Iterator[str]:
    for name, value in message.items():
        yield f"{name}: {value}"
    for part in message.walk():
        if not part.is_multipart():
            content = part.get_content()
            yield content if isinstance(content, str) else content.decode("utf-8", "replace")


def _inflated(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Streams of PDF files and gzip members anywhere in the bytes: where they begin, and what is inside."""
    if b"%PDF-" in content:
        for match in _STREAM.finditer(content):
            inner = _inflate(content[match.end() : match.end() + _STREAM_LIMIT], zlib.MAX_WBITS)
            if inner:
                yield match.end(), inner
    for match in _DEFLATED.finditer(content):
        inner = _inflate(content[match.start() : match.start() + _STREAM_LIMIT], zlib.MAX_WBITS | 16)
        if inner:
            yield match.start(), inner


def _inflate(content: bytes, bits: int) -> bytes:
    try:
        return zlib.decompressobj(bits).decompress(content, _STREAM_LIMIT)
    except zlib.error:
        return b""


def _all_needles() -> dict[bytes, str]:
    return {needle: kind for stem in canaries.STEMS.values() for needle, kind in canaries.needles(stem).items()}


def whose(findings: Iterable[Finding]) -> set[Found]:
    """The persons that findings tell of, as far as they can be read off."""
    return {one for finding in findings for one in canaries.read(finding.shown)}
