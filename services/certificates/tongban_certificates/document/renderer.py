"""A certificate's PDF, by Typst, as PDF/A-2u."""

import queue
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import typst

from tongban_certificates.document import qr
from tongban_certificates.document.content import CertificateContent

_PDF_A: Final = "a-2u"
_TEMPLATES = Path(__file__).parent
_UNPRINTABLE = frozenset({"Cc", "Co", "Cs"})


class MissingGlyphError(ValueError):
    """Characters that no installed font can draw. A certificate is never issued with a box in a person's name."""

    def __init__(self, characters: Sequence[str]) -> None:
        self.characters = tuple(characters)
        points = ", ".join(f"U+{ord(character):04X}" for character in self.characters)
        super().__init__(
            f"no installed font has {points}: install one that does (fonts-hanazono covers extension B to F)"
        )


@dataclass(frozen=True, slots=True)
class _Compilers:
    certificate: typst.Compiler
    glyph: typst.Compiler


class CertificateRenderer:
    """Renders certificates on up to ``parallel`` threads at once; Typst lets Python go on meanwhile.

    ``font_directories`` are searched before the system's fonts.
    """

    def __init__(self, font_directories: Sequence[Path] = (), *, parallel: int = 2) -> None:
        fonts = typst.Fonts(font_paths=list(font_directories))
        self._idle: queue.LifoQueue[_Compilers] = queue.LifoQueue()
        for _ in range(parallel):
            certificate = typst.Compiler(_TEMPLATES / "certificate.typ", font_paths=fonts)
            self._idle.put(_Compilers(certificate, typst.Compiler(_TEMPLATES / "glyph.typ", font_paths=fonts)))

    def render(self, content: CertificateContent) -> bytes:
        """The unsigned PDF/A-2u; the same content gives the same bytes.

        Raises `MissingGlyphError` when a character of the content cannot be drawn. Private-use characters count as
        such: their shape depends on the reader's machine.
        """
        characters = sorted(set("".join(content.texts())))
        unprintable = [character for character in characters if unicodedata.category(character) in _UNPRINTABLE]
        if unprintable:
            raise MissingGlyphError(unprintable)
        data = content.to_json(qr.svg(content.verification))
        compilers = self._idle.get()
        try:
            return _compile(compilers.certificate, data, content.issued_on)
        except typst.TypstError:
            missing = [character for character in characters if not _can_draw(compilers.glyph, character)]
            if not missing:
                raise
        finally:
            self._idle.put(compilers)
        raise MissingGlyphError(missing)


def _can_draw(glyph: typst.Compiler, character: str) -> bool:
    try:
        _compile(glyph, character, date(2000, 1, 1))
    except typst.TypstError:
        return False
    return True


def _compile(compiler: typst.Compiler, data: str, issued_on: date) -> bytes:
    stamp = datetime(issued_on.year, issued_on.month, issued_on.day, tzinfo=UTC)
    pdf = compiler.compile(format="pdf", sys_inputs={"data": data}, pdf_standards=_PDF_A, timestamp=stamp)
    assert isinstance(pdf, bytes), "one PDF, not pages"
    return pdf
