"""A locked case as the officer who acts on it sees it, and how what the officer says is published."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NoReturn
from uuid import UUID

from tongban_catalog import hearing
from tongban_catalog.item import Item
from tongban_catalog.parts import Step
from tongban_runtime import facts, outbox, telemetry
from tongban_runtime.auth import Caller, Duty
from tongban_runtime.database import Tx
from tongban_runtime.facts import Case
from tongban_runtime.keys import Attempt, KeyRequest, keys_for
from tongban_runtime.recusal import recused
from tongban_runtime.sealing import CaseKeys
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events.access import AccessRule, Purpose
from tongban_schemas.types import Act, ActKind

from tongban_approvals import store
from tongban_approvals.actions.conflicts import conflict_problem, duty_required, not_found
from tongban_approvals.casework import Casework, Play, Surroundings, ref_of
from tongban_approvals.domain import MODELS, History, conflict, recusal, source_of
from tongban_approvals.store import DeskTask

Said = tuple[EventData, tuple[str, ...]]
"""A payload with what tells its id apart from others of its type in the case."""


def desk_of(caller: Caller, casework: Casework) -> frozenset[str]:
    """The departments for which this caller may act here. Raises `Problem` 404 when there is none."""
    departments = caller.departments & casework.departments
    if not departments:
        raise not_found()
    return departments


def require_duty(caller: Caller, duty: Duty) -> None:
    """Raises `Problem` 403."""
    if duty not in caller.duties:
        raise duty_required(duty)


@dataclass(frozen=True, slots=True)
class OpenCase:
    """All that is known of a locked case. ``now`` is the instant of the action."""

    casework: Casework
    play: Play
    around: Surroundings
    now: datetime

    @property
    def subject(self) -> str:
        return self.play.subject

    @property
    def item(self) -> Item:
        return self.play.item

    @property
    def history(self) -> History:
        return self.play.history

    async def require_impartial(
        self, caller: Caller, department: str, step: str | None, purpose: Purpose, reviewed: UUID | None = None
    ) -> None:
        """Raises `Problem` 403 for who applied, and for whose decision is ``reviewed``; the attempt is on record."""
        if (why := recusal(caller.id, self.history, reviewed)) is not None:
            attempt = Attempt(UUID(self.subject), purpose, why, department, step, officer=caller.id)
            await self.casework.keyring.turned_away([attempt])
            raise recused(why)

    def seal(self, keys: CaseKeys, model: type[EventData], names: Sequence[str], field: str, text: str) -> str:
        """A text for a field of the event of this type that ``names`` tell apart in the case."""
        return keys.seal(event_id(model.TYPE, self.subject, *names), field, text)

    def fact(self, name: str | None) -> Event | None:
        """The fact with this event id, as text."""
        return next((one for one in self.play.known if str(one.id) == name), None)

    def act(self, kind: ActKind, department: str, step: str | None, count: int, **content: Any) -> Act:
        papers = self.casework.papers(self.item, self.history, self.subject, self.around)
        return papers.act(kind, department, step, count, self.now, **content)

    async def say(self, tx: Tx, cause: Event, department: str, *said: Said) -> None:
        """Publishes, and moves the case on: a grant may open the next step in the same transaction."""
        with telemetry.span("decide", cause.traceparent, **{"tongban.subject": self.subject}) as span:
            cause = replace(cause, traceparent=telemetry.format_traceparent(span))
            events = [
                facts.derive(cause, data, *names, source=source_of(department), time=self.now) for data, names in said
            ]
            published = await outbox.publish(tx, events)
            await facts.remember(tx, published)
            case = Case(self.subject, (*self.play.known, *published), published[-1])
            await self.casework.advance(tx, [case])


@dataclass(frozen=True, slots=True)
class Desk(OpenCase):
    """A locked task with its case."""

    task: DeskTask
    caller: Caller

    @property
    def id(self) -> str:
        return self.task.step

    @property
    def step(self) -> Step:
        return self.item.step(self.task.step)

    @property
    def opening(self) -> Event:
        """The event that opened the step in its current round, in the trace of the task."""
        return replace(self.history.opened[self.task.step], traceparent=self.task.traceparent)

    async def keys(self, *fields: str, purpose: Purpose = "decide") -> CaseKeys:
        """For the officer who acts. Raises `KeysRefusedError`, `VaultUnavailableError`."""
        return await keys_for(self.casework.keyring, self.key_request(purpose, frozenset(fields)))

    def key_request(self, purpose: Purpose, fields: frozenset[str]) -> KeyRequest:
        task = self.task
        return KeyRequest(task.application, purpose, fields, task.department, task.step, officer=self.caller.id)

    async def decide(self, tx: Tx, *said: Said) -> DeskTask:
        """Says it for the step's department, and returns the task as it is then."""
        await self.say(tx, self.opening, self.task.department, *said)
        return await self.again(tx)

    async def again(self, tx: Tx) -> DeskTask:
        found = await store.find_task(tx, self.task.application, self.task.step, [self.task.department])
        if found is None:
            raise not_found()
        return found

    def require_free(self) -> None:
        """Raises `Problem` 409 when this officer may not act on the step now."""
        found = conflict(self.task.state, self.task.officer, self.caller.id, self.history)
        if found is not None:
            raise conflict_problem(found, state=self.task.state)

    def require_undecided(self) -> None:
        """Raises `Problem` 409 when the step is decided or the case is over; who holds the step makes no difference."""
        if self.history.end is not None:
            raise conflict_problem(self.history.end, state=self.task.state)
        if not self.history.undecided(self.id):
            raise conflict_problem("already-decided", state=self.task.state)


async def open_case(tx: Tx, casework: Casework, application: UUID) -> OpenCase:
    """The case as it is known. Raises `Problem` 404."""
    known = (await hearing.recall(tx, casework.shelf, [application], MODELS)).get(str(application))
    if not known:
        raise not_found()
    case = _case(known)
    item = (await casework.shelf.items(tx, [ref_of(case)])).get(ref_of(case))
    if item is None:
        raise not_found()
    return OpenCase(casework, Play.of(case, item), await casework.surroundings(tx), casework.clock.now())


async def lock_case(tx: Tx, casework: Casework, application: UUID) -> OpenCase:
    """Locks the case and says what time has made true. Raises `Problem` 404."""
    await facts.lock(tx, [application])
    found = await open_case(tx, casework, application)
    if casework.due_now(found.play, found.around, found.now) is None:
        return found
    await casework.advance(tx, [found.play.case], found.now)
    return await open_case(tx, casework, application)


async def look(tx: Tx, casework: Casework, caller: Caller, application: UUID, step: str) -> Desk:
    """The task with its case, not locked. Raises `Problem` 404, or 403 for who applied."""
    task = await _task(tx, casework, caller, application, step, "decide")
    found = await open_case(tx, casework, application)
    await found.require_impartial(caller, task.department, step, "decide")
    return _desk(found, task, caller)


async def enter(
    tx: Tx, casework: Casework, caller: Caller, application: UUID, step: str, purpose: Purpose = "decide"
) -> Desk:
    """The locked task with its case. ``purpose``: of the officer who is turned away, for the record.

    Raises `Problem` 404, or 403 for who applied.
    """
    await _task(tx, casework, caller, application, step, purpose)
    found = await lock_case(tx, casework, application)
    task = await _task(tx, casework, caller, application, step, purpose)
    await found.require_impartial(caller, task.department, step, purpose)
    return _desk(found, task, caller)


async def _task(tx: Tx, casework: Casework, caller: Caller, application: UUID, step: str, purpose: Purpose) -> DeskTask:
    task = await store.find_task(tx, application, step, caller.departments & casework.departments)
    if task is None:
        await turn_away(tx, casework, caller, application, step, purpose)
    return task


async def turn_away(
    tx: Tx, casework: Casework, caller: Caller, application: UUID, step: str | None, purpose: Purpose
) -> NoReturn:
    """Puts an attempt at a case that is known here on record. Raises `Problem` 404, `VaultUnavailableError`."""
    if await store.is_known(tx, application):
        parts = await store.parts_of(tx, application)
        rule: AccessRule = "not-your-case"
        if not caller.departments & casework.departments:
            rule = "department-not-yours"
        elif parts & caller.departments:
            rule = "not-your-step"
        department = min(caller.departments, default=None)
        attempt = Attempt(application, purpose, rule, department, step, officer=caller.id)
        await casework.keyring.turned_away([attempt])
    raise not_found()


def _desk(found: OpenCase, task: DeskTask, caller: Caller) -> Desk:
    return Desk(found.casework, found.play, found.around, found.now, task, caller)


def _case(known: Sequence[Event]) -> Case:
    newest = max(known, key=lambda fact: (fact.time, fact.id.int))
    return Case(newest.subject, tuple(known), newest)
