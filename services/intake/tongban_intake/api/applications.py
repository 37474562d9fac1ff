"""Applying, withdrawing and correcting. Every answer comes after the commit, with the position to read from."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from tongban_catalog.clock import china_day
from tongban_catalog.item import Item, form_errors
from tongban_catalog.printed import code_points, unprintable_answers
from tongban_runtime import logs, telemetry
from tongban_runtime.auth import Caller, citizen
from tongban_runtime.database import ENGINE_ERRORS, Tx
from tongban_runtime.problems import Problem
from tongban_runtime.sealing import CaseKeys
from tongban_schemas.envelope import Event
from tongban_schemas.events.applications import ApplicationCorrected, ApplicationCorrectionNoticed
from tongban_schemas.types import ItemRef, JsonObject
from uuid_utils.compat import uuid7

from tongban_intake.api.acting import Entered, described, enter_own, refuse_if_ended, stored, transact
from tongban_intake.api.bodies import ApplicationRequest, CorrectionRequest, body_schema, invalid_answers, read_body
from tongban_intake.api.context import Intake, intake_of
from tongban_intake.api.lean import LeanRoute
from tongban_intake.api.proofs import token_of
from tongban_intake.domain import filing
from tongban_intake.domain.applying import require_may_apply
from tongban_intake.evidence.bringing import brought_for
from tongban_intake.evidence.signed_in import otherwise, signed_in
from tongban_intake.group_commit import KeyReusedError, Receipt, Submission
from tongban_intake.store import applications
from tongban_intake.store.applications import NewApplication

router = APIRouter(tags=["applications"])


@dataclass(frozen=True, slots=True)
class Begun:
    """A draft that becomes an application under the same id, with its keys.

    ``fetched``: the materials about which something was said. ``given``: the answers that were fetched. ``materials``: SHA-256
    of the files that its item asked for.
    """

    case: UUID
    keys: CaseKeys
    fetched: frozenset[str] = frozenset()
    given: frozenset[str] = frozenset()
    materials: Mapping[str, str] = field(default_factory=dict)


_KEY = re.compile(r"[\x21-\x7e]{1,200}")

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
    """Applies for a service item. The same Idempotency-Key with the same body gets the same answer again.

    Materials are brought as files: make a draft, put them to `/v1/proofs/{draft}/{material}/file`, submit the draft.
    """
    key = idempotency_key(request)
    body, document = await read_body(request, ApplicationRequest)
    return await apply(intake_of(request), caller, token_of(request), key, body, document)


async def apply(
    intake: Intake,
    caller: Caller,
    token: str,
    key: str,
    body: ApplicationRequest,
    document: object,
    draft: Begun | None = None,
) -> Response:
    """Stores an application, once per key; ``document`` is the request as it was sent, ``token`` the caller's. Raises `Problem`."""
    item = await _item(intake, body)
    require_may_apply(item, caller.acts_for)
    known = await signed_in(intake.sign_in, item, caller, token)
    if errors := otherwise(item, body.answers, known):
        raise invalid_answers(errors)
    given = known.keys() if draft is None else draft.given | known.keys()
    body = body.model_copy(update={"answers": item.form.normalised({**body.answers, **known}, given)})
    if errors := form_errors(item, body.answers, given, china_day(intake.clock.now())):
        raise invalid_answers(errors)
    if errors := filing.receiver_errors(item, body.answers):
        raise invalid_answers(errors)
    span = telemetry.start_span("apply")
    try:
        submission = _submission(intake, caller, key, body, document, item, telemetry.format_traceparent(span), draft)
        receipt = await _commit(intake, submission)
    finally:
        span.end()
    headers = {"Location": f"/v1/applications/{receipt.application}"}
    if receipt.repeated:
        headers["Idempotency-Replayed"] = "true"
    else:
        _tell_operators(receipt.application, item, body.answers)
    return stored(receipt.application, receipt.position, headers)


def add_submit_route(app: FastAPI) -> None:
    """Puts `submit` on the app itself, as the first and a lean route: it is what most requests ask for."""
    app.router.add_api_route(
        "/v1/applications",
        submit,
        methods=["POST"],
        status_code=202,
        tags=["applications"],
        responses=described(400, 401, 403, 404, 409, 413, 422, 503),
        openapi_extra=_KEY_HEADER | body_schema(ApplicationRequest),
        route_class_override=LeanRoute,
    )


@router.post("/v1/applications/{application}/withdrawal", status_code=202, responses=described(401, 403, 404, 409))
async def withdraw(request: Request, application: UUID, caller: Annotated[Caller, Depends(citizen)]) -> Response:
    """Takes an application back while it is not finished. Doing it again changes nothing."""
    return stored(application, await take_back(intake_of(request), application, caller))


async def take_back(intake: Intake, application: UUID, caller: Caller) -> int:
    """Withdraws the caller's application and returns the position. Raises `Problem` 404 and 409."""
    with telemetry.span("withdraw") as span:

        async def act(tx: Tx) -> int:
            case = await enter_own(intake, tx, application, caller)
            if case.history.withdrawn is not None:
                return case.history.withdrawn.sequence
            refuse_if_ended(case.history)
            return await case.say(filing.withdrawal(application, case.now, telemetry.format_traceparent(span)))

        return await transact(intake, act)


@router.post(
    "/v1/applications/{application}/corrections",
    status_code=202,
    responses=described(400, 401, 403, 404, 409, 413, 422, 503),
    openapi_extra=body_schema(CorrectionRequest),
)
async def correct(request: Request, application: UUID, caller: Annotated[Caller, Depends(citizen)]) -> Response:
    """Answers a correction request, once. Sending the same answers again gets the same answer again.

    What it asks to be brought is put to `/v1/proofs/{application}/{material}/file` before.
    """
    body, _ = await read_body(request, CorrectionRequest)
    return stored(
        application, await answer_correction(intake_of(request), application, caller, token_of(request), body)
    )


async def answer_correction(
    intake: Intake, application: UUID, caller: Caller, token: str, body: CorrectionRequest
) -> int:
    """Answers a correction request or a notice about the caller's application and returns the position.

    Raises `Problem` 404, 409, and 422 with ``errors`` by field.
    """
    await _require_as_signed_in(intake, application, caller, token, body)
    with telemetry.span("correct") as span:

        async def act(tx: Tx) -> int:
            case = await enter_own(intake, tx, application, caller)
            before, sent = case.history.answered(body.request), body
            if case.known is not None:
                sent = body.model_copy(update={"answers": case.known.item.form.normalised(body.answers)})
            if before is not None:
                return _repeated(case, before, sent, await intake.vault.open(tx, application))
            keys = await intake.vault.open(tx, application)
            position = await case.say(_correction(case, sent, keys, telemetry.format_traceparent(span)))
            if case.known is not None:
                _tell_operators(application, case.known.item, sent.answers)
            return position

        return await transact(intake, act)


async def _require_as_signed_in(
    intake: Intake, application: UUID, caller: Caller, token: str, body: CorrectionRequest
) -> None:
    """Raises `Problem` 422 when a correction of the caller's own case says something else than the sign-in does."""
    if await applications.applicant_of(intake.pool, application) != caller.id:
        return
    ref = await applications.item_of(intake.pool, application)
    item = None if ref is None else await intake.shelf.item(intake.pool, ref)
    if item is None or not body.answers.keys() & item.from_sign_in.keys():
        return
    if errors := otherwise(item, body.answers, await signed_in(intake.sign_in, item, caller, token)):
        raise invalid_answers(errors)


def _repeated(case: Entered, before: Event, body: CorrectionRequest, keys: CaseKeys) -> int:
    if (
        case.known is not None
        and isinstance(before.data, ApplicationCorrected)
        and filing.same_correction(case.known.item, before.data, body.answers, keys.open)
    ):
        return before.sequence
    raise _answered_already()


def _correction(case: Entered, body: CorrectionRequest, keys: CaseKeys, traceparent: str | None) -> Event:
    asked = case.history.asked(body.request)
    if asked is None or case.known is None:
        raise _unknown_request()
    refuse_if_ended(case.history)
    if isinstance(asked, ApplicationCorrectionNoticed) and not case.history.at_the_desk:
        raise _moot()
    item, standing = case.known.item, case.history.answers
    brought = brought_for(case.history.facts, body.request)
    materials = {name: brought[name] for name in asked.materials if name in brought}
    if errors := filing.correction_errors(
        item, asked, standing, body.answers, materials, keys.open, china_day(case.now)
    ):
        raise invalid_answers(errors)
    return filing.correct(
        case.application,
        item,
        request=body.request,
        answers=body.answers,
        materials=materials,
        seal=keys.seal_all,
        time=case.now,
        traceparent=traceparent,
    )


def idempotency_key(request: Request) -> str:
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
    """The version that takes applications today; one that was named has to be that. Raises `Problem` 404 and 409."""
    today = china_day(intake.clock.now())
    current = await intake.shelf.current(intake.pool, body.item, today)
    if current is not None and body.version in (None, current.version):
        return current
    newest = await intake.shelf.newest(intake.pool, body.item)
    if newest is None:
        raise _unknown_item()
    if body.version is not None and await _is_unknown(intake, body.item, body.version):
        raise _unknown_item()
    raise _not_in_force(newest, today) if current is None else _not_current(current)


async def _is_unknown(intake: Intake, code: str, version: int) -> bool:
    return await intake.shelf.item(intake.pool, ItemRef(code=code, version=version)) is None


def _submission(
    intake: Intake,
    caller: Caller,
    key: str,
    body: ApplicationRequest,
    document: object,
    item: Item,
    traceparent: str | None,
    case: Begun | None,
) -> Submission:
    made = None
    if case is None:
        made = intake.vault.new(uuid7())
        case = Begun(made.case, made.keys)
    application = case.case
    now = intake.clock.now()
    event = filing.submit(
        application,
        item,
        applicant=caller.id,
        region=body.region,
        language=body.language,
        answers=body.answers,
        materials=case.materials,
        seal=case.keys.seal_all,
        time=now,
        traceparent=traceparent,
        fetched=case.fetched,
    )
    digest = filing.request_digest(intake.digest_secret, document)
    row = NewApplication(application, caller.id, key, digest, item.code, item.version, now)
    return Submission(row, event, made)


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
            "暂时无法保存，请重新提交，不会产生第二份申请（接口：用同一个 Idempotency-Key）。",
            "It could not be stored for certain. Send it again (API: with the same Idempotency-Key): "
            "no second application is made.",
            headers={"Retry-After": "1"},
        ) from error


def _tell_operators(case: UUID, item: Item, answers: JsonObject) -> None:
    """Which characters the case's certificate will need a font for, while there is time to install one; never a text."""
    if points := code_points(unprintable_answers(item, answers)):
        logs.warning("certificate.unprintable", case=str(case), characters=points)
        telemetry.count("tongban.certificates.unprintable")


def _unknown_item() -> Problem:
    return Problem(
        404,
        "no-such-item",
        "没有这个事项或版本，请从 /v1/items 查询。",
        "There is no such item or version: look it up under /v1/items.",
    )


def _not_in_force(item: Item, today: date) -> Problem:
    if item.effective_from is not None and today < item.effective_from:
        return Problem(
            409,
            "item-not-yet-in-force",
            f"本事项自 {item.effective_from} 起受理，请届时再申请。",
            f"Applications for this item are taken from {item.effective_from}: apply then.",
        )
    return Problem(
        409,
        "item-cancelled",
        f"本事项已于 {item.cancel_on} 取消，不再受理；请从 /v1/items 查询现行事项。",
        f"This item was cancelled on {item.cancel_on}: look up what is in force under /v1/items.",
    )


def _not_current(item: Item) -> Problem:
    return Problem(
        409,
        "item-version-not-current",
        f"这个版本不再受理新的申请，现行版本为 {item.version}，请按现行版本填写。",
        f"This version takes no new applications; version {item.version} is in force: fill in that one.",
        version=item.version,
    )


def _moot() -> Problem:
    return Problem(
        409,
        "nothing-asked",
        "申请已经受理，这份补正通知不必再答复。",
        "The application has been accepted: this notice needs no answer any more.",
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
