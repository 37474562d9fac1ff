"""SQL of the vault: the wrapped root keys of cases, the head of each case's chain, the epoch that wraps."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tongban_runtime.database import Pool, Tx


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A case's key. ``wrapped`` is None after an erasure; ``chain`` is the newest chain value, None at first."""

    case: UUID
    wrapped: bytes | None
    epoch: int
    fingerprint: bytes
    chain: bytes | None


@dataclass(frozen=True, slots=True)
class Epoch:
    """Which KEK wraps now; ``kek`` is its fingerprint, None before the first key was kept."""

    number: int
    kek: bytes | None


async def insert(tx: Tx, rows: Sequence[tuple[UUID, bytes, bytes]], epoch: int, kek: bytes, at: datetime) -> int:
    """Keeps (case, wrapped key, fingerprint) and returns how many: none when another KEK wraps by now.

    The shared lock on the epoch holds a rotation back until the keys are committed.
    """
    done: str = await tx.execute(
        """
        INSERT INTO vault_key (application, wrapped, fingerprint, epoch, made_at)
        SELECT k.*, $4, $6 FROM unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS k
        CROSS JOIN (SELECT FROM vault_epoch WHERE epoch = $4 AND kek = $5 FOR SHARE) AS now
        """,
        [case for case, _, _ in rows],
        [wrapped for _, wrapped, _ in rows],
        [fingerprint for _, _, fingerprint in rows],
        epoch,
        kek,
        at,
    )
    return int(done.rsplit(" ", 1)[1])


async def rows(tx: Tx | Pool, cases: Iterable[UUID]) -> dict[UUID, KeyRow]:
    """The keys of cases, by case."""
    found = await tx.fetch(
        "SELECT application, wrapped, epoch, fingerprint, chain FROM vault_key WHERE application = ANY($1)",
        list(cases),
    )
    return {row["application"]: KeyRow(*row) for row in found}


async def move_heads(tx: Tx, heads: Sequence[tuple[UUID, bytes]]) -> None:
    """Sets the newest chain value of locked cases."""
    await tx.execute(
        """
        UPDATE vault_key SET chain = h.chain
        FROM unnest($1::uuid[], $2::bytea[]) AS h(application, chain) WHERE vault_key.application = h.application
        """,
        [case for case, _ in heads],
        [chain for _, chain in heads],
    )


async def hold_epoch(tx: Tx) -> Epoch:
    """The epoch, locked: nobody keeps a new key until the transaction ends."""
    row = await tx.fetchrow("SELECT epoch, kek FROM vault_epoch FOR UPDATE")
    return Epoch(row["epoch"], row["kek"])


async def set_epoch(tx: Tx, epoch: int, kek: bytes) -> None:
    await tx.execute("UPDATE vault_epoch SET epoch = $1, kek = $2", epoch, kek)


async def published(tx: Tx, events: Iterable[UUID]) -> set[UUID]:
    """Those of the events that are in the outbox."""
    found = await tx.fetch("SELECT event_id FROM outbox WHERE event_id = ANY($1)", list(events))
    return {row["event_id"] for row in found}


async def erase(tx: Tx, cases: Iterable[UUID], at: datetime) -> None:
    """Empties the keys of locked cases, and takes the cases out of the search index."""
    named = list(cases)
    await tx.execute("UPDATE vault_key SET wrapped = NULL, erased_at = $2 WHERE application = ANY($1)", named, at)
    await tx.execute("DELETE FROM case_index WHERE application = ANY($1)", named)


@dataclass(frozen=True, slots=True)
class Before:
    """What is looked at for erasure: cases made, cases that came to nothing, drafts that changed last, by these moments."""

    made: datetime
    nothing: datetime
    draft: datetime


async def perhaps_due(pool: Pool, before: Before, after: UUID, limit: int) -> list[UUID]:
    """Cases that still have a key and may be due, in order, from one on."""
    found = await pool.fetch(
        """
        SELECT application FROM vault_key WHERE application > $1 AND wrapped IS NOT NULL AND application IN (
            SELECT application FROM vault_key WHERE made_at <= $3
            UNION ALL SELECT subject FROM fact WHERE time <= $4
                AND type IN ('cn.tongban.application.withdrawn.v1', 'cn.tongban.application.not-accepted.v1')
            UNION ALL SELECT id FROM draft WHERE changed_at <= $5
        ) ORDER BY application LIMIT $2
        """,
        after,
        limit,
        before.made,
        before.nothing,
        before.draft,
    )
    return [row["application"] for row in found]


async def destroyed(connection: Tx | Pool, applications: Collection[UUID]) -> set[UUID]:
    """Those of the cases whose key is destroyed."""
    rows = await connection.fetch(
        "SELECT application FROM vault_key WHERE application = ANY($1) AND erased_at IS NOT NULL", list(applications)
    )
    return {row["application"] for row in rows}


async def has_erased(tx: Tx, epoch: int) -> bool:
    """Whether a key that the KEK of an epoch had wrapped was erased."""
    found: bool = await tx.fetchval("SELECT EXISTS (SELECT FROM vault_key WHERE wrapped IS NULL AND epoch = $1)", epoch)
    return found


async def wrapped_before(tx: Tx, epoch: int, after: UUID, limit: int) -> list[KeyRow]:
    """Keys that are not erased and that the KEK of an earlier epoch wraps, locked, in order, from after one case on."""
    found = await tx.fetch(
        """
        SELECT application, wrapped, epoch, fingerprint, chain FROM vault_key
        WHERE application > $1 AND epoch < $2 AND wrapped IS NOT NULL ORDER BY application LIMIT $3 FOR UPDATE
        """,
        after,
        epoch,
        limit,
    )
    return [KeyRow(*row) for row in found]


async def rewrap(tx: Tx, anew: Sequence[tuple[UUID, bytes]], epoch: int) -> None:
    await tx.execute(
        """
        UPDATE vault_key SET wrapped = n.wrapped, epoch = $3
        FROM unnest($1::uuid[], $2::bytea[]) AS n(application, wrapped) WHERE vault_key.application = n.application
        """,
        [case for case, _ in anew],
        [key for _, key in anew],
        epoch,
    )


async def heads(pool: Pool) -> dict[UUID, bytes | None]:
    """The newest chain value of every case."""
    return {row["application"]: row["chain"] for row in await pool.fetch("SELECT application, chain FROM vault_key")}
