"""Liveness is progress: every component beats, and a process whose component fell silent ends so that it is restarted."""

import os
import threading
import time

from tongban_runtime import logs

_TICK_SECONDS = 1.0
_EXIT_CODE = 70


class Heartbeat:
    """The beats of one component. A component beats once a round of its loop, also when there was nothing to do."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.beats = 0
        self.last = time.monotonic()

    def beat(self) -> None:
        self.beats += 1
        self.last = time.monotonic()

    def silence(self) -> float:
        """Seconds since the last beat."""
        return time.monotonic() - self.last


class Health:
    def __init__(self, stall_limit: float) -> None:
        self.stall_limit = stall_limit
        self.heartbeats: list[Heartbeat] = []

    def heartbeat(self, name: str) -> Heartbeat:
        heartbeat = Heartbeat(name)
        self.heartbeats.append(heartbeat)
        return heartbeat

    def silent(self) -> list[str]:
        return [heartbeat.name for heartbeat in self.heartbeats if heartbeat.silence() > self.stall_limit]

    def watch(self) -> None:
        """Starts a thread that ends the process when a component stays silent.

        It counts its own ticks, so a process that was frozen and resumed is given its full time again.
        """
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def _watch(self) -> None:
        ticks_silent: dict[str, int] = {}
        beats: dict[str, int] = {}
        while True:
            time.sleep(_TICK_SECONDS)
            for heartbeat in self.heartbeats:
                moved = beats.get(heartbeat.name) != heartbeat.beats
                beats[heartbeat.name] = heartbeat.beats
                ticks_silent[heartbeat.name] = 0 if moved else ticks_silent.get(heartbeat.name, 0) + 1
                if ticks_silent[heartbeat.name] * _TICK_SECONDS > self.stall_limit:
                    logs.warning("service.stalled", component=heartbeat.name)
                    os._exit(_EXIT_CODE)
