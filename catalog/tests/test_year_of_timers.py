"""A year of deadlines on a real database: workers die and stand still, and every moment is said once and in order."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from tongban_catalog.calendar import packaged
from tongban_catalog.clock import NATION, Calendar, Calendars, Deadline, Stop, deadline, next_alarm, warning
from tongban_catalog.shelf import Shelf
from tongban_runtime import alarms, facts, outbox
from tongban_runtime.alarms import AlarmWorker
from tongban_runtime.database import ENGINE_ERRORS, Pool, Tx, create_pool
from tongban_runtime.facts import Case
from tongban_runtime.health import Heartbeat
from tongban_runtime.outcome import Done
from tongban_runtime.testing.clock import FakeClock
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events.applications import ApplicationAccepted, ApplicationSubmitted
from tongban_schemas.events.catalog import CalendarPublished
from tongban_schemas.types import ItemRef, Limit

CASES = 20_000
SECONDS = 60
ITEM = ItemRef(code="1199000000000001903990100001000", version=1)
MODELS: dict[str, type[EventData]] = {one.TYPE: one for one in (ApplicationSubmitted, ApplicationAccepted)}
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
SILENT_WEEK = datetime(2026, 6, 15, tzinfo=UTC)
NOTICE = datetime(2026, 11, 4, tzinfo=UTC)
END = datetime(2027, 2, 20, tzinfo=UTC)
NEXT_CALENDAR = CalendarPublished(
    region=NATION,
    year=2027,
    off=[date(2027, 1, 1), *(date(2027, 2, day) for day in range(8, 13))],
    work=[date(2027, 2, 20)],
    source="放假安排",
)


class Crash(BaseException):
    """The process ends here: after its effects, before the commit."""


def submitted(number: int, rng: random.Random) -> Event:
    subject = str(UUID(int=rng.getrandbits(128)))
    moment = NEW_YEAR + timedelta(minutes=rng.randrange(350 * 1440))
    data = ApplicationSubmitted(
        item=ITEM, applicant=UUID(int=7), region=rng.choice(["999901", "990000"]), answers={"n": number}
    )
    return Event(event_id(data.TYPE, subject), "/intake", subject, moment, UUID(subject), data, 1)


def periods(calendars: Calendars, start: Event) -> Iterator[tuple[str, Deadline]]:
    """What time makes true of a case: yellow and red of its days, and a period in hours or one that was stopped."""
    assert isinstance(start.data, ApplicationSubmitted)
    region, kind = start.data.region, start.id.int % 4
    limit = Limit(number=5 + start.id.int % 17, unit="ND" if kind == 0 else "WD")
    yellow = warning(calendars, region, start.time, limit)
    assert yellow is not None
    yield "yellow", yellow
    yield "red", deadline(calendars, region, start.time, limit)
    if kind == 1:
        yield "notice", deadline(calendars, region, start.time, Limit(number=12, unit="WH"))
    if kind == 2:
        stop = Stop(start.time + timedelta(days=2), start.time + timedelta(days=9))
        yield "review", deadline(calendars, region, start.time, limit, [stop])


@dataclass
class Service:
    """A service that says when periods end. It dies after every seventh or so of its transactions' work."""

    pool: Pool
    clock: FakeClock
    rng: random.Random
    shelf: Shelf = field(default_factory=Shelf)
    crashes: int = 0
    dying: bool = True

    async def ring(self, tx: Tx, cases: Sequence[Case], until: datetime) -> None:
        calendars = await self.shelf.calendars(tx)
        said: list[Event] = []
        moments: dict[UUID, alarms.Moment] = {}
        for case in cases:
            (start,) = (fact for fact in case.facts if fact.type == ApplicationSubmitted.TYPE)
            known = {fact.id for fact in case.facts}
            ends = list(periods(calendars, start))
            for name, end in ends:
                if end.at is not None and not end.provisional and end.at <= until:
                    event = facts.derive(start, ApplicationAccepted(item=ITEM), name, source="/clock", time=end.at)
                    said += [event] if event.id not in known else []
            moments[UUID(case.subject)] = next_alarm([end for _, end in ends], until)
        said.sort(key=lambda event: (event.time, event.id))
        await facts.remember(tx, await outbox.publish(tx, said))
        await alarms.save(tx, moments)
        if self.dying and self.rng.random() < 0.15:
            self.crashes += 1
            raise Crash

    async def hear(self, events: Sequence[Event]) -> None:
        async with self.pool.acquire() as tx, tx.transaction():
            await self.ring(tx, await facts.absorb(tx, events, MODELS), NEW_YEAR - timedelta(days=1))

    async def touch(self, subjects: Sequence[str]) -> None:
        """What a request does: first what time has made true up to now, then its own."""
        async with self.pool.acquire() as tx, tx.transaction():
            ids = [UUID(subject) for subject in subjects]
            await facts.lock(tx, ids)
            known = await facts.recall(tx, ids, MODELS)
            await self.ring(tx, [Case(one, found, found[0]) for one, found in known.items()], self.clock.now())

    async def learn(self, calendars: Sequence[CalendarPublished], sequence: int = 1) -> None:
        events = [
            Event(event_id(one.TYPE, key, str(sequence)), "/catalog", key, NOTICE, UUID(int=1), one, sequence)
            for one in calendars
            for key in [f"calendar:{one.region}:{one.year}"]
        ]
        async with self.pool.acquire() as tx, tx.transaction():
            assert await self.shelf.learn(tx, events, models=MODELS, resume=None) == Done()

    def worker(self) -> AlarmWorker:
        return AlarmWorker(self.pool, self.clock, MODELS, self.ring, Heartbeat("alarms"))

    async def catch_up(self) -> None:
        """Worker after worker, two at a time, until nothing is due: some die of themselves, some are killed."""
        while True:
            workers = [asyncio.ensure_future(self.worker().ring_due()) for _ in range(2)]
            if self.dying and self.rng.random() < 0.1:
                await asyncio.sleep(self.rng.random() * 0.01)
                workers[0].cancel()
                self.crashes += 1
            results = await asyncio.gather(*workers, return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException) and not isinstance(
                    result, (Crash, asyncio.CancelledError, *ENGINE_ERRORS)
                ):
                    raise result
            if all(result == 0 for result in results):
                return


@pytest.mark.alone
async def test_a_year_of_timers(database: Callable[[str], Awaitable[str]]) -> None:
    async with await create_pool(await database("tongban_catalog"), 4) as pool:
        await _a_year(pool)


async def _a_year(pool: Pool) -> None:
    rng = random.Random(20260101)  # noqa: S311 - a seed makes the run repeatable
    service = Service(pool, FakeClock(NEW_YEAR), rng, dying=False)
    await service.learn(packaged())
    starts = [submitted(number, rng) for number in range(CASES)]
    for first in range(0, CASES, 2000):
        await service.hear(starts[first : first + 2000])
    await service.catch_up()
    assert await pool.fetchval("SELECT count(*) FROM outbox") == 0

    service.dying = True
    began = time.monotonic()
    noticed = False
    while service.clock.now() < END:
        silent = SILENT_WEEK <= service.clock.now() < SILENT_WEEK + timedelta(days=2)
        service.clock.advance(timedelta(days=7) if silent else timedelta(hours=rng.randint(6, 96)))
        if not noticed and service.clock.now() >= NOTICE:
            assert await pool.fetchval("SELECT count(*) FROM alarm WHERE provisional") > 100
            await service.learn([NEXT_CALENDAR])
            noticed = True
        await service.catch_up()
    elapsed = time.monotonic() - began

    final = Calendars(Calendar.of(one) for one in [*packaged(), NEXT_CALENDAR])
    expected = {
        (start.subject, event_id(ApplicationAccepted.TYPE, start.subject, name), end.at)
        for start in starts
        for name, end in periods(final, start)
    }
    rows = await pool.fetch("SELECT subject, event_id, time FROM outbox ORDER BY id")
    assert len(rows) == len(expected)
    assert {(str(row["subject"]), row["event_id"], row["time"]) for row in rows} == expected
    times = [row["time"] for row in rows]
    assert times == sorted(times)
    assert await pool.fetchval("SELECT count(*) FROM alarm") == 0
    assert service.crashes > 50
    assert elapsed < SECONDS, f"a year of {len(rows)} moments took {elapsed:.0f} seconds"


async def test_requests_calendars_and_alarms_do_not_block_each_other(
    database: Callable[[str], Awaitable[str]],
) -> None:
    async with await create_pool(await database("tongban_catalog"), 12) as pool:
        rng = random.Random(7)  # noqa: S311 - a seed makes the run repeatable
        service = Service(pool, FakeClock(NOTICE + timedelta(days=30)), rng, dying=False)
        await service.learn(packaged())
        starts = [submitted(number, rng) for number in range(400)]
        await service.hear(starts)
        subjects = [start.subject for start in starts]
        for sequence in range(1, 31):
            service.clock.advance(timedelta(hours=36))
            off = [] if sequence % 2 else NEXT_CALENDAR.off
            await asyncio.gather(
                service.learn([NEXT_CALENDAR.model_copy(update={"off": off})], sequence),
                *(service.touch(rng.sample(subjects, 60)) for _ in range(5)),
                *(service.worker().ring_due() for _ in range(3)),
            )
        service.clock.advance(timedelta(days=60))
        await service.catch_up()
        expected = {
            event_id(ApplicationAccepted.TYPE, start.subject, name)
            for start in starts
            for name, _ in periods(Calendars(), start)
        }
        rows = await pool.fetch("SELECT event_id FROM outbox")
        assert len(rows) == len(expected)
        assert {row["event_id"] for row in rows} == expected
        assert await pool.fetchval("SELECT count(*) FROM alarm") == 0
