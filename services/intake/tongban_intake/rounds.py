"""What is done now and again: due personal data are erased every night, forgotten files are swept every hour."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from tongban_runtime import logs
from tongban_runtime.clock import Clock
from tongban_runtime.database import ENGINE_ERRORS, Pool
from tongban_runtime.health import Heartbeat
from tongban_schemas.types import CHINA

from tongban_intake.kept_forms import KEPT_FOR
from tongban_intake.store import kept_forms
from tongban_intake.uploads.desk import Uploads
from tongban_intake.vault import Vault, VaultKeysMissingError
from tongban_intake.vault.erasing import Retention, erase_due, finish

POLL_SECONDS: Final = 0.5
LONGEST: Final = timedelta(hours=1)
"""How long one round may take."""
AGAIN_AFTER: Final = timedelta(minutes=5)
"""When a round is tried again that an engine held up."""
_NIGHT: Final = 3
_HELD_UP: tuple[type[Exception], ...] = (*ENGINE_ERRORS, VaultKeysMissingError)

Next = Callable[[datetime], datetime]
"""When the next round is due, from the end of one on."""


class Rounds:
    """A component that does its work at the start and then whenever it is due by the service's clock.

    However many processes do the same, the work is safe to be done twice.
    """

    def __init__(self, name: str, work: Callable[[], Awaitable[object]], then: Next, clock: Clock, beat: Heartbeat):
        self._name = name
        self._work = work
        self._next = then
        self._clock = clock
        self._heartbeat = beat
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        """Does a round whenever one is due, until `stop`; a round that is under way then is broken off."""
        due = self._clock.now()
        while not self._stopping.is_set():
            self._heartbeat.beat()
            if self._clock.now() >= due:
                done = await self._round()
                now = self._clock.now()
                due = self._next(now) if done else now + AGAIN_AFTER
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), POLL_SECONDS)

    async def _round(self) -> bool:
        """Whether the round was done; an engine that does not answer holds it up."""
        working = asyncio.ensure_future(self._limited())
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            while not working.done() and not stopping.done():
                self._heartbeat.beat()
                await asyncio.wait({working, stopping}, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                return False
            await working
        except _HELD_UP as error:
            logs.warning("rounds.postponed", error=error, component=self._name)
            return False
        finally:
            for task in (working, stopping):
                task.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)
        return True

    async def _limited(self) -> None:
        async with asyncio.timeout(LONGEST.total_seconds()):
            await self._work()


def every_night(now: datetime) -> datetime:
    """The next 03:00 in China."""
    local = now.astimezone(CHINA)
    night = local.replace(hour=_NIGHT, minute=0, second=0, microsecond=0)
    return (night if night > local else night + timedelta(days=1)).astimezone(UTC)


def every_hour(now: datetime) -> datetime:
    return now + timedelta(hours=1)


def eraser(pool: Pool, vault: Vault, uploads: Uploads, retention: Retention, beat: Heartbeat) -> Rounds:
    """Erases what is due, and then destroys the key that wrapped what was erased since the last night."""

    async def work() -> None:
        await kept_forms.forget(pool, vault.clock.now() - KEPT_FOR)
        await erase_due(pool, vault, uploads.files, retention)
        await finish(pool, vault)

    return Rounds("eraser", work, every_night, vault.clock, beat)


def sweeper(pool: Pool, uploads: Uploads, clock: Clock, beat: Heartbeat) -> Rounds:
    """Deletes files that no proof lies in. The store tells their age by the real time, whatever the service's clock says."""

    async def work() -> None:
        if swept := await uploads.sweep(pool, datetime.now(UTC)):
            logs.info("files.swept", objects=swept)

    return Rounds("sweeper", work, every_hour, clock, beat)
