"""The case's page under a moving clock: number, clocks, documents, notices with materials, promises, appeals."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from tongban_catalog.shelf import Shelf
from tongban_intake.facts import fact_of
from tongban_intake.folding import Changes, fold_changes
from tongban_runtime import acts
from tongban_schemas.envelope import Event, event_id
from tongban_schemas.events.applications import (
    ApplicationAccepted,
    ApplicationAppealed,
    ApplicationCorrected,
    ApplicationCorrectionNoticed,
    ApplicationNotAccepted,
    ApplicationReceived,
    ApplicationSupplemented,
)
from tongban_schemas.events.catalog import DepartmentRegistered

from .bad_uploads import picture
from .counter import BODY, MATERIALS, Counter
from .test_receiving import NOTICE


async def fold(counter: Counter, case: str) -> None:
    """Folds all that intake said of a case into the view."""
    changes: Changes = {}
    for event in await counter.service.outbox(case):
        fact = fact_of(event)
        assert fact is not None
        changes.setdefault(event.subject, (0, []))[1].append(fact)
    async with counter.service.runtime.pool.acquire() as tx, tx.transaction():
        await fold_changes(tx, Shelf(), 1, changes)


async def page_of(counter: Counter, case: str, path: str = "") -> str:
    await fold(counter, case)
    async with counter.service.client(counter.person) as client:
        answer = await client.get(f"/applications/{case}{path}")
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.fixture
async def keyed(counter: Counter) -> Counter:
    """A counter whose body's keys stand in the catalogue."""
    body = (await counter.service.intake.shelf.departments(counter.service.runtime.pool))[BODY]
    data = DepartmentRegistered(
        department=BODY,
        uscc=body.uscc,
        name_zh=body.name_zh,
        name_en=body.name_en,
        region=body.region,
        supervisor=body.supervisor,
        keys=counter.service.runtime.acts.public_keys(BODY),
    )
    subject = f"department:{BODY}"
    event = Event(event_id(data.TYPE, subject, "keys"), "/catalog", subject, counter.clock.now(), uuid4(), data, 99)
    await counter.service.hear(event)
    return counter


async def test_the_page_shows_the_number_and_the_receiving_body_s_time(counter: Counter) -> None:
    case = await counter.apply(MATERIALS)
    number = (await counter.one(case, ApplicationReceived)).data.number  # type: ignore[attr-defined]
    page = await page_of(counter, case)
    assert number in page
    assert "受理答复最迟 2026年3月9日" in page
    await counter.pass_days(6)
    assert "时限将到" in await page_of(counter, case)
    async with counter.service.client(counter.person) as client:
        listed = (await client.get("/v1/applications")).json()
        assert f'<br>办件编号 <span lang="en">case</span> {number}' in (await client.get("/applications")).text
    assert next(one["number"] for one in listed if one["application"] == case) == number


async def test_a_deemed_acceptance_is_explained(counter: Counter) -> None:
    case = await counter.apply(MATERIALS)
    await counter.pass_days(9)
    page = await page_of(counter, case)
    assert "自收到之日起即为受理" in page
    assert "全程最迟" in page


async def test_an_act_is_a_page_of_its_own_with_its_signature_verified(keyed: Counter) -> None:
    case = await keyed.apply(MATERIALS)
    received = (await keyed.one(case, ApplicationReceived)).data
    assert isinstance(received, ApplicationReceived)
    assert received.act is not None
    number = received.act.number
    assert f'href="/applications/{case}/acts/{number}"' in await page_of(keyed, case)
    page = await page_of(keyed, case, f"/acts/{number}")
    assert "签名有效" in page
    assert number in page
    assert "收件凭证" in page
    async with keyed.service.client(keyed.person) as client, keyed.service.client(uuid4()) as other:
        signed = await client.get(f"/applications/{case}/acts/{number}/jws")
        assert signed.headers["content-type"] == "application/jose"
        assert signed.headers["content-disposition"].endswith('.jws"')
        assert signed.text == received.act.jws
        assert (await client.get(f"/applications/{case}/acts/none")).status_code == 404
        assert (await other.get(f"/applications/{case}/acts/{number}")).status_code == 404
    assert acts.verify(received.act, keyed.service.runtime.acts.public_keys(BODY))["subject"] == case


async def test_the_text_that_a_signature_vouches_for_is_shown_to_the_applicant_alone(keyed: Counter) -> None:
    case = await keyed.apply(["design-scheme"])
    assert (await keyed.at_desk(case, "notice", NOTICE)).status_code == 200
    noticed = (await keyed.one(case, ApplicationCorrectionNoticed)).data
    assert isinstance(noticed, ApplicationCorrectionNoticed)
    assert noticed.act is not None
    path = f"/acts/{noticed.act.number}"
    page = await page_of(keyed, case, path)
    assert str(NOTICE["message"]) in page
    assert "补正通知书" in page
    async with keyed.service.client(keyed.officer, "officer", [BODY], ["receiver"]) as officer:
        theirs = (await officer.get(f"/applications/{case}{path}")).text
    assert "签名有效" in theirs
    assert str(NOTICE["message"]) not in theirs


async def test_an_act_that_no_key_vouches_for_is_none(counter: Counter) -> None:
    """The catalogue knows no keys of the body any more."""
    case = await counter.apply(MATERIALS)
    received = (await counter.one(case, ApplicationReceived)).data
    assert isinstance(received, ApplicationReceived)
    assert received.act is not None
    await fold(counter, case)
    pool = counter.service.runtime.pool
    await pool.execute("UPDATE department SET keys = '[]', sequence = sequence + 1")
    assert not (await counter.service.intake.shelf.departments(pool))[BODY].keys
    async with counter.service.client(counter.person) as client:
        answer = await client.get(f"/applications/{case}/acts/{received.act.number}")
    assert answer.status_code == 404


async def send(counter: Counter, path: str, data: dict[str, Any], files: dict[str, Any] | None = None) -> Any:
    async with counter.service.client(counter.person) as client:
        return await client.post(path, data=data, files=files)


async def test_a_notice_is_answered_on_the_page_with_files(counter: Counter) -> None:
    case = await counter.apply(["design-scheme"])
    assert (await counter.at_desk(case, "notice", NOTICE)).status_code == 200
    page = await page_of(counter, case)
    assert str(NOTICE["message"]) in page
    assert 'enctype="multipart/form-data"' in page
    assert 'name="material.business-licence"' in page
    request = (await counter.one(case, ApplicationCorrectionNoticed)).id
    form = {"request": str(request), "answer.project_name": "更名后的基地"}
    path = f"/applications/{case}/corrections"
    missing = await send(counter, path, form, {"material.none": ("", b"")})
    assert missing.status_code == 422
    assert 'id="problem-business-licence"' in missing.text
    assert 'value="更名后的基地"' in missing.text
    sent = await send(counter, path, form, {"material.business-licence": ("执照.png", picture())})
    assert sent.status_code == 303, sent.text
    corrected = (await counter.one(case, ApplicationCorrected)).data
    assert isinstance(corrected, ApplicationCorrected)
    assert corrected.answers == {"project_name": "更名后的基地"}
    assert list(corrected.materials) == ["business-licence"]


async def test_promised_materials_are_brought_on_the_page(counter: Counter) -> None:
    case = await counter.apply(["design-scheme"])
    assert (await counter.at_desk(case, "accept", {"promised": ["business-licence"]})).status_code == 200
    await counter.one(case, ApplicationAccepted)
    page = await page_of(counter, case)
    assert "补交承诺的材料" in page
    assert "补交最迟 2026年3月16日" in page
    path = f"/applications/{case}/materials"
    assert (await send(counter, path, {"x": "1"}, {"material.none": ("", b"")})).status_code == 422
    wrong = await send(counter, path, {}, {"material.design-scheme": ("a.pdf", b"x")})
    assert wrong.status_code == 422
    for found in (page, wrong.text):
        assert "http-equiv" not in found
        assert 'href=""' not in found
    sent = await send(counter, path, {}, {"material.business-licence": ("执照.png", picture())})
    assert sent.status_code == 303, sent.text
    await counter.one(case, ApplicationSupplemented)
    assert "补交承诺的材料" not in await page_of(counter, case)


async def test_a_non_acceptance_names_who_is_competent_and_can_be_appealed_against(counter: Counter) -> None:
    case = await counter.apply(MATERIALS)
    body = {"reason_code": "other-authority", "reason": "不属于本机关职权。", "right_authority": "示例县教育局"}
    assert (await counter.at_desk(case, "non-acceptance", body)).status_code == 200
    page = await page_of(counter, case)
    assert "这件事由示例县教育局办理" in page
    assert "不属于本机关职权。" in page
    decision = (await counter.one(case, ApplicationNotAccepted)).id
    path = f"/applications/{case}/appeals"
    empty = await send(counter, path, {"decision": str(decision), "way": "reconsideration", "grounds": " "})
    assert empty.status_code == 422
    assert empty.headers["content-type"].startswith("text/html")
    lines = "有权\r\n" * 666
    form = {"decision": str(decision), "way": "reconsideration", "grounds": lines}
    assert (await send(counter, path, form)).status_code == 303
    await counter.one(case, ApplicationAppealed)
    shown = await page_of(counter, case)
    assert "正在审查" in shown
    assert "申请行政复议或提起诉讼" not in shown


@pytest.mark.parametrize("path", ["/applications/not-an-id", "/applications/not-an-id/acts/1", "/applications/1/live"])
async def test_a_malformed_id_is_answered_with_a_page(counter: Counter, path: str) -> None:
    async with counter.service.client(counter.person) as client:
        answer = await client.get(path)
        unknown = await client.get(f"/applications/{UUID(int=5)}")
        posted = await client.post("/applications/not-an-id/withdrawal")
    for one in (answer, unknown, posted):
        assert one.status_code == 404
        assert one.headers["content-type"].startswith("text/html")
        assert 'href="/applications"' in one.text
