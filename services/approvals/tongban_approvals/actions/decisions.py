"""Taking a step, giving it back, deciding it."""

from datetime import UTC, datetime
from uuid import UUID

from tongban_runtime.auth import Caller
from tongban_runtime.database import Tx
from tongban_schemas.events.approvals import ApprovalConcurred, ApprovalGranted, ApprovalRefused, refusal_field
from tongban_schemas.types import CHINA

from tongban_approvals import store
from tongban_approvals.actions.conflicts import conflict_problem
from tongban_approvals.actions.desk import Desk, enter
from tongban_approvals.actions.opening import opened
from tongban_approvals.casework import REMEDY, Casework
from tongban_approvals.domain import grounds
from tongban_approvals.store import DeskTask


async def take(tx: Tx, casework: Casework, caller: Caller, application: UUID, step: str) -> DeskTask:
    """Raises `Problem` 404 or 409."""
    desk = await enter(tx, casework, caller, application, step)
    if desk.task.officer == caller.id and desk.task.state in ("taken", "correction"):
        return desk.task
    desk.require_free()
    return await store.hold_task(tx, application, step, caller.id)


async def release(tx: Tx, casework: Casework, caller: Caller, application: UUID, step: str) -> DeskTask:
    """Gives a taken step back. Raises `Problem` 404 or 409."""
    desk = await enter(tx, casework, caller, application, step)
    if desk.task.state == "open":
        return desk.task
    desk.require_free()
    if desk.task.state != "taken" or desk.task.officer != caller.id:
        raise conflict_problem("not-taken", state=desk.task.state)
    return await store.hold_task(tx, application, step, None)


async def grant(tx: Tx, casework: Casework, caller: Caller, application: UUID, step: str) -> DeskTask:
    """Decides yes, or, where several officers have to agree, says yes as one of them. Raises `Problem` 404 or 409."""
    desk = await enter(tx, casework, caller, application, step)
    if desk.task.state == "granted" and desk.task.officer == caller.id:
        return desk.task
    desk.require_free()
    _require_ready(desk)
    if unmet := desk.history.unmet(desk.item, desk.step):
        raise conflict_problem("needs-not-met", needs=unmet)
    if found := desk.history.evidence_gap(desk.item, desk.step):
        kind, materials = found
        raise conflict_problem(kind, materials=materials)
    agreed = desk.history.concurring.get(step, ())
    if caller.id in agreed:
        raise conflict_problem("already-concurred", agreed=len(agreed), quorum=desk.step.quorum)
    await _require_turn(tx, desk)
    if len(agreed) + 1 < desk.step.quorum:
        await store.hold_task(tx, application, step, None)
        yes = ApprovalConcurred(step=step, department=desk.task.department, officer=caller.id, round=desk.task.round)
        return await desk.decide(tx, (yes, (step, str(desk.task.round), str(caller.id))))
    conditional = bool(desk.history.promised_for(desk.step))
    data = ApprovalGranted(
        step=step,
        department=desk.task.department,
        decided_by="officer",
        officer=caller.id,
        round=desk.task.round,
        conditional=conditional,
        concurring=list(agreed),
        rests_on=list(grounds(desk.history, desk.item, desk.step)),
        act=desk.act(
            "grant",
            desk.task.department,
            step,
            desk.task.round,
            decision="granted",
            decided_by="officer",
            deemed=False,
            conditional=conditional,
        ),
    )
    return await desk.decide(tx, (data, (step, str(desk.task.round))))


async def refuse(
    tx: Tx, casework: Casework, caller: Caller, application: UUID, step: str, reason_code: str, reason: str
) -> DeskTask:
    """Decides no. The signed refusal names the legal basis and the remedy. Raises `Problem` 404 or 409."""
    desk = await enter(tx, casework, caller, application, step)
    if await _is_repeated(desk, reason_code, reason):
        return desk.task
    desk.require_free()
    _require_ready(desk)
    names, field = (step, str(desk.task.round)), refusal_field(step)
    sealed = desk.seal(await desk.keys(field), ApprovalRefused, names, field, reason)
    data = ApprovalRefused(
        step=step,
        department=desk.task.department,
        decided_by="officer",
        officer=caller.id,
        reason_code=reason_code,
        reason=sealed,
        round=desk.task.round,
        rests_on=list(grounds(desk.history, desk.item, desk.step, {})),
        act=desk.act(
            "refusal",
            desk.task.department,
            step,
            desk.task.round,
            sealed=[sealed],
            decision="refused",
            decided_by="officer",
            reason_code=reason_code,
            remedy=REMEDY,
        ),
    )
    return await desk.decide(tx, (data, names))


async def _is_repeated(desk: Desk, reason_code: str, reason: str) -> bool:
    """Whether this officer refused the step already, under this code and with this text."""
    latest = desk.history.standing.counting.get(desk.id)
    if latest is None or not isinstance(told := latest.told.data, ApprovalRefused):
        return False
    if (told.officer, told.reason_code) != (desk.caller.id, reason_code):
        return False
    field = refusal_field(desk.id)
    return opened(await desk.keys(field, purpose="remedy"), field, told.reason) == reason


def _require_ready(desk: Desk) -> None:
    """Nothing that has to come before a decision is still to come. Raises `Problem` 409."""
    if pending := desk.history.pending_opinions(desk.id):
        raise conflict_problem("opinions-pending", opinions=[one.opinion for one in pending])
    if running := desk.history.open_procedures(desk.id):
        raise conflict_problem("procedure-running", procedures=[one.procedure for one in running])


async def _require_turn(tx: Tx, desk: Desk) -> None:
    """A limited number is granted in order of acceptance (art. 57). Raises `Problem` 409."""
    quota = desk.step.quota
    if quota is None:
        return
    await store.hold_line(tx, desk.item.code, desk.id)
    first = await store.first_in_line(tx, desk.item.code, desk.id)
    if first not in (None, desk.task.application):
        raise conflict_problem("not-first-in-line", first=str(first))
    year = desk.now.astimezone(CHINA).year
    since, until = datetime(year, 1, 1, tzinfo=CHINA), datetime(year + 1, 1, 1, tzinfo=CHINA)
    if quota.per == "item":
        since, until = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
    if await store.count_granted(tx, desk.item.code, desk.id, since, until) >= quota.number:
        raise conflict_problem("quota-exhausted", number=quota.number)
