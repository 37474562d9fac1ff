"""SQL of fetched proofs: who agreed to have them fetched, and how often each resource was asked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tongban_runtime.database import Pool, Tx
from tongban_schemas.types import ItemRef


@dataclass(frozen=True, slots=True)
class Consent:
    """That the person behind a case agreed to have its proofs fetched. ``sealed`` opens to who they are."""

    case: UUID
    item: ItemRef
    sealed: str
    at: datetime


async def consents(tx: Tx | Pool, cases: Iterable[UUID]) -> dict[UUID, Consent]:
    """The consents among the cases, by case."""
    rows = await tx.fetch("SELECT * FROM identity WHERE application = ANY($1)", list(cases))
    return {
        row["application"]: Consent(
            row["application"],
            ItemRef(code=row["item_code"], version=row["item_version"]),
            row["sealed"],
            row["consented_at"],
        )
        for row in rows
    }


async def keep(tx: Tx, consent: Consent) -> None:
    """Keeps a consent; one that is there stays, with the identity and the version of the item as they are now."""
    await tx.execute(
        """
        INSERT INTO identity (application, item_code, item_version, sealed, consented_at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (application) DO UPDATE SET item_version = excluded.item_version, sealed = excluded.sealed
        """,
        consent.case,
        consent.item.code,
        consent.item.version,
        consent.sealed,
        consent.at,
    )


async def forget(tx: Tx, cases: Iterable[UUID]) -> None:
    """Removes consents with the identities they hold."""
    await tx.execute("DELETE FROM identity WHERE application = ANY($1)", list(cases))


async def unknown(tx: Tx, subject_ids: Iterable[tuple[UUID, UUID]]) -> set[UUID]:
    """Those of (case, event id) that are no kept facts yet: the event ids."""
    pairs = list(subject_ids)
    rows = await tx.fetch(
        """
        SELECT p.event_id FROM unnest($1::uuid[], $2::uuid[]) AS p(subject, event_id)
        WHERE NOT EXISTS (SELECT FROM fact f WHERE f.subject = p.subject AND f.event_id = p.event_id)
        """,
        [case for case, _ in pairs],
        [event for _, event in pairs],
    )
    return {row["event_id"] for row in rows}


async def count(tx: Tx, figures: Mapping[tuple[str, str], int]) -> None:
    """Adds to the figures of (resource, outcome). In one order, so that two writers never wait for each other in a circle."""
    rows = sorted(figures.items())
    if rows:
        await tx.execute(
            """
            INSERT INTO resource_figures AS known (resource, outcome, count)
            SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
            ON CONFLICT (resource, outcome) DO UPDATE SET count = known.count + excluded.count
            """,
            [resource for (resource, _), _ in rows],
            [outcome for (_, outcome), _ in rows],
            [number for _, number in rows],
        )


async def figures(tx: Tx | Pool) -> dict[str, dict[str, int]]:
    """How often each resource was asked (``requested``), and with what outcome, by resource."""
    found: dict[str, dict[str, int]] = {}
    for row in await tx.fetch("SELECT * FROM resource_figures ORDER BY resource, outcome"):
        found.setdefault(row["resource"], {})[row["outcome"]] = row["count"]
    return found
