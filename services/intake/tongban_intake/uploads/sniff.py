"""What a file is, told from its content alone: neither its name nor what the browser says about it counts. Pure."""

import re
from typing import Final, Literal

from tongban_intake.uploads.rules import FileRefusedError, Rule

Kind = Literal["jpeg", "png", "webp", "tiff", "bmp", "gif", "heic", "avif", "pdf"]

_TAKEN: Final[tuple[tuple[bytes, Kind], ...]] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
)
_NOT_TAKEN: Final[tuple[tuple[bytes, Rule], ...]] = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "type-office"),
    (b"{\\rtf", "type-office"),
    (b"Rar!\x1a\x07", "type-archive"),
    (b"7z\xbc\xaf\x27\x1c", "type-archive"),
    (b"\x1f\x8b", "type-archive"),
    (b"BZh", "type-archive"),
    (b"\xfd7zXZ\x00", "type-archive"),
    (b"MZ", "type-program"),
    (b"\x7fELF", "type-program"),
    (b"\xca\xfe\xba\xbe", "type-program"),
    (b"\xcf\xfa\xed\xfe", "type-program"),
    (b"#!", "type-program"),
    (b"\x1aE\xdf\xa3", "type-film"),
    (b"OggS", "type-film"),
    (b"ID3", "type-film"),
    (b"fLaC", "type-film"),
)
_AVIF_BRANDS: Final = frozenset((b"avif", b"avis"))
_HEIC_BRANDS: Final = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
)
"""A still picture, and a burst of them, which holds one too (ISO/IEC 23008-12, annex B)."""
_PDF: Final = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*%PDF-").match
"""Editors put a byte order mark before a document, transfers a blank line."""
_BITMAP_HEADERS: Final = frozenset((12, 40, 52, 56, 64, 108, 124))
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_OFFICE_PARTS: Final = (b"[Content_Types].xml", b"OFD.xml", b"mimetypeapplication/vnd.oasis", b"word/", b"xl/", b"ppt/")
_HEAD: Final = 4096
_PDF_HEADER_WITHIN: Final = 1024
"""Bytes at the start in which readers look for the header of a PDF."""

_ZIP_END: Final = b"PK\x05\x06\x00\x00\x00\x00"
"""The end of an archive that is not split; unpackers find it from behind, whatever stands before it."""
_HIDDEN: Final = (
    b"%PDF-",
    b"Rar!\x1a\x07",
    b"7z\xbc\xaf\x27\x1c",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    b"This program cannot be run in DOS mode",
    b"http://www.w3.org/2000/svg",
)
_HIDDEN_MARKUP: Final = re.compile(rb"<(?:script|html|\?php|!doctype)[\s>]").search
_COMMENT_AT: Final = {"gif": 6, "bmp": 2}
"""Where a picture's size would open a comment of JavaScript, so that the file is a script as well."""


def kind_of(content: bytes) -> Kind:
    """The kind of picture or document. Raises `FileRefusedError` for every other file."""
    if not content:
        raise FileRefusedError("empty")
    for magic, kind in _TAKEN:
        if content.startswith(magic):
            return kind
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "webp"
    if _PDF(content):
        return "pdf"
    brands = _brands(content)
    if brands & _AVIF_BRANDS:
        return "avif"
    if brands & _HEIC_BRANDS:
        return "heic"
    if content[:2] == b"BM" and int.from_bytes(content[14:18], "little") in _BITMAP_HEADERS:
        return "bmp"
    raise FileRefusedError(_why_not(content))


def _brands(content: bytes) -> frozenset[bytes]:
    """The major and the compatible brands of a file of boxes (ISO/IEC 14496-12, 4.3)."""
    if content[4:8] != b"ftyp":
        return frozenset()
    end = min(int.from_bytes(content[:4], "big"), _HEAD)
    return frozenset(content[at : at + 4] for at in (8, *range(16, end - 3, 4)))


def refuse_hidden(content: bytes, kind: Kind) -> None:
    """Raises `FileRefusedError` for a file that is something else as well, for another program."""
    if _ZIP_END in content:
        raise FileRefusedError("polyglot")
    if kind == "pdf":
        return
    if (place := _COMMENT_AT.get(kind)) is not None and content[place : place + 2] == b"/*":
        raise FileRefusedError("polyglot")
    if any(mark in content for mark in _HIDDEN) or _HIDDEN_MARKUP(content.lower()):
        raise FileRefusedError("polyglot")


def _why_not(content: bytes) -> Rule:
    head = content[:_HEAD]
    if head.startswith(_ZIP):
        return "type-office" if any(part in content for part in _OFFICE_PARTS) else "type-archive"
    if content[257:262] == b"ustar":
        return "type-archive"
    if head[4:8] == b"ftyp" or (head[:4] == b"RIFF" and head[8:12] in (b"AVI ", b"WAVE")):
        return "type-film"
    for magic, rule in _NOT_TAKEN:
        if head.startswith(magic):
            return rule
    if b"%PDF-" in head[:_PDF_HEADER_WITHIN]:
        return "polyglot"
    return _why_no_text(head)


def _why_no_text(head: bytes) -> Rule:
    text = _text(head)
    if text is None:
        return "type-unknown"
    start = text.lstrip("\ufeff \t\r\n").lower()
    if "<svg" in start and start.startswith("<"):
        return "type-svg"
    if start.startswith(("<!doctype html", "<html", "<head", "<body", "<script", "<iframe", "<meta")):
        return "type-html"
    return "type-text"


def _text(head: bytes) -> str | None:
    """The start of a file as text, None when it is none."""
    encodings = ("utf-16",) if head[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "gb18030")
    for encoding in encodings:
        for cut in range(4):
            try:
                text = head[: len(head) - cut].decode(encoding)
            except UnicodeDecodeError:
                continue
            return text if all(sign.isprintable() or sign in "\t\r\n\f\ufeff" for sign in text) else None
    return None
