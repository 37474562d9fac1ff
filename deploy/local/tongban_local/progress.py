"""Stages of a long command, one line each, with the time each took."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Announce = Callable[[str], None]


def print_line(line: str) -> None:
    """Show a line at once."""
    print(line, flush=True)


def silent(line: str) -> None:
    """Show nothing."""


class Progress:
    """Counts stages: `[2/7] Kafka 4.3.1 … 就绪 ready in 2.1 s`."""

    def __init__(self, total: int, announce: Announce = print_line) -> None:
        self._total = total
        self._number = 0
        self._announce = announce
        self._started = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the first stage could begin."""
        return time.monotonic() - self._started

    @contextmanager
    def stage(self, name: str, since: float | None = None) -> Iterator[list[str]]:
        """One stage; append to the yielded list what its line shall say after the name.

        since: `time.monotonic()` at which the work really began, when it began before the stage.
        """
        self._number += 1
        head = f"[{self._number}/{self._total}] {name}"
        began = time.monotonic() if since is None else since
        notes: list[str] = []
        if sys.stdout.isatty() and self._announce is print_line:
            print(f"{head} …", end="\r", flush=True)
        try:
            yield notes
        except BaseException:
            self._announce(f"{head} … 失败 failed after {time.monotonic() - began:.1f} s")
            raise
        text = " ".join([head, *notes])
        self._announce(f"{text} … 就绪 ready in {time.monotonic() - began:.1f} s")
