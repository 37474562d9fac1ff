"""What the applicant may still do after acceptance or refusal: bring what was promised, and appeal."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from tongban_catalog.form import FieldError
from tongban_runtime import telemetry
from tongban_runtime.auth import Caller, citizen
from tongban_runtime.database import Tx
from tongban_runtime.problems import Problem
from tongban_schemas.events.applications import ApplicationAppealed, ApplicationSupplemented

from tongban_intake.api.acting import Entered, described, enter_own, not_heard_yet, refuse_if_ended, stored, transact
from tongban_intake.api.bodies import AppealRequest, SupplementRequest, body_schema, invalid_answers, read_body
from tongban_intake.api.context import Intake, intake_of
from tongban_intake.domain import filing
from tongban_intake.domain.timing import appeal_is_late

router = APIRouter(tags=["applications"])


@router.post(
    "/v1/applications/{application}/materials",
    status_code=202,
    responses=described(400, 401, 403, 404, 409, 413, 422),
    openapi_extra=body_schema(SupplementRequest),
)
async def supplement(request: Request, application: UUID, caller: Annotated[Caller, Depends(citizen)]) -> Response:
    """Brings materials that were promised at acceptance (容缺). Late is still taken; the lateness stays on record."""
    body, _ = await read_body(request, SupplementRequest)
    return stored(application, await bring(intake_of(request), application, caller, body))


@router.post(
    "/v1/applications/{application}/appeals",
    status_code=202,
    responses=described(400, 401, 403, 404, 409, 413, 422),
    openapi_extra=body_schema(AppealRequest),
)
async def appeal(request: Request, application: UUID, caller: Annotated[Caller, Depends(citizen)]) -> Response:
    """Asks for review of a refusal or a non-acceptance, once per decision, within sixty days of it."""
    body, _ = await read_body(request, AppealRequest)
    return stored(application, await file_appeal(intake_of(request), application, caller, body))


async def bring(intake: Intake, application: UUID, caller: Caller, body: SupplementRequest) -> int:
    """Stores promised materials and returns the position. Raises `Problem` 404, 409, 422."""
    with telemetry.span("supplement") as span:

        async def act(tx: Tx) -> int:
            case = await enter_own(intake, tx, application, caller)
            before = _brought_before(case, body)
            if before is not None:
                return before
            promised = set(case.history.promised)
            if not promised:
                raise Problem(
                    409,
                    "nothing-promised",
                    "这份申请没有承诺补交的材料；请在补正通知中提交材料。",
                    "Nothing was promised in this application: hand materials in when a notice asks for them.",
                )
            _refuse_if_over(case)
            if errors := _unpromised(case, body, promised):
                raise invalid_answers(errors)
            traceparent = telemetry.format_traceparent(span)
            return await case.say(filing.supplement(application, body.materials, case.now, traceparent))

        return await transact(intake, act)


def _refuse_if_over(case: Entered) -> None:
    """Raises `Problem` 409 when nothing promised matters any more; a case that was granted still waits for it."""
    if case.history.ending() not in ("issued", "granted"):
        refuse_if_ended(case.history)


def _brought_before(case: Entered, body: SupplementRequest) -> int | None:
    return next(
        (
            fact.sequence
            for fact in case.history.facts
            if isinstance(fact.data, ApplicationSupplemented) and fact.data.materials == body.materials
        ),
        None,
    )


def _unpromised(case: Entered, body: SupplementRequest, promised: set[str]) -> list[FieldError]:
    errors = []
    for name in body.materials:
        if name not in promised:
            zh, en = "这项材料不在承诺补交之列，请删除。", "This material was not promised: remove it."
        elif name in case.history.materials:
            zh, en = "这项材料已经补交，不能更换。", "This material was brought already and cannot be replaced."
        else:
            continue
        errors.append(FieldError(field=filing.MATERIAL + name, message_zh=zh, message_en=en))
    return errors


async def file_appeal(intake: Intake, application: UUID, caller: Caller, body: AppealRequest) -> int:
    """Stores an appeal and returns the position. Raises `Problem` 404, 409."""
    with telemetry.span("appeal") as span:

        async def act(tx: Tx) -> int:
            case = await enter_own(intake, tx, application, caller)
            if case.known is None:
                raise not_heard_yet()
            before = case.history.appeal(body.decision)
            if before is not None and isinstance(before.data, ApplicationAppealed):
                keys = await intake.vault.open(tx, application)
                if filing.same_appeal(before.data, body.way, body.grounds, keys.open):
                    return before.sequence
                raise Problem(
                    409,
                    "appealed-already",
                    "对这项决定已经提出过申请，不能重复提出。",
                    "This decision was appealed against already; it cannot be done twice.",
                )
            decision = case.history.refusal(body.decision)
            if decision is None:
                raise Problem(
                    409,
                    "nothing-to-appeal",
                    "没有可以申请复议或起诉的决定：请核对决定编号；只有不予许可和不予受理的决定可以在此提出。",
                    "There is no such decision to appeal against: check its id; refusals and non-acceptances can be.",
                )
            days = await intake.casework.days_of(tx, case.known, decision)
            if appeal_is_late(decision.time, days, case.now):
                raise Problem(
                    409,
                    "appeal-too-late",
                    "已超过决定之日起六十日的期限（行政复议法第二十条）；有正当理由的，请向复议机关说明。",
                    "The sixty days since the decision are over (Administrative Reconsideration Law art. 20); "
                    "if there was good cause, tell the reviewing body.",
                )
            event = filing.appeal(
                application,
                body.decision,
                body.way,
                body.grounds,
                seal=(await intake.vault.open(tx, application)).seal_all,
                time=case.now,
                traceparent=telemetry.format_traceparent(span),
            )
            return await case.say(event)

        return await transact(intake, act)
