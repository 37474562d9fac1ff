"""The session ends while somebody types: what they send is kept for them, and for nobody else."""

import re
import time
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from tongban_intake.api.page_route import PagePolicy
from tongban_intake.kept_forms import KEPT_FOR, Form, Ticket, find, keep
from tongban_intake.store import kept_forms
from tongban_runtime.auth import SESSION_COOKIE

from .test_apply_pages import ASKED, begun, page, version_in
from .test_evidence_api import Desk, desk, shared_desk, sign_in

__all__ = ["desk", "shared_desk", "sign_in"]


def browser(desk: Desk, person: UUID, **claims: object) -> httpx.AsyncClient:
    client = desk.service.client()
    client.cookies.set(SESSION_COOKIE, desk.service.token(person, **claims))  # type: ignore[arg-type]
    return client


async def sent_too_late(desk: Desk, client: httpx.AsyncClient, path: str, form: Mapping[str, str]) -> httpx.Response:
    """A form of somebody whose session has just ended."""
    client.cookies.set(SESSION_COOKIE, desk.service.token(desk.person, exp=str(int(time.time()) - 5)))
    return await client.post(path, data=form)


async def test_what_was_typed_is_there_after_sign_in(desk: Desk) -> None:
    draft = await begun(desk, "no")
    path = f"/drafts/{draft}/questions"
    form = ASKED | {"answer.contact_name": "打了很久", "version": version_in(await page(desk, path))}
    async with browser(desk, desk.person) as client:
        answer = await sent_too_late(desk, client, path, form)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login?return=%2Fkept")
        assert "打了很久" not in str(answer.headers)
        client.cookies.set(SESSION_COOKIE, desk.service.token(desk.person))
        assert "打了很久" not in await page(desk, path)
        waiting = await client.get("/kept")
        assert waiting.status_code == 200
        assert "您填写的内容还在" in waiting.text
        went_on = await client.post("/kept")
        assert went_on.status_code in (303, 422), went_on.text
        assert "打了很久" in await page(desk, path)
        assert (await client.post("/kept")).status_code == 404


async def test_nobody_else_who_signs_in_there_sees_it(desk: Desk) -> None:
    draft = await begun(desk, "no")
    async with browser(desk, desk.person) as client:
        await sent_too_late(desk, client, f"/drafts/{draft}/questions", ASKED)
        client.cookies.set(SESSION_COOKIE, desk.service.token(uuid4()))
        answers = [await client.get("/kept"), await client.post("/kept")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert all("没有保留" in answer.text for answer in answers)


@pytest.mark.parametrize("token", ["", "forged", "eyJhbGciOiJub25lIn0.e30."])
async def test_a_stranger_has_nothing_kept(desk: Desk, token: str) -> None:
    before = await desk.service.runtime.pool.fetchval("SELECT count(*) FROM kept_form")
    async with desk.service.client() as client:
        client.cookies.set(SESSION_COOKIE, token)
        answer = await client.post(f"/drafts/{uuid4()}/questions", data=ASKED)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?return=%2Fapplications")
    assert await desk.service.runtime.pool.fetchval("SELECT count(*) FROM kept_form") == before


async def test_more_than_a_form_is_not_kept(desk: Desk) -> None:
    async with browser(desk, desk.person) as client:
        answer = await sent_too_late(desk, client, f"/drafts/{uuid4()}/questions", {"answer.x": "长" * 200_000})
    assert answer.headers["location"] == "/login?return=%2Fapplications"


async def test_what_is_kept_is_sealed_bounded_and_forgotten(desk: Desk) -> None:
    pool, person, now = desk.service.runtime.pool, uuid4(), desk.clock.now()
    form = Form("/drafts/x/questions", "application/x-www-form-urlencoded", "内容=金丝雀".encode())
    tickets = [await keep(pool, form, person, now + timedelta(seconds=number)) for number in range(6)]
    assert await find(pool, tickets[0], person, now) is None
    assert await find(pool, tickets[5], person, now) == form
    assert await find(pool, tickets[5], uuid4(), now) is None
    assert await find(pool, Ticket(tickets[5].form, bytes(32)), person, now) is None
    assert await find(pool, tickets[5], person, now + KEPT_FOR + timedelta(minutes=1)) is None
    sealed = await pool.fetchval("SELECT sealed FROM kept_form WHERE id = $1", tickets[5].form)
    assert "金丝雀".encode() not in sealed
    assert Ticket.read(tickets[5].text()) == tickets[5]
    assert [Ticket.read(text) for text in ("", "x.y", f"{uuid4()}.AAAA")] == [None, None, None]
    await kept_forms.forget(pool, now + KEPT_FOR)
    assert await pool.fetchval("SELECT count(*) FROM kept_form WHERE person = $1", person) == 0


async def test_every_form_of_the_portal_is_kept(desk: Desk) -> None:
    """One mechanism: whatever the page, an ended session sends its form to be kept."""
    forms = set()
    for route in iter_route_contexts(desk.service.app.routes):
        guards = [one.call for one in route.dependant.dependencies] if hasattr(route, "dependant") else []
        if "POST" in (route.methods or ()) and any(isinstance(guard, PagePolicy) for guard in guards):
            forms.add(re.sub(r"\{[^}]*\}", str(uuid4()), route.path or ""))
    assert len(forms) >= 12
    async with browser(desk, desk.person) as client:
        answers = {path: await sent_too_late(desk, client, path, {"text": "x"}) for path in sorted(forms)}
    assert {
        path for path, answer in answers.items() if answer.headers.get("location") != "/login?return=%2Fkept"
    } == set()
