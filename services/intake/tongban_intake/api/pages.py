"""The pages for people: everything the API can tell, and its two actions on a case as plain forms."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from tongban_runtime.auth import SESSION_COOKIE, Caller, Policy, Role, citizen, public
from tongban_runtime.problems import Problem

from tongban_intake import pages
from tongban_intake.api.applications import answer_correction, take_back
from tongban_intake.api.bodies import MAX_BODY_BYTES, CorrectionRequest
from tongban_intake.api.casefile import Opened, open_case, own_applications, require_visible, seen_at
from tongban_intake.api.context import Intake, intake_of
from tongban_intake.correction_form import CorrectionForm, correction_form, typed_answers
from tongban_intake.presentation import CHANNEL_NAMES, STEP_STATE_NAMES, FlowStep, Shown, Words

router = APIRouter(tags=["pages"], include_in_schema=False)

_ANSWER = "answer."
_FIELDS = 200


class PagePolicy(Policy):
    """A policy whose refusal is not a problem document: who is not signed in is sent to sign in, and then back."""

    async def __call__(self, request: Request) -> Caller | None:
        try:
            return await super().__call__(request)
        except Problem as problem:
            if problem.status != 401:
                raise
            back = request.url.path if request.method == "GET" else "/applications"
            raise HTTPException(303, headers={"Location": f"/login?return={quote(back, safe='')}"}) from problem


_roles: tuple[Role, ...] = ("citizen", "officer", "operator")
page_reader = PagePolicy("signed-in", _roles)
page_citizen = PagePolicy("citizen", sorted(citizen.roles))


def require_own_page(request: Request) -> None:
    """Raises `Problem` 403 for a form that another site's page sent; the session cookie's SameSite is the first guard."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Problem(403, "foreign-form", "请在本站页面上操作。", "Use the form on this site's own page.")


@router.get("/", dependencies=[Depends(public)])
async def home(request: Request) -> Response:
    """The front page: what one can apply for."""
    intake = intake_of(request)
    items = await intake.shelf.all_newest(intake.pool)
    return pages.render("home.html", items=items, signed_in=SESSION_COOKIE in request.cookies)


@router.get("/applications")
async def own(request: Request, caller: Annotated[Caller, Depends(page_citizen)]) -> Response:
    """One's own applications."""
    found = await own_applications(intake_of(request), caller)
    return pages.render("list.html", applications=found, signed_in=True)


@router.get("/applications/{application}")
async def case(
    request: Request,
    application: UUID,
    caller: Annotated[Caller, Depends(page_reader)],
    position: Annotated[int, Query(ge=1, le=2**31 - 1)] = 1,
) -> Response:
    """A case at a glance, its flow, what happened, and what is asked of the applicant."""
    intake = intake_of(request)
    try:
        owned = await require_visible(intake, application, caller)
        opened = await open_case(intake, await seen_at(request, application, position), owned)
    except Problem as problem:
        return pages.render("problem.html", problem.status, zh=problem.zh, en=problem.en, signed_in=True)
    return _page(intake, opened)


@router.get("/applications/{application}/live")
async def live(request: Request, application: UUID, caller: Annotated[Caller, Depends(page_reader)]) -> Response:
    """The part of a case's page that changes, for the script that follows it."""
    intake = intake_of(request)
    owned = await require_visible(intake, application, caller)
    opened = await open_case(intake, await seen_at(request, application, 1), owned)
    return pages.render("case_live.html", **_live(opened.shown))


@router.post("/applications/{application}/withdrawal")
async def withdraw(request: Request, application: UUID, caller: Annotated[Caller, Depends(page_citizen)]) -> Response:
    """Takes an application back, from the button on its page."""
    require_own_page(request)
    try:
        position = await take_back(intake_of(request), application, caller)
    except Problem as problem:
        return pages.render("problem.html", problem.status, zh=problem.zh, en=problem.en, signed_in=True)
    return _to_case(application, position)


@router.post("/applications/{application}/corrections")
async def correct(request: Request, application: UUID, caller: Annotated[Caller, Depends(page_citizen)]) -> Response:
    """Answers a correction request, from the form on the case's page; what is wrong is shown beside the fields."""
    require_own_page(request)
    intake = intake_of(request)
    try:
        owned = await require_visible(intake, application, caller)
        opened = await open_case(intake, await seen_at(request, application, 1), owned)
        form = await _form(request)
        typed = _typed(form)
        answers = {} if opened.item is None else typed_answers(opened.item, typed)
        body = CorrectionRequest.model_validate({"request": form.get("request"), "answers": answers})
        return _to_case(application, await answer_correction(intake, application, caller, body))
    except ValidationError:
        return pages.render(
            "problem.html", 422, zh="表单不完整，请返回重试。", en="The form is incomplete: go back.", signed_in=True
        )
    except Problem as problem:
        errors = problem.extra.get("errors")
        if not errors:
            return pages.render("problem.html", problem.status, zh=problem.zh, en=problem.en, signed_in=True)
        return _page(intake, opened, typed, errors, problem.status)


def _to_case(application: UUID, position: int) -> RedirectResponse:
    return RedirectResponse(f"/applications/{application}?position={position}", 303)


async def _form(request: Request) -> FormData:
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > MAX_BODY_BYTES:
        raise Problem(413, "too-large", "提交的内容太大。", "What was sent is too large.")
    return await request.form(max_files=0, max_fields=_FIELDS)


def _typed(form: FormData) -> dict[str, str]:
    return {
        name.removeprefix(_ANSWER): value
        for name, value in form.items()
        if name.startswith(_ANSWER) and isinstance(value, str)
    }


def _page(
    intake: Intake,
    opened: Opened,
    typed: Mapping[str, str] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> Response:
    found = errors or []
    return pages.render(
        "case.html",
        status,
        owned=opened.owned,
        forms=_forms(intake, opened, typed or {}),
        errors=found,
        messages={error["field"]: error for error in found},
        signed_in=True,
        **_live(opened.shown),
    )


def _forms(intake: Intake, opened: Opened, typed: Mapping[str, str]) -> list[CorrectionForm]:
    item = opened.item
    waiting = [correction for correction in opened.shown.corrections if correction.open]
    if item is None or not opened.owned or not waiting:
        return []
    subject = str(opened.shown.application)
    standing: dict[str, Any] = dict(opened.answers.plain)
    wanted = {name for correction in waiting for name in correction.fields}
    for name, sealed in opened.answers.sealed.items():
        if name in wanted:
            standing[name] = intake.sealer.open(subject, name, sealed)
    return [correction_form(item, correction, {**standing, **typed}) for correction in waiting]


def _live(shown: Shown) -> dict[str, Any]:
    levels: dict[int, list[FlowStep]] = {}
    for step in shown.flow:
        levels.setdefault(step.level, []).append(step)
    return {
        "case": shown,
        "levels": list(levels.values()),
        "step_states": STEP_STATE_NAMES,
        "granted": sum(step.state == "granted" for step in shown.flow),
        "sent": [
            (CHANNEL_NAMES.get(channel, Words(zh=channel, en=channel)), ended.sent)
            for channel, ended in shown.notifications.items()
        ],
        "open_corrections": ",".join(str(one.request) for one in shown.corrections if one.open),
    }
