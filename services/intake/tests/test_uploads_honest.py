"""Files that honest people bring, odd as they are: what is whole is taken."""

import io
from collections.abc import Callable
from itertools import product

import pikepdf
import pytest
from PIL import Image
from tongban_intake.uploads import confined
from tongban_intake.uploads.sniff import kind_of

from .bad_uploads import HEIC, document, noisy, picture

PHONE_TRAILER = b"\x00\x00\x01\x0aImage_UTC_Data1792141234567SEFHj\x00\x00\x00SEFT"
MARK = b"\xef\xbb\xbf"


def converted(content: bytes) -> Image.Image:
    head, made = confined.work(content)
    assert head.get("pages") == 1, head
    return Image.open(io.BytesIO(made))


def branded(major: bytes, *compatible: bytes) -> bytes:
    """The good picture under other brands, three of them compatible: what follows keeps its place."""
    brands = major + bytes(4) + b"".join(compatible)
    assert len(brands) == 20
    return HEIC[:8] + brands + HEIC[28:]


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("trailer", [b"", PHONE_TRAILER, b"\xff"], ids=["nothing", "a phone's", "half a mark"])
def test_a_photograph_without_its_end_mark_is_the_same_picture(trailer: bytes, progressive: bool) -> None:
    content = picture("JPEG", progressive=progressive)
    assert content.endswith(b"\xff\xd9")
    found = converted(content[:-2] + trailer)
    assert found.tobytes() == converted(content).tobytes()


@pytest.mark.parametrize("part", [0.3, 0.9, 0.995])
def test_a_photograph_that_lacks_pixels_is_refused(part: float) -> None:
    content = noisy("JPEG")
    assert confined.work(content[: int(len(content) * part)])[0] == {"refused": "damaged"}


def test_a_photograph_with_a_trailer_behind_its_end_is_taken() -> None:
    assert converted(picture("JPEG") + PHONE_TRAILER).size == (320, 200)


@pytest.mark.parametrize(
    "content",
    [
        branded(b"hevc", b"mif1", b"heic", b"hevc"),
        branded(b"msf1", b"hevc", b"mif1", b"heic"),
        branded(b"heis", b"mif1", b"heic", b"heis"),
        branded(b"MiHB", b"mif1", b"heic", b"MiHB"),
    ],
    ids=["hevc", "a burst", "heis", "a brand of one maker"],
)
def test_still_pictures_under_every_brand_are_taken(content: bytes) -> None:
    assert kind_of(content) == "heic"
    assert converted(content).size == (320, 200)


@pytest.mark.parametrize("burst", [False, True])
def test_avif_is_taken_and_of_a_burst_the_first(burst: bool) -> None:
    content = picture("AVIF", save_all=burst, append_images=[Image.new("RGB", (320, 200))])
    assert kind_of(content) == "avif"
    assert converted(content).size == (320, 200)


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_a_fax_of_two_pages_is_a_document_of_two_pages(mode: str) -> None:
    content = picture("TIFF", mode=mode, save_all=True, append_images=[Image.new(mode, (200, 320))])
    head, made = confined.work(content)
    assert head == {"media": "application/pdf", "pages": 2}
    with pikepdf.open(io.BytesIO(made)) as opened:
        shapes = [(float(page.mediabox[2]), float(page.mediabox[3])) for page in opened.pages]
    assert [width > height for width, height in shapes] == [True, False]
    assert all(830 < max(shape) < 850 for shape in shapes)
    assert confined.work(content)[1] == made


def test_a_fax_has_no_more_pages_than_a_document() -> None:
    pages = [Image.new("1", (64, 64))] * 100
    assert confined.work(picture("TIFF", mode="1", save_all=True, append_images=pages))[0] == {
        "refused": "too-many-pages"
    }


def test_a_document_that_opens_without_a_password_is_taken() -> None:
    head, made = confined.work(document(encryption=pikepdf.Encryption(owner="a", user="")))
    assert head == {"media": "application/pdf", "pages": 1}
    with pikepdf.open(io.BytesIO(made)) as opened:
        assert not opened.is_encrypted
        assert opened.pages[0].Contents.read_bytes() == b"0 0 100 100 re f"


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "white space behind": lambda made: made + b" \t\r\n\x0c" * 100,
    "Ctrl-Z behind": lambda made: made + b"\x1a",
    "zeros behind": lambda made: made + bytes(512),
    "a byte order mark before": lambda made: MARK + made,
    "blank lines before": lambda made: b"\r\n\n" + made,
    "no end mark": lambda made: made.rstrip().removesuffix(b"%%EOF"),
    "half an end mark": lambda made: made.rstrip().removesuffix(b"OF"),
    "an update without its end mark": lambda made: (
        made + made[made.rindex(b"startxref") :].rstrip().removesuffix(b"%%EOF")
    ),
    "all of these": lambda made: MARK + made.rstrip().removesuffix(b"%%EOF") + b"\r\n\x1a",
}


@pytest.mark.parametrize(("change", "streams"), [*product(CHANGES, (False, True))])
def test_a_document_that_a_transfer_has_touched_is_taken(change: str, streams: bool) -> None:
    mode = pikepdf.ObjectStreamMode.generate if streams else pikepdf.ObjectStreamMode.disable
    content = CHANGES[change](document(object_stream_mode=mode))
    assert kind_of(content) == "pdf"
    assert confined.work(content)[0] == {"media": "application/pdf", "pages": 1}


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (document() + b"PK more", "after-the-end"),
        (document()[:-200], "damaged"),
        (document(linearize=True)[:-200], "after-the-end"),
    ],
    ids=["more behind", "half", "half of one that begins with its end"],
)
def test_what_is_not_whole_or_more_is_still_refused(content: bytes, rule: str) -> None:
    assert confined.work(content)[0] == {"refused": rule}
