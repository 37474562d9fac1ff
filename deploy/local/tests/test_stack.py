"""The stack for real: processes are started, killed and counted."""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import aiokafka
import asyncpg
import psutil
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from tongban_local import kafka, lifecycle, postgres
from tongban_local.progress import silent
from tongban_local.stack import LOCAL, Stack

MAKE_A_STACK = """
import sys, time
from tongban_local import lifecycle
with lifecycle.temporary_stack("orphan") as stack:
    lifecycle.engines_up(stack, ("mail",))
    print(stack.name, flush=True)
    time.sleep(600)
"""


async def test_kafka_keeps_acknowledged_records_when_killed(running: Stack) -> None:
    topic = f"kept-{secrets.token_hex(4)}"
    admin = AIOKafkaAdminClient(bootstrap_servers=running.kafka)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=running.kafka, acks="all") as producer:
        for number in range(200):
            await producer.send(topic, str(number).encode())
        await producer.flush()
        await asyncio.to_thread(running.kill, "kafka")
    await asyncio.to_thread(kafka.wait, running.kafka)
    partition = aiokafka.TopicPartition(topic, 0)
    async with aiokafka.AIOKafkaConsumer(bootstrap_servers=running.kafka, auto_offset_reset="earliest") as consumer:
        consumer.assign([partition])
        records = [await asyncio.wait_for(consumer.getone(), 20) for _ in range(200)]
    assert [int(record.value) for record in records] == list(range(200))


async def test_postgres_keeps_committed_rows_when_killed(running: Stack) -> None:
    connection = await asyncpg.connect(running.postgres)
    await connection.execute("CREATE TABLE kept (id int); INSERT INTO kept SELECT generate_series(1, 100)")
    old = running.pid("postgres")
    assert await asyncio.to_thread(running.kill, "postgres") != old
    connection.terminate()
    await asyncio.to_thread(postgres.wait, running.postgres)
    connection = await asyncpg.connect(running.postgres)
    assert await connection.fetchval("SELECT count(*) FROM kept") == 100
    assert await connection.fetchval("SHOW fsync") == "on"
    await connection.close()


def test_a_frozen_program_goes_on_and_a_restarted_one_is_new(running: Stack) -> None:
    pid = running.signal("mail", signal.SIGSTOP)
    try:
        assert _soon(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    finally:
        running.signal("mail", signal.SIGCONT)
    assert running.pid("mail") == pid
    running.signal("mail", signal.SIGSTOP)
    assert running.restart("mail") != pid


def test_secrets_are_for_the_owner_only(running: Stack) -> None:
    files = [path for path in running.secrets.iterdir() if path.name != "jwks.json"]
    assert files
    assert {path.stat().st_mode & 0o077 for path in (*files, running.supervisor.config)} == {0}


def test_up_twice_at_once_and_down_leaves_no_process() -> None:
    with lifecycle.temporary_stack("test", announce=silent) as stack:
        line = [sys.executable, "-m", "tongban_local.cli", "--stack", stack.name]
        both = [subprocess.Popen([*line, "engines", "up"], stdout=subprocess.DEVNULL) for _ in range(2)]
        assert [process.wait(120) for process in both] == [0, 0]
        assert sum(_is_broker(pid) for pid in stack.leftovers()) == 1
        subprocess.run([*line, "down"], stdout=subprocess.DEVNULL, timeout=60, check=True)
        assert stack.leftovers() == []


def test_stacks_stand_side_by_side_and_survive_the_supervisors_death(running: Stack) -> None:
    with lifecycle.temporary_stack("test", announce=silent) as other:
        lifecycle.engines_up(other, ("postgres", "mail"), announce=silent)
        assert not set(other.leftovers()) & set(running.leftovers())
        supervisord = int((other.root / "supervisord.pid").read_text("utf-8"))
        os.kill(supervisord, signal.SIGKILL)
        lifecycle.engines_up(other, ("postgres", "mail"), announce=silent)
        assert postgres.version(other.postgres)
        assert running.supervisor.running()
    assert not other.root.exists()
    assert other.leftovers() == []


def test_a_temporary_stack_ends_with_its_owner() -> None:
    owner = subprocess.Popen([sys.executable, "-c", MAKE_A_STACK], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    name = next(line for line in owner.stdout if line.startswith("orphan-")).strip()
    stack = Stack(name)
    assert stack.leftovers()
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert _soon(lambda: not stack.leftovers())
    assert name in lifecycle.sweep("orphan", LOCAL)
    assert not stack.root.exists()


def _soon(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _is_broker(pid: int) -> bool:
    try:
        return "kafka.Kafka" in psutil.Process(pid).cmdline()
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("name", ["kafka", "postgres", "mail", "issuer"])
def test_every_engine_runs_on_its_own_port(running: Stack, name: str) -> None:
    assert running.port(name) in {
        connection.laddr.port for connection in psutil.Process(running.pid(name)).net_connections() if connection.laddr
    }
