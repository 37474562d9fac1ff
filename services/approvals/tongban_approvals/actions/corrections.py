"""Asking the applicant to correct: once, everything, within five working days (Administrative Licensing Law art. 32, 72)."""

from collections.abc import Sequence
from uuid import UUID

from tongban_catalog.item import Item
from tongban_catalog.parts import NOTICE
from tongban_runtime.auth import Caller
from tongban_runtime.database import Tx
from tongban_runtime.problems import Problem
from tongban_schemas.events.applications import NoticeRule
from tongban_schemas.events.approvals import (
    ApprovalCorrectionRequested,
    ApprovalNoticeRejected,
    correction_field,
)

from tongban_approvals import store
from tongban_approvals.actions.conflicts import conflict_problem
from tongban_approvals.actions.desk import Desk, enter
from tongban_approvals.actions.opening import opened
from tongban_approvals.casework import Casework
from tongban_approvals.domain import History
from tongban_approvals.domain.evidence import correctable_fields, fetched_materials
from tongban_approvals.store import DeskTask


async def ask_correction(
    tx: Tx,
    casework: Casework,
    caller: Caller,
    application: UUID,
    step: str,
    fields: Sequence[str],
    materials: Sequence[str],
    message: str,
) -> DeskTask | Problem:
    """Returns a `Problem` 409, to be raised once the transaction has committed, for a request that the law forbids: the
    attempt is on record. Raises `Problem` 404, 409, or 422 for what cannot be corrected."""
    desk = await enter(tx, casework, caller, application, step)
    wanted, brought = list(dict.fromkeys(fields)), list(dict.fromkeys(materials))
    _require_correctable(desk.item, desk.history, wanted, brought)
    if await _is_repeated(desk, wanted, brought, message):
        return desk.task
    desk.require_free()
    department = desk.task.department
    if (rule := _forbidden(desk, wanted + brought)) is not None:
        refused = ApprovalNoticeRejected(
            step=step, department=department, officer=caller.id, rule=rule, fields=wanted, materials=brought
        )
        await desk.decide(tx, (refused, (step, str(desk.history.rejected.get(step, 0) + 1))))
        return conflict_problem(rule)
    await store.hold_task(tx, application, step, caller.id)
    count = len(desk.history.corrections.get(step, ())) + 1
    names, field = (step, str(count)), correction_field(step)
    sealed = desk.seal(await desk.keys(field), ApprovalCorrectionRequested, names, field, message)
    data = ApprovalCorrectionRequested(
        step=step,
        department=department,
        fields=wanted,
        materials=brought,
        message=sealed,
        round=desk.task.round,
        officer=caller.id,
        act=desk.act("correction-notice", department, step, count, sealed=[sealed], fields=wanted, materials=brought),
    )
    return await desk.decide(tx, (data, names))


async def _is_repeated(desk: Desk, fields: Sequence[str], materials: Sequence[str], message: str) -> bool:
    pending = desk.history.unanswered(desk.id)
    if pending is None or desk.task.state != "correction" or desk.task.officer != desk.caller.id:
        return False
    if (set(pending.fields), set(pending.materials)) != (set(fields), set(materials)):
        return False
    field = correction_field(desk.id)
    return opened(await desk.keys(field), field, pending.message) == message


def _forbidden(desk: Desk, wanted: Sequence[str]) -> NoticeRule | None:
    """Why the law does not allow this request: it is late, or names what could be seen when the first one was made."""
    end = desk.around.almanac.end(desk.item, desk.task.department, desk.task.opened_at, NOTICE)
    if end.at is not None and not end.provisional and desk.now >= end.at:
        return "late-notice"
    earlier = desk.history.corrections.get(desk.id, ())
    if not earlier:
        return None
    changed = {part for _, at, parts in desk.history.corrected if at >= earlier[0].at for part in parts}
    return None if changed.issuperset(wanted) else "second-notice"


def _require_correctable(item: Item, history: History, fields: Sequence[str], materials: Sequence[str]) -> None:
    """What decides the course of the case stays, and nobody is asked for what a source gives (State Council Decree 716 art. 7)."""
    fetched, correctable = (
        fetched_materials(history.proofs, history.announced),
        correctable_fields(history.proofs, item),
    )
    errors = []
    if not fields and not materials:
        zh, en = "请标明需要补正的项或材料。", "Mark what is wrong or missing."
        errors.append({"field": "fields", "message_zh": zh, "message_en": en})
    for name in fields:
        label = item.form.label(name)
        if name in correctable:
            continue
        if name not in item.form.fields:
            zh, en = f"申请表中没有 {name} 这一项。", f"The form has no field {name}."
        elif name in item.deciding_fields:
            zh = f"“{label.zh}”决定办理流程，受理后不能补正；请申请人撤回后重新申请。"
            en = f"“{label.en}” decides the course of the case and cannot be corrected once accepted: ask for a new application."
        else:
            zh = f"“{label.zh}”由数据源部门提供，不能要求申请人更改；如有疑问请与数据源部门核实。"
            en = f"“{label.en}” was fetched from its source and is not the applicant's to change: ask the source."
        errors.append({"field": name, "message_zh": zh, "message_en": en})
    for name in materials:
        material = item.material(name)
        if material is None:
            zh, en = f"本事项没有 {name} 这项材料。", f"The item has no material {name}."
        elif name in fetched:
            zh = f"“{material.name.zh}”向数据源部门获取，不得要求申请人提交。"
            en = f"“{material.name.en}” is fetched from its source: the applicant may not be asked for it."
        else:
            continue
        errors.append({"field": name, "message_zh": zh, "message_en": en})
    if errors:
        raise Problem(
            422,
            "not-correctable",
            "所列的项不能要求补正，请按 errors 逐项改正。",
            "These cannot be corrected: see errors.",
            errors=errors,
        )
