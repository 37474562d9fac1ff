"""What other departments asked one of the officer's own."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from tongban_schemas.events.approvals import opinion_field
from tongban_schemas.types import StepId

from tongban_approvals import store
from tongban_approvals.actions import opinions
from tongban_approvals.actions.desk import desk_of
from tongban_approvals.actions.opening import opened
from tongban_approvals.api.bodies import OpinionAnswer, OpinionDetail, OpinionPage, OpinionSummary
from tongban_approvals.api.proofs import evidence_of
from tongban_approvals.api.shown import (
    Officer,
    answers_of,
    casework_of,
    opinion_summary,
    read_cursor,
    write_cursor,
)
from tongban_approvals.api.wanted import keys_of_opinion
from tongban_approvals.domain.desk import OpinionState
from tongban_approvals.store import OPINION_STATES

router = APIRouter(prefix="/v1/opinions", tags=["opinions"])
OpinionId = Annotated[str, Path(pattern=r"^[a-z][a-z0-9-]{1,40}$")]


@router.get("")
async def list_opinions(
    request: Request,
    caller: Officer,
    state: OpinionState | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[str | None, Query(max_length=400)] = None,
) -> OpinionPage:
    """What the officer's departments were asked, oldest first."""
    casework = casework_of(request)
    departments = desk_of(caller, casework)
    place = read_cursor(after, 2)
    behind = None if place is None else (place[0], place[1])
    async with request.app.state.runtime.pool.acquire() as tx, tx.transaction(readonly=True):
        states = [state] if state else OPINION_STATES
        found = await store.list_opinions(tx, departments, states, limit + 1, behind)
        items = await casework.shelf.items(tx, [one.item for one in found])
        known = await casework.shelf.departments(tx)
    page = found[:limit]
    return OpinionPage(
        opinions=[OpinionSummary(**opinion_summary(one, items[one.item], known)) for one in page],
        next=write_cursor(page[-1].asked_at, page[-1].request) if len(found) > limit else None,
    )


@router.get("/{application}/{step}/{opinion}")
async def get_opinion(
    request: Request, caller: Officer, application: UUID, step: StepId, opinion: OpinionId
) -> OpinionDetail:
    """One request with the answers of its case; personal ones are opened while it waits for an answer."""
    casework = casework_of(request)
    async with (
        request.app.state.runtime.pool.acquire() as tx,
        tx.transaction(isolation="repeatable_read", readonly=True),
    ):
        asked, case = await opinions.find(tx, casework, caller, application, step, opinion)
        resources = await casework.shelf.resources(tx)
    told = opinions.request_of(case, asked)
    keys = await keys_of_opinion(case, caller, asked, told)
    return OpinionDetail(
        **opinion_summary(asked, case.item, case.around.bodies),
        answers=answers_of(case, keys),
        evidence=evidence_of(case, case.item.step(step), resources, keys),
        text=opened(keys, opinion_field(step, opinion), told.text if told else None),
    )


@router.post("/{application}/{step}/{opinion}")
async def give_opinion(
    request: Request, caller: Officer, application: UUID, step: StepId, opinion: OpinionId, given: OpinionAnswer
) -> OpinionSummary:
    """Answers. 409 when it was answered already, the time has passed, or the step is decided."""
    casework = casework_of(request)
    async with request.app.state.runtime.pool.acquire() as tx, tx.transaction():
        after = await opinions.give(tx, casework, caller, application, step, opinion, given.text, agrees=given.agrees)
        item = (await casework.shelf.items(tx, [after.item]))[after.item]
        return OpinionSummary(**opinion_summary(after, item, await casework.shelf.departments(tx)))
