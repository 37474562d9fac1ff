"""What officers do: take, grant, refuse, ask for a correction. Each is one transaction under the lock of the case.

An action that is repeated by the same officer with the same content answers the same and does nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from tongban_catalog.item import Item
from tongban_runtime import facts, outbox, telemetry
from tongban_runtime.auth import Caller
from tongban_runtime.database import Tx
from tongban_runtime.facts import Case
from tongban_runtime.problems import Problem
from tongban_runtime.sealing import SealBrokenError
from tongban_schemas.envelope import Event, EventData
from tongban_schemas.events.approvals import (
    ApprovalCorrectionRequested,
    ApprovalGranted,
    ApprovalRefused,
    correction_field,
    refusal_field,
)

from tongban_approvals import store
from tongban_approvals.casework import Casework
from tongban_approvals.domain import MODELS, ConflictKind, History, conflict, fixed_fields, source_of
from tongban_approvals.store import DeskTask

CONFLICTS: dict[ConflictKind, tuple[str, str]] = {
    "already-decided": (
        "本环节已经作出决定，不能再次办理；请刷新后查看结果。",
        "This step has been decided already: reload it to see the decision.",
    ),
    "application-withdrawn": (
        "申请人已撤回申请，本环节无需办理。",
        "The applicant has withdrawn the application: nothing is left to do here.",
    ),
    "application-refused": (
        "本申请已有部门作出不予许可决定，本环节不再办理。",
        "A department has refused this application: this step is not decided any more.",
    ),
    "waiting-for-applicant": (
        "已要求申请人补正，请等待申请人答复后再办理。",
        "The applicant was asked for a correction: wait for the answer.",
    ),
    "taken-by-another-officer": (
        "本环节已由其他经办人领取；请与其联系或办理其他环节。",
        "Another officer has taken this step: speak to them or choose another step.",
    ),
}


def not_found() -> Problem:
    """For what is not there and for what is none of the caller's business: nobody learns which."""
    return Problem(
        404,
        "task-not-found",
        "没有这项待办，或者它不属于您所在的部门。",
        "There is no such task, or it is not your department's.",
    )


def desk_of(caller: Caller, casework: Casework) -> frozenset[str]:
    """The departments for which this caller may act here. Raises `Problem` 404 when there is none."""
    departments = caller.departments & casework.departments
    if not departments:
        raise not_found()
    return departments


@dataclass(frozen=True, slots=True)
class Desk:
    """A locked task with all that is known of its case."""

    task: DeskTask
    facts: tuple[Event, ...]
    item: Item
    history: History

    @property
    def subject(self) -> str:
        return str(self.task.application)


async def look(tx: Tx, casework: Casework, caller: Caller, application: UUID, step: str) -> Desk:
    """The task with its case. Raises `Problem` 404."""
    task = await store.find_task(tx, application, step, desk_of(caller, casework))
    if task is None:
        raise not_found()
    known = (await facts.recall(tx, [application], MODELS))[str(application)]
    item = (await casework.shelf.items(tx, [task.item]))[task.item]
    return Desk(task, known, item, History.of(known, item))


async def take(tx: Tx, casework: Casework, caller: Caller, application: UUID, step: str) -> DeskTask:
    """Raises `Problem` 404 or 409."""
    desk = await _enter(tx, casework, caller, application, step)
    if desk.task.officer == caller.id and desk.task.state in ("taken", "correction"):
        return desk.task
    _require_free(desk, caller)
    return await store.take_task(tx, application, step, caller.id)


async def grant(tx: Tx, casework: Casework, caller: Caller, application: UUID, step: str) -> DeskTask:
    """Raises `Problem` 404 or 409."""
    desk = await _enter(tx, casework, caller, application, step)
    if desk.task.state == "granted" and desk.task.officer == caller.id:
        return desk.task
    _require_free(desk, caller)
    data = ApprovalGranted(step=step, department=desk.task.department, decided_by="officer", officer=caller.id)
    await _publish(tx, casework, desk, data, step)
    return await _again(tx, desk)


async def refuse(
    tx: Tx, casework: Casework, caller: Caller, application: UUID, step: str, reason_code: str, reason: str
) -> DeskTask:
    """Raises `Problem` 404 or 409."""
    desk = await _enter(tx, casework, caller, application, step)
    end = desk.history.decided.get(step)
    told = None if end is None else opened(casework, desk.subject, refusal_field(step), end.reason)
    if end is not None and (end.officer, end.reason_code, told) == (caller.id, reason_code, reason):
        return desk.task
    _require_free(desk, caller)
    data = ApprovalRefused(
        step=step,
        department=desk.task.department,
        decided_by="officer",
        officer=caller.id,
        reason_code=reason_code,
        reason=casework.sealer.seal(desk.subject, refusal_field(step), reason),
    )
    await _publish(tx, casework, desk, data, step)
    return await _again(tx, desk)


async def ask_correction(
    tx: Tx,
    casework: Casework,
    caller: Caller,
    application: UUID,
    step: str,
    fields: Sequence[str],
    message: str,
) -> DeskTask:
    """Raises `Problem` 404, 409, or 422 for answers that cannot be corrected."""
    desk = await _enter(tx, casework, caller, application, step)
    wanted = list(dict.fromkeys(fields))
    _require_correctable(desk.item, wanted)
    pending = desk.history.unanswered(step)
    if pending is not None and desk.task.state == "correction" and desk.task.officer == caller.id:
        asked = opened(casework, desk.subject, correction_field(step), pending.message)
        if (set(pending.fields), asked) == (set(wanted), message):
            return desk.task
    _require_free(desk, caller)
    await store.take_task(tx, application, step, caller.id)
    data = ApprovalCorrectionRequested(
        step=step,
        department=desk.task.department,
        fields=wanted,
        message=casework.sealer.seal(desk.subject, correction_field(step), message),
    )
    await _publish(tx, casework, desk, data, step, str(len(desk.history.rounds.get(step, ())) + 1))
    return await _again(tx, desk)


def opened(casework: Casework, subject: str, field: str, sealed: str | None) -> str | None:
    """The plain text of a sealed value; None when there is none or its key is gone."""
    if sealed is None:
        return None
    try:
        return casework.sealer.open(subject, field, sealed)
    except SealBrokenError:
        return None


async def _enter(tx: Tx, casework: Casework, caller: Caller, application: UUID, step: str) -> Desk:
    if await store.find_task(tx, application, step, desk_of(caller, casework)) is None:
        raise not_found()
    await facts.lock(tx, [application])
    return await look(tx, casework, caller, application, step)


def _require_free(desk: Desk, caller: Caller) -> None:
    found = conflict(desk.task.state, desk.task.officer, caller.id, desk.history)
    if found is not None:
        raise Problem(409, found, *CONFLICTS[found], state=desk.task.state)


def _require_correctable(item: Item, fields: Sequence[str]) -> None:
    fixed = fixed_fields(item)
    errors = []
    for name in fields:
        label = item.form.label(name)
        if name not in item.form.fields:
            zh, en = f"申请表中没有 {name} 这一项。", f"The form has no field {name}."
        elif name in fixed:
            zh = f"“{label.zh}”决定办理流程，受理后不能补正；请申请人撤回后重新申请。"
            en = f"“{label.en}” decides the course of the case and cannot be corrected once accepted: ask for a new application."
        else:
            continue
        errors.append({"field": name, "message_zh": zh, "message_en": en})
    if errors:
        raise Problem(
            422,
            "not-correctable",
            "所列的项不能要求补正，请按 errors 逐项改正。",
            "These answers cannot be corrected: see errors.",
            errors=errors,
        )


async def _publish(tx: Tx, casework: Casework, desk: Desk, data: EventData, *discriminators: str) -> None:
    """Says it, and moves the case on: a grant may open the next step in the same transaction."""
    opening = desk.history.opened[desk.task.step]
    with telemetry.span("decide", desk.task.traceparent, **{"tongban.subject": desk.subject}) as span:
        cause = replace(opening, traceparent=telemetry.format_traceparent(span))
        event = facts.derive(
            cause, data, *discriminators, source=source_of(desk.task.department), time=casework.clock.now()
        )
        published = await outbox.publish(tx, [event])
        await facts.remember(tx, published)
        said = published[0]
        await casework.advance(tx, [Case(desk.subject, (*desk.facts, said), said)])


async def _again(tx: Tx, desk: Desk) -> DeskTask:
    found = await store.find_task(tx, desk.task.application, desk.task.step, [desk.task.department])
    if found is None:
        raise not_found()
    return found
