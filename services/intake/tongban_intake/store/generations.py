"""SQL of the view's generations: building one beside the active one, comparing the two, swapping, clearing away."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from tongban_runtime.database import Pool, Tx

from tongban_intake.store.view import Folded

_COLUMNS = ("generation", "application_id", "partition", "state", "intake_position", "version", "facts", "status")


@dataclass(frozen=True, slots=True)
class Digest:
    """Rows and hash (SHA-256, hex) of one partition of a generation; equal rows give equal hashes."""

    rows: int
    hash: str


async def begin(pool: Pool) -> int:
    """A new generation, still being built."""
    generation: int = await pool.fetchval(
        "INSERT INTO view_generation (state) VALUES ('building') RETURNING generation"
    )
    return generation


async def load(tx: Tx, generation: int, folded: Sequence[Folded]) -> None:
    """Writes rows that are not there yet, by one COPY."""
    await tx.copy_records_to_table(
        "status_view", records=((generation, *row.columns) for row in folded), columns=_COLUMNS
    )


async def remove(tx: Tx, generation: int, applications: Iterable[UUID]) -> None:
    """Takes rows out that are about to be loaded anew."""
    await tx.execute(
        "DELETE FROM status_view WHERE generation = $1 AND application_id = ANY($2)", generation, list(applications)
    )


async def digests(tx: Tx, generation: int) -> dict[int, Digest]:
    """Rows and hash by partition."""
    rows = await tx.fetch(
        """
        SELECT partition, count(*) AS rows, encode(sha256(string_agg(
            sha256(uuid_send(application_id) || sha256(facts) || sha256(status)), ''::bytea ORDER BY application_id
        )), 'hex') AS hash
        FROM status_view WHERE generation = $1 GROUP BY partition ORDER BY partition
        """,
        generation,
    )
    return {row["partition"]: Digest(row["rows"], row["hash"]) for row in rows}


async def activate(tx: Tx, generation: int) -> None:
    """Makes the generation the active one; the one before is retired."""
    await tx.execute("UPDATE view_generation SET state = 'retired' WHERE state = 'active'")
    await tx.execute("UPDATE view_generation SET state = 'active' WHERE generation = $1", generation)


async def discard(tx: Tx, consumer_prefix: str) -> int:
    """Deletes every generation but the active one, with its positions; returns how many rows of the view went."""
    gone = [
        row["generation"] for row in await tx.fetch("SELECT generation FROM view_generation WHERE state <> 'active'")
    ]
    tag: str = await tx.execute("DELETE FROM status_view WHERE generation = ANY($1)", gone)
    await tx.execute("DELETE FROM position WHERE consumer = ANY($1)", [f"{consumer_prefix}:{one}" for one in gone])
    await tx.execute("DELETE FROM view_generation WHERE generation = ANY($1)", gone)
    return int(tag.rpartition(" ")[2])
