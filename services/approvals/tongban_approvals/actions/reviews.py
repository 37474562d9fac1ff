"""Taking decisions back: annulment by the head of the department, and decisions on appeals by a supervisor; never
by who made the decision."""

from uuid import UUID

from tongban_catalog.grounds import annulment_grounds, require_ground
from tongban_runtime.auth import Caller
from tongban_runtime.database import Tx
from tongban_runtime.sealing import CaseKeys
from tongban_schemas.events.approvals import (
    ApprovalAnnulled,
    ApprovalAppealDecided,
    annulment_field,
    appeal_decision_field,
)

from tongban_approvals.actions.conflicts import conflict_problem
from tongban_approvals.actions.desk import Desk, Said, enter, require_duty
from tongban_approvals.casework import Casework
from tongban_approvals.domain.steps import Appeal
from tongban_approvals.store import DeskTask

ON_APPEAL = "annulled-on-appeal"
"""The reason code of an annulment that a decision on an appeal brings about."""


async def annul(
    tx: Tx,
    casework: Casework,
    caller: Caller,
    application: UUID,
    step: str,
    reason_code: str,
    reason: str,
    *,
    reopen: bool,
) -> DeskTask:
    """Takes the step's decision back; with ``reopen`` it is decided anew. Raises `Problem` 403, 404, 409, or 422 for no ground."""
    require_duty(caller, "head")
    require_ground(reason_code, annulment_grounds())
    desk = await enter(tx, casework, caller, application, step, "remedy")
    latest = desk.history.standing.latest.get(step)
    if desk.history.withdrawn:
        raise conflict_problem("application-withdrawn", state=desk.task.state)
    if latest is None or latest.id in desk.history.standing.annulments:
        raise conflict_problem("nothing-to-annul", state=desk.task.state)
    await desk.require_impartial(caller, desk.task.department, step, "remedy", reviewed=latest.id)
    keys = await desk.keys(annulment_field(step), purpose="remedy")
    return await desk.decide(tx, _annulled(desk, keys, latest.id, reason_code, reason, reopen=reopen, appeal=None))


async def decide_appeal(
    tx: Tx,
    casework: Casework,
    caller: Caller,
    application: UUID,
    step: str,
    outcome: str,
    text: str,
    appeal: UUID | None = None,
) -> DeskTask:
    """Decides on an appeal against a decision of the step: ``upheld``, or ``annulled`` and decided anew.

    ``appeal``: which one; the oldest that waits when absent. Raises `Problem` 403, 404 or 409.
    """
    require_duty(caller, "supervisor")
    desk = await enter(tx, casework, caller, application, step, "remedy")
    found = _waiting(desk, appeal)
    if found is None:
        raise conflict_problem("no-appeal", state=desk.task.state)
    await desk.require_impartial(caller, desk.task.department, step, "remedy", reviewed=found.decision)
    decisions = desk.history.standing.decisions
    count = 1 + sum(
        one.outcome is not None and one.decision in decisions and decisions[one.decision].step == step
        for one in desk.history.appeals
    )
    names, field = (str(found.id),), appeal_decision_field(step)
    keys = await desk.keys(field, annulment_field(step), purpose="remedy")
    sealed = desk.seal(keys, ApprovalAppealDecided, names, field, text)
    decided = ApprovalAppealDecided(
        step=step,
        department=desk.task.department,
        appeal=found.id,
        outcome="annulled" if outcome == "annulled" else "upheld",
        text=sealed,
        officer=caller.id,
        act=desk.act(
            "appeal-decision",
            desk.task.department,
            step,
            count,
            sealed=[sealed],
            appeal=str(found.id),
            outcome=outcome,
        ),
    )
    said: list[Said] = [(decided, names)]
    if outcome == "annulled" and found.decision not in desk.history.standing.annulments:
        said.append(_annulled(desk, keys, found.decision, ON_APPEAL, text, reopen=True, appeal=found.id))
    return await desk.decide(tx, *said)


def _waiting(desk: Desk, appeal: UUID | None) -> Appeal | None:
    decisions = desk.history.standing.decisions
    waiting = (
        one
        for one in desk.history.appeals
        if one.outcome is None
        and appeal in (None, one.id)
        and one.decision in decisions
        and decisions[one.decision].step == desk.id
    )
    return next(waiting, None)


def _annulled(
    desk: Desk,
    keys: CaseKeys,
    decision: UUID,
    reason_code: str,
    reason: str,
    *,
    reopen: bool,
    appeal: UUID | None,
) -> Said:
    names = desk.id, str(decision)
    sealed = desk.seal(keys, ApprovalAnnulled, names, annulment_field(desk.id), reason)
    number = desk.history.standing.decisions[decision].round
    data = ApprovalAnnulled(
        step=desk.id,
        department=desk.task.department,
        decision=decision,
        reopen=reopen,
        reason_code=reason_code,
        reason=sealed,
        officer=desk.caller.id,
        appeal=appeal,
        act=desk.act(
            "annulment",
            desk.task.department,
            desk.id,
            number,
            sealed=[sealed],
            decision=str(decision),
            reopen=reopen,
            reason_code=reason_code,
        ),
    )
    return data, names
