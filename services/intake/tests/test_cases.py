"""Withdrawing and correcting a case, and what the consumer makes of its facts."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from tongban_catalog.clock import china_day
from tongban_runtime.outcome import Done
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events import access
from tongban_schemas.events.access import AccessRefused
from tongban_schemas.events.applications import (
    ApplicationAccepted,
    ApplicationCorrected,
    ApplicationSubmitted,
    ApplicationWithdrawn,
)
from tongban_schemas.events.approvals import ApprovalCorrectionRequested, ApprovalRefused
from tongban_schemas.events.catalog import ItemPublished
from tongban_schemas.events.certificates import CertificateIssued
from tongban_schemas.types import ItemRef

from .cases import ITEM, KIND, acted
from .conftest import PERSONAL, Service, only

LAND = "/approvals/natural-resources"


def said(application: str, source: str, data: EventData, sequence: int = 1) -> Event:
    """An event of another service about an application."""
    event = Event(
        id=event_id(data.TYPE, application, str(sequence)),
        source=source,
        subject=application,
        time=datetime.now(UTC),
        sequence=sequence,
        correlationid=UUID(application),
        data=data,
    )
    return acted(event)


def correction_asked(application: str, fields: Sequence[str], sequence: int = 1) -> Event:
    asked = ApprovalCorrectionRequested(
        step="FA", department="natural-resources", fields=list(fields), message="s1.bWVzc2FnZQ"
    )
    return said(application, LAND, asked, sequence)


async def apply(service: Service, applicant: UUID, body: dict[str, Any]) -> str:
    async with service.client(applicant) as client:
        answer = await client.post("/v1/applications", json=body, headers={"Idempotency-Key": str(uuid4())})
    assert answer.status_code == 202
    application: str = answer.json()["application"]
    return application


async def accepted(service: Service, applicant: UUID, body: dict[str, Any]) -> str:
    application = await apply(service, applicant, body)
    await service.hear(*await service.outbox(application))
    return application


async def test_what_is_submitted_is_accepted_once(service: Service, citizen: UUID, application: dict[str, Any]) -> None:
    case = await apply(service, citizen, application)
    submitted = only(await service.outbox(case), ApplicationSubmitted)
    for _ in range(3):
        assert await service.hear(submitted) == [Done()]
    event = only(await service.outbox(case), ApplicationAccepted)
    assert (event.sequence, event.causationid, event.correlationid) == (2, submitted.id, submitted.correlationid)
    assert isinstance(event.data, ApplicationAccepted)
    assert event.data.item == ItemRef(code=application["item"], version=1)
    assert event.data.number is not None
    assert event.data.number.startswith(f"{application['item']}{china_day(submitted.time):%Y%m%d}")
    assert event.data.act is not None
    assert event.data.act.kind == "acceptance"
    assert event.data.act.number == f"{event.data.number}-AC-1"


async def test_a_case_withdrawn_before_it_is_heard_of_is_not_accepted(
    service: Service, citizen: UUID, application: dict[str, Any]
) -> None:
    case = await apply(service, citizen, application)
    async with service.client(citizen) as client:
        answer = await client.post(f"/v1/applications/{case}/withdrawal")
    assert (answer.status_code, answer.json()) == (202, {"application": case, "position": 2})
    await service.hear(only(await service.outbox(case), ApplicationSubmitted))
    assert [event.type for event in await service.outbox(case)] == [
        ApplicationSubmitted.TYPE,
        ApplicationWithdrawn.TYPE,
    ]


async def test_withdrawing_again_and_at_once_is_one_withdrawal(
    service: Service, citizen: UUID, application: dict[str, Any]
) -> None:
    case = await accepted(service, citizen, application)
    async with service.client(citizen) as client:
        answers = await asyncio.gather(*(client.post(f"/v1/applications/{case}/withdrawal") for _ in range(10)))
    assert {answer.status_code for answer in answers} == {202}
    assert {answer.json()["position"] for answer in answers} == {3}
    only(await service.outbox(case), ApplicationWithdrawn)


@pytest.mark.parametrize(
    ("source", "data", "reason"),
    [
        (
            LAND,
            ApprovalRefused(
                step="FA",
                department="natural-resources",
                decided_by="rule",
                reason_code="design-missing",
                reason="s1.cmVhc29u",
            ),
            "refused",
        ),
        (
            "/certificates/administrative-approval",
            CertificateIssued(
                item=ITEM,
                kind=KIND,
                number="1.2.156.3005.2.0",
                issuer="administrative-approval",
                pdf_sha256="0" * 64,
                verification="http://127.0.0.1/verify",
            ),
            "issued",
        ),
    ],
)
async def test_a_finished_case_takes_no_withdrawal_and_no_correction(
    service: Service, citizen: UUID, application: dict[str, Any], source: str, data: EventData, reason: str
) -> None:
    case = await accepted(service, citizen, application)
    request = correction_asked(case, ["project_name"])
    await service.hear(request, said(case, source, data, 2))
    async with service.client(citizen) as client:
        withdrawal = await client.post(f"/v1/applications/{case}/withdrawal")
        correction = await client.post(
            f"/v1/applications/{case}/corrections",
            json={"request": str(request.id), "answers": {"project_name": "新名称"}},
        )
    for answer in (withdrawal, correction):
        assert answer.status_code == 409
        assert answer.json()["reason"] == reason
        assert answer.json()["detail_zh"]
        assert answer.json()["detail_en"]
    assert len(await service.outbox(case)) == 2


async def test_a_case_of_someone_else_is_not_there(
    service: Service, citizen: UUID, application: dict[str, Any]
) -> None:
    case = await accepted(service, citizen, application)
    request = correction_asked(case, ["project_name"])
    await service.hear(request)
    body = {"request": str(request.id), "answers": {"project_name": "新名称"}}
    async with service.client(uuid4()) as stranger, service.client(citizen, "officer") as officer:
        for path, content in (("withdrawal", None), ("corrections", body)):
            others = await stranger.post(f"/v1/applications/{case}/{path}", json=content)
            nothing = await stranger.post(f"/v1/applications/{uuid4()}/{path}", json=content)
            assert (others.status_code, nothing.status_code) == (404, 404)
            assert others.json() == nothing.json()
            assert (await officer.post(f"/v1/applications/{case}/{path}", json=content)).status_code == 403
    facts = await service.outbox(case)
    assert [fact.type for fact in facts if fact.topic != access.TOPIC] == [
        ApplicationSubmitted.TYPE,
        ApplicationAccepted.TYPE,
    ]
    assert [fact.type for fact in facts if fact.topic == access.TOPIC] == [AccessRefused.TYPE]


async def test_a_correction_says_what_was_asked_for_and_seals_what_is_personal(
    service: Service, citizen: UUID, application: dict[str, Any]
) -> None:
    case = await accepted(service, citizen, application)
    request = correction_asked(case, ["project_name", "contact_name"])
    await service.hear(request)
    answers = {"project_name": "更名后的基地", "contact_name": "金丝雀丁"}
    async with service.client(citizen) as client:
        answer = await client.post(
            f"/v1/applications/{case}/corrections", json={"request": str(request.id), "answers": answers}
        )
    assert (answer.status_code, answer.json()) == (202, {"application": case, "position": 3})
    event = only(await service.outbox(case), ApplicationCorrected)
    assert isinstance(event.data, ApplicationCorrected)
    assert event.causationid == event.data.request == request.id
    assert event.data.answers == {"project_name": "更名后的基地"}
    assert (await service.keys(case)).open("contact_name", event.data.sealed["contact_name"]) == "金丝雀丁"


async def test_a_correction_is_made_once_and_may_be_repeated(
    service: Service, citizen: UUID, application: dict[str, Any]
) -> None:
    case = await accepted(service, citizen, application)
    request = correction_asked(case, ["project_name", "contact_name"])
    await service.hear(request)
    body = {"request": str(request.id), "answers": {"project_name": "一号基地", "contact_name": "金丝雀戊"}}
    other = body | {"answers": {"project_name": "二号基地", "contact_name": "金丝雀戊"}}
    async with service.client(citizen) as client:
        path = f"/v1/applications/{case}/corrections"
        answers = await asyncio.gather(*(client.post(path, json=body) for _ in range(5)))
        conflict = await client.post(path, json=other)
    assert {(answer.status_code, answer.json()["position"]) for answer in answers} == {(202, 3)}
    assert conflict.status_code == 409
    assert conflict.json()["type"] == "urn:tongban:problem:correction-answered"
    only(await service.outbox(case), ApplicationCorrected)


async def test_a_second_correction_builds_on_the_first(
    service: Service, citizen: UUID, application: dict[str, Any]
) -> None:
    case = await accepted(service, citizen, application)
    first, second = correction_asked(case, ["contact_email"], 1), correction_asked(case, ["contact_phone"], 2)
    await service.hear(first, second)
    async with service.client(citizen) as client:
        for request, change in ((first, {"contact_email": "b@example.com"}), (second, {"contact_phone": "000-111111"})):
            answer = await client.post(
                f"/v1/applications/{case}/corrections", json={"request": str(request.id), "answers": change}
            )
            assert answer.status_code == 202
    assert [event.sequence for event in await service.outbox(case)] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("answers", "fields"),
    [
        ({"project_name": "基地", "region": "x"}, ["region"]),
        ({}, ["project_name"]),
        ({"project_name": ""}, ["project_name"]),
    ],
)
async def test_a_wrong_correction_is_told_by_field(
    service: Service, citizen: UUID, application: dict[str, Any], answers: dict[str, Any], fields: list[str]
) -> None:
    case = await accepted(service, citizen, application)
    request = correction_asked(case, ["project_name"])
    await service.hear(request)
    async with service.client(citizen) as client:
        answer = await client.post(
            f"/v1/applications/{case}/corrections", json={"request": str(request.id), "answers": answers}
        )
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == fields
    assert not any(value in answer.text for value in PERSONAL.values())


async def test_a_correction_nobody_asked_for_is_a_conflict(
    service: Service, citizen: UUID, application: dict[str, Any]
) -> None:
    case = await accepted(service, citizen, application)
    async with service.client(citizen) as client:
        answer = await client.post(
            f"/v1/applications/{case}/corrections", json={"request": str(uuid4()), "answers": {"project_name": "基地"}}
        )
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:tongban:problem:no-such-correction-request"


async def test_items_are_listed_and_read_by_anyone(service: Service, application: dict[str, Any]) -> None:
    async with service.client() as nobody:
        listed = await nobody.get("/v1/items")
        one = await nobody.get(f"/v1/items/{application['item']}")
        version = await nobody.get(f"/v1/items/{application['item']}", params={"version": 1})
        unknown = await nobody.get(f"/v1/items/{'0' * 31}")
    assert application["item"] in {item["code"] for item in listed.json()}
    assert one.json()["form"]["properties"]["contact_email"]["x-personal"] is True
    assert version.json() == one.json()
    assert unknown.status_code == 404


async def test_a_new_version_is_the_default_and_the_old_one_stays(
    service: Service, citizen: UUID, application: dict[str, Any]
) -> None:
    async with service.client() as nobody:
        old = (await nobody.get(f"/v1/items/{application['item']}")).json()
    code = "9" * 31
    for version in (1, 2):
        definition = old | {"code": code, "version": version}
        data = ItemPublished(item=ItemRef(code=code, version=version), definition=definition)
        changed = ItemPublished(item=ItemRef(code=code, version=version), definition=definition | {"materials": []})
        await service.hear(catalogued(data), catalogued(changed))
    async with service.client() as nobody:
        newest = (await nobody.get(f"/v1/items/{code}")).json()
    assert newest["version"] == 2
    assert newest["materials"] == old["materials"]


def catalogued(data: EventData, sequence: int = 1) -> Event:
    return Event(
        id=uuid4(),
        source="/catalog",
        subject="entry",
        time=datetime.now(UTC),
        sequence=sequence,
        correlationid=uuid4(),
        data=data,
    )
