"""The ledger over HTTP and as pages: who looked, a doubt about a line, and the department's answer."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from tongban_intake.vault import Vault
from tongban_intake.vault.erasing import erase
from tongban_intake.vault.rules import Asker
from tongban_runtime.keys import Attempt, KeyRequest
from tongban_schemas.events.access import AccessDoubted, AccessExplained, AccessGranted

from .counter import BODY, MATERIALS, Counter, kind_of
from .test_case_pages import fold

QUESTION = {"text": "为什么要看我的电话？"}
ANSWER = {"text": "核对联系方式时打开，已核对完毕。"}


@pytest.fixture
async def looked(counter: Counter) -> str:
    """A case that an officer of the receiving body has looked at."""
    case = await counter.apply(MATERIALS)
    vault: Vault = counter.service.intake.vault
    async with counter.service.runtime.pool.acquire() as tx, tx.transaction():
        fields = frozenset({"contact_name", "contact_phone"})
        await vault.look(tx, KeyRequest(UUID(case), "receive", fields, department=BODY, officer=counter.officer))
    await fold(counter, case)
    return case


async def lines_of(counter: Counter, path: str = "/v1/ledger") -> list[dict[str, Any]]:
    async with counter.service.client(counter.person) as client:
        answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["lines"]
    return found


def officer(counter: Counter, department: str = BODY) -> httpx.AsyncClient:
    return counter.service.client(counter.officer, "officer", [department], ["receiver"])


async def test_an_officer_s_look_is_a_line_in_plain_words(counter: Counter, looked: str) -> None:
    (line,) = await lines_of(counter)
    assert (line["kind"], line["department"], line["purpose"]) == ("looked", BODY, "receive")
    assert line["case"]["case"] == looked
    assert "一名工作人员查看，为了核对申请是否齐全" in line["words"]["zh"]
    assert {"contact_name", "contact_phone"} <= {one["name"] for one in line["fields"]}
    assert all(one["words"]["zh"] != one["name"] for one in line["fields"])
    assert await lines_of(counter, f"/v1/ledger/{looked}") == [line]
    assert str(counter.officer) not in str(line)


async def test_the_pages_say_the_same_and_offer_a_doubt(counter: Counter, looked: str) -> None:
    async with counter.service.client(counter.person) as client:
        whole, one = await client.get("/ledger"), await client.get(f"/applications/{looked}/ledger")
    for page in (whole, one):
        assert page.status_code == 200
        assert "一名工作人员查看" in page.text
        assert "对这条有疑问" in page.text
    assert f'href="/applications/{looked}/ledger"' in whole.text
    assert "<script" not in whole.text


async def test_a_long_ledger_is_folded_by_month_and_user_and_has_pages(counter: Counter, looked: str) -> None:
    vault: Vault = counter.service.intake.vault
    for _ in range(105):
        counter.clock.advance(timedelta(hours=13))
        async with counter.service.runtime.pool.acquire() as tx, tx.transaction():
            fields = frozenset({"contact_name"})
            await vault.look(tx, KeyRequest(UUID(looked), "receive", fields, department=BODY, officer=counter.officer))
    await fold(counter, looked)
    async with counter.service.client(counter.person) as client:
        first, second = await client.get("/ledger"), await client.get("/ledger?page=2")
        one = await client.get(f"/ledger?who={BODY}")
        odd = [await client.get(f"/ledger?page={page}&who=nobody") for page in ("0", "999999", "x", "-1")]
    assert first.text.count('class="looked"') == 100
    assert second.text.count('class="looked"') == 6
    assert 'href="/ledger?page=2' in first.text
    assert first.text.count("<h2") >= 2
    assert first.text.count('<details class="user">') >= 2
    assert '<details class="user" open>' in one.text
    assert {answer.status_code for answer in odd} == {200}


async def test_nobody_reads_another_person_s_ledger(counter: Counter, looked: str) -> None:
    async with counter.service.client(uuid4()) as other, officer(counter) as body, counter.service.client() as nobody:
        assert kind_of(await other.get(f"/v1/ledger/{looked}")) == (404, "no-such-case")
        assert (await other.get("/v1/ledger")).json() == {"lines": [], "more": False}
        assert (await other.get(f"/applications/{looked}/ledger")).status_code == 404
        assert (await body.get(f"/v1/ledger/{looked}")).status_code == 403
        assert (await nobody.get("/ledger")).status_code == 303


async def test_a_doubt_is_answered_by_its_department_and_stands_at_the_line(counter: Counter, looked: str) -> None:
    (line,) = await lines_of(counter)
    path = f"/applications/{looked}/ledger/{line['event']}/doubt"
    async with counter.service.client(counter.person) as client:
        assert (await client.post(path, data={"text": " "})).status_code == 422
        sent = await client.post(path, data=QUESTION)
        assert (sent.status_code, sent.headers["location"]) == (303, f"/applications/{looked}/ledger?sent=1")
        again = await client.post(f"/v1/ledger/{looked}/{line['event']}/doubt", json=QUESTION)
        assert kind_of(again) == (409, "doubt-open")
        unknown = await client.post(f"/v1/ledger/{looked}/{uuid4()}/doubt", json=QUESTION)
        assert kind_of(unknown) == (404, "no-such-line")
    doubted = await counter.one(looked, AccessDoubted)
    assert QUESTION["text"] not in doubted.data.model_dump_json()
    async with counter.service.client(counter.person) as client:
        at_once = (await client.get(f"/applications/{looked}/ledger?sent=1")).text
    assert "最迟 2026年3月16日答复" in at_once
    assert "by 16 March 2026" in at_once
    assert f'action="{path}"' not in at_once
    async with officer(counter, "housing") as other:
        assert (await other.get("/v1/doubts")).json() == []
        assert kind_of(await other.get(f"/v1/doubts/{looked}/{doubted.id}")) == (404, "no-such-doubt")
    async with officer(counter) as body:
        (waiting,) = (await body.get("/v1/doubts")).json()
        assert waiting["doubt"] == str(doubted.id)
        assert "text" not in waiting
        opened = await body.get(f"/v1/doubts/{looked}/{doubted.id}")
        assert opened.json()["text"] == QUESTION["text"]
        assert opened.json()["line"]["event"] == line["event"]
        explained = await body.post(f"/v1/doubts/{looked}/{doubted.id}/explanation", json=ANSWER)
        assert explained.status_code == 204, explained.text
        twice = await body.post(f"/v1/doubts/{looked}/{doubted.id}/explanation", json=ANSWER)
        assert kind_of(twice) == (409, "doubt-answered")
        assert (await body.get("/v1/doubts")).json() == []
    await counter.one(looked, AccessExplained)
    await fold(counter, looked)
    async with counter.service.client(counter.person) as client:
        page = (await client.get(f"/applications/{looked}/ledger?sent=1")).text
    assert QUESTION["text"] in page
    assert ANSWER["text"] in page
    assert "为了答复您的疑问" in page
    purposes = [one.data.purpose for one in await counter.said(looked, AccessGranted)]  # type: ignore[attr-defined]
    assert purposes.count("explain") >= 2


async def test_a_doubt_of_an_erased_case_waits_for_nobody(counter: Counter, looked: str) -> None:
    (line,) = await lines_of(counter)
    async with counter.service.client(counter.person) as client:
        sent = await client.post(f"/v1/ledger/{looked}/{line['event']}/doubt", json=QUESTION)
    assert sent.status_code == 202, sent.text
    async with counter.service.runtime.pool.acquire() as tx, tx.transaction():
        await erase(tx, counter.service.intake.vault, {UUID(looked): "retention-over"})
    async with officer(counter) as body:
        assert (await body.get("/v1/doubts")).json() == []
    await fold(counter, looked)
    assert [(one["kind"], len(one["doubts"])) for one in await lines_of(counter)] == [("erased", 0), ("looked", 1)]


async def test_what_was_refused_is_told_with_the_reason(counter: Counter, looked: str) -> None:
    vault: Vault = counter.service.intake.vault
    async with counter.service.runtime.pool.acquire() as tx, tx.transaction():
        attempt = Attempt(UUID(looked), "decide", "not-your-case", department="housing", officer=uuid4())
        await vault.turned_away(tx, Asker("approvals", frozenset(("housing",))), [attempt])
    await fold(counter, looked)
    refused = (await lines_of(counter))[0]
    assert (refused["kind"], refused["refused"]) == ("turned-away", "not-your-case")
    assert "什么也没有看到" in refused["words"]["zh"]
