"""Applying as pages: agree to have proofs fetched, see what came, answer what is left, check, submit.

A draft is filled in page by page; nothing needs scripts, and a draft can be left and taken up again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from tongban_catalog.clock import china_day
from tongban_catalog.item import Item, Source, asked_fields
from tongban_runtime.auth import Caller
from tongban_runtime.problems import Problem

from tongban_intake import pages
from tongban_intake.api import drafts, proofs
from tongban_intake.api.bodies import DraftRequest, refuse_large
from tongban_intake.api.casefile import running_cases
from tongban_intake.api.context import Intake, intake_of
from tongban_intake.api.drafts import Draft, DraftSummary
from tongban_intake.api.guide import item_in_force
from tongban_intake.api.page_route import PageRoute, Submitted, as_typed, page_citizen
from tongban_intake.api.pages import PageApplication
from tongban_intake.api.proof_pages import ProofPage, proof_page_of, render_proofs, shown_value
from tongban_intake.correction_form import FormField, form_field, typed_answers
from tongban_intake.evidence.shown import OriginShown
from tongban_intake.presentation import Words, basis_words

router = APIRouter(tags=["pages"], include_in_schema=False, route_class=PageRoute)
Citizen = Annotated[Caller, Depends(page_citizen)]
_Beginner = Annotated[Caller, Depends(page_citizen.within("draft"))]

_ANSWER = "answer."
_FIELDS = 200


@dataclass(frozen=True, slots=True)
class SourceShown:
    """A proof that will be fetched: what, from whom, which fields, on what basis; ``sometimes``: for some answers only."""

    material: Words
    resource: Words
    provider: Words
    fields: tuple[Words, ...]
    basis: tuple[Words, ...]
    sometimes: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer on the page that is checked before submitting. ``shown`` is how a person reads its value."""

    label: Words
    shown: Words | None
    origin: OriginShown | None


@router.get("/apply/{code}")
async def start_page(request: Request, caller: Citizen, code: str) -> Response:
    """What will be fetched from whom and what will be asked, before anything is; and what the person began before."""
    intake = intake_of(request)
    item = await item_in_force(intake, code, None)
    return await _start_page(intake, caller, item, await _begun_before(request, caller, item))


async def _begun_before(request: Request, caller: Caller, item: Item) -> list[DraftSummary]:
    return [one for one in await drafts.list_own(request, caller) if one.item == item.code]


async def _start_page(
    intake: Intake, caller: Caller, item: Item, earlier: list[DraftSummary], status: int = 200
) -> Response:
    return pages.render(
        "apply.html",
        status,
        item=item,
        earlier=earlier,
        running=await running_cases(intake, caller, item.code),
        once=uuid4(),
        open=item.in_force(china_day(intake.clock.now())),
        sources=await sources_shown(intake, item),
        asked=len(asked_fields(item)),
        fetched=len(item.supplied),
        signed_in=True,
    )


@router.post("/apply/{code}")
async def start(request: Request, caller: _Beginner, code: str) -> Response:
    """Begins a draft; with the person's consent the proofs are asked for at once."""
    intake = intake_of(request)
    item = await item_in_force(intake, code, None)
    refuse_large(request)
    async with request.form(max_files=0, max_fields=5) as form:
        agrees, english = form.get("consent") == "yes", form.get("language") == "en"
        another, once = form.get("another") == "yes", _once(form.get("once"))
    earlier = [] if another else await _begun_before(request, caller, item)
    # Asked after the drafts were read: one that the other click made meanwhile is this form's own.
    if earlier and (once is None or await drafts.begun_by(intake, caller, once) is None):
        return await _start_page(intake, caller, item, earlier, 409)
    body = DraftRequest(item=item.code, region=item.region, language="en" if english else "zh")
    kept, is_new = await drafts.keep_draft(intake, caller, proofs.token_of(request), body, once)
    draft = kept.draft
    if agrees:
        try:
            await proofs.start_fetching(intake, draft, caller, proofs.token_of(request))
        except Problem:
            if is_new:
                await drafts.discard_draft(intake, caller, draft)
            raise
    return RedirectResponse(f"/drafts/{draft}" if agrees else f"/drafts/{draft}/questions", 303)


@router.get("/drafts/{application}")
async def draft_page(request: Request, caller: Citizen, application: PageApplication) -> Response:
    """How far fetching is, and what came."""
    page = await _begun_page(request, application, caller)
    return render_proofs(page)


@router.post("/drafts/{application}/consent")
async def consent(request: Request, caller: Citizen, application: PageApplication) -> Response:
    """Agrees to the fetching of proofs after all."""
    await proofs.start_fetching(intake_of(request), application, caller, proofs.token_of(request))
    return RedirectResponse(f"/drafts/{application}", 303)


@router.get("/drafts/{application}/questions")
async def questions(request: Request, caller: Citizen, application: PageApplication) -> Response:
    """What nobody else can answer; beside it, what was fetched and from whom."""
    page = await _begun_page(request, application, caller)
    draft = await drafts.own_draft(intake_of(request), application, caller)
    return _questions(page, draft, draft.answers)


@router.post("/drafts/{application}/questions")
async def answer(request: Request, caller: Citizen, application: PageApplication) -> Response:
    """Keeps the answers. What is wrong with one is said beside its field, and the others are kept all the same.

    Answers that were typed over an older version are not kept: they are shown beside those that are.
    """
    intake = intake_of(request)
    page = await _begun_page(request, application, caller)
    draft = await drafts.own_draft(intake, application, caller)
    refuse_large(request)
    async with request.form(max_files=0, max_fields=_FIELDS) as form:
        typed = {
            name.removeprefix(_ANSWER): as_typed(value)
            for name, value in form.items()
            if name.startswith(_ANSWER) and isinstance(value, str)
        }
        seen = frozenset({f'"{form.get("version", "")}"'})
    asked = _asked(page, draft)
    answers = typed_answers(page.item, {name: text for name, text in typed.items() if name in asked})
    body = DraftRequest(
        item=draft.item,
        region=draft.region or page.item.region,
        language=draft.language,
        answers=answers,
    )
    try:
        changed = await drafts.replace_draft(intake, caller, proofs.token_of(request), application, body, seen)
    except Problem as problem:
        if problem.status != 412:
            raise
        return _questions(page, await drafts.own_draft(intake, application, caller), typed, stale=True)
    errors = [error for error in changed.errors if error["field"] in asked]
    if errors:
        fresh = await proof_page_of(intake, application, caller)
        return _questions(fresh, changed, typed, errors)
    return RedirectResponse(f"/drafts/{application}/check", 303)


@router.get("/drafts/{application}/check")
async def check(request: Request, caller: Citizen, application: PageApplication) -> Response:
    """Everything once more, each answer with its source, before it is submitted."""
    page = await _begun_page(request, application, caller)
    return await _check(intake_of(request), caller, page)


@router.post("/drafts/{application}/submission")
async def submit(request: Request, caller: Citizen, application: PageApplication) -> Response:
    """Applies with what the person has checked, under the draft's own number; sending it twice applies once."""
    intake = intake_of(request)
    refuse_large(request)
    async with request.form(max_files=0, max_fields=5) as form:
        seen, again = frozenset({f'"{form.get("version", "")}"'}), form.get("again") == "yes"
    try:
        await drafts.submit_draft(intake, application, caller, proofs.token_of(request), seen, again=again)
    except Problem as problem:
        if problem.status != 422 and problem.kind not in ("changed-elsewhere", "applied-already"):
            raise
        page = await proof_page_of(intake, application, caller)
        return await _check(intake, caller, page, problem)
    return RedirectResponse(f"/applications/{application}", 303)


@router.post("/drafts/{application}/discard")
async def discard(request: Request, caller: Citizen, application: PageApplication) -> Response:
    """Throws a draft away, with all that was fetched for it."""
    await drafts.discard_draft(intake_of(request), caller, application)
    return RedirectResponse("/applications", 303)


async def _begun_page(request: Request, application: UUID, caller: Caller) -> ProofPage:
    """A draft with its proofs. Raises `Problem` 404, and `Submitted` when it is an application by now."""
    page = await proof_page_of(intake_of(request), application, caller)
    if page.submitted:
        raise Submitted(application)
    return page


def _once(value: object) -> str | None:
    """The key of a form that begins one draft only; what is no UUID is no key."""
    try:
        return f"form:{UUID(str(value))}"
    except ValueError:
        return None


async def sources_shown(intake: Intake, item: Item) -> list[SourceShown]:
    """The proofs of an item that are fetched, in the order of its sources."""
    resources = await intake.shelf.resources(intake.pool)
    bodies = await intake.shelf.departments(intake.pool)

    def one(source: Source) -> SourceShown:
        resource, material = resources.get(source.resource), item.material(source.material)
        provider = None if resource is None else bodies.get(resource.provider)
        fields = [
            field.name for name in source.fields if resource is not None and (field := resource.field(name)) is not None
        ]
        return SourceShown(
            material=_words(None if material is None else material.name, source.material),
            resource=_words(None if resource is None else resource.name, source.resource),
            provider=_words(None if provider is None else provider.name, source.resource),
            fields=tuple(_words(field, "") for field in fields),
            basis=tuple(basis_words(basis) for basis in source.basis),
            sometimes=source.when is not None or (material is not None and material.when is not None),
        )

    return [one(source) for source in item.sources]


def _asked(page: ProofPage, draft: Draft) -> list[str]:
    """The fields that the person answers, in the order of the form."""
    given = {one.field for one in draft.origins if one.origin != "asked"}
    return [name for name in page.item.form.fields if name not in given]


def _questions(
    page: ProofPage,
    draft: Draft,
    standing: Mapping[str, Any],
    errors: list[dict[str, str]] | None = None,
    *,
    stale: bool = False,
) -> Response:
    found = errors or []
    failed = {one.field for one in draft.origins if one.failed}
    fields: list[tuple[FormField, bool]] = [
        (form_field(page.item, name, standing.get(name)), name in failed) for name in _asked(page, draft)
    ]
    given = [_answer(page.item, one) for one in draft.origins if one.origin != "asked" and _is_answer(page, one)]
    return pages.render(
        "questions.html",
        409 if stale else 422 if found else 200,
        page=page,
        version=draft.version,
        stale=stale,
        saved=_saved_instead(page.item, draft, standing) if stale else {},
        fields=fields,
        given=given,
        errors=found,
        messages={error["field"]: error for error in found},
        signed_in=True,
    )


def _saved_instead(item: Item, draft: Draft, typed: Mapping[str, Any]) -> dict[str, Words]:
    """The answers that the draft holds where something else was typed, as people read them."""
    kept = {name: form_field(item, name, draft.answers.get(name)).value for name in typed}
    return {
        name: shown_value(item, name, draft.answers[name])
        if name in draft.answers
        else Words(zh="（空）", en="(empty)")
        for name, value in kept.items()
        if value != typed[name]
    }


async def _check(intake: Intake, caller: Caller, page: ProofPage, problem: Problem | None = None) -> Response:
    draft = await drafts.own_draft(intake, page.case, caller)
    known = {one.field: one for one in draft.origins}
    answers = []
    for name in page.item.form.fields:
        origin = known.get(name)
        if origin is not None and origin.origin != "asked":
            answers.append(_answer(page.item, origin))
        elif name in draft.answers:
            label = page.item.form.label(name)
            value = shown_value(page.item, name, draft.answers[name])
            answers.append(Answer(Words(zh=label.zh, en=label.en), value, origin))
    awaited = {one.field for one in draft.origins if one.origin == "awaited"}
    errors = [error for error in draft.errors if error["field"] not in awaited]
    waits = bool(awaited) or bool(page.told.pending)
    return pages.render(
        "check.html",
        200 if problem is None else problem.status,
        page=page,
        version=draft.version,
        problem=None if problem is None or problem.status == 422 else problem,
        running=await running_cases(intake, caller, draft.item),
        answers=answers,
        errors=errors,
        notices=draft.notices,
        awaits=bool(awaited),
        missing=[one.name for one in page.told.proofs if one.required and one.upload_allowed],
        ready=not draft.errors,
        waits=waits,
        signed_in=True,
    )


def _is_answer(page: ProofPage, one: OriginShown) -> bool:
    return one.field in page.item.form.fields


def _answer(item: Item, one: OriginShown) -> Answer:
    shown = None if one.origin == "awaited" else shown_value(item, one.field, one.value)
    return Answer(one.label, shown, one)


def _words(text: Any, otherwise: str) -> Words:
    return Words(zh=otherwise, en=otherwise) if text is None else Words(zh=text.zh, en=text.en)
