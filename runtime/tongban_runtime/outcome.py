"""How a handler can end. There is nothing else: a handler that raises is retried, then parked."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

ParkReason = Literal[
    "handler_failed",
    "rule_violated",
    "behind",
    "retry",
    "no_value",
    "not_cloudevent",
    "bad_attribute",
    "bad_payload",
    "oversized",
]
"""Why a record is parked, as operators see it. ``behind``: an earlier event of the same key is parked."""


@dataclass(frozen=True, slots=True)
class Done:
    """Every event of the batch is handled."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now: the key waits and is tried again after ``after``."""

    after: timedelta
    detail: str


@dataclass(frozen=True, slots=True)
class Park:
    """Never by itself: the key waits for an operator."""

    reason: ParkReason
    detail: str


Outcome = Done | Retry | Park
