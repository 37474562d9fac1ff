"""PostgreSQL: connections, the database of a service, and its numbered migrations (dbmate)."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module, resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

Tx = Any
"""An asyncpg connection inside a transaction that the edge opened; whoever receives one never commits."""

Pool = Any

ENGINE_ERRORS: tuple[type[Exception], ...] = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.exceptions.OperatorInterventionError,
    asyncpg.exceptions.InsufficientResourcesError,
    asyncpg.exceptions.TransactionRollbackError,
    OSError,
    TimeoutError,
)
"""Failures of the engine, not of an event: the same work is done again when it answers."""


async def create_pool(dsn: str, size: int) -> Pool:
    return await asyncpg.create_pool(dsn, min_size=1, max_size=size, command_timeout=30, timeout=10)


async def wait_until_ready(dsn: str, timeout: float = 60.0) -> None:
    """Raises `TimeoutError` when the database does not answer in ``timeout`` seconds."""
    async with asyncio.timeout(timeout):
        while True:
            try:
                connection = await asyncpg.connect(dsn, timeout=5)
            except ENGINE_ERRORS:
                await asyncio.sleep(0.2)
            else:
                await connection.close()
                return


def _with_database(dsn: str, name: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


async def create_database(dsn: str) -> None:
    """Creates the database that ``dsn`` names, unless it is there."""
    name = urlsplit(dsn).path.lstrip("/")
    connection = await asyncpg.connect(_with_database(dsn, "postgres"))
    try:
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
            await connection.execute(f'CREATE DATABASE "{name}"')
    except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
        return
    finally:
        await connection.close()


def _migration_folders(package: str) -> list[Path]:
    """Migrations of the runtime (0001 to 0050), of what the package stands on (0051 to 0099), its own (from 0101).

    A package names what it stands on, beside the runtime, in ``MIGRATIONS_OF``.
    """
    stands_on: Sequence[str] = getattr(import_module(package), "MIGRATIONS_OF", ())
    names = dict.fromkeys(("tongban_runtime", *stands_on, package))
    return [Path(str(resources.files(name) / "migrations")) for name in names]


def _dbmate() -> str:
    beside = Path(sys.executable).parent / "dbmate"
    found = str(beside) if beside.exists() else shutil.which("dbmate")
    if found is None:
        raise RuntimeError("dbmate is not installed: run `make setup`")
    return found


def run_dbmate(dsn: str, package: str, command: str) -> None:
    """Runs one dbmate command over all migrations of a package. Raises `RuntimeError` with its output."""
    separator = "&" if "?" in dsn else "?"
    folders = [f"--migrations-dir={folder}" for folder in _migration_folders(package) if folder.is_dir()]
    result = subprocess.run(
        [_dbmate(), *folders, "--no-dump-schema", command],
        env={"PATH": os.environ.get("PATH", ""), "DATABASE_URL": f"{dsn}{separator}sslmode=disable"},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise RuntimeError(f"dbmate {command} failed: {result.stderr.strip() or result.stdout.strip()}")


async def migrate(dsn: str, package: str) -> None:
    """Brings the database of a service to the newest migration, creating it if it is missing."""
    await create_database(dsn)
    await asyncio.to_thread(run_dbmate, dsn, package, "migrate")
