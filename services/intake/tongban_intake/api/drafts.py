"""Drafts: an application that is being filled in. Only its owner sees it; what it holds is sealed as a whole."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field, ValidationError
from tongban_catalog.clock import china_day
from tongban_catalog.department import Department
from tongban_catalog.form import FieldError
from tongban_catalog.item import Item, form_errors
from tongban_catalog.printed import printing_notices
from tongban_runtime import facts, telemetry
from tongban_runtime.auth import Caller, citizen
from tongban_runtime.database import Pool, Tx
from tongban_runtime.problems import Problem
from tongban_schemas.types import JsonObject, Language
from uuid_utils.compat import uuid7

from tongban_intake import domain
from tongban_intake.api import proofs
from tongban_intake.api.acting import described, stored
from tongban_intake.api.applications import Begun, apply, idempotency_key
from tongban_intake.api.bodies import ApplicationRequest, DraftRequest, body_schema, invalid, invalid_answers, read_body
from tongban_intake.api.casefile import Summary, running_cases
from tongban_intake.api.context import Intake, intake_of
from tongban_intake.api.kept_drafts import KeptDraft, opened, sealed, signed_in_first, to_keep
from tongban_intake.api.preconditions import IF_MATCH, etag, if_match, require_match
from tongban_intake.api.turned_away import not_own, put_on_record
from tongban_intake.domain.applying import require_may_apply
from tongban_intake.evidence.bringing import brought_for
from tongban_intake.evidence.picture import Picture
from tongban_intake.evidence.shown import OriginShown, origins
from tongban_intake.store import applications, drafts, evidence
from tongban_intake.store.drafts import StoredDraft
from tongban_intake.store.evidence import Consent
from tongban_intake.vault.erasing import erase

router = APIRouter(prefix="/v1/drafts", tags=["drafts"])
Citizen = Annotated[Caller, Depends(citizen)]
_Beginner = Annotated[Caller, Depends(citizen.within("draft"))]

_DRAFTS = 50
"""How many drafts one person may have."""


class Draft(BaseModel):
    """What is filled in so far."""

    draft: UUID
    version: int = Field(description="Counts the changes, from 1; the ETag is the same number.")
    item: str
    region: str | None
    language: Language
    answers: JsonObject
    made_at: datetime
    changed_at: datetime
    errors: list[dict[str, str]] = Field(description="What would keep it from being submitted now, by field.")
    notices: list[dict[str, str]] = Field(
        default=[],
        description="What to know before submitting, by field: characters that the certificate cannot print yet. "
        "They keep nobody from submitting.",
    )
    origins: list[OriginShown] = Field(
        default=[],
        description="What the sign-in gave; where every answer comes from, once the person agreed to fetching.",
    )


class DraftSummary(BaseModel):
    """One of one's own drafts."""

    draft: UUID
    item: str
    made_at: datetime
    changed_at: datetime


@router.post(
    "",
    status_code=201,
    responses=described(400, 401, 403, 404, 409, 413, 422, 503),
    openapi_extra=body_schema(DraftRequest),
)
async def begin(request: Request, caller: _Beginner, response: Response) -> Draft:
    """Keeps a new draft, complete or not. The same Idempotency-Key, if one is sent, begins one draft only."""
    body, _ = await read_body(request, DraftRequest)
    begun_by = idempotency_key(request) if "idempotency-key" in request.headers else None
    draft, is_new = await keep_draft(intake_of(request), caller, proofs.token_of(request), body, begun_by)
    response.headers["Location"] = f"/v1/drafts/{draft.draft}"
    response.headers["ETag"] = etag(draft.version)
    if not is_new:
        response.status_code = 200
        response.headers["Idempotency-Replayed"] = "true"
    return draft


async def keep_draft(
    intake: Intake, caller: Caller, token: str, body: DraftRequest, begun_by: str | None = None
) -> tuple[Draft, bool]:
    """A new draft, or the one that ``begun_by`` began already, and whether it is new.

    Raises `Problem` 403 for who may not apply, 404 without its item, 409 when the person has too many.
    """
    item = await _item(intake, body.item)
    require_may_apply(item, caller.acts_for)
    kept_as = await to_keep(intake, item, caller, token, body)
    now, draft = intake.clock.now(), uuid7()
    key = intake.vault.new(draft)
    row = StoredDraft(draft, sealed(key.keys, draft, kept_as), now, now)
    async with intake.pool.acquire() as tx, tx.transaction():
        kept = await drafts.add(tx, row, caller.id, _DRAFTS, begun_by)
        if kept == row:
            await intake.vault.keep(tx, [key])
    if kept is None:
        raise Problem(
            409,
            "too-many-drafts",
            f"每人最多保存 {_DRAFTS} 份草稿，请先提交或删除一份。",
            f"A person may keep {_DRAFTS} drafts: submit or delete one first.",
        )
    if kept != row:
        return await own_draft(intake, kept.id, caller), False
    return _shown(intake, row, kept_as, item), True


async def begun_by(intake: Intake, caller: Caller, key: str) -> UUID | None:
    """The draft that a request or form with this key began, while it is there."""
    return await drafts.begun_by(intake.pool, caller.id, key)


@router.get("", responses=described(401, 403, success=200))
async def list_own(request: Request, caller: Citizen) -> list[DraftSummary]:
    """The caller's drafts, the last changed first."""
    intake = intake_of(request)
    rows = await drafts.of(intake.pool, caller.id)
    keys = await intake.vault.open_many(intake.pool, [row.id for row in rows])
    return [
        DraftSummary(draft=row.id, item=opened(keys[row.id], row).item, made_at=row.made_at, changed_at=row.changed_at)
        for row in rows
        if row.id in keys
    ]


@router.get("/{draft}", responses=described(401, 403, 404, success=200))
async def get_draft(request: Request, draft: UUID, caller: Citizen, response: Response) -> Draft:
    """A draft, with what would keep it from being submitted now. Its ETag goes into If-Match of a change."""
    found = await own_draft(intake_of(request), draft, caller)
    response.headers["ETag"] = etag(found.version)
    return found


async def own_draft(intake: Intake, draft: UUID, caller: Caller) -> Draft:
    """One's own draft. Raises `Problem` 404."""
    row = await drafts.find(intake.pool, draft, caller.id)
    if row is None:
        raise not_own(_not_found(), draft, caller)
    body = opened(await intake.vault.open(intake.pool, draft), row)
    item = await _item(intake, body.item)
    seen = await _fetching(intake, intake.pool, draft)
    return _shown(intake, row, body, item, seen, {} if seen is None else await intake.shelf.departments(intake.pool))


@router.put(
    "/{draft}",
    responses=described(400, 401, 403, 404, 409, 412, 413, 422, 428, 503, success=200),
    openapi_extra=body_schema(DraftRequest) | IF_MATCH,
)
async def change(request: Request, draft: UUID, caller: Citizen, response: Response) -> Draft:
    """Replaces what a draft holds, if nobody else has changed it since it was read."""
    expected = if_match(request, required=True)
    body, _ = await read_body(request, DraftRequest)
    changed = await replace_draft(intake_of(request), caller, proofs.token_of(request), draft, body, expected)
    response.headers["ETag"] = etag(changed.version)
    return changed


async def replace_draft(
    intake: Intake,
    caller: Caller,
    token: str,
    draft: UUID,
    body: DraftRequest,
    expected: frozenset[str] | None,
) -> Draft:
    """Replaces what one's own draft holds, and asks for the proofs that its answers make necessary.

    Raises `Problem` 404, 412 when it is not the ``expected`` version, and 409 for another item once proofs are being fetched.
    """
    item = await _item(intake, body.item)
    require_may_apply(item, caller.acts_for)
    kept_as = await to_keep(intake, item, caller, token, body)
    if await drafts.find(intake.pool, draft, caller.id) is None:
        raise not_own(_not_found(), draft, caller)
    with telemetry.span("fetch", **{"tongban.subject": str(draft)}) as span:
        async with intake.pool.acquire() as tx, tx.transaction():
            await facts.lock(tx, [draft])
            before = await drafts.find(tx, draft, caller.id)
            if before is None:
                raise _not_found()
            require_match(expected, before.version)
            consent = (await evidence.consents(tx, [draft])).get(draft)
            if item.code != (await _fixed(intake, tx, draft, consent) or item.code):
                raise _other_item()
            keys = await intake.vault.open(tx, draft)
            row = await drafts.change(tx, draft, caller.id, sealed(keys, draft, kept_as), intake.clock.now())
            if row is None:
                raise _not_found()
            if consent is None:
                return _shown(intake, row, kept_as, item)
            await evidence.keep(tx, replace(consent, item=item.ref))
            await proofs.advance(intake, tx, draft, telemetry.format_traceparent(span))
            seen = await _fetching(intake, tx, draft)
            return _shown(intake, row, kept_as, item, seen, await intake.shelf.departments(tx))


@router.delete("/{draft}", status_code=204, responses=described(401, 403, success=204))
async def remove(request: Request, draft: UUID, caller: Citizen) -> Response:
    """Deletes a draft, and what was fetched for it with its key; deleting it again changes nothing."""
    await discard_draft(intake_of(request), caller, draft)
    return Response(status_code=204)


async def discard_draft(intake: Intake, caller: Caller, draft: UUID) -> None:
    """Deletes one's own draft and destroys its key, so that nothing that was fetched for it opens any more.

    Somebody else's stays, and nobody learns that there is one; the attempt is on record.
    """
    async with intake.pool.acquire() as tx, tx.transaction():
        owner = await applications.applicant_of(tx, draft) or await drafts.owner_of(tx, draft)
        if owner is None:
            return
        if owner == caller.id:
            await facts.lock(tx, [draft])
            if await applications.applicant_of(tx, draft) is not None:
                return
            erased = await erase(tx, intake.vault, {draft: "draft-discarded"})
    if owner != caller.id:
        await put_on_record(intake, not_own(_not_found(), draft, caller))
    else:
        await intake.uploads.files.give_up(*erased.objects)


@router.post(
    "/{draft}/submission",
    status_code=202,
    responses=described(400, 401, 403, 404, 409, 412, 422, 503),
    openapi_extra=IF_MATCH,
)
async def submit(request: Request, draft: UUID, caller: Citizen, again: bool = False) -> Response:
    """Applies with what the draft holds, once and under the same id; asking again gets the same answer.

    Who has a case of the same item that is still open says with ``again=true`` that this is another one.
    """
    return await submit_draft(
        intake_of(request), draft, caller, proofs.token_of(request), if_match(request, required=False), again=again
    )


async def submit_draft(
    intake: Intake, draft: UUID, caller: Caller, token: str, expected: frozenset[str] | None, *, again: bool
) -> Response:
    """Applies with what one's own draft holds.

    Raises `Problem` 404, 409 when there is an open case of the same item and this is not said to be another one, 412 when
    the draft is not the ``expected`` version, 422.
    """
    key = f"draft:{draft}"
    row = await drafts.find(intake.pool, draft, caller.id)
    if row is None:
        before = (await applications.by_keys(intake.pool, [(caller.id, key)])).get((caller.id, key))
        if before is None:
            raise not_own(_not_found(), draft, caller)
        headers = {"Location": f"/v1/applications/{before.id}", "Idempotency-Replayed": "true"}
        return stored(before.id, 1, headers)
    require_match(expected, row.version)
    keys = await intake.vault.open(intake.pool, draft)
    document = opened(keys, row).model_dump(mode="json", exclude_none=True, exclude={"signed_in"})
    try:
        body = ApplicationRequest.model_validate(document)
    except ValidationError as error:
        raise invalid(error) from None
    seen = await proofs.picture_of(intake, intake.pool, draft)
    if seen.consent is not None:
        answers, errors = seen.filled(china_day(intake.clock.now()))
        if errors:
            raise invalid_answers(errors)
        body = body.model_copy(update={"answers": answers})
    if not again and (running := await running_cases(intake, caller, body.item, draft)):
        raise _applied_already(running)
    given = frozenset[str]() if seen.consent is None else frozenset(seen.answered.fetched)
    begun = Begun(draft, keys, frozenset(seen.proofs), given, brought_for(seen.facts, draft))
    answer = await apply(intake, caller, token, key, body, document, begun)
    await drafts.remove(intake.pool, draft, caller.id)
    return answer


async def _item(intake: Intake, code: str) -> Item:
    """The version that takes applications today, or the newest when none does. Raises `Problem` 404."""
    today = china_day(intake.clock.now())
    item = await intake.shelf.current(intake.pool, code, today) or await intake.shelf.newest(intake.pool, code)
    if item is None:
        raise Problem(
            404,
            "no-such-item",
            "没有这个事项，请从 /v1/items 查询。",
            "There is no such item: look it up under /v1/items.",
        )
    return item


async def _fixed(intake: Intake, tx: Tx, draft: UUID, consent: Consent | None) -> str | None:
    """The code of the item that a locked draft is bound to, once proofs are fetched or files were brought for it."""
    if consent is not None:
        return consent.item.code
    if not await facts.recall(tx, [draft], domain.MODELS):
        return None
    return (await proofs.picture_of(intake, tx, draft)).item.code


async def _fetching(intake: Intake, tx: Tx | Pool, draft: UUID) -> Picture | None:
    """The draft with its proofs; None while the person did not agree to have them fetched."""
    if not await evidence.consents(tx, [draft]):
        return None
    return await proofs.picture_of(intake, tx, draft)


def _shown(
    intake: Intake,
    row: StoredDraft,
    body: KeptDraft,
    item: Item,
    seen: Picture | None = None,
    bodies: Mapping[str, Department] | None = None,
) -> Draft:
    answers, errors = _standing(intake, body, item, seen)
    return Draft(
        draft=row.id,
        version=row.version,
        **body.model_dump(exclude={"signed_in"}),
        made_at=row.made_at,
        changed_at=row.changed_at,
        errors=[dict(error) for error in errors],
        notices=[dict(notice) for notice in printing_notices(item, answers)],
        origins=signed_in_first(item, body, [] if seen is None else origins(seen, bodies or {})),
    )


def _standing(intake: Intake, body: KeptDraft, item: Item, seen: Picture | None) -> tuple[JsonObject, list[FieldError]]:
    """(the answers, the fetched ones among them, what would keep them from being submitted now)."""
    today = china_day(intake.clock.now())
    answers, found = (
        (body.answers, form_errors(item, body.answers, body.signed_in, today)) if seen is None else seen.filled(today)
    )
    errors = list(found)
    if body.region is None:
        zh, en = "请填写 region（行政区划代码）。", "region is missing: add the code of the receiving place."
        errors.insert(0, FieldError(field="region", message_zh=zh, message_en=en))
    if not item.in_force(china_day(intake.clock.now())):
        zh, en = "本事项目前不受理新的申请。", "The item takes no new applications at present."
        errors.insert(0, FieldError(field="item", message_zh=zh, message_en=en))
    return answers, errors


def _other_item() -> Problem:
    return Problem(
        409,
        "item-fixed",
        "已经为这份草稿获取证明或者上传文件，不能改办其他事项；请另起一份草稿。",
        "Proofs were fetched or files brought for this draft: it cannot become one for another item. Begin another draft.",
    )


def _applied_already(running: list[Summary]) -> Problem:
    return Problem(
        409,
        "applied-already",
        "您已经申请过这一事项，还在办理；如果这是另一件事，请说明后再提交（接口：again=true）。",
        "You have an open case of this service. If this is about something else, say so and submit again (API: again=true).",
        applications=[str(one.application) for one in running],
    )


def _not_found() -> Problem:
    return Problem(
        404,
        "no-such-draft",
        "您没有这份草稿；它可能已经提交或删除。",
        "You have no such draft; it may have been submitted or deleted.",
    )
