"""Following an application over HTTP: read-your-writes, who may see what, events as they happen, the pages."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from tongban_catalog.shelf import Shelf
from tongban_intake import domain
from tongban_intake.api.casefile import follower_of
from tongban_intake.facts import fact_of
from tongban_intake.folding import Changes, fold_changes
from tongban_runtime.auth import routes_without_policy
from tongban_schemas.envelope import Event, event_id
from tongban_schemas.events.approvals import (
    ApprovalCorrectionRequested,
    ApprovalGranted,
    ApprovalOpened,
    ApprovalRefused,
    correction_field,
    refusal_field,
)

from .cases import finished_case, make_event
from .conftest import Service

MESSAGE = "项目名称与营业执照不一致，请改正。"
HERITAGE = "/approvals/heritage"
HEARD = {model.TYPE for model in domain.HEARD}


async def fold(service: Service, events: Sequence[Event]) -> None:
    """Folds events into the view, and lets intake hear those it listens to."""
    changes: Changes = {}
    for event in events:
        fact = fact_of(event)
        assert fact is not None
        changes.setdefault(event.subject, (0, []))[1].append(fact)
    await service.hear(*(event for event in events if event.type in HEARD))
    async with service.runtime.pool.acquire() as tx, tx.transaction():
        await fold_changes(tx, Shelf(), 1, changes)


@pytest.fixture
async def case(service: Service, citizen: UUID, application: dict[str, Any]) -> str:
    """A submitted application, folded up to its acceptance."""
    async with service.client(citizen) as client:
        answer = await client.post("/v1/applications", json=application, headers={"Idempotency-Key": str(uuid4())})
    assert answer.status_code == 202
    subject: str = answer.json()["application"]
    await service.hear(*(await service.outbox(subject))[:1])
    await fold(service, await service.outbox(subject))
    return subject


async def asked(service: Service, subject: str, *fields: str) -> Event:
    event = event_id(ApprovalCorrectionRequested.TYPE, subject, "KG")
    sealed = (await service.keys(subject)).seal(event, correction_field("KG"), MESSAGE)
    data = ApprovalCorrectionRequested(step="KG", department="heritage", fields=list(fields), message=sealed)
    return make_event(subject, data, HERITAGE, 2, 20, "KG")


def opened(subject: str) -> Event:
    return make_event(subject, ApprovalOpened(step="KG", department="heritage"), HERITAGE, 1, 10, "KG")


async def test_the_status_joins_the_flow_with_what_departments_said(service: Service, citizen: UUID, case: str) -> None:
    granted = make_event(
        case,
        ApprovalGranted(step="BA", department="development-reform", decided_by="rule"),
        "/approvals/development-reform",
        1,
        9,
        "BA",
    )
    await fold(service, [opened(case), granted])
    async with service.client(citizen) as client:
        answer = await client.get(f"/v1/applications/{case}")
    assert answer.status_code == 200
    shown = answer.json()
    steps = {step["step"]: step for step in shown["flow"]}
    assert shown["state"] == "accepted"
    assert steps["BA"]["state"] == "granted"
    assert steps["KG"]["state"] == "open"
    assert steps["KG"]["name"] == {"zh": "考古调查勘探", "en": "Archaeological survey"}
    assert steps["KG"]["department"]["name"]["zh"] == "文物局"
    assert steps["TD"]["state"] == "not-open"
    assert steps["TD"]["level"] > steps["KG"]["level"]
    assert "HZ" not in steps
    assert [entry["type"].split(".")[3] for entry in shown["timeline"]][:1] != []


async def test_a_position_is_waited_for(service: Service, citizen: UUID, case: str) -> None:
    async with service.client(citizen) as client:
        withdrawn = await client.post(f"/v1/applications/{case}/withdrawal")
        position = withdrawn.json()["position"]
        waiting = asyncio.create_task(client.get(f"/v1/applications/{case}", params={"position": position}))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await fold(service, (await service.outbox(case))[-1:])
        answer = await waiting
    assert answer.json()["state"] == "withdrawn"
    assert answer.json()["position"] >= position


async def test_a_position_that_does_not_come_is_no_answer(
    service: Service, citizen: UUID, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tongban_intake.api.casefile.WAIT_SECONDS", 0.3)
    async with service.client(citizen) as client:
        answer = await client.get(f"/v1/applications/{case}", params={"position": 99})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["type"].endswith("not-visible-yet")


async def test_only_the_applicant_and_officers_see_a_case(service: Service, citizen: UUID, case: str) -> None:
    paths = (f"/v1/applications/{case}", f"/v1/applications/{case}/events", f"/applications/{case}")
    async with service.client(uuid4()) as other, service.client() as nobody, service.client(uuid4(), "operator") as op:
        for path in paths:
            assert (await other.get(path)).status_code == 404
            assert (await op.get(path)).status_code == 404
            assert (await nobody.get(path)).status_code in (401, 303)
    async with service.client(citizen, "officer") as officer:
        assert (await officer.get(paths[0])).status_code == 200


async def test_sealed_texts_are_opened_for_the_applicant_alone(service: Service, citizen: UUID, case: str) -> None:
    event = event_id(ApprovalRefused.TYPE, case, "KG")
    reason = (await service.keys(case)).seal(event, refusal_field("KG"), "位于保护范围内。")
    refused = ApprovalRefused(
        step="KG", department="heritage", decided_by="officer", reason_code="protected", reason=reason
    )
    await fold(service, [await asked(service, case, "project_name")])
    async with service.client(citizen) as client, service.client(uuid4(), "officer") as officer:
        own = (await client.get(f"/v1/applications/{case}")).json()
        theirs = (await officer.get(f"/v1/applications/{case}")).json()
        assert own["corrections"][0]["message"] == MESSAGE
        assert own["state"] == "waiting-for-correction"
        assert theirs["corrections"][0]["message"] is None
        await fold(service, [make_event(case, refused, HERITAGE, 3, 30, "KG")])
        own = (await client.get(f"/v1/applications/{case}")).json()
        theirs = (await officer.get(f"/v1/applications/{case}")).json()
    assert [step["reason"] for step in own["flow"] if step["step"] == "KG"] == ["位于保护范围内。"]
    assert [step["reason"] for step in theirs["flow"] if step["step"] == "KG"] == [None]


async def test_own_list(service: Service, citizen: UUID, case: str) -> None:
    async with service.client(citizen) as client, service.client(uuid4()) as other:
        own = (await client.get("/v1/applications")).json()
        assert [row["application"] for row in own] == [case]
        assert own[0]["item"]["name"]["zh"] == "企业投资项目审批"
        assert own[0]["state"] == "accepted"
        assert (await other.get("/v1/applications")).json() == []


async def server_sent(answer: httpx.Response) -> AsyncIterator[dict[str, str]]:
    """Events of a stream that was read to its end."""
    for block in (await answer.aread()).decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            yield fields


async def test_events_follow_the_case_to_its_end(service: Service, citizen: UUID, case: str) -> None:
    async with service.client(citizen) as client:
        reading = asyncio.create_task(client.get(f"/v1/applications/{case}/events"))
        await asyncio.sleep(0.3)
        await fold(service, [opened(case)])
        await asyncio.sleep(0.3)
        await fold(service, [event for event in finished_case(case) if "issued" in event.type])
        answer = await asyncio.wait_for(reading, 10)
        events = [event async for event in server_sent(answer)]
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert [event["event"] for event in events] == ["status"] * 3
        assert [json.loads(event["data"])["state"] for event in events] == ["accepted", "accepted", "issued"]
        ids = [int(event["id"]) for event in events]
        assert ids == sorted(set(ids))
        seen = {"Last-Event-ID": str(ids[-1])}
        assert (await client.get(f"/v1/applications/{case}/events", headers=seen)).status_code == 204
        missed = await client.get(f"/v1/applications/{case}/events", headers={"Last-Event-ID": str(ids[0])})
        assert [event["id"] async for event in server_sent(missed)] == [str(ids[-1])]
        assert b"retry: " in missed.content


async def test_a_person_follows_ten_streams_at_once_and_no_more(service: Service, citizen: UUID, case: str) -> None:
    async with service.client(citizen) as client:
        followed = [asyncio.create_task(client.get(f"/v1/applications/{case}/events")) for _ in range(10)]
        await asyncio.sleep(0.5)
        refused = await client.get(f"/v1/applications/{case}/events")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "30")
        await fold(service, finished_case(case))
        assert {(await one).status_code for one in followed} == {200}
        again = await client.get(f"/v1/applications/{case}/events")
        assert again.status_code == 200


async def test_many_waiters_share_one_poller(service: Service, citizen: UUID, case: str) -> None:
    follower = follower_of(service.app)
    before = follower.queries

    async def wait() -> None:
        await follower.until(UUID(case), lambda seen: seen.version > 2, 5)

    waiting = [asyncio.create_task(wait()) for _ in range(200)]
    await asyncio.sleep(0.5)
    await fold(service, [opened(case)])
    await asyncio.gather(*waiting)
    assert follower.queries - before < 30


async def test_the_page_of_a_case_in_two_languages(service: Service, citizen: UUID, case: str) -> None:
    await fold(service, [opened(case), *(event for event in finished_case(case) if "issued" in event.type)])
    async with service.client(citizen) as client:
        answer = await client.get(f"/applications/{case}", headers={"Accept": "text/html"})
        live = await client.get(f"/applications/{case}/live")
    assert answer.status_code == 200
    page = answer.text
    assert '<html lang="zh-CN">' in page
    for text in ("已办结", '<span lang="en">Done', "考古调查勘探", "文物局", "1.2.156.3005.2"):
        assert text in page
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "<html" not in live.text
    assert "已办结" in live.text


async def test_without_scripts_the_page_is_renewed_by_who_reads_it_and_takes_away_nothing_typed(
    service: Service, citizen: UUID, case: str
) -> None:
    async with service.client(citizen) as client:
        page = (await client.get(f"/applications/{case}")).text
        assert "http-equiv" not in page
        assert f'<noscript><p><a href="/applications/{case}">' in page
        await fold(service, [await asked(service, case, "project_name", "land_supply", "contact_name")])
        page = (await client.get(f"/applications/{case}")).text
    assert "http-equiv" not in page
    assert MESSAGE in page
    assert 'name="answer.project_name"' in page
    assert "金丝雀甲乙丙" in page


async def test_a_correction_is_answered_on_the_page(service: Service, citizen: UUID, case: str) -> None:
    request = await asked(service, case, "project_name", "investment_cny_10k")
    await fold(service, [request])
    form = {"request": str(request.id), "answer.project_name": "示例新名称", "answer.investment_cny_10k": "x"}
    async with service.client(citizen) as client:
        wrong = await client.post(f"/applications/{case}/corrections", data=form)
        assert wrong.status_code == 422
        assert 'id="problem-investment_cny_10k"' in wrong.text
        assert 'value="示例新名称"' in wrong.text
        sent = await client.post(f"/applications/{case}/corrections", data={**form, "answer.investment_cny_10k": "900"})
        assert sent.status_code == 303
        corrected = (await service.outbox(case))[-1]
        assert corrected.data.answers == {"project_name": "示例新名称", "investment_cny_10k": 900}  # type: ignore[attr-defined]
        await fold(service, [corrected])
        page = await client.get(sent.headers["location"])
    assert "要求补正" in page.text
    assert 'name="answer.project_name"' not in page.text


async def test_a_case_is_withdrawn_on_the_page_but_not_from_another_site(
    service: Service, citizen: UUID, case: str
) -> None:
    path = f"/applications/{case}/withdrawal"
    async with service.browser(citizen) as client:
        assert (await client.post(path, headers={"Sec-Fetch-Site": "cross-site"})).status_code == 403
        sent = await client.post(path)
        assert sent.status_code == 303
        await fold(service, (await service.outbox(case))[-1:])
        assert "已撤回" in (await client.get(sent.headers["location"])).text


async def test_pages_send_to_sign_in_and_back(service: Service, case: str) -> None:
    async with service.client() as client:
        answer = await client.get(f"/applications/{case}")
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/login?return=%2Fapplications%2F{case}"
        home = await client.get("/")
    assert home.status_code == 200
    assert "企业投资项目审批" in home.text


async def test_a_list_page(service: Service, citizen: UUID, case: str) -> None:
    async with service.client(citizen) as client:
        page = (await client.get("/applications")).text
        assert (await client.get("/static/pages.css")).status_code == 200
    assert f'href="/applications/{case}"' in page


def test_every_route_has_a_policy(service: Service) -> None:
    assert routes_without_policy(service.app) == []
