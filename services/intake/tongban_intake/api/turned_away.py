"""Who asks for what is not theirs is turned away, and the attempt stands in the record of the case that it was about."""

from typing import Any
from uuid import UUID

from fastapi import FastAPI, Request, Response
from tongban_runtime import logs, problem_pages
from tongban_runtime.auth import Caller
from tongban_runtime.database import Tx
from tongban_runtime.keys import Attempt
from tongban_runtime.problems import Problem
from tongban_schemas.events.access import AccessRule, Purpose

from tongban_intake.api.context import Intake
from tongban_intake.store import applications, drafts
from tongban_intake.vault import Asker


class TurnedAway(Problem):
    """A problem that is answered as it is, once the attempt is on record."""

    def __init__(
        self, problem: Problem, case: UUID, caller: Caller, purpose: Purpose, rule: AccessRule, step: str | None = None
    ) -> None:
        super().__init__(problem.status, problem.kind, problem.zh, problem.en, headers=problem.headers, **problem.extra)
        officer = caller.id if caller.role != "citizen" else None
        self.caller = caller
        self.attempt = Attempt(case, purpose, rule, min(caller.departments, default=None), step, officer=officer)


def not_own(problem: Problem, case: UUID, caller: Caller) -> TurnedAway:
    """For somebody who opens a case as if it were theirs."""
    return TurnedAway(problem, case, caller, "own", "not-the-applicant")


async def put_on_record(intake: Intake, away: TurnedAway) -> None:
    """Says it in the case, the same attempt once an hour; of a case that nobody has, a line in the log says it.

    What became of one's own draft is nobody's attempt; handling one's own application as an officer is.
    """
    attempt = away.attempt
    async with intake.pool.acquire() as tx, tx.transaction():
        owner = await _owner(tx, attempt.application)
        if owner is not None and (owner != away.caller.id or attempt.rule == "own-application"):
            await intake.vault.turned_away(tx, Asker("intake", away.caller.departments), [attempt])
    if owner is None:
        logs.info("access.refused", rule="unknown-case", purpose=attempt.purpose, case=str(attempt.application))


def install(app: FastAPI, intake: Intake) -> None:
    """Puts on record whoever a route of ``app`` turns away."""

    async def answer(request: Request, away: Any) -> Response:
        await put_on_record(intake, away)
        return problem_pages.answer(request, away)

    app.add_exception_handler(TurnedAway, answer)


async def _owner(tx: Tx, case: UUID) -> UUID | None:
    return await applications.applicant_of(tx, case) or await drafts.owner_of(tx, case)
