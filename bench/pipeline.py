"""The whole system at work: events a second through all services, how far the view lags, how soon an applicant sees the case.

The case is the investment project with every department's step decided by rule, so that no person and no script is in
the way: intake, three deployments of approvals, certificates (signed PDFs), notify (real mails) and the view, on one machine
with the engines; one trace in a hundred is recorded. Lag is the time from the moment a fact became true to the commit that
shows it in the view.
"""

import asyncio
import bisect
import os
import time
from collections import defaultdict
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from tongban_catalog.item import Item
from tongban_catalog.load import load_catalog, with_keys
from tongban_catalog.publish import publish
from tongban_local import lifecycle, tokens
from tongban_local.progress import silent
from tongban_local.stack import Stack
from tongban_local.tokens import TokenRequest
from tongban_schemas.topics import TOPICS

from bench.figures import Figure

STEADY_CASES_PER_SECOND = 7.0
STEADY_SECONDS = 40.0
RAMP_SECONDS = 10
BURST_CASES = 300
TRACE_RATIO = 0.01
LOOKS = 40
_FACT_TOPICS = [name for name, topic in TOPICS.items() if topic.cleanup != "compact"]


def automatic_item() -> Item:
    """The investment project as its version 2, with every step granted by rule."""
    definition = deepcopy(load_catalog().item("enterprise-investment-project").definition)
    definition["version"] = 2
    for step in definition["steps"]:
        step["decide"] = {"by": "rule", "grant_when": {"required": ["project_list"]}, "else": "officer"}
    return Item.from_definition(definition)


@dataclass(slots=True)
class Watch:
    """The view's positions over time, sampled until told to stop."""

    times: list[float] = field(default_factory=list)
    positions: list[dict[TopicPartition, int]] = field(default_factory=list)

    async def run(self, stack: Stack, until: asyncio.Event) -> None:
        connection = await asyncpg.connect(stack.database("tongban_intake"))
        try:
            while not until.is_set():
                rows = await connection.fetch(
                    "SELECT topic, partition, next_offset FROM position WHERE consumer LIKE 'intake-view%'"
                )
                self.times.append(time.time())
                self.positions.append(
                    {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in rows}
                )
                await asyncio.sleep(0.05)
        finally:
            await connection.close()

    def seen_at(self, place: TopicPartition, offset: int) -> float:
        """When the view first stood beyond an offset."""
        index = bisect.bisect_right(self.positions, offset, key=lambda positions: positions.get(place, 0))
        return self.times[index]


class Applicant:
    """Files cases and looks at them."""

    def __init__(self, stack: Stack, item: Item, client: httpx.AsyncClient) -> None:
        key = tokens.prepare(stack.secrets)
        token = tokens.sign(key, stack.url("issuer"), TokenRequest(role="citizen", sub=UUID(int=1)))
        self._client = client
        self._url = f"{stack.url('intake')}/v1/applications"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._body = {"item": item.code, "version": 2, "region": "990101", "answers": item.form.example()}

    async def file(self) -> str:
        headers = {**self._headers, "Idempotency-Key": str(uuid4())}
        response = await self._client.post(self._url, json=self._body, headers=headers)
        response.raise_for_status()
        return str(response.json()["application"])

    async def file_and_see(self) -> float:
        """Seconds from sending the application to reading its status."""
        began = time.perf_counter()
        case = await self.file()
        response = await self._client.get(f"{self._url}/{case}", params={"position": 1}, headers=self._headers)
        response.raise_for_status()
        return time.perf_counter() - began


async def _ends(kafka: str) -> dict[TopicPartition, int]:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
    await consumer.start()
    try:
        places = [TopicPartition(name, number) for name in _FACT_TOPICS for number in range(TOPICS[name].partitions)]
        return dict(await consumer.end_offsets(places))
    finally:
        await consumer.stop()


async def _lags(kafka: str, starts: dict[TopicPartition, int], watch: Watch) -> dict[int, list[float]]:
    """Seconds from fact to view of every record after ``starts``, by the second in which the fact became true."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False)
    await consumer.start()
    found: dict[int, list[float]] = defaultdict(list)
    try:
        consumer.assign(list(starts))
        for place, offset in starts.items():
            consumer.seek(place, offset)
        ends = await consumer.end_offsets(list(starts))
        while [place for place in starts if await consumer.position(place) < ends[place]]:
            for place, records in (await consumer.getmany(timeout_ms=500)).items():
                for record in records:
                    second = record.timestamp // 1000
                    found[second].append(watch.seen_at(place, record.offset) - record.timestamp / 1000)
    finally:
        await consumer.stop()
    return found


async def issued_so_far(stack: Stack) -> int:
    connection = await asyncpg.connect(stack.database("tongban_certificates"))
    try:
        return int(await connection.fetchval("SELECT count(*) FROM certificate WHERE state = 'issued'"))
    finally:
        await connection.close()


async def settle(stack: Stack, issued: int) -> float:
    """Waits until ``issued`` certificates are out and the log has stopped growing; returns when it stopped."""
    async with asyncio.timeout(600):
        while await issued_so_far(stack) < issued:
            await asyncio.sleep(0.2)
        before, since = await _ends(stack.kafka), time.time()
        while time.time() - since < 2.0:
            now = await _ends(stack.kafka)
            if now != before:
                before, since = now, time.time()
            await asyncio.sleep(0.2)
    return since


def _share(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


async def _steady(stack: Stack, applicant: Applicant) -> list[Figure]:
    starts, watch, done = await _ends(stack.kafka), Watch(), asyncio.Event()
    watching = asyncio.create_task(watch.run(stack, done))
    already, began = await issued_so_far(stack), time.time()
    cases = int(STEADY_CASES_PER_SECOND * STEADY_SECONDS)
    async with asyncio.TaskGroup() as group:
        for number in range(cases):
            group.create_task(applicant.file())
            await asyncio.sleep(max(0.0, began + (number + 1) / STEADY_CASES_PER_SECOND - time.time()))
    await settle(stack, already + cases)
    await asyncio.sleep(1.0)
    done.set()
    await watching
    by_second = await _lags(stack.kafka, starts, watch)
    window = range(int(began) + RAMP_SECONDS, int(began + STEADY_SECONDS))
    rate = sum(len(by_second.get(second, ())) for second in window) / len(window)
    lags = [lag for found in by_second.values() for lag in found]
    return [
        Figure(f"steady, {STEADY_CASES_PER_SECOND} cases/s: events through all services", rate, "events/s", bar=300),
        Figure("steady: fact to view, median", _share(lags, 0.5), "s"),
        Figure("steady: fact to view, p99", _share(lags, 0.99), "s", bar=2.0, most=True),
    ]


async def _burst(stack: Stack, applicant: Applicant) -> list[Figure]:
    starts, already, began = await _ends(stack.kafka), await issued_so_far(stack), time.time()
    for _ in range(0, BURST_CASES, 50):
        await asyncio.gather(*(applicant.file() for _ in range(50)))
    ended = await settle(stack, already + BURST_CASES)
    ends = await _ends(stack.kafka)
    events = sum(ends[place] - start for place, start in starts.items())
    return [
        Figure("burst: events through all services", events / (ended - began), "events/s"),
        Figure("burst: cases from application to certificate and mail", BURST_CASES / (ended - began), "cases/s"),
    ]


async def run(engines: Any) -> list[Figure]:
    """Runs on a stack of its own, so that every process is the one that `make up` starts."""
    del engines
    os.environ["TONGBAN_TRACE_RATIO"] = str(TRACE_RATIO)
    with lifecycle.temporary_stack("bench", announce=silent) as stack:
        await asyncio.to_thread(lifecycle.up, stack, silent)
        item = automatic_item()
        known = with_keys(load_catalog(), stack.acts_public)
        await publish(replace(known, items={"automatic": item}), stack.kafka)
        async with httpx.AsyncClient(timeout=30) as client:
            applicant = Applicant(stack, item, client)
            await asyncio.sleep(3)
            await settle(stack, await warm_up(stack, applicant))
            await settle(stack, await warm_up(stack, applicant, 100))
            looks = [await applicant.file_and_see() for _ in range(LOOKS)]
            await settle(stack, await issued_so_far(stack))
            figures = [
                Figure("submit to visible, median", _share(looks, 0.5) * 1000, "ms"),
                Figure("submit to visible, p99", _share(looks, 0.99) * 1000, "ms"),
            ]
            figures += await _steady(stack, applicant)
            figures += await _burst(stack, applicant)
    return figures


async def warm_up(stack: Stack, applicant: Applicant, cases: int = 10) -> int:
    """Files some cases; returns how many certificates there will be."""
    already = await issued_so_far(stack)
    await asyncio.gather(*(applicant.file() for _ in range(cases)))
    return already + cases
