"""Signing in for pages, by the authorization-code flow of the sign-in service. The session is the token, in a cookie."""

import asyncio
import json
import secrets
import urllib.request
from datetime import UTC, datetime
from typing import Annotated
from urllib.error import URLError
from urllib.parse import quote, unquote, urlencode, urlsplit

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field
from tongban_runtime.auth import SESSION_COOKIE, public, require_own_page, service
from tongban_runtime.problems import Problem
from tongban_runtime.sessions import digest_of

from tongban_intake.api.context import Intake, intake_of
from tongban_intake.api.page_route import WORKPLACE, PageRoute
from tongban_intake.store import ended_sessions

router = APIRouter(tags=["session"], route_class=PageRoute)
data_router = APIRouter(tags=["session"])

LOGIN_COOKIE = "tongban_login"
"""Holds, during sign-in, the state that only this browser knows and the page to return to."""

_LOGIN_SECONDS = 600
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def safe_return(path: str) -> str:
    """The path if it stays on this site, else the front page."""
    stays = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if stays and len(path) <= 500 else "/"


@router.get("/login", dependencies=[Depends(public)])
async def login(request: Request, back: Annotated[str, Query(alias="return")] = "/") -> RedirectResponse:
    """Sends the browser to the sign-in service; afterwards it returns to the page that ``return`` names."""
    intake = intake_of(request)
    state = secrets.token_urlsafe(24)
    query = urlencode({"redirect_uri": _callback(request, intake), "state": state})
    answer = RedirectResponse(f"{intake.settings.sign_in_url}/authorize?{query}", 303)
    answer.set_cookie(
        LOGIN_COOKIE,
        f"{state}:{quote(safe_return(back), safe='')}",
        max_age=_LOGIN_SECONDS,
        path="/session",
        secure=_is_secure(intake),
        httponly=True,
        samesite="lax",
    )
    return answer


@router.get("/session", dependencies=[Depends(public)])
async def session(
    request: Request,
    code: Annotated[str, Query(min_length=1, max_length=500)],
    state: Annotated[str, Query(max_length=500)] = "",
) -> RedirectResponse:
    """Where the sign-in service sends the browser back to: exchanges the code and sets the session."""
    intake = intake_of(request)
    expected, _, back = request.cookies.get(LOGIN_COOKIE, "").partition(":")
    if not expected or not secrets.compare_digest(expected.encode(), state.encode()):
        raise _failed()
    token = await asyncio.to_thread(_exchange, intake.settings.sign_in_url, code, _callback(request, intake))
    caller = request.app.state.authenticator.caller(token)
    begins = safe_return(unquote(back))
    answer = RedirectResponse(WORKPLACE if caller.role != "citizen" and begins == "/" else begins, 303)
    answer.delete_cookie(LOGIN_COOKIE, path="/session")
    answer.set_cookie(SESSION_COOKIE, token, path="/", secure=_is_secure(intake), httponly=True, samesite="lax")
    return answer


@router.post("/logout", dependencies=[Depends(public)])
async def logout(request: Request) -> RedirectResponse:
    """Ends the session, in this browser and wherever else its cookie was copied to. Raises `Problem` 403 for a foreign page."""
    require_own_page(request)
    token = request.cookies.get(SESSION_COOKIE, "")
    ends_at = request.app.state.authenticator.expiry_of(token)
    if ends_at is not None:
        await ended_sessions.end(intake_of(request).pool, digest_of(token), datetime.fromtimestamp(ends_at, UTC))
        request.app.state.sessions.note_end(token)
    answer = RedirectResponse("/", 303)
    answer.delete_cookie(SESSION_COOKIE, path="/", secure=_is_secure(intake_of(request)), httponly=True)
    return answer


class SessionAsked(BaseModel):
    """SHA-256 of a session's token."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class SessionFound(BaseModel):
    """Whether its person has ended it."""

    ended: bool


@data_router.post("/v1/sessions/look-up", dependencies=[Depends(service)])
async def look_up(request: Request, asked: SessionAsked) -> SessionFound:
    """For the other services: whether a session has ended, which its token does not say."""
    return SessionFound(ended=await ended_sessions.has_ended(intake_of(request).pool, bytes.fromhex(asked.digest)))


def _callback(request: Request, intake: Intake) -> str:
    """This service's own address for the way back. On one machine, the name by which the browser came is kept."""
    base = intake.settings.own_url
    if urlsplit(base).hostname in _LOOPBACK and request.url.hostname in _LOOPBACK:
        base = str(request.base_url).rstrip("/")
    return f"{base}/session"


def _is_secure(intake: Intake) -> bool:
    return intake.settings.own_url.startswith("https://")


def _exchange(issuer: str, code: str, redirect_uri: str) -> str:
    """The token for a code. Raises `Problem`."""
    if not issuer.startswith(("http://", "https://")):
        raise _failed()
    request = urllib.request.Request(  # noqa: S310 - the scheme is checked above
        f"{issuer}/code",
        json.dumps({"code": code, "redirect_uri": redirect_uri}).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
            return str(json.load(answer)["token"])
    except (URLError, ValueError, KeyError, TimeoutError) as error:
        raise _failed() from error


def _failed() -> Problem:
    return Problem(
        400,
        "sign-in-failed",
        "登录没有完成或者用时太长，请重新登录。",
        "Signing in did not complete or took too long: sign in again.",
    )
