"""Proofs that are fetched: agreeing to it, seeing what came, saying that it is wrong, having it fetched once more."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from tongban_catalog import hearing
from tongban_catalog.clock import china_day
from tongban_catalog.form import FieldError
from tongban_catalog.item import Item
from tongban_catalog.proofs import Proof
from tongban_catalog.shelf import Shelf
from tongban_runtime import facts, outbox, telemetry
from tongban_runtime.auth import SESSION_COOKIE, Caller, citizen
from tongban_runtime.database import Pool, Tx
from tongban_runtime.facts import Case
from tongban_runtime.problems import Problem
from tongban_schemas.envelope import Event, event_id
from tongban_schemas.events.evidence import EvidenceDisputed, evidence_text_field
from tongban_schemas.text import Said
from tongban_schemas.types import ItemRef, MaterialId

from tongban_intake import domain
from tongban_intake.api.acting import described, refuse_if_ended, stored, transact
from tongban_intake.api.bodies import body_schema, invalid_answers, read_body
from tongban_intake.api.context import Intake, intake_of
from tongban_intake.api.turned_away import not_own
from tongban_intake.domain import filing
from tongban_intake.domain.history import History
from tongban_intake.evidence import asking
from tongban_intake.evidence.identity import IDENTITY_FIELD, Identity
from tongban_intake.evidence.picture import Picture, Touched, draft_body, picture, pictures
from tongban_intake.evidence.shown import CaseProofs, case_proofs, may_refetch
from tongban_intake.store import applications, drafts, evidence
from tongban_intake.store.evidence import Consent
from tongban_intake.vault.searching import index_person

router = APIRouter(prefix="/v1/proofs", tags=["proofs"])
Citizen = Annotated[Caller, Depends(citizen)]
Material = Annotated[MaterialId, Path(description="Id of the material.")]


class DisputeRequest(BaseModel):
    """Which fields of a proof are wrong, and what is right."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fields: Annotated[list[str], Field(min_length=1, max_length=50)]
    text: Said


@router.post("/{case}", status_code=202, responses=described(401, 403, 404, 409, 410, 503))
async def agree(request: Request, case: UUID, caller: Citizen) -> Response:
    """Agrees that the proofs of an application, or of a draft, are fetched from their registers, and begins with it."""
    return stored(case, await start_fetching(intake_of(request), case, caller, token_of(request)))


@router.get("/{case}", responses=described(401, 403, 404, 410, success=200))
async def get_proofs(request: Request, case: UUID, caller: Citizen) -> CaseProofs:
    """Every proof of one's own application or draft, and where every answer comes from."""
    return await own_proofs(intake_of(request), case, caller)


@router.post(
    "/{case}/{material}/dispute",
    status_code=202,
    responses=described(400, 401, 403, 404, 409, 410, 413, 422),
    openapi_extra=body_schema(DisputeRequest),
)
async def dispute(request: Request, case: UUID, material: Material, caller: Citizen) -> Response:
    """Says that what a register gave is wrong: the source has to examine it. One dispute at a time for each proof."""
    body, _ = await read_body(request, DisputeRequest)
    return stored(case, await dispute_proof(intake_of(request), case, material, caller, body))


@router.post("/{case}/{material}/refetch", status_code=202, responses=described(401, 403, 404, 409, 410))
async def refetch(request: Request, case: UUID, material: Material, caller: Citizen) -> Response:
    """Asks the source once more, after it could not give the proof."""
    return stored(case, await fetch_again(intake_of(request), case, material, caller))


def token_of(request: Request) -> str:
    """The token with which the caller signed in."""
    header = request.headers.get("authorization", "")
    return header.removeprefix("Bearer ") if header else request.cookies.get(SESSION_COOKIE, "")


async def start_fetching(intake: Intake, case: UUID, caller: Caller, token: str) -> int:
    """Keeps the person's consent and identity, and asks for what is needed; intake's position afterwards.

    Raises `Problem` 404, 409 after the end, 410 after an erasure, 503 while nobody says who the person is.
    """
    await _require_own(intake.pool, case, caller)
    who = await intake.sign_in.identity(token, caller.id)
    with telemetry.span("fetch", **{"tongban.subject": str(case)}) as span:

        async def act(tx: Tx) -> int:
            await _lock_own(tx, case, caller)
            known = await _facts(tx, intake.shelf, case)
            item = await _item_of(intake, tx, case, known)
            _refuse_ended(known, case, await intake.shelf.item(tx, item))
            await _keep(intake, tx, case, item, who)
            return await advance(intake, tx, case, telemetry.format_traceparent(span))

        return await transact(intake, act)


async def advance(intake: Intake, tx: Tx, case: UUID, traceparent: str | None) -> int:
    """Asks for what a locked case needs now; intake's position afterwards, 0 before its first event."""
    known = await _facts(tx, intake.shelf, case)
    now = intake.clock.now()
    if known:
        newest = max(known, key=lambda fact: (fact.time, fact.sequence, fact.id.int))
        await intake.casework.advance(tx, [Case(str(case), known, newest)], now)
    else:
        await intake.casework.begin(tx, Touched(case, (), traceparent), now)
    return _position(await _facts(tx, intake.shelf, case))


async def own_proofs(intake: Intake, case: UUID, caller: Caller) -> CaseProofs:
    """Every proof of one's own case. Raises `Problem` 404."""
    async with intake.pool.acquire() as tx, tx.transaction():
        await _require_own(tx, case, caller)
        seen = await picture_of(intake, tx, case)
        resources = await intake.shelf.resources(tx)
        bodies = await intake.shelf.departments(tx)
    return case_proofs(seen, resources, bodies, _position(seen.facts))


async def picture_of(intake: Intake, tx: Tx | Pool, case: UUID) -> Picture:
    """A case with its proofs, whether or not the person agreed to have them fetched. Raises `Problem` 404."""
    known = await _facts(tx, intake.shelf, case)
    consents = await evidence.consents(tx, [case])
    now = intake.clock.now()
    found = await pictures(tx, intake.shelf, intake.vault, [Touched(case, known)], consents, now)
    if case in found:
        return found[case]
    item = await intake.shelf.item(tx, await _item_of(intake, tx, case, known))
    if item is None:
        raise no_such_case()
    row = (await drafts.find_many(tx, [case])).get(case)
    own = {} if row is None else draft_body(await intake.vault.open(tx, case), row)["answers"]
    return picture(case, item, own, known, now, consent=None, keys=None, asks=False, runs=row is not None)


async def dispute_proof(intake: Intake, case: UUID, material: str, caller: Caller, body: DisputeRequest) -> int:
    """Disputes a proof of one's own; intake's position. The same dispute again, while it is open, gets the same answer.

    Raises `Problem` 404, 409 unless it was provided and nothing is open about it, 422 for fields that it does not have.
    """
    with telemetry.span("fetch", **{"tongban.subject": str(case)}) as span:

        async def act(tx: Tx) -> int:
            await _lock_own(tx, case, caller)
            seen = await picture_of(intake, tx, case)
            proof = seen.proofs.get(material)
            if proof is None or proof.state != "provided" or proof.provided is None or proof.resource is None:
                raise _not_provided()
            keys = await intake.vault.open(tx, case)
            field = evidence_text_field(material)
            made = [
                fact
                for fact in seen.facts
                if isinstance(fact.data, EvidenceDisputed) and str(fact.data.provided) == proof.provided
            ]
            for fact in made:
                before = fact.data
                if str(fact.id) == proof.disputed and isinstance(before, EvidenceDisputed):
                    if set(before.fields) == set(body.fields) and keys.open(field, before.text) == body.text:
                        return fact.sequence
                    raise _open_already()
            _require_fields(proof, body.fields)
            ordinal = str(len(made) + 1)
            name = event_id(EvidenceDisputed.TYPE, str(case), proof.provided, ordinal)
            data = EvidenceDisputed(
                provided=UUID(proof.provided),
                resource=proof.resource,
                material=material,
                provider=proof.provider or "",
                fields=list(dict.fromkeys(body.fields)),
                text=keys.seal(name, field, body.text),
            )
            event = filing.say(
                case,
                data,
                proof.provided,
                ordinal,
                time=intake.clock.now(),
                traceparent=telemetry.format_traceparent(span),
                cause=UUID(proof.provided),
            )
            published = await outbox.publish(tx, [event])
            await facts.remember(tx, published)
            await intake.casework.evidence.count(tx, published)
            return published[0].sequence

        return await transact(intake, act)


async def fetch_again(intake: Intake, case: UUID, material: str, caller: Caller) -> int:
    """Asks for a proof once more; intake's position afterwards.

    Raises `Problem` 404, and 409 unless fetching it has failed, or the register had no record.
    """
    with telemetry.span("fetch", **{"tongban.subject": str(case)}) as span:

        async def act(tx: Tx) -> int:
            await _lock_own(tx, case, caller)
            seen = await picture_of(intake, tx, case)
            proof = seen.proofs.get(material)
            source = next(
                (
                    one
                    for one in seen.item.sources
                    if proof and (one.material, one.resource) == (material, proof.resource)
                ),
                None,
            )
            if proof is None or source is None or not may_refetch(proof) or not seen.asks:
                raise _not_failed()
            resources = await intake.shelf.resources(tx)
            due = asking.attempt(seen.item, source, seen.answered, seen.facts, resources)
            if due is None or not await intake.casework.evidence.ask(tx, seen, due):
                raise _not_failed()
            return await advance(intake, tx, case, telemetry.format_traceparent(span))

        return await transact(intake, act)


async def _require_own(tx: Tx | Pool, case: UUID, caller: Caller) -> None:
    """Raises `Problem` 404 unless the case is an application or a draft of the caller's."""
    applicant = await applications.applicant_of(tx, case)
    if applicant is None and await drafts.find(tx, case, caller.id) is not None:
        return
    if applicant != caller.id:
        raise not_own(no_such_case(), case, caller)


async def _lock_own(tx: Tx, case: UUID, caller: Caller) -> None:
    await _require_own(tx, case, caller)
    await facts.lock(tx, [case])
    await _require_own(tx, case, caller)


async def _facts(tx: Tx | Pool, shelf: Shelf, case: UUID) -> tuple[Event, ...]:
    return (await hearing.recall(tx, shelf, [case], domain.MODELS)).get(str(case), ())


async def _item_of(intake: Intake, tx: Tx | Pool, case: UUID, known: tuple[Event, ...]) -> ItemRef:
    """The item of an application, or of a draft in the version that takes applications. Raises `Problem` 404."""
    data = domain.submission(known)
    if data is not None:
        return data.item
    row = (await drafts.find_many(tx, [case])).get(case)
    if row is None:
        ref = await applications.item_of(tx, case)
        if ref is None:
            raise no_such_case()
        return ref
    code = draft_body(await intake.vault.open(tx, case), row)["item"]
    today = china_day(intake.clock.now())
    item = await intake.shelf.current(tx, code, today) or await intake.shelf.newest(tx, code)
    if item is None:
        raise no_such_case()
    return item.ref


async def _keep(intake: Intake, tx: Tx, case: UUID, item: ItemRef, who: Identity) -> None:
    keys = await intake.vault.open(tx, case)
    sealed = keys.seal(case, IDENTITY_FIELD, who.text())
    await evidence.keep(tx, Consent(case, item, sealed, intake.clock.now()))
    await index_person(tx, intake.vault, case, who.id_number)


def _refuse_ended(known: tuple[Event, ...], case: UUID, item: Item | None) -> None:
    if domain.submission(known) is not None:
        refuse_if_ended(History.of(str(case), known, item))


def _position(known: tuple[Event, ...]) -> int:
    return max((fact.sequence for fact in known if fact.source == domain.SOURCE), default=0)


def _require_fields(proof: Proof, fields: list[str]) -> None:
    """Raises `Problem` 422 for fields that the proof does not have."""
    strange = [name for name in fields if name not in proof.values and name not in proof.sealed]
    if strange:
        raise invalid_answers(
            [
                FieldError(
                    field=name,
                    message_zh="这项证明没有此项，请删除。",
                    message_en="The proof has no such field: remove it.",
                )
                for name in strange
            ]
        )


def no_such_case() -> Problem:
    return Problem(
        404,
        "no-such-application",
        "您名下没有这份申请或草稿，请核对编号。",
        "You have no application or draft with this id: check it.",
    )


def _not_provided() -> Problem:
    return Problem(
        409,
        "not-provided",
        "只能对数据源已经提供的证明提出异议。",
        "Only a proof that its source has provided can be disputed.",
    )


def _open_already() -> Problem:
    return Problem(
        409,
        "dispute-open",
        "您对这项证明的异议正在核查，请等待答复。",
        "Your dispute about this proof is being examined: wait for the answer.",
    )


def _not_failed() -> Problem:
    return Problem(
        409,
        "not-failed",
        "只有未能取得的证明可以重新获取，并且次数有限。",
        "Only a proof that could not be fetched can be asked for again, and not without end.",
    )
