"""The SQL of requests for proofs, and of the time that people have for them. Takes the caller's transaction, never commits."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tongban_runtime.database import Pool, Tx
from tongban_schemas.envelope import Event
from tongban_schemas.events.access import AccessErased, AccessRule
from tongban_schemas.events.evidence import EvidenceRequested, Stage
from tongban_schemas.types import ItemRef, Limit

from tongban_certificates.sharing.domain import RequestState, ShareRequest

AT_A_DESK: tuple[RequestState, ...] = ("desk", "negotiation", "mediation")


@dataclass(frozen=True, slots=True)
class Timer:
    """The time in which a person has to answer ``about``: a request or a dispute. ``due_at`` is None until it is computed."""

    about: UUID
    stage: Stage
    request: UUID
    started_at: datetime
    limit: Limit
    due_at: datetime | None = None
    provisional: bool = True


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """An attempt that has still to be put on record. ``event`` is the event that was the attempt."""

    event: UUID
    application: UUID
    rule: AccessRule
    department: str | None
    request: UUID | None


async def lock_free(tx: Tx, subjects: Iterable[UUID]) -> set[UUID]:
    """Locks those of the subjects that nobody else holds, and says which."""
    rows = await tx.fetch(
        "SELECT id FROM subject WHERE id = ANY($1) ORDER BY id FOR UPDATE SKIP LOCKED", sorted(set(subjects))
    )
    return {row["id"] for row in rows}


async def hold_registers(tx: Tx, resources: Iterable[str]) -> None:
    """Keeps registers as they are until the transaction ends: the lock under which they are changed, shared with others."""
    await tx.execute(
        """
        SELECT pg_advisory_xact_lock_shared(hashtextextended(name, 0))
        FROM (SELECT unnest($1::text[]) AS name ORDER BY name) AS wanted
        """,
        sorted({f"register {resource}" for resource in resources}),
    )


async def add_requests(tx: Tx, asked: Sequence[Event], now: datetime) -> None:
    """Stores requests of locked subjects that are not known yet."""
    await tx.executemany(
        """
        INSERT INTO evidence_request (request, application, resource, material, provider, asked_by, item_code,
            item_version, basis, fields, lookup, lookup_plain, asked_at, expires, correlation_id, traceparent, state,
            retry_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 'open', $17)
        ON CONFLICT DO NOTHING
        """,
        [
            (
                event.id,
                UUID(event.subject),
                data.resource,
                data.material,
                data.provider,
                data.asked_by,
                data.item.code,
                data.item.version,
                data.basis,
                data.fields,
                json.dumps(data.lookup),
                json.dumps(data.lookup_plain, ensure_ascii=False),
                event.time,
                data.expires,
                event.correlationid,
                event.traceparent,
                now,
            )
            for event in asked
            if isinstance(data := event.data, EvidenceRequested)
        ],
    )


async def requests(tx: Tx | Pool, ids: Collection[UUID]) -> dict[UUID, ShareRequest]:
    rows = await tx.fetch("SELECT * FROM evidence_request WHERE request = ANY($1)", list(ids))
    return {row["request"]: _request(row) for row in rows}


async def asked_of(tx: Tx, applications: Collection[UUID]) -> set[UUID]:
    """Those of the applications for which something was asked here."""
    rows = await tx.fetch(
        "SELECT DISTINCT application FROM evidence_request WHERE application = ANY($1)", list(applications)
    )
    return {row["application"] for row in rows}


async def due(
    tx: Tx | Pool, now: datetime, resources: Collection[str], limit: int, *, of_them: bool
) -> list[ShareRequest]:
    """Requests that a program has to answer now: for these resources, or with ``of_them`` off for all others."""
    rows = await tx.fetch(
        """
        SELECT * FROM evidence_request
        WHERE state = 'open' AND retry_at <= $1 AND (resource = ANY($2)) = $3 ORDER BY retry_at, request LIMIT $4
        """,
        now,
        list(resources),
        of_them,
        limit,
    )
    return [_request(row) for row in rows]


async def take(tx: Tx, wanted: Sequence[ShareRequest]) -> list[ShareRequest]:
    """Locks those of the requests that nobody else holds and that are as they were read."""
    free = await lock_free(tx, (one.application for one in wanted))
    now = await requests(tx, [one.request for one in wanted if one.application in free])
    return [one for one in wanted if now.get(one.request) == one]


async def at_desks(
    tx: Tx | Pool, providers: Collection[str], states: Collection[RequestState], limit: int
) -> list[tuple[ShareRequest, Timer | None]]:
    """What waits for people at these providers, oldest first, with the time that they have."""
    rows = await tx.fetch(
        """
        SELECT r.*, t.about, t.stage, t.started_at, t.number, t.unit, t.due_at, t.provisional
        FROM evidence_request r LEFT JOIN sharing_timer t ON t.about = r.request
        WHERE r.provider = ANY($1) AND r.state = ANY($2) ORDER BY r.asked_at, r.request LIMIT $3
        """,
        list(providers),
        list(states),
        limit,
    )
    return [(_request(row), None if row["about"] is None else _timer(row)) for row in rows]


async def running(tx: Tx | Pool, types: Collection[str], limit: int) -> list[ShareRequest]:
    """Requests that are not answered, of cases of which one of these types of facts is known."""
    rows = await tx.fetch(
        """
        SELECT * FROM evidence_request r WHERE state IN ('open', 'desk', 'negotiation', 'mediation')
            AND EXISTS (SELECT FROM fact f WHERE f.subject = r.application AND f.type = ANY($1)) LIMIT $2
        """,
        list(types),
        limit,
    )
    return [_request(row) for row in rows]


async def settle(tx: Tx, ids: Sequence[UUID], state: RequestState) -> None:
    """Requests of locked subjects are in this state now, and nobody has to answer them."""
    await tx.execute("UPDATE evidence_request SET state = $2 WHERE request = ANY($1)", ids, state)
    await tx.execute("DELETE FROM sharing_timer WHERE about = ANY($1)", ids)


async def close(tx: Tx, applications: Collection[UUID]) -> None:
    """Nobody answers any more for these locked cases: no request, and no dispute, whose words do not open."""
    cases = list(applications)
    await tx.execute(
        """
        UPDATE evidence_request SET state = 'closed'
        WHERE application = ANY($1) AND state IN ('open', 'desk', 'negotiation', 'mediation')
        """,
        cases,
    )
    await tx.execute("DELETE FROM evidence_dispute WHERE application = ANY($1) AND outcome IS NULL", cases)
    await tx.execute(
        "DELETE FROM sharing_timer WHERE request IN (SELECT request FROM evidence_request WHERE application = ANY($1))",
        cases,
    )


async def erased(tx: Tx, applications: Collection[UUID]) -> set[UUID]:
    """Those of the cases that were erased."""
    rows = await tx.fetch(
        "SELECT subject FROM fact WHERE subject = ANY($1) AND type = $2", list(applications), AccessErased.TYPE
    )
    return {row["subject"] for row in rows}


async def refused(tx: Tx, request: UUID, refusal: UUID, stage: Stage) -> None:
    """A request of a locked subject was answered by a refusal."""
    await settle(tx, [request], "answered")
    await tx.execute(
        "UPDATE evidence_request SET refusal = $2, refused_at_stage = $3 WHERE request = $1", request, refusal, stage
    )


async def to_desk(tx: Tx, request: UUID, state: RequestState, timer: Timer) -> None:
    """A person has to answer a request of a locked subject from now on."""
    await tx.execute("UPDATE evidence_request SET state = $2 WHERE request = $1", request, state)
    await start(tx, timer)


async def objected(tx: Tx, request: UUID, objection: UUID, argument: str) -> None:
    await tx.execute(
        "UPDATE evidence_request SET objection = $2, argument = $3 WHERE request = $1", request, objection, argument
    )


async def postpone(tx: Tx, request: UUID, retry_at: datetime, *, failing_told: bool) -> None:
    """An open request of a locked subject is tried again at ``retry_at``."""
    await tx.execute(
        """
        UPDATE evidence_request SET attempts = attempts + 1, retry_at = $2, failing_told = failing_told OR $3
        WHERE request = $1
        """,
        request,
        retry_at,
        failing_told,
    )


async def expired_at_desks(tx: Tx | Pool, now: datetime, limit: int) -> list[ShareRequest]:
    """Requests whose time limit passed while they lay on a desk."""
    rows = await tx.fetch(
        "SELECT * FROM evidence_request WHERE state = 'desk' AND expires <= $1 ORDER BY expires LIMIT $2", now, limit
    )
    return [_request(row) for row in rows]


async def start(tx: Tx, timer: Timer) -> None:
    """A person's time begins; one that runs already goes on."""
    await tx.execute(
        """
        INSERT INTO sharing_timer (about, stage, request, started_at, number, unit) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT DO NOTHING
        """,
        timer.about,
        timer.stage,
        timer.request,
        timer.started_at,
        timer.limit.number,
        timer.limit.unit,
    )


async def stop(tx: Tx, about: UUID) -> None:
    await tx.execute("DELETE FROM sharing_timer WHERE about = $1", about)


async def timers(tx: Tx | Pool, abouts: Collection[UUID]) -> dict[UUID, Timer]:
    rows = await tx.fetch("SELECT * FROM sharing_timer WHERE about = ANY($1)", list(abouts))
    return {row["about"]: _timer(row) for row in rows}


async def ringing(tx: Tx, now: datetime, basis: int, limit: int) -> list[Timer]:
    """Timers that have run out and of which it was not said, and those that were computed from older calendars."""
    rows = await tx.fetch(
        """
        SELECT * FROM sharing_timer WHERE NOT told AND ((due_at <= $1 AND NOT provisional) OR basis < $2)
        ORDER BY due_at, about LIMIT $3
        """,
        now,
        basis,
        limit,
    )
    return [_timer(row) for row in rows]


async def set_timer(
    tx: Tx, timer: Timer, due_at: datetime | None, basis: int, *, provisional: bool, told: bool
) -> None:
    await tx.execute(
        """
        UPDATE sharing_timer SET due_at = $3, basis = $4, provisional = $5, told = $6 WHERE about = $1 AND stage = $2
        """,
        timer.about,
        timer.stage,
        due_at,
        basis,
        provisional,
        told,
    )


async def turn_away(tx: Tx, attempts: Sequence[TurnedAway]) -> None:
    """Remembers attempts until the vault has put them on record."""
    await tx.executemany(
        """
        INSERT INTO turned_away (event, application, rule, department, request) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT DO NOTHING
        """,
        [(one.event, one.application, one.rule, one.department, one.request) for one in attempts],
    )


async def take_turned_away(tx: Tx, limit: int) -> list[TurnedAway]:
    """Takes attempts out, to be put on record in the same transaction."""
    rows = await tx.fetch(
        """
        DELETE FROM turned_away WHERE event IN (SELECT event FROM turned_away LIMIT $1 FOR UPDATE SKIP LOCKED)
        RETURNING *
        """,
        limit,
    )
    return [
        TurnedAway(row["event"], row["application"], row["rule"], row["department"], row["request"]) for row in rows
    ]


def _request(row: Any) -> ShareRequest:
    return ShareRequest(
        request=row["request"],
        application=row["application"],
        resource=row["resource"],
        material=row["material"],
        provider=row["provider"],
        asked_by=row["asked_by"],
        item=ItemRef(code=row["item_code"], version=row["item_version"]),
        basis=row["basis"],
        fields=tuple(row["fields"]),
        lookup=json.loads(row["lookup"]),
        lookup_plain=json.loads(row["lookup_plain"]),
        asked_at=row["asked_at"],
        expires=row["expires"],
        correlation_id=row["correlation_id"],
        traceparent=row["traceparent"],
        state=row["state"],
        refusal=row["refusal"],
        refused_at_stage=row["refused_at_stage"],
        objection=row["objection"],
        argument=row["argument"],
        attempts=row["attempts"],
        failing_told=row["failing_told"],
    )


def _timer(row: Any) -> Timer:
    return Timer(
        about=row["about"],
        stage=row["stage"],
        request=row["request"],
        started_at=row["started_at"],
        limit=Limit(number=row["number"], unit=row["unit"]),
        due_at=row["due_at"],
        provisional=row["provisional"],
    )
