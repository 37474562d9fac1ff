"""Work that is done again and again, at once while there is some and after a pause when there is none."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

from tongban_runtime import logs
from tongban_runtime.database import ENGINE_ERRORS
from tongban_runtime.health import Heartbeat

_ENGINE_PAUSE_SECONDS: Final = 0.5


class Repeating:
    """Base of components that look for work by themselves: they beat every round, wait for broken engines, and stop soon."""

    def __init__(self, heartbeat: Heartbeat) -> None:
        self._heartbeat = heartbeat
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def repeat(self, work: Callable[[], Awaitable[int]], idle: float) -> None:
        """Does ``work`` until `stop`; it returns how much there was, and after nothing comes a pause of ``idle`` seconds.

        A database or a vault that does not answer is waited for; any other error ends the component.
        """
        while not self._stopping.is_set():
            self._heartbeat.beat()
            try:
                pause = 0.0 if await work() else idle
            except ENGINE_ERRORS as error:
                logs.warning("worker.engine-unavailable", error=error, component=self._heartbeat.name)
                pause = max(idle, _ENGINE_PAUSE_SECONDS)
            if pause:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), pause)
