"""SQL of the receiving desk: applications that an officer accepts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from tongban_runtime.database import Pool, Tx
from tongban_schemas.types import ItemRef

from tongban_intake.domain.receiving import Receipt, ReceiptState


@dataclass(frozen=True, slots=True)
class DeskReceipt:
    """A row of the desk."""

    receipt: Receipt
    item: ItemRef


async def save(tx: Tx, receipts: Sequence[tuple[Receipt, ItemRef]]) -> None:
    """Makes the desk what the facts say."""
    if not receipts:
        return
    await tx.execute(
        """
        INSERT INTO receipt AS r (application, department, number, item_code, item_version, state, received_at, due,
            warn_at, provisional)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int[], $6::text[], $7::timestamptz[],
            $8::timestamptz[], $9::timestamptz[], $10::boolean[])
        ON CONFLICT (application) DO UPDATE SET state = excluded.state, due = excluded.due, warn_at = excluded.warn_at,
            provisional = excluded.provisional
        WHERE (r.state, r.due, r.warn_at, r.provisional)
            IS DISTINCT FROM (excluded.state, excluded.due, excluded.warn_at, excluded.provisional)
        """,
        [UUID(receipt.application) for receipt, _ in receipts],
        [receipt.department for receipt, _ in receipts],
        [receipt.number for receipt, _ in receipts],
        [item.code for _, item in receipts],
        [item.version for _, item in receipts],
        [receipt.state for receipt, _ in receipts],
        [receipt.received_at for receipt, _ in receipts],
        [receipt.due for receipt, _ in receipts],
        [receipt.warn_at for receipt, _ in receipts],
        [receipt.provisional for receipt, _ in receipts],
    )


async def find(tx: Tx | Pool, application: UUID, departments: Iterable[str]) -> DeskReceipt | None:
    """An application on one of the desks, or None."""
    row = await tx.fetchrow(
        "SELECT * FROM receipt WHERE application = $1 AND department = ANY($2)", application, list(departments)
    )
    return None if row is None else _receipt(row)


async def listed(
    tx: Tx | Pool,
    departments: Iterable[str],
    states: Iterable[ReceiptState],
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[DeskReceipt]:
    """The applications on the desks, oldest first, from after a place on."""
    received_at, application = after if after is not None else (None, None)
    rows = await tx.fetch(
        """
        SELECT * FROM receipt WHERE department = ANY($1) AND state = ANY($2)
            AND ($3::timestamptz IS NULL OR (received_at, application) > ($3, $4))
        ORDER BY received_at, application LIMIT $5
        """,
        list(departments),
        list(states),
        received_at,
        application,
        limit,
    )
    return [_receipt(row) for row in rows]


def _receipt(row: Any) -> DeskReceipt:
    receipt = Receipt(
        application=str(row["application"]),
        department=row["department"],
        number=row["number"],
        state=cast(ReceiptState, row["state"]),
        received_at=row["received_at"],
        due=row["due"],
        warn_at=row["warn_at"],
        provisional=row["provisional"],
    )
    return DeskReceipt(receipt, ItemRef(code=row["item_code"], version=row["item_version"]))
