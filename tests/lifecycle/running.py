"""The components of the services over Kafka: each service can be stopped and started by itself."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from tongban_runtime.consumer import Consumer
from tongban_runtime.health import Heartbeat
from tongban_runtime.relay import Relay
from tongban_runtime.service import Component

from tests.wired import Wired

DUE = """
SELECT EXISTS (SELECT FROM alarm WHERE at <= $1 OR basis < (SELECT coalesce(max(id), 0) FROM alarm_basis))
"""
"""Alarms that ring: by their time, and those that were computed from calendars that changed since."""
_SHARING_DUE = (
    "SELECT EXISTS (SELECT FROM evidence_request WHERE state = 'open' AND retry_at <= $1)",
    "SELECT EXISTS (SELECT FROM evidence_request WHERE state = 'desk' AND expires <= $1)",
    "SELECT EXISTS (SELECT FROM correction GROUP BY provided HAVING coalesce(max(retry_at), $1) <= $1)",
    "SELECT EXISTS (SELECT FROM sharing_timer WHERE NOT told AND ((due_at <= $1 AND NOT provisional) OR basis < 0))",
)


@dataclass(slots=True)
class Running:
    """``tasks``: what runs now, by service; a reader knows how far the topics go."""

    services: Mapping[str, Wired]
    prefix: str
    reader: AIOKafkaConsumer
    components: dict[str, list[Component]] = field(default_factory=dict)
    tasks: dict[str, list[asyncio.Task[None]]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Starts a service that does not run."""
        assert name not in self.tasks
        service = self.services[name]
        runtime, settings = service.runtime, service.runtime.settings
        assert runtime.processor is not None
        self.components[name] = [
            Relay(settings.database.get_secret_value(), settings.kafka, self.prefix, Heartbeat("relay")),
            Consumer(
                name=settings.instance,
                replica="0",
                bootstrap=settings.kafka,
                topic_prefix=self.prefix,
                pool=runtime.pool,
                processor=runtime.processor,
                heartbeat=Heartbeat("consumer"),
                stall_limit=60,
                standing=runtime.standing,
            ),
            *(make(Heartbeat(worker)) for worker, make in service.parts.workers.items() if worker != "sender"),
        ]
        self.tasks[name] = [asyncio.create_task(one.run()) for one in self.components[name]]

    async def stop(self, *names: str) -> None:
        """Stops services: they hear nothing, say nothing and answer nothing until they are started again."""
        stopped = [task for name in names for task in self.tasks.pop(name)]
        for name in names:
            for component in self.components.pop(name):
                component.stop()
        await asyncio.wait(stopped, timeout=20)
        for task in stopped:
            task.cancel()
        await asyncio.gather(*stopped, return_exceptions=True)

    async def is_quiet(self, now: datetime) -> bool:
        """Whether all was sent and heard and nothing is due; and nobody said anything while that was looked at."""
        before = await self._told()
        return await self._looks_quiet(now) and before == await self._told()

    def _up(self) -> dict[str, Wired]:
        return {name: service for name, service in self.services.items() if name in self.tasks}

    async def _told(self) -> list[int]:
        return [
            await service.runtime.pool.fetchval("SELECT coalesce(max(id), 0) FROM outbox")
            for service in self._up().values()
        ]

    async def _looks_quiet(self, now: datetime) -> bool:
        """In this order: what was said is sent, what was sent is heard, and what was heard leaves nothing to do."""
        for service in self._up().values():
            if await service.runtime.pool.fetchval("SELECT EXISTS (SELECT FROM outbox WHERE sent_at IS NULL)"):
                return False
        if not await self._all_heard():
            return False
        for name, service in self._up().items():
            for due in (DUE, *(_SHARING_DUE if name.startswith("certificates") else ())):
                if await service.runtime.pool.fetchval(due, now):
                    return False
        return True

    async def _all_heard(self) -> bool:
        places = [
            TopicPartition(topic, partition)
            for topic in self.reader.subscription()
            for partition in self.reader.partitions_for_topic(topic) or ()
        ]
        ends = {place: end for place, end in (await self.reader.end_offsets(places)).items() if end}
        for service in self._up().values():
            rows = await service.runtime.pool.fetch("SELECT topic, partition, next_offset FROM position")
            done = {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in rows}
            listened = {self.prefix + topic for topic in service.parts.registry.topics()}
            if any(done.get(place, 0) < end for place, end in ends.items() if place.topic in listened):
                return False
        return True


@asynccontextmanager
async def running(services: Mapping[str, Wired], kafka: str, prefix: str) -> AsyncIterator[Running]:
    """All services, each with its relay, its consumer and its workers; mails are not sent."""
    reader: Any = AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False)
    await reader.start()
    topics = {prefix + topic for one in services.values() for topic in one.parts.registry.topics()}
    reader.subscribe(sorted(topics))
    await reader.getmany(timeout_ms=0)
    found = Running(services, prefix, reader)
    for name in services:
        found.start(name)
    try:
        yield found
    finally:
        await found.stop(*found.tasks)
        await reader.stop()
