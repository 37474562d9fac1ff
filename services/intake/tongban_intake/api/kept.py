"""The page to which somebody comes back who had sent a form after their session had ended."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from tongban_runtime.auth import Caller
from tongban_runtime.problems import Problem

from tongban_intake import pages
from tongban_intake.api.page_route import PageRoute, page_citizen
from tongban_intake.api.resending import KEPT_PATH, Resent, kept_for

router = APIRouter(tags=["pages"], include_in_schema=False, route_class=PageRoute)
Citizen = Annotated[Caller, Depends(page_citizen)]


@router.get(KEPT_PATH)
async def kept(request: Request, caller: Citizen) -> Response:
    """Says that what was sent is kept. It goes on only when its sender says so."""
    if await kept_for(request, caller) is None:
        raise _nothing_kept()
    return pages.render("kept.html", path=KEPT_PATH, signed_in=True)


@router.post(KEPT_PATH)
async def send_again(request: Request, caller: Citizen) -> Response:
    """Sends the form on to where it was meant to go."""
    found = await kept_for(request, caller)
    if found is None:
        raise _nothing_kept()
    return Resent(request, *found)


def _nothing_kept() -> Problem:
    return Problem(
        404,
        "nothing-kept",
        "登录失效前的内容没有保留（文件太大、超过一小时、已经提交，或者由他人填写），请重新填写。",
        "Nothing is kept from before you had to sign in: it was too large, is over an hour old, was sent already, or is "
        "somebody else's. Please fill it in again.",
    )
