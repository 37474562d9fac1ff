"""Alarms on a real database: rung in order of time, once, and no case holds up the others."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from tongban_runtime import alarms, facts
from tongban_runtime.alarms import AlarmWorker, Moment, UnsettledAlarmError
from tongban_runtime.database import Pool, Tx
from tongban_runtime.facts import Case
from tongban_runtime.health import Heartbeat
from tongban_runtime.testing.clock import FakeClock
from tongban_schemas.envelope import EventData
from tongban_schemas.events.applications import ApplicationSubmitted

from .samples import submitted

MODELS: dict[str, type[EventData]] = {ApplicationSubmitted.TYPE: ApplicationSubmitted}
DAWN = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
NEVER: Moment = (None, False)


def hour(number: int) -> datetime:
    return DAWN + timedelta(hours=number)


def case_id(number: int) -> UUID:
    return UUID(int=number)


@dataclass
class Service:
    """Its cases ring at hours that a test gives; ``rung`` is what was asked of it, call by call."""

    pool: Pool
    clock: FakeClock = field(default_factory=lambda: FakeClock(DAWN))
    rung: list[tuple[list[int], datetime]] = field(default_factory=list)
    following: dict[int, Moment] = field(default_factory=dict)
    broken: set[int] = field(default_factory=set)
    before_end: Callable[[], Awaitable[None]] | None = None
    heartbeat: Heartbeat = field(default_factory=lambda: Heartbeat("alarms"))

    async def save(self, moments: Mapping[int, Moment]) -> None:
        async with self.pool.acquire() as tx, tx.transaction():
            ids = {case_id(number): moment for number, moment in moments.items()}
            await facts.lock(tx, ids)
            await facts.remember(tx, [submitted(str(one)) for one in ids])
            await alarms.current_basis(tx)
            await alarms.save(tx, ids)

    async def wake_all(self) -> None:
        async with self.pool.acquire() as tx, tx.transaction():
            await alarms.wake_all(tx)

    async def ring(self, tx: Tx, cases: Sequence[Case], until: datetime) -> None:
        numbers = [UUID(case.subject).int for case in cases]
        if self.broken.intersection(numbers):
            raise ArithmeticError("a defect")
        await alarms.current_basis(tx)
        await alarms.save(tx, {case_id(number): self.following.get(number, NEVER) for number in numbers})
        self.rung.append((numbers, until))
        if self.before_end is not None:
            await self.before_end()

    def worker(self, batch: int = 500) -> AlarmWorker:
        return AlarmWorker(self.pool, self.clock, MODELS, self.ring, self.heartbeat, batch)

    async def ring_all(self, batch: int = 500) -> None:
        worker = self.worker(batch)
        while await worker.ring_due():
            pass

    async def standing(self) -> dict[int, Moment]:
        rows = await self.pool.fetch("SELECT * FROM alarm ORDER BY subject")
        return {row["subject"].int: (row["at"], row["provisional"]) for row in rows}


@pytest.fixture
def service(runtime_pool: Pool) -> Service:
    return Service(runtime_pool)


async def test_what_is_due_rings_in_order_of_time(service: Service) -> None:
    await service.save({1: (hour(3), False), 2: (hour(1), False), 3: (hour(2), False), 4: (hour(9), False)})
    service.clock.advance(timedelta(hours=5))
    await service.ring_all()
    assert service.rung == [([2, 3, 1], hour(5))]
    assert await service.standing() == {4: (hour(9), False)}


async def test_a_full_batch_goes_no_further_than_its_last_moment(service: Service) -> None:
    await service.save({number: (hour(number), False) for number in range(1, 6)})
    service.following = {1: (hour(4), False)}
    service.clock.advance(timedelta(hours=9))

    async def once() -> None:
        service.following.clear()

    service.before_end = once
    await service.ring_all(batch=2)
    assert service.rung[:2] == [([1, 2], hour(2)), ([3, 1], hour(4))]
    assert [numbers for numbers, _ in service.rung[2:]] == [[4, 5]]
    assert await service.standing() == {}


async def test_an_estimate_never_rings_and_an_alarm_without_a_moment_is_gone(service: Service) -> None:
    await service.save({1: (None, True), 2: (hour(1), False)})
    await service.save({2: NEVER})
    service.clock.advance(timedelta(days=900))
    await service.ring_all()
    assert service.rung == []
    assert await service.standing() == {1: (None, True)}


async def test_waking_rings_every_alarm_once(service: Service) -> None:
    await service.save({1: (None, True), 2: (hour(50), False), 3: (hour(1), False)})
    service.following = {1: (hour(40), False), 2: (hour(50), False)}
    service.clock.advance(timedelta(hours=2))
    await service.wake_all()
    await service.ring_all()
    assert service.rung == [([3], hour(2)), ([2, 1], hour(2))]
    assert await service.standing() == {1: (hour(40), False), 2: (hour(50), False)}
    service.rung.clear()
    await service.ring_all()
    assert service.rung == []


async def test_what_is_overdue_rings_in_order_before_what_was_woken(service: Service) -> None:
    await service.save({1: (hour(2), False), 2: (hour(99), False), 3: (hour(1), False)})
    service.clock.advance(timedelta(days=1))
    await service.wake_all()
    await service.ring_all(batch=1)
    assert [numbers for numbers, _ in service.rung] == [[3], [1], [2]]


async def test_who_computed_from_old_data_and_commits_late_is_woken_too(service: Service) -> None:
    await service.save({1: (hour(50), False)})
    async with service.pool.acquire() as tx, tx.transaction():
        await facts.lock(tx, [case_id(1)])
        await alarms.current_basis(tx)
        await service.wake_all()
        await alarms.save(tx, {case_id(1): (hour(60), False)})
    service.following = {1: (hour(70), False)}
    await service.ring_all()
    assert await service.standing() == {1: (hour(70), False)}
    assert len(service.rung) == 1


async def test_one_rings_at_a_time(service: Service) -> None:
    await service.save({number: (hour(1), False) for number in range(1, 5)})
    service.clock.advance(timedelta(hours=2))

    async def meanwhile() -> None:
        assert await service.worker().ring_due() == 0

    service.before_end = meanwhile
    await service.ring_all(batch=2)
    assert [numbers for numbers, _ in service.rung] == [[1, 2], [3, 4]]


async def test_a_case_that_was_moved_on_meanwhile_is_left_alone(service: Service) -> None:
    await service.save({1: (hour(1), False), 2: (hour(1), False)})
    service.clock.advance(timedelta(hours=2))
    async with service.pool.acquire() as tx, tx.transaction():
        await facts.lock(tx, [case_id(1)])
        ringing = asyncio.ensure_future(service.worker().ring_due())
        await asyncio.sleep(0.2)
        await alarms.save(tx, {case_id(1): (hour(9), False)})
    assert await ringing == 2
    assert service.rung == [([2], hour(2))]
    assert await service.standing() == {1: (hour(9), False)}


async def test_a_transaction_that_fails_rings_again(service: Service) -> None:
    await service.save({1: (hour(1), False)})
    service.clock.advance(timedelta(hours=2))

    async def dies() -> None:
        service.before_end = None
        raise asyncio.CancelledError

    service.before_end = dies
    with pytest.raises(asyncio.CancelledError):
        await service.worker().ring_due()
    assert await service.standing() == {1: (hour(1), False)}
    await service.ring_all()
    assert [numbers for numbers, _ in service.rung] == [[1], [1]]
    assert await service.standing() == {}


async def test_a_case_that_fails_holds_up_no_other_and_is_tried_again(service: Service) -> None:
    await service.save({number: (hour(number), False) for number in range(1, 6)})
    service.broken = {3}
    service.clock.advance(timedelta(hours=6))
    await service.ring_all()
    assert [numbers for numbers, _ in service.rung] == [[1], [2], [4], [5]]
    for pause in alarms.RETRY_DELAYS[:2]:
        service.clock.advance(pause)
        await service.ring_all()
    assert await service.pool.fetchval("SELECT failures FROM alarm") == 3
    service.broken.clear()
    await service.ring_all()
    assert len(service.rung) == 4
    service.clock.advance(alarms.RETRY_DELAYS[2])
    await service.ring_all()
    assert service.rung[4][0] == [3]
    assert await service.standing() == {}


async def test_an_alarm_that_is_not_moved_on_is_set_aside(service: Service) -> None:
    await service.save({1: (hour(1), False), 2: (hour(1), False)})
    service.following = {1: (hour(1), False)}
    service.clock.advance(timedelta(hours=2))
    await service.ring_all()
    assert await service.pool.fetchval("SELECT retry_at FROM alarm") == hour(2) + alarms.RETRY_DELAYS[0]
    assert await service.standing() == {1: (hour(1), False)}


async def test_a_case_without_facts_is_set_aside(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    async with service.pool.acquire() as tx, tx.transaction():
        await alarms.save(tx, {case_id(1): (hour(1), False)})
    service.clock.advance(timedelta(hours=2))
    await service.ring_all()
    assert service.rung == []
    assert any(record.exc_info and record.exc_info[0] is UnsettledAlarmError for record in caplog.records)


async def test_the_component_rings_and_waits_for_a_broken_engine(service: Service) -> None:
    await service.save({1: (hour(1), False), 2: (hour(3), False)})
    service.clock.advance(timedelta(hours=2))
    worker = service.worker()
    running = asyncio.ensure_future(worker.run())
    await _until(lambda: len(service.rung) == 1)

    async def cut() -> None:
        service.before_end = None
        await service.pool.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    service.before_end = cut
    service.clock.advance(timedelta(hours=2))
    await _until(lambda: len(service.rung) == 3)
    worker.stop()
    await running
    assert [numbers for numbers, _ in service.rung] == [[1], [2], [2]]
    assert service.heartbeat.beats > 2
    assert await service.standing() == {}


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.02)
