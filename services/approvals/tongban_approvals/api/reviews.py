"""Annulments and decisions on appeals."""

from uuid import UUID

from fastapi import APIRouter, Request
from tongban_schemas.types import StepId

from tongban_approvals.actions import reviews
from tongban_approvals.api.bodies import AnnulmentRequest, AppealDecision, TaskSummary
from tongban_approvals.api.shown import Officer, casework_of
from tongban_approvals.api.tasks import answer

router = APIRouter(prefix="/v1/tasks", tags=["reviews"])


@router.post("/{application}/{step}/annulment")
async def annul(
    request: Request, caller: Officer, application: UUID, step: StepId, wanted: AnnulmentRequest
) -> TaskSummary:
    """Takes the step's decision back. 403 without the duty of a head, 409 when there is none to take back."""
    casework = casework_of(request)
    async with request.app.state.runtime.pool.acquire() as tx, tx.transaction():
        task = await reviews.annul(
            tx, casework, caller, application, step, wanted.reason_code, wanted.reason, reopen=wanted.reopen
        )
        return await answer(tx, casework, task)


@router.post("/{application}/{step}/appeal-decision")
async def decide_appeal(
    request: Request, caller: Officer, application: UUID, step: StepId, decided: AppealDecision
) -> TaskSummary:
    """Decides on an appeal; one that is right annuls the decision, which is then made anew. 403, or 409 without one."""
    casework = casework_of(request)
    async with request.app.state.runtime.pool.acquire() as tx, tx.transaction():
        task = await reviews.decide_appeal(
            tx, casework, caller, application, step, decided.outcome, decided.text, decided.appeal
        )
        return await answer(tx, casework, task)
