"""Free text that people give: names, reasons, file names, cells of registers. One rule for which characters it may hold. Pure.

Everything that a person can see and mean is taken, GB 18030-2022 being the measure: a character that Python's own, older table
does not know is no fault. Refused is what nobody sees, or what shows something else than is stored: control characters, marks
of direction, tags, half characters, private characters. A joiner is taken where its script needs it.

Doors use it: bodies, forms, registers. Readers of events do not, so that what was published before stays readable; the contract
marks such fields with `FreeText`.
"""

import re
import unicodedata
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

TextFault = Literal["empty", "character", "too-long"]

TEXT_FAULT: Final = "text"
"""The type of pydantic's error for a text that is not taken."""
FREE_TEXT: Final = "free text"
FreeText = Annotated[str, FREE_TEXT]
"""Text of a person inside an event. The door that let it in has read it with `read_text`; readers take it as it is."""

_PREPENDED: Final = frozenset(map(chr, (*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD)))
"""Of category Cf and yet visible (Prepended_Concatenation_Mark of the Unicode Standard)."""
_BLANK: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters, marks and signs without a shape."""
_JOINERS: Final = frozenset("\u200c\u200d")
_VIRAMA: Final = 9
"""Combining class of the sign after which scripts of India need a joiner (RFC 5892, appendix A)."""
_MONGOLIAN: Final = re.compile(r"[\u1800-\u18aa]")
_MONGOLIAN_SEPARATOR: Final = "\u180e"
_LINE_END: Final = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_NAMES: Final = {
    "\t": ("制表符", "TAB"),
    "\n": ("换行", "LINE FEED"),
    "\r": ("回车", "CARRIAGE RETURN"),
    "\x00": ("空字符", "NULL"),
    "\x07": ("响铃", "BELL"),
    "\x1b": ("ESC", "ESCAPE"),
    "\u200b": ("零宽空格", "ZERO WIDTH SPACE"),
    "\u2028": ("行分隔符", "LINE SEPARATOR"),
    "\u202e": ("从右向左强制符", "RIGHT-TO-LEFT OVERRIDE"),
}


class TextError(ValueError):
    """A text that is not taken. ``zh`` and ``en`` say what is there, where, and what to do; they never hold the text.

    ``character`` is what is refused, ``position`` its place from 1; None where it is the text as a whole.
    """

    def __init__(
        self, code: TextFault, zh: str, en: str, character: str | None = None, position: int | None = None
    ) -> None:
        super().__init__(f"{zh} / {en}")
        self.code: TextFault = code
        self.zh = zh
        self.en = en
        self.character = character
        self.position = position


def read_text(typed: str, *, lines: bool = False, most: int | None = None) -> str:
    """The text as it is kept: composed (NFC), without white space around it; its line ends are LF.

    ``lines``: whether it may have several; ``most``: how many characters it may have. Raises `TextError`.
    """
    text = typed.strip()
    if lines:
        text = _LINE_END.sub("\n", text).replace("\t", " ")
    if not text.isascii() or not text.isprintable():
        refuse_unseen(text, lines=lines)
        text = unicodedata.normalize("NFC", text).strip()
    if not text:
        raise TextError("empty", "请填写文字，不能只有空格。", "Write something: it cannot be left blank.")
    if most is not None and len(text) > most:
        raise TextError(
            "too-long",
            f"最多 {most} 个字，现有 {len(text)} 个，请缩短。",
            f"It may have {most} characters and has {len(text)}: shorten it.",
        )
    return text


def refuse_unseen(text: str, *, lines: bool = False) -> None:
    """Raises `TextError` for the first character that nobody sees, or that is none."""
    for index, character in enumerate(text):
        if not (lines and character == "\n") and not _is_seen(text, index):
            name = named(character)
            raise TextError(
                "character",
                f"第 {index + 1} 个字符是看不见或无法使用的 {name[0]}，请删除，或重新输入这个字。",
                f"Character {index + 1} is {name[1]}, which cannot be seen or used: delete it, or type it again.",
                character,
                index + 1,
            )


def named(character: str) -> tuple[str, str]:
    """A character in Chinese and in English, by its code and its name where it has one: ``U+200B（零宽空格）``."""
    code = f"U+{ord(character):04X}"
    zh, en = _NAMES.get(character, ("", ""))
    en = en or unicodedata.name(character, "")
    zh = zh or en
    return f"{code}（{zh}）" if zh else code, f"{code} ({en})" if en else code


def is_joined(text: str, index: int) -> bool:
    """Whether the script around a joiner at ``index`` needs it there."""
    character, before, after = text[index], text[index - 1 : index], text[index + 1 : index + 2]
    if character == _MONGOLIAN_SEPARATOR:
        return bool(_MONGOLIAN.fullmatch(before) and _MONGOLIAN.fullmatch(after))
    if not before:
        return False
    if unicodedata.combining(before) == _VIRAMA:
        return True
    if all(unicodedata.bidirectional(one) in ("AL", "NSM") for one in before + after):
        return any(unicodedata.bidirectional(one) == "AL" for one in text[:index])
    return character == "\u200d" and bool(after) and _is_picture(before) and _is_picture(after)


def _is_seen(text: str, index: int) -> bool:
    character = text[index]
    point = ord(character)
    if character in _BLANK or point & 0xFFFE == 0xFFFE or 0xFDD0 <= point <= 0xFDEF:
        return False
    if character in _JOINERS or character == _MONGOLIAN_SEPARATOR:
        return is_joined(text, index)
    if 0xFE00 <= point <= 0xFE0F or 0xE0100 <= point <= 0xE01EF:
        return index > 0 and not text[index - 1].isspace() and not unicodedata.category(text[index - 1]).startswith("M")
    if 0xE0000 <= point <= 0xE0FFF or 0xFFF0 <= point <= 0xFFF8 or point == 0x2065:
        return False
    category = unicodedata.category(character)
    return character in _PREPENDED if category == "Cf" else category not in ("Cc", "Cs", "Co", "Zl", "Zp")


def _is_picture(character: str) -> bool:
    return unicodedata.category(character) in ("So", "Sk", "Cn") or character == "\ufe0f"


def text_type(most: int, *, lines: bool = False) -> object:
    """A type of pydantic for a text of 1 to ``most`` characters. Its error, of type ``text``, holds ``zh`` and ``en``."""

    def read(typed: str) -> str:
        try:
            return read_text(typed, lines=lines, most=most)
        except TextError as error:
            raise PydanticCustomError(TEXT_FAULT, "{en}", {"zh": error.zh, "en": error.en}) from None

    return AfterValidator(read)


NAME_LENGTH: Final = 200
SAID_LENGTH: Final = 2000

_SHAPE: Final = {"type": "string", "minLength": 1}
Line = Annotated[str, FREE_TEXT, text_type(NAME_LENGTH), WithJsonSchema({**_SHAPE, "maxLength": NAME_LENGTH})]
"""A name, an address, a title: one line of up to 200 characters."""
Said = Annotated[
    str, FREE_TEXT, text_type(SAID_LENGTH, lines=True), WithJsonSchema({**_SHAPE, "maxLength": SAID_LENGTH})
]
"""A reason, a doubt, a message: up to 2,000 characters in lines."""
