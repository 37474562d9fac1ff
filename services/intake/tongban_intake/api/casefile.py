"""Reads one application for someone who may see it: the folded status, the item's flow, the names, the opened texts."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from fastapi import FastAPI, Request
from pydantic import BaseModel
from tongban_catalog import hearing
from tongban_catalog.item import Item
from tongban_runtime.auth import Caller
from tongban_runtime.database import Pool, Tx
from tongban_runtime.keys import KeysRefusedError
from tongban_runtime.problems import Problem
from tongban_runtime.sealing import SealBrokenError
from tongban_schemas.envelope import Event
from tongban_schemas.types import ItemRef

from tongban_intake import act_reading, domain
from tongban_intake.act_reading import ActRead
from tongban_intake.api.context import Intake, intake_of
from tongban_intake.api.turned_away import not_own
from tongban_intake.facts import merge_all, unpack
from tongban_intake.following import Follower
from tongban_intake.hearing import judged
from tongban_intake.presentation import STATE_NAMES, Clocks, ItemShown, Presenter, Shown, Words
from tongban_intake.presentation.presenter import Unseal
from tongban_intake.status import FINAL_STATES, State, Status, decode, status
from tongban_intake.store import applications, view
from tongban_intake.store.view import Seen

WAIT_SECONDS = 5.0
_LIST_LIMIT = 200


class Summary(BaseModel):
    """One of one's own applications."""

    application: UUID
    number: str | None
    item: ItemShown
    submitted_at: datetime
    state: State
    state_name: Words


@dataclass(frozen=True, slots=True)
class Opened:
    """A case in full: as it is shown, with the item, and with the answers in the clear and sealed.

    ``unseal`` is there for the applicant alone.
    """

    shown: Shown
    status: Status
    item: Item | None
    answers: domain.Answers
    owned: bool
    unseal: Unseal | None
    facts: tuple[Event, ...] = field(repr=False)


def follower_of(app: FastAPI) -> Follower:
    """The one follower of this process."""
    found: Follower | None = getattr(app.state, "follower", None)
    if found is None:
        found = app.state.follower = Follower(app.state.intake.pool)
    return found


async def require_visible(intake: Intake, application: UUID, caller: Caller) -> bool:
    """Whether the caller is the applicant. Raises `Problem` 404 for whoever is neither that nor an officer."""
    applicant = await applications.applicant_of(intake.pool, application)
    owned = applicant == caller.id and caller.role == "citizen"
    if applicant is None or not (owned or caller.role == "officer"):
        problem = Problem(
            404,
            "no-such-application",
            "您名下没有这份申请，请核对编号。",
            "You have no application with this id: check it.",
        )
        raise not_own(problem, application, caller)
    return owned


async def seen_at(request: Request, application: UUID, position: int) -> Seen:
    """The view's row once it includes the submission and intake's event number ``position``.

    Raises `Problem` 503 if it takes too long.
    """

    def enough(seen: Seen) -> bool:
        return seen.intake_position >= position and decode(seen.status).item is not None

    intake = intake_of(request)
    seen = (await view.seen(intake.pool, [application])).get(application)
    if seen is None or not enough(seen):
        seen = await follower_of(request.app).until(application, enough, WAIT_SECONDS)
    if seen is None:
        raise Problem(
            503,
            "not-visible-yet",
            "已经收到，状态正在更新，请稍后再查。",
            "It is stored; the status is still being brought up to it. Try again shortly.",
            headers={"Retry-After": "1"},
        )
    return seen


async def open_case(intake: Intake, seen: Seen, owned: bool) -> Opened:
    """The case as its applicant (``owned``) or an officer is shown it."""
    told_status = decode(seen.status)
    subject = str(seen.application)
    async with intake.pool.acquire() as connection:
        item = None
        if told_status.item is not None:
            item = await intake.shelf.item(
                connection, ItemRef(code=told_status.item.code, version=told_status.item.version)
            )
        known = (await hearing.recall(connection, intake.shelf, [seen.application], domain.MODELS)).get(subject, ())
        departments = await intake.shelf.departments(connection)
        calendars = await intake.shelf.calendars(connection)
        unseal = await unsealing(intake, connection, seen.application) if owned else None

    answers = domain.current_answers(known)
    told = answers.plain if domain.submission(known) is not None else None
    clocks = Clocks(calendars, departments, intake.clock.now())
    shown = Presenter(clocks, unseal).show(seen.application, told_status, item, told)
    return Opened(shown, told_status, item, answers, owned, unseal, known)


async def open_act(intake: Intake, application: UUID, number: str, owned: bool) -> ActRead | None:
    """A formal act of a case as its applicant (``owned``) or an officer is shown it; None when there is no such act."""
    packed = await view.packed_facts(intake.pool, application)
    kept = {} if packed is None else unpack(packed)
    heard = await judged(intake.pool, intake.shelf, {str(application): kept})
    known = merge_all(heard[str(application)].counted)
    fact = act_reading.find(known, number)
    if fact is None:
        return None
    item = None
    if (ref := status(known.values()).item) is not None:
        item = await intake.shelf.item(intake.pool, ItemRef(code=ref.code, version=ref.version))
    departments = await intake.shelf.departments(intake.pool)
    unseal = await unsealing(intake, intake.pool, application) if owned else None
    return act_reading.read(fact, known, departments, item, unseal)


async def unsealing(intake: Intake, tx: Tx | Pool, application: UUID) -> Unseal:
    """Opens texts of one's own case; says so in words where one does not open any more."""
    try:
        keys = await intake.vault.open(tx, application)
    except KeysRefusedError as refused:
        words = f"（{refused.zh} {refused.en}）"
        return lambda _field, _sealed: words

    def unseal(field: str, sealed: str) -> str:
        try:
            return keys.open(field, sealed)
        except SealBrokenError:
            return "（无法打开 cannot be opened）"

    return unseal


async def running_cases(intake: Intake, caller: Caller, item: str, but: UUID | None = None) -> list[Summary]:
    """One's own applications for an item that have not ended, ``but`` for one, newest first."""
    return [
        one
        for one in await own_applications(intake, caller)
        if one.item.code == item and one.state not in FINAL_STATES and one.application != but
    ]


async def own_applications(intake: Intake, caller: Caller) -> list[Summary]:
    """The applications of a person, newest first; one that the view has not folded yet is submitted."""
    found = []
    rows = await view.listed(intake.pool, caller.id, _LIST_LIMIT)
    refs = [ItemRef(code=row.item_code, version=row.item_version) for row in rows]
    items = await intake.shelf.items(intake.pool, refs)
    for row, ref in zip(rows, refs, strict=True):
        item = items.get(ref)
        name = None if item is None else Words(zh=item.name.zh, en=item.name.en)
        found.append(
            Summary(
                application=row.application,
                number=row.number,
                item=ItemShown(code=row.item_code, version=row.item_version, name=name),
                submitted_at=row.submitted_at,
                state=row.state,
                state_name=STATE_NAMES[row.state],
            )
        )
    return found
