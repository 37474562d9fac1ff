"""What people see and hold: the status page in a real browser without scripts, and the certificate."""

import re
from pathlib import Path

import httpx
import pytest
from tongban_certificates.independent import verify_with_pdfsig
from tongban_local.people import Applicant, UnexpectedAnswerError, http_client, verify_file
from tongban_local.stack import Stack

from tests.journeys.browser import Page, open_page
from tests.journeys.conftest import System

pytestmark = pytest.mark.alone

DESKTOP, PHONE = 1100, 390


async def test_anyone_can_verify_the_certificate_and_sees_an_altered_one(
    system: System, http: httpx.AsyncClient, applicant: Applicant, tmp_path: Path
) -> None:
    pdf = await applicant.certificate(system.number)
    checked = await verify_file(system.stack, http, pdf)
    assert checked["outcome"] == "valid"
    assert checked["certificate"]["number"] == system.number
    for place in range(24):
        answer = await verify_file(system.stack, http, with_one_bit_changed(pdf, len(pdf) * place // 24))
        assert answer["outcome"] != "valid"
        assert answer["certificate"] is None
    file = tmp_path / "altered.pdf"
    file.write_bytes(with_one_bit_changed(pdf, len(pdf) // 2))
    assert not verify_with_pdfsig(file, system.stack.signing / "ca.pem").accepted
    page = await http.get(f"{system.stack.url('certificates')}/verify/{system.number}", headers={"Accept": "text/html"})
    assert "证照有效" in page.text


def with_one_bit_changed(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :]


async def test_only_the_holder_gets_the_certificate(system: System, http: httpx.AsyncClient) -> None:
    other = await Applicant.sign_in(system.stack, http, "applicant-2")
    with pytest.raises(UnexpectedAnswerError, match="404"):
        await other.certificate(system.number)


async def test_signing_in_leads_back_to_the_status_page(system: System) -> None:
    async with http_client(follow_redirects=True) as browser:
        await _sign_in_over_http(browser, system.stack, f"/applications/{system.application}")
        page = await browser.get(f"{system.stack.url('intake')}/applications/{system.application}")
        assert page.status_code == 200
        assert "已办结" in page.text
        assert "施工许可证" in page.text
        assert system.number in page.text
        assert "站内 17" in page.text
        assert "邮件 3" in page.text
        verification = await browser.get(f"{system.stack.url('certificates')}/verify/{system.number}")
        link = re.search(r'href="(/v1/certificates/[^"]+/pdf)"', verification.text)
        assert link is not None
        held = await browser.get(f"{system.stack.url('certificates')}{link[1]}")
        assert held.content.startswith(b"%PDF-")
        listed = await browser.get(f"{system.stack.url('intake')}/applications")
        assert str(system.application) in listed.text
        cookies = [cookie for cookie in browser.cookies.jar if cookie.has_nonstandard_attr("HttpOnly")]
        assert cookies


async def test_another_person_is_not_shown_the_status_page(system: System) -> None:
    async with http_client(follow_redirects=True) as browser:
        page = await _sign_in_over_http(
            browser, system.stack, f"/applications/{system.application}", role="applicant-2"
        )
        assert page.status_code == 404
        assert "施工许可证" not in page.text


async def _sign_in_over_http(
    browser: httpx.AsyncClient, stack: Stack, back: str, role: str = "applicant"
) -> httpx.Response:
    """As a browser does it: sent to the issuer, a role chosen there, sent back with a code. Returns: where it ends."""
    chooser = await browser.get(f"{stack.url('intake')}{back}")
    assert chooser.url.path == "/authorize"
    hidden = dict(re.findall(r'name="(redirect_uri|state)" value="([^"]*)"', chooser.text))
    page = await browser.post(str(chooser.url.copy_with(query=None)), data={**hidden, "role": role})
    assert page.url.path == back
    return page


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
async def test_the_status_page_works_in_a_browser_without_scripts(system: System, tmp_path: Path, width: int) -> None:
    async with open_page() as page:
        await page.size(width, 844, mobile=width == PHONE)
        await _sign_in(page, system)
        text = await page.html("main")
        for words in ("已办结", "施工许可证", "Construction permit", "住房和城乡建设局", system.number):
            assert words in text
        window, content = await page.widths()
        assert window == width
        assert content <= window, "the page scrolls sideways"
        picture = tmp_path / f"status-{width}.png"
        await page.picture(picture)
        assert picture.stat().st_size > 20_000
        await page.click(".glance a.button")
        assert "证照有效" in await page.html("main")


async def _sign_in(page: Page, system: System) -> None:
    await page.open(f"{system.stack.url('intake')}/applications/{system.application}")
    await page.click("button[value=applicant]")
