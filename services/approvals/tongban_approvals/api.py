"""The officers' interface: list tasks, look into one, take it, decide it. Thin: transactions open and close here."""

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field, StringConstraints
from tongban_catalog.department import Department
from tongban_catalog.form import Text
from tongban_catalog.item import Item
from tongban_runtime.auth import Caller, officer
from tongban_runtime.problems import Problem
from tongban_schemas.events.approvals import DecidedBy, correction_field, refusal_field
from tongban_schemas.types import ItemRef, StepId

from tongban_approvals import actions, store
from tongban_approvals.actions import Desk
from tongban_approvals.casework import Casework
from tongban_approvals.domain import TaskState, fixed_fields
from tongban_approvals.store import STATES, DeskTask

router = APIRouter(prefix="/v1/tasks", tags=["tasks"])
Officer = Annotated[Caller, Depends(officer)]
Said = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class Name(BaseModel):
    """The same name in Chinese and in English."""

    zh: str
    en: str


class TaskSummary(BaseModel):
    """A step on a department's desk. ``officer`` is the pseudonym of who holds it or decided it."""

    application: UUID
    step: str
    step_name: Name
    item: ItemRef
    item_name: Name
    department: str
    department_name: Name
    state: TaskState
    officer: UUID | None
    decided_by: DecidedBy | None
    opened_at: datetime
    decided_at: datetime | None
    version: int = Field(description="Counts the changes of this task.")


class TaskPage(BaseModel):
    """Tasks, oldest first. ``next`` goes into ``after`` to read on; absent on the last page."""

    tasks: list[TaskSummary]
    next: str | None = None


class Answer(BaseModel):
    """One answer of the applicant. A personal one is opened for this department; null when it cannot be opened."""

    field: str
    label: Name
    value: Any
    personal: bool
    correctable: bool


class StepDecision(BaseModel):
    """What a department decided in this case. The reason of a refusal is told to that department alone."""

    step: str
    step_name: Name
    department: str
    department_name: Name
    granted: bool
    decided_by: DecidedBy
    at: datetime
    reason_code: str | None
    reason: str | None


class Correction(BaseModel):
    """A correction that this step asked for."""

    request: UUID
    fields: list[str]
    message: str | None
    at: datetime
    answered: bool


class TaskDetail(TaskSummary):
    """A task with its case: the current answers, what was decided before, what this step asked to correct."""

    submitted_at: datetime | None
    answers: list[Answer]
    decisions: list[StepDecision]
    corrections: list[Correction]


class Refusal(BaseModel):
    """Why a step is refused, and what the applicant can do (Administrative Licensing Law art. 38)."""

    reason_code: str = Field(pattern=r"^[a-z][a-z0-9-]{1,40}$", examples=["site-not-suitable"])
    reason: Said


class CorrectionRequest(BaseModel):
    """Which answers to correct, and what is wrong with them."""

    fields: Annotated[list[str], Field(min_length=1, max_length=100)]
    message: Said


def _casework(request: Request) -> Casework:
    casework: Casework = request.app.state.casework
    return casework


def _name(text: Text) -> Name:
    return Name(zh=text.zh, en=text.en)


def _department(bodies: Mapping[str, Department], department: str) -> Name:
    found = bodies.get(department)
    return Name(zh=department, en=department) if found is None else _name(found.name)


def _summary(task: DeskTask, item: Item, bodies: Mapping[str, Department]) -> dict[str, Any]:
    return {
        "application": task.application,
        "step": task.step,
        "step_name": _name(item.step(task.step).name),
        "item": task.item,
        "item_name": _name(item.name),
        "department": task.department,
        "department_name": _department(bodies, task.department),
        "state": task.state,
        "officer": task.officer,
        "decided_by": task.decided_by,
        "opened_at": task.opened_at,
        "decided_at": task.decided_at,
        "version": task.version,
    }


def _detail(desk: Desk, casework: Casework, bodies: Mapping[str, Department]) -> TaskDetail:
    step = desk.task.step
    return TaskDetail(
        **_summary(desk.task, desk.item, bodies),
        submitted_at=desk.history.submitted_at,
        answers=_answers(desk, casework),
        decisions=[
            StepDecision(
                step=end.step,
                step_name=_name(desk.item.step(end.step).name),
                department=end.department,
                department_name=_department(bodies, end.department),
                granted=end.granted,
                decided_by=end.decided_by,
                at=end.at,
                reason_code=end.reason_code,
                reason=actions.opened(casework, desk.subject, refusal_field(end.step), end.reason)
                if end.department == desk.task.department
                else None,
            )
            for end in sorted(desk.history.decided.values(), key=lambda end: (end.at, end.step))
        ],
        corrections=[
            Correction(
                request=one.request,
                fields=list(one.fields),
                message=actions.opened(casework, desk.subject, correction_field(step), one.message),
                at=one.at,
                answered=one.answered,
            )
            for one in desk.history.rounds.get(step, ())
        ],
    )


def _answers(desk: Desk, casework: Casework) -> list[Answer]:
    """In the order of the form. Personal answers stay closed once the task was cancelled: there is nothing to decide."""
    form, history, fixed = desk.item.form, desk.history, fixed_fields(desk.item)
    names = [name for name in form.fields if name in history.answers or name in history.sealed]
    names += sorted((history.answers.keys() | history.sealed.keys()) - form.fields.keys())
    found = []
    for name in names:
        value = history.answers.get(name)
        if name in history.sealed:
            closed = desk.task.state == "cancelled"
            value = None if closed else actions.opened(casework, desk.subject, name, history.sealed[name])
        found.append(
            Answer(
                field=name,
                label=_name(form.label(name)),
                value=value,
                personal=name in history.sealed,
                correctable=name in form.fields and name not in fixed,
            )
        )
    return found


def _cursor(task: DeskTask) -> str:
    place = [task.opened_at.isoformat(), str(task.application), task.step]
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _read_cursor(cursor: str | None) -> tuple[datetime, UUID, str] | None:
    if cursor is None:
        return None
    try:
        opened_at, application, step = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        place = datetime.fromisoformat(opened_at), UUID(application), str(step)
        if place[0].tzinfo is None or "\x00" in place[2]:
            raise ValueError("not a cursor of ours")
    except (ValueError, TypeError, AttributeError) as error:
        raise Problem(
            422,
            "invalid-cursor",
            "参数 after 无效，请使用上一页返回的 next。",
            "The parameter after is not valid: use next of the page before.",
        ) from error
    return place


@router.get("")
async def list_tasks(
    request: Request,
    caller: Officer,
    state: TaskState | None = None,
    department: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[str | None, Query(max_length=400)] = None,
) -> TaskPage:
    """The tasks of the officer's departments, oldest first."""
    casework = _casework(request)
    departments = actions.desk_of(caller, casework)
    if department is not None:
        departments &= {department}
        if not departments:
            raise actions.not_found()
    place = _read_cursor(after)
    async with request.app.state.runtime.pool.acquire() as tx, tx.transaction(readonly=True):
        found = await store.list_tasks(tx, departments, [state] if state else STATES, limit + 1, place)
        items = await casework.shelf.items(tx, [task.item for task in found])
        bodies = await casework.shelf.departments(tx)
    page = found[:limit]
    return TaskPage(
        tasks=[TaskSummary(**_summary(task, items[task.item], bodies)) for task in page],
        next=_cursor(page[-1]) if len(found) > limit else None,
    )


@router.get("/{application}/{step}")
async def get_task(request: Request, caller: Officer, application: UUID, step: StepId) -> TaskDetail:
    """One task with the answers of its case, personal ones opened, and what was decided before."""
    casework = _casework(request)
    async with (
        request.app.state.runtime.pool.acquire() as tx,
        tx.transaction(isolation="repeatable_read", readonly=True),
    ):
        desk = await actions.look(tx, casework, caller, application, step)
        bodies = await casework.shelf.departments(tx)
    return _detail(desk, casework, bodies)


@router.post("/{application}/{step}/take")
async def take(request: Request, caller: Officer, application: UUID, step: StepId) -> TaskSummary:
    """Takes the step, so that no other officer decides it. 409 when it is taken, decided or over."""
    casework = _casework(request)
    async with request.app.state.runtime.pool.acquire() as tx, tx.transaction():
        task = await actions.take(tx, casework, caller, application, step)
        return await _answer(tx, casework, task)


@router.post("/{application}/{step}/grant")
async def grant(request: Request, caller: Officer, application: UUID, step: StepId) -> TaskSummary:
    """Decides yes. 409 when another officer holds the step, or it is decided, waiting or over."""
    casework = _casework(request)
    async with request.app.state.runtime.pool.acquire() as tx, tx.transaction():
        task = await actions.grant(tx, casework, caller, application, step)
        return await _answer(tx, casework, task)


@router.post("/{application}/{step}/refuse")
async def refuse(request: Request, caller: Officer, application: UUID, step: StepId, refusal: Refusal) -> TaskSummary:
    """Decides no, with a reason; the whole case is then over. 409 as for a grant."""
    casework = _casework(request)
    async with request.app.state.runtime.pool.acquire() as tx, tx.transaction():
        task = await actions.refuse(tx, casework, caller, application, step, refusal.reason_code, refusal.reason)
        return await _answer(tx, casework, task)


@router.post("/{application}/{step}/correction")
async def correction(
    request: Request, caller: Officer, application: UUID, step: StepId, wanted: CorrectionRequest
) -> TaskSummary:
    """Asks the applicant to correct answers; the step waits until they do. 409 as for a grant, 422 for wrong fields."""
    casework = _casework(request)
    async with request.app.state.runtime.pool.acquire() as tx, tx.transaction():
        task = await actions.ask_correction(tx, casework, caller, application, step, wanted.fields, wanted.message)
        return await _answer(tx, casework, task)


async def _answer(tx: Any, casework: Casework, task: DeskTask) -> TaskSummary:
    item = (await casework.shelf.items(tx, [task.item]))[task.item]
    return TaskSummary(**_summary(task, item, await casework.shelf.departments(tx)))
