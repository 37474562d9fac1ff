"""Applying: answers after the commit, once per key, with clear words about what is wrong."""

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from tongban_runtime.outbox import MAX_BODY_BYTES as EVENT_BYTES
from tongban_runtime.sealing import CaseKeys
from tongban_schemas.envelope import encode_body
from tongban_schemas.events.applications import ApplicationSubmitted

from .conftest import PERSONAL, Service, only

PATH = "/v1/applications"


async def count(service: Service, applicant: UUID) -> int:
    found: int = await service.runtime.pool.fetchval("SELECT count(*) FROM application WHERE applicant = $1", applicant)
    return found


async def test_applying_stores_one_application_and_its_event(
    service: Service, citizen: UUID, application: dict[str, Any]
) -> None:
    async with service.client(citizen) as client:
        answer = await client.post(PATH, json=application, headers={"Idempotency-Key": "k1"})
    assert answer.status_code == 202
    body = answer.json()
    assert body["position"] == 1
    assert answer.headers["location"] == f"{PATH}/{body['application']}"
    event = only(await service.outbox(body["application"]), ApplicationSubmitted)
    assert isinstance(event.data, ApplicationSubmitted)
    assert event.sequence == 1
    assert event.source == "/intake"
    assert event.correlationid == UUID(body["application"])
    assert event.data.applicant == citizen
    assert event.data.item.version == 1
    assert not PERSONAL.keys() & event.data.answers.keys()
    keys = await service.keys(body["application"])
    opened = {name: keys.open(name, value) for name, value in event.data.sealed.items()}
    assert opened == PERSONAL


async def test_the_same_key_and_body_get_the_same_answer(
    service: Service, citizen: UUID, application: dict[str, Any]
) -> None:
    reordered = dict(reversed(application.items()))
    async with service.client(citizen) as client:
        first = await client.post(PATH, json=application, headers={"Idempotency-Key": "k1"})
        again = await client.post(PATH, json=reordered, headers={"Idempotency-Key": "k1"})
    assert again.status_code == 202
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert await count(service, citizen) == 1


async def test_the_same_key_with_another_body_is_a_conflict(
    service: Service, citizen: UUID, application: dict[str, Any]
) -> None:
    async with service.client(citizen) as client:
        await client.post(PATH, json=application, headers={"Idempotency-Key": "k1"})
        other = await client.post(PATH, json=application | {"region": "990001"}, headers={"Idempotency-Key": "k1"})
    assert other.status_code == 409
    assert other.json()["type"] == "urn:tongban:problem:idempotency-key-reused"
    assert await count(service, citizen) == 1


async def test_keys_of_different_people_do_not_meet(service: Service, application: dict[str, Any]) -> None:
    answers = []
    for _ in range(2):
        async with service.client(uuid4()) as client:
            answers.append(await client.post(PATH, json=application, headers={"Idempotency-Key": "shared"}))
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() != answers[1].json()


async def test_a_hundred_at_once_with_one_key_make_one_application(
    service: Service, citizen: UUID, application: dict[str, Any]
) -> None:
    async with service.client(citizen) as client:
        answers = await asyncio.gather(
            *(client.post(PATH, json=application, headers={"Idempotency-Key": "one"}) for _ in range(100))
        )
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    assert await count(service, citizen) == 1
    assert len(await service.outbox(answers[0].json()["application"])) == 1


async def test_the_answer_comes_after_the_commit(service: Service, citizen: UUID, application: dict[str, Any]) -> None:
    async with service.runtime.pool.acquire() as blocker, service.client(citizen) as client:
        transaction = blocker.transaction()
        await transaction.start()
        await blocker.execute("LOCK TABLE outbox IN SHARE MODE")
        posting = asyncio.create_task(client.post(PATH, json=application, headers={"Idempotency-Key": "k1"}))
        done, _ = await asyncio.wait([posting], timeout=0.5)
        assert not done
        assert await count(service, citizen) == 0
        await transaction.rollback()
        answer = await asyncio.wait_for(posting, 10)
    assert answer.status_code == 202
    assert await count(service, citizen) == 1


async def test_commits_are_flushed_to_disk(service: Service) -> None:
    async with service.runtime.pool.acquire() as connection:
        assert await connection.fetchval("SHOW synchronous_commit") == "on"
        assert await connection.fetchval("SHOW fsync") == "on"


@pytest.mark.parametrize("key", [None, "", "x" * 201, "含中文", "a b"])
async def test_a_missing_or_odd_key_is_told(
    service: Service, citizen: UUID, application: dict[str, Any], key: str | None
) -> None:
    headers = [] if key is None else [(b"Idempotency-Key", key.encode())]
    async with service.client(citizen) as client:
        answer = await client.post(PATH, content=json.dumps(application), headers=headers)
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["detail_zh"]
    assert "Idempotency-Key" in answer.json()["detail_en"]


async def test_wrong_answers_are_told_by_field_without_repeating_them(
    service: Service, citizen: UUID, application: dict[str, Any]
) -> None:
    answers = dict(application["answers"])
    del answers["project_name"]
    answers |= {"contact_email": "canary-no-mail", "land_area_m2": -1, "colour": "red"}
    async with service.client(citizen) as client:
        answer = await client.post(PATH, json=application | {"answers": answers}, headers={"Idempotency-Key": "k1"})
    assert answer.status_code == 422
    errors = {error["field"]: error for error in answer.json()["errors"]}
    assert errors.keys() == {"project_name", "contact_email", "land_area_m2", "colour"}
    assert errors["project_name"]["message_zh"] == "请填写“项目名称”。"
    assert errors["project_name"]["message_en"] == "Fill in “Project name”."
    assert "canary" not in answer.text
    assert await count(service, citizen) == 0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"region": "12"}, "region"),
        ({"item": "short"}, "item"),
        ({"version": 0}, "version"),
        ({"version": True}, "version"),
        ({"language": "fr"}, "language"),
        ({"answers": []}, "answers"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_malformed_request_is_told_by_field(
    service: Service, citizen: UUID, application: dict[str, Any], change: dict[str, Any], field: str
) -> None:
    async with service.client(citizen) as client:
        answer = await client.post(PATH, json=application | change, headers={"Idempotency-Key": "k1"})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert all(error["message_zh"] and error["message_en"] for error in answer.json()["errors"])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"{", 400),
        (b'{"answers": {"x": NaN}}', 400),
        (b'{"answers": {"x": "\\u0000"}}', 400),
        (b'{"answers": {"x": "\\ud800"}}', 400),
        (b'{"answers": {"x": "\xff"}}', 400),
        (b'{"answers": ' + b"[" * 100 + b"]" * 100 + b"}", 400),
        (b'{"answers": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", 400),
        (b'{"answers": "' + b"x" * 200_000 + b'"}', 413),
    ],
)
async def test_what_is_no_sound_json_is_refused(service: Service, citizen: UUID, body: bytes, status: int) -> None:
    async with service.client(citizen) as client:
        answer = await client.post(PATH, content=body, headers={"Idempotency-Key": "k1"})
    assert answer.status_code == status


async def test_a_number_too_large_for_any_reader_is_told(
    service: Service, citizen: UUID, application: dict[str, Any]
) -> None:
    huge = application | {"answers": application["answers"] | {"investment_cny_10k": 10**400}}
    async with service.client(citizen) as client:
        answer = await client.post(PATH, json=huge, headers={"Idempotency-Key": "k1"})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["investment_cny_10k"]


async def test_a_body_that_is_sent_in_pieces_has_the_same_limit(service: Service, citizen: UUID) -> None:
    async def pieces() -> Any:
        for _ in range(10):
            yield b" " * 20_000

    async with service.client(citizen) as client:
        answer = await client.post(PATH, content=pieces(), headers={"Idempotency-Key": "k1"})
    assert answer.status_code == 413


async def test_unknown_items_and_versions_are_told(
    service: Service, citizen: UUID, application: dict[str, Any]
) -> None:
    async with service.client(citizen) as client:
        unknown = await client.post(PATH, json=application | {"item": "0" * 31}, headers={"Idempotency-Key": "k"})
        version = await client.post(PATH, json=application | {"version": 99}, headers={"Idempotency-Key": "k"})
        named = await client.post(PATH, json=application | {"version": 1}, headers={"Idempotency-Key": "k"})
    assert (unknown.status_code, version.status_code, named.status_code) == (404, 404, 202)


async def test_only_citizens_apply(service: Service, citizen: UUID, application: dict[str, Any]) -> None:
    async with service.client() as nobody, service.client(citizen, "officer") as officer:
        first = await nobody.post(PATH, json=application, headers={"Idempotency-Key": "k"})
        second = await officer.post(PATH, json=application, headers={"Idempotency-Key": "k"})
    assert (first.status_code, second.status_code) == (401, 403)


async def test_personal_answers_are_in_no_table(service: Service, citizen: UUID, application: dict[str, Any]) -> None:
    async with service.client(citizen) as client:
        answer = await client.post(PATH, json=application, headers={"Idempotency-Key": "k1"})
    submitted = (await service.outbox(answer.json()["application"]))[0]
    await service.hear(submitted)
    tables = await service.runtime.pool.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    looked_at = 0
    for (table,) in tables:
        for (row,) in await service.runtime.pool.fetch(f'SELECT t::text FROM "{table}" t'):  # noqa: S608
            looked_at += 1
            for value in PERSONAL.values():
                assert value not in row
                assert value.encode().hex() not in row
    assert looked_at > 2


async def test_the_largest_request_fits_into_an_event(
    service: Service, citizen: UUID, application: dict[str, Any]
) -> None:
    sealed = CaseKeys(root=bytes(32)).seal(citizen, "contact_name", "字" * (128 * 1024 // 3))
    assert len(sealed) < EVENT_BYTES
    async with service.client(citizen) as client:
        answer = await client.post(PATH, json=application, headers={"Idempotency-Key": "k1"})
    event = (await service.outbox(answer.json()["application"]))[0]
    assert len(encode_body(event.data)) < 4096
