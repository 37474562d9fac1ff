"""Sessions that their person has ended. Functions take the caller's connection and never commit."""

from datetime import datetime

from tongban_runtime.database import Pool, Tx


async def end(tx: Tx | Pool, digest: bytes, forget_at: datetime) -> None:
    """The session has ended; again changes nothing. What has ended by itself meanwhile is forgotten."""
    await tx.execute("DELETE FROM ended_session WHERE forget_at < now()")
    await tx.execute(
        "INSERT INTO ended_session (digest, forget_at) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING",
        digest,
        forget_at,
    )


async def has_ended(tx: Tx | Pool, digest: bytes) -> bool:
    found = await tx.fetchval("SELECT true FROM ended_session WHERE digest = $1", digest)
    return found is True
