"""What the view asks of Kafka beside Faust: where topics end, and that its group begins where the database stands."""

import asyncio
from collections.abc import Iterable, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from tongban_runtime import logs
from tongban_runtime.health import Heartbeat

_TIMEOUT_MS = 10_000
_RETRY_SECONDS = 1.0
_GROUP_WAIT_SECONDS = 20.0


class TopicsMissingError(Exception):
    """A topic of the view does not exist: create the topics first."""


async def partitions_of(bootstrap: str, topics: Iterable[str]) -> list[TopicPartition]:
    """Every partition of the topics. Raises `TopicsMissingError` and aiokafka's ``KafkaError``."""
    wanted = sorted(topics)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=_TIMEOUT_MS)
    await admin.start()
    try:
        described = await admin.describe_topics(wanted)
    finally:
        await admin.close()
    missing = [topic["topic"] for topic in described if topic["error_code"]]
    if missing:
        raise TopicsMissingError(", ".join(missing))
    return [
        TopicPartition(topic["topic"], partition["partition"])
        for topic in described
        for partition in topic["partitions"]
    ]


class Group:
    """A client that knows a consumer group's topics and offsets without being a member of it."""

    def __init__(self, client: AIOKafkaConsumer, places: list[TopicPartition]) -> None:
        self._client = client
        self.places = places

    @classmethod
    async def open(cls, bootstrap: str, group: str, topics: Iterable[str]) -> "Group":
        """Raises `TopicsMissingError` and aiokafka's ``KafkaError``."""
        places = await partitions_of(bootstrap, topics)
        client = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            request_timeout_ms=_TIMEOUT_MS,
        )
        await client.start()
        client.assign(places)
        client.pause(*places)
        return cls(client, places)

    async def close(self) -> None:
        await self._client.stop()

    async def ends(self) -> dict[TopicPartition, int]:
        """The offset after the last record of every partition."""
        ends: dict[TopicPartition, int] = await self._client.end_offsets(self.places)
        return ends

    async def begin_at(self, stored: Mapping[TopicPartition, int], heartbeat: Heartbeat) -> bool:
        """Sets the group's committed offsets, so that its next first member begins there. False when the group is in use.

        The broker refuses while the group has members: one that was killed stays until its session ends, so this waits. If
        others are really at work, the guard of the database decides what they deliver.
        """
        offsets = {place: stored.get(place, 0) for place in self.places}
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _GROUP_WAIT_SECONDS
        while True:
            heartbeat.beat()
            try:
                await self._client.commit(offsets)
            except KafkaError as error:
                if loop.time() > deadline:
                    logs.warning("consumer.engine-unavailable", error=error)
                    return False
                await asyncio.sleep(_RETRY_SECONDS / 2)
            else:
                return True
