"""Alarms: what becomes true by time alone is said once, in order of time, however often the process dies.

Every case has at most one alarm in a database: the next moment at which something becomes true. It is saved in the
transaction that changed the case, so it is never lost; what it brings about has deterministic ids, so it is never doubled.
Deadlines rest on calendars; when these change, `wake_all` makes every alarm ring once more. An alarm knows which calendars
it was computed from (`basis`), so a transaction that computed from old ones and commits late is woken too.

Locks, always in this order: subjects (`tongban_runtime.facts.lock`), then alarms. `wake_all` touches no alarm.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tongban_schemas.envelope import Event, EventData

from tongban_runtime import facts, logs
from tongban_runtime.clock import Clock
from tongban_runtime.database import ENGINE_ERRORS, Pool, Tx
from tongban_runtime.facts import Case
from tongban_runtime.health import Heartbeat
from tongban_runtime.repeating import Repeating
from tongban_runtime.telemetry import count

POLL_SECONDS: Final = 0.5

RETRY_DELAYS: Final = tuple(timedelta(seconds=seconds) for seconds in (1, 5, 30, 120, 600))
"""Pauses before a case that failed is tried again; the last one repeats."""

_RING_LOCK: Final = 0x7462_616C
_WAKE_LOCK: Final = 0x7462_7761

Moment = tuple[datetime | None, bool]
"""When something becomes true next (UTC), and whether that, or something after it, is only an estimate."""

Ring = Callable[[Tx, Sequence[Case], datetime], Awaitable[None]]
"""Says what time has made true of locked cases up to an instant, in order of time over all of them, and saves their next
alarms, each later than that instant."""

_SAVE = """
INSERT INTO alarm (subject, at, provisional, basis)
SELECT subject, at, provisional, coalesce(nullif(current_setting('tongban.alarm_basis', true), ''), '0')::bigint
FROM unnest($1::uuid[], $2::timestamptz[], $3::boolean[]) AS t(subject, at, provisional)
ON CONFLICT (subject) DO UPDATE SET at = excluded.at, provisional = excluded.provisional, basis = excluded.basis,
    failures = 0, retry_at = NULL
"""

_BASIS = """
SELECT basis, set_config('tongban.alarm_basis', basis::text, true)
FROM (SELECT coalesce(max(id), 0) AS basis FROM alarm_basis) AS newest
"""

_DUE = """
SELECT subject, at FROM alarm WHERE at <= $1 AND (retry_at IS NULL OR retry_at <= $1) ORDER BY at, subject LIMIT $2
"""

_OUTDATED = """
SELECT subject, at FROM alarm WHERE basis < $3 AND (retry_at IS NULL OR retry_at <= $1) ORDER BY basis, subject LIMIT $2
"""

_STILL_DUE = """
SELECT subject FROM alarm WHERE subject = ANY($1) AND (at <= $2 OR basis < $3) ORDER BY at, subject
"""

_POSTPONE = """
UPDATE alarm SET failures = failures + 1, retry_at = $2::timestamptz + ($3::interval[])[least(failures + 1, $4)]
WHERE subject = ANY($1) RETURNING failures
"""


class UnsettledAlarmError(Exception):
    """Cases rang and their next alarm is not later, or their facts are missing."""


@dataclass(frozen=True, slots=True)
class _Batch:
    subjects: tuple[UUID, ...]
    until: datetime
    basis: int


async def save(tx: Tx, moments: Mapping[UUID, Moment]) -> None:
    """Sets the next alarm of locked subjects. One without an instant that is no estimate either has no alarm any more."""
    gone = [subject for subject, (at, provisional) in moments.items() if at is None and not provisional]
    kept = sorted(moments.keys() - set(gone))
    if gone:
        await tx.execute("DELETE FROM alarm WHERE subject = ANY($1)", gone)
    if kept:
        await tx.execute(_SAVE, kept, [moments[one][0] for one in kept], [moments[one][1] for one in kept])


async def current_basis(tx: Tx | Pool) -> int:
    """The number of the newest `wake_all`; alarms that this transaction saves from now on are computed from it.

    To be asked before the data that deadlines rest on is read, in the same transaction.
    """
    row = await tx.fetchrow(_BASIS)
    return int(row["basis"])


async def wake_all(tx: Tx) -> None:
    """Makes every alarm ring once more, in the transaction that changes what deadlines rest on."""
    await tx.execute("SELECT pg_advisory_xact_lock($1)", _WAKE_LOCK)
    await tx.execute("INSERT INTO alarm_basis DEFAULT VALUES")


class AlarmWorker(Repeating):
    """Rings the alarms of one database. However many run, one rings at a time: the others look on."""

    def __init__(
        self,
        pool: Pool,
        clock: Clock,
        models: Mapping[str, type[EventData]],
        ring: Ring,
        heartbeat: Heartbeat,
        batch: int = 500,
    ) -> None:
        super().__init__(heartbeat)
        self._pool = pool
        self._clock = clock
        self._models = models
        self._ring = ring
        self._batch = batch
        self._one_by_one = 0

    async def run(self) -> None:
        """Rings what is due, until `stop`. A broken engine is waited for."""
        await self.repeat(self.ring_due, POLL_SECONDS)

    async def ring_due(self) -> int:
        """Rings one batch in one transaction; returns how many alarms were taken, 0 when none is due or another rings.

        A batch that fails is rung case by case; the case that fails alone is tried again after a pause, and the others go on.
        """
        size = 1 if self._one_by_one else self._batch
        batch: _Batch | None = None
        try:
            async with self._pool.acquire() as tx, tx.transaction():
                if not await tx.fetchval("SELECT pg_try_advisory_xact_lock($1)", _RING_LOCK):
                    return 0
                batch = await self._take(tx, size)
                if batch is None:
                    return 0
                rung = await self._ring_batch(tx, batch)
        except ENGINE_ERRORS:
            raise
        except Exception as error:
            if batch is None:
                raise
            await self._set_aside(batch, error)
        else:
            count("tongban.alarms.rung", rung)
            self._one_by_one = max(0, self._one_by_one - 1)
        return len(batch.subjects)

    async def _take(self, tx: Tx, size: int) -> _Batch | None:
        """What is due, in order of time; when nothing is, what was computed from calendars that changed since."""
        now = self._clock.now()
        basis = await current_basis(tx)
        rows = await tx.fetch(_DUE, now, size)
        until = rows[-1]["at"] if len(rows) == size else now
        if not rows and basis:
            rows = await tx.fetch(_OUTDATED, now, size, basis)
        return _Batch(tuple(row["subject"] for row in rows), until, basis) if rows else None

    async def _ring_batch(self, tx: Tx, batch: _Batch) -> int:
        await facts.lock(tx, batch.subjects)
        due = await self._still_due(tx, batch)
        known = await facts.recall(tx, due, self._models)
        if missing := [subject for subject in due if str(subject) not in known]:
            raise UnsettledAlarmError(f"no facts of {missing[0]}")
        if due:
            await self._ring(tx, [_case(known[str(subject)]) for subject in due], batch.until)
            if left := await self._still_due(tx, batch):
                raise UnsettledAlarmError(f"the alarm of {left[0]} is not later than {batch.until.isoformat()}")
        return len(due)

    async def _still_due(self, tx: Tx, batch: _Batch) -> list[UUID]:
        rows = await tx.fetch(_STILL_DUE, batch.subjects, batch.until, batch.basis)
        return [row["subject"] for row in rows]

    async def _set_aside(self, batch: _Batch, error: Exception) -> None:
        if len(batch.subjects) > 1:
            logs.warning("alarms.batch-split", error=error, cases=len(batch.subjects))
            self._one_by_one = len(batch.subjects)
            return
        self._one_by_one = max(0, self._one_by_one - 1)
        async with self._pool.acquire() as tx, tx.transaction():
            await facts.lock(tx, batch.subjects)
            failures = await tx.fetchval(
                _POSTPONE, batch.subjects, self._clock.now(), list(RETRY_DELAYS), len(RETRY_DELAYS)
            )
        logs.warning("alarms.case-failed", error=error, subject=str(batch.subjects[0]), failures=failures)


def _case(known: tuple[Event, ...]) -> Case:
    newest = max(known, key=lambda fact: (fact.time, fact.id.int))
    return Case(newest.subject, known, newest)
