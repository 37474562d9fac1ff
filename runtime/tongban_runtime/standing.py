"""Which partitions stand still, why and since when: told by health, by a metric and by a log line for each change."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from aiokafka import TopicPartition

from tongban_runtime import logs
from tongban_runtime.clock import Clock
from tongban_runtime.telemetry import gauge

StandReason = Literal["parking-limit", "gap", "log-truncated"]


@dataclass(frozen=True, slots=True)
class Stand:
    """One partition that is not handled. ``since`` is when it began to stand."""

    topic: str
    partition: int
    reason: StandReason
    since: datetime


class Standing:
    """The partitions of one process that stand still."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stands: dict[TopicPartition, Stand] = {}

    def all(self) -> list[Stand]:
        """Those that stand now, longest first."""
        return sorted(self._stands.values(), key=lambda stand: stand.since)

    def stop(self, place: TopicPartition, reason: StandReason) -> None:
        """A partition stands; one that stood already keeps its time."""
        known = self._stands.get(place)
        if known is not None and known.reason == reason:
            return
        since = self._clock.now() if known is None else known.since
        self._stands[place] = Stand(place.topic, place.partition, reason, since)
        logs.warning("consumer.stands", topic=place.topic, partition=place.partition, reason=reason)
        _measure(place, since.timestamp())

    def go(self, places: Iterable[TopicPartition]) -> None:
        """Partitions are handled, or are no longer this process's."""
        for place in places:
            if self._stands.pop(place, None) is not None:
                logs.info("consumer.flows", topic=place.topic, partition=place.partition)
                _measure(place, 0)


def _measure(place: TopicPartition, since: float) -> None:
    """Seconds since 1970 at which the partition began to stand; 0 when it flows."""
    gauge("tongban.partition.standing", since, topic=place.topic, partition=place.partition)
