"""SQL of service items and departments, as the catalogue's topic told them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tongban_runtime.database import Pool, Tx
from tongban_schemas.events.catalog import ItemPublished
from tongban_schemas.types import JsonObject


@dataclass(frozen=True, slots=True)
class RegisteredDepartment:
    """A department; ``sequence`` orders what the catalogue said about it."""

    id: str
    uscc: str
    name_zh: str
    name_en: str
    sequence: int


async def add_items(tx: Tx, items: Sequence[ItemPublished]) -> None:
    """Stores item versions. A version that is there stays as it is: published versions never change."""
    await tx.execute(
        """
        INSERT INTO item (code, version, definition)
        SELECT * FROM unnest($1::text[], $2::int[], $3::jsonb[]) ON CONFLICT DO NOTHING
        """,
        [item.item.code for item in items],
        [item.item.version for item in items],
        [json.dumps(item.definition, ensure_ascii=False) for item in items],
    )


async def put_departments(tx: Tx, departments: Sequence[RegisteredDepartment]) -> None:
    """Stores what was said last about each department."""
    newest: dict[str, RegisteredDepartment] = {}
    for department in sorted(departments, key=lambda one: one.sequence):
        newest[department.id] = department
    await tx.execute(
        """
        INSERT INTO department AS d (id, uscc, name_zh, name_en, sequence)
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[])
        ON CONFLICT (id) DO UPDATE SET uscc = excluded.uscc, name_zh = excluded.name_zh, name_en = excluded.name_en,
            sequence = excluded.sequence
        WHERE d.sequence < excluded.sequence
        """,
        [one.id for one in newest.values()],
        [one.uscc for one in newest.values()],
        [one.name_zh for one in newest.values()],
        [one.name_en for one in newest.values()],
        [one.sequence for one in newest.values()],
    )


async def newest_versions(connection: Tx | Pool) -> dict[str, int]:
    """The newest version of every item, by code."""
    rows = await connection.fetch("SELECT code, max(version) AS version FROM item GROUP BY code ORDER BY code")
    return {row["code"]: row["version"] for row in rows}


async def definition(connection: Tx | Pool, code: str, version: int) -> JsonObject | None:
    """The definition of one version, or None when it is not known."""
    found: Any = await connection.fetchval(
        "SELECT definition FROM item WHERE code = $1 AND version = $2", code, version
    )
    return None if found is None else json.loads(found)
