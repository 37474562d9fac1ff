"""Drafts: incomplete allowed, one's own alone, sealed as a whole, submitted once."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from tongban_schemas.events.applications import ApplicationSubmitted

from .conftest import PERSONAL, Service, only

PATH = "/v1/drafts"


async def begun(service: Service, citizen: UUID, body: dict[str, Any]) -> dict[str, Any]:
    async with service.client(citizen) as client:
        answer = await client.post(PATH, json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"{PATH}/{found['draft']}"
    return found


async def test_a_draft_may_be_incomplete_and_says_what_is_wrong(
    service: Service, citizen: UUID, application: dict[str, Any]
) -> None:
    body = {"item": application["item"], "answers": {"project_name": "", "contact_name": PERSONAL["contact_name"]}}
    draft = await begun(service, citizen, body)
    fields = {error["field"] for error in draft["errors"]}
    assert {"region", "project_name", "contact_phone"} <= fields
    async with service.client(citizen) as client:
        shown = (await client.get(f"{PATH}/{draft['draft']}")).json()
        assert shown == draft
        refused = await client.post(f"{PATH}/{draft['draft']}/submission")
        assert [error["field"] for error in refused.json()["errors"]] == ["region"]
        changed = await client.put(f"{PATH}/{draft['draft']}", json=application, headers={"If-Match": "*"})
        assert changed.json()["errors"] == []
        assert [one["draft"] for one in (await client.get(PATH)).json()] == [draft["draft"]]


async def test_a_draft_is_submitted_once(service: Service, citizen: UUID, application: dict[str, Any]) -> None:
    draft = await begun(service, citizen, application)
    async with service.client(citizen) as client:
        path = f"{PATH}/{draft['draft']}/submission"
        answers = await asyncio.gather(*(client.post(path) for _ in range(5)))
        again = await client.post(path)
        gone = await client.get(f"{PATH}/{draft['draft']}")
    assert {answer.status_code for answer in (*answers, again)} == {202}
    assert len({answer.json()["application"] for answer in (*answers, again)}) == 1
    assert again.headers["idempotency-replayed"] == "true"
    assert gone.status_code == 404
    event = only(await service.outbox(again.json()["application"]), ApplicationSubmitted)
    assert event.data.materials == {}  # type: ignore[attr-defined]


async def test_only_the_owner_sees_a_draft(service: Service, citizen: UUID, application: dict[str, Any]) -> None:
    draft = await begun(service, citizen, application)
    path = f"{PATH}/{draft['draft']}"
    async with service.client(uuid4()) as stranger, service.client(citizen, "officer") as officer:
        assert (await stranger.get(PATH)).json() == []
        answers = [
            await stranger.get(path),
            await stranger.put(path, json=application, headers={"If-Match": "*"}),
            await stranger.post(f"{path}/submission"),
        ]
        assert {answer.status_code for answer in answers} == {404}
        assert (await stranger.delete(path)).status_code == 204
        assert (await officer.get(path)).status_code == 403
    async with service.client(citizen) as client:
        assert (await client.get(path)).status_code == 200
        assert [(await client.delete(path)).status_code for _ in range(2)] == [204, 204]
        assert (await client.get(path)).status_code == 404


async def test_deleting_what_nobody_has_leaves_no_trace(service: Service, citizen: UUID) -> None:
    nothing = uuid4()
    async with service.client(citizen) as client:
        assert (await client.delete(f"{PATH}/{nothing}")).status_code == 204
    assert await service.runtime.pool.fetchval("SELECT count(*) FROM subject WHERE id = $1", nothing) == 0


async def test_who_changes_a_draft_says_which_version_they_saw(
    service: Service, citizen: UUID, application: dict[str, Any]
) -> None:
    path = f"{PATH}/{(await begun(service, citizen, application))['draft']}"
    async with service.client(citizen) as client:
        read = await client.get(path)
        assert (read.headers["etag"], read.json()["version"]) == ('"1"', 1)
        blind = await client.put(path, json=application)
        changed = await client.put(path, json=application, headers={"If-Match": '"1"'})
        stale = await client.put(path, json=application, headers={"If-Match": '"1"'})
        weak = await client.put(path, json=application, headers={"If-Match": 'W/"2"'})
        broken = await client.put(path, json=application, headers={"If-Match": "2"})
        listed = await client.put(path, json=application, headers={"If-Match": '"1", "2"'})
        early = await client.post(f"{path}/submission", headers={"If-Match": '"2"'})
        sent = await client.post(f"{path}/submission", headers={"If-Match": '"3"'})
    assert (blind.status_code, changed.status_code, changed.headers["etag"]) == (428, 200, '"2"')
    assert (stale.status_code, stale.headers["etag"], weak.status_code) == (412, '"2"', 412)
    assert (broken.status_code, listed.headers["etag"]) == (400, '"3"')
    assert (early.status_code, sent.status_code) == (412, 202)


async def test_changes_that_come_at_once_lose_nothing(
    service: Service, citizen: UUID, application: dict[str, Any]
) -> None:
    path = f"{PATH}/{(await begun(service, citizen, application))['draft']}"
    async with service.client(citizen) as client:
        changes = [client.put(path, json=application, headers={"If-Match": '"1"'}) for _ in range(5)]
        answers = await asyncio.gather(*changes)
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412, 412]


async def test_a_draft_is_begun_once_by_one_key(service: Service, citizen: UUID, application: dict[str, Any]) -> None:
    headers = {"Idempotency-Key": "once"}
    async with service.client(citizen) as client, service.client(uuid4()) as other:
        answers = await asyncio.gather(*(client.post(PATH, json=application, headers=headers) for _ in range(5)))
        elsewhere = await other.post(PATH, json=application, headers=headers)
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 201]
    assert len({answer.json()["draft"] for answer in answers}) == 1
    assert elsewhere.status_code == 201


async def test_a_second_case_of_one_s_own_for_the_same_service_is_made_when_one_says_so(
    service: Service, citizen: UUID, application: dict[str, Any]
) -> None:
    first, second = [(await begun(service, citizen, application))["draft"] for _ in range(2)]
    async with service.client(citizen) as client:
        assert (await client.post(f"{PATH}/{first}/submission")).status_code == 202
        refused = await client.post(f"{PATH}/{second}/submission")
        taken = await client.post(f"{PATH}/{second}/submission?again=true")
    assert (refused.status_code, refused.json()["applications"]) == (409, [first])
    assert refused.json()["type"].endswith(":applied-already")
    assert taken.status_code == 202


async def test_what_a_draft_holds_is_sealed(service: Service, citizen: UUID, application: dict[str, Any]) -> None:
    draft = await begun(service, citizen, application)
    row = await service.runtime.pool.fetchval("SELECT d::text FROM draft d WHERE id = $1", UUID(draft["draft"]))
    assert "s1." in row
    for value in (*PERSONAL.values(), application["answers"]["project_name"], application["item"]):
        assert value not in row


async def test_nobody_keeps_drafts_without_end(service: Service, citizen: UUID, application: dict[str, Any]) -> None:
    body = {"item": application["item"]}
    async with service.client(citizen) as client:
        answers = [await client.post(PATH, json=body) for _ in range(51)]
        unknown = await client.post(PATH, json={"item": "0" * 31})
    assert [answer.status_code for answer in answers] == [201] * 50 + [409]
    assert unknown.status_code == 404


async def test_what_the_certificate_cannot_print_is_told_before_and_operators_learn_of_it(
    service: Service, citizen: UUID, application: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING", "tongban")
    rare = application | {"answers": application["answers"] | {"project_name": "\U0002ebf0山村文物修缮"}}
    draft = await begun(service, citizen, rare)
    assert [one["field"] for one in draft["notices"]] == ["project_name"]
    assert "U+2EBF0" in draft["notices"][0]["message_zh"]
    assert draft["errors"] == []
    async with service.client(citizen) as client:
        changed = await client.put(f"{PATH}/{draft['draft']}", json=application, headers={"If-Match": "*"})
        assert changed.json()["notices"] == []
        await client.put(f"{PATH}/{draft['draft']}", json=rare, headers={"If-Match": "*"})
        answers = [await client.post(f"{PATH}/{draft['draft']}/submission") for _ in range(2)]
    assert {answer.status_code for answer in answers} == {202}
    told = [vars(one) for one in caplog.records if getattr(one, "tongban_event", "") == "certificate.unprintable"]
    assert [one["tongban_fields"] for one in told] == [{"case": draft["draft"], "characters": ["U+2EBF0"]}]
