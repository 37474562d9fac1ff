"""Files are told by their content and made anew; what is more than a picture or a page does not come through."""

import io
import time
from collections.abc import AsyncIterator
from typing import Literal

import pikepdf
import pytest
from PIL import Image
from tongban_intake.uploads import confined, rules
from tongban_intake.uploads.check import Converter, receive, refused
from tongban_intake.uploads.sniff import Kind, kind_of
from tongban_runtime.problems import Problem

from .bad_uploads import BAD, HEIC, Bad, action, document, noisy, picture

SECRET = b"GPS-CANARY"


def converted(content: bytes) -> Image.Image:
    head, made = confined.work(content)
    assert head["pages"] == 1
    opened = Image.open(io.BytesIO(made))
    assert head["media"] == f"image/{str(opened.format).lower()}"
    return opened


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        ("jpeg", "JPEG"),
        ("png", "PNG"),
        ("webp", "JPEG"),
        ("tiff", "PNG"),
        ("bmp", "PNG"),
        ("gif", "PNG"),
        ("heic", "JPEG"),
    ],
)
def test_every_common_picture_comes_out_as_one_of_two(kind: Kind, made: str) -> None:
    content = HEIC if kind == "heic" else picture(kind)
    assert kind_of(content) == kind
    found = converted(content)
    assert (found.format, found.size) == (made, (320, 200))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_pictures_of_every_depth_are_taken(mode: str) -> None:
    assert converted(picture("PNG", mode=mode)).size == (320, 200)


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "I;16"), ("TIFF", "I;16"), ("TIFF", "I;16B")])
def test_a_scan_of_sixteen_bits_keeps_its_greys(kind: str, mode: str) -> None:
    out = io.BytesIO()
    order: Literal["big", "little"] = "big" if mode.endswith("B") else "little"
    Image.frombytes(mode, (100, 100), 0x4000.to_bytes(2, order) * 10_000).save(out, kind)
    assert converted(out.getvalue()).convert("L").getpixel((50, 50)) == 0x40


def test_what_is_transparent_becomes_paper() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (100, 100), (0, 0, 0, 0)).save(out, "PNG")
    assert converted(out.getvalue()).convert("RGB").getpixel((50, 50)) == (255, 255, 255)


def test_a_photograph_is_upright_and_tells_neither_place_nor_time() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = SECRET.decode()
    content = picture("JPEG", exif=exif, comment=SECRET)
    assert SECRET in content
    _, made = confined.work(content)
    assert SECRET not in made
    found = converted(content)
    assert found.size == (200, 320)
    assert not found.getexif()


def test_a_large_picture_is_made_smaller() -> None:
    assert max(converted(picture("JPEG", size=(6000, 4000))).size) == 4096


def test_a_document_keeps_its_pages_and_nothing_else() -> None:
    def change(made: pikepdf.Pdf) -> None:
        made.docinfo["/Author"] = SECRET.decode()
        made.Root["/Canary"] = pikepdf.String(SECRET)
        made.add_blank_page()

    content = document(change)
    head, made = confined.work(content)
    assert head == {"media": "application/pdf", "pages": 2}
    assert confined.work(content)[1] == made
    with pikepdf.open(io.BytesIO(made)) as opened:
        assert len(opened.pages) == 2
        assert opened.pages[0].Contents.read_bytes() == b"0 0 100 100 re f"
        assert set(opened.Root.keys()) == {"/Type", "/Pages"}
        assert "/Info" not in opened.trailer


def test_a_document_may_open_at_a_page_and_hold_links() -> None:
    def link(made: pikepdf.Pdf) -> None:
        target = pikepdf.Dictionary({"/S": pikepdf.Name("/URI"), "/URI": pikepdf.String("https://example.com/")})
        entry = {"/Type": pikepdf.Name.Annot, "/Subtype": pikepdf.Name.Link, "/Rect": [0, 0, 9, 9], "/A": target}
        made.pages[0].Annots = pikepdf.Array([pikepdf.Dictionary(entry)])
        action(**{"/S": pikepdf.Name("/GoTo"), "/D": pikepdf.Array([made.pages[0].obj, pikepdf.Name.Fit])})(made)

    assert confined.work(document(link))[0] == {"media": "application/pdf", "pages": 1}


def test_a_document_tells_nothing_of_its_photographs_and_keeps_no_notes() -> None:
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    photograph = picture("JPEG", exif=exif, comment=SECRET, icc_profile=b"colours")
    once_more = picture("JPEG", exif=exif)

    def change(made: pikepdf.Pdf) -> None:
        entry = {
            "/Type": pikepdf.Name.XObject, "/Subtype": pikepdf.Name.Image, "/ColorSpace": pikepdf.Name.DeviceRGB,
            "/Width": 320, "/Height": 200, "/BitsPerComponent": 8, "/Filter": pikepdf.Array([pikepdf.Name.DCTDecode]),
            "/Metadata": made.make_stream(SECRET),
        }  # fmt: skip
        image = pikepdf.Stream(made, photograph + once_more, entry)
        made.pages[0].Resources = pikepdf.Dictionary({"/XObject": pikepdf.Dictionary({"/A": image})})
        made.pages[0].Contents = made.make_stream(b"/A Do")
        made.pages[0]["/PieceInfo"] = pikepdf.Dictionary({"/A": pikepdf.String(SECRET)})
        note = {"/Type": pikepdf.Name.Annot, "/Subtype": pikepdf.Name.Text, "/Rect": [0, 0, 9, 9]}
        link = note | {"/Subtype": pikepdf.Name.Link, "/Contents": pikepdf.String(SECRET)}
        made.pages[0].Annots = pikepdf.Array([pikepdf.Dictionary(note), pikepdf.Dictionary(link)])

    content = document(change)
    assert content.count(SECRET) > 2
    head, made = confined.work(content)
    assert head == {"media": "application/pdf", "pages": 1}
    assert confined.work(content)[1] == made
    assert SECRET not in made
    with pikepdf.open(io.BytesIO(made)) as opened:
        page = opened.pages[0]
        (link,) = list(page.Annots)
        assert set(link.keys()) == {"/Type", "/Subtype", "/Rect"}
        assert link.Subtype == "/Link"
        assert "/PieceInfo" not in page
        kept = page.Resources.XObject.A
        assert "/Metadata" not in kept
        assert b"ICC_PROFILE" in kept.read_raw_bytes()
        found = Image.open(io.BytesIO(kept.read_raw_bytes()))
        assert found.tobytes() == Image.open(io.BytesIO(photograph)).tobytes()


@pytest.mark.parametrize("rule", ["/Launch", "/SubmitForm", "/ImportData", "/GoToE", "/GoToR", "/Rendition"])
def test_actions_are_found_wherever_they_stand(rule: str) -> None:
    def deep(made: pikepdf.Pdf) -> None:
        entry: object = pikepdf.Dictionary({"/S": pikepdf.Name(rule)})
        for _ in range(5):
            entry = pikepdf.Dictionary({"/Next": pikepdf.Array([entry])})
        made.pages[0]["/Deep"] = entry

    assert "refused" in confined.work(document(deep))[0]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.title)
def test_every_rule_speaks_to_people_in_both_languages(bad: Bad) -> None:
    problem = refused(bad.rule)
    assert problem.status in (413, 415, 422)
    assert any("一" <= sign <= "鿿" for sign in problem.zh)
    assert problem.en.isascii()


def test_there_is_a_bad_file_for_every_rule() -> None:
    assert {bad.rule for bad in BAD} == rules.WORDS.keys() - {"infected"}


async def test_reading_stops_at_the_limit() -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1 << 20
            yield bytes(1 << 20)

    with pytest.raises(Problem, match="file-too-large"):
        await receive(endless(), None)
    assert sent == rules.MAX_BYTES + (1 << 20)
    with pytest.raises(Problem, match="file-too-large"):
        await receive(endless(), str(rules.MAX_BYTES + 1))


async def test_a_conversion_that_lasts_too_long_ends_and_refuses() -> None:
    before = time.monotonic()
    with pytest.raises(Problem, match="file-too-complex"):
        await Converter(seconds=0.05).convert(noisy("PNG"))
    assert time.monotonic() - before < 10
