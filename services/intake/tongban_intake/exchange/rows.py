"""Rows of the exchange and what is wrong with them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import uuid5

from tongban_schemas.envelope import Event
from tongban_schemas.types import CHINA

from tongban_intake.exchange.tables import TABLES

Operation = Literal["I", "U", "D"]
"""同步类型: the row is new; later facts changed it; later facts took it back."""

Reason = Literal["missing", "too-long", "unknown-item", "not-by-right", "unreadable"]


@dataclass(frozen=True, slots=True)
class Row:
    """One row. ``values``: text by column, those of the change feed among them; ``event`` is what made it."""

    table: str
    subject: str
    event: Event
    values: Mapping[str, str]

    @property
    def guid(self) -> str:
        return self.values.get("row_guid", "")

    @property
    def order(self) -> tuple[str, datetime, str]:
        """By case, then by when it was first told."""
        return self.values.get("project_no", ""), self.event.time, self.guid

    def line(self) -> list[str]:
        """The values in the table's order; what is not known is empty."""
        return [self.values.get(name, "") for name in TABLES[self.table].names]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row is not exported. It never holds a value. ``event``: its id, or for an unreadable record its place."""

    table: str
    row_guid: str
    subject: str
    event: str
    columns: tuple[str, ...]
    reason: Reason


def make_row(
    table: str,
    subject: str,
    event: Event,
    values: Mapping[str, str],
    *,
    part: str = "",
    changed_by: Sequence[Event] = (),
    revoked_by: Event | None = None,
) -> Row:
    """A row that a fact made, under an id computed from the fact and the table; ``part`` tells several of one fact apart.

    ``changed_by`` are later facts that say more of it, ``revoked_by`` the one that took it back. Batch and time are those of
    the last of them: the day and the moment in China.
    """
    last = max(one.time for one in (event, *changed_by, *([revoked_by] if revoked_by else ())))
    operation: Operation = "D" if revoked_by else "U" if changed_by else "I"
    feed = {
        "row_guid": str(uuid5(event.id, f"{table}|{part}" if part else table)),
        "cd_operation": operation,
        "cd_batch": f"{last.astimezone(CHINA):%Y%m%d}",
        "cd_time": moment(last),
        "data_source": event.source,
    }
    return Row(table, subject, event, {**feed, **values})


def problem_of(row: Row) -> Problem | None:
    """What keeps a row from being loaded: a column that must be filled and is not, or a value longer than its column."""
    columns = TABLES[row.table].columns
    missing = tuple(one.name for one in columns if one.required and not row.values.get(one.name))
    long = tuple(one.name for one in columns if one.length and len(row.values.get(one.name, "")) > one.length)
    if not missing and not long:
        return None
    return Problem(
        row.table, row.guid, row.subject, str(row.event.id), missing or long, "missing" if missing else "too-long"
    )


def moment(at: datetime) -> str:
    """A moment as the platform writes it: the time in China, to the second."""
    return f"{at.astimezone(CHINA):%Y-%m-%d %H:%M:%S}"
