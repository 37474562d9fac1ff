"""All SQL of the certificates service. Functions take the caller's transaction and never commit."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from tongban_runtime.database import Pool, Tx
from tongban_schemas.types import ItemRef

State = Literal["due", "issued", "cancelled", "revoked"]
RevokedFor = Literal["annulled", "replaced"]
Failure = Literal["missing_glyph", "unknown_department", "no_holder", "seal_broken", "keys_refused", "not_made"]


@dataclass(frozen=True, slots=True)
class Basis:
    """What a due certificate rests on. ``departments`` are those that decided, ``decisions`` the events of their grants."""

    departments: Sequence[str]
    decisions: Sequence[UUID]
    decided_at: datetime
    causation_id: UUID


@dataclass(frozen=True, slots=True)
class NewCertificate:
    """A certificate that became due. ``edition`` counts those of the case, ``replaces`` is the identifier it follows."""

    application: UUID
    kind: str
    edition: int
    number: str
    replaces: str | None
    issuer: str
    item: ItemRef
    applicant: UUID
    basis: Basis
    correlation_id: UUID
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """A certificate as it stands. ``issued_at`` to ``holder_shown`` are None until it is issued.

    ``revoked_at`` and ``revoked_for`` are None until it is revoked.
    """

    application: UUID
    kind: str
    edition: int
    number: str
    replaces: str | None
    issuer: str
    item: ItemRef
    applicant: UUID
    departments: frozenset[str]
    decisions: frozenset[UUID]
    decided_at: datetime
    overdue_told: bool
    correlation_id: UUID
    causation_id: UUID
    traceparent: str | None
    state: State
    attempts: int
    issued_at: datetime | None
    valid_until: date | None
    sha256: str | None
    holder_shown: str | None
    revoked_at: datetime | None
    revoked_for: RevokedFor | None


@dataclass(frozen=True, slots=True)
class NotMade:
    """Why a certificate could not be made, and what that is about, which is never personal."""

    failure: Failure
    about: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IssuedFile:
    """What issuing adds to a certificate. ``valid_until``: the last day on which it holds; None: it does not expire.

    ``sha256`` is that of the PDF, ``sealed`` is the PDF sealed. ``holder`` is what the certificate is found by: a keyed hash of
    the holder's code; None: the holder has none.
    """

    number: str
    issued_at: datetime
    valid_until: date | None
    sha256: str
    holder_shown: str
    holder: bytes | None
    sealed: bytes


def _row(row: Any) -> CertificateRow:
    return CertificateRow(
        application=row["application"],
        kind=row["kind"],
        edition=row["edition"],
        number=row["number"],
        replaces=row["replaces"],
        issuer=row["issuer"],
        item=ItemRef(code=row["item_code"], version=row["item_version"]),
        applicant=row["applicant"],
        departments=frozenset(row["departments"]),
        decisions=frozenset(row["decisions"]),
        decided_at=row["decided_at"],
        overdue_told=row["overdue_told"],
        correlation_id=row["correlation_id"],
        causation_id=row["causation_id"],
        traceparent=row["traceparent"],
        state=row["state"],
        attempts=row["attempts"],
        issued_at=row["issued_at"],
        valid_until=row["valid_until"],
        sha256=row["sha256"],
        holder_shown=row["holder_shown"],
        revoked_at=row["revoked_at"],
        revoked_for=row["revoked_for"],
    )


async def latest_editions(tx: Tx, applications: Collection[UUID]) -> dict[UUID, CertificateRow]:
    """The newest certificate of each application that has one."""
    rows = await tx.fetch(
        """
        SELECT DISTINCT ON (application) * FROM certificate WHERE application = ANY($1)
        ORDER BY application, edition DESC
        """,
        list(applications),
    )
    return {row["application"]: _row(row) for row in rows}


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


async def draw_version(tx: Tx, base: str, after: int) -> int:
    """The next version of a serial (``base``: kind.issuer.serial), higher than ``after`` and than any drawn before."""
    drawn: int = await tx.fetchval(
        """
        INSERT INTO version_counter (base, last) VALUES ($1, $2::int + 1)
        ON CONFLICT (base) DO UPDATE SET last = greatest(version_counter.last, $2) + 1 RETURNING last
        """,
        base,
        after,
    )
    return drawn


async def add_due(tx: Tx, certificates: Sequence[NewCertificate], now: datetime) -> None:
    """Stores certificates that are due from ``now`` on."""
    await tx.executemany(
        """
        INSERT INTO certificate (application, kind, edition, number, replaces, issuer, item_code, item_version, applicant,
            departments, decisions, decided_at, correlation_id, causation_id, traceparent, state, retry_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 'due', $16)
        """,
        [
            (
                new.application,
                new.kind,
                new.edition,
                new.number,
                new.replaces,
                new.issuer,
                new.item.code,
                new.item.version,
                new.applicant,
                list(new.basis.departments),
                list(new.basis.decisions),
                new.basis.decided_at,
                new.correlation_id,
                new.basis.causation_id,
                new.traceparent,
                now,
            )
            for new in certificates
        ],
    )


async def rest_on(tx: Tx, bases: Sequence[tuple[str, Basis]]) -> None:
    """Makes certificates that are not issued due, by their numbers, on the decisions that count now."""
    await tx.executemany(
        """
        UPDATE certificate SET state = 'due', departments = $2, decisions = $3, decided_at = $4, causation_id = $5
        WHERE number = $1 AND state IN ('due', 'cancelled')
        """,
        [
            (number, list(basis.departments), list(basis.decisions), basis.decided_at, basis.causation_id)
            for number, basis in bases
        ],
    )


async def cancel(tx: Tx, numbers: Sequence[str]) -> None:
    """What is due is due no more."""
    await tx.execute("UPDATE certificate SET state = 'cancelled' WHERE number = ANY($1) AND state = 'due'", numbers)


async def revoke(tx: Tx, numbers: Sequence[str], revoked_for: RevokedFor, now: datetime) -> None:
    """Issued certificates of locked subjects no longer stand."""
    await tx.execute(
        """
        UPDATE certificate SET state = 'revoked', revoked_at = $3, revoked_for = $2
        WHERE number = ANY($1) AND state = 'issued'
        """,
        numbers,
        revoked_for,
        now,
    )


async def mark_overdue(tx: Tx, numbers: Sequence[str]) -> None:
    """It was said that these were not delivered in time."""
    await tx.execute("UPDATE certificate SET overdue_told = true WHERE number = ANY($1)", numbers)


async def due(tx: Tx | Pool, now: datetime, limit: int) -> list[CertificateRow]:
    """Up to ``limit`` certificates to make now; nothing is locked."""
    rows = await tx.fetch(
        "SELECT * FROM certificate WHERE state = 'due' AND retry_at <= $1 ORDER BY retry_at, number LIMIT $2",
        now,
        limit,
    )
    return [_row(row) for row in rows]


async def take_due(tx: Tx, numbers: Sequence[str], now: datetime) -> list[CertificateRow]:
    """Those of the certificates that are to be made now.

    Their subjects are locked, and those of the certificates that they replace; what another holds is left to it.
    """
    candidates = await tx.fetch(
        """
        SELECT due.number, array_remove(ARRAY[due.application, earlier.application], NULL) AS subjects
        FROM certificate due LEFT JOIN certificate earlier ON earlier.number = due.replaces WHERE due.number = ANY($1)
        """,
        numbers,
    )
    rows = await tx.fetch(
        "SELECT id FROM subject WHERE id = ANY($1) ORDER BY id FOR UPDATE SKIP LOCKED",
        sorted({subject for row in candidates for subject in row["subjects"]}),
    )
    locked = {row["id"] for row in rows}
    rows = await tx.fetch(
        "SELECT * FROM certificate WHERE number = ANY($1) AND state = 'due' AND retry_at <= $2 ORDER BY number",
        [row["number"] for row in candidates if locked.issuperset(row["subjects"])],
        now,
    )
    return [_row(row) for row in rows]


async def mark_issued(tx: Tx, files: Sequence[IssuedFile]) -> None:
    """Stores the files of certificates taken by `take_due`."""
    await tx.executemany(
        """
        UPDATE certificate c SET state = 'issued', issued_at = $2, valid_until = $3, sha256 = $4, holder_shown = $5,
            failure = NULL, failure_about = '{}', holder = $6, record = CASE WHEN $6::bytea IS NOT NULL THEN coalesce(
                (SELECT e.record FROM certificate e WHERE e.number = c.replaces AND e.holder = $6 AND e.issuer = c.issuer),
                gen_random_uuid()) END
        WHERE number = $1 AND state = 'due'
        """,
        [
            (file.number, file.issued_at, file.valid_until, file.sha256, file.holder_shown, file.holder)
            for file in files
        ],
    )
    await tx.executemany(
        "INSERT INTO certificate_file (number, sealed) VALUES ($1, $2)", [(file.number, file.sealed) for file in files]
    )


async def postpone(tx: Tx, number: str, why: NotMade, retry_at: datetime) -> None:
    """Keeps a certificate due, to be tried again at ``retry_at``."""
    await tx.execute(
        "UPDATE certificate SET attempts = attempts + 1, failure = $2, failure_about = $3, retry_at = $4 "
        "WHERE number = $1 AND state = 'due'",
        number,
        why.failure,
        why.about,
        retry_at,
    )


_STUCK = "number, application, issuer, kind, failure, failure_about, attempts, decided_at, retry_at"


async def stuck(tx: Tx | Pool, limit: int = 200) -> list[Any]:
    """Certificates that are due and could not be made, those that were earned first before the others."""
    rows: list[Any] = await tx.fetch(
        f"SELECT {_STUCK} FROM certificate WHERE state = 'due' AND failure IS NOT NULL ORDER BY decided_at, number LIMIT $1",  # noqa: S608 - our own columns
        limit,
    )
    return rows


async def count_stuck(tx: Tx | Pool) -> int:
    counted: int = await tx.fetchval("SELECT count(*) FROM certificate WHERE state = 'due' AND failure IS NOT NULL")
    return counted


async def retry(tx: Tx | Pool, number: str, now: datetime) -> Any | None:
    """Has a certificate that could not be made tried again at ``now``; None when there is none."""
    return await tx.fetchrow(
        f"UPDATE certificate SET retry_at = $2 WHERE number = $1 AND state = 'due' AND failure IS NOT NULL RETURNING {_STUCK}",  # noqa: S608 - our own columns
        number,
        now,
    )


async def certificates(tx: Tx, numbers: Collection[str]) -> dict[str, CertificateRow]:
    """The register's entries for identifiers, those that it has."""
    rows = await tx.fetch("SELECT * FROM certificate WHERE number = ANY($1)", list(numbers))
    return {row["number"]: _row(row) for row in rows}


async def certificate_by_number(tx: Tx, number: str) -> CertificateRow | None:
    return (await certificates(tx, [number])).get(number)


async def certificate_by_sha256(tx: Tx, sha256: str) -> CertificateRow | None:
    row = await tx.fetchrow("SELECT * FROM certificate WHERE sha256 = $1", sha256)
    return None if row is None else _row(row)


async def successor_of(tx: Tx, number: str) -> str | None:
    """The identifier of the issued certificate that follows a revoked one of the same kind."""
    found: str | None = await tx.fetchval(
        """
        SELECT later.number FROM certificate later JOIN certificate earlier ON earlier.number = later.replaces
        WHERE later.replaces = $1 AND later.state IN ('issued', 'revoked')
            AND later.kind = earlier.kind AND later.applicant = earlier.applicant
        ORDER BY later.issued_at DESC LIMIT 1
        """,
        number,
    )
    return found


async def file_of(tx: Tx, number: str) -> bytes | None:
    """The sealed PDF of an issued certificate; None when it is not issued, or its case was erased."""
    found: bytes | None = await tx.fetchval("SELECT sealed FROM certificate_file WHERE number = $1", number)
    return found


async def erase(tx: Tx, applications: Collection[UUID], shown: str) -> None:
    """Files of these locked cases are gone, ``shown`` stands for the holder, whose code finds nothing any more.

    Nor is it known any longer which characters of a name could not be printed.
    """
    await tx.execute(
        "DELETE FROM certificate_file USING certificate c WHERE c.number = certificate_file.number AND c.application = ANY($1)",
        list(applications),
    )
    await tx.execute(
        """
        UPDATE certificate SET holder_shown = CASE WHEN holder_shown IS NOT NULL THEN $2 END, holder = NULL, failure_about = '{}'
        WHERE application = ANY($1)
        """,
        list(applications),
        shown,
    )
