"""Names of people and bodies."""

import re
import unicodedata
from typing import Final

from tongban_schemas.text import TextError, read_text

from tongban_catalog.fields.value import FieldError

MIDDLE_DOT: Final = "\u00b7"
_DOTS: Final = re.compile(r"\s*[•・･‧∙⋅·]\s*|(?<=[㐀-鿿𠀀-𳑿])\s*[.．]\s*(?=[㐀-鿿𠀀-𳑿])")
"""What is typed for the middle dot; a full stop means it only between Chinese characters."""
_SPACES: Final = re.compile(r"[^\S\n]+")


def name(typed: str) -> str:
    """A name with U+00B7 between the parts of a name of several (民委发〔2016〕33号). Raises `FieldError`."""
    given = line(typed)
    given = _SPACES.sub(" ", _DOTS.sub(MIDDLE_DOT, given)).strip()
    if not any(unicodedata.category(one)[0] in "LNS" or unicodedata.category(one) == "Cn" for one in given):
        raise FieldError("name", "请填写姓名或名称。", "Write a name.")
    return given


def line(typed: str) -> str:
    """Plain text of one line. Raises `FieldError`."""
    return _text(typed, lines=False)


def lines(typed: str) -> str:
    """Plain text of any number of lines. Raises `FieldError`."""
    return _text(typed, lines=True)


def _text(typed: str, *, lines: bool) -> str:
    try:
        return read_text(typed, lines=lines)
    except TextError as error:
        raise FieldError(error.code, error.zh, error.en) from None
