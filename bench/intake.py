"""Applications accepted a second, each answered after its commit is on disk, against pgbench doing the same two inserts.

Both write the same tables of the same database with the same durability: pgbench sends the two inserts, one transaction
each, over its best number of connections; intake is the real process with sign-in, validation and sealing. Loader, service and
PostgreSQL share the machine. They take turns, and the best round of each counts, so that what else the machine does meanwhile
weighs on both alike.
"""

import asyncio
import json
import os
import re
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey
from tongban_catalog.item import Item
from tongban_catalog.load import load_catalog
from tongban_local.errors import MissingToolError
from tongban_local.postgres_server import binaries
from tongban_runtime.database import create_pool, migrate
from tongban_schemas.events.catalog import ItemPublished

from bench.figures import Figure
from bench.http_load import Load, Plan

ROUNDS = 4
REQUESTS = 30_000
SECONDS = 4.0
CONNECTIONS = 96
REPLICAS = 2
PGBENCH_CLIENTS = (16, 32, 64)
PGBENCH_SECONDS = 4
ISSUER = "http://issuer.example"
TRACE_RATIO = 0.01


def _pgbench() -> str:
    """Path of pgbench. Raises `MissingToolError`."""
    places = [binaries() / "pgbench", *sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"), reverse=True)]
    found = next((str(place) for place in places if place.exists()), shutil.which("pgbench"))
    if found is None:
        raise MissingToolError("pgbench", "apt-get install postgresql-contrib")
    return found


def _script(uuid_function: str, body: bytes) -> str:
    return f"""BEGIN;
INSERT INTO application (id, applicant, idempotency_key, request_digest, item_code, item_version, submitted_at)
VALUES ({uuid_function}, gen_random_uuid(), 'pgbench', '\\x{secrets.token_hex(32)}', '{"0" * 31}', 1, now());
INSERT INTO outbox (event_id, topic, subject, source, sequence, type, time, correlation_id, traceparent, body)
VALUES (gen_random_uuid(), 'tongban.applications.v1', {uuid_function}, '/intake', 1,
    'cn.tongban.application.submitted.v1', now(), {uuid_function}, '00-{"1" * 32}-{"2" * 16}-00', '\\x{body.hex()}');
COMMIT;
"""  # noqa: S608 - made of our own values


async def _run_pgbench(dsn: str, script: Path, clients: int, seconds: int) -> float:
    process = await asyncio.create_subprocess_exec(
        _pgbench(),
        *("-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(seconds), "-f", str(script), dsn),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    rate = re.search(rb"tps = ([0-9.]+)", out)
    if process.returncode != 0 or rate is None:
        raise RuntimeError(f"pgbench failed: {err.decode().strip() or out.decode()}")
    return float(rate[1])


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@asynccontextmanager
async def _intake(dsn: str, folder: Path, key: OKPKey, port: int) -> AsyncIterator[None]:
    """The service's HTTP processes, one for each core, from answering until stopped."""
    jwks = folder / "jwks.json"
    jwks.write_text(json.dumps(KeySet([key]).as_dict(private=False)), "utf-8")
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "TONGBAN_INSTANCE": "intake",
        "TONGBAN_KAFKA": "127.0.0.1:9",
        "TONGBAN_DATABASE": dsn,
        "TONGBAN_HTTP_PORT": str(port),
        "TONGBAN_HTTP_SHARE_PORT": "true",
        "TONGBAN_VAULT_DIR": str(folder / "vault"),
        "TONGBAN_TOKEN_ISSUER": ISSUER,
        "TONGBAN_TOKEN_JWKS": jwks.as_uri(),
        "TONGBAN_TRACE_FILE": str(folder / "trace.jsonl"),
        "TONGBAN_TRACE_RATIO": str(TRACE_RATIO),
    }
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tongban_intake", "--only", "api"),
            env=environment | {"TONGBAN_REPLICA": str(replica)},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        for replica in range(REPLICAS)
    ]
    try:
        for process in processes:
            await _wait_for(port, process)
        await asyncio.sleep(2)
        yield
    finally:
        for process in processes:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def _wait_for(port: int, process: asyncio.subprocess.Process) -> None:
    for _ in range(300):
        if process.returncode is not None:
            raise RuntimeError(f"intake ended with {process.returncode}")
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise RuntimeError("intake does not answer")


def _plan(name: str, item: Item, key: OKPKey, port: int, requests: int) -> Plan:
    claims = {
        "iss": ISSUER,
        "aud": "tongban",
        "exp": 4_000_000_000,
        "role": "citizen",
        "acts_for": "91990000MA00000195",
    }
    tokens = [
        jwt.encode({"alg": "Ed25519"}, claims | {"sub": str(uuid4())}, key, algorithms=["Ed25519"])
        for _ in range(CONNECTIONS)
    ]
    bodies = [
        json.dumps(
            {
                "item": item.code,
                "region": "990101",
                "answers": item.form.example() | {"contact_name": f"示例联系人{number}", "land_area_m2": 1000 + number},
            },
            ensure_ascii=False,
        )
        for number in range(100)
    ]
    return Plan(name, port, "/v1/applications", requests, SECONDS, tokens, bodies)


async def _load(plan: Plan) -> Load:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.http_load"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate(json.dumps(asdict(plan)).encode())
    load = Load(**json.loads(out))
    if load.failed:
        raise RuntimeError(f"{load.failed} requests failed, the first with {load.first_failure}")
    return load


async def run(engines: Any) -> list[Figure]:
    dsn = urlunsplit(urlsplit(engines.postgres)._replace(path=f"/bench_intake_{secrets.token_hex(3)}"))
    await migrate(dsn, "tongban_intake")
    item = load_catalog().items["enterprise-investment-project"]
    key = OKPKey.generate_key("Ed25519", {"kid": "bench"})
    port = _free_port()
    pool = await create_pool(dsn, 2)
    try:
        published = ItemPublished(item=item.ref, definition=item.definition)
        await pool.execute(
            "INSERT INTO item VALUES ($1, $2, $3)", item.code, item.version, json.dumps(published.definition)
        )
        with tempfile.TemporaryDirectory() as folder:
            async with _intake(dsn, Path(folder), key, port):
                await _load(_plan("warm-up", item, key, port, 500))
                body = await pool.fetchval("SELECT body FROM outbox LIMIT 1")
                newest = await pool.fetchval("SELECT count(*) FROM pg_proc WHERE proname = 'uuidv7'")
                script = Path(folder) / "two-inserts.sql"
                script.write_text(_script("uuidv7()" if newest else "gen_random_uuid()", body), "utf-8")
                probed = {clients: await _run_pgbench(dsn, script, clients, 2) for clients in PGBENCH_CLIENTS}
                clients = max(probed, key=lambda number: probed[number])
                rates, loads = [], []
                before = await pool.fetchval("SELECT count(*) FROM application WHERE idempotency_key <> 'pgbench'")
                for number in range(ROUNDS):
                    rates.append(await _run_pgbench(dsn, script, clients, PGBENCH_SECONDS))
                    loads.append(await _load(_plan(f"round-{number}", item, key, port, REQUESTS)))
                after = await pool.fetchval("SELECT count(*) FROM application WHERE idempotency_key <> 'pgbench'")
        durable = [await pool.fetchval(f"SHOW {name}") for name in ("fsync", "synchronous_commit")]
    finally:
        await pool.close()
    accepted = sum(load.accepted for load in loads)
    if after - before != accepted or durable != ["on", "on"]:
        raise RuntimeError(f"{accepted} answers, {after - before} rows; fsync and synchronous_commit {durable}")
    best = max(loads, key=lambda load: load.rate)
    return [
        Figure(f"pgbench, two inserts a transaction, {clients} connections", max(rates), "transactions/s"),
        Figure(f"intake, applications accepted, {CONNECTIONS} connections", best.rate, "applications/s"),
        Figure("intake, time to answer, median", best.p50 * 1000, "ms"),
        Figure("intake, time to answer, 99th percentile", best.p99 * 1000, "ms"),
        Figure("intake / pgbench", best.rate / max(rates), "", bar=0.5),
    ]
