"""The status view rebuilt from the first event, against a bare consumer of the same topics that throws every record away.

Both are one Python process on the same broker, one after the other, several times; the best of each counts.
"""

import asyncio
import random
import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import uuid_utils
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from tongban_catalog.item import Item, applicable_steps, split_personal
from tongban_catalog.load import load_catalog
from tongban_intake.facts import VIEW_TOPICS
from tongban_intake.rebuild import CONSUMER_SETTINGS, build
from tongban_runtime.database import create_pool, migrate
from tongban_runtime.relay import PRODUCER_SETTINGS
from tongban_runtime.sealing import CaseKeys, new_root
from tongban_runtime.topics import create_topics
from tongban_schemas.envelope import Event, EventData, encode_body, encode_headers
from tongban_schemas.events.applications import ApplicationAccepted, ApplicationSubmitted
from tongban_schemas.events.approvals import ApprovalGranted, ApprovalOpened
from tongban_schemas.events.certificates import CertificateIssued
from tongban_schemas.events.notifications import NotificationSent

from bench.figures import Figure

EVENTS = 240_000
ROUNDS = 3
_OPTIONAL = (
    "heritage_underground",
    "special_fire_project",
    "public_health_venue",
    "traffic_impact",
    "entertainment_venue",
)
_SENDS_PENDING = 20_000


def _told(item: Item, answers: dict[str, Any]) -> list[tuple[EventData, str]]:
    """What all services say about one case, in order: 27 to 37 events. Its personal answers are not in it yet."""
    plain, _ = split_personal(item, answers)
    submitted = ApplicationSubmitted(item=item.ref, applicant=UUID(int=1), region="990000", answers=plain)
    told: list[tuple[EventData, str]] = [(submitted, "/intake"), (ApplicationAccepted(item=item.ref), "/intake")]
    for step in applicable_steps(item, answers):
        source = f"/approvals/{step.department}"
        told.append((ApprovalOpened(step=step.id, department=step.department), source))
        granted = ApprovalGranted(step=step.id, department=step.department, decided_by="officer", officer=UUID(int=2))
        told.append((granted, source))
    certificate = CertificateIssued(
        item=item.ref,
        kind=item.certificate.kind,
        number=f"1.2.156.3005.2.{item.certificate.kind}.{'9' * 18}.000000001.001.A",
        issuer=item.certificate.issuer,
        pdf_sha256="0" * 64,
        verification="https://example.org/verify/000000001",
    )
    told.append((certificate, f"/certificates/{item.certificate.issuer}"))
    for number, about in enumerate(("submitted", "accepted", "issued")):
        told.append((NotificationSent(notification=UUID(int=number), about=about, channel="email"), "/notify"))
    return told


def _variants(item: Item) -> list[list[tuple[EventData, str, bytes]]]:
    rng = random.Random(1)  # noqa: S311 - made-up cases
    found = []
    for _ in range(16):
        answers = item.form.example() | {name: rng.random() < 0.5 for name in _OPTIONAL}
        found.append([(data, source, encode_body(data)) for data, source in _told(item, answers)])
    return found


def _sealed(submitted: ApplicationSubmitted, event: UUID, personal: Mapping[str, str]) -> bytes:
    """The payload of a submission whose personal answers are sealed for this event, with a key of its own."""
    sealed = CaseKeys(root=new_root()).seal_all(event, personal)
    return encode_body(submitted.model_copy(update={"sealed": sealed}))


async def _fill(kafka: str, prefix: str) -> tuple[int, int]:
    """Puts cases on the topics until there are enough events; returns (cases, events)."""
    item = load_catalog().item("enterprise-investment-project")
    variants, personal = _variants(item), split_personal(item, item.form.example())[1]
    rng = random.Random(2)  # noqa: S311 - made-up cases
    producer = AIOKafkaProducer(bootstrap_servers=kafka, **{**PRODUCER_SETTINGS, "linger_ms": 5})
    await producer.start()
    pending: list[Any] = []
    cases = events = 0
    start = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
    try:
        while events < EVENTS:
            subject = str(uuid_utils.uuid7())
            case = UUID(subject)
            counters: dict[str, int] = {}
            told = rng.choice(variants)
            for minute, (data, source, body) in enumerate(told):
                counters[source] = counters.get(source, 0) + 1
                event = Event(
                    id=UUID(bytes=secrets.token_bytes(16), version=4),
                    source=source,
                    subject=subject,
                    time=start + timedelta(minutes=minute, microseconds=events),
                    correlationid=case,
                    causationid=case,
                    traceparent=f"00-{case.hex}-00000000000000a1-01",
                    data=data,
                )
                if isinstance(data, ApplicationSubmitted):
                    body = _sealed(data, event.id, personal)
                headers = encode_headers(replace(event, sequence=counters[source]))
                pending.append(await producer.send(prefix + data.TOPIC, body, key=subject.encode(), headers=headers))
            cases += 1
            events += len(told)
            if len(pending) > _SENDS_PENDING:
                await asyncio.gather(*pending)
                pending.clear()
        await asyncio.gather(*pending)
    finally:
        await producer.stop()
    return cases, events


async def _bare(kafka: str, prefix: str, events: int) -> float:
    """Events/s of a consumer that only receives."""
    consumer = AIOKafkaConsumer(
        *(prefix + topic for topic in VIEW_TOPICS),
        bootstrap_servers=kafka,
        **{**CONSUMER_SETTINGS, "auto_offset_reset": "earliest"},
    )
    await consumer.start()
    try:
        began = time.perf_counter()
        received = 0
        while received < events:
            for records in (await consumer.getmany(timeout_ms=1000, max_records=10_000)).values():
                received += len(records)
        return received / (time.perf_counter() - began)
    finally:
        await consumer.stop()


async def run(engines: Any) -> list[Figure]:
    prefix = f"b{secrets.token_hex(3)}."
    await create_topics(engines.kafka, prefix)
    dsn = urlunsplit(urlsplit(engines.postgres)._replace(path=f"/bench_rebuild_{secrets.token_hex(3)}"))
    await migrate(dsn, "tongban_intake")
    pool = await create_pool(dsn, 4)
    try:
        cases, events = await _fill(engines.kafka, prefix)
        bare: list[float] = []
        rebuilt: list[float] = []
        for _ in range(ROUNDS):
            bare.append(await _bare(engines.kafka, prefix, events))
            built = await build(pool, engines.kafka, prefix)
            if (built.events, built.rows) != (events, cases):
                raise RuntimeError(
                    f"{built.events} events and {built.rows} cases were rebuilt, not {events} and {cases}"
                )
            rebuilt.append(built.events / built.seconds)
    finally:
        await pool.close()
    return [
        Figure("view: events on the topics", events, "events"),
        Figure("view: bare aiokafka getmany", max(bare), "events/s"),
        Figure("view: rebuild, from the topics to stored rows", max(rebuilt), "events/s"),
        Figure("view: rebuild / bare consumer", max(rebuilt) / max(bare), "", bar=0.3),
    ]
