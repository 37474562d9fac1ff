"""Where officers and operators begin after they have signed in: what is theirs to do here, and where the rest is done."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from tongban_runtime.auth import Caller, Duty

from tongban_intake import pages
from tongban_intake.api.context import intake_of
from tongban_intake.api.page_route import WORKPLACE, PagePolicy, PageRoute
from tongban_intake.presentation import Words

router = APIRouter(tags=["pages"], include_in_schema=False, route_class=PageRoute)
at_work = PagePolicy("at-work", ("officer", "operator"))

_DUTIES: dict[Duty, Words] = {
    "receiver": Words(zh="收件", en="receiving applications"),
    "head": Words(zh="部门负责人", en="head of the department"),
    "supervisor": Words(zh="监督复核", en="supervision and review"),
}


@router.get(WORKPLACE)
async def workplace(request: Request, caller: Annotated[Caller, Depends(at_work)]) -> Response:
    """The departments and duties of who signed in, what they do here, and whom to ask."""
    bodies = await intake_of(request).shelf.departments(intake_of(request).pool)
    names = [bodies[one].name if one in bodies else Words(zh=one, en=one) for one in sorted(caller.departments)]
    return pages.render(
        "workplace.html",
        departments=names,
        duties=[_DUTIES[one] for one in sorted(caller.duties) if one in _DUTIES],
        receives="receiver" in caller.duties,
        operates=caller.role == "operator",
        signed_in=True,
    )
