"""The materials of a case as pages: how far fetching them is, what each says and whence it comes, that it is wrong, and the
upload of what nobody gives. The same for a draft and for an application.
"""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from tongban_catalog.item import Item
from tongban_runtime.auth import Caller
from tongban_runtime.problems import Problem

from tongban_intake import pages
from tongban_intake.api import proofs, uploads
from tongban_intake.api.bodies import refuse_large
from tongban_intake.api.context import Intake, intake_of
from tongban_intake.api.page_route import (
    PageRoute,
    as_typed,
    no_such_page,
    page_citizen,
)
from tongban_intake.api.pages import PageApplication
from tongban_intake.evidence.shown import CaseProofs, GivenValue, ProofDetail, case_proofs
from tongban_intake.presentation import WHY_UPLOADED, ProofShown, Words, proofs_shown
from tongban_intake.presentation.answering import answer_by
from tongban_intake.presentation.shown import Department
from tongban_intake.presentation.values import value_words
from tongban_intake.status import statuses_of
from tongban_intake.store import applications

router = APIRouter(tags=["pages"], include_in_schema=False, route_class=PageRoute)
Citizen = Annotated[Caller, Depends(page_citizen)]
_Bringer = Annotated[Caller, Depends(page_citizen.within("upload"))]

_TEXT = 2000
_UPLOAD_BYTES = 21 * 1024 * 1024


def shown_value(item: Item, name: str, value: Any) -> Words:
    """An answer as a person reads it."""
    return value_words(item.form.fields.get(name, {}), value)


@dataclass(frozen=True, slots=True)
class ProofPage:
    """What the pages of one case's proofs are made of: each proof with its values, and in words."""

    case: UUID
    item: Item
    told: CaseProofs
    words: dict[str, ProofShown]
    submitted: bool
    answers_by: dict[str, Words]
    """Until when the source has to answer the open dispute about a proof, by material."""

    @property
    def home(self) -> str:
        return f"/applications/{self.case}/proofs" if self.submitted else f"/drafts/{self.case}"

    def reads(self, value: GivenValue) -> Words:
        """A value as a person reads it. Personal ones are texts, also where they are true or false."""
        if value.value is None:
            return Words(zh="（无法打开）", en="(cannot be opened)")
        known = value.value == "true" if value.value in ("true", "false") else value.value
        return shown_value(self.item, value.answer or "", known)

    def proof(self, material: str) -> ProofDetail:
        """Raises `Problem` 404."""
        found = next((one for one in self.told.proofs if one.material == material), None)
        if found is None:
            raise no_such_page()
        return found


async def proof_page_of(intake: Intake, case: UUID, caller: Caller) -> ProofPage:
    """The proofs of one's own draft or application. Raises `Problem` 404."""
    async with intake.pool.acquire() as tx, tx.transaction():
        await uploads.require_own(tx, case, caller)
        seen = await proofs.picture_of(intake, tx, case)
        resources = await intake.shelf.resources(tx)
        bodies = await intake.shelf.departments(tx)
        submitted = await applications.applicant_of(tx, case) is not None
        calendars = await intake.shelf.calendars(tx)

    def department(name: str) -> Department:
        known = bodies.get(name)
        words = Words(zh=name, en=name) if known is None else Words(zh=known.name_zh, en=known.name_en)
        return Department(id=name, name=words)

    told = case_proofs(seen, resources, bodies, 0)
    shown = proofs_shown(statuses_of(seen.proofs), seen.item, department)
    by = {
        one.material: day
        for one in told.proofs
        if one.disputed_at is not None and (day := answer_by(calendars, bodies, one.provider, one.disputed_at))
    }
    return ProofPage(case, seen.item, told, {one.material: one for one in shown}, submitted, by)


@router.get("/applications/{application}/proofs")
async def of_application(request: Request, caller: Citizen, application: PageApplication) -> Response:
    """The proofs of an application."""
    page = await proof_page_of(intake_of(request), application, caller)
    if not page.submitted:
        raise no_such_page()
    return render_proofs(page)


def render_proofs(page: ProofPage, status: int = 200, problem: tuple[str, Problem] | None = None) -> Response:
    """The list of proofs, with what is wrong with the file that was brought for one of them."""
    return pages.render(
        "proofs.html",
        status,
        page=page,
        told=page.told,
        words=page.words,
        why=WHY_UPLOADED,
        problem=problem,
        signed_in=True,
    )


@router.get("/proofs/{application}/{material}/dispute")
async def dispute_page(request: Request, caller: Citizen, application: PageApplication, material: str) -> Response:
    """What a source gave, with room to say what is wrong."""
    page = await proof_page_of(intake_of(request), application, caller)
    return _dispute(page, page.proof(material))


@router.post("/proofs/{application}/{material}/dispute")
async def dispute(request: Request, caller: Citizen, application: PageApplication, material: str) -> Response:
    """Says that what a source gave is wrong."""
    intake = intake_of(request)
    page = await proof_page_of(intake, application, caller)
    refuse_large(request)
    async with request.form(max_files=0, max_fields=60) as form:
        fields = [str(one) for one in form.getlist("fields")]
        text = as_typed(str(form.get("text", ""))).strip()
    try:
        body = proofs.DisputeRequest.model_validate({"fields": fields, "text": text})
    except ValidationError:
        return _dispute(page, page.proof(material), fields, text, wrong=True)
    await proofs.dispute_proof(intake, application, material, caller, body)
    return RedirectResponse(page.home, 303)


def _dispute(
    page: ProofPage, proof: ProofDetail, fields: list[str] | None = None, text: str = "", *, wrong: bool = False
) -> Response:
    if proof.state != "provided":
        raise no_such_page()
    return pages.render(
        "dispute.html",
        422 if wrong else 200,
        page=page,
        proof=proof,
        chosen=fields or [],
        text=text,
        wrong=wrong,
        limit=_TEXT,
        signed_in=True,
    )


@router.post("/proofs/{application}/{material}/refetch")
async def refetch(request: Request, caller: Citizen, application: PageApplication, material: str) -> Response:
    """Has a proof fetched once more."""
    intake = intake_of(request)
    page = await proof_page_of(intake, application, caller)
    await proofs.fetch_again(intake, application, material, caller)
    return RedirectResponse(page.home, 303)


@router.post("/proofs/{application}/{material}/file")
async def upload(request: Request, caller: _Bringer, application: PageApplication, material: str) -> Response:
    """Brings a material as a file; what is wrong with the file is said beside it."""
    intake = intake_of(request)
    page = await proof_page_of(intake, application, caller)
    page.proof(material)
    try:
        checked = await uploads.examined(request, await _file(request))
        await uploads.bring(intake, caller, application, material, checked, promise=False)
    except Problem as problem:
        if problem.status in (404, 410):
            raise
        return render_proofs(page, problem.status, (material, problem))
    return RedirectResponse(page.home, 303)


async def _file(request: Request) -> bytes:
    """The chosen file. Raises `Problem` 413, 422."""
    refuse_large(request, _UPLOAD_BYTES, "文件太大，最多 20 MiB。", "The file is too large: 20 MiB at most.")
    async with request.form(max_files=1, max_fields=5) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile) or not file.size:
            raise Problem(422, "no-file", "请选择文件。", "Choose a file.")
        return await file.read()
