"""The SQL of disclosures: who was given which record, who disputes it, who has still to hear of a correction."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from tongban_runtime.database import Pool, Tx
from tongban_schemas.envelope import Event
from tongban_schemas.events.evidence import Cause, EvidenceDisputed

from tongban_certificates.registers.model import RecordChanged

Outcome = Literal["corrected", "upheld"]


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One record that was given to one case. ``version`` is the record's, as the case knows it.

    ``digests``: keyed hashes of the values that it knows, of a register elsewhere; None of one that counts its changes here.
    """

    provided: UUID
    request: UUID
    application: UUID
    provider: str
    resource: str
    material: str
    record: UUID
    version: int
    recorded_at: datetime
    fields: tuple[str, ...]
    at: datetime
    digests: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Dispute:
    """Somebody says that a record is wrong. ``text`` is sealed; ``version`` is the record's, as the person saw it."""

    dispute: UUID
    provided: UUID
    application: UUID
    fields: tuple[str, ...]
    text: str
    version: int
    raised_at: datetime
    correlation_id: UUID
    traceparent: str | None
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class Correction:
    """What a receiver has still to be told: the versions of a record that it does not know, as one change, since ``at``.

    ``attempts``: how often the vault did not know yet that the receiver was given the record.
    """

    provided: UUID
    version: int
    changed: frozenset[str]
    withdrawn: bool
    cause: Cause
    at: datetime = field(compare=False)
    attempts: int = 0


async def disclose(tx: Tx, given: Sequence[Disclosure]) -> None:
    await tx.executemany(
        """
        INSERT INTO disclosure (provided, request, application, provider, resource, material, record, version,
            recorded_at, fields, at, digests)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING
        """,
        [
            (
                one.provided,
                one.request,
                one.application,
                one.provider,
                one.resource,
                one.material,
                one.record,
                one.version,
                one.recorded_at,
                list(one.fields),
                one.at,
                None if one.digests is None else json.dumps(dict(one.digests)),
            )
            for one in given
        ],
    )


async def disclosures(tx: Tx | Pool, provided: Collection[UUID]) -> dict[UUID, Disclosure]:
    rows = await tx.fetch("SELECT * FROM disclosure WHERE provided = ANY($1)", list(provided))
    return {row["provided"]: _disclosure(row) for row in rows}


async def disclosures_of(tx: Tx | Pool, record: UUID) -> list[Disclosure]:
    """Every receiver of a record."""
    rows = await tx.fetch("SELECT * FROM disclosure WHERE record = $1 ORDER BY provided", record)
    return [_disclosure(row) for row in rows]


async def know(
    tx: Tx, provided: UUID, version: int, recorded_at: datetime, digests: Mapping[str, str] | None = None
) -> None:
    """A receiver knows this version of the record now. ``digests`` None: as they were."""
    await tx.execute(
        """
        UPDATE disclosure SET version = $2, recorded_at = $3, digests = coalesce($4::jsonb, digests) WHERE provided = $1
        """,
        provided,
        version,
        recorded_at,
        None if digests is None else json.dumps(dict(digests)),
    )


async def enqueue(tx: Tx, changes: Sequence[RecordChanged], cause: Cause) -> None:
    """Every receiver of a changed record, whose fields or existence the change touches, has to be told.

    A change that comes while a dispute about the record is open is that dispute's doing. Receivers of a register elsewhere are
    all queued: what they know may have been fetched since, and only what they were given tells whether this is news.
    """
    await tx.execute(
        """
        INSERT INTO correction (provided, version, changed, withdrawn, cause, at)
        SELECT d.provided,
            CASE WHEN d.digests IS NULL THEN c.version ELSE greatest(c.version, d.version + 1,
                (SELECT max(q.version) + 1 FROM correction q WHERE q.provided = d.provided)) END,
            ARRAY(SELECT jsonb_array_elements_text(c.changed) INTERSECT SELECT unnest(d.fields) ORDER BY 1), c.withdrawn,
            CASE WHEN EXISTS (SELECT FROM evidence_dispute e JOIN disclosure o USING (provided)
                WHERE o.record = c.record AND e.outcome IS NULL) THEN 'dispute' ELSE $6::text END,
            c.at
        FROM unnest($1::uuid[], $2::int[], $3::jsonb[], $4::bool[], $5::timestamptz[])
                AS c(record, version, changed, withdrawn, at)
            JOIN disclosure d ON d.record = c.record
        WHERE d.digests IS NOT NULL OR (d.version < c.version
            AND (c.withdrawn OR d.fields && ARRAY(SELECT jsonb_array_elements_text(c.changed))))
        ON CONFLICT DO NOTHING
        """,
        [one.record for one in changes],
        [one.version for one in changes],
        [json.dumps(one.changed) for one in changes],
        [one.withdrawn for one in changes],
        [one.at for one in changes],
        cause,
    )


async def untold(tx: Tx | Pool, now: datetime, limit: int) -> list[UUID]:
    """Receivers who have to be told something now: the ids of what they were given."""
    rows = await tx.fetch(
        """
        SELECT provided FROM correction GROUP BY provided HAVING coalesce(max(retry_at), $1) <= $1
        ORDER BY min(at), provided LIMIT $2
        """,
        now,
        limit,
    )
    return [row["provided"] for row in rows]


async def corrections(tx: Tx | Pool, provided: Collection[UUID]) -> dict[UUID, Correction]:
    """What these receivers have to be told, all versions as one change."""
    rows = await tx.fetch(
        "SELECT * FROM correction WHERE provided = ANY($1) ORDER BY provided, version", list(provided)
    )
    found: dict[UUID, Correction] = {}
    for row in rows:
        before = found.get(row["provided"])
        found[row["provided"]] = Correction(
            provided=row["provided"],
            version=row["version"],
            changed=frozenset(row["changed"]) | (before.changed if before else frozenset()),
            withdrawn=row["withdrawn"],
            cause="dispute" if "dispute" in (row["cause"], before.cause if before else None) else "source",
            at=row["at"],
            attempts=max(row["attempts"], before.attempts if before else 0),
        )
    return found


async def tell_later(tx: Tx, provided: UUID, retry_at: datetime) -> None:
    await tx.execute(
        "UPDATE correction SET attempts = attempts + 1, retry_at = $2 WHERE provided = $1", provided, retry_at
    )


async def told(tx: Tx, provided: Collection[UUID]) -> None:
    await tx.execute("DELETE FROM correction WHERE provided = ANY($1)", list(provided))


async def has_untold(tx: Tx | Pool, provided: UUID) -> bool:
    found: bool = await tx.fetchval("SELECT EXISTS (SELECT FROM correction WHERE provided = $1)", provided)
    return found


async def add_disputes(tx: Tx, raised: Sequence[tuple[Event, Disclosure]]) -> None:
    """Stores disputes of locked subjects that are not known yet."""
    await tx.executemany(
        """
        INSERT INTO evidence_dispute (dispute, provided, application, fields, text, version, raised_at, correlation_id,
            traceparent)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING
        """,
        [
            (
                event.id,
                given.provided,
                given.application,
                data.fields,
                data.text,
                given.version,
                event.time,
                event.correlationid,
                event.traceparent,
            )
            for event, given in raised
            if isinstance(data := event.data, EvidenceDisputed)
        ],
    )


async def disputes(tx: Tx | Pool, ids: Collection[UUID]) -> dict[UUID, Dispute]:
    rows = await tx.fetch("SELECT * FROM evidence_dispute WHERE dispute = ANY($1)", list(ids))
    return {row["dispute"]: _dispute(row) for row in rows}


async def open_disputes(tx: Tx | Pool, providers: Collection[str], limit: int) -> list[tuple[Dispute, Disclosure]]:
    """Disputes that these providers have to answer, oldest first."""
    rows = await tx.fetch(
        """
        SELECT e.* FROM evidence_dispute e JOIN disclosure d USING (provided)
        WHERE d.provider = ANY($1) AND e.outcome IS NULL ORDER BY e.raised_at, e.dispute LIMIT $2
        """,
        list(providers),
        limit,
    )
    given = await disclosures(tx, [row["provided"] for row in rows])
    return [(_dispute(row), given[row["provided"]]) for row in rows]


async def disputed(tx: Tx | Pool, records: Collection[UUID]) -> set[UUID]:
    """Those of the records that somebody disputes."""
    rows = await tx.fetch(
        """
        SELECT DISTINCT d.record FROM evidence_dispute e JOIN disclosure d USING (provided)
        WHERE d.record = ANY($1) AND e.outcome IS NULL
        """,
        list(records),
    )
    return {row["record"] for row in rows}


async def answer_dispute(tx: Tx, dispute: UUID, outcome: Outcome) -> None:
    await tx.execute("UPDATE evidence_dispute SET outcome = $2 WHERE dispute = $1", dispute, outcome)


def _disclosure(row: Any) -> Disclosure:
    return Disclosure(
        provided=row["provided"],
        request=row["request"],
        application=row["application"],
        provider=row["provider"],
        resource=row["resource"],
        material=row["material"],
        record=row["record"],
        version=row["version"],
        recorded_at=row["recorded_at"],
        fields=tuple(row["fields"]),
        at=row["at"],
        digests=None if row["digests"] is None else json.loads(row["digests"]),
    )


def _dispute(row: Any) -> Dispute:
    return Dispute(
        dispute=row["dispute"],
        provided=row["provided"],
        application=row["application"],
        fields=tuple(row["fields"]),
        text=row["text"],
        version=row["version"],
        raised_at=row["raised_at"],
        correlation_id=row["correlation_id"],
        traceparent=row["traceparent"],
        outcome=row["outcome"],
    )
