"""What the receiving body says about an application, and what the law forbids it to say. Pure.

Administrative Licensing Law art. 32: not competent, say at once who is; incomplete, tell everything at once within five
working days; complete, accept. A second notice may only concern what the answer to the first one changed.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tongban_catalog.form import FieldError
from tongban_catalog.item import Item, Material, asked_materials
from tongban_catalog.proofs import undecided
from tongban_schemas.events.applications import NoticeRule

from tongban_intake.domain.filing import MATERIAL
from tongban_intake.domain.history import History
from tongban_intake.domain.timing import Days, receipt_due
from tongban_intake.evidence.answers import answered

ReceiptState = Literal["waiting", "noticed", "accepted", "not-accepted", "withdrawn"]
Colour = Literal["green", "yellow", "red"]
"""Green: there is time; yellow: most of it is used up; red: it is over."""

DeskConflict = Literal["already-accepted", "already-not-accepted", "withdrawn", "waiting-for-applicant"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """An application as it lies at the receiving desk. ``due`` and ``warn_at`` are None while no time runs."""

    application: str
    department: str
    number: str
    state: ReceiptState
    received_at: datetime
    due: datetime | None
    warn_at: datetime | None
    provisional: bool

    def colour(self, now: datetime) -> Colour:
        return colour(self.due, self.warn_at, now)


def colour(due: datetime | None, warn_at: datetime | None, now: datetime) -> Colour:
    """The colour of a time limit at a moment."""
    if due is not None and now >= due:
        return "red"
    return "yellow" if warn_at is not None and now >= warn_at else "green"


def receipt(history: History, item: Item, days: Days) -> Receipt | None:
    """The application on the desk of its receiving body; None for one that a rule accepts, or without a number."""
    if item.acceptance.by != "officer" or history.number is None or history.submitted is None:
        return None
    desk = receipt_due(history, item, days)
    return Receipt(
        application=history.subject,
        department=item.acceptance.department_of(history.answers.plain),
        number=history.number,
        state=state(history),
        received_at=history.submitted.time,
        due=None if desk is None else desk.due.at,
        warn_at=None if desk is None or desk.warning is None else desk.warning.at,
        provisional=desk is not None and desk.due.provisional,
    )


def state(history: History) -> ReceiptState:
    if history.not_accepted is not None:
        return "not-accepted"
    if history.withdrawn is not None:
        return "withdrawn"
    if history.accepted is not None:
        return "accepted"
    return "waiting" if history.open_notice is None else "noticed"


def conflict(history: History) -> DeskConflict | None:
    """Why the receiving body has nothing to decide; None while it has."""
    match state(history):
        case "accepted":
            return "already-accepted"
        case "not-accepted":
            return "already-not-accepted"
        case "withdrawn":
            return "withdrawn"
        case "noticed":
            return "waiting-for-applicant"
        case "waiting":
            return None


def promise_errors(history: History, item: Item, promised: Collection[str]) -> list[FieldError]:
    """Promises that cannot be taken: what is not required, not missing, or not of those that may come later."""
    required = {one.id: one for one in asked_materials(item, history.answers.plain)}
    errors = []
    for name in promised:
        material = required.get(name)
        if material is None:
            zh, en = "本申请不需要这项材料，请删除。", "The application does not need this material: remove it."
        elif name in history.materials:
            zh, en = "这项材料已经提交，请删除。", "This material was handed in already: remove it."
        elif all(name != one.id for one in history.missing(item)):
            zh, en = "这项材料由数据共享取得，请删除。", "This material is fetched from its source: remove it."
        elif material.tolerable is None:
            zh = f"“{material.name.zh}”不可容缺，请通知申请人补正。"
            en = f"“{material.name.en}” may not come later: send a notice."
        else:
            continue
        errors.append(FieldError(field=MATERIAL + name, message_zh=zh, message_en=en))
    return errors


def unpromised(history: History, item: Item, promised: Collection[str]) -> list[Material]:
    """What is missing and not promised either: while there is any, nothing is accepted."""
    return [one for one in history.missing(item) if one.id not in promised]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a notice asks for, with everything that is missing added to what the officer marked."""

    fields: tuple[str, ...]
    materials: tuple[str, ...]


def everything(history: History, item: Item, fields: Sequence[str], materials: Sequence[str]) -> Asked:
    """The whole of what is to be told at once."""
    missing = [one.id for one in history.missing(item)]
    return Asked(tuple(dict.fromkeys(fields)), tuple(dict.fromkeys([*materials, *missing])))


def notice_errors(item: Item, asked: Asked) -> list[FieldError]:
    """What a notice cannot ask for, by field; something it has to ask for."""
    errors = []
    for name in asked.fields:
        if name not in item.form.fields:
            zh, en = "表单中没有这一项，请删除。", "The form has no such field: remove it."
        elif name in item.deciding_fields:
            zh = "此项决定由谁办理、办理哪些环节，不能补正；请申请人撤回后重新申请。"
            en = "This answer decides who handles what and cannot be corrected: ask for a new application."
        else:
            continue
        errors.append(FieldError(field=name, message_zh=zh, message_en=en))
    for name in asked.materials:
        if item.material(name) is None:
            zh, en = "本事项没有这项材料，请删除。", "The item has no such material: remove it."
            errors.append(FieldError(field=MATERIAL + name, message_zh=zh, message_en=en))
    if not asked.fields and not asked.materials:
        zh, en = (
            "请标明需要补正的项或材料；如已齐全，请予受理。",
            "Mark what is wrong or missing; if nothing is, accept.",
        )
        errors.append(FieldError(field="fields", message_zh=zh, message_en=en))
    return errors


def not_to_be_asked(history: History, item: Item, asked: Asked) -> list[FieldError]:
    """What a notice asks of the person although a register gave it, is to give it, or a rule stands in for it.

    State Council Provisions on Online Government Services (Order 716), art. 7: what can be shared is not demanded again.
    """
    known = history.proofs
    shared = {
        name
        for name, proof in known.items()
        if proof.pending or (proof.state in ("provided", "substituted") and not proof.withdrawn)
    } | undecided(known, item)
    given = answered(item, history.answers.plain, known).fetched.keys()
    errors = []
    for name in asked.materials:
        if name in shared:
            zh = "此项由数据共享取得，或者依规定由其他证明替代，不得再向申请人索要。"
            en = "It is fetched from its source, or a rule stands in for it: the applicant may not be asked for it."
            errors.append(FieldError(field=MATERIAL + name, message_zh=zh, message_en=en))
    for name in asked.fields:
        if name in given:
            zh = "此项由数据源提供，不得再向申请人索要；如有疑义，请与数据源核实。"
            en = "Its source gave this answer: the applicant may not be asked for it. Take a doubt to the source."
            errors.append(FieldError(field=name, message_zh=zh, message_en=en))
    return errors


def forbidden(history: History, asked: Asked) -> NoticeRule | None:
    """The rule that a notice would break now, after time has had its say: a late one meets a deemed acceptance."""
    if history.deemed:
        return "late-notice"
    if not history.notices:
        return None
    last = history.notices[-1]
    told_before = set(asked.fields) <= last.changed_fields and set(asked.materials) <= last.changed_materials
    return None if last.answer is not None and told_before else "second-notice"


def same_notice(history: History, asked: Asked, message: str, opened: Mapping[str, str]) -> bool:
    """Whether a notice repeats the one that stands open. ``opened``: the messages of notices, by event id."""
    last = history.open_notice
    return (
        last is not None
        and set(last.data.fields) == set(asked.fields)
        and set(last.data.materials) == set(asked.materials)
        and opened.get(str(last.event.id)) == message
    )
