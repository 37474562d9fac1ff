"""Every page has a title and says its language; in a real browser, pages fit a small phone and a double click does no harm."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from tongban_intake.api.page_route import PageRoute
from tongban_runtime.auth import SESSION_COOKIE

from tests.journeys.browser import Page, open_page

from .proving import ID_NUMBER
from .test_apply_pages import ASKED, begun, fold, page, post
from .test_evidence_api import Desk, desk, shared_desk, sign_in

__all__ = ["desk", "shared_desk", "sign_in"]

PHONE = 320


def page_addresses(app: FastAPI, **known: str) -> Iterator[str]:
    """The address of every page that is read, with what is ``known`` in the place of its parameters."""
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, PageRoute) and "GET" in (route.methods or ()) and route.path:
            yield re.sub(r"\{(\w+)[^}]*\}", lambda found: known.get(found[1], str(uuid4())), route.path)


async def test_every_page_has_a_title_and_says_its_language(desk: Desk) -> None:
    draft = await begun(desk)
    known = {"application": draft, "code": desk.item.code, "material": "residence-permit"}
    addresses = sorted(set(page_addresses(desk.service.app, **known)))
    assert len(addresses) >= 18
    bare = []
    async with desk.client() as client:
        for address in addresses:
            answer = await client.get(address)
            if answer.status_code in (303, 307):
                continue
            head = re.search(r'<html lang="(zh-CN|en)">.*?<title>[^<]{2,}</title>', answer.text, re.DOTALL)
            if head is None and not address.endswith(("/jws", "/live")):
                bare.append((address, answer.status_code))
    assert bare == []


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """The app at an address on this machine."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, lifespan="off", log_config=None))
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await running


async def double_click(browser: Page, selector: str) -> None:
    """Two clicks as fast as a hand makes them."""
    root = (await browser.call("DOM.getDocument"))["root"]["nodeId"]
    node = (await browser.call("DOM.querySelector", nodeId=root, selector=selector))["nodeId"]
    await browser.call("DOM.scrollIntoViewIfNeeded", nodeId=node)
    corners = (await browser.call("DOM.getBoxModel", nodeId=node))["model"]["content"]
    place = {"x": sum(corners[0::2]) / 4, "y": sum(corners[1::2]) / 4, "button": "left"}
    for count in (1, 2):
        for kind in ("mousePressed", "mouseReleased"):
            await browser.call("Input.dispatchMouseEvent", type=kind, clickCount=count, **place)


@pytest.mark.alone
async def test_a_phone_shows_every_page_whole_and_a_double_click_begins_one_draft(desk: Desk, tmp_path: Path) -> None:
    token = desk.service.token(desk.person)
    desk.sign_in.people[token] = {"sub": str(desk.person), "name": "示例家长", "id_number": ID_NUMBER}
    async with served(desk.service.app) as address, open_page() as browser:
        await browser.size(PHONE, 640, mobile=True)
        await browser.call("Network.enable")
        await browser.call("Network.setCookie", url=address, name=SESSION_COOKIE, value=token, httpOnly=True)
        await browser.open(f"{address}/apply/{desk.item.code}")
        await double_click(browser, "button[value=yes]")
        await asyncio.sleep(1.5)
        drafts = set(re.findall(r'href="/drafts/([0-9a-f-]{36})"', await page(desk, "/applications")))
        assert len(drafts) == 1
        draft = drafts.pop()
        await post(desk, f"/drafts/{draft}/questions", ASKED)
        await desk.give_all(draft)
        shown = [f"/apply/{desk.item.code}", f"/drafts/{draft}", f"/drafts/{draft}/questions", f"/drafts/{draft}/check"]
        await fold(desk, draft)
        for path in (*shown, "/", "/services", f"/services/{desk.item.code}", "/ledger", "/kept", "/no/such/page"):
            await browser.open(f"{address}{path}")
            window, content = await browser.widths()
            assert content <= window == PHONE, f"{path} scrolls sideways: {content}"
            await browser.picture(tmp_path / f"{path.strip('/').replace('/', '-') or 'home'}.png")
        await browser.open(f"{address}/drafts/{draft}/check")
        await browser.click("form[action$=submission] button")
        await fold(desk, draft)
        await browser.open(f"{address}/drafts/{draft}/questions")
        assert f'href="/applications/{draft}"' in await browser.html("main")
