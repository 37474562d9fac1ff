"""What the view asks of Kafka beside Faust: where topics end, and that its group begins where the database stands."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError
from tongban_runtime.fetching import new_client
from tongban_runtime.health import Heartbeat

_TIMEOUT_MS = 10_000
_POLL_SECONDS = 0.2
_EMPTY_STATES = ("Empty", "Dead", "")
_GROUP_WAIT_SECONDS = 20.0


class TopicsMissingError(Exception):
    """A topic of the view does not exist: create the topics first."""


class Group:
    """A client that knows a consumer group's topics and offsets without being a member of it."""

    def __init__(
        self, group: str, admin: AIOKafkaAdminClient, client: AIOKafkaConsumer, places: Sequence[TopicPartition]
    ) -> None:
        self._group = group
        self._admin = admin
        self._client = client
        self.places = tuple(places)

    @classmethod
    async def open(cls, bootstrap: str, group: str, topics: Iterable[str]) -> "Group":
        """Raises `TopicsMissingError` and aiokafka's ``KafkaError``."""
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=_TIMEOUT_MS)
        client = new_client(
            bootstrap_servers=bootstrap,
            group_id=group,
            auto_offset_reset="earliest",
            request_timeout_ms=_TIMEOUT_MS,
        )
        try:
            await admin.start()
            places = await _partitions(admin, topics)
            await client.start()
        except BaseException:
            await client.stop()
            await admin.close()
            raise
        client.assign(places)
        client.pause(*places)
        return cls(group, admin, client, places)

    async def close(self) -> None:
        await self._client.stop()
        await self._admin.close()

    async def ends(self) -> dict[TopicPartition, int]:
        """The offset after the last record of every partition. Raises aiokafka's ``KafkaError`` while the broker is away."""
        asked = self._client.end_offsets(self.places)
        try:
            ends: dict[TopicPartition, int] = await asyncio.wait_for(asked, _TIMEOUT_MS / 1000)
        except TimeoutError:
            raise KafkaConnectionError from None
        return ends

    async def begin_at(self, stored: Mapping[TopicPartition, int], heartbeat: Heartbeat) -> bool:
        """Sets the group's committed offsets, so that its next first member begins there; False when it is in use.

        The broker refuses that while the group has members: one that was killed stays until its session ends, so this
        waits. If others are really at work, the guard of the database judges what they deliver.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _GROUP_WAIT_SECONDS
        while not await self._is_empty():
            if loop.time() > deadline:
                return False
            heartbeat.beat()
            await asyncio.sleep(_POLL_SECONDS)
        await self._client.commit({place: stored.get(place, 0) for place in self.places})
        return True

    async def _is_empty(self) -> bool:
        for answer in await self._admin.describe_consumer_groups([self._group]):
            for _, _, state, *_ in answer.groups:
                if state not in _EMPTY_STATES:
                    return False
        return True


async def _partitions(admin: AIOKafkaAdminClient, topics: Iterable[str]) -> list[TopicPartition]:
    described = await admin.describe_topics(sorted(topics))
    missing = [topic["topic"] for topic in described if topic["error_code"]]
    if missing:
        raise TopicsMissingError(", ".join(missing))
    return [
        TopicPartition(topic["topic"], partition["partition"])
        for topic in described
        for partition in topic["partitions"]
    ]
