"""PDF documents, written anew page by page: what is not on a page stays behind. What acts by itself is refused, not cut out.

Runs in the confined process. Names of the keys: ISO 32000-1, sections 7.11 (files), 12.6 (actions), 12.7.8 (XFA), 13 (media).
"""

import io
import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

import pikepdf

from tongban_intake.uploads.jpeg import bare_jpeg
from tongban_intake.uploads.rules import MAX_PAGES, MAX_PIXELS, FileRefusedError, Rule

_HEADER: Final = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*(?=%PDF-[12]\.[0-9][\r\n \t%])").match
_END: Final = b"%%EOF"
_BLANK: Final = b"\r\n \t\x00\x0b\x0c\x1a"
"""What editors, transfers and CP/M's end of file leave behind a document."""
_END_CUT_OFF: Final = re.compile(rb"startxref\s+[0-9]+\s*(?:%|%%|%%E|%%EO)?\Z").search
"""All of a document but its last mark."""
_UNPACKED_BYTES: Final = 256 * 1024 * 1024
"""What all streams of a document may unpack to."""
_STEP_BYTES: Final = 1024 * 1024
_DEEPEST: Final = 200
_KEYS: Final[dict[str, Rule]] = {
    "/JS": "script",
    "/JavaScript": "script",
    "/AA": "script",
    "/EmbeddedFiles": "embedded-file",
    "/EF": "embedded-file",
    "/RF": "embedded-file",
    "/XFA": "active-form",
    "/RichMediaContent": "multimedia",
    "/RichMediaSettings": "multimedia",
    "/3DD": "multimedia",
}
_ACTIONS: Final[dict[str, Rule]] = {
    "/JavaScript": "script",
    "/Launch": "script",
    "/SubmitForm": "script",
    "/ImportData": "script",
    "/Rendition": "multimedia",
    "/Movie": "multimedia",
    "/Sound": "multimedia",
    "/RichMediaExecute": "multimedia",
    "/GoTo3DView": "multimedia",
    "/GoToE": "embedded-file",
    "/GoToR": "outside-reference",
    "/Thread": "outside-reference",
}
_ANNOTATIONS: Final[dict[str, Rule]] = {
    "/FileAttachment": "embedded-file",
    "/RichMedia": "multimedia",
    "/Screen": "multimedia",
    "/Movie": "multimedia",
    "/Sound": "multimedia",
    "/3D": "multimedia",
}
_TYPES: Final[dict[str, Rule]] = {"/EmbeddedFile": "embedded-file"}
_TELLING: Final = ("/Metadata", "/PieceInfo", "/LastModified")
"""What says by whom, when and with what a page or a picture was made (ISO 32000-1, 14.3 and 14.5)."""
_NOTES: Final = frozenset({"/Text", "/Popup"})
"""Annotations that stand beside the page and not on it: somebody's notes."""
_ON_THE_PAGE: Final = frozenset({"/Widget", "/FreeText"})
_NOTED: Final = ("/Popup", "/Contents", "/RC", "/T", "/M", "/CreationDate")
"""What somebody noted about a link or a mark, with their name and the time (ISO 32000-1, 12.5.6.2)."""


def rewrite(content: bytes) -> tuple[int, bytes]:
    """How many pages there are, and the document with nothing but its pages. Raises `FileRefusedError`."""
    content = _whole(content)
    try:
        with pikepdf.open(io.BytesIO(content), suppress_warnings=True) as document:
            _refuse_active(document)
            pages = len(document.pages)
            if pages == 0:
                raise FileRefusedError("damaged")
            if pages > MAX_PAGES:
                raise FileRefusedError("too-many-pages")
            return pages, _written(document)
    except pikepdf.PasswordError as error:
        raise FileRefusedError("encrypted") from error
    except (pikepdf.PdfError, pikepdf.DataDecodingError, RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise FileRefusedError("damaged") from error


def bound(pages: Iterable[bytes]) -> tuple[int, bytes]:
    """Documents made here as one: how many pages there are, and the document."""
    with pikepdf.Pdf.new() as made:
        for page in pages:
            with pikepdf.open(io.BytesIO(page)) as document:
                made.pages.extend(document.pages)
        return len(made.pages), _written(made)


def _whole(content: bytes) -> bytes:
    """A document from its header to its end mark, which is put back where it alone was lost. Raises `FileRefusedError`."""
    header = _HEADER(content)
    if header is None:
        raise FileRefusedError("damaged")
    body = content[header.end() :].rstrip(_BLANK)
    if body.endswith(_END):
        return body + b"\n"
    if _END_CUT_OFF(body, max(0, len(body) - 64)):
        return body.rstrip(b"%EO") + b"\n" + _END + b"\n"
    raise FileRefusedError("after-the-end" if _END in body else "damaged")


def _written(document: pikepdf.Pdf) -> bytes:
    """The same file gives the same bytes."""
    out = io.BytesIO()
    with pikepdf.Pdf.new() as fresh:
        fresh.pages.extend(document.pages)
        for page in fresh.pages:
            _drop_notes(page)
        for whole in fresh.objects:
            for entry in _dictionaries(whole, 0):
                _strip(entry)
        fresh.remove_unreferenced_resources()
        fresh.save(out, object_stream_mode=pikepdf.ObjectStreamMode.generate, deterministic_id=True)
    return out.getvalue()


def _drop_notes(page: pikepdf.Page) -> None:
    found = page.obj.get("/Annots")
    if not isinstance(found, pikepdf.Array):
        return
    kept = [one for one in found if str(one.get("/Subtype")) not in _NOTES]
    for one in kept:
        for key in () if str(one.get("/Subtype")) in _ON_THE_PAGE else _NOTED:
            if key in one:
                del one[key]
    page.obj["/Annots"] = pikepdf.Array(kept)


def _strip(entry: Any) -> None:
    """Takes out what tells of the making, in the photographs of a page too."""
    for key in _TELLING:
        if key in entry:
            del entry[key]
    if isinstance(entry, pikepdf.Stream) and _filters(entry) == ["/DCTDecode"]:
        raw = entry.read_raw_bytes()
        if (plain := bare_jpeg(raw)) != raw:
            how = entry.get("/DecodeParms")
            one = how[0] if isinstance(how, pikepdf.Array) and len(how) else how
            parms = one if isinstance(one, pikepdf.Dictionary) else None
            entry.write(plain, filter=pikepdf.Name.DCTDecode, decode_parms=parms)


def _refuse_active(document: pikepdf.Pdf) -> None:
    opening = document.Root.get("/OpenAction")
    if isinstance(opening, pikepdf.Dictionary) and opening.get("/S") != "/GoTo":
        raise FileRefusedError("script")
    left = _UNPACKED_BYTES
    for whole in document.objects:
        for entry in _dictionaries(whole, 0):
            _refuse_entry(entry)
        if isinstance(whole, pikepdf.Stream):
            left -= _unpacked(whole, left)


def _dictionaries(value: Any, depth: int) -> Iterator[Any]:
    """Every dictionary that stands directly in an object; those of other objects are theirs."""
    if depth > _DEEPEST:
        raise FileRefusedError("too-complex")
    if isinstance(value, pikepdf.Stream | pikepdf.Dictionary):
        entries = value.stream_dict if isinstance(value, pikepdf.Stream) else value
        yield value
        nested = list(entries.values())
    elif isinstance(value, pikepdf.Array):
        nested = list(value)
    else:
        return
    for one in nested:
        if isinstance(one, pikepdf.Object) and not one.is_indirect:
            yield from _dictionaries(one, depth + 1)


def _refuse_entry(entry: Any) -> None:
    keys = set(entry.keys())
    for key, rule in _KEYS.items():
        if key in keys:
            raise FileRefusedError(rule)
    for key, known in (("/S", _ACTIONS), ("/Subtype", _ANNOTATIONS), ("/Type", _TYPES)):
        named = entry.get(key)
        if isinstance(named, pikepdf.Name) and (found := known.get(str(named))) is not None:
            raise FileRefusedError(found)
    if isinstance(entry, pikepdf.Stream):
        if "/F" in keys:
            raise FileRefusedError("outside-reference")
        if entry.get("/Subtype") == "/Image" and _number(entry, "/Width") * _number(entry, "/Height") > MAX_PIXELS * 4:
            raise FileRefusedError("too-many-pixels")


def _number(entry: Any, key: str) -> int:
    value = entry.get(key)
    return int(value) if isinstance(value, int) else 0


def _filters(stream: Any) -> list[str]:
    named = stream.stream_dict.get("/Filter")
    return [str(one) for one in named] if isinstance(named, pikepdf.Array) else [str(named)]


def _unpacked(stream: Any, limit: int) -> int:
    """Bytes that a stream unpacks to, counted without keeping them. Raises `FileRefusedError` above the limit."""
    filters = _filters(stream)
    packed = [one for one in filters if one in ("/FlateDecode", "/Fl", "/LZWDecode", "/LZW", "/RunLengthDecode", "/RL")]
    if len(packed) > 1:
        raise FileRefusedError("too-complex")
    raw = stream.read_raw_bytes()
    if filters[0] in ("/LZWDecode", "/LZW"):
        return len(stream.read_bytes())
    if filters[0] not in ("/FlateDecode", "/Fl"):
        return len(raw)
    unpacker, total, rest = zlib.decompressobj(), 0, raw
    while rest:
        try:
            total += len(unpacker.decompress(rest, _STEP_BYTES))
        except zlib.error:
            break
        if total > limit:
            raise FileRefusedError("too-complex")
        rest = unpacker.unconsumed_tail
    return total
