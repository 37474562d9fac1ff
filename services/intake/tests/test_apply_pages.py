"""Applying as pages, without scripts: agree, see what came, answer what is left, check, submit; and what goes wrong."""

import asyncio
import re
from collections.abc import Mapping
from uuid import UUID, uuid4

import httpx
from tongban_catalog.shelf import Shelf
from tongban_intake.facts import fact_of
from tongban_intake.folding import Changes, fold_changes
from tongban_schemas.events.applications import ApplicationSubmitted
from tongban_schemas.events.evidence import EvidenceDisputed

from .conftest import only
from .proving import ID_NUMBER, OWN, failed, provided
from .test_evidence_api import MATERIALS, Desk, desk, shared_desk, sign_in

__all__ = ["desk", "shared_desk", "sign_in"]

ASKED = {f"answer.{name}": value for name, value in OWN.items()}


async def post(desk: Desk, path: str, data: Mapping[str, object] | None = None, files: object = None) -> httpx.Response:
    """Sends a form; one of a draft carries the version that its page was shown with, as browsers send it."""
    async with desk.client() as client:
        if path.endswith(("/questions", "/submission")) and "version" not in (data or {}):
            form = await client.get(f"{path.rpartition('/')[0]}/questions")
            data = {**(data or {}), "version": version_in(form.text)}
        token = client.headers["Authorization"].removeprefix("Bearer ")
        claims = {"sub": str(desk.person), "name": "示例家长", "id_number": ID_NUMBER}
        desk.sign_in.people.setdefault(token, claims)
        return await client.post(path, data=data, files=files)  # type: ignore[arg-type]


def version_in(form: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', form)
    return "" if found is None else found[1]


async def page(desk: Desk, path: str) -> str:
    async with desk.client() as client:
        answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    assert "<script" not in answer.text or "application/ld+json" in answer.text or "follow.js" in answer.text
    return answer.text


async def begun(desk: Desk, consent: str = "yes") -> str:
    answer = await post(desk, f"/apply/{desk.item.code}", {"consent": consent})
    assert answer.status_code == 303, answer.text
    found = re.match(r"/drafts/([0-9a-f-]{36})", answer.headers["location"])
    assert found is not None
    return found[1]


async def fold(desk: Desk, case: str) -> None:
    changes: Changes = {}
    for event in await desk.service.outbox(case):
        if (fact := fact_of(event)) is not None:
            changes.setdefault(event.subject, (0, []))[1].append(fact)
    async with desk.service.runtime.pool.acquire() as tx, tx.transaction():
        await fold_changes(tx, Shelf(), 1, changes)


async def test_the_first_page_says_what_is_fetched_from_whom_and_how_little_is_asked(desk: Desk) -> None:
    found = await page(desk, f"/apply/{desk.item.code}")
    assert f"{len(desk.item.supplied)} 项由系统获取" in found
    for name in MATERIALS:
        material = desk.item.material(name)
        assert material is not None
        assert material.name.zh in found
    assert "同意获取并开始" in found
    guide = await page(desk, f"/services/{desk.item.code}")
    assert "由系统获取" in guide
    assert f'href="/apply/{desk.item.code}"' in guide


async def test_from_the_consent_to_the_submission_only_what_is_asked_is_typed(desk: Desk) -> None:
    draft = await begun(desk)
    waiting = await page(desk, f"/drafts/{draft}")
    assert 'http-equiv="refresh"' not in waiting
    assert f'<a class="button second" href="/drafts/{draft}">看看来了没有' in waiting
    assert "正在向" in waiting
    sent = await post(desk, f"/drafts/{draft}/questions", ASKED)
    assert (sent.status_code, sent.headers["location"]) == (303, f"/drafts/{draft}/check")
    check = await page(desk, f"/drafts/{draft}/check")
    assert "还有内容正在获取" in check
    assert "提交申请" not in check
    assert 'http-equiv="refresh"' not in check
    assert f'href="/drafts/{draft}/check">看看来了没有' in check
    await desk.give_all(draft)
    preview = await page(desk, f"/drafts/{draft}")
    assert "示范市示范街道 8 号" in preview
    assert "看看来了没有" not in preview
    assert "无需提供" in preview
    questions = await page(desk, f"/drafts/{draft}/questions")
    assert 'name="answer.contact_phone"' in questions
    assert 'name="answer.child_name"' not in questions
    assert "示例儿童" in questions
    check = await page(desk, f"/drafts/{draft}/check")
    assert "您填写" in check
    assert re.search(r"由[^<]+提供 <span lang=\"en\">from ", check)
    sent = await post(desk, f"/drafts/{draft}/submission")
    assert (sent.status_code, sent.headers["location"]) == (303, f"/applications/{draft}"), sent.text
    said = only(await desk.service.outbox(draft), ApplicationSubmitted)
    assert said.subject == draft
    assert (await post(desk, f"/drafts/{draft}/submission")).status_code == 303
    await fold(desk, draft)
    case = await page(desk, f"/applications/{draft}")
    assert f'href="/applications/{draft}/ledger"' in case
    assert f'href="/applications/{draft}/proofs"' in case
    assert "示例儿童" in await page(desk, f"/applications/{draft}/proofs")
    for path in ("", "/questions", "/check"):
        back = await page(desk, f"/drafts/{draft}{path}")
        assert "这份申请已经提交" in back
        assert f'href="/applications/{draft}"' in back
    late = await post(desk, f"/drafts/{draft}/questions", ASKED)
    assert late.status_code == 409
    assert f'href="/applications/{draft}"' in late.text


async def test_a_name_that_cannot_be_printed_yet_is_told_before_submitting_and_stops_nobody(desk: Desk) -> None:
    draft = await begun(desk)
    await post(desk, f"/drafts/{draft}/questions", ASKED)
    keys = await desk.service.keys(draft)
    for request in (await desk.requests(draft)).values():
        rare = request.data.resource == "household-register"  # type: ignore[attr-defined]
        await desk.service.hear(provided(request, keys, **({"child_name": "示例\U0002ebf0"} if rare else {})))
    check = await page(desk, f"/drafts/{draft}/check")
    assert "“\U0002ebf0”（U+2EBF0） 目前无法印在证照上" in check
    assert "提交申请" in check
    assert (await post(desk, f"/drafts/{draft}/submission")).status_code == 303


async def test_a_field_says_what_it_is_to_people_keyboards_and_browsers(desk: Desk) -> None:
    draft = await begun(desk)
    questions = await page(desk, f"/drafts/{draft}/questions")
    email = _field(questions, "contact_email")
    assert "（选填" in email
    assert 'type="text"' in email
    assert 'inputmode="email"' in email
    assert 'autocomplete="email"' in email
    assert " required" not in email
    assert "不填写的，进展只在“我的申请”中告知" in email
    assert 'aria-describedby="about-contact_email hint-contact_email"' in email
    phone = _field(questions, "contact_phone")
    assert "（选填" not in phone
    assert 'type="tel"' in phone
    assert 'inputmode="tel"' in phone
    assert 'autocomplete="tel"' in phone
    assert " required" in phone
    assert 'aria-describedby="hint-contact_phone"' in phone


def _field(page: str, name: str) -> str:
    """The label, the hints and the input of one field."""
    found = re.search(rf'<label for="field-{name}">.*?<input id="field-{name}"[^>]*>', page, re.DOTALL)
    assert found is not None
    return found[0]


async def test_what_is_wrong_stands_beside_its_field_and_the_rest_is_kept(desk: Desk) -> None:
    draft = await begun(desk)
    wrong = await post(desk, f"/drafts/{draft}/questions", ASKED | {"answer.contact_email": "x"})
    assert wrong.status_code == 422
    assert 'id="problem-contact_email"' in wrong.text
    assert 'value="x"' in wrong.text
    early = await post(desk, f"/drafts/{draft}/submission")
    assert early.status_code == 422
    assert "还不能提交" in early.text


async def test_a_form_holds_no_more_than_a_request_may(desk: Desk) -> None:
    draft = await begun(desk)
    for path in (f"/drafts/{draft}/questions", f"/apply/{desk.item.code}", f"/proofs/{draft}/residence-permit/dispute"):
        answer = await post(desk, path, {"answer.contact_name": "x" * 200_000})
        assert (path, answer.status_code) == (path, 413)
        assert answer.headers["content-type"].startswith("text/html")


async def test_a_proof_that_is_wrong_is_disputed_on_its_own_page(desk: Desk) -> None:
    draft = await begun(desk)
    await desk.give_all(draft)
    path = f"/proofs/{draft}/residence-permit/dispute"
    assert f'href="{path}"' in await page(desk, f"/drafts/{draft}")
    form = await page(desk, path)
    assert "示范市示范街道 8 号" in form
    assert "是 <span" in form
    assert "True" not in form
    assert (await post(desk, path, {"text": "门牌号写错了"})).status_code == 422
    lines = "号\r\n" * 999 + "。"
    sent = await post(desk, path, {"fields": ["address"], "text": lines})
    assert (sent.status_code, sent.headers["location"]) == (303, f"/drafts/{draft}")
    only(await desk.service.outbox(draft), EvidenceDisputed)
    told = await page(desk, f"/drafts/{draft}")
    assert re.search(r"来源部门正在核查，最迟 \d{4}年\d+月\d+日答复", told)
    assert f'href="{path}"' not in told
    open_still = await page(desk, path)
    assert re.search(r"正在核查，最迟 \d{4}年\d+月\d+日答复", open_still)
    assert 'name="text"' not in open_still
    assert (await post(desk, path, {"fields": ["address"], "text": "另一件"})).status_code == 409


async def test_an_upload_appears_only_after_the_fetch_has_failed_and_says_why(desk: Desk) -> None:
    draft = await begun(desk)
    assert 'type="file"' not in await page(desk, f"/drafts/{draft}")
    requests = await desk.requests(draft)
    keys = await desk.service.keys(draft)
    await desk.service.hear(failed(requests["household-register"], final=True))
    await desk.service.hear(*(provided(one, keys) for name, one in requests.items() if name != "household-register"))
    found = await page(desk, f"/drafts/{draft}")
    assert found.count('type="file"') == 1
    assert "才需要上传" in found
    assert "再获取一次" in found
    path = f"/proofs/{draft}/household-register/file"
    for file in (("a.html", b"<html><script>1</script></html>"), ("", b"")):
        wrong = await post(desk, path, files={"file": file})
        assert 400 <= wrong.status_code < 500, wrong.text
        assert 'id="problem-household-register"' in wrong.text
    questions = await page(desk, f"/drafts/{draft}/questions")
    assert 'name="answer.child_name"' in questions
    assert "没能从登记部门取得" in questions
    again = await post(desk, f"/proofs/{draft}/household-register/refetch")
    assert again.status_code == 303
    assert 'type="file"' not in await page(desk, f"/drafts/{draft}")


async def test_without_consent_everything_is_asked_and_nothing_fetched(desk: Desk) -> None:
    draft = await begun(desk, "no")
    assert await desk.service.outbox(draft) == []
    found = await page(desk, f"/drafts/{draft}/questions")
    assert 'name="answer.child_name"' in found
    assert "您没有同意由系统获取" in await page(desk, f"/drafts/{draft}")
    assert f'href="/drafts/{draft}"' in await page(desk, "/applications")
    assert (await post(desk, f"/drafts/{draft}/discard")).status_code == 303
    assert f'href="/drafts/{draft}"' not in await page(desk, "/applications")


async def test_the_pages_of_a_draft_are_its_owner_s_alone(desk: Desk) -> None:
    draft = await begun(desk)
    async with desk.service.client(uuid4()) as other, desk.service.client() as nobody:
        for path in ("", "/questions", "/check"):
            assert (await other.get(f"/drafts/{draft}{path}")).status_code == 404
            assert (await nobody.get(f"/drafts/{draft}{path}")).status_code == 303
        assert (await other.post(f"/drafts/{draft}/submission")).status_code == 404
    async with desk.service.browser(desk.person) as client:
        foreign = await client.post(f"/drafts/{draft}/discard", headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    assert UUID(draft)


async def test_a_sign_in_service_that_does_not_answer_leaves_no_draft_behind(desk: Desk) -> None:
    desk.sign_in.status = 500
    answer = await post(desk, f"/apply/{desk.item.code}", {"consent": "yes"})
    assert answer.status_code == 503
    assert 'href="/drafts/' not in await page(desk, "/applications")


async def test_the_page_just_after_submitting_has_its_names(desk: Desk) -> None:
    """The proofs of the draft are in the view before the submission is: the page waits for it."""
    draft = await begun(desk)
    await post(desk, f"/drafts/{draft}/questions", ASKED)
    await desk.give_all(draft)
    await fold(desk, draft)
    assert (await post(desk, f"/drafts/{draft}/submission")).status_code == 303
    looking = asyncio.create_task(page(desk, f"/applications/{draft}"))
    await asyncio.sleep(0.3)
    assert not looking.done()
    await fold(desk, draft)
    found = await looking
    assert f"<title>{desk.item.name.zh}" in found
    assert "home-proof" not in re.sub(r'"[^"]*"', "", found)
