"""SQL of case numbers: the serial of an item's day."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from tongban_runtime.database import Tx

Day = tuple[str, date]
"""Item code, and the day in China."""


async def draw(tx: Tx, days: Sequence[Day]) -> list[int]:
    """The next serials, one for each entry, in the order given. Serials count 1, 2, 3 ... for each item and day.

    One statement; rows are locked in one order, until the transaction ends, so that no serial is given twice or lost.
    """
    wanted = sorted(Counter(days).items())
    rows = await tx.fetch(
        """
        INSERT INTO case_serial AS s (item_code, day, serial)
        SELECT * FROM unnest($1::text[], $2::date[], $3::int[])
        ON CONFLICT (item_code, day) DO UPDATE SET serial = s.serial + excluded.serial
        RETURNING item_code, day, serial
        """,
        [code for (code, _), _ in wanted],
        [day for (_, day), _ in wanted],
        [count for _, count in wanted],
    )
    counts = dict(wanted)
    next_of = {(row["item_code"], row["day"]): row["serial"] - counts[row["item_code"], row["day"]] for row in rows}
    drawn = []
    for day in days:
        next_of[day] += 1
        drawn.append(next_of[day])
    return drawn


async def keep(tx: Tx, numbers: Mapping[UUID, str]) -> None:
    """Writes the numbers to their applications."""
    await tx.execute(
        """
        UPDATE application SET number = n.number
        FROM unnest($1::uuid[], $2::text[]) AS n(id, number) WHERE application.id = n.id
        """,
        list(numbers),
        list(numbers.values()),
    )
