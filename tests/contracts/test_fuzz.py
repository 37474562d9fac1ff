"""Foreign records between honest ones, for every consumer of every service and for the status view: nothing is stopped.

A version of seconds; ``make fuzz`` sends 20,000 (``TONGBAN_FUZZ`` says how many).
"""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from aiokafka import TopicPartition
from tongban_catalog.load import load_catalog
from tongban_intake.facts import VIEW_TOPICS, fact_of, merge_all, pack
from tongban_intake.folding import Folding
from tongban_runtime import positions
from tongban_runtime.batch import Batch, Processor
from tongban_runtime.database import create_pool
from tongban_runtime.records import Record
from tongban_runtime.testing.clock import FakeClock
from tongban_schemas.envelope import Event, encode_body, encode_headers

from tests.contracts.foreign import Raw, foreign_records, mixed
from tests.history import catalogue, granted_case
from tests.wired import SERVICES, Wired, wired

FOREIGN = int(os.environ.get("TONGBAN_FUZZ", "750")) // (len(SERVICES) + 1)
BATCH = 60
CASES = [str(UUID(f"019cab3e-0000-7000-8000-{number:012x}")) for number in range(3)]


def raw(event: Event) -> Raw:
    return Raw(event.topic, event.subject.encode(), tuple(encode_headers(event)), encode_body(event.data))


def histories() -> list[list[Event]]:
    items = list(load_catalog().items.values())
    return [granted_case(items[number % len(items)], case) for number, case in enumerate(CASES)]


def numbered(raws: Sequence[Raw]) -> list[Record]:
    """The records as one partition of each topic gives them."""
    ends: Counter[TopicPartition] = Counter()
    found = []
    for one in raws:
        place = TopicPartition(one.topic, 0)
        found.append(Record(place, ends[place], one.key, one.headers, one.body))
        ends[place] += 1
    return found


async def run(found: Wired, name: str, records: Sequence[Record]) -> dict[TopicPartition, int]:
    """Gives the records to the service's consumer, in batches; returns where it stands."""
    processor = Processor(
        consumer=name,
        pool=found.runtime.pool,
        registry=found.parts.registry,
        clock=found.runtime.clock,
        topic_prefix="",
        parked_keys_limit=10**9,
    )
    claims = await positions.claim(found.runtime.pool, name, {record.place for record in records})
    reached: dict[TopicPartition, int] = {}
    for start in range(0, len(records), BATCH):
        result = await processor.process(Batch(records[start : start + BATCH], claims))
        assert not result.misplaced | result.fenced | result.limited
        reached |= result.advanced
    return reached


async def effects_on_honest(found: Wired) -> tuple[set[UUID], set[UUID]]:
    """What the service knows and says about the honest cases."""
    pool = found.runtime.pool
    facts = await pool.fetch("SELECT event_id FROM fact WHERE subject = ANY($1::uuid[])", CASES)
    told = await pool.fetch("SELECT event_id FROM outbox WHERE subject = ANY($1::uuid[])", CASES)
    return {row["event_id"] for row in facts}, {row["event_id"] for row in told}


@pytest.mark.parametrize("service", SERVICES)
async def test_no_record_stops_a_service(service: str, engines: Any, database: Any, tmp_path: Path) -> None:
    honest = [event for events in (catalogue(), *histories()) for event in events]
    seen = []
    for strangers in ([], foreign_records(FOREIGN, [case.encode() for case in CASES], chance=7)):
        folder = tmp_path / str(len(strangers))
        folder.mkdir()
        async with wired(service, await database(f"tongban_{service}"), engines.kafka, folder, FakeClock()) as found:
            topics = found.parts.registry.topics()
            records = numbered([one for one in mixed([*map(raw, honest)], strangers, 7) if one.topic in topics])
            reached = await run(found, "fuzz", records)
            assert reached == {record.place: record.offset + 1 for record in records}
            seen.append(await effects_on_honest(found))
            parked = await found.runtime.pool.fetch("SELECT topic, record_offset, key FROM parked")
            assert not [row for row in parked if row["key"] in CASES]
            assert len(parked) >= len(strangers) // 20
    assert seen[0] == seen[1]
    assert seen[0][0] | seen[0][1]


async def test_no_record_stops_the_view(database: Callable[[str], Any]) -> None:
    pool = await create_pool(await database("tongban_intake"), 4)
    cases = histories()
    strangers = foreign_records(FOREIGN, [case.encode() for case in CASES], chance=8)
    raws = mixed([raw(event) for case in cases for event in case], strangers, 8)
    records = numbered([one for one in raws if one.topic in VIEW_TOPICS])
    folding = Folding(pool, 1, "")
    for start in range(0, len(records), BATCH):
        await folding.process([message(record) for record in records[start : start + BATCH]])
    rows = await pool.fetch(
        "SELECT application_id, facts FROM status_view WHERE application_id = ANY($1::uuid[])", CASES
    )
    expected = {
        UUID(case[0].subject): pack(merge_all(fact for one in case if (fact := fact_of(one)))) for case in cases
    }
    assert {row["application_id"]: row["facts"] for row in rows} == expected
    stored = await pool.fetch("SELECT topic, next_offset FROM position WHERE consumer = 'intake-view:1'")
    assert {row["topic"]: row["next_offset"] for row in stored} == Counter(record.place.topic for record in records)
    assert await pool.fetchval("SELECT count(*) FROM parked WHERE consumer = 'intake-view'") > len(strangers) // 20
    await pool.close()


def message(record: Record) -> Any:
    """A record as Faust gives it."""
    return SimpleNamespace(
        topic=record.place.topic,
        partition=record.place.partition,
        offset=record.offset,
        key=record.key,
        headers=record.headers,
        value=record.body,
    )
