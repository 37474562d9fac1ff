"""What the applicant may still do after a refusal: appeal."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from tongban_runtime import telemetry
from tongban_runtime.auth import Caller, citizen
from tongban_runtime.database import Tx
from tongban_runtime.problems import Problem
from tongban_schemas.events.applications import ApplicationAppealed

from tongban_intake.api.acting import described, enter_own, not_heard_yet, stored, transact
from tongban_intake.api.bodies import AppealRequest, body_schema, read_body
from tongban_intake.api.context import Intake, intake_of
from tongban_intake.domain import filing
from tongban_intake.domain.timing import appeal_is_late

router = APIRouter(tags=["applications"])


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
