import re
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import zxingcpp
from tongban_catalog import printable
from tongban_certificates.document import CertificateContent, CertificateRenderer, MissingGlyphError

MakeContent = Callable[..., CertificateContent]


def pages(pdf: Path) -> list[str]:
    text = subprocess.run(["pdftotext", "-layout", pdf, "-"], capture_output=True, check=True, encoding="utf-8").stdout
    return text.split("\f")[:-1]


def barcodes(pdf: Path) -> list[str]:
    image = subprocess.run(
        ["pdftoppm", "-r", "110", "-gray", "-singlefile", pdf], capture_output=True, check=True
    ).stdout
    _, size, _, pixels = image.split(b"\n", 3)
    width, height = map(int, size.split())
    return [found.text for found in zxingcpp.read_barcodes(memoryview(pixels).cast("B", shape=[height, width]))]


def test_certificate_shows_every_fact_on_one_page(
    renderer: CertificateRenderer, make_content: MakeContent, tmp_path: Path
) -> None:
    content = make_content()
    pdf = tmp_path / "certificate.pdf"
    pdf.write_bytes(renderer.render(content))
    (page,) = pages(pdf)
    shown = "".join(page.split())
    expected = [content.title.zh, content.holder, content.holder_code, content.subject, content.item.zh, content.number]
    expected += [content.issuer.zh, content.issuer.en, "电子印章", "2026年11月24日", "核验方法", "Howtoverify"]
    for line in content.decisions:
        expected += [line.step.zh, line.step.en, line.department.zh, line.decided_on.isoformat()]
    missing = [text for text in expected if text is None or "".join(text.split()) not in shown]
    assert not missing


def test_many_decisions_flow_over_pages_that_are_numbered(
    renderer: CertificateRenderer, make_content: MakeContent, tmp_path: Path
) -> None:
    pdf = tmp_path / "certificate.pdf"
    content = make_content(decisions=28)
    pdf.write_bytes(renderer.render(content))
    found = pages(pdf)
    assert len(found) >= 2
    for index, page in enumerate(found, start=1):
        assert f"Page {index} of {len(found)}" in page
        assert content.number in page


def test_qr_code_holds_the_verification_address(
    renderer: CertificateRenderer, make_content: MakeContent, tmp_path: Path
) -> None:
    content = make_content()
    pdf = tmp_path / "certificate.pdf"
    pdf.write_bytes(renderer.render(content))
    assert barcodes(pdf) == [content.verification]


def test_same_content_gives_same_bytes_on_every_thread(
    renderer: CertificateRenderer, make_content: MakeContent
) -> None:
    content = make_content()
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(renderer.render, [content] * 12))) == 1


def test_document_says_that_it_is_pdf_a_and_pdf_ua(renderer: CertificateRenderer, make_content: MakeContent) -> None:
    pdf = renderer.render(make_content())
    assert b"<pdfaid:part>2</pdfaid:part>" in pdf
    assert b"<pdfaid:conformance>U</pdfaid:conformance>" in pdf
    assert b"<pdfuaid:part>1</pdfuaid:part>" in pdf


@pytest.mark.parametrize(
    ("holder", "characters"),
    [
        ("王\U0002ebf0\U0002ee5d公司", ("\U0002ebf0", "\U0002ee5d")),
        ("王\ue000", ("\ue000",)),
        ("王\n公司", ("\n",)),
        ("\u200b", ("\u200b",)),
        ("王\u202e\u2028\U000e0041", ("\u2028", "\u202e", "\U000e0041")),
    ],
    ids=["extension-I", "private-use", "line-break", "nothing-visible", "order-and-tags"],
)
def test_certificate_with_an_undrawable_character_is_refused(
    renderer: CertificateRenderer, make_content: MakeContent, holder: str, characters: tuple[str, ...]
) -> None:
    with pytest.raises(MissingGlyphError) as refused:
        renderer.render(make_content(holder=holder))
    assert refused.value.characters == characters
    assert all(f"U+{ord(character):04X}" in str(refused.value) for character in characters)
    assert printable.unprintable(holder) == list(dict.fromkeys(one for one in holder if one in characters))


def test_a_font_beside_the_first_is_named_with_what_it_drew(
    renderer: CertificateRenderer, make_content: MakeContent, tmp_path: Path
) -> None:
    pdf = tmp_path / "certificate.pdf"
    pdf.write_bytes(renderer.render(make_content(holder="王\U0002a6a5\U0002ceb0")))
    (page,) = pages(pdf)
    assert "王\U0002a6a5\U0002ceb0" in page
    assert "U+2A6A5: HanaMinA" in page
    assert "U+2CEB0: HanaMinB" in page
    fonts = subprocess.run(["pdffonts", pdf], capture_output=True, check=True, text=True).stdout
    assert {"HanaMinA", "HanaMinB"} <= set(re.findall(r"HanaMin[AB]", fonts))


def test_the_printed_address_copies_as_it_is(
    renderer: CertificateRenderer, make_content: MakeContent, tmp_path: Path
) -> None:
    content = make_content()
    pdf = tmp_path / "certificate.pdf"
    pdf.write_bytes(renderer.render(content))
    assert content.verification in pages(pdf)[0]


def test_the_day_of_the_document_is_china_s(renderer: CertificateRenderer, make_content: MakeContent) -> None:
    pdf = renderer.render(make_content())
    assert b"/CreationDate(D:20261123160000Z)" in pdf
    assert b"<xmp:CreateDate>2026-11-23T16:00:00+00:00</xmp:CreateDate>" in pdf


@pytest.mark.parametrize(
    "holder", ["龘靐齉㐀", "José Ñandú & <Söhne> #1 $x$ *y* @z", "示例·名称—“”…《》（）", "བསོད་ནམས"]
)
def test_unusual_names_are_drawn_as_they_are(
    renderer: CertificateRenderer, make_content: MakeContent, holder: str, tmp_path: Path
) -> None:
    pdf = tmp_path / "certificate.pdf"
    pdf.write_bytes(renderer.render(make_content(holder=holder)))
    assert "".join(holder.split()) in "".join(pages(pdf)[0].split())
