"""The fonts of certificates, and what they cover.

``python -m tongban_certificates.document.fonts`` writes the table of `tongban_catalog.printable` from the installed fonts; run it
after a font was added to `FAMILIES`. There is no setting: what a certificate can print is what was promised before submission.
"""

import subprocess
import sys
from collections.abc import Sequence
from typing import Final

import typst
from tongban_catalog import printable

FAMILIES: Final[tuple[str, ...]] = ("Noto Serif CJK SC", "HanaMinA", "HanaMinB", "BabelStone Han", "DDC Uchen")
"""In the order in which they are asked for a character.

Debian: fonts-noto-cjk; fonts-hanazono and fonts-babelstone-han, which complete the extensions B to F only together;
fonts-ddc-uchen for Tibetan. Nothing in Debian 12 has extension I."""


class FontsMissingError(RuntimeError):
    """A font of the certificates is not installed."""

    def __init__(self, families: list[str]) -> None:
        super().__init__(
            f"证照缺少字体 fonts are missing: {', '.join(families)}. "
            "请运行 Run: deploy/local/system-packages.sh run (fonts-noto-cjk fonts-hanazono fonts-babelstone-han fonts-ddc-uchen)"
        )


def check(fonts: typst.Fonts, families: Sequence[str] = FAMILIES) -> None:
    """Raises `FontsMissingError`: what the table promises would not be printed."""
    installed = set(fonts.families())
    if missing := [family for family in families if family not in installed]:
        raise FontsMissingError(missing)


def covered() -> set[int]:
    """Code points that the installed fonts of `FAMILIES` have, by fontconfig, without those that are never printed."""
    found: set[int] = set()
    for font in typst.Fonts().fonts():
        if font.family in FAMILIES and font.style == "normal" and font.weight <= 500:
            found |= _charset(font.path, font.index)
    return {point for point in found if not printable.shapeless(chr(point))}


def _charset(path: str | None, index: int) -> set[int]:
    command = ["fc-query", "--format=%{charset}", f"--index={index}", str(path)]
    said = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    found: set[int] = set()
    for part in said.split():
        first, _, last = part.partition("-")
        found.update(range(int(first, 16), int(last or first, 16) + 1))
    return found


def main() -> int:
    check(typst.Fonts())
    printable.TABLE.write_text("\n".join(printable.lines(covered())) + "\n", "ascii")
    sys.stdout.write(f"{printable.TABLE}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
