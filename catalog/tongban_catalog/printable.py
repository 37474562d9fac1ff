"""Which characters a certificate can print: known before anybody applies, on machines that have none of the fonts.

`unprintable` is the one question that forms, interfaces and registers ask. The table beside this module is made from the fonts
that ``deploy/local/system-packages.sh`` installs, by ``python -m tongban_certificates.document.fonts``; a test of the renderer
holds the two together.
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

TABLE: Final = Path(__file__).with_name("printable.txt")
_SHAPELESS: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""General categories (Unicode Standard, 4.5) that are never printed: without a shape, or with another one on each machine.

Characters that Python's table calls unassigned are not among them: it is older than GB 18030-2022, and a font tells."""


def unprintable(text: str) -> list[str]:
    """The characters of a text that no certificate can print: each once, in the order in which they come."""
    starts, ends = _ranges()

    def printable(character: str) -> bool:
        index = bisect_right(starts, ord(character)) - 1
        return index >= 0 and ord(character) <= ends[index] and not shapeless(character)

    return [character for character in dict.fromkeys(text) if not printable(character)]


def shapeless(character: str) -> bool:
    """Whether a character is never printed, whatever the fonts: it is for control, invisible, or private."""
    return unicodedata.category(character) in _SHAPELESS


def named(characters: Iterable[str]) -> str:
    """Characters as a person can be told of them: ``“𠮷”（U+20BB7）``, with the code alone for those without a shape."""
    return "、".join(
        f"U+{ord(one):04X}" if shapeless(one) or one.isspace() else f"“{one}”（U+{ord(one):04X}）" for one in characters
    )


def lines(code_points: Iterable[int]) -> Iterator[str]:
    """The lines of the table for code points: hexadecimal ranges, in order, their last included."""
    first = last = -1
    for point in (*sorted(set(code_points)), -1):
        if point == last + 1 and last >= 0:
            last = point
            continue
        if last >= 0:
            yield f"{first:X}-{last:X}"
        first = last = point


@cache
def _ranges() -> tuple[list[int], list[int]]:
    pairs = [line.split("-") for line in TABLE.read_text("ascii").split()]
    return [int(first, 16) for first, _ in pairs], [int(last, 16) for _, last in pairs]
