"""Canaries put where none may be, in each kind of place of a running stack: whoever searches must find every one of them."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
import httpx
from aiokafka import AIOKafkaProducer
from tongban_local.processes import MARK
from tongban_local.stack import Stack

from tests.privacy.canaries import Canary, read
from tests.privacy.scanning import Finding
from tests.privacy.work import paper

PLANTED: Final = Canary(998)
TOPIC: Final = "tongban.notifications.v1"
PLACES: Final = (
    "kafka/",
    "topic ",
    "logs/",
    "traces/",
    "files/",
    "mail/",
    "table ",
    "postgres/base/",
    "postgres/pg_wal/",
    "process ",
    "exported ",
)
"""How the places are named in which a canary is planted."""
_SLEEP: Final = "import sys; sys.stdin.read()"


@asynccontextmanager
async def planted(stack: Stack, http: httpx.AsyncClient, collector: str) -> AsyncIterator[None]:
    """Plants one in every place; the process among them lives for the length of the block. ``collector``: its address."""
    record = json.dumps({"holder": PLANTED.name}, ensure_ascii=False)
    producer = AIOKafkaProducer(bootstrap_servers=stack.kafka)
    await producer.start()
    await producer.send_and_wait(stack.topic_prefix + TOPIC, record.encode())
    await producer.stop()
    for file in (stack.logs / "notify.log", stack.trace_folder / "notify.jsonl"):
        with file.open("a", encoding="utf-8") as opened:
            opened.write(record + "\n")
    (stack.files / "planted").mkdir(parents=True, exist_ok=True)
    (stack.files / "planted" / "paper").write_bytes(paper(PLANTED))
    mail = f"Delivered-To: {Canary(997).email}\r\nSubject: planted\r\n\r\n{PLANTED.email}\r\n"
    (stack.maildir / "new" / "planted").write_bytes(mail.encode())
    await _plant_rows(stack)
    (await http.post(f"{collector}/v1/metrics", content=record.encode())).raise_for_status()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _SLEEP,
        stdin=asyncio.subprocess.PIPE,
        env={MARK: str(stack.root), "HOLDER": PLANTED.phone},
    )
    try:
        yield
    finally:
        await process.communicate(b"")


async def _plant_rows(stack: Stack) -> None:
    """A row in a table, and one that was deleted again, which is still in the pages and in the log."""
    connection = await asyncpg.connect(stack.database("tongban_notify"))
    try:
        await connection.execute("CREATE TABLE planted (holder text); CREATE TABLE deleted (holder text)")
        await connection.execute("INSERT INTO planted VALUES ($1)", PLANTED.address)
        await connection.execute("INSERT INTO deleted VALUES ($1)", PLANTED.id_number)
        await connection.execute("DELETE FROM deleted")
    finally:
        await connection.close()


def missed(findings: Iterable[Finding]) -> list[str]:
    """The kinds of places in which the planted canary was not found."""
    seen = {kind for one in findings if is_planted(one) for kind in PLACES if one.place.startswith(kind)}
    return [kind for kind in PLACES if kind not in seen]


def is_planted(finding: Finding) -> bool:
    """Whether a finding is of the planted canary alone."""
    if "/planted" in finding.place:
        return True
    return f"of {PLANTED.number}," in finding.shown or {one.number for one in read(finding.shown)} == {PLANTED.number}
