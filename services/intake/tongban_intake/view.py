"""The worker of the status view: a Faust app that folds every topic's facts into PostgreSQL.

Faust only carries the records here. Where the worker stands is kept in the database, moved by the transaction that folds
(`tongban_intake.folding`), so Faust's own commits do not matter: before it starts, its group's offsets are set to ours, and a
batch that does not continue where the database stands ends the worker, which then starts again from there.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import faust
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from mode import CrashingSupervisor
from tongban_runtime import logs
from tongban_runtime.database import ENGINE_ERRORS
from tongban_runtime.fetching import following
from tongban_runtime.health import Heartbeat
from tongban_runtime.service import Component, Runtime

from tongban_intake.folding import Folding, GenerationChangedError
from tongban_intake.group import Group
from tongban_intake.store.view import ViewConflictError, active_generation, stored_positions
from tongban_intake.transport import CommittedTransport

FAUST_SETTINGS: dict[str, Any] = {
    "autodiscover": False,
    "web_enabled": False,
    "topic_allow_declare": False,
    "topic_disable_leader": True,
    "stream_wait_empty": False,
    "stream_recovery_delay": 0.0,
    "consumer_auto_offset_reset": "earliest",
    "broker_session_timeout": 6.0,
    "broker_rebalance_timeout": 6.0,
    "broker_heartbeat_interval": 2.0,
    "broker_request_timeout": 30.0,
    "broker_commit_interval": 5.0,
    "broker_max_poll_records": 1000,
    "agent_supervisor": CrashingSupervisor,
}
"""Faust's defaults lose events (its supervisor passes over what failed), open a port and create topics."""

BATCH_RECORDS = 1000
BATCH_SECONDS = 0.15
_TICK_SECONDS = 0.5
_LAG_CHECK_SECONDS = 5.0
_RETRY_SECONDS = 1.0
_STOP_SECONDS = 15.0
_START_SECONDS = 30.0

_AWAY: tuple[type[Exception], ...] = (KafkaError, *ENGINE_ERRORS)
"""The broker or the database does not answer: the worker is made anew when it does, and the process goes on."""

_WORTH_A_RETRY: tuple[type[Exception], ...] = (ViewConflictError, *ENGINE_ERRORS)


class StalledError(Exception):
    """Records wait, but the stored position did not move for too long: Faust is stuck and must be started anew."""


class LogTruncatedError(Exception):
    """A partition ends before the stored position: the log was lost or belongs to another system."""


class FoldingFailedError(Exception):
    """A batch was not folded. Names the kind of failure only: Faust logs the text of what it is given."""


class StatusApp(faust.App):
    """A Faust app without tables: it keeps nothing on disk."""

    def _create_directories(self) -> None:
        """Nothing to create."""

    def _new_transport(self) -> CommittedTransport:
        return CommittedTransport(self.conf.broker_consumer, self)


class Waiting:
    """Since when partitions have waited at one position: lag alone is no fault, lag without progress is."""

    def __init__(self) -> None:
        self._since: dict[TopicPartition, tuple[int, float]] = {}

    def longest(self, stored: dict[TopicPartition, int], ends: dict[TopicPartition, int], now: float) -> float:
        """Seconds that the partition which waits longest has not moved; 0 when nothing waits."""
        longest = 0.0
        for place, end in ends.items():
            position = following(place, stored.get(place, 0))
            before = self._since.get(place)
            if end <= position or before is None or before[0] != position:
                self._since[place] = (position, now)
            else:
                longest = max(longest, now - before[1])
        return longest

    def forget(self) -> None:
        """Nothing could move meanwhile: the time begins anew."""
        self._since.clear()


class ViewWorker:
    """Folds the active generation until it is stopped; goes over to another one when that becomes active."""

    def __init__(self, runtime: Runtime, heartbeat: Heartbeat) -> None:
        self._pool = runtime.pool
        self._settings = runtime.settings
        self._heartbeat = heartbeat
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        """Raises what ends the process, to be started again: a gap, a fence, a stall, a failure of Faust."""
        while not self._stopping.is_set():
            self._heartbeat.beat()
            try:
                folding = Folding(self._pool, await active_generation(self._pool), self._settings.topic_prefix)
                group = await self._begin(folding)
                try:
                    await self._fold(folding, group)
                finally:
                    self._heartbeat.beat()
                    with contextlib.suppress(*_AWAY):
                        await asyncio.wait_for(group.close(), _STOP_SECONDS)
            except _AWAY as error:
                logs.warning("consumer.engine-unavailable", error=error)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _begin(self, folding: Folding) -> Group:
        """Sees to it that Faust's group begins where the database stands."""
        name = self._settings.topic_prefix + folding.consumer
        group = await Group.open(self._settings.kafka, name, folding.topics)
        try:
            stored = await stored_positions(self._pool, folding.consumer)
            ends = await group.ends()
            for place, position in stored.items():
                if position > ends.get(place, 0):
                    raise LogTruncatedError(
                        f"{place.topic}/{place.partition} ends at {ends.get(place)}, the position is {position}"
                    )
            empty = await group.begin_at(stored, self._heartbeat)
        except BaseException:
            await group.close()
            raise
        logs.info("view.repositioned", generation=folding.generation, partitions=len(stored), group_empty=empty)
        return group

    async def _fold(self, folding: Folding, group: Group) -> None:
        failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        app = self._make_app(folding, failure)
        try:
            await asyncio.wait_for(app.start(), _START_SECONDS)
            await self._watch(app, folding, group, failure)
        finally:
            self._heartbeat.beat()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(app.stop(), _STOP_SECONDS)
            if failure.done():
                failure.exception()

    def _make_app(self, folding: Folding, failure: "asyncio.Future[None]") -> faust.App:
        app = StatusApp(
            self._settings.topic_prefix + folding.consumer,
            broker=[f"aiokafka://{server}" for server in self._settings.kafka.split(",")],
            loop=asyncio.get_running_loop(),
            **FAUST_SETTINGS,
        )
        topic = app.topic(
            *folding.topics, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
        )

        async def fold(stream: Any) -> None:
            try:
                async for events in stream.take_events(BATCH_RECORDS, within=BATCH_SECONDS):
                    folding.let_go({TopicPartition(*place) for place in app.consumer.assignment()})
                    await self._process(folding, [event.message for event in events])
            except Exception as error:  # noqa: BLE001 - whatever it is ends the worker
                if not failure.done():
                    failure.set_exception(error)
                raise FoldingFailedError(type(error).__name__) from None

        app.agent(topic, name="fold", concurrency=1, supervisor_strategy=CrashingSupervisor)(fold)
        return app

    async def _process(self, folding: Folding, messages: Sequence[Any]) -> None:
        """Folds a batch; a database that does not answer is waited for."""
        while True:
            try:
                return await folding.process(messages)
            except _WORTH_A_RETRY as error:
                if self._stopping.is_set():
                    raise
                logs.warning("consumer.engine-unavailable", error=error)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _watch(self, app: faust.App, folding: Folding, group: Group, failure: "asyncio.Future[None]") -> None:
        """Returns when the worker is stopped or the generation is no longer the active one."""
        stopping = asyncio.ensure_future(self._stopping.wait())
        news: set[asyncio.Future[Any]] = {failure, stopping}
        waiting = Waiting()
        checked = 0.0
        try:
            while not self._stopping.is_set():
                self._heartbeat.beat()
                await asyncio.wait(news, timeout=_TICK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if failure.done() and isinstance(failure.exception(), GenerationChangedError):
                    break
                if failure.done():
                    logs.warning("view.crashed", reason=type(failure.exception()).__name__)
                    failure.result()
                if app.crashed:
                    await group.ends()
                    raise app.crash_reason or StalledError
                try:
                    if await active_generation(self._pool) != folding.generation:
                        break
                    if time.monotonic() - checked > _LAG_CHECK_SECONDS:
                        await self._check_progress(waiting, folding, group)
                        checked = time.monotonic()
                except ENGINE_ERRORS as error:
                    logs.warning("consumer.engine-unavailable", error=error)
                    waiting.forget()
        finally:
            stopping.cancel()
        if not self._stopping.is_set():
            logs.info("view.generation-changed", generation=folding.generation)

    async def _check_progress(self, waiting: Waiting, folding: Folding, group: Group) -> None:
        """Raises aiokafka's ``KafkaError`` when the broker is away, `StalledError` when only Faust is."""
        ends = await group.ends()
        stored = await stored_positions(self._pool, folding.consumer)
        if waiting.longest(stored, ends, time.monotonic()) > self._settings.stall_limit:
            raise StalledError


def make_view(runtime: Runtime) -> Callable[[Heartbeat], Component]:
    """The role ``view`` for `tongban_runtime.service.Parts.extra_roles`: a process of its own."""
    return lambda heartbeat: ViewWorker(runtime, heartbeat)
