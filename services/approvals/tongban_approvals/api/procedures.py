"""Special procedures and extensions of a step's limit."""

from uuid import UUID

from fastapi import APIRouter, Request
from tongban_schemas.types import StepId

from tongban_approvals.actions import limits
from tongban_approvals.api.bodies import ProcedureStart, Reason, TaskSummary
from tongban_approvals.api.shown import Officer, casework_of
from tongban_approvals.api.tasks import answer

router = APIRouter(prefix="/v1/tasks", tags=["limits"])


@router.post("/{application}/{step}/procedures")
async def start_procedure(
    request: Request, caller: Officer, application: UUID, step: StepId, start: ProcedureStart
) -> TaskSummary:
    """Begins a special procedure: the step's time stands still until it ends. 409 when the item does not declare it."""
    casework = casework_of(request)
    async with request.app.state.runtime.pool.acquire() as tx, tx.transaction():
        task = await limits.start_procedure(tx, casework, caller, application, step, start.procedure)
        return await answer(tx, casework, task)


@router.post("/{application}/{step}/procedures/{stop}/resume")
async def end_procedure(request: Request, caller: Officer, application: UUID, step: StepId, stop: UUID) -> TaskSummary:
    """Ends a special procedure. 409 when it has ended already."""
    casework = casework_of(request)
    async with request.app.state.runtime.pool.acquire() as tx, tx.transaction():
        task = await limits.end_procedure(tx, casework, caller, application, step, stop)
        return await answer(tx, casework, task)


@router.post("/{application}/{step}/extension")
async def extend(request: Request, caller: Officer, application: UUID, step: StepId, reason: Reason) -> TaskSummary:
    """Extends the step's limit, once, by the head of the department. 403 without that duty, 409 when it may not be."""
    casework = casework_of(request)
    async with request.app.state.runtime.pool.acquire() as tx, tx.transaction():
        task = await limits.extend(tx, casework, caller, application, step, reason.reason)
        return await answer(tx, casework, task)
