"""Group commit: applications that arrive together are written by one transaction, each answered after it is on disk.

A request parks a future; one flusher writes what has gathered since the previous commit. Under load a commit is shared by
many applications, without load an application waits for nobody.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tongban_runtime import outbox
from tongban_runtime.database import ENGINE_ERRORS, Pool
from tongban_runtime.keys import KeysRefusedError
from tongban_schemas.envelope import Event

from tongban_intake.store import applications
from tongban_intake.store.applications import NewApplication
from tongban_intake.vault import NewKey, Vault

Connection = Any
"""An asyncpg connection of this process, outside a transaction."""

GATHER_SECONDS = 0.005
"""Under load, the pause after a commit in which the next group gathers: a commit costs more than its rows."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One application to store, with the event that tells of it. ``key`` is None when the case has one: from its draft."""

    application: NewApplication
    event: Event
    key: NewKey | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the applicant may keep: the application's id, and whether its key had been used for it before.

    ``position`` is intake's count at the event.
    """

    application: UUID
    repeated: bool
    position: int = 1


class KeyReusedError(Exception):
    """The applicant used this idempotency key for another request."""


_Waiting = tuple[Submission, "asyncio.Future[Receipt]"]


class GroupCommit:
    """Writes applications in groups of at most ``limit``."""

    def __init__(self, pool: Pool, vault: Vault, limit: int) -> None:
        self._pool = pool
        self._vault = vault
        self._limit = limit
        self._waiting: deque[_Waiting] = deque()
        self._flusher: asyncio.Task[None] | None = None

    async def submit(self, submission: Submission) -> Receipt:
        """Returns when the application is committed, or was before under the same key.

        Raises `KeyReusedError`; an engine's error when nobody knows whether it was committed, so that the same key has
        to be tried again; and whatever error this one row caused.
        """
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._waiting.append((submission, future))
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush())
        return await future

    async def _flush(self) -> None:
        await asyncio.sleep(0)
        while self._waiting:
            try:
                async with self._pool.acquire() as connection:
                    await self._drain(connection)
            except Exception as error:  # noqa: BLE001 - answered to the requests that wait
                group = self._take()
                _answer(group, [error] * len(group))

    async def _drain(self, connection: Connection) -> None:
        """Writes group after group on one connection, for as long as there are any."""
        while self._waiting and not connection.is_closed():
            group = self._take()
            _answer(group, await self._write(connection, [submission for submission, _ in group]))
            if self._waiting:
                await asyncio.sleep(GATHER_SECONDS)

    def _take(self) -> list[_Waiting]:
        return [self._waiting.popleft() for _ in range(min(self._limit, len(self._waiting)))]

    async def _write(self, connection: Connection, group: Sequence[Submission]) -> list[Receipt | Exception]:
        """Writes a group. One that breaks a rule of the database is written in halves, down to the row that breaks it."""
        try:
            return await self._transact(connection, group)
        except ENGINE_ERRORS as error:
            return [error] * len(group)
        except Exception as error:  # noqa: BLE001 - answered to the request that caused it
            if len(group) == 1:
                return [error]
        middle = len(group) // 2
        return [*await self._write(connection, group[:middle]), *await self._write(connection, group[middle:])]

    async def _transact(self, connection: Connection, group: Sequence[Submission]) -> list[Receipt | Exception]:
        async with connection.transaction():
            stored = await applications.insert(connection, [one.application for one in group])
            fresh = _fresh(group, stored)
            await self._vault.keep(connection, [one.key for one in fresh if one.key is not None])
            await outbox.publish_first(connection, [one.event for one in fresh if one.key is not None])
            positions = await self._publish_begun(connection, [one.event for one in fresh if one.key is None])
            receipts = [
                Receipt(one.application.id, repeated=False, position=positions.get(one.application.id, 1))
                for one in fresh
            ]
            if len(fresh) == len(group):
                return list(receipts)
            kept = {id(one): receipt for one, receipt in zip(fresh, receipts, strict=True)}
            others = [one.application for one in group if id(one) not in kept]
            known = await applications.by_keys(connection, [(row.applicant, row.idempotency_key) for row in others])
        outcomes: list[Receipt | Exception] = []
        for one in group:
            row = one.application
            before = known.get((row.applicant, row.idempotency_key))
            if id(one) in kept:
                outcomes.append(kept[id(one)])
            elif before is None or before.digest != row.digest:
                outcomes.append(KeyReusedError())
            else:
                outcomes.append(Receipt(before.id, repeated=True))
        return outcomes

    async def _publish_begun(self, connection: Connection, events: Sequence[Event]) -> dict[UUID, int]:
        """Publishes about cases that were drafts, of which something may have been said before; the positions, by case.

        Raises `KeysRefusedError` when one was discarded meanwhile: nothing that it says could ever be opened.
        """
        if not events:
            return {}
        rows = await self._vault.lock(connection, [UUID(event.subject) for event in events])
        if any(row.wrapped is None for row in rows.values()):
            raise KeysRefusedError("erased")
        return {UUID(event.subject): event.sequence for event in await outbox.publish(connection, events)}


def _fresh(group: Sequence[Submission], stored: set[UUID]) -> list[Submission]:
    """Those whose row was stored; of several of one draft, the first."""
    left = set(stored)
    found = []
    for one in group:
        if one.application.id in left:
            left.discard(one.application.id)
            found.append(one)
    return found


def _answer(group: Sequence[_Waiting], outcomes: Sequence[Receipt | Exception]) -> None:
    for (_, future), outcome in zip(group, outcomes, strict=True):
        if future.done():
            continue
        if isinstance(outcome, Receipt):
            future.set_result(outcome)
        else:
            future.set_exception(outcome)
