"""All SQL of approvals. Every statement takes a whole batch; none commits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from tongban_runtime.database import Tx
from tongban_schemas.events.approvals import DecidedBy
from tongban_schemas.types import ItemRef

from tongban_approvals.domain import Task, TaskState

STATES: tuple[TaskState, ...] = ("open", "taken", "correction", "granted", "refused", "cancelled")


@dataclass(frozen=True, slots=True)
class DeskTask:
    """A task as stored. ``officer`` holds it, or decided it; ``traceparent`` is the trace in which it opened."""

    application: UUID
    step: str
    department: str
    item: ItemRef
    state: TaskState
    officer: UUID | None
    decided_by: DecidedBy | None
    opened_at: datetime
    decided_at: datetime | None
    traceparent: str | None
    version: int

    @property
    def place(self) -> tuple[datetime, UUID, str]:
        """Where the task stands in a list."""
        return self.opened_at, self.application, self.step


def _desk_task(row: Any) -> DeskTask:
    return DeskTask(
        application=row["application"],
        step=row["step"],
        department=row["department"],
        item=ItemRef(code=row["item_code"], version=row["item_version"]),
        state=cast(TaskState, row["state"]),
        officer=row["officer"],
        decided_by=cast("DecidedBy | None", row["decided_by"]),
        opened_at=row["opened_at"],
        decided_at=row["decided_at"],
        traceparent=row["traceparent"],
        version=row["version"],
    )


async def save_tasks(tx: Tx, tasks: Sequence[tuple[Task, str | None]]) -> None:
    """Makes the desk what the facts say; each task comes with the trace it opened in. Rows that say so already stay.

    An officer who took a task keeps it while it waits for the applicant.
    """
    if not tasks:
        return
    rows = [task for task, _ in tasks]
    await tx.execute(
        """
        INSERT INTO task AS t (application, step, department, item_code, item_version, state, officer, decided_by,
            opened_at, decided_at, traceparent)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int[], $6::text[], $7::uuid[],
            $8::text[], $9::timestamptz[], $10::timestamptz[], $11::text[])
        ON CONFLICT (application, step) DO UPDATE SET
            state = CASE WHEN excluded.state = 'open' AND t.officer IS NOT NULL THEN 'taken' ELSE excluded.state END,
            officer = CASE WHEN excluded.decided_by IS NULL THEN t.officer ELSE excluded.officer END,
            decided_by = excluded.decided_by,
            decided_at = excluded.decided_at,
            version = t.version + 1
        WHERE t.state <> CASE WHEN excluded.state = 'open' AND t.officer IS NOT NULL THEN 'taken' ELSE excluded.state END
        """,
        [task.application for task in rows],
        [task.step for task in rows],
        [task.department for task in rows],
        [task.item.code for task in rows],
        [task.item.version for task in rows],
        [task.state for task in rows],
        [task.officer for task in rows],
        [task.decided_by for task in rows],
        [task.opened_at for task in rows],
        [task.decided_at for task in rows],
        [traceparent for _, traceparent in tasks],
    )


async def find_task(tx: Tx, application: UUID, step: str, departments: Iterable[str]) -> DeskTask | None:
    """The task, if it is on the desk of one of the departments."""
    row = await tx.fetchrow(
        "SELECT * FROM task WHERE application = $1 AND step = $2 AND department = ANY($3)",
        application,
        step,
        list(departments),
    )
    return None if row is None else _desk_task(row)


async def take_task(tx: Tx, application: UUID, step: str, officer: UUID) -> DeskTask:
    """Gives the task to the officer. The caller holds the lock of the case and has checked that it may."""
    row = await tx.fetchrow(
        """
        UPDATE task SET state = 'taken', officer = $3, version = version + 1
        WHERE application = $1 AND step = $2 RETURNING *
        """,
        application,
        step,
        officer,
    )
    return _desk_task(row)


async def list_tasks(
    tx: Tx,
    departments: Iterable[str],
    states: Iterable[TaskState],
    limit: int,
    after: tuple[datetime, UUID, str] | None,
) -> list[DeskTask]:
    """Tasks of the departments in these states, oldest first, at most ``limit``, those behind the place ``after``.

    Each pair of department and state is one walk along the index, however many tasks there are.
    """
    rows = await tx.fetch(
        """
        SELECT found.* FROM unnest($1::text[]) AS d(department) CROSS JOIN unnest($2::text[]) AS s(state)
        CROSS JOIN LATERAL (
            SELECT * FROM task
            WHERE task.department = d.department AND task.state = s.state
                AND ($4::timestamptz IS NULL OR (opened_at, application, step) > ($4, $5::uuid, $6::text))
            ORDER BY opened_at, application, step LIMIT $3
        ) AS found
        ORDER BY found.opened_at, found.application, found.step LIMIT $3
        """,
        sorted(departments),
        list(states),
        limit,
        *(after or (None, None, None)),
    )
    return [_desk_task(row) for row in rows]
