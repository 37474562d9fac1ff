"""Registers in other systems: what they send and what is fetched from them reaches whoever was given something else."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from tongban_catalog.proofs import proofs
from tongban_certificates.registers.holder import HolderKey
from tongban_certificates.registers.model import Record
from tongban_certificates.registers.register import Asked, Registers
from tongban_certificates.sharing.answerer import Answerer
from tongban_runtime.health import Heartbeat
from tongban_schemas.envelope import Event
from tongban_schemas.events.evidence import EvidenceCorrected, EvidenceProvided

from . import cases, sources
from .sources import COMPANY, HOUSEHOLD, LICENCE, PARENT, Elsewhere, World, asked, opened

LATER = timedelta(hours=1)


@pytest.fixture
async def world(pool: Any) -> World:
    return await sources.make_world(pool)


async def told(world: World) -> list[tuple[dict[str, str], bool]]:
    """What receivers were told, and whether the record is gone."""
    await world.work()
    found = await world.told(EvidenceCorrected)
    return [(opened(one), one.data.withdrawn) for one in found if isinstance(one.data, EvidenceCorrected)]


async def withdraw(world: World) -> None:
    async with world.pool.acquire() as tx, tx.transaction():
        await world.registers.withdraw(tx, HOUSEHOLD, [PARENT], world.clock.now())


@pytest.mark.parametrize("version", [9, None])
async def test_what_it_sends_reaches_everybody_who_was_given_something_else(world: World, version: int | None) -> None:
    world.elsewhere.version = 7
    await world.ask(asked("a", "household"), asked("b", "household"))
    world.clock.advance(LATER)
    await world.put(HOUSEHOLD, {"relation": "母女"}, version=version)
    assert await told(world) == [({"relation": "母女"}, False)] * 2
    world.clock.advance(LATER)
    await world.put(HOUSEHOLD, {"relation": "祖孙"})
    assert (await told(world))[2:] == [({"relation": "祖孙"}, False)] * 2
    world.clock.advance(LATER)
    await withdraw(world)
    assert (await told(world))[4:] == [({}, True)] * 2


async def test_a_withdrawal_that_is_the_first_that_it_sends_is_told(world: World) -> None:
    world.elsewhere.version = 7
    await world.ask(asked("a", "household"))
    world.clock.advance(LATER)
    await withdraw(world)
    assert await told(world) == [({}, True)]


async def test_what_receivers_know_already_or_is_older_is_told_to_nobody(world: World) -> None:
    world.clock.advance(LATER)
    world.elsewhere.changed_at = world.clock.now()
    await world.ask(asked("a", "household"))
    async with world.pool.acquire() as tx, tx.transaction():
        entries = world.registers.withdrawals(HOUSEHOLD, [PARENT], cases.START)
        await world.registers.take(tx, HOUSEHOLD, entries)
    await world.put(HOUSEHOLD, {"relation": "父女"}, version=2)
    assert await told(world) == []
    assert not await world.pool.fetch("SELECT FROM correction")


async def test_two_things_that_it_sends_before_anybody_is_told_are_one(world: World) -> None:
    world.elsewhere.version = 7
    await world.ask(asked("a", "household"))
    world.clock.advance(LATER)
    await world.put(HOUSEHOLD, {"relation": "母女"})
    await withdraw(world)
    assert await told(world) == [({}, True)]


async def test_a_record_that_was_gone_for_a_while_counts_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(*_: object) -> None:
        return None

    first = asked("a", "household")
    await world.ask(first)
    world.clock.advance(LATER)
    with monkeypatch.context() as patch:
        patch.setattr(Elsewhere, "ask", gone)
        await world.ask(asked("b", "household"))
    assert await told(world) == [({}, True)]
    world.clock.advance(LATER)
    await world.ask(asked("c", "household"))
    assert (await told(world))[1:] == [({"relation": "父女"}, False)]
    own = [one for one in await world.told() if one.subject == first.subject]
    assert proofs([first, *own])["household"].usable


async def test_one_that_is_slow_holds_up_no_other(world: World) -> None:
    class Slow(Elsewhere):
        async def ask(self, record: UUID, resource: str, holder: str, asked: Asked) -> Record | None:
            await asyncio.sleep(30)
            return None

    quick = Elsewhere(values={"state": "在营"})
    registers = Registers(HolderKey(bytes(32)), {HOUSEHOLD: Slow(), LICENCE: quick})
    answerer = Answerer(replace(world.sharing, registers=registers), Heartbeat("answerer"))
    await world.hear(asked("a", "household"), asked("b", "licence", COMPANY))
    running = asyncio.create_task(answerer.run())
    try:
        async with asyncio.timeout(10):
            while not await world.told(EvidenceProvided):
                await asyncio.sleep(0.02)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_person_gives_nothing_before_earlier_receivers_are_told(world: World) -> None:
    await world.ask(asked("a", "household"))
    world.keyring.refusing[cases.case_id("a")] = "not-your-case"
    world.clock.advance(LATER)
    world.elsewhere.values, world.elsewhere.changed_at = {"relation": "母女"}, world.clock.now()
    second = await _at_a_desk(world, "b")
    async with world.client("street-office-98") as client:
        path = f"/v1/sharing/requests/{second.id}/release"
        early = await client.post(path)
        assert (early.status_code, early.json()["type"]) == (503, "urn:tongban:problem:others-first")
        assert await told(world) == []
        del world.keyring.refusing[cases.case_id("a")]
        assert (await client.post(path)).status_code == 200
    assert await told(world) == [({"relation": "母女"}, False)]


async def _at_a_desk(world: World, name: str) -> Event:
    request = asked(name, "household", expires=cases.START + timedelta(days=60))
    await world.hear(request)
    await world.pool.execute("UPDATE evidence_request SET state = 'desk' WHERE request = $1", request.id)
    return request
