"""A photograph inside a document without what tells of place, time and camera. Pure; its pixels are not touched.

Markers: ITU-T T.81, annex B. Kept of the application's own segments are those that the colours need: JFIF, ICC, Adobe.
"""

import re
from typing import Final

_START: Final = b"\xff\xd8"
_MARKER: Final = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])").search
"""The next marker that is neither a stuffed byte nor a restart among the pixels."""
_END, _SCAN, _COMMENT = 0xD9, 0xDA, 0xFE
_JFIF, _ICC, _ADOBE, _LAST = 0xE0, 0xE2, 0xEE, 0xEF


def bare_jpeg(content: bytes) -> bytes:
    """The picture up to its end, without Exif, XMP, IPTC, comments and further pictures; what is no JPEG stays as it is."""
    if not content.startswith(_START):
        return content
    kept, at = bytearray(_START), len(_START)
    while found := _MARKER(content, at):
        kept += content[at : found.start()]
        marker = found[1][0]
        if marker == _END:
            return bytes(kept + found[0])
        end = found.end() + int.from_bytes(content[found.end() : found.end() + 2], "big")
        if not _tells(marker, content[found.end() + 2 : end]):
            kept += content[found.start() : end]
        at = end
    return bytes(kept + content[at:])


def _tells(marker: int, body: bytes) -> bool:
    if marker == _ICC:
        return not body.startswith(b"ICC_PROFILE\x00")
    return marker == _COMMENT or (_JFIF < marker <= _LAST and marker != _ADOBE)
