"""What the demo shows of a case in a terminal: a line for each event, a bar for each step."""

from collections.abc import Mapping, Sequence
from typing import Any

from tongban_catalog.department import Department
from tongban_catalog.item import Item, Step
from tongban_schemas.envelope import Event
from tongban_schemas.events.applications import (
    ApplicationAccepted,
    ApplicationCorrected,
    ApplicationSubmitted,
    ApplicationWithdrawn,
)
from tongban_schemas.events.approvals import (
    ApprovalCorrectionRequested,
    ApprovalGranted,
    ApprovalOpened,
    ApprovalRefused,
)
from tongban_schemas.events.certificates import CertificateIssued
from tongban_schemas.events.notifications import NotificationFailed, NotificationSent

from tongban_local.demo.course import Course, optional_steps
from tongban_local.terminal import clipped, fitted, row, width

_EVENTS: dict[type, str] = {
    ApplicationSubmitted: "提交申请 applied",
    ApplicationAccepted: "受理 accepted",
    ApplicationCorrected: "已补正 corrected",
    ApplicationWithdrawn: "撤回 withdrawn",
    ApprovalOpened: "开始办理 step opened",
    ApprovalCorrectionRequested: "要求补正 correction asked",
    ApprovalRefused: "不予许可 refused",
    CertificateIssued: "签发证照 issued",
    NotificationSent: "邮件已送出 e-mail sent",
    NotificationFailed: "通知未送出 not sent",
}
_GRANTED = {"rule": "准予(规则) granted by rule", "officer": "准予(经办人) by officer"}
_SERVICES = {"intake": ("受理服务", "intake"), "notify": ("通知服务", "notify")}
_NEWS = {
    "submitted": "收到申请",
    "accepted": "已受理",
    "correction": "需补正",
    "refused": "不予许可",
    "issued": "已签发",
}

_TIME, _TRACE, _EVENT, _DEPARTMENT, _DEPARTMENT_ID = 12, 10, 26, 16, 23
_TRACE_SHOWN = 8
_FULL_WIDTH = 130
"""Columns from which departments are shown with their English ids."""


class TimelineView:
    """Lines of the live timeline, in the columns of a terminal."""

    def __init__(self, item: Item, departments: Mapping[str, Department], columns: int) -> None:
        self._item = item
        self._departments = departments
        self._full = columns >= _FULL_WIDTH
        used = _TIME + _TRACE + _EVENT + _DEPARTMENT + (_DEPARTMENT_ID + 1 if self._full else 0) + 8
        self._rest = columns - used

    def heading(self) -> str:
        return self._line("时间 time", "轨迹 trace", "事件 event", ("部门", "department"), "环节 step")

    def line(self, event: Event) -> str | None:
        """The event's line; None for an in-site message, which every step has, and for the looks that the ledger tells of."""
        if isinstance(event.data, NotificationSent) and event.data.channel == "inbox":
            return None
        if not isinstance(event.data, ApprovalGranted) and type(event.data) not in _EVENTS:
            return None
        at = event.time.astimezone()
        return self._line(
            f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}",
            trace_of(event)[:_TRACE_SHOWN],
            _words(event),
            self._department(event.source),
            self._subject(event),
        )

    def _line(self, time: str, trace: str, what: str, department: tuple[str, str], step: str) -> str:
        zh, en = department
        who = f"{fitted(zh, _DEPARTMENT)} {fitted(en, _DEPARTMENT_ID)}" if self._full else fitted(zh, _DEPARTMENT)
        head = row((time, _TIME), (trace, _TRACE), (what, _EVENT))
        return f"{fitted(head, _TIME + _TRACE + _EVENT + 4)}  {who}  {clipped(step, self._rest)}".rstrip()

    def _department(self, source: str) -> tuple[str, str]:
        _, service, *rest = source.split("/")
        if rest and rest[0] in self._departments:
            return self._departments[rest[0]].name_zh, rest[0]
        return _SERVICES.get(service, (service, service))

    def _subject(self, event: Event) -> str:
        data = event.data
        if isinstance(data, CertificateIssued):
            return f"{self._item.certificate.name.zh} {self._item.certificate.name.en}"
        if isinstance(data, NotificationSent | NotificationFailed):
            return f"{_NEWS.get(data.about, '')} {data.about}"
        if isinstance(data, ApplicationSubmitted):
            return f"{self._item.name.zh} {self._item.name.en}"
        step = getattr(data, "step", None)
        return step_title(self._item.step(step)) if step and self._item.has_step(step) else ""


def trace_of(event: Event) -> str:
    """The event's W3C trace id, 32 hexadecimal digits; empty without one."""
    return event.traceparent.split("-")[1] if event.traceparent else ""


def step_title(step: Step) -> str:
    return f"{step.id} {step.name.zh} {step.name.en}"


def _words(event: Event) -> str:
    if isinstance(event.data, ApprovalGranted):
        return _GRANTED[event.data.decided_by]
    return _EVENTS[type(event.data)]


def chart(found: Sequence[Course], departments: Mapping[str, Department], columns: int) -> list[str]:
    """A bar for each step, steps of a department together: who worked when, in seconds since the first step opened."""
    began = min(course.opened for course in found)
    whole = max((max(course.granted for course in found) - began).total_seconds(), 0.001)
    label = max(width(_label(course)) for course in found)
    room = columns - _DEPARTMENT - label - 18
    lines = [_axis(_DEPARTMENT + label + 4, room, whole)]
    firsts = {course.step.department: course.opened for course in reversed(found)}
    previous = ""
    for course in sorted(found, key=lambda one: (firsts[one.step.department], one.step.department, one.opened)):
        department = course.step.department
        start = round((course.opened - began).total_seconds() / whole * room)
        end = round((course.granted - began).total_seconds() / whole * room)
        bar = "◆" if course.by_rule and end - start < 2 else "█" * max(end - start, 1)
        start = min(start, room - len(bar))
        name = departments[department].name_zh if department != previous else ""
        took = "规则 rule" if course.by_rule else f"{course.seconds:.2f} s"
        picture = " " * start + bar
        lines.append(row((name, _DEPARTMENT), (_label(course), label), (picture, room), (took, 10)))
        previous = department
    return lines


def _label(course: Course) -> str:
    return f"{course.step.id} {course.step.name.zh}"


def _axis(indent: int, room: int, whole: float) -> str:
    right = f"{whole:.1f} s"
    return " " * indent + "0" + " " * (room - 1 - len(right)) + right


def branches(item: Item, answers: Mapping[str, Any], columns: int) -> list[str]:
    """A line for each optional step: whether this case has it, and which answer says so."""
    steps = optional_steps(item, answers)
    title = max(width(step_title(step)) for step, _ in steps)
    title = min(title, columns // 2 - 8)
    return [
        row(
            ("有 yes" if exists else "无 no", 8),
            (step_title(step), title),
            (_reason(item, step, answers), columns - title - 12),
        )
        for step, exists in steps
    ]


def _reason(item: Item, step: Step, answers: Mapping[str, Any]) -> str:
    names = sorted(step.when.fields) if step.when is not None else []
    return "; ".join(f"{item.form.label(name).zh}: {_answer(item, name, answers.get(name))}" for name in names)


def _answer(item: Item, name: str, value: object) -> str:
    if isinstance(value, bool):
        return "是 yes" if value else "否 no"
    labels = item.form.fields[name].get("x-labels", {}).get(str(value))
    return f"{labels['zh']} {value}" if labels else str(value)
