"""A case as people and programs are shown it: the status joined with the item's flow and the names of departments. Pure."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field
from tongban_catalog.form import Text
from tongban_catalog.item import Item, Step, applicable_steps
from tongban_schemas.events.approvals import correction_field, refusal_field

from tongban_intake.status import FINAL_STATES, State, Status, TimelineEntry

FlowState = Literal["not-open", "open", "correction", "granted", "refused", "stopped"]
"""``stopped``: undecided, and the case has ended."""
Unseal = Callable[[str, str], str]
"""(field, sealed value) -> text."""


class Words(BaseModel):
    """The same words in Chinese and English."""

    zh: str
    en: str


class Department(BaseModel):
    id: str
    name: Words


class ItemShown(BaseModel):
    code: str
    version: int
    name: Words | None


class FlowStep(BaseModel):
    """One step that applies to the case. Steps of the same ``level`` wait for none of each other and run in parallel."""

    step: str
    name: Words
    department: Department
    level: int
    needs: list[str]
    state: FlowState
    opened_at: datetime | None = None
    decided_at: datetime | None = None
    decided_by: str | None = Field(default=None, description="`rule` or `officer`.")
    reason_code: str | None = None
    reason: str | None = Field(default=None, description="Why it was refused; shown to the applicant alone.")


class CorrectionShown(BaseModel):
    """A request to correct. ``open`` while the applicant is awaited."""

    request: UUID
    step: str
    department: Department
    fields: list[str]
    requested_at: datetime
    answered_at: datetime | None
    open: bool
    message: str | None = Field(default=None, description="What is wrong; shown to the applicant alone.")


class CertificateShown(BaseModel):
    number: str
    kind: str
    issuer: Department
    verification: str
    issued_at: datetime


class DeliveriesShown(BaseModel):
    sent: int
    failed: int


class Happened(BaseModel):
    """One event of the case."""

    time: datetime
    id: UUID
    type: str
    name: Words
    source: str
    department: Department | None
    step: str | None
    step_name: Words | None
    trace_id: str | None


class Shown(BaseModel):
    """The status of an application. ``position`` is intake's own count of events that it includes."""

    application: UUID
    state: State
    state_name: Words
    final: bool
    position: int
    version: int
    item: ItemShown | None
    submitted_at: datetime | None
    accepted_at: datetime | None
    withdrawn_at: datetime | None
    next: Words
    flow: list[FlowStep]
    corrections: list[CorrectionShown]
    certificate: CertificateShown | None
    notifications: dict[str, DeliveriesShown]
    timeline: list[Happened]


STATE_NAMES: dict[State, Words] = {
    "submitted": Words(zh="已提交", en="Submitted"),
    "accepted": Words(zh="办理中", en="In progress"),
    "waiting-for-correction": Words(zh="待补正", en="Waiting for your correction"),
    "withdrawn": Words(zh="已撤回", en="Withdrawn"),
    "refused": Words(zh="不予许可", en="Refused"),
    "issued": Words(zh="已办结", en="Done: certificate issued"),
}

STEP_STATE_NAMES: dict[FlowState, Words] = {
    "not-open": Words(zh="未开始", en="Not started"),
    "open": Words(zh="办理中", en="In progress"),
    "correction": Words(zh="待补正", en="Waiting for correction"),
    "granted": Words(zh="已准予", en="Granted"),
    "refused": Words(zh="不予许可", en="Refused"),
    "stopped": Words(zh="不再办理", en="Not continued"),
}

EVENT_NAMES: dict[str, Words] = {
    "cn.tongban.application.submitted.v1": Words(zh="提交申请", en="Application submitted"),
    "cn.tongban.application.accepted.v1": Words(zh="受理", en="Accepted"),
    "cn.tongban.application.corrected.v1": Words(zh="已补正", en="Correction sent"),
    "cn.tongban.application.withdrawn.v1": Words(zh="撤回申请", en="Withdrawn"),
    "cn.tongban.approval.opened.v1": Words(zh="开始办理", en="Step opened"),
    "cn.tongban.approval.correction-requested.v1": Words(zh="要求补正", en="Correction requested"),
    "cn.tongban.approval.granted.v1": Words(zh="准予", en="Granted"),
    "cn.tongban.approval.refused.v1": Words(zh="不予许可", en="Refused"),
    "cn.tongban.certificate.issued.v1": Words(zh="签发证照", en="Certificate issued"),
    "cn.tongban.notification.sent.v1": Words(zh="通知已送出", en="Notification sent"),
    "cn.tongban.notification.failed.v1": Words(zh="通知未能送出", en="Notification failed"),
}

CHANNEL_NAMES: dict[str, Words] = {"inbox": Words(zh="站内", en="in-site"), "email": Words(zh="邮件", en="by e-mail")}

_SEPARATOR = {"zh": "、", "en": ", "}


class Presenter:
    """Shows one case. ``unseal`` is given for the applicant only; others are not shown sealed texts."""

    def __init__(self, departments: Mapping[str, Text], unseal: Unseal | None) -> None:
        self._departments = departments
        self._unseal = unseal

    def show(self, application: UUID, status: Status, item: Item | None, answers: Mapping[str, Any] | None) -> Shown:
        """``answers`` are those in the clear; without them only the steps that departments named are shown."""
        flow = self._flow(status, item, answers)
        return Shown(
            application=application,
            state=status.state,
            state_name=STATE_NAMES[status.state],
            final=status.state in FINAL_STATES,
            position=status.intake_position,
            version=status.version,
            item=self._item(status, item),
            submitted_at=status.submitted_at,
            accepted_at=status.accepted_at,
            withdrawn_at=status.withdrawn_at,
            next=_next(status.state, flow),
            flow=flow,
            corrections=[
                CorrectionShown(
                    request=UUID(correction.id),
                    step=correction.step,
                    department=self._department(correction.department),
                    fields=list(correction.fields),
                    requested_at=correction.requested_at,
                    answered_at=correction.answered_at,
                    open=correction.open and status.state not in FINAL_STATES,
                    message=self._open(correction_field(correction.step), correction.message),
                )
                for correction in status.corrections
            ],
            certificate=None
            if status.certificate is None
            else CertificateShown(
                number=status.certificate.number,
                kind=status.certificate.kind,
                issuer=self._department(status.certificate.issuer),
                verification=status.certificate.verification,
                issued_at=status.certificate.issued_at,
            ),
            notifications={
                channel: DeliveriesShown(sent=ended.sent, failed=ended.failed)
                for channel, ended in status.notifications.items()
            },
            timeline=[self._happened(entry, item) for entry in status.timeline],
        )

    def _department(self, department: str) -> Department:
        name = self._departments.get(department, Text(department, department))
        return Department(id=department, name=Words(zh=name.zh, en=name.en))

    def _open(self, field: str, sealed: str | None) -> str | None:
        return None if sealed is None or self._unseal is None else self._unseal(field, sealed)

    def _item(self, status: Status, item: Item | None) -> ItemShown | None:
        if status.item is None:
            return None
        name = None if item is None else Words(zh=item.name.zh, en=item.name.en)
        return ItemShown(code=status.item.code, version=status.item.version, name=name)

    def _flow(self, status: Status, item: Item | None, answers: Mapping[str, Any] | None) -> list[FlowStep]:
        steps = list(applicable_steps(item, answers)) if item is not None and answers is not None else []
        known = {step.id for step in steps}
        if item is not None:
            steps += [item.step(name) for name in status.steps if name not in known and item.has_step(name)]
        levels = step_levels(steps)
        shown = [self._step(status, step, levels) for step in steps]
        shown += [self._unknown_step(status, name) for name in status.steps if item is None or not item.has_step(name)]
        return sorted(shown, key=lambda step: step.level)

    def _step(self, status: Status, step: Step, levels: Mapping[str, int]) -> FlowStep:
        shown = FlowStep(
            step=step.id,
            name=Words(zh=step.name.zh, en=step.name.en),
            department=self._department(step.department),
            level=levels[step.id],
            needs=sorted(step.needed & levels.keys()),
            state="not-open",
        )
        return self._with_progress(status, shown)

    def _unknown_step(self, status: Status, name: str) -> FlowStep:
        department = self._department(status.steps[name].department)
        return self._with_progress(
            status,
            FlowStep(
                step=name, name=Words(zh=name, en=name), department=department, level=0, needs=[], state="not-open"
            ),
        )

    def _with_progress(self, status: Status, step: FlowStep) -> FlowStep:
        progress = status.steps.get(step.step)
        ended = status.state in FINAL_STATES
        if progress is None:
            return step.model_copy(update={"state": "stopped"}) if ended else step
        return step.model_copy(
            update={
                "state": "stopped" if ended and progress.decided_at is None else progress.state,
                "opened_at": progress.opened_at,
                "decided_at": progress.decided_at,
                "decided_by": progress.decided_by,
                "reason_code": progress.reason_code,
                "reason": self._open(refusal_field(step.step), progress.reason),
            }
        )

    def _happened(self, entry: TimelineEntry, item: Item | None) -> Happened:
        _, kind, *rest = entry.source.split("/")
        step = item.step(entry.step) if item is not None and entry.step and item.has_step(entry.step) else None
        return Happened(
            time=entry.time,
            id=UUID(entry.id),
            type=entry.type,
            name=EVENT_NAMES[entry.type],
            source=entry.source,
            department=self._department(rest[0]) if kind in ("approvals", "certificates") and rest else None,
            step=entry.step,
            step_name=None if step is None else Words(zh=step.name.zh, en=step.name.en),
            trace_id=entry.trace,
        )


def step_levels(steps: Sequence[Step]) -> dict[str, int]:
    """How many steps have to follow each other before each one; needs that do not apply count for nothing."""
    by_id = {step.id: step for step in steps}
    levels: dict[str, int] = {}

    def level(name: str) -> int:
        if name not in levels:
            levels[name] = 1 + max((level(need) for need in by_id[name].needed if need in by_id), default=-1)
        return levels[name]

    for step in steps:
        level(step.id)
    return levels


def _next(state: State, flow: Sequence[FlowStep]) -> Words:
    if state == "issued":
        return Words(
            zh="证照已签发，可以下载、出示和核验。", en="Your certificate is issued: download, show or verify it."
        )
    if state == "refused":
        return Words(
            zh="如不服决定，可以自知道之日起六十日内申请行政复议，或者六个月内提起行政诉讼。",
            en="If you disagree, you may apply for reconsideration within 60 days or go to court within six months.",
        )
    if state == "withdrawn":
        return Words(zh="申请已撤回，无需再办理。", en="You withdrew the application; nothing is left to do.")
    if state == "waiting-for-correction":
        return Words(zh="请按下面的通知补正。", en="Please answer the correction request below.")
    busy = {step.department.id: step.department.name for step in flow if step.state == "open"}
    if busy:
        zh = _SEPARATOR["zh"].join(name.zh for name in busy.values())
        en = _SEPARATOR["en"].join(name.en for name in busy.values())
        return Words(zh=f"正在办理：{zh}。您无需操作。", en=f"Now with: {en}. You need not do anything.")
    if flow and all(step.state == "granted" for step in flow):
        return Words(zh="各环节均已准予，正在制作证照。", en="Every step is granted; the certificate is being made.")
    return Words(
        zh="即将转交各部门办理。您无需操作。", en="It is on its way to the departments. You need not do anything."
    )
