"""Impact over real topics: fifty cases that run, others that do not count, and nothing written."""

import asyncio
import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree
from uuid import UUID, uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from tongban_catalog.impact import impact
from tongban_catalog.item import Item
from tongban_catalog.load import PACKAGED, load_catalog
from tongban_catalog.publish import publish
from tongban_local.provider import Engines
from tongban_schemas.envelope import Event, EventData, encode_body, encode_headers, event_id
from tongban_schemas.events import applications, approvals, catalog, certificates
from tongban_schemas.events.applications import ApplicationSubmitted, ApplicationWithdrawn
from tongban_schemas.events.approvals import ApprovalOpened, ApprovalRefused

CATALOG = load_catalog()
ITEM = CATALOG.items["credit-repair"]
OTHER = CATALOG.items["enterprise-investment-project"]
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


def facts(subject: str, item: Item, *data: EventData) -> list[Event]:
    answers, personal = item.form.split_personal(item.form.example())
    sealed = dict.fromkeys(personal, "s1.AAAA")
    submitted = ApplicationSubmitted(
        item=item.ref, applicant=UUID(int=7), region="990101", answers=answers, sealed=sealed
    )
    events = []
    for place, one in enumerate((submitted, *data)):
        department = getattr(one, "department", None)
        source = "/intake" if department is None else f"/approvals/{department}"
        identity = event_id(one.TYPE, subject, str(place))
        events.append(Event(identity, source, subject, NOON, UUID(subject), one, place + 1))
    return events


async def tell(engines: Engines, prefix: str, events: Iterable[Event]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=engines.kafka, acks="all") as producer:
        sent = [
            await producer.send(
                prefix + event.topic,
                key=event.subject.encode(),
                value=encode_body(event.data),
                headers=encode_headers(event),
            )
            for event in events
        ]
        for future in sent:
            await future


async def ends(engines: Engines, prefix: str) -> dict[TopicPartition, int]:
    names = [prefix + module.TOPIC for module in (applications, approvals, certificates, catalog)]
    async with AIOKafkaConsumer(bootstrap_servers=engines.kafka) as consumer:
        consumer.subscribe(names)
        await consumer.topics()
        parts = [TopicPartition(name, number) for name in names for number in consumer.partitions_for_topic(name) or ()]
        found: dict[TopicPartition, int] = await consumer.end_offsets(parts)
        return found


async def test_impact_lists_the_fifty_running_cases_and_writes_nothing(
    engines: Engines, topics: str, tmp_path: Path
) -> None:
    await publish(CATALOG, engines.kafka, topics)
    running = sorted(str(uuid4()) for _ in range(50))
    department = ITEM.step("XF").department
    opened = ApprovalOpened(step="XF", department=department)
    refused = ApprovalRefused(
        step="XF", department=department, decided_by="officer", reason_code="not-met", reason="s1.AAAA"
    )
    told = [event for subject in running for event in facts(subject, ITEM, opened)]
    told += facts(str(uuid4()), ITEM, ApplicationWithdrawn())
    told += facts(str(uuid4()), ITEM, opened, refused)
    told += facts(str(uuid4()), OTHER)
    await tell(engines, topics, told)
    before = await ends(engines, topics)

    definition = {**ITEM.definition, "version": 2}
    definition["steps"] = [{**definition["steps"][0], "decide": {"by": "officer"}}]
    found = await impact(Item.from_definition(definition), engines.kafka, topics)

    assert [case.application for case in found.running] == running
    assert found.past == 52
    ((difference, cases),) = found.differences.items()
    assert (difference.about, difference.subject, difference.old, difference.new) == (
        "verdict",
        "XF",
        "grant",
        "officer",
    )
    assert len(cases) == 52
    assert await ends(engines, topics) == before

    same = await impact(ITEM, engines.kafka, topics)
    assert same.running == ()

    root = tmp_path / "catalog"
    copytree(PACKAGED, root)
    raise_version(root)
    settings = {**os.environ, "TONGBAN_KAFKA": engines.kafka, "TONGBAN_TOPIC_PREFIX": topics, "PYTHONUTF8": "1"}
    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tongban_catalog", "--root", str(root), "impact", "credit-repair"),
        env=settings,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await command.communicate()
    assert command.returncode == 0
    assert all(f"v1  {subject}" in output.decode() for subject in running)
    assert "running cases, each stays on its version: 50" in output.decode()


def raise_version(root: Path) -> None:
    """Makes the folder's credit repair the next version."""
    file = root / "implementations" / "990000" / "credit-repair.yaml"
    text = file.read_text(encoding="utf-8")
    assert "\nversion: 1\n" in text
    file.write_text(text.replace("\nversion: 1\n", "\nversion: 2\n"), encoding="utf-8")
