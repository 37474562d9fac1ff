"""Pictures, made anew from their pixels: what else was in the file stays behind, place and time of the photograph among it.

Runs in the confined process.
"""

import io
from typing import Any, Final

import pi_heif  # type: ignore[import-untyped]
from PIL import Image, ImageOps, UnidentifiedImageError

from tongban_intake.uploads.rules import MAX_BYTES, MAX_PIXELS, MIN_SIDE, FileRefusedError, Media
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
}
_LOSSLESS: Final[frozenset[Kind]] = frozenset(("png", "tiff", "bmp", "gif"))
_ONE_PICTURE: Final[frozenset[Kind]] = frozenset(("png", "webp", "tiff", "gif"))
"""Kinds whose further pictures are pages or a film. A phone's JPEG and HEIC hold previews beside the picture."""


def redraw(content: bytes, kind: Kind) -> tuple[Media, bytes]:
    """The picture as PNG, or as JPEG where it was lossy or would be too large. Raises `FileRefusedError`."""
    pi_heif.register_heif_opener(thumbnails=False)
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS[kind]) as opened:
            _measure(opened, kind)
            picture = _flat(opened)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise FileRefusedError("too-many-pixels") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError) as error:
        if isinstance(error, FileRefusedError):
            raise
        raise FileRefusedError("damaged") from error
    if kind in _LOSSLESS and len(drawn := _written(picture, "PNG")) <= MAX_BYTES // 4:
        return "image/png", drawn
    return "image/jpeg", _written(picture.convert("RGB"), "JPEG")


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
