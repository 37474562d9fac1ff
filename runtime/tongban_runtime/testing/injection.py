"""Duplicates, reorderings and crashes around every registered handler.

A handler is right when its effects do not depend on how its events arrived. `effects` runs a registry over a history in one
`Arrival` and returns what it published; a test compares the arrivals.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from aiokafka import TopicPartition
from tongban_schemas.envelope import Event, encode_body, encode_headers

from tongban_runtime import positions
from tongban_runtime.batch import Batch, Processor
from tongban_runtime.clock import Clock
from tongban_runtime.database import Pool, Tx
from tongban_runtime.outcome import Outcome
from tongban_runtime.records import Record
from tongban_runtime.registry import HandlerFunction, Registry

Arrival = Literal["in-order", "one-by-one", "duplicated", "shuffled", "crashing"]
ARRIVALS: tuple[Arrival, ...] = ("in-order", "one-by-one", "duplicated", "shuffled", "crashing")

Effects = dict[str, bytes]
"""Published payloads by event id."""


class Crash(BaseException):
    """The process ends here: after the handler, before the commit."""


@dataclass(slots=True)
class Log:
    """A stand-in for the partitions of all topics: gives every event its place and offset."""

    ends: dict[TopicPartition, int] = field(default_factory=dict)

    def append(self, event: Event) -> Record:
        place = TopicPartition(event.topic, 0)
        offset = self.ends.get(place, 0)
        self.ends[place] = offset + 1
        return Record(place, offset, event.subject.encode(), tuple(encode_headers(event)), encode_body(event.data))


def _crashing(registry: Registry, rng: random.Random) -> Registry:
    """The same handlers, each dying after about half of its runs."""

    def dying(function: HandlerFunction) -> HandlerFunction:
        async def run(tx: Tx, events: Sequence[Event]) -> Outcome:
            outcome = await function(tx, events)
            if rng.random() < 0.5:
                raise Crash
            return outcome

        return run

    wrapped = Registry()
    for handler in registry.handlers:
        wrapped.add(
            dying(handler.function),
            *handler.types,
            name=handler.name,
            replay=handler.replay,
            description=handler.description,
        )
    return wrapped


def _arrange(history: Sequence[Event], arrival: Arrival, rng: random.Random) -> list[list[Event]]:
    """Batches of events, as they arrive."""
    events = list(history)
    if arrival == "duplicated":
        events = [event for event in events for _ in range(rng.randint(1, 3))]
        events += rng.sample(history, len(history))
    if arrival == "shuffled":
        rng.shuffle(events)
    if arrival == "in-order":
        return [events]
    if arrival == "one-by-one":
        return [[event] for event in events]
    batches: list[list[Event]] = []
    while events:
        size = rng.randint(1, 12)
        batches.append(events[:size])
        events = events[size:]
    return batches


async def effects(
    pool: Pool, registry: Registry, history: Sequence[Event], arrival: Arrival, clock: Clock, seed: int
) -> Effects:
    """Runs the registry's handlers over the history on a fresh database and returns what they published."""
    rng = random.Random(seed)  # noqa: S311 - a seed makes the run repeatable
    name = "kit"
    log = Log()
    runs = _crashing(registry, rng) if arrival == "crashing" else registry
    processor = Processor(consumer=name, pool=pool, registry=runs, clock=clock, topic_prefix="", parked_keys_limit=1)
    topics = {event.topic for event in history}
    claims = await positions.claim(pool, name, [TopicPartition(topic, 0) for topic in topics])
    for events in _arrange(history, arrival, rng):
        records = [log.append(event) for event in events]
        for _ in range(200):
            try:
                await processor.process(Batch(records, claims))
            except Crash:
                continue
            break
    parked = await pool.fetch("SELECT type, reason, detail FROM parked")
    if parked:
        raise AssertionError(f"parked: {[dict(row) for row in parked]}")
    return {str(row["event_id"]): row["body"] for row in await pool.fetch("SELECT event_id, body FROM outbox")}
