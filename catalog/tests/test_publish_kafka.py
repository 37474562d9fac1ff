"""Publishing to a real, compacted topic."""

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest
from aiokafka import AIOKafkaProducer
from tongban_catalog.load import PACKAGED, load_catalog
from tongban_catalog.publish import PublishError, publish, standing_events
from tongban_catalog.reading import TopicError
from tongban_local.provider import Engines
from tongban_schemas.events.catalog import TOPIC

CATALOG = load_catalog()


async def test_a_catalogue_is_written_once(engines: Engines, topics: str) -> None:
    first = await publish(CATALOG, engines.kafka, topics)
    assert {entry.change for entry in first} == {"new"}
    held = await standing_events(engines.kafka, topics + TOPIC)
    assert set(held) == {entry.key for entry in first}

    again = await publish(CATALOG, engines.kafka, topics)
    assert {entry.change for entry in again} == {"same"}
    assert await standing_events(engines.kafka, topics + TOPIC) == held


async def test_changed_content_of_a_published_version_is_refused(engines: Engines, topics: str, tmp_path: Path) -> None:
    await publish(CATALOG, engines.kafka, topics)
    held = await standing_events(engines.kafka, topics + TOPIC)
    root = tmp_path / "catalog"
    copytree(PACKAGED, root)
    file = root / "implementations" / "990000" / "credit-repair.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("number: 5, unit: WD", "number: 4, unit: WD"), encoding="utf-8")
    with pytest.raises(PublishError, match="add one to version"):
        await publish(load_catalog(root), engines.kafka, topics)
    assert await standing_events(engines.kafka, topics + TOPIC) == held

    file.write_text(file.read_text(encoding="utf-8").replace("\nversion: 1", "\nversion: 2"), encoding="utf-8")
    changes = {entry.key: entry.change for entry in await publish(load_catalog(root), engines.kafka, topics)}
    code = CATALOG.item("credit-repair").code
    assert changes[f"item:{code}:2"] == "new"
    assert f"item:{code}:1" in await standing_events(engines.kafka, topics + TOPIC)


async def test_a_renamed_department_takes_the_next_number(engines: Engines, topics: str) -> None:
    await publish(CATALOG, engines.kafka, topics)
    ecology = replace(CATALOG.departments["ecology"], name_zh="生态局")
    renamed = replace(CATALOG, departments={**CATALOG.departments, "ecology": ecology})
    changed = [entry for entry in await publish(renamed, engines.kafka, topics) if entry.change == "changed"]
    assert [entry.key for entry in changed] == ["department:ecology"]
    assert (await standing_events(engines.kafka, topics + TOPIC))["department:ecology"].sequence == 2


async def test_a_calendar_that_is_amended_takes_the_next_number(engines: Engines, topics: str) -> None:
    await publish(CATALOG, engines.kafka, topics)
    first, *others = CATALOG.calendars
    amended = replace(CATALOG, calendars=(first.model_copy(update={"source": "amended"}), *others))
    key = f"calendar:{first.region}:{first.year}"
    changed = [entry for entry in await publish(amended, engines.kafka, topics) if entry.change != "same"]
    assert [(entry.key, entry.change) for entry in changed] == [(key, "changed")]
    assert (await standing_events(engines.kafka, topics + TOPIC))[key].sequence == 2


async def test_a_missing_topic_is_named(engines: Engines) -> None:
    with pytest.raises(TopicError, match=r"never-made\.tongban\.catalog\.v1"):
        await publish(CATALOG, engines.kafka, "never-made.")


async def test_a_foreign_record_stops_no_publisher(engines: Engines, topics: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=engines.kafka, acks="all") as producer:
        for key in (b"item:x", b"\xff\x00", b"department:ecology"):
            await producer.send_and_wait(topics + TOPIC, key=key, value=b"{}")
    assert {entry.change for entry in await publish(CATALOG, engines.kafka, topics)} == {"new"}
    assert {entry.change for entry in await publish(CATALOG, engines.kafka, topics)} == {"same"}


async def test_the_command_publishes(engines: Engines, topics: str) -> None:
    settings = {**os.environ, "TONGBAN_KAFKA": engines.kafka, "TONGBAN_TOPIC_PREFIX": topics, "PYTHONUTF8": "1"}
    for said in ("已发布 published", "未变 unchanged"):
        command = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tongban_catalog", "publish", env=settings, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await command.communicate()
        assert command.returncode == 0
        entries = len(CATALOG.departments) + len(CATALOG.items) + len(CATALOG.calendars) + len(CATALOG.resources)
        assert output.decode().count(said) == entries
