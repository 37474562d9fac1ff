"""Writes catalogue entries to the shelf's tables, in the caller's transaction. Of every entry the highest sequence stays."""

import json
from collections.abc import Sequence

from tongban_runtime.database import Tx
from tongban_schemas.events.catalog import CalendarPublished, DepartmentRegistered, ItemPublished, ResourcePublished

from tongban_catalog.parse import day


async def put_items(tx: Tx, published: Sequence[ItemPublished]) -> None:
    await tx.execute(
        """
        INSERT INTO item (code, version, definition, effective_from, cancel_on)
        SELECT * FROM unnest($1::text[], $2::int[], $3::json[], $4::date[], $5::date[]) ON CONFLICT DO NOTHING
        """,
        [data.item.code for data in published],
        [data.item.version for data in published],
        [json.dumps(data.definition, ensure_ascii=False) for data in published],
        [day(data.definition.get("effective_from")) for data in published],
        [day(data.definition.get("cancel_on")) for data in published],
    )


async def put_departments(tx: Tx, newest: Sequence[tuple[int, DepartmentRegistered]]) -> None:
    await tx.execute(
        """
        INSERT INTO department AS known (id, uscc, name_zh, name_en, region, supervisor, keys, sequence)
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::json[], $8::int[])
        ON CONFLICT (id) DO UPDATE SET uscc = excluded.uscc, name_zh = excluded.name_zh, name_en = excluded.name_en,
            region = excluded.region, supervisor = excluded.supervisor, keys = excluded.keys, sequence = excluded.sequence
        WHERE known.sequence < excluded.sequence
        """,
        [data.department for _, data in newest],
        [data.uscc for _, data in newest],
        [data.name_zh for _, data in newest],
        [data.name_en for _, data in newest],
        [data.region for _, data in newest],
        [data.supervisor for _, data in newest],
        [json.dumps(data.keys) for _, data in newest],
        [sequence for sequence, _ in newest],
    )


async def put_calendars(tx: Tx, newest: Sequence[tuple[int, CalendarPublished]]) -> bool:
    """Whether one of them is new."""
    changed = False
    for sequence, data in newest:
        written = await tx.fetchval(
            """
            INSERT INTO calendar AS known (region, year, off, work, hours, source, sequence)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (region, year) DO UPDATE SET off = excluded.off, work = excluded.work, hours = excluded.hours,
                source = excluded.source, sequence = excluded.sequence
            WHERE known.sequence < excluded.sequence RETURNING true
            """,
            data.region,
            data.year,
            data.off,
            data.work,
            data.hours,
            data.source,
            sequence,
        )
        changed = changed or bool(written)
    return changed


async def put_resources(tx: Tx, newest: Sequence[tuple[int, ResourcePublished]]) -> None:
    await tx.execute(
        """
        INSERT INTO resource AS known (id, definition, sequence)
        SELECT * FROM unnest($1::text[], $2::json[], $3::int[])
        ON CONFLICT (id) DO UPDATE SET definition = excluded.definition, sequence = excluded.sequence
        WHERE known.sequence < excluded.sequence
        """,
        [data.resource for _, data in newest],
        [json.dumps(data.definition, ensure_ascii=False) for _, data in newest],
        [sequence for sequence, _ in newest],
    )
