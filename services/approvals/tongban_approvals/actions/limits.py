"""What moves a limit: special procedures stop it while they are open (art. 45), the head extends it once (art. 42)."""

from dataclasses import replace
from uuid import UUID

from tongban_catalog.clock import Deadline
from tongban_runtime.auth import Caller
from tongban_runtime.database import Tx
from tongban_runtime.keys import KeyRequest, keys_for
from tongban_schemas.events.applications import ApplicationAccepted
from tongban_schemas.events.approvals import (
    ApprovalClockResumed,
    ApprovalClockStopped,
    ApprovalExtended,
    extension_field,
)

from tongban_approvals import store
from tongban_approvals.actions.conflicts import conflict_problem, not_found
from tongban_approvals.actions.desk import OpenCase, enter, lock_case, open_case, require_duty, turn_away
from tongban_approvals.casework import Casework
from tongban_approvals.domain import Due, dues, joint_due
from tongban_approvals.store import DeskTask


async def start_procedure(
    tx: Tx, casework: Casework, caller: Caller, application: UUID, step: str, procedure: str
) -> DeskTask:
    """Begins a special procedure that the item declares for the step. Raises `Problem` 404 or 409."""
    desk = await enter(tx, casework, caller, application, step)
    declared = desk.step.procedure(procedure)
    running = [one for one in desk.history.open_procedures(step) if one.procedure == procedure]
    if running and running[0].officer == caller.id:
        return desk.task
    desk.require_free()
    if declared is None:
        raise conflict_problem("procedure-not-declared", procedures=[one.id for one in desk.step.procedures])
    if running:
        raise conflict_problem("procedure-open-already", stop=str(running[0].id))
    count = len(desk.history.procedures.get(step, ())) + 1
    data = ApprovalClockStopped(
        step=step,
        department=desk.task.department,
        procedure=procedure,
        expected=declared.expected,
        round=desk.task.round,
        officer=caller.id,
        act=desk.act(
            "special-procedure",
            desk.task.department,
            step,
            count,
            procedure=procedure,
            expected=declared.expected.model_dump(),
        ),
    )
    return await desk.decide(tx, (data, (step, str(desk.task.round), str(count))))


async def end_procedure(
    tx: Tx, casework: Casework, caller: Caller, application: UUID, step: str, stop: UUID
) -> DeskTask:
    """Ends a special procedure; the step's time runs again. Raises `Problem` 404 or 409."""
    desk = await enter(tx, casework, caller, application, step)
    found = next((one for one in desk.history.procedures.get(step, ()) if one.id == stop), None)
    if found is None:
        raise not_found()
    if found.resumed_at is not None:
        raise conflict_problem("procedure-over")
    if desk.task.state != "correction":
        desk.require_free()
    data = ApprovalClockResumed(step=step, department=desk.task.department, stop=stop, officer=caller.id)
    return await desk.decide(tx, (data, (step, str(stop))))


async def extend(tx: Tx, casework: Casework, caller: Caller, application: UUID, step: str, reason: str) -> DeskTask:
    """Extends the step's limits once, before they end, by what the item declares. Raises `Problem` 403, 404 or 409."""
    require_duty(caller, "head")
    desk = await enter(tx, casework, caller, application, step)
    desk.require_undecided()
    by = desk.step.extension
    running = [
        due for due in dues(desk.history, desk.item, desk.around.almanac, casework.departments) if due.step == step
    ]
    if by is None or not running:
        raise conflict_problem("extension-not-declared")
    if step in desk.history.extensions:
        raise conflict_problem("already-extended")
    if _is_past(running[-1].end, desk):
        raise conflict_problem("limit-over")
    names, field = (step, str(desk.task.round)), extension_field(step)
    sealed = desk.seal(await desk.keys(field), ApprovalExtended, names, field, reason)
    data = ApprovalExtended(
        step=step,
        department=desk.task.department,
        by=by,
        reason=sealed,
        round=desk.task.round,
        officer=caller.id,
        act=desk.act("extension", desk.task.department, step, desk.task.round, sealed=[sealed], by=by.model_dump()),
    )
    return await desk.decide(tx, (data, names))


async def extend_joint(tx: Tx, casework: Casework, caller: Caller, application: UUID, reason: str) -> Due:
    """Extends the joint limit of the case once, by the head of the lead. Raises `Problem` 403, 404 or 409."""
    require_duty(caller, "head")
    await _led(tx, await open_case(tx, casework, application), caller)
    case = await lock_case(tx, casework, application)
    due = await _led(tx, case, caller)
    joint = case.item.joint
    if joint is None or joint.extension is None:
        raise conflict_problem("extension-not-declared")
    if None in case.history.extensions:
        raise conflict_problem("already-extended")
    if _is_past(due.end, case):
        raise conflict_problem("limit-over")
    names, field = ("", "1"), extension_field(None)
    wanted = KeyRequest(application, "decide", frozenset({field}), due.department, officer=caller.id)
    sealed = case.seal(await keys_for(casework.keyring, wanted), ApprovalExtended, names, field, reason)
    data = ApprovalExtended(
        department=due.department,
        by=joint.extension,
        reason=sealed,
        officer=caller.id,
        act=case.act("extension", due.department, None, 1, sealed=[sealed], by=joint.extension.model_dump()),
    )
    accepted = next(fact for fact in case.play.known if isinstance(fact.data, ApplicationAccepted))
    await case.say(tx, replace(accepted, traceparent=None), due.department, (data, names))
    return await _led(tx, await open_case(tx, casework, application), caller)


async def joint_of(tx: Tx, casework: Casework, caller: Caller, application: UUID) -> Due:
    """The joint limit of a case that one of the caller's departments leads. Raises `Problem` 404 or 409."""
    return await _led(tx, await open_case(tx, casework, application), caller)


async def _led(tx: Tx, case: OpenCase, caller: Caller) -> Due:
    joint, application = case.item.joint, UUID(case.subject)
    if joint is None or joint.lead_of(case.history.answers) not in caller.departments & case.casework.departments:
        if await store.parts_of(tx, application) & caller.departments:
            raise not_found()
        await turn_away(tx, case.casework, caller, application, None, "decide")
    await case.require_impartial(caller, joint.lead_of(case.history.answers), None, "decide")
    if case.history.end is not None:
        raise conflict_problem(case.history.end)
    due = joint_due(case.history, case.item, case.around.almanac)
    if due is None:
        raise conflict_problem("joint-over")
    return due


def _is_past(end: Deadline, case: OpenCase) -> bool:
    return end.at is not None and not end.provisional and end.at <= case.now
