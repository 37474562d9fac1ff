"""What is done now and again: personal data end by themselves when their time is over, and so do forgotten files."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tongban_intake import rounds
from tongban_intake.rounds import AGAIN_AFTER, Rounds, eraser, every_hour, every_night, sweeper
from tongban_intake.uploads import rows
from tongban_intake.uploads.desk import Uploads
from tongban_intake.uploads.rows import KeptFile
from tongban_intake.vault.erasing import Retention, finish
from tongban_runtime.health import Heartbeat
from tongban_runtime.keys import KeysRefusedError
from tongban_runtime.testing.clock import FakeClock
from tongban_schemas.events.access import AccessErased

from .counter import Counter

COUNTS = {
    "draft": "SELECT count(*) FROM draft WHERE id = $1",
    "evidence_file": "SELECT count(*) FROM evidence_file WHERE application = $1",
    "outbox": "SELECT count(*) FROM outbox WHERE subject = $1",
}
SHORT = Retention(10, timedelta(days=20), timedelta(days=30))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "POLL_SECONDS", 0.01)


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await true():
            await asyncio.sleep(0.01)


class Night:
    """A counter with a store of files, and what the eraser and the sweeper do to both."""

    def __init__(self, counter: Counter, folder: Path) -> None:
        self.counter, self.folder = counter, folder
        self.uploads = Uploads.build(folder.as_uri(), None)
        self.vault, self.pool = counter.service.intake.vault, counter.service.runtime.pool
        counter.service.app.state.intake = replace(counter.service.intake, uploads=self.uploads)

    async def erase(self) -> None:
        await self.once(eraser(self.pool, self.vault, self.uploads, SHORT, Heartbeat("eraser")))

    async def once(self, component: Rounds) -> None:
        """One round, which ends without an error."""
        assert await component._round()

    async def draft(self) -> UUID:
        body = {"item": self.counter.item.code, "region": "990000", "answers": self.counter.item.form.example()}
        async with self.counter.service.client(self.counter.person) as client:
            return UUID((await client.post("/v1/drafts", json=body)).json()["draft"])

    async def upload(self, case: UUID) -> Path:
        place = await self.uploads.files.put(b"sealed")
        async with self.pool.acquire() as tx, tx.transaction():
            file = KeptFile(case, case, "design-scheme", place, bytes(32), "image/png")
            await rows.add(tx, file, self.counter.clock.now())
        return self.folder / place

    async def is_erased(self, case: UUID) -> bool:
        try:
            await self.vault.open(self.pool, case)
        except KeysRefusedError as refused:
            return refused.rule == "erased"
        return False

    async def count(self, table: str, case: UUID) -> int:
        """How many rows a case has."""
        found: int = await self.pool.fetchval(COUNTS[table], case)
        return found

    def epochs(self) -> list[str]:
        return sorted(path.name for path in self.counter.service.intake.settings.vault_dir.glob("[0-9]*.key"))


@pytest.fixture
async def night(counter: Counter, tmp_path: Path) -> Night:
    return Night(counter, tmp_path / "files")


async def test_personal_data_end_when_their_time_is_over(night: Night) -> None:
    counter = night.counter
    forgotten, touched, sent = [await night.draft() for _ in range(3)]
    withdrawn, kept = UUID(await counter.apply()), UUID(await counter.apply())
    assert (await counter.by_applicant(str(withdrawn), "withdrawal")).status_code == 202
    files = [await night.upload(case) for case in (forgotten, withdrawn, kept)]
    await counter.pass_days(19)
    await night.erase()
    assert not await night.is_erased(withdrawn)
    assert night.epochs() == ["1.key"]
    async with counter.service.client(counter.person) as client:
        body = {"item": counter.item.code, "region": "990000", "answers": {}}
        assert (await client.put(f"/v1/drafts/{touched}", json=body, headers={"If-Match": "*"})).status_code == 200
        assert (await client.post(f"/v1/drafts/{sent}/submission?again=true")).status_code == 202
    await counter.pass_days(12)
    await night.erase()
    assert [await night.is_erased(case) for case in (forgotten, withdrawn)] == [True, True]
    assert [await night.is_erased(case) for case in (touched, sent, kept)] == [False, False, False]
    for case, ground in ((forgotten, "retention-over"), (withdrawn, "withdrawn")):
        told: Any = (await counter.one(str(case), AccessErased)).data
        assert told.ground == ground
        assert await night.count("evidence_file", case) == 0
    assert await night.count("draft", forgotten) == 0
    assert await night.count("draft", touched) == 1
    assert [file.exists() for file in files] == [False, False, True]
    assert night.epochs() == ["2.key"]
    await night.erase()
    assert night.epochs() == ["2.key"]


async def test_a_discarded_draft_is_gone_at_once_and_its_wrapped_key_by_the_next_night(night: Night) -> None:
    counter = night.counter
    draft, crossed = await night.draft(), await night.draft()
    file = await night.upload(draft)
    async with counter.service.client(counter.person) as client:
        assert (await client.delete(f"/v1/drafts/{draft}")).status_code == 204
        assert await night.is_erased(draft)
        assert not file.exists()
        await night.pool.execute(
            "UPDATE vault_key SET wrapped = NULL, erased_at = now() WHERE application = $1", crossed
        )
        assert (await client.post(f"/v1/drafts/{crossed}/submission?again=true")).status_code == 410
        assert await night.count("outbox", crossed) == 0
    assert night.epochs() == ["1.key"]
    await night.erase()
    assert night.epochs() == ["2.key"]
    night.vault.encryption.make(3)
    assert await counter.apply()
    assert await finish(night.pool, night.vault) == 1
    assert night.epochs() == ["4.key"]
    assert await counter.apply()


async def test_what_a_process_left_behind_is_swept(night: Night) -> None:
    case = UUID(await night.counter.apply())
    file = await night.upload(case)
    sweep = sweeper(night.pool, night.uploads, night.counter.clock, Heartbeat("sweeper"))
    night.counter.clock.advance(timedelta(days=400))
    await night.once(sweep)
    async with night.pool.acquire() as tx, tx.transaction():
        await rows.forget(tx, [case])
    await night.once(sweeper(night.pool, night.uploads, night.counter.clock, Heartbeat("sweeper")))
    assert file.exists()
    assert await night.uploads.sweep(night.pool, datetime.now(UTC) + timedelta(days=2)) == 1
    assert not file.exists()


async def test_a_round_is_done_at_the_start_and_when_it_is_due_again() -> None:
    clock, beat, done = FakeClock(), Heartbeat("x"), [0]
    fails = [False]

    async def work() -> None:
        done[0] += 1
        if fails[0]:
            raise OSError

    async def times(number: int) -> bool:
        return done[0] == number

    async def looked_at_the_clock() -> None:
        """A round beats once at most after its work was done; the beat after that one is of a look at the clock."""
        before = beat.beats

        async def went_on() -> bool:
            return beat.beats > before + 1

        await until(went_on)

    component = Rounds("x", work, every_hour, clock, beat)
    running = asyncio.ensure_future(component.run())
    await until(lambda: times(1))
    await looked_at_the_clock()
    clock.advance(timedelta(minutes=59))
    await looked_at_the_clock()
    assert done == [1]
    fails[0] = True
    clock.advance(timedelta(minutes=1))
    await until(lambda: times(2))
    await looked_at_the_clock()
    fails[0] = False
    clock.advance(AGAIN_AFTER)
    await until(lambda: times(3))
    assert beat.beats > 3
    component.stop()
    await asyncio.wait_for(running, 5)


async def test_a_round_under_way_is_broken_off_and_what_fails_otherwise_ends_the_process() -> None:
    started = asyncio.Event()

    async def endless() -> None:
        started.set()
        await asyncio.Event().wait()

    component = Rounds("x", endless, every_hour, FakeClock(), Heartbeat("x"))
    running = asyncio.ensure_future(component.run())
    await started.wait()
    component.stop()
    await asyncio.wait_for(running, 5)

    async def wrong() -> None:
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        await Rounds("x", wrong, every_hour, FakeClock(), Heartbeat("x")).run()


def test_the_night_is_three_oclock_in_china() -> None:
    assert every_night(datetime(2026, 3, 2, 18, 59, tzinfo=UTC)) == datetime(2026, 3, 2, 19, 0, tzinfo=UTC)
    assert every_night(datetime(2026, 3, 2, 19, 0, tzinfo=UTC)) == datetime(2026, 3, 3, 19, 0, tzinfo=UTC)
