"""What officers do about the proofs of a step."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from tongban_schemas.types import MaterialId, StepId

from tongban_approvals.actions import evidence
from tongban_approvals.api.bodies import Objection, TaskSummary
from tongban_approvals.api.shown import Officer, casework_of
from tongban_approvals.api.tasks import answer

router = APIRouter(prefix="/v1/tasks", tags=["evidence"])


@router.post("/{application}/{step}/evidence/{material}/check")
async def check(
    request: Request,
    caller: Officer,
    application: UUID,
    step: StepId,
    material: MaterialId,
    uploaded: Annotated[
        UUID | None,
        Query(description="`uploaded` of the proof that was compared: so that no later file is checked unseen."),
    ] = None,
) -> TaskSummary:
    """Says that an uploaded proof was compared with the original: from now on a decision may rest on it.

    409 when nothing was uploaded, the applicant has brought another file since, somebody checked it before, or another officer
    holds the step.
    """
    casework = casework_of(request)
    async with request.app.state.runtime.pool.acquire() as tx, tx.transaction():
        task = await evidence.check(tx, casework, caller, application, step, material, uploaded)
        return await answer(tx, casework, task)


@router.post("/{application}/{step}/evidence/{material}/objection")
async def object_to(
    request: Request, caller: Officer, application: UUID, step: StepId, material: MaterialId, objection: Objection
) -> TaskSummary:
    """Does not accept that a source refuses a proof: first the source is asked again, then the authority above it decides.

    409 when the source has not refused, the refusal was objected to, or both ways are used up.
    """
    casework = casework_of(request)
    async with request.app.state.runtime.pool.acquire() as tx, tx.transaction():
        task = await evidence.object_to(tx, casework, caller, application, step, material, objection.argument)
        return await answer(tx, casework, task)
