"""Two deployments for one department: each says so to its operators, on real Kafka, until one of them is gone."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from tongban_runtime.fetching import new_client
from tongban_runtime.health import Heartbeat
from tongban_runtime.rivals import Announcement, Announcing, Rival, Rivals, RivalWatch, Served, announced, shared
from tongban_runtime.testing.clock import FakeClock
from tongban_schemas.topics import TOPICS

ECOLOGY, HOUSING = frozenset({"ecology"}), frozenset({"housing"})
BOTH = ECOLOGY | HOUSING


@pytest.mark.parametrize(
    ("mine", "others", "expected"),
    [
        ({"steps": BOTH}, {"steps": ECOLOGY}, {"steps": ECOLOGY}),
        ({"steps": HOUSING}, {"steps": ECOLOGY}, {}),
        ({"certificates": None}, {"certificates": ECOLOGY}, {"certificates": ECOLOGY}),
        ({"certificates": ECOLOGY}, {"certificates": None}, {"certificates": ECOLOGY}),
        ({"messages": None}, {"messages": None}, {"messages": None}),
        ({"certificates": None, "registers": BOTH}, {"steps": BOTH, "registers": HOUSING}, {"registers": HOUSING}),
    ],
)
def test_only_equal_names_of_one_kind_are_in_conflict(mine: Served, others: Served, expected: Served) -> None:
    assert shared(mine, others) == expected


@pytest.mark.parametrize("foreign", [b"", b"\x00\x01", b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03{]\xff"])
def test_another_programs_member_announces_nothing(foreign: bytes) -> None:
    assert announced(foreign) is None


class Deployment:
    """A member of a consumer group, and what it sees."""

    def __init__(self, kafka: str, topics: str, name: str, served: frozenset[str], replica: str = "0") -> None:
        self.kafka, self.topics, self.name, self.served, self.replica = kafka, topics, name, served, replica
        self.rivals = Rivals(FakeClock())
        self.watch = RivalWatch(
            bootstrap=kafka,
            topic_prefix=topics,
            deployment=name,
            serves={"steps": served},
            rivals=self.rivals,
            heartbeat=Heartbeat("rivals"),
            every=0.5,
        )

    def client(self) -> AIOKafkaConsumer:
        announcement = Announcement(topic_prefix=self.topics, serves={"steps": self.served})
        return new_client(
            self.topics + next(iter(TOPICS)),
            bootstrap_servers=self.kafka,
            group_id=self.topics + self.name,
            group_instance_id=f"{self.name}-{self.replica}",
            session_timeout_ms=6_000,
            heartbeat_interval_ms=500,
            partition_assignment_strategy=(Announcing(announcement),),
        )

    async def sees(self, *expected: Rival) -> None:
        async with asyncio.timeout(30):
            while {rival for rival, _ in self.rivals.all()} != set(expected):
                await asyncio.sleep(0.1)


@asynccontextmanager
async def running(deployment: Deployment) -> AsyncIterator[None]:
    client = deployment.client()
    await client.start()
    watching = asyncio.create_task(deployment.watch.run())
    try:
        yield
    finally:
        deployment.watch.stop()
        await watching
        await client.stop()


@contextmanager
def events(caplog: pytest.LogCaptureFixture) -> Iterator[list[Any]]:
    found: list[Any] = []
    with caplog.at_level(logging.INFO, "tongban"):
        yield found
    lines = [vars(record) for record in caplog.records if record.name == "tongban"]
    found += [(line["tongban_event"], line["tongban_fields"]) for line in lines]


async def test_two_deployments_for_one_department_both_say_so_until_one_is_gone(
    engines: Any, topics: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = Deployment(engines.kafka, topics, "approvals-a", BOTH)
    replica = Deployment(engines.kafka, topics, "approvals-a", BOTH, replica="1")
    apart = Deployment(engines.kafka, topics, "approvals-c", frozenset({"health"}))
    second = Deployment(engines.kafka, topics, "approvals-b", ECOLOGY)
    with events(caplog) as said:
        async with running(first), running(replica), running(apart):
            async with running(second):
                await first.sees(Rival("approvals-b", "steps", ("ecology",)))
                await replica.sees(Rival("approvals-b", "steps", ("ecology",)))
                await second.sees(Rival("approvals-a", "steps", ("ecology",)))
            async with running(Deployment(engines.kafka, topics, "approvals-b", HOUSING)):
                await first.sees(Rival("approvals-b", "steps", ("housing",)))
            await first.sees()
            assert apart.rivals.all() == []
    found = [fields["deployment"] for event, fields in said if event == "rivals.found"]
    assert set(found) == {"approvals-a", "approvals-b"}
    assert "rivals.gone" in {event for event, _ in said}
    assert "rivals.unseen" not in {event for event, _ in said}


async def test_a_broker_that_does_not_tell_is_said_once_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    alone = Deployment("127.0.0.1:1", "none.", "approvals-a", ECOLOGY)
    with events(caplog) as said:
        watching = asyncio.create_task(alone.watch.run())
        await asyncio.sleep(3)
        alone.watch.stop()
        await watching
    assert [event for event, _ in said] == ["rivals.unseen"]
