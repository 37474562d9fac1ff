"""Text in the columns of a terminal, where East Asian characters are two columns wide (Unicode UAX 11)."""

import shutil
from unicodedata import combining, east_asian_width

_FALLBACK = (132, 40)


def terminal_width() -> int:
    """Columns of the terminal, 80 to 200."""
    return min(max(shutil.get_terminal_size(_FALLBACK).columns, 80), 200)


def width(text: str) -> int:
    """Columns that the text takes."""
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if combining(character):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1


def clipped(text: str, columns: int) -> str:
    """The text, cut with an ellipsis if it takes more columns."""
    if width(text) <= columns:
        return text
    taken, kept = 1, ""
    for character in text:
        taken += _width(character)
        if taken > columns:
            break
        kept += character
    return f"{kept.rstrip()}…"


def fitted(text: str, columns: int) -> str:
    """The text in exactly that many columns: cut or filled with spaces on the right."""
    short = clipped(text, columns)
    return short + " " * (columns - width(short))


def row(*cells: tuple[str, int]) -> str:
    """Cells, each a text and its columns, two spaces between; nothing is left behind the last text."""
    return "  ".join(fitted(text, columns) for text, columns in cells).rstrip()
