"""What reading a typed field gives: the value as it is kept, or what is wrong with it."""

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final

from tongban_catalog.words import Text

_MARKS: Final = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]")
"""Marks that nobody sees, as they come along when a number is copied from a page or a chat."""


@dataclass(frozen=True, slots=True)
class FieldValue:
    """``value`` is what is kept. ``changed``: whether it was typed in another way, so that the person is shown it.

    ``doubt`` is what the person is asked to look at again; it does not keep the value from being taken.
    """

    value: str = field(repr=False)
    changed: bool
    doubt: Text | None = None


class FieldError(ValueError):
    """A typed value that is none of its kind. ``code`` is stable, ``zh`` and ``en`` are sentences that say what to do.

    They never hold what was typed, but for a single character that does not belong there.
    """

    def __init__(self, code: str, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")
        self.code = code
        self.zh = zh
        self.en = en


def narrow(typed: str) -> str:
    """A number as it was meant: narrow signs, no marks that nobody sees, nothing around it."""
    return unicodedata.normalize("NFKC", _MARKS.sub("", typed)).strip()


def unseparated(typed: str) -> str:
    """A number without the spaces and hyphens that group it, letters as capitals."""
    return re.sub(r"[\s\-‐‑‒–—−]", "", narrow(typed)).upper()


def only_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
