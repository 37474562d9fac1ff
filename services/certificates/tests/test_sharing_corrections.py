"""A correction at the source reaches every earlier receiver, once, and nobody else; a dispute is answered."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from tongban_catalog.proofs import proofs
from tongban_certificates.handlers import CertificateHandlers
from tongban_certificates.registers.register import Row
from tongban_certificates.sharing import answers
from tongban_certificates.sharing.corrector import Corrector
from tongban_certificates.sharing.domain import ShareRequest
from tongban_runtime import facts
from tongban_runtime.health import Heartbeat
from tongban_runtime.testing.injection import ARRIVALS, Arrival
from tongban_schemas.envelope import Event
from tongban_schemas.events.access import AccessErased
from tongban_schemas.events.evidence import (
    EvidenceCorrected,
    EvidenceDisputeAnswered,
    EvidenceOverdue,
    EvidenceProvided,
    evidence_field,
)

from . import cases, sources
from .conftest import hear
from .sources import PARENT, PERMIT, World, asked, disputed, opened, permit, words

OTHER_PERSON = "990100188001010058"
LATER = timedelta(hours=1)


@pytest.fixture
async def world(pool: Any) -> World:
    return await sources.make_world(pool)


def corrections(events: list[Event]) -> dict[str, EvidenceCorrected]:
    """By case."""
    return {one.subject: one.data for one in events if isinstance(one.data, EvidenceCorrected)}


async def move(world: World, address: str, holder: str = PARENT) -> None:
    """The person has another address, an hour later."""
    world.clock.advance(LATER)
    await world.put(PERMIT, permit(address), holder)


def desk(one: Event, act: str = "") -> str:
    return f"/v1/sharing/disputes/{one.id}{act}"


async def answer(world: World, dispute: Event, outcome: str, department: str = "public-security") -> Any:
    async with world.client(department) as client:
        return await client.post(desk(dispute, "/answer"), json={"outcome": outcome, "text": "已核实。"})


async def test_a_change_reaches_every_receiver_of_the_record_and_nobody_else(world: World) -> None:
    await world.put(PERMIT, permit(), OTHER_PERSON)
    given = await world.ask(
        asked("a"),
        asked("b"),
        asked("other", holder=OTHER_PERSON),
        asked("tax", "tax"),
        asked("c", fields=["holder_name"]),
    )
    assert len(given) == 4
    await move(world, "示例路2号")
    told = corrections(await world.ask())
    assert told.keys() == {str(cases.case_id(name)) for name in ("a", "b")}
    for one in await world.told(EvidenceCorrected):
        data = one.data
        assert isinstance(data, EvidenceCorrected)
        assert opened(one) == {"address": "示例路2号"}
        assert (data.changed, data.cause, data.values, data.withdrawn) == (["address"], "source", {}, False)
        assert data.recorded_at == world.clock.now()
        assert data.provided in {event.id for event in given if event.subject == one.subject}
    asked_for = {(one.purpose, one.fields) for one in world.keyring.asked[-2:]}
    assert asked_for == {("correct", frozenset({evidence_field("permit", "address")}))}


async def test_changes_that_come_together_are_told_as_one_and_later_ones_again(world: World) -> None:
    await world.ask(asked("a"))
    await move(world, "示例路2号")
    await world.put(PERMIT, {**permit("示例路2号"), "both_permits_valid": False})
    await world.work()
    (first,) = await world.told(EvidenceCorrected)
    assert isinstance(first.data, EvidenceCorrected)
    assert (first.data.changed, first.data.values) == (["address", "both_permits_valid"], {"both_permits_valid": False})
    await move(world, "示例路3号")
    await world.work()
    *_, last = await world.told(EvidenceCorrected)
    assert opened(last) == {"address": "示例路3号"}
    assert len(await world.told(EvidenceCorrected)) == 2


async def test_who_was_given_the_new_record_hears_of_later_changes_alone(world: World) -> None:
    await move(world, "示例路2号")
    await world.ask(asked("a"))
    assert corrections(await world.told()) == {}
    await world.put(PERMIT, permit("示例路2号"))
    assert corrections(await world.ask()) == {}


@pytest.mark.parametrize("ending", ["withdrawn", "vault"])
async def test_a_closed_case_learns_that_it_changed_and_not_how(world: World, ending: str) -> None:
    await world.ask(asked("a"), asked("b"))
    if ending == "vault":
        world.keyring.refusing[cases.case_id("a")] = "erased"
    else:
        async with world.pool.acquire() as tx, tx.transaction():
            await facts.remember(tx, [*cases.granted_case("a", sources.ITEM)[:1], cases.withdrawn("a", 9)])
    await move(world, "示例路2号")
    told = corrections(await world.ask())
    closed, running = told[str(cases.case_id("a"))], told[str(cases.case_id("b"))]
    assert (closed.changed, closed.values, closed.sealed) == (["address"], {}, {})
    assert running.sealed.keys() == {"address"}


async def test_values_wait_for_a_vault_that_has_not_heard_yet_what_was_given(world: World) -> None:
    await world.ask(asked("a"))
    world.keyring.refusing[cases.case_id("a")] = "not-your-case"
    await move(world, "示例路2号")
    assert corrections(await world.ask()) == {}
    del world.keyring.refusing[cases.case_id("a")]
    world.clock.advance(timedelta(seconds=1))
    (told,) = corrections(await world.ask()).values()
    assert told.sealed.keys() == {"address"}


async def test_a_withdrawn_record_is_told_without_values(world: World) -> None:
    await world.ask(asked("a"))
    async with world.pool.acquire() as tx, tx.transaction():
        await world.registers.withdraw(tx, PERMIT, [PARENT], world.clock.now() + LATER)
    (told,) = corrections(await world.ask()).values()
    assert (told.withdrawn, told.values, told.sealed) == (True, {}, {})


async def test_a_record_that_is_back_counts_however_late_its_withdrawal_was_told(world: World) -> None:
    request = asked("a")
    await world.ask(request)
    gone = world.clock.now()
    async with world.pool.acquire() as tx, tx.transaction():
        await world.registers.withdraw(tx, PERMIT, [PARENT], gone)
    world.clock.advance(LATER)
    await world.work()
    async with world.pool.acquire() as tx, tx.transaction():
        await world.registers.put(tx, PERMIT, [Row(PARENT, permit("示例路2号"))], gone + timedelta(minutes=1))
    told = await world.ask()
    assert len([one for one in told if isinstance(one.data, EvidenceCorrected)]) == 2
    assert proofs([request, *told])["permit"].usable


async def test_two_correctors_tell_every_receiver_once(world: World) -> None:
    await world.ask(*(asked(f"case-{index}") for index in range(30)))
    await move(world, "示例路2号")
    other = Corrector(world.sharing, Heartbeat("corrector"), batch=7)
    while sum(await asyncio.gather(world.corrector.round(), other.round())):
        pass
    assert len(await world.told(EvidenceCorrected)) == 30
    assert len(corrections(await world.told())) == 30


async def test_failed_commit_tells_nobody_and_the_next_try_everybody(world: World) -> None:
    await world.ask(asked("a"), asked("b"))
    await move(world, "示例路2号")
    await world.pool.execute(
        """
        CREATE FUNCTION break_off() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'broken off'; END $$;
        CREATE TRIGGER break_off BEFORE DELETE ON correction FOR EACH ROW EXECUTE FUNCTION break_off();
        """
    )
    try:
        with pytest.raises(Exception, match="broken off"):
            await world.corrector.round()
    finally:
        await world.pool.execute("DROP FUNCTION break_off CASCADE")
    assert corrections(await world.told()) == {}
    assert len(corrections(await world.ask())) == 2


async def test_the_corrector_runs_until_it_is_stopped(world: World) -> None:
    await world.ask(asked("a"))
    await move(world, "示例路2号")
    running = asyncio.create_task(world.corrector.run())
    async with asyncio.timeout(10):
        while not await world.told(EvidenceCorrected):
            await asyncio.sleep(0.02)
    world.corrector.stop()
    await running


async def test_a_dispute_is_shown_to_the_source_with_the_record(world: World) -> None:
    (given,) = await world.ask(asked("a"))
    dispute = disputed(given, "address")
    await world.hear(dispute)
    await world.work()
    async with world.client("public-security") as client:
        (listed,) = (await client.get("/v1/sharing/disputes")).json()["disputes"]
        shown = (await client.get(desk(dispute))).json()
    assert (listed["dispute"], listed["fields"], listed["due_at"] is not None) == (str(dispute.id), ["address"], True)
    assert (shown["text"], shown["holder"]) == ("地址不对", PARENT)
    assert {one["field"]: one["value"] for one in shown["record"]["fields"]}["address"] == sources.ADDRESS
    keys = world.keyring.asked[-1]
    assert (keys.purpose, keys.officer, keys.request) == ("share", UUID(int=3), asked("a").id)


async def test_corrected_needs_a_corrected_record_and_then_reaches_all_receivers(world: World) -> None:
    given = await world.ask(asked("a"), asked("b"))
    dispute = disputed(given[0], "address")
    await world.hear(dispute)
    unchanged = await answer(world, dispute, "corrected")
    assert (unchanged.status_code, unchanged.json()["type"]) == (409, "urn:tongban:problem:record-unchanged")
    await move(world, "示例路2号")
    assert (await answer(world, dispute, "corrected")).status_code == 200
    assert (await answer(world, dispute, "upheld")).status_code == 409
    told = corrections(await world.ask())
    assert len(told) == 2
    assert {one.cause for one in told.values()} == {"dispute"}
    (said,) = await world.told(EvidenceDisputeAnswered)
    assert isinstance(said.data, EvidenceDisputeAnswered)
    assert (said.data.outcome, said.data.dispute, said.data.officer) == ("corrected", dispute.id, UUID(int=3))
    assert (words(said, "text"), said.subject, said.causationid) == ("已核实。", given[0].subject, dispute.id)


async def test_while_somebody_disputes_a_record_others_are_told_so(world: World) -> None:
    (given,) = await world.ask(asked("a"))
    dispute = disputed(given, "address")
    await world.hear(dispute)
    *_, during = await world.ask(asked("b"))
    assert (await answer(world, dispute, "upheld")).status_code == 200
    *_, after = await world.ask(asked("c"))
    assert isinstance(during.data, EvidenceProvided)
    assert isinstance(after.data, EvidenceProvided)
    assert (during.data.under_dispute, after.data.under_dispute) == (True, False)


async def test_another_department_answers_no_dispute_and_is_put_on_record(world: World) -> None:
    (given,) = await world.ask(asked("a"))
    dispute = disputed(given, "address")
    await world.hear(dispute)
    assert (await answer(world, dispute, "upheld", "tax")).status_code == 404
    async with world.client("tax") as client:
        assert (await client.get(desk(dispute))).status_code == 404
        assert (await client.get("/v1/sharing/disputes")).json() == {"disputes": []}
    assert [one.rule for one in world.keyring.refused] == ["request-not-yours"] * 2


async def test_disputes_of_others_or_about_what_the_case_was_not_given_are_none(world: World) -> None:
    (given, other) = await world.ask(asked("a"), asked("b"))
    forged = disputed(given, "address", source="/approvals/tax")
    moved = replace(disputed(given, "address"), subject=other.subject)
    unknown = disputed(replace(given, id=UUID(int=8)), "address")
    for one in (forged, moved, unknown):
        await world.hear(one)
    await world.work()
    assert not await world.pool.fetch("SELECT FROM evidence_dispute")
    assert [one.rule for one in world.keyring.refused] == ["forged-source"]


@pytest.mark.parametrize("late", [False, True])
async def test_the_dispute_of_an_erased_case_is_gone(world: World, late: bool) -> None:
    (given,) = await world.ask(asked("a"))
    dispute = disputed(given, "address")
    erased = AccessErased(ground="retention-over", basis="示例条例", key="0" * 64, chain="0" * 64)
    world.keyring.gone.add(UUID(given.subject))
    handlers = CertificateHandlers(world.sharing.shelf, world.clock, world.keyring, world.registers, None)
    if not late:
        await world.hear(dispute)
    await hear(world.pool, handlers.registry(), [cases.fact(given.subject, erased, 200, "/intake/vault")])
    await world.hear(dispute)
    async with world.client("public-security") as client:
        assert (await client.get("/v1/sharing/disputes")).json() == {"disputes": []}
    world.clock.advance(timedelta(days=20))
    await world.work()
    assert await world.told(EvidenceOverdue) == []
    *_, after = await world.ask(asked("b", expires=cases.START + timedelta(days=60)))
    assert isinstance(after.data, EvidenceProvided)
    assert not after.data.under_dispute


async def test_a_dispute_that_nobody_answers_is_told_above_once(world: World) -> None:
    (given,) = await world.ask(asked("a"))
    await world.hear(disputed(given, "address"))
    world.clock.advance(timedelta(days=20))
    await world.work()
    await world.work()
    (late,) = await world.told(EvidenceOverdue)
    assert isinstance(late.data, EvidenceOverdue)
    assert (late.data.supervisor, late.data.request) == ("people-government-99", asked("a").id)


async def test_a_correction_in_a_register_elsewhere_reaches_all_receivers(world: World) -> None:
    given = await world.ask(asked("a", "household"), asked("b", "household"))
    dispute = disputed(given[0], "relation")
    await world.hear(dispute)
    assert (await answer(world, dispute, "corrected", "street-office-98")).status_code == 409
    world.clock.advance(LATER)
    world.elsewhere.values, world.elsewhere.version = {"relation": "母女"}, 2
    world.elsewhere.changed_at = world.clock.now()
    assert (await answer(world, dispute, "corrected", "street-office-98")).status_code == 200
    told = await world.told(EvidenceCorrected)
    assert {one.subject for one in told} == {one.subject for one in given}
    assert [opened(one) for one in told] == [{"relation": "母女"}] * 2
    assert len(await world.ask()) == 5


async def change_elsewhere(world: World, **values: object) -> None:
    """The register elsewhere has other values, an hour later, and tells nobody."""
    world.clock.advance(LATER)
    world.elsewhere.values, world.elsewhere.changed_at = values, world.clock.now()
    world.elsewhere.version += 1


async def test_who_was_given_other_values_of_a_register_elsewhere_hears_when_it_is_asked_again(world: World) -> None:
    await world.ask(asked("a", "household"))
    await world.ask(asked("b", "household"))
    assert corrections(await world.told()) == {}
    await change_elsewhere(world, relation="母女")
    told = await world.ask(asked("c", "household"))
    first, second = (one for one in told if isinstance(one.data, EvidenceCorrected))
    assert {first.subject, second.subject} == {str(cases.case_id(name)) for name in ("a", "b")}
    assert [opened(one) for one in (first, second)] == [{"relation": "母女"}] * 2
    await world.ask(asked("d", "household"))
    assert len(await world.told(EvidenceCorrected)) == 2
    kept = str([dict(row) for row in await world.pool.fetch("SELECT * FROM disclosure")])
    assert "母女" not in kept
    assert "父女" not in kept


async def test_an_answer_from_elsewhere_waits_until_the_earlier_receivers_can_be_told(world: World) -> None:
    await world.ask(asked("a", "household"))
    world.keyring.refusing[cases.case_id("a")] = "not-your-case"
    await change_elsewhere(world, relation="母女")
    assert len(await world.ask(asked("b", "household"))) == 1
    del world.keyring.refusing[cases.case_id("a")]
    world.clock.advance(timedelta(seconds=1))
    _, told, given = await world.ask()
    assert (type(told.data), type(given.data)) == (EvidenceCorrected, EvidenceProvided)


async def test_a_receiver_that_cannot_be_told_is_tried_again_and_holds_up_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.ask(asked("a"), asked("b"))
    await move(world, "示例路2号")
    real = answers.corrected

    def broken(request: ShareRequest, *parts: Any) -> Event:
        if request.application == cases.case_id("a"):
            raise ValueError("broken")
        return real(request, *parts)

    with monkeypatch.context() as patched:
        patched.setattr(answers, "corrected", broken)
        assert corrections(await world.ask()).keys() == {str(cases.case_id("b"))}
    world.clock.advance(timedelta(seconds=1))
    assert len(corrections(await world.ask())) == 2


@pytest.mark.parametrize("arrival", ARRIVALS)
async def test_arrival_of_disputes_changes_nothing(world: World, arrival: Arrival) -> None:
    requests = [asked(f"case-{index}") for index in range(5)]
    given = await world.ask(*requests)
    await hear(world.pool, world.registry, [*requests, *(disputed(one, "address") for one in given)], arrival, 3)
    assert await world.pool.fetchval("SELECT count(*) FROM evidence_dispute") == 5
    assert await world.pool.fetchval("SELECT count(*) FROM sharing_timer") == 5
    assert len(await world.ask()) == 5


async def test_changes_of_records_that_nobody_was_given_are_not_queued(world: World) -> None:
    rows = [Row(f"99010018800101{index:04}", permit(f"示例路{index}号")) for index in range(200)]
    async with world.pool.acquire() as tx, tx.transaction():
        await world.registers.put(tx, PERMIT, rows, cases.START)
        changed = [Row(row.holder, permit("示例路9号")) for row in rows]
        assert len(await world.registers.put(tx, PERMIT, changed, world.clock.now())) == 199
    assert not await world.pool.fetch("SELECT FROM correction")
