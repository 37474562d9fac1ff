"""Reads the events of one case from the Kafka topics themselves, as they come."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition
from tongban_schemas.envelope import Event, decode
from tongban_schemas.events import EVENTS
from tongban_schemas.topics import TOPICS

from tongban_local.errors import LocalStackError

Tell = Callable[[Event], None]


class Tail:
    """Everything that the fact topics get while the block is open, by subject; one case is told of as it happens."""

    def __init__(self, bootstrap: str, topic_prefix: str) -> None:
        self._prefix = topic_prefix
        self._consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
        self._events: dict[str, list[Event]] = {}
        self._tellers: dict[str, Tell] = {}
        self._arrived = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Tail":
        await self._consumer.start()
        places = [
            TopicPartition(self._prefix + name, partition)
            for name, topic in TOPICS.items()
            if topic.key == "application"
            for partition in range(topic.partitions)
        ]
        self._consumer.assign(places)
        await self._consumer.seek_to_end()
        for place in places:
            await self._consumer.position(place)
        self._reading = asyncio.create_task(self._read())
        self._reading.add_done_callback(lambda _: self._arrived.set())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await self._consumer.stop()

    def follow(self, application: UUID, tell: Tell) -> None:
        """Tell of the events of a case: at once of those that are there, then of each as it comes."""
        self._tellers[str(application)] = tell
        for event in self.events(application):
            tell(event)

    def events(self, application: UUID) -> list[Event]:
        """The events of a case so far."""
        return list(self._events.get(str(application), ()))

    async def until(self, application: UUID, enough: Callable[[list[Event]], bool], timeout: float) -> list[Event]:
        """The events of a case once they are enough. Raises: LocalStackError when they are not within ``timeout`` s."""
        try:
            async with asyncio.timeout(timeout):
                while not enough(self.events(application)):
                    if self._reading is not None and self._reading.done():
                        self._reading.result()
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError as problem:
            raise LocalStackError(
                f"{timeout:.0f} 秒内只有 {len(self.events(application))} 个事件 events only: {application}"
            ) from problem
        return self.events(application)

    async def _read(self) -> None:
        while True:
            for records in (await self._consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    event = decode(record.headers, record.value, EVENTS)
                    if event is not None:
                        self._keep(event)

    def _keep(self, event: Event) -> None:
        self._events.setdefault(event.subject, []).append(event)
        self._arrived.set()
        if event.subject in self._tellers:
            self._tellers[event.subject](event)
