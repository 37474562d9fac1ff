"""People at a source answer what the law leaves to people, in time, with reasons; above them somebody decides."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tongban_certificates.sharing.api import bound
from tongban_runtime.auth import routes_without_policy
from tongban_runtime.service import new_app
from tongban_runtime.testing.injection import ARRIVALS, Arrival
from tongban_schemas.envelope import Event
from tongban_schemas.events.evidence import (
    EvidenceFailed,
    EvidenceNotRecorded,
    EvidenceOverdue,
    EvidenceProvided,
    EvidenceRefused,
    evidence_field,
    evidence_text_field,
    lookup_field,
)

from . import cases, sources
from .conftest import hear
from .sources import World, asked, objected, opened, refusal_of, words

LONG: dict[str, Any] = {"expires": cases.START + timedelta(days=60)}
REFUSAL = {"ground": "under-investigation", "basis": "示例条例 第九条", "reason": "正在核查。"}
TENTH_DAY_ENDS = datetime(2026, 3, 16, 16, tzinfo=UTC)
"""24:00 in China on the tenth working day after 2 March 2026."""
ABOVE = ("people-government-99",)


@pytest.fixture
async def world(pool: Any) -> World:
    return await sources.make_world(pool)


def request(name: str = "a", **parts: Any) -> Event:
    return asked(name, "tax", **{**LONG, **parts})


def path(one: Event, act: str = "") -> str:
    return f"/v1/sharing/requests/{one.id}{act}"


async def refuse(world: World, one: Event, department: str = "tax", *duties: Any) -> Event:
    """Refuses as an officer; returns the refusal."""
    async with world.client(department, duties=duties) as client:
        answer = await client.post(path(one, "/refusal"), json=REFUSAL)
    assert answer.status_code == 200, answer.text
    return refusal_of(await world.told())


def test_every_route_has_a_policy(world: World) -> None:
    app = new_app("desk")
    app.include_router(bound(world.sharing))
    assert routes_without_policy(app) == []


async def test_conditional_sharing_waits_for_a_person_who_sees_the_asked_fields_alone(world: World) -> None:
    one = request()
    assert await world.ask(one) == []
    assert world.keyring.asked == []
    async with world.client("tax") as client:
        (listed,) = (await client.get("/v1/sharing/requests")).json()["requests"]
        assert world.keyring.asked == []
        shown = (await client.get(path(one))).json()
        missing = await client.get(path(asked("nobody")))
    assert (listed["request"], listed["stage"], listed["asked_by"]) == (str(one.id), "answer", "market-regulation")
    assert datetime.fromisoformat(listed["due_at"]) == TENTH_DAY_ENDS
    assert listed["provisional"] is False
    assert sources.PARENT not in str(listed)
    assert shown["holder"] == sources.PARENT
    assert {field["field"]: field["value"] for field in shown["record"]["fields"]} == {
        "paid": 12,
        "holder_name": "示例家长",
    }
    assert shown["condition"]["zh"] == "用于信用修复。"
    (keys,) = world.keyring.asked
    assert (keys.purpose, keys.officer, keys.request) == ("share", UUID(int=3), one.id)
    assert keys.fields == {lookup_field("holder"), evidence_text_field("tax")}
    assert missing.status_code == 404


async def test_a_released_proof_carries_the_asked_fields_and_its_officer(world: World) -> None:
    one = request()
    await world.ask(one)
    async with world.client("tax") as client:
        answer = await client.post(path(one, "/release"))
        again = await client.post(path(one, "/release"))
    assert (answer.status_code, answer.json()["result"]) == (200, "provided")
    assert (again.status_code, again.json()["type"]) == (409, "urn:tongban:problem:request-over")
    (given,) = await world.told()
    assert isinstance(given.data, EvidenceProvided)
    assert (given.data.values, opened(given)) == ({"paid": 12}, {"holder_name": "示例家长"})
    assert (given.data.officer, given.data.stage) == (UUID(int=3), "answer")
    assert world.keyring.asked[-1].fields == {lookup_field("holder"), evidence_field("tax", "holder_name")}
    assert not await world.pool.fetch("SELECT FROM sharing_timer")


async def test_releasing_what_is_not_there_says_so(world: World) -> None:
    one = request(holder="990100188001010058")
    await world.ask(one)
    async with world.client("tax") as client:
        assert (await client.get(path(one))).json()["record"] is None
        assert (await client.post(path(one, "/release"))).json()["result"] == "not-recorded"
    (given,) = await world.told()
    assert isinstance(given.data, EvidenceNotRecorded)


@pytest.mark.parametrize(
    "changed",
    [{"basis": ""}, {"basis": "  "}, {"basis": None}, {"ground": "no-wish"}, {"reason": ""}, {"ground": None}],
)
async def test_a_refusal_without_ground_basis_or_reason_is_none(world: World, changed: dict[str, Any]) -> None:
    one = request()
    await world.ask(one)
    body = {name: value for name, value in {**REFUSAL, **changed}.items() if value is not None}
    async with world.client("tax") as client:
        assert (await client.post(path(one, "/refusal"), json=body)).status_code == 422
    assert await world.told() == []


async def test_a_refusal_names_its_basis_and_seals_its_reason(world: World) -> None:
    one = request()
    await world.ask(one)
    refusal = await refuse(world, one)
    assert isinstance(refusal.data, EvidenceRefused)
    assert (refusal.data.ground, refusal.data.basis) == ("under-investigation", "示例条例 第九条")
    assert (words(refusal, "reason"), refusal.data.officer) == ("正在核查。", UUID(int=3))


@pytest.mark.parametrize("act", ["", "/release", "/refusal"])
async def test_another_department_finds_nothing_and_is_put_on_record(world: World, act: str) -> None:
    one = request()
    await world.ask(one)
    async with world.client("public-security", "people-government-99", duties=["supervisor"]) as client:
        if act:
            answer = await client.post(path(one, act), json=REFUSAL)
        else:
            answer = await client.get(path(one))
        listed = (await client.get("/v1/sharing/requests")).json()["requests"]
    assert (answer.status_code, listed) == (404, [])
    (attempt,) = world.keyring.refused
    assert (attempt.rule, attempt.purpose, attempt.officer) == ("request-not-yours", "share", UUID(int=3))
    assert (attempt.application, attempt.request) == (cases.case_id("a"), one.id)
    assert world.keyring.asked == []
    assert await world.told() == []


async def test_keys_that_the_vault_refuses_open_and_release_nothing(world: World) -> None:
    one = request()
    await world.ask(one)
    world.keyring.refusing[cases.case_id("a")] = "case-closed"
    async with world.client("tax") as client:
        assert (await client.get(path(one))).status_code == 403
        assert (await client.post(path(one, "/release"))).status_code == 403
        assert (await client.post(path(one, "/refusal"), json=REFUSAL)).status_code == 403
    assert await world.told() == []


async def test_a_refusal_is_negotiated_then_decided_above_and_no_further(world: World) -> None:
    one = request()
    await world.ask(one)
    first = await refuse(world, one)
    await world.hear(objected(one, first.id, "negotiation", world.clock.now()))
    async with world.client("tax") as client:
        shown = (await client.get(path(one))).json()
    assert (shown["stage"], shown["argument"]) == ("negotiation", "法定需要")
    second = await refuse(world, one)
    assert isinstance(second.data, EvidenceRefused)
    assert (second.data.stage, second.id != first.id) == ("negotiation", True)
    await world.hear(objected(one, second.id, "mediation", world.clock.now()))
    async with world.client("tax") as source, world.client(*ABOVE) as colleague:
        assert (await source.post(path(one, "/release"))).status_code == 404
        assert (await colleague.post(path(one, "/release"))).status_code == 404
    async with world.client(*ABOVE, duties=["supervisor"], name=9) as client:
        (listed,) = (await client.get("/v1/sharing/requests")).json()["requests"]
        assert listed["stage"] == "mediation"
        assert (await client.post(path(one, "/release"))).status_code == 200
    given = (await world.told())[-1]
    assert isinstance(given.data, EvidenceProvided)
    assert (given.data.stage, given.data.officer, given.data.department) == ("mediation", UUID(int=9), "tax")
    assert given.source == "/certificates/tax"


async def test_after_mediation_there_is_no_further_objection(world: World) -> None:
    one = request()
    await world.ask(one)
    for stage, department, duties in (
        ("negotiation", "tax", ()),
        ("mediation", "tax", ()),
        (None, *ABOVE, ("supervisor",)),
    ):
        refusal = await refuse(world, one, department, *duties)
        if stage:
            await world.hear(objected(one, refusal.id, stage, world.clock.now()))
    for stage in ("negotiation", "mediation"):
        await world.hear(objected(one, refusal.id, stage, world.clock.now()))
    assert await world.state(one) == "answered"


async def test_objections_that_skip_a_stage_repeat_or_are_forged_change_nothing(world: World) -> None:
    one = request()
    await world.ask(one)
    refusal = await refuse(world, one)
    now = world.clock.now()
    await world.hear(objected(one, refusal.id, "mediation", now))
    await world.hear(objected(one, one.id, "negotiation", now))
    await world.hear(objected(one, refusal.id, "negotiation", now, source="/approvals/tax"))
    assert await world.state(one) == "answered"
    await world.work()
    assert [attempt.rule for attempt in world.keyring.refused] == ["forged-source"]
    right = objected(one, refusal.id, "negotiation", now)
    await world.hear(right)
    second = await refuse(world, one)
    await world.hear(right)
    assert await world.state(one) == "answered"
    assert second.id == refusal_of(await world.told()).id


async def test_what_the_law_keeps_is_given_by_nobody(world: World) -> None:
    one = asked("a", "adoption", **LONG)
    refusal = refusal_of(await world.ask(one))
    await world.hear(objected(one, refusal.id, "negotiation", world.clock.now()))
    async with world.client("street-office-99") as client:
        answer = await client.post(path(one, "/release"))
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:tongban:problem:may-not-be-given")
    assert len(await world.told()) == 1


async def test_each_stage_is_said_to_be_late_once_to_the_authority_above(world: World) -> None:
    one = request()
    await world.ask(one)
    world.clock.set(TENTH_DAY_ENDS - timedelta(seconds=1))
    assert await world.ask() == []
    world.clock.set(TENTH_DAY_ENDS + timedelta(hours=5))
    await world.work()
    await world.work()
    (late,) = await world.told(EvidenceOverdue)
    assert isinstance(late.data, EvidenceOverdue)
    assert (late.data.stage, late.data.due, late.data.supervisor) == ("answer", TENTH_DAY_ENDS, *ABOVE)
    assert late.time == TENTH_DAY_ENDS
    refusal = await refuse(world, one)
    await world.hear(objected(one, refusal.id, "negotiation", world.clock.now()))
    await world.work()
    world.clock.advance(timedelta(days=10))
    await world.work()
    assert [one.data.stage for one in await world.told(EvidenceOverdue) if isinstance(one.data, EvidenceOverdue)] == [
        "answer",
        "negotiation",
    ]


async def test_a_request_that_ends_on_the_desk_fails_and_cannot_be_answered(world: World) -> None:
    one = request(expires=cases.START + timedelta(days=3))
    await world.ask(one)
    world.clock.set(cases.START + timedelta(days=3))
    async with world.client("tax") as client:
        assert (await client.post(path(one, "/release"))).status_code == 409
        await world.work()
        assert (await client.post(path(one, "/release"))).status_code == 409
    (failure,) = await world.told()
    assert isinstance(failure.data, EvidenceFailed)
    assert (failure.data.reason, failure.data.final) == ("expired", True)


async def test_a_source_elsewhere_that_is_down_is_told_to_the_officer(world: World) -> None:
    world.elsewhere.down = True
    one = asked("a", "household", **LONG)
    await world.ask(one)
    await world.pool.execute("UPDATE evidence_request SET state = 'desk'")
    async with world.client("street-office-98") as client:
        assert (await client.post(path(one, "/release"))).status_code == 503
        world.elsewhere.down = False
        assert (await client.post(path(one, "/release"))).status_code == 200
    assert opened((await world.told())[-1]) == {"relation": "父女"}


@pytest.mark.parametrize("arrival", ARRIVALS)
async def test_arrival_of_objections_changes_nothing(world: World, arrival: Arrival) -> None:
    requests = [request(f"case-{index}") for index in range(6)]
    await world.ask(*requests)
    refusals = [await refuse(world, one) for one in requests]
    objections = [
        objected(one, refusal.id, "negotiation", world.clock.now())
        for one, refusal in zip(requests, refusals, strict=True)
    ]
    await hear(world.pool, world.registry, [*requests, *objections], arrival, 1)
    rows = await world.pool.fetch("SELECT state FROM evidence_request")
    assert {row["state"] for row in rows} == {"negotiation"}
    assert await world.pool.fetchval("SELECT count(*) FROM sharing_timer") == 6
