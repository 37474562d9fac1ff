"""Doing things twice on the pages: two clicks, another day, two windows."""

import asyncio
import re
from uuid import UUID, uuid4

from .test_apply_pages import ASKED, begun, page, post, version_in
from .test_evidence_api import Desk, desk, shared_desk, sign_in

__all__ = ["desk", "shared_desk", "sign_in"]


async def drafts(desk: Desk) -> set[str]:
    return set(re.findall(r'href="/drafts/([0-9a-f-]{36})"', await page(desk, "/applications")))


async def once(desk: Desk) -> str:
    found = re.search(r'name="once" value="([0-9a-f-]{36})"', await page(desk, f"/apply/{desk.item.code}"))
    assert found is not None
    return found[1]


async def test_a_double_click_on_begin_makes_one_draft(desk: Desk) -> None:
    form = {"consent": "yes", "once": await once(desk)}
    answers = await asyncio.gather(*(post(desk, f"/apply/{desk.item.code}", form) for _ in range(3)))
    assert {answer.status_code for answer in answers} == {303}
    places = {answer.headers["location"] for answer in answers}
    assert places == {f"/drafts/{one}" for one in await drafts(desk)}
    assert len(places) == 1


async def test_the_key_of_a_form_means_nothing_to_anybody_else(desk: Desk) -> None:
    form = {"consent": "no", "once": await once(desk)}
    mine = (await post(desk, f"/apply/{desk.item.code}", form)).headers["location"]
    async with desk.service.client(uuid4()) as other:
        theirs = (await other.post(f"/apply/{desk.item.code}", data=form)).headers["location"]
    assert mine != theirs


async def test_who_begins_again_is_offered_what_they_began(desk: Desk) -> None:
    first = await begun(desk, "no")
    offered = await page(desk, f"/apply/{desk.item.code}")
    assert f'href="/drafts/{first}"' in offered
    assert 'name="another" value="yes"' in offered
    blind = await post(desk, f"/apply/{desk.item.code}", {"consent": "no"})
    assert blind.status_code == 409
    assert f'href="/drafts/{first}"' in blind.text
    assert await drafts(desk) == {first}
    said = await post(desk, f"/apply/{desk.item.code}", {"consent": "no", "another": "yes"})
    assert said.status_code == 303
    assert len(await drafts(desk)) == 2


async def test_the_stale_window_is_told_and_sees_both(desk: Desk) -> None:
    draft = await begun(desk, "no")
    path = f"/drafts/{draft}/questions"
    shown = version_in(await page(desk, path))
    newer = ASKED | {"answer.contact_name": "较新的"}
    assert (await post(desk, path, newer | {"version": shown})).status_code in (303, 422)
    stale = await post(desk, path, ASKED | {"answer.contact_name": "较旧的", "version": shown})
    assert stale.status_code == 409
    assert 'value="较旧的"' in stale.text
    assert re.search(r"已保存的是.*较新的", stale.text)
    assert "较新的" in await page(desk, path)
    again = await post(desk, path, ASKED | {"answer.contact_name": "较旧的", "version": version_in(stale.text)})
    assert again.status_code in (303, 422)
    assert "较旧的" in await page(desk, path)
    assert (await post(desk, path, ASKED | {"version": "x"})).status_code == 409


async def test_what_is_submitted_is_what_was_checked(desk: Desk) -> None:
    draft = await begun(desk)
    await post(desk, f"/drafts/{draft}/questions", ASKED)
    await desk.give_all(draft)
    shown = version_in(await page(desk, f"/drafts/{draft}/check"))
    await post(desk, f"/drafts/{draft}/questions", ASKED | {"answer.contact_name": "换了一个人"})
    blind = await post(desk, f"/drafts/{draft}/submission", {"version": shown})
    assert blind.status_code == 412
    assert "换了一个人" in blind.text
    assert (await post(desk, f"/drafts/{draft}/submission", {"version": version_in(blind.text)})).status_code == 303


async def test_the_same_application_twice_is_pointed_out_and_allowed(desk: Desk) -> None:
    cases: list[UUID] = []
    for _ in range(2):
        draft = (await post(desk, f"/apply/{desk.item.code}", {"consent": "yes", "another": "yes"})).headers["location"]
        case = draft.rpartition("/")[2]
        await post(desk, f"{draft}/questions", ASKED)
        await desk.give_all(case)
        cases.append(UUID(case))
        check = await page(desk, f"{draft}/check")
        assert ('name="again"' in check) is (len(cases) == 2)
        if len(cases) == 1:
            assert (await post(desk, f"{draft}/submission")).status_code == 303
    assert f'href="/applications/{cases[0]}"' in await page(desk, f"/apply/{desk.item.code}")
    blind = await post(desk, f"/drafts/{cases[1]}/submission")
    assert blind.status_code == 409
    assert f'href="/applications/{cases[0]}"' in blind.text
    assert (await post(desk, f"/drafts/{cases[1]}/submission", {"again": "yes"})).status_code == 303
