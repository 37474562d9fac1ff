"""All SQL of the certificates service. Functions take the caller's transaction and never commit."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from tongban_runtime.database import Tx
from tongban_schemas.types import ItemRef

State = Literal["due", "issued", "cancelled"]
Failure = Literal["missing_glyph", "unknown_department", "no_holder", "seal_broken", "not_made"]


@dataclass(frozen=True, slots=True)
class NewCertificate:
    """A certificate that became due. ``departments`` are those that decided."""

    application: UUID
    kind: str
    number: str
    issuer: str
    item: ItemRef
    applicant: UUID
    departments: Sequence[str]
    decided_at: datetime
    correlation_id: UUID
    causation_id: UUID
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """A certificate as it stands. The last three are None until it is issued."""

    application: UUID
    kind: str
    number: str
    issuer: str
    item: ItemRef
    applicant: UUID
    departments: frozenset[str]
    correlation_id: UUID
    causation_id: UUID
    traceparent: str | None
    state: State
    attempts: int
    issued_at: datetime | None
    sha256: str | None
    holder_shown: str | None


@dataclass(frozen=True, slots=True)
class IssuedFile:
    """What issuing adds to a certificate."""

    number: str
    issued_at: datetime
    sha256: str
    holder_shown: str
    pdf: bytes


def _row(row: Any) -> CertificateRow:
    return CertificateRow(
        application=row["application"],
        kind=row["kind"],
        number=row["number"],
        issuer=row["issuer"],
        item=ItemRef(code=row["item_code"], version=row["item_version"]),
        applicant=row["applicant"],
        departments=frozenset(row["departments"]),
        correlation_id=row["correlation_id"],
        causation_id=row["causation_id"],
        traceparent=row["traceparent"],
        state=row["state"],
        attempts=row["attempts"],
        issued_at=row["issued_at"],
        sha256=row["sha256"],
        holder_shown=row["holder_shown"],
    )


async def known_certificates(tx: Tx, applications: Collection[UUID]) -> dict[tuple[UUID, str], State]:
    """The state of the applications' certificates, by application and kind."""
    rows = await tx.fetch(
        "SELECT application, kind, state FROM certificate WHERE application = ANY($1)", list(applications)
    )
    return {(row["application"], row["kind"]): row["state"] for row in rows}


async def draw_serials(tx: Tx, issuer: str, year: int, count: int) -> range:
    """The next ``count`` serial numbers of an issuing body in a year, without holes: a rollback gives them back."""
    last = await tx.fetchval(
        """
        INSERT INTO serial_counter (issuer, year, last) VALUES ($1, $2, $3)
        ON CONFLICT (issuer, year) DO UPDATE SET last = serial_counter.last + $3 RETURNING last
        """,
        issuer,
        year,
        count,
    )
    return range(last - count + 1, last + 1)


async def add_due(tx: Tx, certificates: Sequence[NewCertificate], now: datetime) -> None:
    """Stores certificates that are due from ``now`` on."""
    await tx.executemany(
        """
        INSERT INTO certificate (application, kind, number, issuer, item_code, item_version, applicant, departments,
            decided_at, correlation_id, causation_id, traceparent, state, retry_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'due', $13)
        """,
        [
            (
                new.application,
                new.kind,
                new.number,
                new.issuer,
                new.item.code,
                new.item.version,
                new.applicant,
                list(new.departments),
                new.decided_at,
                new.correlation_id,
                new.causation_id,
                new.traceparent,
                now,
            )
            for new in certificates
        ],
    )


async def change_state(tx: Tx, applications: Collection[UUID], before: State, after: State) -> None:
    """Moves the applications' certificates from one state to another."""
    if applications:
        await tx.execute(
            "UPDATE certificate SET state = $3 WHERE application = ANY($1) AND state = $2",
            list(applications),
            before,
            after,
        )


async def take_due(tx: Tx, now: datetime, limit: int) -> list[CertificateRow]:
    """Up to ``limit`` certificates to make now. Their subjects are locked; those that another holds are left to it."""
    candidates = await tx.fetch(
        "SELECT application FROM certificate WHERE state = 'due' AND retry_at <= $1 ORDER BY retry_at LIMIT $2",
        now,
        limit,
    )
    locked = await tx.fetch(
        "SELECT id FROM subject WHERE id = ANY($1) ORDER BY id FOR UPDATE SKIP LOCKED",
        [row["application"] for row in candidates],
    )
    rows = await tx.fetch(
        "SELECT * FROM certificate WHERE application = ANY($1) AND state = 'due' AND retry_at <= $2 ORDER BY number",
        [row["id"] for row in locked],
        now,
    )
    return [_row(row) for row in rows]


async def mark_issued(tx: Tx, files: Sequence[IssuedFile]) -> None:
    """Stores the files of certificates taken by `take_due`."""
    await tx.executemany(
        """
        UPDATE certificate SET state = 'issued', issued_at = $2, sha256 = $3, holder_shown = $4, failure = NULL
        WHERE number = $1 AND state = 'due'
        """,
        [(file.number, file.issued_at, file.sha256, file.holder_shown) for file in files],
    )
    await tx.executemany(
        "INSERT INTO certificate_file (number, pdf) VALUES ($1, $2)", [(file.number, file.pdf) for file in files]
    )


async def postpone(tx: Tx, number: str, failure: Failure, retry_at: datetime) -> None:
    """Keeps a certificate due, to be tried again at ``retry_at``."""
    await tx.execute(
        "UPDATE certificate SET attempts = attempts + 1, failure = $2, retry_at = $3 WHERE number = $1 AND state = 'due'",
        number,
        failure,
        retry_at,
    )


async def certificate_by_number(tx: Tx, number: str) -> CertificateRow | None:
    row = await tx.fetchrow("SELECT * FROM certificate WHERE number = $1", number)
    return None if row is None else _row(row)


async def certificate_by_sha256(tx: Tx, sha256: str) -> CertificateRow | None:
    row = await tx.fetchrow("SELECT * FROM certificate WHERE sha256 = $1", sha256)
    return None if row is None else _row(row)


async def file_of(tx: Tx, number: str) -> bytes | None:
    """The signed PDF of an issued certificate."""
    found: bytes | None = await tx.fetchval("SELECT pdf FROM certificate_file WHERE number = $1", number)
    return found
