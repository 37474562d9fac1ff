"""The process of notify, killed with -9 between the mail server's 250 and its own commit."""

import asyncio
import os
import sys
from pathlib import Path
from uuid import uuid4

import asyncpg
from tongban_catalog.shelf import Shelf
from tongban_local import tokens
from tongban_notify.handlers import registry
from tongban_runtime.database import Pool
from tongban_runtime.testing.clock import FakeClock

from .history import submitted
from .post_office import PostOffice
from .vault import vault


def environment(dsn: str, port: int, secrets: Path) -> dict[str, str]:
    tokens.prepare(secrets)
    return {
        "PATH": os.environ["PATH"],
        "TONGBAN_INSTANCE": "notify",
        "TONGBAN_KAFKA": "127.0.0.1:1",
        "TONGBAN_DATABASE": dsn,
        "TONGBAN_TOKEN_ISSUER": "http://issuer.example",
        "TONGBAN_TOKEN_JWKS": (secrets / "jwks.json").as_uri(),
        "TONGBAN_SMTP": f"127.0.0.1:{port}",
        "TONGBAN_PUBLIC_URL": "http://portal.example",
    }


async def start(settings: dict[str, str]) -> asyncio.subprocess.Process:
    command = [sys.executable, "-m", "tongban_notify", "--only", "sender"]
    return await asyncio.create_subprocess_exec(*command, env=settings, stderr=asyncio.subprocess.PIPE)


async def test_killed_between_250_and_commit_the_mail_is_in_the_mailbox_once(
    dsn: str, informed_pool: Pool, clock: FakeClock, post_office: PostOffice, tmp_path: Path
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    settings = environment(dsn, post_office.port, secrets)
    event = submitted(str(uuid4()))
    async with informed_pool.acquire() as tx, tx.transaction():
        await registry(Shelf(), clock).handler_of(event.type).function(tx, [event])

    async with vault() as found:
        first = await start(settings | found)

        async def kill() -> None:
            post_office.at_data = None
            first.kill()
            await first.wait()

        post_office.at_data = kill
        await asyncio.wait_for(first.communicate(), 30)
        assert first.returncode == -9
        assert await email_states(dsn) == ["pending"]

        second = await start(settings | found)
        async with asyncio.timeout(30):
            while await email_states(dsn) != ["sent"]:
                await asyncio.sleep(0.05)
        second.terminate()
        _, log = await asyncio.wait_for(second.communicate(), 30)
        assert second.returncode == 0
        assert b"notification.sent" in log
        assert b"canary@example.com" not in log
        assert len(post_office.mails()) == 1
        assert len(post_office.mailbox.duplicates()) == 1
        assert await final_events(dsn) == 1


async def email_states(dsn: str) -> list[str]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("SELECT state FROM notification WHERE channel = 'email'")
    finally:
        await connection.close()
    return [row["state"] for row in rows]


async def final_events(dsn: str) -> int:
    """How many facts say that an e-mail reached its final state."""
    connection = await asyncpg.connect(dsn)
    try:
        found = await connection.fetchval(
            "SELECT count(*) FROM outbox WHERE convert_from(body, 'UTF8')::jsonb ->> 'channel' = 'email'"
        )
    finally:
        await connection.close()
    return int(found)
