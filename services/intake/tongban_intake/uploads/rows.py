"""SQL of uploads: which object of the store of files holds which proof."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tongban_runtime.database import Pool, Tx

from tongban_intake.uploads.rules import Media


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file in the store. ``uploaded`` is the event id of its upload, ``sha256`` that of the content before it was sealed."""

    uploaded: UUID
    case: UUID
    material: str
    name: str
    sha256: bytes
    media: Media


async def add(tx: Tx, file: KeptFile, at: datetime) -> None:
    await tx.execute(
        """
        INSERT INTO evidence_file (uploaded, application, material, object, sha256, media_type, kept_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        file.uploaded,
        file.case,
        file.material,
        file.name,
        file.sha256,
        file.media,
        at,
    )


async def find(tx: Tx | Pool, case: UUID, material: str) -> KeptFile | None:
    """The newest file of a proof."""
    row = await tx.fetchrow(
        """
        SELECT uploaded, application, material, object, sha256, media_type FROM evidence_file
        WHERE application = $1 AND material = $2 ORDER BY kept_at DESC LIMIT 1
        """,
        case,
        material,
    )
    return None if row is None else KeptFile(*row)


async def unknown(tx: Tx | Pool, names: Sequence[str]) -> list[str]:
    """Those of the objects that no proof lies in."""
    rows = await tx.fetch(
        "SELECT name FROM unnest($1::text[]) AS t(name) WHERE NOT EXISTS (SELECT FROM evidence_file WHERE object = name)",
        list(names),
    )
    return [row["name"] for row in rows]


async def forget(tx: Tx, cases: Sequence[UUID]) -> list[str]:
    """Removes what is known of the files of cases; the names of the objects, to be deleted after the commit."""
    rows = await tx.fetch("DELETE FROM evidence_file WHERE application = ANY($1) RETURNING object", list(cases))
    return [row["object"] for row in rows]
