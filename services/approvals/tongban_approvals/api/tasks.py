"""Tasks: list them, look into one, take it, give it back, decide it, ask for a correction."""

from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import APIRouter, Query, Request
from tongban_runtime.problems import Problem
from tongban_schemas.types import StepId

from tongban_approvals import store
from tongban_approvals.actions import corrections, decisions
from tongban_approvals.actions.conflicts import not_found
from tongban_approvals.actions.desk import desk_of, look
from tongban_approvals.api.bodies import CorrectionRequest, Grant, Refusal, TaskDetail, TaskPage, TaskSummary
from tongban_approvals.api.shown import Officer, casework_of, detail, read_cursor, summary, write_cursor
from tongban_approvals.api.wanted import keys_of_task
from tongban_approvals.casework import Casework
from tongban_approvals.domain import TaskState
from tongban_approvals.store import STATES, DeskTask, Order, Place

router = APIRouter(prefix="/v1/tasks", tags=["tasks"])


@router.get("")
async def list_tasks(
    request: Request,
    caller: Officer,
    state: TaskState | None = None,
    department: str | None = None,
    sort: Order = "opened",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[str | None, Query(max_length=400)] = None,
) -> TaskPage:
    """The tasks of the officer's departments, oldest first, or those that are due first."""
    casework = casework_of(request)
    departments = desk_of(caller, casework)
    if department is not None:
        departments &= {department}
        if not departments:
            raise not_found()
    place = read_cursor(after, 3)
    behind = None if place is None else cast(Place, tuple(place))
    async with request.app.state.runtime.pool.acquire() as tx, tx.transaction(readonly=True):
        found = await store.list_tasks(tx, departments, [state] if state else STATES, limit + 1, behind, sort)
        items = await casework.shelf.items(tx, [task.item for task in found])
        known = await casework.shelf.departments(tx)
    page, now = found[:limit], casework.clock.now()
    return TaskPage(
        tasks=[TaskSummary(**summary(task, items[task.item], known, now)) for task in page],
        next=write_cursor(*page[-1].place(sort)) if len(found) > limit else None,
    )


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
