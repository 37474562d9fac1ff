"""Tasks: list them, look into one, take it, give it back, decide it, ask for a correction."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import APIRouter, Query, Request
from tongban_catalog.item import Item
from tongban_runtime import facts
from tongban_runtime.problems import Problem
from tongban_schemas.envelope import Event, EventData
from tongban_schemas.events.applications import ApplicationAccepted, ApplicationReceived, ApplicationSubmitted
from tongban_schemas.types import StepId

from tongban_approvals import store
from tongban_approvals.actions import corrections, decisions
from tongban_approvals.actions.conflicts import not_found
from tongban_approvals.actions.desk import desk_of, look
from tongban_approvals.api.bodies import (
    CorrectionRequest,
    Grant,
    ListedTask,
    Refusal,
    TaskDetail,
    TaskPage,
    TaskSummary,
)
from tongban_approvals.api.shown import Officer, casework_of, detail, invalid_cursor, read_cursor, summary, write_cursor
from tongban_approvals.api.wanted import keys_of_task
from tongban_approvals.casework import Casework
from tongban_approvals.domain import TaskState
from tongban_approvals.store import DECIDED, UNDECIDED, DeskTask, Order, Place

router = APIRouter(prefix="/v1/tasks", tags=["tasks"])

_NAMING: Mapping[str, type[EventData]] = {
    model.TYPE: model for model in (ApplicationSubmitted, ApplicationReceived, ApplicationAccepted)
}
"""The facts that say which case it is and who applies."""


@router.get("")
async def list_tasks(
    request: Request,
    caller: Officer,
    state: TaskState | None = None,
    department: str | None = None,
    sort: Order = "due",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[str | None, Query(max_length=400)] = None,
) -> TaskPage:
    """The tasks of the officer's departments: those that are to be decided before those that are, by the time that is left.

    With ``sort=opened`` by age. With ``state`` only those.
    """
    casework = casework_of(request)
    departments = desk_of(caller, casework)
    if department is not None:
        departments &= {department}
        if not departments:
            raise not_found()
    groups = [UNDECIDED, DECIDED] if state is None else [(state,)]
    begin, behind = _place(after, len(groups))
    found: list[tuple[int, DeskTask]] = []
    async with request.app.state.runtime.pool.acquire() as tx, tx.transaction(readonly=True):
        for group in range(begin, len(groups)):
            room = limit + 1 - len(found)
            rows = await store.list_tasks(tx, departments, groups[group], room, behind, sort) if room else []
            found += [(group, task) for task in rows]
            behind = None
        tasks = [task for _, task in found]
        items = await casework.shelf.items(tx, [task.item for task in tasks])
        known = await casework.shelf.departments(tx)
        told = await facts.recall(tx, [task.application for task in tasks], _NAMING)
    page, now = found[:limit], casework.clock.now()
    return TaskPage(
        tasks=[
            ListedTask(
                **summary(task, items[task.item], known, now),
                **_named(told.get(str(task.application), ()), items[task.item]),
            )
            for _, task in page
        ],
        next=write_cursor(*page[-1][1].place(sort), page[-1][0]) if len(found) > limit else None,
    )


def _place(after: str | None, groups: int) -> tuple[int, Place | None]:
    """In which group of states to read on, and behind which task. Raises `Problem` 422."""
    place = read_cursor(after, 4)
    if place is None:
        return 0, None
    if place[3] not in map(str, range(groups)):
        raise invalid_cursor()
    return int(place[3]), cast(Place, tuple(place[:3]))


def _named(told: Sequence[Event], item: Item) -> dict[str, str | None]:
    """The case number, and who applies where that is not personal: a name that is sealed is opened with the task alone."""
    number = applicant = None
    for fact in told:
        match fact.data:
            case ApplicationReceived(number=given) | ApplicationAccepted(number=given):
                number = number or given
            case ApplicationSubmitted(answers=answers) if item.holder is not None:
                name = answers.get(item.holder.name)
                applicant = name if isinstance(name, str) else None
            case _:
                continue
    return {"number": number, "applicant": applicant}


@router.get("/{application}/{step}")
async def get_task(request: Request, caller: Officer, application: UUID, step: StepId) -> TaskDetail:
    """One task with the answers of its case and what was decided before; what the step looks at is opened, on record."""
    casework = casework_of(request)
    async with (
        request.app.state.runtime.pool.acquire() as tx,
        tx.transaction(isolation="repeatable_read", readonly=True),
    ):
        desk = await look(tx, casework, caller, application, step)
        resources = await casework.shelf.resources(tx)
    return detail(desk, desk.around.bodies, resources, await keys_of_task(desk))


@router.post("/{application}/{step}/take")
async def take(request: Request, caller: Officer, application: UUID, step: StepId) -> TaskSummary:
    """Takes the step, so that no other officer decides it. 409 when it is taken, decided or over."""
    casework = casework_of(request)
    async with request.app.state.runtime.pool.acquire() as tx, tx.transaction():
        return await answer(tx, casework, await decisions.take(tx, casework, caller, application, step))


@router.post("/{application}/{step}/release")
async def release(request: Request, caller: Officer, application: UUID, step: StepId) -> TaskSummary:
    """Gives a taken step back, so that another officer can take it. 409 when somebody else holds it or it is decided."""
    casework = casework_of(request)
    async with request.app.state.runtime.pool.acquire() as tx, tx.transaction():
        return await answer(tx, casework, await decisions.release(tx, casework, caller, application, step))


@router.post("/{application}/{step}/grant")
async def grant(
    request: Request, caller: Officer, application: UUID, step: StepId, said: Grant | None = None
) -> TaskSummary:
    """Decides yes; where several officers have to agree, says yes as one of them.

    Where the item declares what a grant says (`grant` of the task), ``fields`` holds it: it stands in the formal act and on the
    certificate. 409 when another officer holds the step, it is decided, waiting or over, or it is not its turn; 422 for fields
    that the item does not declare so.
    """
    casework = casework_of(request)
    async with request.app.state.runtime.pool.acquire() as tx, tx.transaction():
        fields = {} if said is None else said.fields
        return await answer(tx, casework, await decisions.grant(tx, casework, caller, application, step, fields))


@router.post("/{application}/{step}/refuse")
async def refuse(request: Request, caller: Officer, application: UUID, step: StepId, refusal: Refusal) -> TaskSummary:
    """Decides no, on a ground of the item or the law (`grounds` of the task); the whole case is then over. 409 as for a grant."""
    casework = casework_of(request)
    async with request.app.state.runtime.pool.acquire() as tx, tx.transaction():
        task = await decisions.refuse(tx, casework, caller, application, step, refusal.reason_code, refusal.reason)
        return await answer(tx, casework, task)


@router.post("/{application}/{step}/correction")
async def correction(
    request: Request, caller: Officer, application: UUID, step: StepId, wanted: CorrectionRequest
) -> TaskSummary:
    """Asks the applicant to correct; the step and its time wait until they do.

    409 as for a grant, and for a request that is late or names what the first one could have named; 422 for wrong fields.
    """
    casework = casework_of(request)
    async with request.app.state.runtime.pool.acquire() as tx, tx.transaction():
        made = await corrections.ask_correction(
            tx, casework, caller, application, step, wanted.fields, wanted.materials, wanted.message
        )
        shown = made if isinstance(made, Problem) else await answer(tx, casework, made)
    if isinstance(shown, Problem):
        raise shown
    return shown


async def answer(tx: Any, casework: Casework, task: DeskTask) -> TaskSummary:
    item = (await casework.shelf.items(tx, [task.item]))[task.item]
    return TaskSummary(**summary(task, item, await casework.shelf.departments(tx), casework.clock.now()))
