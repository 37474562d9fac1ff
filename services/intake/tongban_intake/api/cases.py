"""Finding the cases of a person or an organisation by their number, for the officers of the departments that have them."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field, field_validator
from tongban_catalog.codes import normalised
from tongban_runtime.auth import Caller, note_refusal, officer
from tongban_runtime.problems import Problem
from tongban_schemas.types import ItemRef

from tongban_intake.api.acting import described
from tongban_intake.api.bodies import body_schema, read_body
from tongban_intake.api.context import intake_of
from tongban_intake.api.receipts import RECEIVER
from tongban_intake.presentation import Words
from tongban_intake.store.case_index import Kind
from tongban_intake.vault.searching import MOST, Found, search

router = APIRouter(prefix="/v1/cases", tags=["cases"])
Officer = Annotated[Caller, Depends(officer.within("search"))]

_SHORTEST: Final = 6
_LONGEST: Final = 40


class SearchRequest(BaseModel):
    """Whose cases are looked for. The number is in the body alone, never in an address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Annotated[Kind, Field(description="Whose number it is.")]
    value: Annotated[str, Field(max_length=100, description="The number: 6 to 40 digits and letters.", repr=False)]

    @field_validator("value")
    @classmethod
    def _is_number(cls, value: str) -> str:
        plain = normalised(value)
        if not (_SHORTEST <= len(plain) <= _LONGEST and plain.isascii() and plain.isalnum()):
            raise ValueError
        return plain


class CaseFound(BaseModel):
    """A case that the number is named in. ``department`` is the one by which it is the officer's to see."""

    application: UUID
    number: str | None
    item: ItemRef
    item_name: Words
    department: str
    submitted_at: datetime
    ended: bool


class CasesFound(BaseModel):
    """The newest cases, at most 50."""

    cases: list[CaseFound] = Field(max_length=MOST)


@router.post(
    "/search", responses=described(400, 401, 403, 413, 422, success=200), openapi_extra=body_schema(SearchRequest)
)
async def search_cases(request: Request, caller: Officer) -> CasesFound:
    """Finds cases by a citizen's or an organisation's number, among those that a department of the caller receives or decides.

    Every case that is found carries it on record, for its applicant to see.
    """
    intake = intake_of(request)
    if RECEIVER not in caller.duties:
        problem = Problem(
            403,
            "not-a-receiver",
            "按号码查找办件由承担收件职责的人员办理；您没有这项职责。",
            "Only officers with the duty of receiving look for cases by number; you do not have it.",
        )
        note_refusal(request, problem, departments=sorted(caller.departments))
        raise problem
    body, _ = await read_body(request, SearchRequest)
    async with intake.pool.acquire() as tx, tx.transaction():
        found = await search(tx, intake.vault, caller.id, caller.departments, body.kind, body.value)
    return CasesFound(cases=[_shown(one) for one in found])


def _shown(one: Found) -> CaseFound:
    return CaseFound(
        application=one.case,
        number=one.history.number,
        item=one.item.ref,
        item_name=Words(zh=one.item.name.zh, en=one.item.name.en),
        department=one.department,
        submitted_at=one.submitted_at,
        ended=one.history.ending() is not None,
    )
