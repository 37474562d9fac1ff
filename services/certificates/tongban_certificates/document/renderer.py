"""A certificate's PDF, by Typst, as PDF/A-2u and PDF/UA-1."""

import json
import queue
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

import typst
from tongban_catalog import printable
from tongban_schemas.types import CHINA

from tongban_certificates.document import fonts, qr
from tongban_certificates.document.content import CertificateContent

_NAMED_AT_MOST: Final = 6
_TEMPLATES = Path(__file__).parent


class MissingGlyphError(ValueError):
    """Characters that no installed font can draw. A certificate is never issued with a box in a person's name."""

    def __init__(self, characters: Sequence[str]) -> None:
        self.characters = tuple(characters)
        self.code_points = tuple(f"U+{ord(character):04X}" for character in self.characters)
        asked = ", ".join(fonts.FAMILIES)
        super().__init__(f"no font of the certificates has {', '.join(self.code_points)}: {asked} are asked")


@dataclass(frozen=True, slots=True)
class _Compilers:
    certificate: typst.Compiler
    glyph: typst.Compiler


class CertificateRenderer:
    """Renders certificates on up to ``parallel`` threads at once; Typst lets Python go on meanwhile.

    ``font_directories`` are searched before the system's fonts. Raises `FontsMissingError`.
    """

    def __init__(self, font_directories: Sequence[Path] = (), *, parallel: int = 2) -> None:
        installed = typst.Fonts(font_paths=list(font_directories))
        fonts.check(installed)
        self._idle: queue.LifoQueue[_Compilers] = queue.LifoQueue()
        for _ in range(parallel):
            certificate = typst.Compiler(_TEMPLATES / "certificate.typ", font_paths=installed)
            self._idle.put(_Compilers(certificate, typst.Compiler(_TEMPLATES / "glyph.typ", font_paths=installed)))

    def render(self, content: CertificateContent) -> bytes:
        """The unsigned PDF/A-2u; the same content gives the same bytes.

        Raises `MissingGlyphError` when a character of the content cannot be drawn. Characters without a shape of their own count
        as such: what they do depends on the reader's machine.
        """
        characters = sorted(set("".join(content.texts())))
        if shapeless := [character for character in characters if printable.shapeless(character)]:
            raise MissingGlyphError(shapeless)
        compilers = self._idle.get()
        try:
            by_family = self._families_of(compilers.glyph, characters)
            stated = [_stated(family, drawn) for family, drawn in by_family.items() if family != fonts.FAMILIES[0]]
            data = content.to_json(qr.svg(content.verification), fonts.FAMILIES, stated)
            return _compile(compilers.certificate, data, content.issued_on)
        finally:
            self._idle.put(compilers)

    def _families_of(self, glyph: typst.Compiler, characters: Sequence[str]) -> dict[str, list[str]]:
        """Characters by the family that draws them. Raises `MissingGlyphError`."""
        if _can_draw(glyph, fonts.FAMILIES[:1], "".join(characters)):
            return {fonts.FAMILIES[0]: list(characters)}
        found: dict[str, list[str]] = {}
        missing = []
        for character in characters:
            family = next((one for one in fonts.FAMILIES if _can_draw(glyph, [one], character)), None)
            if family is None:
                missing.append(character)
            else:
                found.setdefault(family, []).append(character)
        if missing:
            raise MissingGlyphError(missing)
        return found


def _stated(family: str, characters: Sequence[str]) -> str:
    """What the certificate says of a font beside its own: which characters it drew, with their codes while they are few."""
    if len(characters) > _NAMED_AT_MOST:
        return family
    return ", ".join(f"{one} U+{ord(one):04X}" for one in characters) + f": {family}"


def _can_draw(glyph: typst.Compiler, families: Sequence[str], text: str) -> bool:
    try:
        _compile(glyph, json.dumps({"fonts": list(families), "text": text}), date(2000, 1, 1))
    except typst.TypstError:
        return False
    return True


def _compile(compiler: typst.Compiler, data: str, issued_on: date) -> bytes:
    """The PDF, ended by a line feed: an update that a signer appends begins on a line of its own (ISO 19005-2, 6.1.9)."""
    stamp = datetime(issued_on.year, issued_on.month, issued_on.day, tzinfo=CHINA)
    pdf = compiler.compile(format="pdf", sys_inputs={"data": data}, pdf_standards=["a-2u", "ua-1"], timestamp=stamp)
    assert isinstance(pdf, bytes), "one PDF, not pages"
    return pdf.removesuffix(b"\n") + b"\n"
