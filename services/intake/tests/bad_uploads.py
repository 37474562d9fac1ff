"""Files that nobody may bring, made from nothing, each with the rule by which it is refused."""

import base64
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import pikepdf
from PIL import Image, PngImagePlugin
from tongban_intake.uploads.rules import MAX_BYTES, Rule

Build = Callable[[], bytes]

HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAVZtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9jAA"
    "AAAERAAAEAAQAAAAABegABAAAAAAAAAGAAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA1mlwcnAA"
    "AAC3aXBjbwAAAHhodmNDAQNwAAAAkAAAAAAAPPAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAPLoCQGEAAQArQgEBA3AAAAMAkA"
    "AAAwAAAwA8oAoIDJZbqSSmubgIaDAgAAADAyAAAAMAIWIAAQAHRAHBcrBiQAAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAAFAAAAA"
    "yAAAABBwaXhpAAAAAAMICAgAAAAXaXBtYQAAAAAAAAABAAEEgQIDBAAAAGhtZGF0AAAAXCgBrxkhcUlA9xi1y+W25RPEU3dKkdf4zjAKIS+oYC"
    "kCjqN/0qZCgyA2OG+PYBXd89AUQS5wQJ3+ZIPClxcRYBDnvYIO4AAAmoCVHnwmsAAA7sAAEUQAA+tgBKka"
)
"""A good picture as telephones make them, 320 to 200: the reader that intake uses writes none."""


@dataclass(frozen=True, slots=True)
class Bad:
    """``name``: the file name that the client sends along."""

    title: str
    rule: Rule
    build: Build
    name: str | None = None


def picture(kind: str = "PNG", size: tuple[int, int] = (320, 200), mode: str = "RGB", **options: object) -> bytes:
    """A good picture: a slope of grey."""
    out = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert(mode).save(out, kind, **options)
    return out.getvalue()


def document(change: Callable[[pikepdf.Pdf], None] | None = None, **options: object) -> bytes:
    """A good PDF of one page, changed."""
    out = io.BytesIO()
    with pikepdf.Pdf.new() as made:
        page = made.add_blank_page(page_size=(595, 842))
        page.Contents = made.make_stream(b"0 0 100 100 re f")
        if change is not None:
            change(made)
        made.save(out, **options)  # type: ignore[arg-type]
    return out.getvalue()


def png_of(width: int, height: int, rows: bytes, extra: bytes = b"") -> bytes:
    """A PNG whose head may lie. ``rows``: the packed pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def archive(**entries: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, body in entries.items():
            made.writestr(name, body)
    return out.getvalue()


def film(kind: str) -> bytes:
    out = io.BytesIO()
    frames = [Image.new("L", (100, 100), shade) for shade in (0, 90, 200)]
    frames[0].save(out, kind, save_all=True, append_images=frames[1:])
    return out.getvalue()


def action(**entries: object) -> Callable[[pikepdf.Pdf], None]:
    def change(made: pikepdf.Pdf) -> None:
        made.Root.OpenAction = pikepdf.Dictionary(entries)

    return change


def annotation(**entries: object) -> Callable[[pikepdf.Pdf], None]:
    def change(made: pikepdf.Pdf) -> None:
        entry = pikepdf.Dictionary({"/Type": pikepdf.Name.Annot, "/Rect": [0, 0, 9, 9], **entries})
        made.pages[0].Annots = pikepdf.Array([made.make_indirect(entry)])

    return change


def attached(made: pikepdf.Pdf) -> None:
    made.attachments["note.txt"] = b"hidden"


def dynamic(made: pikepdf.Pdf) -> None:
    made.Root.AcroForm = pikepdf.Dictionary({"/Fields": [], "/XFA": made.make_stream(b"<xdp/>")})


def many_pages(made: pikepdf.Pdf) -> None:
    for _ in range(100):
        made.add_blank_page()


def zeros(megabytes: int) -> bytes:
    """Packed zeros, a thousand times smaller; every block is packed alike, so one is packed and repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x78\xda" + block * megabytes + b"\x03\x00" + b"\x00" * 4


def swelling(made: pikepdf.Pdf) -> None:
    made.pages[0].Contents = pikepdf.Stream(made, zeros(260), {"/Filter": pikepdf.Name.FlateDecode})


def elsewhere(made: pikepdf.Pdf) -> None:
    made.pages[0].Contents = pikepdf.Stream(made, b"", {"/F": pikepdf.String("/etc/passwd")})


def locked() -> bytes:
    return document(encryption=pikepdf.Encryption(owner="a", user="b"))


def restricted() -> bytes:
    return document(encryption=pikepdf.Encryption(owner="a", user=""))


def hidden_name() -> bytes:
    """A script whose key is spelt with an escape."""
    made = document(action(**{"/S": pikepdf.Name("/JavaScript"), "/JS": pikepdf.String("app.alert(1)")}))
    return made.replace(b"/JavaScript", b"/J#61vaScript").replace(b"/JS", b"/J#53")


def noisy(kind: str) -> bytes:
    noise = Image.effect_noise((1200, 800), 60)
    out = io.BytesIO()
    noise.save(out, kind)
    return out.getvalue()


def swelling_text() -> bytes:
    """A small picture whose comment unpacks to 300 MB."""
    info = PngImagePlugin.PngInfo()
    info.add(b"zTXt", b"a\x00\x00" + zeros(300))
    out = io.BytesIO()
    Image.new("L", (100, 100)).save(out, "PNG", pnginfo=info)
    return out.getvalue()


SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
SCRIPT = pikepdf.String("app.alert(1)")
NAME = pikepdf.Name

BAD: tuple[Bad, ...] = (
    Bad("nothing", "empty", lambda: b""),
    Bad("more than may be", "too-large", lambda: picture() + bytes(MAX_BYTES)),
    Bad("plain text under the name of a picture", "type-text", lambda: "这是我的居住证".encode(), "permit.jpg"),
    Bad("SVG with a script", "type-svg", lambda: SVG, "permit.svg"),
    Bad("SVG in UTF-16", "type-svg", lambda: SVG.decode().encode("utf-16")),
    Bad("a web page", "type-html", lambda: b"\xef\xbb\xbf\n<!DOCTYPE html><html><script>1</script></html>"),
    Bad("Word, new", "type-office", lambda: archive(**{"[Content_Types].xml": b"<a/>", "word/document.xml": b"<a/>"})),
    Bad("Word, old", "type-office", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512)),
    Bad("an archive", "type-archive", lambda: archive(permit=picture())),
    Bad("a packed picture", "type-archive", lambda: b"\x1f\x8b\x08" + bytes(40)),
    Bad("a program for Windows", "type-program", lambda: b"MZ" + bytes(126), "permit.pdf"),
    Bad("a program for Linux", "type-program", lambda: b"\x7fELF" + bytes(60)),
    Bad("a film", "type-film", lambda: b"\x00\x00\x00\x18ftypisom" + bytes(40)),
    Bad("noise", "type-unknown", lambda: bytes(range(128, 256)) * 4),
    Bad("a picture with an archive behind it", "polyglot", lambda: picture("JPEG") + archive(a=b"1")),
    Bad("a picture with a page behind it", "polyglot", lambda: picture("GIF", mode="L") + b"<script >x()</script>"),
    Bad("a picture that is a script", "polyglot", lambda: b"GIF89a/*" + picture("GIF", mode="L")[8:] + b"*/=1;x()"),
    Bad("a document behind other bytes", "polyglot", lambda: b"<!-- x -->" + document()),
    Bad("half a picture", "damaged", lambda: noisy("JPEG")[:40_000]),
    Bad("a picture that says it is huge", "too-many-pixels", lambda: png_of(60_000, 60_000, zlib.compress(bytes(10)))),
    Bad("a picture with a comment that swells", "damaged", swelling_text),
    Bad("a picture of one dot", "too-small", lambda: picture(size=(1, 1))),
    Bad("a moving picture", "several-pictures", lambda: film("GIF")),
    Bad("a document with a script", "script", lambda: document(action(**{"/S": NAME("/JavaScript"), "/JS": SCRIPT}))),
    Bad("a script under an escaped name", "script", hidden_name),
    Bad("a document that starts a program", "script", lambda: document(action(**{"/S": NAME("/Launch")}))),
    Bad("a document with a file inside", "embedded-file", lambda: document(attached)),
    Bad("a dynamic form", "active-form", lambda: document(dynamic)),
    Bad("a document with a film", "multimedia", lambda: document(annotation(**{"/Subtype": NAME("/RichMedia")}))),
    Bad("a document that reads another file", "outside-reference", lambda: document(elsewhere)),
    Bad("a document with a password", "encrypted", locked),
    Bad("a document with an end and more", "after-the-end", lambda: document() + b"PK more"),
    Bad("a document of 101 pages", "too-many-pages", lambda: document(many_pages)),
    Bad("a document that swells", "too-complex", lambda: document(swelling)),
)
