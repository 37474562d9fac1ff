"""A clock that tests move."""

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Stands still until it is moved. Starts on a Monday at 01:00 UTC, which is 09:00 in China."""

    def __init__(self, start: datetime = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, amount: timedelta) -> None:
        self._now += amount

    def set(self, now: datetime) -> None:
        self._now = now
