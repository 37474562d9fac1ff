"""Taking a step, giving it back, deciding it."""

from datetime import UTC, datetime
from uuid import UUID

from tongban_catalog.form import NOTHING, FieldError, Form
from tongban_catalog.grounds import refusal_grounds, require_ground
from tongban_catalog.printable import named
from tongban_catalog.printed import unprintable_texts
from tongban_runtime.auth import Caller
from tongban_runtime.database import Tx
from tongban_runtime.problems import Problem
from tongban_schemas.events.approvals import (
    ApprovalConcurred,
    ApprovalGranted,
    ApprovalRefused,
    grant_field,
    refusal_field,
)
from tongban_schemas.types import CHINA, JsonObject

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


async def grant(
    tx: Tx, casework: Casework, caller: Caller, application: UUID, step: str, fields: JsonObject
) -> DeskTask:
    """Decides yes, or, where several officers have to agree, says yes as one of them.

    ``fields``: what the decision says beyond yes. Raises `Problem` 404, 409, or 422 when that is not what the item declares.
    """
    desk = await enter(tx, casework, caller, application, step)
    plain, personal = _said(desk, fields)
    if desk.task.state == "granted" and desk.task.officer == caller.id and _says(desk, plain):
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
    names = (step, str(desk.task.round))
    sealed = await _sealed(desk, names, personal)
    data = ApprovalGranted(
        step=step,
        department=desk.task.department,
        decided_by="officer",
        officer=caller.id,
        round=desk.task.round,
        conditional=conditional,
        concurring=list(agreed),
        fields=plain,
        sealed=sealed,
        rests_on=list(grounds(desk.history, desk.item, desk.step)),
        act=desk.act(
            "grant",
            desk.task.department,
            step,
            desk.task.round,
            sealed=[sealed[name] for name in sorted(sealed)],
            decision="granted",
            decided_by="officer",
            deemed=False,
            conditional=conditional,
            says=plain,
        ),
    )
    return await desk.decide(tx, (data, names))


def _said(desk: Desk, fields: JsonObject) -> tuple[JsonObject, dict[str, str]]:
    """What the decision says in the clear, and what of it is personal. Raises `Problem` 422."""
    form = desk.step.grant or NOTHING
    fields = form.normalised(fields)
    if errors := form.errors(fields) or _unprintable(form, fields):
        raise Problem(
            422,
            "invalid-grant",
            "决定的内容有误，请按 errors 逐项改正；需要填写的内容见这项任务的 grant。",
            "What the decision says needs correcting: see errors. What it has to say is `grant` of the task.",
            errors=errors,
        )
    return form.split_personal(fields)


def _unprintable(form: Form, fields: JsonObject) -> list[FieldError]:
    """What a certificate could not print."""
    found = []
    for name, strange in unprintable_texts(fields).items():
        label = form.label(name)
        zh = f"“{label.zh}”中有证照无法印制的字符：{named(strange)}，请改写。"
        en = f"“{label.en}” holds characters that no certificate can print: {named(strange)}. Write it differently."
        found.append(FieldError(field=name, message_zh=zh, message_en=en))
    return found


def _says(desk: Desk, plain: JsonObject) -> bool:
    """Whether the grant that counts says this already."""
    latest = desk.history.standing.counting.get(desk.id)
    return latest is not None and isinstance(told := latest.told.data, ApprovalGranted) and told.fields == plain


async def _sealed(desk: Desk, names: tuple[str, ...], personal: dict[str, str]) -> dict[str, str]:
    if not personal:
        return {}
    fields = {name: grant_field(desk.id, name) for name in personal}
    keys = await desk.keys(*fields.values())
    return {name: desk.seal(keys, ApprovalGranted, names, fields[name], text) for name, text in personal.items()}


async def refuse(
    tx: Tx, casework: Casework, caller: Caller, application: UUID, step: str, reason_code: str, reason: str
) -> DeskTask:
    """Decides no. The signed refusal names the legal basis and the remedy. Raises `Problem` 404, 409, or 422 for no ground."""
    desk = await enter(tx, casework, caller, application, step)
    if await _is_repeated(desk, reason_code, reason):
        return desk.task
    require_ground(reason_code, refusal_grounds(desk.step))
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
