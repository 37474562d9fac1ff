"""What a person can do on the page of a case, as plain forms: correct, bring materials, withdraw, appeal."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from tongban_catalog.form import FieldError
from tongban_runtime.auth import Caller
from tongban_runtime.problems import Problem

from tongban_intake.api import uploads
from tongban_intake.api.applications import answer_correction, take_back
from tongban_intake.api.bodies import MAX_BODY_BYTES, AppealRequest, CorrectionRequest, invalid_answers, refuse_large
from tongban_intake.api.casefile import Opened, open_case, require_visible, seen_at
from tongban_intake.api.context import intake_of
from tongban_intake.api.page_route import PageRoute, as_typed, page_citizen
from tongban_intake.api.pages import PageApplication, case_page
from tongban_intake.api.proofs import token_of
from tongban_intake.api.remedies import file_appeal
from tongban_intake.correction_form import typed_answers
from tongban_intake.domain.filing import MATERIAL

router = APIRouter(tags=["pages"], include_in_schema=False, route_class=PageRoute)

_Bringer = Annotated[Caller, Depends(page_citizen.within("upload"))]
_ANSWER = "answer."
_MATERIAL = "material."
_FIELDS = 200
_FILES = 50
_UPLOAD_BYTES = 50 * 1024 * 1024


@router.post("/applications/{application}/withdrawal")
async def withdraw(
    request: Request, caller: Annotated[Caller, Depends(page_citizen)], application: PageApplication
) -> Response:
    """Takes an application back."""
    return _to_case(application, await take_back(intake_of(request), application, caller))


@router.post("/applications/{application}/corrections")
async def correct(request: Request, caller: _Bringer, application: PageApplication) -> Response:
    """Answers a notice or correction request; what is wrong is shown beside the fields, and files that were taken stay."""
    opened = await _opened(request, application, caller)
    sent = await _read(request)
    typed = {name.removeprefix(_ANSWER): text for name, text in sent.texts.items() if name.startswith(_ANSWER)}
    answers = {} if opened.item is None else typed_answers(opened.item, typed)
    try:
        body = CorrectionRequest.model_validate({"request": sent.texts.get("request"), "answers": answers})
    except ValidationError:
        raise _incomplete() from None
    try:
        await _bring(request, caller, application, sent)
        return _to_case(
            application, await answer_correction(intake_of(request), application, caller, token_of(request), body)
        )
    except Problem as problem:
        return _again(request, opened, problem, typed)


@router.post("/applications/{application}/materials")
async def supplement(request: Request, caller: _Bringer, application: PageApplication) -> Response:
    """Brings promised materials."""
    opened = await _opened(request, application, caller)
    sent = await _read(request)
    if not sent.files:
        raise Problem(422, "no-file", "请选择要补交的文件。", "Choose the files to bring.")
    try:
        return _to_case(application, await _bring(request, caller, application, sent))
    except Problem as problem:
        return _again(request, opened, problem, {})


@router.post("/applications/{application}/appeals")
async def appeal(
    request: Request, caller: Annotated[Caller, Depends(page_citizen)], application: PageApplication
) -> Response:
    """Asks for review of a decision."""
    sent = await _read(request)
    try:
        body = AppealRequest.model_validate({name: sent.texts.get(name) for name in ("decision", "way", "grounds")})
    except ValidationError:
        raise Problem(
            422,
            "invalid-request",
            "请选择途径，并写明理由（不超过 2000 字），然后重新提交。",
            "Choose a way and give your grounds (2000 characters at most), then send it again.",
        ) from None
    return _to_case(application, await file_appeal(intake_of(request), application, caller, body))


async def _opened(request: Request, application: UUID, caller: Caller) -> Opened:
    intake = intake_of(request)
    owned = await require_visible(intake, application, caller)
    return await open_case(intake, await seen_at(request, application, 1), owned)


def _again(request: Request, opened: Opened, problem: Problem, typed: dict[str, str]) -> Response:
    """The page once more, with what is wrong beside the fields. Raises the problem when it names none."""
    errors = problem.extra.get("errors")
    if not errors:
        raise problem
    return case_page(opened, typed, errors, problem.status)


def _to_case(application: UUID, position: int) -> RedirectResponse:
    return RedirectResponse(f"/applications/{application}?position={position}", 303)


def _incomplete() -> Problem:
    return Problem(422, "invalid-request", "表单不完整，请返回重试。", "The form is incomplete: go back and try again.")


@dataclass(frozen=True, slots=True)
class _Sent:
    """A form as it was sent: its texts by name, and the chosen files by material, each with the name that the browser gave."""

    texts: dict[str, str]
    files: dict[str, bytes]


async def _read(request: Request) -> _Sent:
    """Raises `Problem` 413. What was left empty is no file."""
    with_files = request.headers.get("content-type", "").startswith("multipart/form-data")
    refuse_large(request, _UPLOAD_BYTES if with_files else MAX_BODY_BYTES)
    texts, files = {}, {}
    async with request.form(max_files=_FILES, max_fields=_FIELDS) as form:
        for name, value in form.items():
            if isinstance(value, str):
                texts[name] = as_typed(value)
            elif name.startswith(_MATERIAL) and value.size:
                files[name.removeprefix(_MATERIAL)] = await value.read()
    return _Sent(texts, files)


async def _bring(request: Request, caller: Caller, application: UUID, sent: _Sent) -> int:
    """Keeps the files; intake's position afterwards, 0 without any. Raises `Problem` 422, what is wrong by material."""
    intake, position = intake_of(request), 0
    errors = []
    for material, content in sent.files.items():
        try:
            checked = await uploads.examined(request, content)
            position = await uploads.bring(intake, caller, application, material, checked, promise=False)
        except Problem as problem:
            if problem.status in (404, 410, 503):
                raise
            field = MATERIAL + material
            errors.append(FieldError(field=field, message_zh=problem.zh, message_en=problem.en))
    if errors:
        raise invalid_answers(errors)
    return position
