"""The receiving desk: applications that an officer of the receiving body accepts, tells to correct, or does not accept."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from tongban_catalog import hearing
from tongban_catalog.department import Department
from tongban_catalog.form import Text
from tongban_catalog.grounds import non_acceptance_grounds
from tongban_catalog.item import Item, asked_materials
from tongban_catalog.proofs import Proof
from tongban_runtime import telemetry
from tongban_runtime.auth import Caller, officer
from tongban_runtime.database import Tx
from tongban_runtime.keys import KeyRequest, KeysRefusedError
from tongban_runtime.problems import Problem
from tongban_runtime.recusal import recused
from tongban_runtime.sealing import CaseKeys, SealBrokenError
from tongban_schemas.events.applications import NOTICE_FIELD
from tongban_schemas.events.evidence import evidence_field, evidence_text_field

from tongban_intake import domain
from tongban_intake.api.acting import described, enter, not_heard_yet, transact
from tongban_intake.api.bodies import AcceptanceRequest, NonAcceptanceRequest, NoticeRequest, body_schema, read_body
from tongban_intake.api.context import Intake, intake_of
from tongban_intake.api.receipt_bodies import (
    GivenAnswer,
    MaterialState,
    MaterialStatus,
    Name,
    NonAcceptanceGround,
    NoticeGiven,
    ReceiptDetail,
    ReceiptPage,
    ReceiptSummary,
)
from tongban_intake.api.turned_away import TurnedAway
from tongban_intake.desk import Desk
from tongban_intake.domain.history import History
from tongban_intake.domain.receiving import Receipt, ReceiptState
from tongban_intake.evidence.picture import picture
from tongban_intake.evidence.shown import ProofDetail, proof_detail
from tongban_intake.store import applications, receipts

router = APIRouter(prefix="/v1/receipts", tags=["receipts"])
Officer = Annotated[Caller, Depends(officer)]

RECEIVER = "receiver"
"""The duty that opens the receiving desk."""

_LIMIT = 200
_OPEN: tuple[ReceiptState, ...] = ("waiting", "noticed")


@router.get("", responses=described(401, 403, success=200))
async def list_receipts(
    request: Request,
    caller: Officer,
    state: Annotated[
        ReceiptState | None, Query(description="Only in this state; waiting and noticed by default.")
    ] = None,
    after: Annotated[UUID | None, Query(description="`next` of the page before.")] = None,
) -> ReceiptPage:
    """The applications at the caller's receiving desks, oldest first, 200 a page."""
    intake, desks = intake_of(request), _desks(caller)
    place = None
    if after is not None:
        found = await receipts.find(intake.pool, after, desks)
        if found is None:
            raise _not_found()
        place = (found.receipt.received_at, after)
    states = _OPEN if state is None else (state,)
    rows = await receipts.listed(intake.pool, desks, states, place, _LIMIT + 1)
    items = await intake.shelf.items(intake.pool, {row.item for row in rows})
    bodies = await intake.shelf.departments(intake.pool)
    now = intake.clock.now()
    shown = [
        ReceiptSummary(**_summary(row.receipt, items[row.item], bodies, now))
        for row in rows[:_LIMIT]
        if row.item in items
    ]
    return ReceiptPage(receipts=shown, next=shown[-1].application if len(rows) > _LIMIT else None)


@router.get("/{application}", responses=described(401, 403, 404, success=200))
async def get_receipt(request: Request, application: UUID, caller: Officer) -> ReceiptDetail:
    """One application with its answers, what was handed in and what is missing."""
    intake, desks = intake_of(request), _desks(caller, application)
    async with intake.pool.acquire() as tx, tx.transaction():
        return await _shown(intake, tx, application, desks, caller)


@router.post(
    "/{application}/accept",
    responses=described(400, 401, 403, 404, 409, 422, success=200),
    openapi_extra=body_schema(AcceptanceRequest),
)
async def accept(request: Request, application: UUID, caller: Officer) -> ReceiptDetail:
    """Accepts, where the item allows it on the promise to bring materials later."""
    body, _ = await read_body(request, AcceptanceRequest)
    return await _act(request, application, caller, lambda desk, tx: desk.accept(tx, body.promised))


@router.post(
    "/{application}/notice",
    responses=described(400, 401, 403, 404, 409, 422, success=200),
    openapi_extra=body_schema(NoticeRequest),
)
async def notice(request: Request, application: UUID, caller: Officer) -> ReceiptDetail:
    """Tells the applicant at once everything that is wrong or missing; every missing required material is added.

    A second notice about what the first one could have named, and one after the five working days, is refused with 409 and
    put on record.
    """
    body, _ = await read_body(request, NoticeRequest)
    return await _act(
        request, application, caller, lambda desk, tx: desk.notice(tx, body.fields, body.materials, body.message)
    )


@router.post(
    "/{application}/non-acceptance",
    responses=described(400, 401, 403, 404, 409, 422, success=200),
    openapi_extra=body_schema(NonAcceptanceRequest),
)
async def refuse_acceptance(request: Request, application: UUID, caller: Officer) -> ReceiptDetail:
    """Does not accept, on one of `non_acceptance_grounds` of the application; another competent authority is named."""
    body, _ = await read_body(request, NonAcceptanceRequest)
    return await _act(
        request,
        application,
        caller,
        lambda desk, tx: desk.refuse_acceptance(tx, body.reason_code, body.reason, body.right_authority),
    )


async def _act(
    request: Request, application: UUID, caller: Caller, action: Callable[[Desk, Tx], Awaitable[int]]
) -> ReceiptDetail:
    intake, desks = intake_of(request), _desks(caller, application)
    with telemetry.span("receive", **{"tongban.subject": str(application)}) as span:

        async def act(tx: Tx) -> ReceiptDetail:
            await _row(tx, application, desks, caller)
            case = await enter(intake, tx, application)
            if case.known is None:
                raise not_heard_yet()
            traceparent = telemetry.format_traceparent(span)
            keys = await intake.vault.open(tx, application)
            desk = Desk(intake.casework, keys, case.known, caller.id, case.now, traceparent)
            await action(desk, tx)
            return await _shown(intake, tx, application, desks, caller)

        return await transact(intake, act)


def _desks(caller: Caller, application: UUID | None = None) -> frozenset[str]:
    """The receiving desks of a caller. Raises `Problem` 403 for who has no such duty, on record in the case that it is for."""
    if RECEIVER not in caller.duties:
        problem = Problem(
            403,
            "not-a-receiver",
            "收件由承担收件职责的人员办理；您没有这项职责。",
            "Only officers with the duty of receiving work at this desk; you do not have it.",
        )
        raise problem if application is None else TurnedAway(problem, application, caller, "receive", "duty-missing")
    return caller.departments


def _not_found() -> Problem:
    """For what is not there and for what is none of the caller's business: nobody learns which."""
    return Problem(
        404,
        "receipt-not-found",
        "没有这件收件，或者它不属于您所在的部门。",
        "There is no such application at your receiving desk.",
    )


async def _row(tx: Tx, application: UUID, desks: frozenset[str], caller: Caller) -> receipts.DeskReceipt:
    """The application at one of the caller's desks. Raises `TurnedAway` 404, and 403 for who applied."""
    row = await receipts.find(tx, application, desks)
    if row is None:
        raise TurnedAway(_not_found(), application, caller, "receive", "not-your-case")
    if await applications.applicant_of(tx, application) == caller.id:
        raise TurnedAway(recused("own-application"), application, caller, "receive", "own-application")
    return row


async def _shown(intake: Intake, tx: Tx, application: UUID, desks: frozenset[str], caller: Caller) -> ReceiptDetail:
    row = await _row(tx, application, desks, caller)
    item = await intake.shelf.item(tx, row.item)
    if item is None:
        raise TurnedAway(_not_found(), application, caller, "receive", "not-your-case")
    heard = (await hearing.recall(tx, intake.shelf, [application], domain.MODELS)).get(str(application), ())
    history = History.of(str(application), heard, item)
    bodies = await intake.shelf.departments(tx)
    keys = await _keys(intake, tx, history, row.receipt.department, caller.id)
    return ReceiptDetail(
        **_summary(row.receipt, item, bodies, intake.clock.now()),
        position=max((fact.sequence for fact in heard if fact.source == domain.SOURCE), default=1),
        answers=_answers(keys, history, item),
        materials=_materials(history, item),
        notices=_notices(keys, history),
        proofs=await _proofs(intake, tx, history, item, keys, bodies),
        non_acceptance_grounds=[
            NonAcceptanceGround(
                reason_code=one.id, name=_name(one.name), basis=[_name(basis.says) for basis in one.basis]
            )
            for one in non_acceptance_grounds().values()
        ],
    )


async def _keys(intake: Intake, tx: Tx, history: History, department: str, officer: UUID) -> CaseKeys:
    """The keys of what the desk shows, on record: after the end only those of the words; none after an erasure."""
    fields = {f"{NOTICE_FIELD}/{ordinal}" for ordinal, _ in enumerate(history.notices, 1)}
    if history.ending() is None:
        fields |= history.answers.sealed.keys()
        fields |= {evidence_field(name, one) for name, proof in history.proofs.items() for one in proof.sealed}
        fields |= {evidence_text_field(name) for name, proof in history.proofs.items() if proof.refusal}
    if not fields:
        return CaseKeys()
    wanted = KeyRequest(UUID(history.subject), "receive", frozenset(fields), department=department, officer=officer)
    try:
        return await intake.vault.look(tx, wanted)
    except KeysRefusedError:
        return CaseKeys()


async def _proofs(
    intake: Intake, tx: Tx, history: History, item: Item, keys: CaseKeys, bodies: Mapping[str, Department]
) -> list[ProofDetail]:
    if not history.proofs:
        return []
    resources = await intake.shelf.resources(tx)
    seen = picture(
        UUID(history.subject),
        item,
        history.answers.plain,
        history.facts,
        intake.clock.now(),
        consent=None,
        keys=keys,
        asks=False,
        runs=False,
    )
    return [proof_detail(seen, name, resources, bodies) for name in history.proofs]


def _summary(receipt: Receipt, item: Item, bodies: Mapping[str, Department], now: datetime) -> dict[str, Any]:
    body = bodies.get(receipt.department)
    return {
        "application": UUID(receipt.application),
        "number": receipt.number,
        "item": item.ref,
        "item_name": _name(item.name),
        "department": receipt.department,
        "department_name": _name(Text(receipt.department, receipt.department) if body is None else body.name),
        "state": receipt.state,
        "received_at": receipt.received_at,
        "due": receipt.due,
        "provisional": receipt.provisional,
        "colour": receipt.colour(now),
    }


def _answers(keys: CaseKeys, history: History, item: Item) -> list[GivenAnswer]:
    plain, sealed = history.answers.plain, history.answers.sealed
    closed = history.withdrawn is not None or history.not_accepted is not None
    return [
        GivenAnswer(
            field=name,
            label=_name(item.form.label(name)),
            value=plain.get(name) if name not in sealed else None if closed else _opened(keys, name, sealed[name]),
            personal=name in sealed,
        )
        for name in item.form.fields
        if name in plain or name in sealed
    ]


def _materials(history: History, item: Item) -> list[MaterialStatus]:
    asked = {one.id for one in asked_materials(item, history.answers.plain)}
    proofs = history.proofs
    found = []
    for one in item.materials:
        state: MaterialState
        if one.id in proofs and (came := _came(proofs[one.id])) is not None:
            state = came
        elif one.id in history.materials:
            state = "given"
        elif one.id in history.promised:
            state = "promised"
        else:
            state = "missing" if one.id in asked else "not-needed"
        found.append(
            MaterialStatus(
                material=one.id,
                name=_name(one.name),
                state=state,
                may_come_later=one.tolerable is not None,
                file=one.id in proofs and proofs[one.id].uploaded is not None,
            )
        )
    return found


def _came(proof: Proof) -> MaterialState | None:
    """How a material came that a register was asked for; None when it did not."""
    match proof.state:
        case "provided":
            return None if proof.withdrawn else "fetched"
        case "substituted":
            return "substituted"
        case "uploaded":
            return "uploaded"
        case _:
            return "being-fetched" if proof.pending else None


def _notices(keys: CaseKeys, history: History) -> list[NoticeGiven]:
    return [
        NoticeGiven(
            request=one.event.id,
            fields=one.data.fields,
            materials=one.data.materials,
            message=_opened(keys, f"{NOTICE_FIELD}/{ordinal}", one.data.message),
            at=one.event.time,
            answered_at=None if one.answer is None else one.answer.time,
        )
        for ordinal, one in enumerate(history.notices, 1)
    ]


def _opened(keys: CaseKeys, field: str, sealed: str) -> str | None:
    try:
        return keys.open(field, sealed)
    except SealBrokenError:
        return None


def _name(text: Text) -> Name:
    return Name(zh=text.zh, en=text.en)
