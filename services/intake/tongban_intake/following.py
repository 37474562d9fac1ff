"""Follows the view for everyone who waits: one poller and one query for all of them, however many they are."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from tongban_runtime import logs
from tongban_runtime.database import ENGINE_ERRORS, Pool

from tongban_intake.store import view
from tongban_intake.store.view import Seen

POLL_SECONDS = 0.05
_SHARE = 10
"""The poller rests at least this many times as long as its query took."""


class Following:
    """One waiter's hold on one application."""

    def __init__(self) -> None:
        self.seen: Seen | None = None
        self._changed = asyncio.Event()

    def tell(self, seen: Seen) -> None:
        self.seen = seen
        self._changed.set()

    async def changed(self, timeout: float) -> Seen | None:
        """What the view says now, once it has changed; None when ``timeout`` seconds passed without a change."""
        try:
            async with asyncio.timeout(timeout):
                await self._changed.wait()
        except TimeoutError:
            return None
        self._changed.clear()
        return self.seen


class Follower:
    """Polls while anyone follows; rests otherwise."""

    def __init__(self, pool: Pool, poll_seconds: float = POLL_SECONDS) -> None:
        self._pool = pool
        self._poll_seconds = poll_seconds
        self._followed: dict[UUID, set[Following]] = {}
        self._poller: asyncio.Task[None] | None = None
        self.queries = 0

    @contextmanager
    def follow(self, application: UUID) -> Iterator[Following]:
        """Inside the block, the application is asked about; the first answer counts as a change."""
        following = Following()
        self._followed.setdefault(application, set()).add(following)
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        try:
            yield following
        finally:
            others = self._followed[application]
            others.discard(following)
            if not others:
                del self._followed[application]

    async def until(self, application: UUID, enough: Callable[[Seen], bool], timeout: float) -> Seen | None:
        """What the view says once that is enough, or None when it was not within ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        with self.follow(application) as following:
            while (left := deadline - time.monotonic()) > 0:
                seen = await following.changed(left)
                if seen is not None and enough(seen):
                    return seen
        return None

    async def _poll(self) -> None:
        while self._followed:
            began = time.monotonic()
            try:
                await self._tell_changes()
            except ENGINE_ERRORS as error:
                logs.warning("consumer.engine-unavailable", error=error)
            await asyncio.sleep(max(self._poll_seconds, _SHARE * (time.monotonic() - began)))

    async def _tell_changes(self) -> None:
        self.queries += 1
        versions = await view.versions(self._pool, list(self._followed))
        behind = {
            application
            for application, (version, _) in versions.items()
            if any(one.seen is None or one.seen.version != version for one in self._followed.get(application, ()))
        }
        if not behind:
            return
        for application, seen in (await view.seen(self._pool, behind)).items():
            for one in self._followed.get(application, ()):
                if one.seen is None or one.seen.version != seen.version:
                    one.tell(seen)
