"""Whatever a browser opens is a page: it has a title and says its language, also where something is wrong."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tongban_runtime.testing.clock import FakeClock

from tests.wired import SERVICES, Wired, wired

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
ENGLISH = {"Accept": BROWSER, "Accept-Language": "en-GB,en;q=0.9,zh;q=0.5"}
CHINESE = {"Accept": BROWSER, "Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}


@pytest.fixture
async def service(request: pytest.FixtureRequest, engines: Any, database: Any, tmp_path: Path) -> AsyncIterator[Wired]:
    dsn = await database(f"tongban_{request.param}")
    async with wired(request.param, dsn, engines.kafka, tmp_path, FakeClock()) as found:
        yield found


def client(service: Wired) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=service.parts.app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000")


def is_page(answer: httpx.Response, language: str) -> str:
    assert answer.headers["content-type"].startswith("text/html"), answer.text
    assert f'<html lang="{language}">' in answer.text
    title = re.search(r"<title>([^<]{2,})</title>", answer.text)
    assert title is not None
    return title[1]


@pytest.mark.parametrize("service", SERVICES, indirect=True)
async def test_what_is_wrong_is_a_page_for_people_and_a_document_for_programs(service: Wired) -> None:
    async with client(service) as browser:
        missing = [await browser.get("/no/such/address", headers=headers) for headers in (CHINESE, ENGLISH)]
        programs = [
            await browser.get("/no/such/address", headers={"Accept": kind}) for kind in ("application/json", "*/*")
        ]
    assert {answer.status_code for answer in (*missing, *programs)} == {404}
    assert "没有这个地址" in is_page(missing[0], "zh-CN")
    assert "nothing at this address" in is_page(missing[1], "en")
    assert {answer.headers["content-type"] for answer in programs} == {"application/problem+json"}
    assert all("Accept" in answer.headers["vary"] for answer in (*missing, *programs))


@pytest.mark.parametrize("service", ["certificates"], indirect=True)
async def test_a_certificate_and_a_check_without_a_file_are_pages_that_say_what_to_do(service: Wired) -> None:
    async with client(service) as browser:
        signed_out = await browser.get("/v1/certificates/1.2.156.3005.2.1/pdf", headers=CHINESE)
        no_file = await browser.post("/verify", headers=CHINESE)
    assert signed_out.status_code == 401
    assert "登录" in is_page(signed_out, "zh-CN")
    assert 'href="http://127.0.0.1:1/login"' in signed_out.text
    assert 400 <= no_file.status_code < 500
    assert 'href="/verify"' in no_file.text
    is_page(no_file, "zh-CN")


@pytest.mark.parametrize("service", ["intake"], indirect=True)
async def test_who_opens_data_in_a_browser_signed_out_is_sent_to_sign_in(service: Wired) -> None:
    async with client(service) as browser:
        answer = await browser.get("/v1/drafts", headers=CHINESE)
        program = await browser.get("/v1/drafts", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?return=%2Fv1%2Fdrafts")
    assert program.status_code == 401
