"""The ledger: who was given which of one's data, for what; doubts about a line, and what departments answer."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict
from tongban_runtime.auth import Caller, citizen, officer
from tongban_runtime.database import Tx
from tongban_runtime.problems import Problem
from tongban_schemas.events.access import DOUBT_FIELD
from tongban_schemas.text import Said

from tongban_intake import pages
from tongban_intake.api.acting import described, transact
from tongban_intake.api.bodies import body_schema, read_body, said
from tongban_intake.api.context import Intake, intake_of
from tongban_intake.api.page_route import PageRoute, page_citizen
from tongban_intake.api.pages import PageApplication, page_application
from tongban_intake.api.turned_away import TurnedAway, not_own
from tongban_intake.ledger import LineShown
from tongban_intake.ledger.doubting import answering, doubt, explain, look
from tongban_intake.ledger.grouping import fold
from tongban_intake.ledger.reading import CaseLedger, is_own, own_cases, plain_answers, read
from tongban_intake.presentation import Words
from tongban_intake.presentation.answering import answer_by
from tongban_intake.store import doubts
from tongban_intake.store.doubts import StoredDoubt

router = APIRouter(prefix="/v1", tags=["ledger"])
page_router = APIRouter(tags=["pages"], include_in_schema=False, route_class=PageRoute)

_LINES = 300
_DOUBTS = 200
_PAGE_DIGITS = 6


class CaseName(BaseModel):
    """A case, with the name of its item once that is known."""

    case: UUID
    item: str | None
    name: Words | None


class LineOfCase(LineShown):
    """A line of one's ledger over all cases."""

    case: CaseName


class Ledger(BaseModel):
    """Lines, newest first. ``more``: there are older ones than were asked for."""

    lines: list[LineOfCase]
    more: bool


class DoubtRequest(BaseModel):
    """What one does not understand about a line."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: Said


class ExplanationRequest(BaseModel):
    """The department's answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: Said


class Doubted(BaseModel):
    """A doubt was sent to the department that has to answer it."""

    doubt: UUID
    case: UUID
    department: str


class OpenDoubt(BaseModel):
    """A doubt that a department has to answer. Its text is opened one by one, on record."""

    doubt: UUID
    case: UUID
    department: str
    doubted_at: datetime


class DoubtOpened(OpenDoubt):
    """The doubt's words, and the line that it is about."""

    text: str
    line: LineShown | None


@router.get("/ledger", responses=described(401, 403, success=200))
async def own_ledger(
    request: Request,
    caller: Annotated[Caller, Depends(citizen)],
    limit: Annotated[int, Query(ge=1, le=1000)] = _LINES,
) -> Ledger:
    """Every use of one's data, over all cases and drafts, of all departments."""
    intake = intake_of(request)
    return _joined(await _read(intake, await own_cases(intake.pool, caller.id)), limit)


@router.get("/ledger/{case}", responses=described(401, 403, 404, success=200))
async def case_ledger(request: Request, case: UUID, caller: Annotated[Caller, Depends(citizen)]) -> Ledger:
    """Every use of the data of one's own case, draft or application."""
    return _joined([await _own(intake_of(request), case, caller)], None)


@router.post(
    "/ledger/{case}/{event}/doubt",
    status_code=202,
    responses=described(400, 401, 403, 404, 409, 410, 422, success=201),
    openapi_extra=body_schema(DoubtRequest),
)
async def post_doubt(request: Request, case: UUID, event: UUID, caller: Annotated[Caller, Depends(citizen)]) -> Doubted:
    """Says that one doubts a line; its department has to explain it."""
    body, _ = await read_body(request, DoubtRequest)
    kept = await raise_doubt(intake_of(request), case, event, caller, body.text)
    return Doubted(doubt=kept.doubt, case=case, department=kept.department)


@router.get("/doubts", responses=described(401, 403, success=200))
async def open_doubts(request: Request, caller: Annotated[Caller, Depends(officer)]) -> list[OpenDoubt]:
    """What the caller's departments have still to explain, the oldest first."""
    found = await doubts.waiting(intake_of(request).pool, caller.departments, _DOUBTS)
    return [_open(one) for one in found]


@router.get("/doubts/{case}/{doubt}", responses=described(401, 403, 404, 410, success=200))
async def get_doubt(
    request: Request, case: UUID, doubt: UUID, caller: Annotated[Caller, Depends(officer)]
) -> DoubtOpened:
    """One doubt in words; that it was read goes on record."""
    intake = intake_of(request)

    async def act(tx: Tx) -> tuple[StoredDoubt, str]:
        one = await _for_officer(tx, case, doubt, caller)
        keys = await look(tx, intake.vault, one, caller)
        return one, keys.open(DOUBT_FIELD, one.text)

    one, text = await transact(intake, act)
    told = (await _read(intake, [case]))[0]
    line = next((found for found in told.shown if found.event == one.access), None)
    bare = None if line is None else line.model_copy(update={"doubts": []})
    return DoubtOpened(**_open(one).model_dump(), text=text, line=bare)


@router.post(
    "/doubts/{case}/{doubt}/explanation",
    status_code=204,
    responses=described(400, 401, 403, 404, 409, 410, 422, success=204),
    openapi_extra=body_schema(ExplanationRequest),
)
async def post_explanation(
    request: Request, case: UUID, doubt: UUID, caller: Annotated[Caller, Depends(officer)]
) -> Response:
    """Answers a doubt; the person reads it beside the line."""
    intake = intake_of(request)
    body, _ = await read_body(request, ExplanationRequest)

    async def act(tx: Tx) -> None:
        await explain(tx, intake.vault, await _for_officer(tx, case, doubt, caller), caller, body.text)

    await transact(intake, act)
    return Response(status_code=204)


@page_router.get("/ledger")
async def ledger_page(
    request: Request, caller: Annotated[Caller, Depends(page_citizen)], sent: str = "", who: str = "", page: str = ""
) -> Response:
    """One's ledger over all cases, in plain words."""
    intake = intake_of(request)
    found = await _read(intake, await own_cases(intake.pool, caller.id))
    return await _page(intake, found, None, sent=bool(sent), who=who, page=page)


@page_router.get("/applications/{application}/ledger")
async def case_ledger_page(
    request: Request,
    caller: Annotated[Caller, Depends(page_citizen)],
    application: PageApplication,
    sent: str = "",
    who: str = "",
    page: str = "",
) -> Response:
    """The ledger of one case."""
    intake = intake_of(request)
    own = await _own(intake, application, caller)
    return await _page(intake, [own], _name(own), sent=bool(sent), who=who, page=page)


async def _page(
    intake: Intake, found: list[CaseLedger], case: CaseName | None, *, sent: bool, who: str, page: str
) -> Response:
    """One page of a ledger, folded; with the doubts that departments have still to answer, and until when."""
    number = int(page) if page.isascii() and page.isdigit() and len(page) <= _PAGE_DIGITS else 1
    asked = await doubts.open_of(intake.pool, [one.case for one in found])
    calendars = await intake.shelf.calendars(intake.pool)
    bodies = await intake.shelf.departments(intake.pool)
    return pages.render(
        "ledger.html",
        folded=fold(_joined(found, None).lines, who, number),
        path="/ledger" if case is None else f"/applications/{case.case}/ledger",
        asked={line: answer_by(calendars, bodies, one.department, one.doubted_at) for line, one in asked.items()},
        case=case,
        sent=sent,
        signed_in=True,
    )


@page_router.post("/applications/{application}/ledger/{event}/doubt")
async def doubt_form(
    request: Request, caller: Annotated[Caller, Depends(page_citizen)], application: PageApplication, event: str
) -> Response:
    """The doubt of a line, from its form."""
    async with request.form(max_files=0, max_fields=5) as form:
        text = said(str(form.get("text", "")))
    await raise_doubt(intake_of(request), application, page_application(event), caller, text)
    return RedirectResponse(f"/applications/{application}/ledger?sent=1", 303)


async def raise_doubt(intake: Intake, case: UUID, event: UUID, caller: Caller, text: str) -> StoredDoubt:
    """Raises a doubt of a line of one's own case. Raises `Problem` 404, 409, 410."""
    own = await _own(intake, case, caller)
    line = next((one for one in own.lines if one.event == str(event)), None)
    if line is None:
        raise Problem(
            404,
            "no-such-line",
            "没有这条记录，请核对编号。",
            "There is no such line: check its id.",
        )

    async def act(tx: Tx) -> StoredDoubt:
        departments = await intake.shelf.departments(tx)
        department = answering(line, own.item, await plain_answers(tx, intake.shelf, case), departments)
        if department is None:
            raise Problem(409, "not-received-yet", "请稍后再试。", "Try again shortly.")
        return await doubt(tx, intake.vault, case, line, department, text)

    return await transact(intake, act)


async def _own(intake: Intake, case: UUID, caller: Caller) -> CaseLedger:
    if not await is_own(intake.pool, case, caller.id):
        problem = Problem(
            404,
            "no-such-case",
            "您名下没有这份申请或草稿，请核对编号。",
            "You have no application or draft with this id: check it.",
        )
        raise not_own(problem, case, caller)
    return (await _read(intake, [case]))[0]


async def _read(intake: Intake, cases: list[UUID]) -> list[CaseLedger]:
    return await read(intake.pool, intake.shelf, intake.vault, cases)


async def _for_officer(tx: Tx, case: UUID, doubt: UUID, caller: Caller) -> StoredDoubt:
    one = await doubts.find(tx, case, doubt)
    if one is None or one.department not in caller.departments:
        problem = Problem(
            404,
            "no-such-doubt",
            "没有这条疑问，或者它不由您的部门答复。",
            "There is no such doubt, or it is not your department's to answer.",
        )
        raise problem if one is None else TurnedAway(problem, case, caller, "explain", "not-your-case")
    return one


def _joined(found: list[CaseLedger], limit: int | None) -> Ledger:
    lines = [(line, told) for told in found for line in told.shown]
    lines.sort(key=lambda pair: pair[0].at, reverse=True)
    kept = lines if limit is None else lines[:limit]
    return Ledger(
        lines=[LineOfCase(**dict(line), case=_name(told)) for line, told in kept], more=len(kept) < len(lines)
    )


def _name(told: CaseLedger) -> CaseName:
    item = told.item
    name = None if item is None else Words(zh=item.name.zh, en=item.name.en)
    return CaseName(case=told.case, item=None if item is None else item.code, name=name)


def _open(one: StoredDoubt) -> OpenDoubt:
    return OpenDoubt(doubt=one.doubt, case=one.application, department=one.department, doubted_at=one.doubted_at)
