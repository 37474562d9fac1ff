"""办件过程: every step a case takes, in the sixteen states of an item in the national construction-approval exchange. Pure.

16 撤件待确认 does not occur: a withdrawal takes effect at once.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from tongban_schemas.envelope import Event, EventData
from tongban_schemas.events.applications import (
    ApplicationAccepted,
    ApplicationCorrected,
    ApplicationCorrectionNoticed,
    ApplicationNotAccepted,
    ApplicationReceived,
    ApplicationWithdrawn,
)
from tongban_schemas.events.approvals import (
    ApprovalAnnulled,
    ApprovalClockResumed,
    ApprovalClockStopped,
    ApprovalCorrectionRequested,
    ApprovalGranted,
    ApprovalOpened,
    ApprovalRefused,
)

from tongban_intake.exchange.case import CaseFacts
from tongban_intake.exchange.rows import Row, make_row, moment
from tongban_intake.exchange.tables import CODES, PROCESS

Told = tuple[str, str, datetime, str]
"""(name of the part of the process, state, when it began, opinion)."""

_RECEIVING = "收件受理"
_APPLICANT, _BY_RULE = "申请人", "系统自动办理"


def process_rows(case: CaseFacts) -> Iterator[Row]:
    """One row for each fact that moves the case. A decision began when its round was opened."""
    for fact in case.facts:
        tell = _TELLERS.get(type(fact.data))
        if tell is None:
            continue
        name, state, began, opinion = tell(case, fact)
        values = {
            "project_no": case.number,
            "process_name": name,
            "event_name": CODES["item_state"][state],
            "event_start_time": moment(min(began, fact.time)),
            "event_end_time": moment(fact.time),
            "handle_user_name": _handled_by(fact),
            "handle_explain": opinion,
        }
        yield make_row(PROCESS, case.subject, fact, values)


def _handled_by(fact: Event) -> str:
    """The officer's pseudonym: names are known to the officer's body alone."""
    if isinstance(fact.data, ApplicationCorrected | ApplicationWithdrawn):
        return _APPLICANT
    officer = getattr(fact.data, "officer", None)
    return str(officer) if officer else _BY_RULE


def _received(case: CaseFacts, fact: Event) -> Told:
    return _RECEIVING, "received", fact.time, "已接件"


def _withdrawn(case: CaseFacts, fact: Event) -> Told:
    return _RECEIVING, "taken_back", fact.time, "申请人撤回申请"


def _accepted(case: CaseFacts, fact: Event) -> Told:
    data: Any = fact.data
    opinion = "逾期未告知，视为受理" if data.deemed else "予以受理"
    if data.promised:
        opinion += f"；承诺补交：{_materials(case, data.promised)}"
    return _RECEIVING, "accepted", _receipt(case, fact), opinion


def _not_accepted(case: CaseFacts, fact: Event) -> Told:
    """不受理: no permit is needed (art. 32(1)1). 不予受理: somebody else is competent (art. 32(1)2)."""
    data: Any = fact.data
    if data.right_authority:
        return _RECEIVING, "not_accepted", _receipt(case, fact), f"{data.reason_code}；应向{data.right_authority}申请"
    return _RECEIVING, "no_permit_needed", _receipt(case, fact), data.reason_code


def _noticed(case: CaseFacts, fact: Event) -> Told:
    return _RECEIVING, "correction_begun", fact.time, _asked(case, fact)


def _requested(case: CaseFacts, fact: Event) -> Told:
    data: Any = fact.data
    return case.step_name(data.step), "correction_begun", fact.time, _asked(case, fact)


def _corrected(case: CaseFacts, fact: Event) -> Told:
    data: Any = fact.data
    request = next((one for one in case.facts if one.id == data.request), None)
    step = getattr(request.data, "step", None) if request else None
    name = case.step_name(step) if step else _RECEIVING
    return name, "correction_ended", request.time if request else fact.time, "申请人已补正"


def _opened(case: CaseFacts, fact: Event) -> Told:
    data: Any = fact.data
    again = f"第{data.round}次办理" if data.round > 1 else "开始办理"
    return case.step_name(data.step), "with_department", fact.time, again


def _stopped(case: CaseFacts, fact: Event) -> Told:
    data: Any = fact.data
    return case.step_name(data.step), "special_begun", fact.time, _procedure(case, data.step, data.procedure)


def _resumed(case: CaseFacts, fact: Event) -> Told:
    data: Any = fact.data
    stop = next((one for one in case.facts if one.id == data.stop), None)
    procedure = getattr(stop.data, "procedure", "") if stop else ""
    began = stop.time if stop else fact.time
    return case.step_name(data.step), "special_ended", began, _procedure(case, data.step, procedure)


def _granted(case: CaseFacts, fact: Event) -> Told:
    data: Any = fact.data
    state = "passed_on_promise" if data.conditional else "passed"
    opinion = "逾期未作决定，视为准予" if data.deemed else "容缺准予" if data.conditional else "准予"
    return case.step_name(data.step), state, _round_begin(case, fact), opinion


def _refused(case: CaseFacts, fact: Event) -> Told:
    data: Any = fact.data
    return case.step_name(data.step), "not_passed", _round_begin(case, fact), f"不予许可：{data.reason_code}"


def _annulled(case: CaseFacts, fact: Event) -> Told:
    """撤回 when law or circumstances changed (art. 8), else 撤销 (art. 69)."""
    data: Any = fact.data
    state = "withdrawn" if data.reason_code in CODES["lawful_withdrawal"] else "annulled"
    return case.step_name(data.step), state, fact.time, f"{data.reason_code}；{'重新' if data.reopen else '不再'}办理"


def _asked(case: CaseFacts, fact: Event) -> str:
    """What is to be corrected, by name."""
    data: Any = fact.data
    form = case.item.form
    labels = [form.label(name).zh if name in form.fields else name for name in data.fields]
    return f"需补正：{'、'.join([*labels, *([_materials(case, data.materials)] if data.materials else [])])}"


def _materials(case: CaseFacts, names: list[str]) -> str:
    known = [(name, case.item.material(name)) for name in names]
    return "、".join(material.name.zh if material else name for name, material in known)


def _procedure(case: CaseFacts, step: str, procedure: str) -> str:
    found = case.item.step(step).procedure(procedure)
    return found.name.zh if found else ""


def _receipt(case: CaseFacts, fact: Event) -> datetime:
    return case.history.received.time if case.history.received else fact.time


def _round_begin(case: CaseFacts, decision: Event) -> datetime:
    said: Any = decision.data
    opened = (
        fact.time
        for fact in case.facts
        if isinstance(fact.data, ApprovalOpened) and (fact.data.step, fact.data.round) == (said.step, said.round)
    )
    return min(opened, default=decision.time)


_TELLERS: Mapping[type[EventData], Callable[[CaseFacts, Event], Told]] = {
    ApplicationReceived: _received,
    ApplicationWithdrawn: _withdrawn,
    ApplicationAccepted: _accepted,
    ApplicationNotAccepted: _not_accepted,
    ApplicationCorrectionNoticed: _noticed,
    ApplicationCorrected: _corrected,
    ApprovalCorrectionRequested: _requested,
    ApprovalOpened: _opened,
    ApprovalClockStopped: _stopped,
    ApprovalClockResumed: _resumed,
    ApprovalGranted: _granted,
    ApprovalRefused: _refused,
    ApprovalAnnulled: _annulled,
}
"""How each kind of fact is told. Other facts, such as warnings and opinions, are no part of the exchange."""
