"""Applying, withdrawing and correcting. Every answer comes after the commit, with the position to read from."""

import re
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from pydantic import BaseModel, Field
from tongban_catalog.item import Item, form_errors
from tongban_runtime import facts, outbox, telemetry
from tongban_runtime.auth import Caller, citizen
from tongban_runtime.database import ENGINE_ERRORS, Tx
from tongban_runtime.problems import Problem
from tongban_schemas.envelope import Event
from tongban_schemas.types import ItemRef
from uuid_utils.compat import uuid7

from tongban_intake import domain
from tongban_intake.api.bodies import ApplicationRequest, CorrectionRequest, body_schema, invalid_answers, read_body
from tongban_intake.api.context import Intake, intake_of
from tongban_intake.api.lean import LeanRoute
from tongban_intake.group_commit import KeyReusedError, Receipt, Submission
from tongban_intake.store import applications
from tongban_intake.store.applications import NewApplication

router = APIRouter(tags=["applications"])

_KEY = re.compile(r"[\x21-\x7e]{1,200}")

_ENDINGS = {
    "issued": ("证照已经签发，案件已办结", "the certificate is issued and the case is closed"),
    "refused": ("申请已被决定不予许可", "the application was refused"),
    "withdrawn": ("申请已经撤回", "the application was withdrawn"),
}


class Position(BaseModel):
    """What was stored. Give ``position`` to the status endpoint to see at least this."""

    application: UUID
    position: int = Field(description="Intake's own count of events of this application.")


class ProblemDocument(BaseModel):
    """An error, RFC 9457. ``errors`` is there where single fields are wrong."""

    type: str
    title: str
    status: int
    detail_zh: str
    detail_en: str
    errors: list[dict[str, str]] | None = None


def _answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    described: dict[int | str, dict[str, Any]] = {202: {"model": Position}}
    return described | {status: {"model": ProblemDocument} for status in statuses}


_KEY_HEADER = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": True,
            "schema": {"type": "string", "minLength": 1, "maxLength": 200},
            "description": "Yours to choose, one per application: sending it again never makes a second application.",
        }
    ]
}


async def submit(request: Request, caller: Annotated[Caller, Depends(citizen)]) -> Response:
    """Applies for a service item. The same Idempotency-Key with the same body gets the same answer again."""
    intake = intake_of(request)
    key = _idempotency_key(request)
    body, document = await read_body(request, ApplicationRequest)
    item = await _item(intake, body)
    if errors := form_errors(item, body.answers):
        raise invalid_answers(errors)
    span = telemetry.start_span("apply")
    try:
        submission = _submission(intake, caller, key, body, document, item, telemetry.format_traceparent(span))
        receipt = await _commit(intake, submission)
    finally:
        span.end()
    headers = {"Location": f"/v1/applications/{receipt.application}"}
    if receipt.repeated:
        headers["Idempotency-Replayed"] = "true"
    return _accepted(receipt.application, 1, headers)


def add_submit_route(app: FastAPI) -> None:
    """Puts `submit` on the app itself, as the first and a lean route: it is what most requests ask for."""
    app.router.add_api_route(
        "/v1/applications",
        submit,
        methods=["POST"],
        status_code=202,
        tags=["applications"],
        responses=_answers(400, 401, 403, 404, 409, 413, 422, 503),
        openapi_extra=_KEY_HEADER | body_schema(ApplicationRequest),
        route_class_override=LeanRoute,
    )


@router.post("/v1/applications/{application}/withdrawal", status_code=202, responses=_answers(401, 403, 404, 409))
async def withdraw(request: Request, application: UUID, caller: Annotated[Caller, Depends(citizen)]) -> Response:
    """Takes an application back while it is not finished. Doing it again changes nothing."""
    return _accepted(application, await take_back(intake_of(request), application, caller))


async def take_back(intake: Intake, application: UUID, caller: Caller) -> int:
    """Withdraws the caller's application and returns the position. Raises `Problem` 404 and 409."""
    with telemetry.span("withdraw") as span:
        async with intake.pool.acquire() as tx, tx.transaction():
            known = await _own_case(tx, application, caller)
            before = domain.withdrawn(known)
            if before is not None:
                return before.sequence
            _refuse_if_ended(known)
            event = domain.withdrawal(application, intake.clock.now(), telemetry.format_traceparent(span))
            return await _publish(tx, event)


@router.post(
    "/v1/applications/{application}/corrections",
    status_code=202,
    responses=_answers(400, 401, 403, 404, 409, 413, 422),
    openapi_extra=body_schema(CorrectionRequest),
)
async def correct(request: Request, application: UUID, caller: Annotated[Caller, Depends(citizen)]) -> Response:
    """Answers a correction request, once. Sending the same answers again gets the same answer again."""
    body, _ = await read_body(request, CorrectionRequest)
    return _accepted(application, await answer_correction(intake_of(request), application, caller, body))


async def answer_correction(intake: Intake, application: UUID, caller: Caller, body: CorrectionRequest) -> int:
    """Answers a correction request of the caller's application and returns the position.

    Raises `Problem` 404, 409, and 422 with ``errors`` by field.
    """

    unseal = partial(intake.sealer.open, str(application))
    with telemetry.span("correct") as span:
        async with intake.pool.acquire() as tx, tx.transaction():
            known = await _own_case(tx, application, caller)
            asked = domain.correction_request(known, body.request)
            submitted = domain.submission(known)
            if asked is None or submitted is None:
                raise _unknown_request()
            item = await intake.shelf.item(tx, submitted.item)
            if item is None:
                raise _unknown_item()
            before = domain.answered(known, body.request)
            if before is not None:
                fact, correction = before
                if domain.same_correction(item, correction, body.answers, unseal):
                    return fact.sequence
                raise _answered_already()
            _refuse_if_ended(known)
            standing = domain.current_answers(known)
            if errors := domain.correction_errors(item, asked, standing, body.answers, unseal):
                raise invalid_answers(errors)
            event = domain.correct(
                application,
                item,
                request=body.request,
                answers=body.answers,
                seal=partial(intake.sealer.seal_all, str(application)),
                time=intake.clock.now(),
                traceparent=telemetry.format_traceparent(span),
            )
            return await _publish(tx, event)


def _accepted(application: UUID, position: int, headers: dict[str, str] | None = None) -> Response:
    body = f'{{"application":"{application}","position":{position}}}'
    return Response(body, 202, headers=headers, media_type="application/json")


def _idempotency_key(request: Request) -> str:
    key = request.headers.get("idempotency-key", "")
    if _KEY.fullmatch(key) is None:
        raise Problem(
            400,
            "idempotency-key",
            "请在请求头 Idempotency-Key 中给出 1 至 200 个可见 ASCII 字符，每份申请一个新值，重发时不变。",
            "Send the header Idempotency-Key: 1 to 200 visible ASCII characters, new for each application, "
            "the same when you send it again.",
        )
    return key


async def _item(intake: Intake, body: ApplicationRequest) -> Item:
    if body.version is None:
        item = await intake.shelf.newest(intake.pool, body.item)
    else:
        item = await intake.shelf.item(intake.pool, ItemRef(code=body.item, version=body.version))
    if item is None:
        raise _unknown_item()
    return item


def _submission(
    intake: Intake,
    caller: Caller,
    key: str,
    body: ApplicationRequest,
    document: object,
    item: Item,
    traceparent: str | None,
) -> Submission:
    application = uuid7()
    now = intake.clock.now()
    event = domain.submit(
        application,
        item,
        applicant=caller.id,
        region=body.region,
        language=body.language,
        answers=body.answers,
        seal=partial(intake.sealer.seal_all, str(application)),
        time=now,
        traceparent=traceparent,
    )
    digest = domain.request_digest(intake.digest_secret, document)
    row = NewApplication(application, caller.id, key, digest, item.code, item.version, now)
    return Submission(row, event)


async def _commit(intake: Intake, submission: Submission) -> Receipt:
    try:
        return await intake.commits.submit(submission)
    except KeyReusedError as error:
        raise Problem(
            409,
            "idempotency-key-reused",
            "这个 Idempotency-Key 已用于内容不同的另一份申请；新的申请请换一个新值。",
            "This Idempotency-Key was used for another application with other contents: "
            "choose a new one for a new application.",
        ) from error
    except ENGINE_ERRORS as error:
        raise Problem(
            503,
            "not-stored",
            "暂时无法保存。请用同一个 Idempotency-Key 重新提交，不会产生第二份申请。",
            "It could not be stored for certain. Send it again with the same Idempotency-Key: "
            "no second application is made.",
            headers={"Retry-After": "1"},
        ) from error


async def _own_case(tx: Tx, application: UUID, caller: Caller) -> tuple[Event, ...]:
    """Locks the caller's own case and returns its facts. Raises `Problem` 404 for anyone else's."""
    if await applications.applicant_of(tx, application) != caller.id:
        raise Problem(
            404,
            "no-such-application",
            "您名下没有这份申请，请核对编号。",
            "You have no application with this id: check it.",
        )
    await facts.lock(tx, [application])
    known = await facts.recall(tx, [application], domain.MODELS)
    return known.get(str(application), ())


def _refuse_if_ended(known: tuple[Event, ...]) -> None:
    ending = domain.ending(known)
    if ending is not None:
        zh, en = _ENDINGS[ending]
        raise Problem(409, "case-ended", f"不能再更改：{zh}。", f"Nothing can be changed: {en}.", reason=ending)


async def _publish(tx: Tx, event: Event) -> int:
    """Publishes a locked case's event, keeps it as a fact at once, and returns its position."""
    published = await outbox.publish(tx, [event])
    await facts.remember(tx, published)
    return published[0].sequence


def _unknown_item() -> Problem:
    return Problem(
        404,
        "no-such-item",
        "没有这个事项或版本，请从 /v1/items 查询。",
        "There is no such item or version: look it up under /v1/items.",
    )


def _unknown_request() -> Problem:
    return Problem(
        409,
        "no-such-correction-request",
        "这份申请没有这个补正通知；若刚刚收到，请稍后再试。",
        "This application has no such correction request; if you just received it, try again shortly.",
    )


def _answered_already() -> Problem:
    return Problem(
        409,
        "correction-answered",
        "这个补正通知已经答复过，内容不能再改。",
        "This correction request was answered already, and the answer stands.",
    )
