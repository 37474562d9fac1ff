"""Registers: found by the keyed hash of a number, and what is older never overwrites what is newer."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tongban_certificates.registers.holder import HolderKey, RegisterKeyError, load_key
from tongban_certificates.registers.model import RecordChanged
from tongban_certificates.registers.register import Registers, Row
from tongban_runtime.database import Tx
from tongban_schemas.events.evidence import Cause

MORNING = datetime.fromisoformat("2026-03-02T01:00:00+00:00")
NOON = MORNING + timedelta(hours=3)
HOLDER = "99010018800101004X"
PERMIT = "residence-permit-99"


@pytest.fixture
def registers() -> Registers:
    return Registers(HolderKey(bytes(32)))


def values(address: str = "示例路1号") -> dict[str, object]:
    return {"address": address, "both_permits_valid": True}


async def test_a_record_is_found_by_its_holder_alone(pool: Any, registers: Registers) -> None:
    async with pool.acquire() as tx:
        assert await registers.put(tx, PERMIT, [Row(HOLDER, values())], MORNING) == []
        found = await registers.find(tx, PERMIT, " 990100-18800101-004x ")
        assert found is not None
        assert (found.values, found.version, found.changed_at) == (values(), 1, MORNING)
        assert await registers.find(tx, PERMIT, "990100188001010058") is None
        assert await registers.find(tx, "home-right-99", HOLDER) is None
        assert await registers.records(tx, [found.id]) == {found.id: found}
        stored = await tx.fetchval("SELECT register_record::text FROM register_record")
    assert HOLDER not in stored
    assert HOLDER.encode().hex() not in stored


async def test_a_change_names_its_fields_and_counts_on(pool: Any, registers: Registers) -> None:
    async with pool.acquire() as tx:
        await registers.put(tx, PERMIT, [Row(HOLDER, values())], MORNING)
        assert await registers.put(tx, PERMIT, [Row(HOLDER, values())], NOON) == []
        unchanged = await registers.find(tx, PERMIT, HOLDER)
        assert unchanged is not None
        assert (unchanged.version, unchanged.changed_at) == (1, MORNING)
        change = RecordChanged(PERMIT, unchanged.id, 2, ("address",), False, NOON)
        assert await registers.put(tx, PERMIT, [Row(HOLDER, values("示例路2号"))], NOON) == [change]


async def test_old_news_change_nothing_whatever_they_say(pool: Any, registers: Registers) -> None:
    async with pool.acquire() as tx:
        await registers.put(tx, PERMIT, [Row(HOLDER, values("示例路2号"))], NOON)
        assert await registers.put(tx, PERMIT, [Row(HOLDER, values())], MORNING) == []
        assert await registers.withdraw(tx, PERMIT, [HOLDER], MORNING) == []
        found = await registers.find(tx, PERMIT, HOLDER)
        assert found is not None
        assert found.values == values("示例路2号")


async def test_a_withdrawn_record_is_gone_and_may_come_back(pool: Any, registers: Registers) -> None:
    evening = NOON + timedelta(hours=6)
    async with pool.acquire() as tx:
        await registers.put(tx, PERMIT, [Row(HOLDER, values())], MORNING)
        (gone,) = await registers.withdraw(tx, PERMIT, [HOLDER], NOON)
        assert (gone.version, gone.withdrawn, gone.changed) == (2, True, ("address", "both_permits_valid"))
        assert await registers.find(tx, PERMIT, HOLDER) is None
        assert await registers.withdraw(tx, PERMIT, [HOLDER], NOON) == []
        (back,) = await registers.put(tx, PERMIT, [Row(HOLDER, values())], evening)
        assert (back.record, back.version, back.withdrawn) == (gone.record, 3, False)


async def test_a_withdrawal_that_comes_before_its_record_is_remembered(pool: Any, registers: Registers) -> None:
    async with pool.acquire() as tx:
        assert await registers.withdraw(tx, PERMIT, [HOLDER], NOON) == []
        await registers.put(tx, PERMIT, [Row(HOLDER, values())], MORNING)
        assert await registers.find(tx, PERMIT, HOLDER) is None


async def test_listeners_hear_changes_in_the_transaction_that_makes_them(pool: Any, registers: Registers) -> None:
    heard: list[tuple[Tx, Sequence[RecordChanged], Cause]] = []

    async def listener(tx: Tx, changes: Sequence[RecordChanged], cause: Cause) -> None:
        heard.append((tx, changes, cause))

    registers.listen(listener)
    async with pool.acquire() as tx:
        await registers.put(tx, PERMIT, [Row(HOLDER, values())], MORNING)
        changes = await registers.put(tx, PERMIT, [Row(HOLDER, values("示例路2号"))], NOON, "dispute")
        assert heard == [(tx, changes, "dispute")]


async def test_of_two_rows_about_one_holder_the_last_counts(pool: Any, registers: Registers) -> None:
    async with pool.acquire() as tx:
        entries = registers.entries(PERMIT, [Row(HOLDER, values()), Row(HOLDER.lower(), values("示例路3号"))], MORNING)
        taken = await registers.take(tx, PERMIT, entries)
        assert (taken.added, taken.stale) == (1, 1)
        found = await registers.find(tx, PERMIT, HOLDER)
        assert found is not None
        assert found.values == values("示例路3号")


async def test_records_kept_under_another_key_stop_the_start(pool: Any, registers: Registers) -> None:
    await registers.check_key(pool)
    await registers.check_key(pool)
    with pytest.raises(RegisterKeyError):
        await Registers(HolderKey(b"x" * 32)).check_key(pool)


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    place = tmp_path / "keys" / "register.key"
    first = load_key(place)
    assert place.stat().st_mode & 0o777 == 0o600
    assert load_key(place).fingerprint == first.fingerprint
    assert [one.name for one in place.parent.iterdir()] == ["register.key"]
    place.write_bytes(b"short")
    with pytest.raises(RegisterKeyError):
        load_key(place)
