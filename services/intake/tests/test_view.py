"""The view's worker on real Kafka and PostgreSQL: nothing lost, nothing doubled, nothing stops a partition."""

import asyncio
import json
import os
import secrets
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from aiokafka import TopicPartition
from joserfc.jwk import KeySet, OKPKey
from tongban_intake.folding import FencedError, Folding, GapError
from tongban_intake.settings import Settings
from tongban_intake.store import generations, view
from tongban_intake.view import FAUST_SETTINGS, LogTruncatedError, ViewWorker, Waiting
from tongban_runtime.outbox import MAX_BODY_BYTES
from tongban_runtime.service import Runtime
from tongban_schemas.envelope import Event, encode_body, encode_headers

from .cases import Stream, finished_case
from .live import PATIENCE, expected_row, mixed, rows, runtime, stream, until_folded, working

__all__ = ["runtime", "stream"]


async def test_faust_folds_every_topic_into_the_view(runtime: Runtime, stream: Stream) -> None:
    cases = [finished_case() for _ in range(20)]
    await stream.send(mixed(cases, seed=1, repeats=60))
    async with working(runtime) as task:
        await until_folded(runtime, cases, task)
        later = [finished_case() for _ in range(5)]
        await stream.send(mixed(later, seed=2))
        await until_folded(runtime, later, task)
    everything = await rows(runtime)
    assert everything == {UUID(case[0].subject): expected_row(case) for case in cases + later}


async def test_a_worker_that_is_killed_resumes_without_loss(runtime: Runtime, stream: Stream, tmp_path: Path) -> None:
    cases = [finished_case() for _ in range(60)]
    sending = asyncio.create_task(send_slowly(stream, mixed(cases, seed=3, repeats=60)))
    for _ in range(2):
        process = await started_process(runtime, tmp_path)
        await until_rows_grow(runtime)
        process.kill()
        await process.wait()
    process = await started_process(runtime, tmp_path)
    try:
        await sending
        await until_folded(runtime, cases, sending)
    finally:
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 30) == 0
    assert await rows(runtime) == {UUID(case[0].subject): expected_row(case) for case in cases}


async def started_process(runtime: Runtime, folder: Path) -> asyncio.subprocess.Process:
    """``python -m tongban_intake --only view``, as the supervisor starts it."""
    keys = folder / "jwks.json"
    keys.write_text(json.dumps(KeySet([OKPKey.generate_key("Ed25519")]).as_dict()))
    settings = runtime.settings
    assert isinstance(settings, Settings)
    environment = {
        "PATH": os.environ["PATH"],
        "TONGBAN_INSTANCE": "intake-view",
        "TONGBAN_KAFKA": settings.kafka,
        "TONGBAN_DATABASE": settings.database.get_secret_value(),
        "TONGBAN_TOPIC_PREFIX": settings.topic_prefix,
        "TONGBAN_VAULT_DIR": str(settings.vault_dir),
        "TONGBAN_TOKEN_ISSUER": "http://issuer.example",
        "TONGBAN_TOKEN_JWKS": keys.as_uri(),
    }
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tongban_intake", "--only", "view", env=environment
    )


async def until_rows_grow(runtime: Runtime) -> None:
    """Waits until the view has folded more than it had."""
    query = "SELECT coalesce(sum(version), 0) FROM status_view"
    before = await runtime.pool.fetchval(query)
    deadline = time.monotonic() + PATIENCE
    while await runtime.pool.fetchval(query) <= before:
        assert time.monotonic() < deadline, "the worker folds nothing"
        await asyncio.sleep(0.05)


async def send_slowly(stream: Stream, events: Sequence[Event]) -> None:
    for start in range(0, len(events), 25):
        await stream.send(events[start : start + 25])
        await asyncio.sleep(0.6)


async def test_faust_begins_where_the_database_stands(runtime: Runtime, stream: Stream) -> None:
    """A database brought back from yesterday is folded up to today, whatever the group's own offsets say."""
    cases = [finished_case() for _ in range(10)]
    await stream.send(mixed(cases, seed=4))
    async with working(runtime) as task:
        await until_folded(runtime, cases, task)
        await asyncio.sleep(6)
    await runtime.pool.execute("UPDATE position SET next_offset = 0")
    await runtime.pool.execute("DELETE FROM status_view")
    async with working(runtime) as task:
        await until_folded(runtime, cases, task)
    assert await rows(runtime) == {UUID(case[0].subject): expected_row(case) for case in cases}


async def test_a_log_that_ends_before_the_position_is_refused(runtime: Runtime) -> None:
    await runtime.pool.execute(
        "INSERT INTO position (consumer, topic, partition, next_offset, epoch) VALUES ('intake-view:1', $1, 0, 9, 1)",
        f"{runtime.settings.topic_prefix}tongban.applications.v1",
    )
    with pytest.raises(LogTruncatedError):
        await ViewWorker(runtime, runtime.health.heartbeat("view")).run()


async def test_records_that_are_no_events_are_parked(runtime: Runtime, stream: Stream) -> None:
    good = finished_case()
    event = good[0]
    key, headers, body = event.subject.encode(), encode_headers(event), encode_body(event.data)
    unknown = [(name, b"cn.tongban.new.thing.v1" if name == "ce_type" else value) for name, value in headers]
    cut = [(name, value) for name, value in headers if name != "ce_id"]
    for partition_key in [str(uuid4()).encode() for _ in range(8)] + [key]:
        renamed = [(n, partition_key if n == "ce_subject" else v) for n, v in headers]
        for topic in ("tongban.applications.v1", "tongban.approvals.v1"):
            await stream.send_raw(topic, None, partition_key, renamed)
            await stream.send_raw(topic, b"{", partition_key, renamed)
            await stream.send_raw(topic, b"\xff", None, [])
            await stream.send_raw(topic, body, partition_key, unknown)
            await stream.send_raw(topic, body, partition_key, cut)
    traced = [(name, b"\xff\xfe" if name == "ce_traceparent" else value) for name, value in headers]
    for topic in ("tongban.applications.v1", "tongban.approvals.v1"):
        await stream.send_raw(topic, body, b"\x00" + key, headers)
        await stream.send_raw(topic, body, key, traced)
        await stream.send_raw(topic, b'{"item":' + b"[" * 90_000 + b"]" * 90_000 + b"}", key, headers)
    await stream.send_raw("tongban.applications.v1", b" " * (MAX_BODY_BYTES + 1), key, headers)
    await stream.send(good)
    async with working(runtime) as task:
        await until_folded(runtime, [good], task)
    assert await rows(runtime) == {UUID(event.subject): expected_row(good)}
    parked = await runtime.pool.fetch("SELECT DISTINCT consumer, key, reason FROM parked ORDER BY reason")
    assert [tuple(row) for row in parked] == [
        ("intake-view", None, reason)
        for reason in ("bad_attribute", "bad_payload", "no_value", "not_cloudevent", "oversized")
    ]


async def test_marks_of_transactions_are_no_gap_for_the_view(runtime: Runtime, stream: Stream) -> None:
    """What was aborted is not shown, and a mark at a partition's end is nothing that waits."""
    case, aborted = finished_case(), finished_case()
    async with Stream(
        runtime.settings.kafka, runtime.settings.topic_prefix, transactional_id="honest"
    ) as transactional:
        await transactional.send_in_transaction(case[:4], commit=True)
        await transactional.send_in_transaction(aborted, commit=False)
        await transactional.send_in_transaction(case[4:], commit=True)
    later = finished_case()
    await stream.send(later)
    async with working(runtime) as task:
        await until_folded(runtime, [case, later], task)
    assert set(await rows(runtime)) == {UUID(case[0].subject), UUID(later[0].subject)}


async def test_a_new_generation_is_taken_over_by_the_running_worker(runtime: Runtime, stream: Stream) -> None:
    cases = [finished_case() for _ in range(3)]
    await stream.send(mixed(cases, seed=5))
    async with working(runtime) as task:
        await until_folded(runtime, cases, task)
        async with runtime.pool.acquire() as tx, tx.transaction():
            await generations.activate(tx, await generations.begin(tx))
        await until_folded(runtime, cases, task)
    assert await rows(runtime, 2) == await rows(runtime, 1)


def test_faust_has_none_of_its_unsafe_defaults() -> None:
    assert FAUST_SETTINGS["web_enabled"] is False
    assert FAUST_SETTINGS["topic_allow_declare"] is False
    assert FAUST_SETTINGS["topic_disable_leader"] is True
    assert FAUST_SETTINGS["consumer_auto_offset_reset"] == "earliest"
    assert FAUST_SETTINGS["agent_supervisor"].__name__ == "CrashingSupervisor"


class Message:
    """A record as Faust delivers it."""

    def __init__(self, event: Event, offset: int, prefix: str, partition: int = 0) -> None:
        self.topic = prefix + event.topic
        self.partition = partition
        self.offset = offset
        self.key = event.subject.encode()
        self.value = encode_body(event.data)
        self.headers = encode_headers(event)


async def test_a_gap_ends_the_worker_and_writes_nothing(runtime: Runtime) -> None:
    prefix = runtime.settings.topic_prefix
    case = finished_case()
    folding = Folding(runtime.pool, 1, prefix)
    with pytest.raises(GapError):
        await folding.process([Message(case[0], 0, prefix), Message(case[1], 2, prefix)])
    assert await rows(runtime) == {}
    await folding.process([Message(case[0], 0, prefix), Message(case[1], 1, prefix)])
    await folding.process([Message(case[0], 0, prefix), Message(case[1], 1, prefix)])
    assert await rows(runtime) == {UUID(case[0].subject): expected_row(case[:2])}


async def test_an_earlier_worker_is_fenced(runtime: Runtime) -> None:
    prefix = runtime.settings.topic_prefix
    case = finished_case()
    earlier, later = Folding(runtime.pool, 1, prefix), Folding(runtime.pool, 1, prefix)
    first, second, third = (event for event in case if event.topic.endswith("applications.v1"))
    await earlier.process([Message(first, 0, prefix)])
    await later.process([Message(second, 1, prefix)])
    with pytest.raises(FencedError):
        await earlier.process([Message(third, 2, prefix)])


async def test_two_workers_on_one_application_lose_nothing(runtime: Runtime) -> None:
    """A foreign producer may put a key into another partition: rows are written over the version that was read."""
    prefix = runtime.settings.topic_prefix
    case = finished_case()
    approvals = [event for event in case if event.topic.endswith("approvals.v1")]
    applications = [event for event in case if event.topic.endswith("applications.v1")]

    async def fold_all(events: Sequence[Event], partition: int) -> None:
        folding = Folding(runtime.pool, 1, prefix)
        for offset, event in enumerate(events):
            while True:
                try:
                    await folding.process([Message(event, offset, prefix, partition)])
                    break
                except view.ViewConflictError:
                    await asyncio.sleep(secrets.randbelow(10) / 1000)

    await asyncio.gather(fold_all(approvals, 0), fold_all(applications, 1))
    assert await rows(runtime) == {UUID(case[0].subject): expected_row(approvals + applications)}


def test_lag_is_no_fault_but_lag_without_progress_is() -> None:
    waiting = Waiting()
    place = TopicPartition("applications", 0)
    assert waiting.longest({place: 5}, {place: 9}, now=0) == 0
    assert waiting.longest({place: 6}, {place: 30}, now=50) == 0
    assert waiting.longest({place: 6}, {place: 40}, now=90) == 40
    assert waiting.longest({place: 40}, {place: 40}, now=100) == 0
    assert waiting.longest({}, {place: 41}, now=101) == 0
