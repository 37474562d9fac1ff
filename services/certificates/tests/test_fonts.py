"""What is told before submission is what can be printed: the table of printable characters and the installed fonts agree."""

import json

import pytest
import typst
from tongban_catalog import printable
from tongban_certificates.document import fonts
from tongban_certificates.document.fonts import FontsMissingError

EXTENSIONS = {
    "A": (0x3400, 0x4DBF),
    "B": (0x20000, 0x2A6DF),
    "C": (0x2A700, 0x2B738),
    "D": (0x2B740, 0x2B81D),
    "E": (0x2B820, 0x2CEA1),
    "F": (0x2CEB0, 0x2EBE0),
    "basic": (0x4E00, 0x9FFF),
    "Tibetan": (0x0F40, 0x0F47),
}


def test_the_table_is_what_the_installed_fonts_cover() -> None:
    assert printable.TABLE.read_text("ascii").split() == list(printable.lines(fonts.covered()))


@pytest.mark.parametrize("name", EXTENSIONS)
def test_every_character_of_these_can_be_printed(name: str) -> None:
    first, last = EXTENSIONS[name]
    assert not printable.unprintable("".join(map(chr, range(first, last + 1))))


def test_a_sample_of_the_table_is_drawn() -> None:
    points = [point for point in range(0x20, 0x40000) if not 0xD800 <= point < 0xE000]
    can = [chr(point) for point in points if not printable.unprintable(chr(point))]
    assert len(can) > 90_000
    content = json.dumps({"fonts": fonts.FAMILIES, "text": " ".join(can[::149])})
    template = fonts.__file__.replace("fonts.py", "glyph.typ")
    typst.compile(template, format="pdf", sys_inputs={"data": content}, pdf_standards="a-2u")


def test_a_font_that_is_not_installed_is_said_at_the_start() -> None:
    with pytest.raises(FontsMissingError, match="No Such Font"):
        fonts.check(typst.Fonts(), ["No Such Font"])
