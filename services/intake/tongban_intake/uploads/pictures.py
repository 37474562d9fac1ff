"""Pictures, made anew from their pixels: what else was in the file stays behind, place and time of the photograph among it.

Runs in the confined process.
"""

import io
from typing import Any, Final

import pi_heif  # type: ignore[import-untyped]
from PIL import Image, ImageOps, UnidentifiedImageError

from tongban_intake.uploads.rules import MAX_BYTES, MAX_PAGES, MAX_PIXELS, MIN_SIDE, FileRefusedError, Media
from tongban_intake.uploads.sniff import Kind

_LONG_SIDE: Final = 4096
"""Pixels of the longer side that are kept: 350 dots an inch on an A4 sheet."""
_QUALITY: Final = 88
_FORMATS: Final[dict[Kind, tuple[str, ...]]] = {
    "jpeg": ("JPEG", "MPO"),
    "png": ("PNG",),
    "webp": ("WEBP",),
    "tiff": ("TIFF",),
    "bmp": ("BMP", "DIB"),
    "gif": ("GIF",),
    "heic": ("HEIF",),
    "avif": ("AVIF",),
}
_LOSSLESS: Final[frozenset[Kind]] = frozenset(("png", "tiff", "bmp", "gif"))
_ONE_PICTURE: Final[frozenset[Kind]] = frozenset(("png", "webp", "gif"))
"""Kinds whose further pictures are a film. A phone's JPEG, HEIC and AVIF hold previews and a burst beside the picture."""
_BRANDS: Final[dict[Kind, bytes]] = {"heic": b"heic", "avif": b"avif"}
"""The major brand: readers look at it alone, and a maker's own may stand there."""
_PAGES: Final[frozenset[Kind]] = frozenset(("tiff",))
_A4_INCHES: Final = 11.7
_JPEG_END: Final = b"\xff\xd9"
_NO_END: Final = b"\x55" * 65_536
"""Read as pixels by a decoder that still misses some."""


def redraw(content: bytes, kind: Kind) -> tuple[Media, int, bytes]:
    """The picture as PNG, or as JPEG where it was lossy or would be too large; several pages of a fax as PDF. How many there are.

    Raises `FileRefusedError`.
    """
    pi_heif.register_heif_opener(thumbnails=False)
    if (brand := _BRANDS.get(kind)) is not None:
        content = content[:8] + brand + content[12:]
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    try:
        try:
            pictures = _pictures(content, kind)
        except OSError:
            if kind != "jpeg":
                raise
            pictures = [_without_end(content)]
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise FileRefusedError("too-many-pixels") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError) as error:
        if isinstance(error, FileRefusedError):
            raise
        raise FileRefusedError("damaged") from error
    if len(pictures) > 1:
        from tongban_intake.uploads.documents import bound

        return "application/pdf", *bound(map(_page, pictures))
    (picture,) = pictures
    if kind in _LOSSLESS and len(drawn := _written(picture, "PNG")) <= MAX_BYTES // 4:
        return "image/png", 1, drawn
    return "image/jpeg", 1, _written(picture.convert("RGB"), "JPEG")


def _pictures(content: bytes, kind: Kind) -> list[Image.Image]:
    with Image.open(io.BytesIO(content), formats=_FORMATS[kind]) as opened:
        count = getattr(opened, "n_frames", 1) if kind in _PAGES else 1
        if count > MAX_PAGES:
            raise FileRefusedError("too-many-pages")
        found = []
        for page in range(count):
            if count > 1:
                opened.seek(page)
            _measure(opened, kind)
            found.append(_flat(opened))
        return found


def _without_end(content: bytes) -> Image.Image:
    """A photograph that lacks its end mark and nothing else: whatever stands behind it, its pixels are the same."""
    ended, other = (_pictures(content.rstrip(b"\xff") + tail, "jpeg")[0] for tail in (_JPEG_END, _NO_END + _JPEG_END))
    if ended.tobytes() != other.tobytes():
        raise FileRefusedError("damaged")
    return ended


def _page(picture: Image.Image) -> bytes:
    """A picture as a document of one page, its longer side as long as A4's."""
    out = io.BytesIO()
    how = {} if picture.mode == "1" else {"quality": _QUALITY}
    picture.save(out, "PDF", resolution=max(picture.size) / _A4_INCHES, **how)
    return out.getvalue()


def _measure(picture: Image.Image, kind: Kind) -> None:
    if picture.width * picture.height > MAX_PIXELS:
        raise FileRefusedError("too-many-pixels")
    if min(picture.size) < MIN_SIDE:
        raise FileRefusedError("too-small")
    if kind in _ONE_PICTURE and getattr(picture, "n_frames", 1) > 1:
        raise FileRefusedError("several-pictures")


def _flat(opened: Image.Image) -> Image.Image:
    """Upright, on white, at most `_LONG_SIDE` pixels long, without anything but pixels."""
    opened.draft("RGB", (_LONG_SIDE, _LONG_SIDE))
    opened.load()
    picture = ImageOps.exif_transpose(opened)
    if picture.mode.startswith("I;16"):
        picture = picture.convert("I").point(_eight_bits).convert("L")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        alpha = picture.convert("RGBA")
        picture = Image.new("RGB", alpha.size, "white")
        picture.paste(alpha, mask=alpha.getchannel("A"))
    elif picture.mode not in ("1", "L", "RGB"):
        picture = picture.convert("RGB")
    picture.thumbnail((_LONG_SIDE, _LONG_SIDE))
    bare = Image.new(picture.mode, picture.size)
    bare.paste(picture)
    return bare


def _eight_bits(value: Any) -> Any:
    """Sixteen bits of grey as eight; Pillow's own conversion makes nearly all of it white."""
    return value * (1 / 256)


def _written(picture: Image.Image, name: str) -> bytes:
    out = io.BytesIO()
    if name == "PNG":
        picture.save(out, "PNG", optimize=False)
    else:
        picture.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()
