"""What time it is. Services ask a clock, so that tests and demonstrations can move it."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

READ_SECONDS = 0.05
"""How long a `ShiftedClock` may go on with an old shift."""


class Clock(Protocol):
    def now(self) -> datetime:
        """The current time, UTC."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class ShiftedClock:
    """The system's time plus the seconds that a file holds, so that every program of a stack can be moved together.

    For development and demonstrations only. A missing or empty file means no shift; it is read again every 50 ms.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._shift = timedelta(0)
        self._read_at = float("-inf")

    def now(self) -> datetime:
        if time.monotonic() - self._read_at >= READ_SECONDS:
            self._shift = read_shift(self._path)
            self._read_at = time.monotonic()
        return datetime.now(UTC) + self._shift


def read_shift(path: Path) -> timedelta:
    """The shift that a file holds. Raises `ValueError` when it is no number of seconds."""
    try:
        text = path.read_text("utf-8").strip()
    except FileNotFoundError:
        return timedelta(0)
    return timedelta(seconds=float(text or "0"))


def write_shift(path: Path, shift: timedelta) -> None:
    """Moves every clock that reads the file. The file is replaced whole."""
    fresh = path.with_suffix(".new")
    fresh.write_text(str(shift.total_seconds()), "utf-8")
    fresh.replace(path)
