"""Gathers the evidence of a run: the whole log, the view, the databases, the mailbox."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from tongban_local import mailbox
from tongban_local.programs import CERTIFICATES
from tongban_schemas.topics import TOPICS

from tests.chaos.load import Submitted
from tests.chaos.model import Changed, Evidence, Logged
from tests.chaos.system import System

_SOURCES_BUSY = """
    SELECT EXISTS (SELECT FROM evidence_request WHERE state IN ('open', 'desk')) OR EXISTS (SELECT FROM correction)
        OR EXISTS (SELECT FROM evidence_dispute WHERE outcome IS NULL)
"""


async def read_log(kafka: str, prefix: str) -> list[Logged]:
    """Every record of the fact topics, by partition, in offset order."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        places = [
            TopicPartition(prefix + name, partition)
            for name, topic in TOPICS.items()
            if topic.cleanup != "compact"
            for partition in range(topic.partitions)
        ]
        consumer.assign(places)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(places)
        found: dict[TopicPartition, list[Logged]] = {place: [] for place in places}
        while [place for place in places if await consumer.position(place) < ends[place]]:
            for place, records in (await consumer.getmany(timeout_ms=500)).items():
                found[place] += [_logged(record, prefix) for record in records]
    finally:
        await consumer.stop()
    return [record for records in found.values() for record in records]


def _logged(record: Any, prefix: str) -> Logged:
    headers = {name: value.decode() for name, value in record.headers}
    return Logged(
        topic=record.topic.removeprefix(prefix),
        event_id=headers["ce_id"],
        type=headers["ce_type"],
        source=headers["ce_source"],
        subject=headers["ce_subject"],
        sequence=int(headers["ce_sequence"]),
        body=json.loads(record.value),
    )


async def gather(system: System, submitted: Submitted, changes: Sequence[Changed]) -> Evidence:
    """What the run left behind. Does not judge."""
    evidence = Evidence(
        submitted=submitted.cases,
        log=await read_log(system.stack.kafka, system.prefix),
        view_states={},
        holders=submitted.holders,
        changes=changes,
    )
    evidence.view_states = await view_states(system)
    for service in system.services:
        if service == "intake-view":
            continue
        connection = await asyncpg.connect(system.database(service))
        try:
            evidence.unsent += await connection.fetchval("SELECT count(*) FROM outbox WHERE sent_at IS NULL")
            evidence.parked += await connection.fetchval("SELECT count(*) FROM parked")
            if service == "intake":
                rows = await connection.fetch("SELECT application, chain FROM vault_key WHERE chain IS NOT NULL")
                evidence.chains = {str(row["application"]): row["chain"] for row in rows}
            if service in CERTIFICATES:
                rows = await connection.fetch("SELECT application, count(*) AS n FROM certificate GROUP BY application")
                evidence.certificates += Counter({str(row["application"]): row["n"] for row in rows})
                rows = await connection.fetch("SELECT request FROM evidence_request WHERE state = 'closed'")
                evidence.closed |= {str(row["request"]) for row in rows}
            if service == "notify":
                evidence.mails_owed = await connection.fetchval(
                    "SELECT count(*) FROM notification WHERE channel = 'email' AND state = 'sent'"
                )
                ids = {str(row["id"]) for row in await connection.fetch("SELECT id FROM notification")}
                evidence.mails = _mails(system, ids)
        finally:
            await connection.close()
    return evidence


def _mails(system: System, notifications: set[str]) -> dict[str, int]:
    """How often each mail of this run lies in the mailbox, by Message-ID."""
    messages = Counter(str(mail.message["Message-ID"]).strip("<>") for mail in mailbox.read(system.stack.maildir))
    return {message: count for message, count in messages.items() if message.partition("@")[0] in notifications}


async def view_states(system: System) -> dict[str, str]:
    """State of every application in the live view; empty for a run without a view."""
    if "intake-view" not in system.services:
        return {}
    connection = await asyncpg.connect(system.database("intake"))
    try:
        rows = await connection.fetch(
            "SELECT application_id, v.state FROM status_view v JOIN view_generation g USING (generation) "
            "WHERE g.state = 'active'"
        )
        return {str(row["application_id"]): row["state"] for row in rows}
    finally:
        await connection.close()


async def is_idle(system: System) -> bool:
    """Nothing unsent, nothing parked, no message pending, nothing asked of a source that it has not answered or told on."""
    for service in system.services:
        if service == "intake-view":
            continue
        connection = await asyncpg.connect(system.database(service))
        try:
            busy = await connection.fetchval(
                "SELECT EXISTS (SELECT FROM outbox WHERE sent_at IS NULL) OR EXISTS (SELECT FROM parked)"
            )
            if service in CERTIFICATES:
                busy |= await connection.fetchval(_SOURCES_BUSY)
            if service == "notify":
                busy |= await connection.fetchval("SELECT EXISTS (SELECT FROM notification WHERE state = 'pending')")
            if busy:
                return False
        finally:
            await connection.close()
    return True
