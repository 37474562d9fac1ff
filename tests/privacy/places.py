"""Every place of a stack where something personal could lie: files, databases in the raw and as tables, processes, answers."""

import asyncio
import http.server
import os
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition
from tongban_local import tokens
from tongban_local.postgres_server import binaries
from tongban_local.programs import DATABASES
from tongban_local.stack import SERVICES, Stack
from tongban_local.tokens import TokenRequest
from tongban_schemas.topics import TOPICS

from tests.privacy.scanning import Finding, Scanner, mail_findings

SEGMENT: Final = 16 * 1024 * 1024
_PAGE: Final = 8192
_REGISTERS: Final = ("register_record", "register_preview")
_OWNED: Final = {"tongban_certificates": _REGISTERS, "tongban_certificates_98": _REGISTERS}
"""Tables that hold personal values in the clear because they are the registers themselves, and what is about to come into them."""
_REGISTERS_OWN: Final = ("demo", "ministry", "secrets/people.json")
"""The spreadsheets, the ministry's own system and the sign-in service's people: what registers and identities come from."""
_EXPOSED: Final = ("/health/live", "/health/ready", "/openapi.json", "/ops/parked", "/metrics")
_RECORD: Final = re.compile(r"len \(rec/tot\): +\d+/ *(\d+), .*?lsn: ([0-9A-F]+)/([0-9A-F]+),")


@dataclass(slots=True)
class Collector:
    """A collector of spans and metrics (OTLP over HTTP): keeps what services export, to be looked through."""

    address: str = ""
    received: list[tuple[str, bytes]] = field(default_factory=list)


@contextmanager
def collecting() -> Iterator[Collector]:
    """Runs a collector, and has every service that is started meanwhile export to it."""
    kept = Collector()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    settings = {
        "TONGBAN_OTLP_ENDPOINT": kept.address,
        "OTEL_METRIC_EXPORT_INTERVAL": "3000",
        "NO_PROXY": "127.0.0.1,localhost",
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield kept
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        server.shutdown()
        server.server_close()
        thread.join()


async def leave_nothing_unseen(stack: Stack) -> None:
    """Has PostgreSQL keep its whole log, and long values uncompressed: so that a search of raw bytes sees everything."""
    connection = await asyncpg.connect(stack.postgres)
    try:
        await connection.execute("ALTER SYSTEM SET wal_keep_size = '16GB'")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()
    for name in databases():
        connection = await asyncpg.connect(stack.database(name))
        try:
            rows = await connection.fetch(
                """
                SELECT format('ALTER TABLE %s ALTER COLUMN %I SET STORAGE EXTERNAL', c.oid::regclass, a.attname) AS change
                FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'public' AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
                    AND a.attstorage IN ('x', 'm')
                """
            )
            if rows:
                await connection.execute(";".join(row["change"] for row in rows))
        finally:
            await connection.close()


def databases() -> list[str]:
    """The names of the services' databases."""
    return sorted(set(DATABASES.values()))


@dataclass(slots=True)
class Search:
    """One look through everything. ``counts``: how many places of each sort were looked at."""

    stack: Stack
    scanner: Scanner = field(default_factory=Scanner)
    findings: list[Finding] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    async def everywhere(self, http: httpx.AsyncClient, collector: Collector) -> "Search":
        await checkpoint(self.stack)
        await self.tables()
        await self.answers(http)
        await self.kafka()
        await asyncio.to_thread(self.files)
        await asyncio.to_thread(self.processes)
        for path, content in list(collector.received):
            self._look(f"exported {path}", content, "exports")
        own = await owned(self.stack)
        await asyncio.to_thread(self.postgres, own)
        return self

    def files(self) -> None:
        """Every file of the stack but PostgreSQL's own folder: Kafka, logs, spans, uploads, mails, settings, whatever."""
        for path in sorted(self.stack.root.rglob("*")):
            inside = str(path.relative_to(self.stack.root))
            if not path.is_file() or path.is_symlink() or inside.startswith("postgres/"):
                continue
            if inside.startswith(_REGISTERS_OWN):
                continue
            sort = inside.split("/")[0] if "/" in inside else "others"
            self.counts[sort] = self.counts.get(sort, 0) + 1
            if path.is_relative_to(self.stack.maildir) and path.suffix != ".jsonl":
                self.findings += mail_findings(inside, path.read_bytes())
            elif path.is_relative_to(self.stack.maildir):
                continue
            else:
                self.findings += self.scanner.file(path, inside)

    def processes(self) -> None:
        """Command lines and environments of everything that runs."""
        for pid in self.stack.leftovers():
            try:
                process = psutil.Process(pid)
                said = "\n".join(
                    [*process.cmdline(), *(f"{name}={value}" for name, value in process.environ().items())]
                )
            except psutil.Error:
                continue
            self._look(f"process {pid}", said.encode(), "processes")

    async def kafka(self) -> None:
        """Every record of every topic as a consumer gets it, in case a segment were compressed."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.stack.kafka, enable_auto_commit=False)
        await consumer.start()
        try:
            prefix = self.stack.topic_prefix
            places = [
                TopicPartition(prefix + name, number)
                for name, topic in TOPICS.items()
                for number in range(topic.partitions)
            ]
            consumer.assign(places)
            await consumer.seek_to_beginning()
            ends = await consumer.end_offsets(places)
            while [place for place in places if await consumer.position(place) < ends[place]]:
                for place, records in (await consumer.getmany(timeout_ms=500, max_records=5000)).items():
                    parts = [
                        part for one in records for part in (one.key, one.value, *(value for _, value in one.headers))
                    ]
                    self.counts["records"] = self.counts.get("records", 0) + len(records)
                    self._look(f"topic {place.topic}", b"\n".join(part or b"" for part in parts), "batches")
        finally:
            await consumer.stop()

    async def tables(self) -> None:
        """Every table of every database, as COPY writes it, but the registers' own."""
        for name in databases():
            connection = await asyncpg.connect(self.stack.database(name))
            try:
                for table in await _tables(connection):
                    if table in _OWNED.get(name, ()):
                        continue
                    self._look(f"table {name}.{table}", await copied(connection, table), "tables")
            finally:
                await connection.close()

    async def answers(self, http: httpx.AsyncClient) -> None:
        """What services show to an operator, and to anybody."""
        key = tokens.prepare(self.stack.secrets)
        token = tokens.sign(key, self.stack.url("issuer"), TokenRequest(role="operator"))
        for service in SERVICES:
            for path in _EXPOSED:
                answer = await http.get(
                    f"{self.stack.url(service)}{path}", headers={"Authorization": f"Bearer {token}"}
                )
                head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items()).encode()
                self._look(f"{service}{path}", head + answer.content, "answers")

    def postgres(self, own: "Owned") -> None:
        """PostgreSQL's folder as it lies on the disk, dead rows and log included."""
        data = self.stack.root / "postgres" / "data"
        for path in sorted(data.rglob("*")):
            inside = str(path.relative_to(data))
            if not path.is_file() or own.is_file(inside):
                continue
            log = path.parent.name == "pg_wal"
            self.counts["log segments" if log else "pages"] = self.counts.get("log segments" if log else "pages", 0) + 1
            found = self.scanner.file(path, f"postgres/{inside}")
            if found and log:
                found = [one for one in found if not own.is_record(path.name, one.offset)]
            self.findings += found

    def _look(self, place: str, content: bytes, sort: str) -> None:
        self.counts[sort] = self.counts.get(sort, 0) + 1
        self.findings += self.scanner.content(place, content)


@dataclass(frozen=True, slots=True)
class Owned:
    """Which files, and which records of the log, are the registers' own tables."""

    files: tuple[str, ...]
    records: tuple[tuple[int, int], ...]

    def is_file(self, inside: str) -> bool:
        return any(inside == one or inside.startswith((f"{one}.", f"{one}_")) for one in self.files)

    def is_record(self, segment: str, offset: int) -> bool:
        """Whether a place in a segment of the log lies in a record of such a table."""
        at = (int(segment[8:16], 16) << 32) + int(segment[16:24], 16) * SEGMENT + offset
        return any(start <= at < end for start, end in self.records)


async def owned(stack: Stack) -> Owned:
    """Looks up where the registers' own tables, with their overflow tables and indexes, lie."""
    files: list[str] = []
    records: list[tuple[int, int]] = []
    wal = stack.root / "postgres" / "data" / "pg_wal"
    for name, tables in _OWNED.items():
        connection = await asyncpg.connect(stack.database(name))
        try:
            rows = await connection.fetch(
                """
                SELECT pg_relation_filepath(c.oid) AS path, d.oid AS database, pg_relation_filenode(c.oid) AS node
                FROM pg_class c, pg_database d WHERE d.datname = current_database() AND c.relkind IN ('r', 'i', 't') AND (
                    c.relname = ANY($1) OR c.oid IN (SELECT reltoastrelid FROM pg_class WHERE relname = ANY($1))
                    OR c.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = ANY($1::regclass[])))
                """,
                list(tables),
            )
        finally:
            await connection.close()
        for row in rows:
            files.append(row["path"])
            records += await asyncio.to_thread(_records, wal, f"1663/{row['database']}/{row['node']}")
    return Owned(tuple(files), tuple(records))


def _records(wal: Path, relation: str) -> list[tuple[int, int]]:
    """From where to where the log's records about a relation go, told by PostgreSQL's own ``pg_waldump``."""
    segments = sorted(path.name for path in wal.iterdir() if re.fullmatch(r"[0-9A-F]{24}", path.name))
    line = [str(binaries() / "pg_waldump"), "-p", str(wal), "-R", relation, segments[0], segments[-1]]
    told = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False).stdout
    found = []
    for match in _RECORD.finditer(told):
        start, total = (int(match[2], 16) << 32) + int(match[3], 16), int(match[1])
        pages = (start % _PAGE + total) // _PAGE + 1
        found.append((start, start + total + 40 * pages))
    return found


async def checkpoint(stack: Stack) -> None:
    """Has PostgreSQL write what it holds in memory to its files."""
    connection = await asyncpg.connect(stack.postgres)
    try:
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def copied(connection: Any, table: str) -> bytes:
    """A table as ``COPY ... TO STDOUT`` writes it."""
    kept = bytearray()

    async def take(part: bytes) -> None:
        kept.extend(part)

    await connection.copy_from_table(table, output=take)
    return bytes(kept)


async def _tables(connection: Any) -> list[str]:
    rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    return [row["tablename"] for row in rows]


async def every_table(stack: Stack) -> Mapping[str, bytes]:
    """All tables of all databases, as COPY writes them, by ``database.table``."""
    found = {}
    for name in databases():
        connection = await asyncpg.connect(stack.database(name))
        try:
            for table in await _tables(connection):
                found[f"{name}.{table}"] = await copied(connection, table)
        finally:
            await connection.close()
    return found
