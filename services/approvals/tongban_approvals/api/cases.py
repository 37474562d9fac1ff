"""The joint limit of a case, for the department that leads it."""

from uuid import UUID

from fastapi import APIRouter, Request

from tongban_approvals.actions import limits
from tongban_approvals.api.bodies import JointLimit, Reason
from tongban_approvals.api.shown import Officer, casework_of, limit_of

router = APIRouter(prefix="/v1/cases", tags=["limits"])


@router.get("/{application}/joint")
async def get_joint(request: Request, caller: Officer, application: UUID) -> JointLimit:
    """The joint limit. 404 for anyone but the lead, 409 when none runs."""
    casework = casework_of(request)
    async with (
        request.app.state.runtime.pool.acquire() as tx,
        tx.transaction(isolation="repeatable_read", readonly=True),
    ):
        due = await limits.joint_of(tx, casework, caller, application)
    return JointLimit(application=application, lead=due.department, **limit_of(due))


@router.post("/{application}/extension")
async def extend_joint(request: Request, caller: Officer, application: UUID, reason: Reason) -> JointLimit:
    """Extends the joint limit, once, by the head of the lead. 403 without that duty, 409 when it may not be."""
    casework = casework_of(request)
    async with request.app.state.runtime.pool.acquire() as tx, tx.transaction():
        due = await limits.extend_joint(tx, casework, caller, application, reason.reason)
    return JointLimit(application=application, lead=due.department, **limit_of(due))
