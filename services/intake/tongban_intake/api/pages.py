"""The pages of cases for people: everything the API can tell of them, and the formal acts as documents."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from tongban_runtime.auth import Caller

from tongban_intake import act_reading, pages
from tongban_intake.act_reading import ActRead
from tongban_intake.api import drafts
from tongban_intake.api.casefile import (
    Opened,
    open_act,
    open_case,
    own_applications,
    require_visible,
    seen_at,
)
from tongban_intake.api.context import intake_of
from tongban_intake.api.page_route import PageRoute, no_such_page, page_citizen, page_reader
from tongban_intake.correction_form import CorrectionForm, correction_form
from tongban_intake.evidence.bringing import brought_for
from tongban_intake.presentation import CHANNEL_NAMES, STEP_STATE_NAMES, FlowStep, Shown, Words
from tongban_intake.vault.rules import EMAIL

router = APIRouter(tags=["pages"], include_in_schema=False, route_class=PageRoute)

_POSITION_DIGITS = 9


def page_application(application: str) -> UUID:
    """The id in a page's address. Raises `Problem` 404 for what is none."""
    try:
        return UUID(application)
    except ValueError:
        raise no_such_page() from None


PageApplication = Annotated[UUID, Depends(page_application)]


@router.get("/applications")
async def own(request: Request, caller: Annotated[Caller, Depends(page_citizen)]) -> Response:
    """One's own applications."""
    intake = intake_of(request)
    found = await own_applications(intake, caller)
    begun = [(one, await intake.shelf.newest(intake.pool, one.item)) for one in await drafts.list_own(request, caller)]
    return pages.render("list.html", applications=found, drafts=begun, signed_in=True)


@router.get("/applications/{application}")
async def case(
    request: Request, caller: Annotated[Caller, Depends(page_reader)], application: PageApplication, position: str = ""
) -> Response:
    """A case at a glance, its flow, what happened, its documents, and what is asked of the applicant."""
    intake = intake_of(request)
    owned = await require_visible(intake, application, caller)
    least = int(position) if position.isascii() and position.isdigit() and len(position) <= _POSITION_DIGITS else 1
    opened = await open_case(intake, await seen_at(request, application, least), owned)
    return case_page(opened)


@router.get("/applications/{application}/live")
async def live(
    request: Request, caller: Annotated[Caller, Depends(page_reader)], application: PageApplication
) -> Response:
    """The part of a case's page that changes, for the script that follows it."""
    intake = intake_of(request)
    owned = await require_visible(intake, application, caller)
    opened = await open_case(intake, await seen_at(request, application, 1), owned)
    return pages.render("case_live.html", owned=owned, **_live(opened.shown))


@router.get("/applications/{application}/acts/{number}")
async def act(
    request: Request, number: str, caller: Annotated[Caller, Depends(page_reader)], application: PageApplication
) -> Response:
    """A formal act: its signed content, and whether the signature is the body's."""
    read = await _act(request, application, number, caller)
    return pages.render("act.html", application=application, read=read, signed_in=True)


@router.get("/applications/{application}/acts/{number}/jws")
async def signed_act(
    request: Request, number: str, caller: Annotated[Caller, Depends(page_reader)], application: PageApplication
) -> Response:
    """The act as it was signed: a compact JWS (RFC 7515), to keep and to verify anywhere."""
    read = await _act(request, application, number, caller)
    headers = {"Content-Disposition": f'attachment; filename="{read.act.number}.jws"', "Cache-Control": "no-store"}
    return Response(read.act.jws, media_type="application/jose", headers=headers)


async def _act(request: Request, application: UUID, number: str, caller: Caller) -> act_reading.ActRead:
    intake = intake_of(request)
    owned = await require_visible(intake, application, caller)
    found: ActRead | None = await open_act(intake, application, number, owned)
    if found is None:
        raise no_such_page()
    return found


def case_page(
    opened: Opened,
    typed: Mapping[str, str] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> Response:
    """The page of a case; with ``errors`` beside the fields, and with what was ``typed`` kept."""
    found = errors or []
    return pages.render(
        "case.html",
        status,
        owned=opened.owned,
        forms=_forms(opened, typed or {}),
        errors=found,
        messages={error["field"]: error for error in found},
        signed_in=True,
        **_live(opened.shown),
    )


def _forms(opened: Opened, typed: Mapping[str, str]) -> list[CorrectionForm]:
    item = opened.item
    waiting = [correction for correction in opened.shown.corrections if correction.open]
    if item is None or opened.unseal is None or not waiting:
        return []
    standing: dict[str, Any] = dict(opened.answers.plain)
    wanted = {name for correction in waiting for name in correction.fields}
    for name, sealed in opened.answers.sealed.items():
        if name in wanted:
            standing[name] = opened.unseal(name, sealed)
    return [
        correction_form(item, one, {**standing, **typed}, brought_for(opened.facts, one.request)) for one in waiting
    ]


def _live(shown: Shown) -> dict[str, Any]:
    levels: dict[int, list[FlowStep]] = {}
    for step in shown.flow:
        levels.setdefault(step.level, []).append(step)
    appealed = {appeal.decision for appeal in shown.appeals}
    refused = [step for step in shown.flow if step.state == "refused" and step.decision not in appealed]
    return {
        "case": shown,
        "levels": list(levels.values()),
        "step_states": STEP_STATE_NAMES,
        "step_names": {step.step: step.name for step in shown.flow},
        "granted": sum(step.state == "granted" for step in shown.flow),
        "sent": [
            (CHANNEL_NAMES.get(channel, Words(zh=channel, en=channel)), ended.sent)
            for channel, ended in shown.notifications.items()
            if ended.sent
        ],
        "unsent": [(ended.failed, ended.why) for ended in shown.notifications.values() if ended.failed],
        "asks_email": any(EMAIL in one.fields for one in shown.corrections if one.open),
        "open_corrections": ",".join(str(one.request) for one in shown.corrections if one.open),
        "awaited": [one for one in shown.promised if one.state != "brought"],
        "appealable": _appealable(shown, refused, appealed),
    }


def _appealable(shown: Shown, refused: list[FlowStep], appealed: set[UUID]) -> list[tuple[UUID, Words]]:
    """The decisions against which nobody has appealed yet, by name."""
    found = [(step.decision, step.name) for step in refused if step.decision is not None]
    told = shown.not_accepted
    if shown.state == "not-accepted" and told is not None and told.decision not in appealed:
        found.append((told.decision, shown.state_name))
    return found
