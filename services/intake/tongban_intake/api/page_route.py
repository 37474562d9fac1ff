"""Routes of pages: whatever goes wrong is answered as a page, and who is not signed in is sent to sign in."""

from collections.abc import Callable, Coroutine
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from tongban_runtime.auth import SESSION_COOKIE, Caller, Policy, Role, citizen, note_refusal
from tongban_runtime.failures import problem_of
from tongban_runtime.problem_pages import bilingual
from tongban_runtime.problems import Problem

from tongban_intake import pages
from tongban_intake.api.context import intake_of
from tongban_intake.api.resending import KEPT_PATH, keep_sent
from tongban_intake.api.turned_away import TurnedAway, put_on_record

WORKPLACE: Final = "/workplace"
"""Where officers and operators begin."""


class SignInFirst(Exception):  # noqa: N818 - what it says is no error
    """Raised by the policy of pages for who is not signed in, or not any more."""


class AtWork(Exception):  # noqa: N818 - what it says is no error
    """Raised by the pages of applicants for who has signed in to work."""


class Submitted(Exception):  # noqa: N818 - what it says is no error
    """Raised by the pages of a draft that is an application by now, as for who went back in the browser."""

    def __init__(self, application: UUID) -> None:
        super().__init__(str(application))
        self.application = application


class PageRoute(APIRoute):
    """Answers a `Problem`, an address or form that cannot be read, and a failure of ours as a page."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handler(request)
            except Problem as problem:
                if isinstance(problem, TurnedAway):
                    await put_on_record(intake_of(request), problem)
                return problem_page(request, problem)
            except SignInFirst:
                return await _sign_in_first(request)
            except AtWork:
                return RedirectResponse(WORKPLACE, 303)
            except Submitted as submitted:
                status = 200 if request.method in ("GET", "HEAD") else 409
                return pages.render("submitted.html", status, application=submitted.application, signed_in=True)
            except RequestValidationError:
                return problem_page(request, no_such_page())
            except HTTPException as error:
                if error.status_code < 400:
                    raise
                return problem_page(request, _unreadable(error.status_code))
            except Exception as error:  # noqa: BLE001 - logged, and told in words instead of as data
                return problem_page(request, problem_of(request, error))

        return answer


def no_such_page() -> Problem:
    return Problem(
        404,
        "not-found",
        "没有这个页面：请核对地址或编号。",
        "There is no such page: check the address or the number.",
    )


def _unreadable(status: int) -> Problem:
    return Problem(
        status,
        "http",
        "提交的内容无法读取，请返回后重试。",
        "What was sent cannot be read: go back and try again.",
    )


def problem_page(request: Request, problem: Problem) -> Response:
    """A problem as people read it, in their language first."""
    answer = pages.render(
        "problem.html", problem.status, **bilingual(request, problem), signed_in=is_signed_in(request)
    )
    answer.headers.update(problem.headers or {})
    return answer


def page_or_sign_in(request: Request, problem: Problem) -> Response:
    """For routes of data that a browser opens: who only has to sign in is sent to do so."""
    if problem.status == 401 and request.method in ("GET", "HEAD"):
        return to_sign_in(request.url.path)
    return problem_page(request, problem)


async def _sign_in_first(request: Request) -> Response:
    """To the sign-in page and back; what was sent with an ended session waits for its sender meanwhile."""
    if request.method in ("GET", "HEAD"):
        return to_sign_in(request.url.path)
    kept = to_sign_in(KEPT_PATH)
    return kept if await keep_sent(request, kept) else to_sign_in("/applications")


def to_sign_in(back: str) -> Response:
    """To the sign-in page, and from there to ``back``."""
    return RedirectResponse(f"/login?return={quote(back, safe='')}", 303)


def is_signed_in(request: Request) -> bool:
    """Whether the browser brought a session; what it is worth is for a policy to say."""
    return SESSION_COOKIE in request.cookies or "authorization" in request.headers


class PagePolicy(Policy):
    """A policy whose refusal is not a problem document: who is not signed in is sent to sign in, and then back.

    Who has signed in to work and opens a page of applicants is sent to where officers begin.
    """

    @property
    def for_applicants(self) -> bool:
        return self.roles == frozenset({"citizen"})

    async def __call__(self, request: Request) -> Caller | None:
        try:
            return await self.admit(request)
        except Problem as problem:
            if problem.status != 401:
                note_refusal(request, problem)
                if self.for_applicants and problem.kind == "not-permitted" and request.method in ("GET", "HEAD"):
                    raise AtWork from problem
                raise
            raise SignInFirst from problem


_roles: tuple[Role, ...] = ("citizen", "officer", "operator")
page_reader = PagePolicy("signed-in", _roles)
page_citizen = PagePolicy("citizen", sorted(citizen.roles))


def as_typed(value: str) -> str:
    """A text as it was typed: browsers send its line breaks as two signs each, and count them as one against a limit."""
    return value.replace("\r\n", "\n")
