"""What every action on a case shares: one transaction, the case locked and brought up to now, the answer after the commit."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel, Field
from tongban_catalog import hearing
from tongban_runtime import facts, outbox
from tongban_runtime.auth import Caller
from tongban_runtime.database import Tx
from tongban_runtime.facts import Case
from tongban_runtime.problems import Problem
from tongban_schemas.envelope import Event

from tongban_intake import domain
from tongban_intake.api.context import Intake
from tongban_intake.api.turned_away import not_own
from tongban_intake.casework import Known
from tongban_intake.domain.history import Ending, History
from tongban_intake.store import applications

Outcome = TypeVar("Outcome")

ENDINGS: dict[Ending, tuple[str, str]] = {
    "issued": ("证照已经签发，案件已办结", "the certificate is issued and the case is closed"),
    "granted": ("各部门均已作出准予决定", "every department has granted it"),
    "refused": ("申请已被决定不予许可", "the application was refused"),
    "not-accepted": ("申请未被受理", "the application was not accepted"),
    "annulled": ("所作的决定已被撤销，不再重新办理", "a decision was annulled and is not made anew"),
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


@dataclass(frozen=True, slots=True)
class Entered:
    """A locked case, with everything that time has made true said. ``known`` is None while intake has not heard of it."""

    tx: Tx
    intake: Intake
    now: datetime
    history: History
    known: Known | None

    @property
    def application(self) -> UUID:
        return UUID(self.history.subject)

    async def say(self, event: Event) -> int:
        """Publishes an event, keeps it as a fact, moves the case on; intake's position afterwards."""
        if self.known is not None:
            return (await self.intake.casework.say(self.tx, self.known, event)).sequence
        published = await outbox.publish(self.tx, [event])
        await facts.remember(self.tx, published)
        return published[0].sequence


def described(*statuses: int, success: int = 202) -> dict[int | str, dict[str, Any]]:
    """What a route answers, for the API's documentation."""
    answers: dict[int | str, dict[str, Any]] = {success: {"model": Position}} if success == 202 else {}
    return answers | {status: {"model": ProblemDocument} for status in statuses}


def stored(application: UUID, position: int, headers: dict[str, str] | None = None) -> Response:
    """202 with the `Position`."""
    body = f'{{"application":"{application}","position":{position}}}'
    return Response(body, 202, headers=headers, media_type="application/json")


async def transact(intake: Intake, act: Callable[[Tx], Awaitable[Outcome]]) -> Outcome:
    """One transaction. A `Problem` that ``act`` raises is raised after the commit, so what was said before it stays said.

    ``act`` raises it before it does anything else, or after what is to be on record of the attempt.
    """
    problem: Problem | None = None
    async with intake.pool.acquire() as tx, tx.transaction():
        try:
            outcome = await act(tx)
        except Problem as raised:
            problem = raised
    if problem is not None:
        raise problem
    return outcome


async def enter(intake: Intake, tx: Tx, application: UUID) -> Entered:
    """Locks a case and says what time has made true of it up to now."""
    now = intake.clock.now()
    await facts.lock(tx, [application])
    heard = (await hearing.recall(tx, intake.shelf, [application], domain.MODELS)).get(str(application), ())
    known = None
    if heard:
        newest = max(heard, key=lambda fact: (fact.time, fact.sequence))
        known = await intake.casework.look(tx, Case(str(application), heard, newest), now)
    history = History.of(str(application), heard, None) if known is None else known.history
    return Entered(tx, intake, now, history, known)


async def enter_own(intake: Intake, tx: Tx, application: UUID, caller: Caller) -> Entered:
    """`enter` for the applicant. Raises `Problem` 404 for anyone else."""
    if await applications.applicant_of(tx, application) != caller.id:
        problem = Problem(
            404,
            "no-such-application",
            "您名下没有这份申请，请核对编号。",
            "You have no application with this id: check it.",
        )
        raise not_own(problem, application, caller)
    return await enter(intake, tx, application)


def refuse_if_ended(history: History) -> None:
    """Raises `Problem` 409 with the reason when the case has ended."""
    ending = history.ending()
    if ending is not None:
        zh, en = ENDINGS[ending]
        raise Problem(409, "case-ended", f"不能再更改：{zh}。", f"Nothing can be changed: {en}.", reason=ending)


def not_heard_yet() -> Problem:
    """409: the application was stored a moment ago and intake's own consumer has not come to it."""
    return Problem(
        409,
        "not-received-yet",
        "申请刚刚提交，正在登记，请稍后再试。",
        "The application has just come in and is being registered: try again shortly.",
    )
