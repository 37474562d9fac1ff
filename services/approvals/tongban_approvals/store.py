"""All SQL of approvals. Every statement takes a whole batch; none commits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, cast
from uuid import UUID

from tongban_runtime.database import Tx
from tongban_schemas.events.approvals import DecidedBy
from tongban_schemas.types import ItemRef

from tongban_approvals.domain import OpinionTask, Task, TaskState
from tongban_approvals.domain.desk import OpinionState

UNDECIDED: tuple[TaskState, ...] = ("open", "taken", "correction", "suspended")
DECIDED: tuple[TaskState, ...] = ("granted", "refused", "cancelled", "annulled")
OPINION_STATES: tuple[OpinionState, ...] = ("asked", "given", "lapsed", "cancelled")
Order = Literal["opened", "due"]
ENDLESS: Final = datetime.max.replace(tzinfo=UTC)
"""Where a task without a limit stands among those that are due."""
_INFINITY: Final = ENDLESS.replace(tzinfo=None)
"""What the database's driver gives and takes for ``infinity``."""
Place = tuple[datetime, UUID, str]
"""Where a task stands in a list."""


@dataclass(frozen=True, slots=True)
class DeskTask:
    """A task as stored. ``officer`` holds it, or decided it; ``traceparent`` is the trace in which it opened."""

    application: UUID
    step: str
    department: str
    item: ItemRef
    round: int
    state: TaskState
    officer: UUID | None
    decided_by: DecidedBy | None
    opened_at: datetime
    accepted_at: datetime | None
    due_at: datetime | None
    warn_at: datetime | None
    provisional: bool
    decided_at: datetime | None
    traceparent: str | None
    flagged: bool
    version: int
    due_place: datetime

    def place(self, order: Order) -> Place:
        return (self.due_place if order == "due" else self.opened_at), self.application, self.step


def _item(row: Any) -> ItemRef:
    return ItemRef(code=row["item_code"], version=row["item_version"])


def _desk_task(row: Any) -> DeskTask:
    return DeskTask(
        application=row["application"],
        step=row["step"],
        department=row["department"],
        item=_item(row),
        round=row["round"],
        state=cast(TaskState, row["state"]),
        officer=row["officer"],
        decided_by=cast("DecidedBy | None", row["decided_by"]),
        opened_at=row["opened_at"],
        accepted_at=row["accepted_at"],
        due_at=row["due_at"],
        warn_at=row["warn_at"],
        provisional=row["provisional"],
        decided_at=row["decided_at"],
        traceparent=row["traceparent"],
        flagged=row["flagged"],
        version=row["version"],
        due_place=ENDLESS if row["due_place"] == _INFINITY else row["due_place"],
    )


_SAVE_TASKS = """
WITH said AS (
    SELECT f.*, CASE WHEN f.state = 'open' AND t.state IN ('taken', 'correction', 'cancelled') AND t.round = f.round
            AND t.officer IS NOT NULL THEN 'taken' ELSE f.state END AS now,
        CASE WHEN f.decided_by IS NOT NULL THEN f.officer WHEN t.round = f.round THEN t.officer END AS holder
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int[], $6::int[], $7::text[], $8::uuid[], $9::text[],
        $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::boolean[],
        $15::timestamptz[], $16::text[], $17::boolean[])
        AS f(application, step, department, item_code, item_version, round, state, officer, decided_by, opened_at,
            accepted_at, due_at, warn_at, provisional, decided_at, traceparent, flagged)
    LEFT JOIN task AS t USING (application, step)
)
INSERT INTO task AS t (application, step, department, item_code, item_version, round, state, officer, decided_by,
    opened_at, accepted_at, due_at, warn_at, provisional, decided_at, traceparent, flagged)
SELECT application, step, department, item_code, item_version, round, now, holder, decided_by, opened_at, accepted_at,
    due_at, warn_at, provisional, decided_at, traceparent, flagged
FROM said
ON CONFLICT (application, step) DO UPDATE SET
    round = excluded.round,
    state = excluded.state,
    officer = excluded.officer,
    decided_by = excluded.decided_by,
    opened_at = excluded.opened_at,
    accepted_at = excluded.accepted_at,
    due_at = excluded.due_at,
    warn_at = excluded.warn_at,
    provisional = excluded.provisional,
    decided_at = excluded.decided_at,
    flagged = excluded.flagged,
    version = t.version + 1
WHERE (t.round, t.state, t.accepted_at, t.due_at, t.warn_at, t.provisional, t.flagged) IS DISTINCT FROM (excluded.round,
    excluded.state, excluded.accepted_at, excluded.due_at, excluded.warn_at, excluded.provisional, excluded.flagged)
"""


async def save_tasks(tx: Tx, tasks: Sequence[tuple[Task, str | None]]) -> None:
    """Makes the desk what the facts say; each task comes with the trace it opened in. Rows that say so already stay.

    An officer who took a task keeps it while it waits for the applicant; a new round lies open for anyone.
    """
    if not tasks:
        return
    rows = [task for task, _ in tasks]
    await tx.execute(
        _SAVE_TASKS,
        [task.application for task in rows],
        [task.step for task in rows],
        [task.department for task in rows],
        [task.item.code for task in rows],
        [task.item.version for task in rows],
        [task.round for task in rows],
        [task.state for task in rows],
        [task.officer for task in rows],
        [task.decided_by for task in rows],
        [task.opened_at for task in rows],
        [task.accepted_at for task in rows],
        [task.due_at for task in rows],
        [task.warn_at for task in rows],
        [task.provisional for task in rows],
        [task.decided_at for task in rows],
        [traceparent for _, traceparent in tasks],
        [task.flagged for task in rows],
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


async def is_known(tx: Tx, application: UUID) -> bool:
    """Whether any fact of the case was heard here."""
    return bool(await tx.fetchval("SELECT EXISTS (SELECT FROM fact WHERE subject = $1)", application))


async def parts_of(tx: Tx, application: UUID) -> frozenset[str]:
    """The departments of ours that decide a step of the case, or were asked for an opinion."""
    rows = await tx.fetch(
        """
        SELECT department FROM task WHERE application = $1 UNION SELECT asked FROM opinion WHERE application = $1
        """,
        application,
    )
    return frozenset(row["department"] for row in rows)


async def hold_task(tx: Tx, application: UUID, step: str, officer: UUID | None) -> DeskTask:
    """Gives the task to the officer, or lays it open again. The caller holds the case's lock and has checked that it may."""
    row = await tx.fetchrow(
        """
        UPDATE task SET state = CASE WHEN $3::uuid IS NULL THEN 'open' ELSE 'taken' END, officer = $3,
            version = version + 1
        WHERE application = $1 AND step = $2 RETURNING *
        """,
        application,
        step,
        officer,
    )
    return _desk_task(row)


_LIST = """
SELECT found.* FROM unnest($1::text[]) AS d(department) CROSS JOIN unnest($2::text[]) AS s(state)
CROSS JOIN LATERAL (
    SELECT * FROM task
    WHERE task.department = d.department AND task.state = s.state
        AND ($4::timestamptz IS NULL OR (opened_at, application, step) > ($4, $5::uuid, $6::text))
    ORDER BY opened_at, application, step LIMIT $3
) AS found
ORDER BY found.opened_at, found.application, found.step LIMIT $3
"""
_LISTS: dict[Order, str] = {"opened": _LIST, "due": _LIST.replace("opened_at", "due_place")}


async def list_tasks(
    tx: Tx,
    departments: Iterable[str],
    states: Iterable[TaskState],
    limit: int,
    after: Place | None,
    order: Order = "opened",
) -> list[DeskTask]:
    """Tasks of the departments in these states, oldest or due first, at most ``limit``, those behind the place ``after``.

    Each pair of department and state is one walk along the index, however many tasks there are.
    """
    instant, *rest = after or (None, None, None)
    behind = _INFINITY if instant == ENDLESS else instant
    rows = await tx.fetch(_LISTS[order], sorted(departments), list(states), limit, behind, *rest)
    return [_desk_task(row) for row in rows]


async def hold_line(tx: Tx, item_code: str, step: str) -> None:
    """Lets one transaction at a time decide who of a limited number comes next, until it ends."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"quota|{item_code}|{step}")


async def first_in_line(tx: Tx, item_code: str, step: str) -> UUID | None:
    """The undecided case that was accepted first; of those accepted at one instant, the one with the lowest id."""
    found: UUID | None = await tx.fetchval(
        """
        SELECT application FROM task
        WHERE item_code = $1 AND step = $2 AND state IN ('open', 'taken', 'correction')
        ORDER BY accepted_at, application LIMIT 1
        """,
        item_code,
        step,
    )
    return found


async def count_granted(tx: Tx, item_code: str, step: str, since: datetime, until: datetime) -> int:
    """How many were granted from ``since`` to before ``until`` and still count."""
    found: int = await tx.fetchval(
        """
        SELECT count(*) FROM task
        WHERE item_code = $1 AND step = $2 AND state = 'granted' AND decided_at >= $3 AND decided_at < $4
        """,
        item_code,
        step,
        since,
        until,
    )
    return found


@dataclass(frozen=True, slots=True)
class AskedOpinion:
    """An opinion as it lies on the asked department's desk."""

    request: UUID
    application: UUID
    step: str
    opinion: str
    department: str
    asked: str
    item: ItemRef
    state: OpinionState
    asked_at: datetime
    due_at: datetime | None
    agrees: bool | None
    officer: UUID | None
    answered_at: datetime | None


def _asked_opinion(row: Any) -> AskedOpinion:
    names = [name for name in AskedOpinion.__dataclass_fields__ if name != "item"]
    return AskedOpinion(item=_item(row), **{name: row[name] for name in names})


async def save_opinions(tx: Tx, opinions: Sequence[OpinionTask]) -> None:
    """Makes the desk of asked opinions what the facts say; one of an earlier round that nobody answered is cancelled."""
    if not opinions:
        return
    await tx.execute(
        """
        UPDATE opinion SET state = 'cancelled'
        WHERE application = ANY($1::uuid[]) AND state = 'asked' AND request <> ALL($2::uuid[])
        """,
        [one.application for one in opinions],
        [one.request for one in opinions],
    )
    await tx.execute(
        """
        INSERT INTO opinion AS o (request, application, step, opinion, department, asked, item_code, item_version, state,
            asked_at, due_at, agrees, officer, answered_at)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::int[],
            $9::text[], $10::timestamptz[], $11::timestamptz[], $12::boolean[], $13::uuid[], $14::timestamptz[])
        ON CONFLICT (request) DO UPDATE SET state = excluded.state, due_at = excluded.due_at, agrees = excluded.agrees,
            officer = excluded.officer, answered_at = excluded.answered_at
        WHERE (o.state, o.due_at) IS DISTINCT FROM (excluded.state, excluded.due_at)
        """,
        [one.request for one in opinions],
        [one.application for one in opinions],
        [one.step for one in opinions],
        [one.opinion for one in opinions],
        [one.department for one in opinions],
        [one.asked for one in opinions],
        [one.item.code for one in opinions],
        [one.item.version for one in opinions],
        [one.state for one in opinions],
        [one.asked_at for one in opinions],
        [one.due_at for one in opinions],
        [one.agrees for one in opinions],
        [one.officer for one in opinions],
        [one.answered_at for one in opinions],
    )


async def find_opinion(
    tx: Tx, application: UUID, step: str, opinion: str, departments: Iterable[str]
) -> AskedOpinion | None:
    """The newest request of that opinion, if one of the departments was asked."""
    row = await tx.fetchrow(
        """
        SELECT * FROM opinion WHERE application = $1 AND step = $2 AND opinion = $3 AND asked = ANY($4)
        ORDER BY asked_at DESC, state = 'cancelled' LIMIT 1
        """,
        application,
        step,
        opinion,
        list(departments),
    )
    return None if row is None else _asked_opinion(row)


async def list_opinions(
    tx: Tx,
    departments: Iterable[str],
    states: Iterable[OpinionState],
    limit: int,
    after: tuple[datetime, UUID] | None,
) -> list[AskedOpinion]:
    """What the departments were asked, oldest first, at most ``limit``, those behind the place ``after``."""
    rows = await tx.fetch(
        """
        SELECT found.* FROM unnest($1::text[]) AS d(department) CROSS JOIN unnest($2::text[]) AS s(state)
        CROSS JOIN LATERAL (
            SELECT * FROM opinion
            WHERE opinion.asked = d.department AND opinion.state = s.state
                AND ($4::timestamptz IS NULL OR (asked_at, request) > ($4, $5::uuid))
            ORDER BY asked_at, request LIMIT $3
        ) AS found
        ORDER BY found.asked_at, found.request LIMIT $3
        """,
        sorted(departments),
        list(states),
        limit,
        *(after or (None, None)),
    )
    return [_asked_opinion(row) for row in rows]
