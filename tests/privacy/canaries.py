"""Canaries: people whose name, numbers, address and words are recognisable wherever they turn up, in whatever encoding.

All of them share a few rare stems, so that a search looks for the stems alone, and whoever is found can be told by the
number that follows. The people are nobody: region 99 is assigned to no place, and nobody born in 1880 is alive.
"""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote
from uuid import NAMESPACE_URL, UUID, uuid5

Kind = Literal["name", "child", "address", "words", "id", "phone", "latin"]

WORD: Final = "金丝雀"
LATIN: Final = "jinsique"
ID: Final = "9901771880"
PHONE: Final = "000-7717"
STEMS: Final[dict[str, str]] = {"word": WORD, "latin": LATIN, "id": ID, "phone": PHONE}
_KINDS: Final[dict[str, Kind]] = {"名": "name", "童": "child", "巷": "address", "语": "words"}
_WHOLE: Final = re.compile(
    f"{WORD}(?P<kind>[{''.join(_KINDS)}])(?P<word>[0-9]{{4}})|{LATIN}(?:-[a-z]+-)?(?P<latin>[0-9]{{4}})"
    f"|{ID}[0-9]{{4}}(?P<id>[0-9]{{3}})[0-9X]|{PHONE}(?P<phone>[0-9]{{4}})"
)
_SEARCHED_BASE64: Final = 8
"""Characters of base64 that have to be left of a stem for it to be looked for: 48 bits, which chance does not make."""


@dataclass(frozen=True, slots=True)
class Canary:
    """One person. ``number`` from 0 to 999."""

    number: int

    @property
    def subject(self) -> UUID:
        """The pseudonym under which the person signs in."""
        return uuid5(NAMESPACE_URL, f"tongban:canary:{self.number}")

    @property
    def name(self) -> str:
        return f"{WORD}名{self.number:04}"

    @property
    def child(self) -> str:
        return f"{WORD}童{self.number:04}"

    @property
    def address(self) -> str:
        return f"示范市{WORD}巷{self.number:04}号"

    @property
    def id_number(self) -> str:
        """A citizen's number of nobody, with the right check character (GB 11643)."""
        body = f"{ID}0101{self.number:03}"
        total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(body))
        return body + "10X98765432"[total % 11]

    @property
    def phone(self) -> str:
        return f"{PHONE}{self.number:04}"

    @property
    def email(self) -> str:
        return f"{self.latin()}@example.com"

    def latin(self, what: str = "") -> str:
        """Letters and digits, for files and numbers of permits."""
        return f"{LATIN}-{what}-{self.number:04}" if what else f"{LATIN}{self.number:04}"

    def words(self, said: str) -> str:
        """A sentence about the person, as reasons, disputes and doubts hold one."""
        return f"{said}({WORD}语{self.number:04},{self.name},{self.id_number})"


@dataclass(frozen=True, slots=True)
class Found:
    """One canary in a text: whose, and which of the person's tokens."""

    number: int
    kind: Kind


def read(text: str) -> Iterator[Found]:
    """Every canary in decoded text."""
    for match in _WHOLE.finditer(text):
        if match["kind"] is not None:
            yield Found(int(match["word"]), _KINDS[match["kind"]])
        elif match["latin"] is not None:
            yield Found(int(match["latin"]), "latin")
        elif match["id"] is not None:
            yield Found(int(match["id"]), "id")
        else:
            yield Found(int(match["phone"]), "phone")


def needles(text: str) -> dict[bytes, str]:
    """The byte strings by which a text is found, each with the name of its encoding."""
    plain = text.encode()
    found = {plain: "utf-8", plain.hex().encode(): "hex", plain.hex().upper().encode(): "hex"}
    for place in range(3):
        if len(whole := _inner_base64(plain, place)) >= _SEARCHED_BASE64:
            found.setdefault(whole, "base64")
    if text.isascii():
        found[text.encode("utf-16-le")[:-1]] = "utf-16"
    else:
        escaped = "".join(f"\\u{ord(sign):04x}" for sign in text).encode()
        found |= {escaped: "json escapes", escaped.replace(b"\\", b"\\\\"): "json escapes, twice"}
        found[b"".join(b"\\u" + f"{ord(sign):04X}".encode() for sign in text)] = "json escapes"
        found |= {quote(text).encode(): "url", quote(text).lower().encode(): "url"}
        found[quote(quote(text)).encode()] = "url, twice"
        found[quote(text).replace("%", "=").encode()] = "quoted-printable"
        found[repr(plain)[2:-1].encode()] = "python bytes"
        found[text.encode("gb18030")] = "gb18030"
        found |= {text.encode("utf-16-le"): "utf-16", text.encode("utf-16-be"): "utf-16"}
        found["".join(f"&#{ord(sign)};" for sign in text).encode()] = "html"
        for place in range(3):
            found.setdefault(_inner_base64(escaped, place), "base64 of json escapes")
    return found


def _inner_base64(content: bytes, place: int) -> bytes:
    """The characters of base64 that hold nothing but bits of the content, which begins ``place`` bytes after a group."""
    text = base64.b64encode(bytes(place) + content).rstrip(b"=")
    first = -(-place * 8 // 6)
    last = (place + len(content)) * 8 // 6
    return text[first:last]
