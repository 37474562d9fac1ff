"""SQL of forms that wait for their sender to sign in again, sealed under a key that is not here."""

from datetime import datetime
from uuid import UUID

from tongban_runtime.database import Pool, Tx


async def keep(tx: Tx, form: UUID, person: UUID, sealed: bytes, now: datetime, most: int) -> None:
    """Keeps a form, and only the newest ``most`` of the person's."""
    await tx.execute(
        "INSERT INTO kept_form (id, person, sealed, kept_at) VALUES ($1, $2, $3, $4)", form, person, sealed, now
    )
    await tx.execute(
        """
        DELETE FROM kept_form WHERE person = $1 AND id NOT IN
            (SELECT id FROM kept_form WHERE person = $1 ORDER BY kept_at DESC, id LIMIT $2)
        """,
        person,
        most,
    )


async def find(tx: Tx | Pool, form: UUID, person: UUID, since: datetime) -> bytes | None:
    """A person's form, unless it was kept before ``since``."""
    found: bytes | None = await tx.fetchval(
        "SELECT sealed FROM kept_form WHERE id = $1 AND person = $2 AND kept_at >= $3", form, person, since
    )
    return found


async def remove(tx: Tx | Pool, form: UUID) -> None:
    await tx.execute("DELETE FROM kept_form WHERE id = $1", form)


async def forget(tx: Tx | Pool, before: datetime) -> None:
    """Deletes what was kept before a moment."""
    await tx.execute("DELETE FROM kept_form WHERE kept_at < $1", before)
