"""Joins the status with the item's flow, the names of departments, the clocks and the opened texts. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from tongban_catalog.form import Text
from tongban_catalog.item import Item, Step, applicable_steps
from tongban_catalog.parts import NoDepartmentError
from tongban_schemas.events.applications import NON_ACCEPTANCE_FIELD, NOTICE_FIELD
from tongban_schemas.events.approvals import (
    annulment_field,
    appeal_decision_field,
    correction_field,
    extension_field,
    refusal_field,
)

from tongban_intake.presentation import shown
from tongban_intake.presentation.clocks import Clocks
from tongban_intake.presentation.names import ACT_NAMES, EVENT_NAMES, STATE_NAMES, failure_words, limit_shown
from tongban_intake.presentation.next_words import next_words
from tongban_intake.presentation.proofs import proofs_shown
from tongban_intake.presentation.shown import FlowStep, Shown, Words
from tongban_intake.status import (
    FINAL_STATES,
    Annulment,
    Appeal,
    Correction,
    Extension,
    Opinion,
    Status,
    StepStatus,
    TimelineEntry,
)

Unseal = Callable[[str, str], str]
"""(field, sealed value) -> text."""

_WAYS = {
    "reconsideration": Words(zh="行政复议", en="reconsideration"),
    "litigation": Words(zh="行政诉讼", en="litigation"),
}


class Presenter:
    """Shows one case at a moment. ``unseal`` is given for the applicant only; others are not shown sealed texts."""

    def __init__(self, clocks: Clocks, unseal: Unseal | None) -> None:
        self._clocks = clocks
        self._unseal = unseal

    def show(self, application: UUID, status: Status, item: Item | None, answers: Mapping[str, Any] | None) -> Shown:
        """``answers`` are those in the clear; without them only the steps that departments named are shown."""
        flow = self._flow(status, item, answers)
        not_accepted = self._not_accepted(status)
        promised = self._promised(status, item)
        appeals = [self._appeal(one) for one in status.appeals]
        proofs = proofs_shown(status.proofs, item, self._department)
        final = status.state in FINAL_STATES
        return Shown(
            application=application,
            number=status.number,
            as_of=self._clocks.now,
            state=status.state,
            state_name=STATE_NAMES[status.state],
            final=final,
            position=status.intake_position,
            version=status.version,
            item=self._item(status, item),
            submitted_at=status.submitted_at,
            received_at=status.received_at,
            accepted_at=status.accepted_at,
            deemed=status.deemed,
            withdrawn_at=status.withdrawn_at,
            next=next_words(status, flow, not_accepted, promised, appeals, proofs),
            clock=None if final or item is None else self._case_clock(status, item, answers or {}, flow),
            extension=self._extension(status.extension, None),
            flow=flow,
            corrections=[self._correction(one, status, item) for one in status.corrections],
            promised=promised,
            proofs=proofs,
            not_accepted=not_accepted,
            annulments=[self._annulment(one, item) for one in status.annulments],
            appeals=appeals,
            certificate=self._certificate(status),
            acts=self._acts(status, item),
            notifications={
                channel: shown.DeliveriesShown(sent=ended.sent, failed=ended.failed, why=failure_words(ended))
                for channel, ended in status.notifications.items()
            },
            timeline=[self._happened(entry, item) for entry in status.timeline],
        )

    def _case_clock(
        self, status: Status, item: Item, answers: Mapping[str, Any], flow: Sequence[FlowStep]
    ) -> shown.ClockShown | None:
        if flow and all(step.state == "granted" for step in flow):
            return self._clocks.delivery(status, item, answers)
        return self._clocks.case(status, item, answers, [step.clock for step in flow if step.clock is not None])

    def _department(self, department: str) -> shown.Department:
        known = self._clocks.departments.get(department)
        name = Text(department, department) if known is None else known.name
        return shown.Department(id=department, name=Words(zh=name.zh, en=name.en))

    def _open(self, field: str, sealed: str | None) -> str | None:
        return None if sealed is None or self._unseal is None else self._unseal(field, sealed)

    def _item(self, status: Status, item: Item | None) -> shown.ItemShown | None:
        if status.item is None:
            return None
        name = None if item is None else Words(zh=item.name.zh, en=item.name.en)
        return shown.ItemShown(code=status.item.code, version=status.item.version, name=name)

    def _flow(self, status: Status, item: Item | None, answers: Mapping[str, Any] | None) -> list[FlowStep]:
        steps = list(applicable_steps(item, answers)) if item is not None and answers is not None else []
        known = {step.id for step in steps}
        if item is not None:
            steps += [item.step(name) for name in status.steps if name not in known and item.has_step(name)]
        levels = step_levels(steps)
        found = [self._step(status, item, step, levels, answers or {}) for step in steps if item is not None]
        found += [self._unknown_step(status, name) for name in status.steps if item is None or not item.has_step(name)]
        return sorted(found, key=lambda step: step.level)

    def _step(
        self, status: Status, item: Item, step: Step, levels: Mapping[str, int], answers: Mapping[str, Any]
    ) -> FlowStep:
        told = status.steps.get(step.id)
        flow_step = FlowStep(
            step=step.id,
            name=Words(zh=step.name.zh, en=step.name.en),
            department=self._department(told.department if told is not None else _department_of(step, answers)),
            level=levels[step.id],
            needs=sorted(step.needed & levels.keys()),
            state="not-open",
            quorum=step.quorum,
        )
        clock = None if status.state in FINAL_STATES else self._clocks.step(status, item, step)
        return self._with_progress(status, flow_step, step).model_copy(update={"clock": clock})

    def _unknown_step(self, status: Status, name: str) -> FlowStep:
        department = self._department(status.steps[name].department)
        words = Words(zh=name, en=name)
        step = FlowStep(step=name, name=words, department=department, level=0, needs=[], state="not-open")
        return self._with_progress(status, step, None)

    def _with_progress(self, status: Status, step: FlowStep, declared: Step | None) -> FlowStep:
        told = status.steps.get(step.step)
        ended = status.state in FINAL_STATES
        if told is None:
            return step.model_copy(update={"state": "stopped"}) if ended else step
        return step.model_copy(
            update={
                "state": "stopped" if ended and told.decided_at is None else told.state,
                "round": told.round,
                "opened_at": told.opened_at,
                "decided_at": told.decided_at,
                "decided_by": told.decided_by,
                "decision": None if told.decision is None else UUID(told.decision),
                "deemed": told.deemed,
                "conditional": told.conditional,
                "concurred": told.concurred,
                "reason_code": told.reason_code,
                "reason": self._open(refusal_field(step.step), told.reason),
                "late": any(alert.over and alert.limit == "legal" for alert in told.alerts),
                "extension": self._extension(told.extension, step.step),
                "procedures": _procedures(told, declared),
                "opinions": [self._opinion(one, declared) for one in told.opinions],
            }
        )

    def _opinion(self, told: Opinion, step: Step | None) -> shown.OpinionShown:
        declared = None if step is None else step.opinion(told.opinion)
        return shown.OpinionShown(
            opinion=told.opinion,
            name=_words(None if declared is None else declared.name, told.opinion),
            asked=self._department(told.asked),
            asked_at=told.asked_at,
            answered_at=told.answered_at,
            agrees=told.agrees,
            lapsed_at=told.lapsed_at,
            words=_opinion_words(told),
        )

    def _extension(self, told: Extension | None, step: str | None) -> shown.ExtensionShown | None:
        if told is None:
            return None
        return shown.ExtensionShown(
            by=limit_shown(told.by.number, told.by.unit),
            at=told.at,
            department=self._department(told.department),
            reason=self._open(extension_field(step), told.reason),
        )

    def _correction(self, told: Correction, status: Status, item: Item | None) -> shown.CorrectionShown:
        if told.step is not None:
            field = correction_field(told.step)
        else:
            notices = [one.id for one in status.corrections if one.step is None]
            field = f"{NOTICE_FIELD}/{1 + notices.index(told.id)}"
        return shown.CorrectionShown(
            request=UUID(told.id),
            step=told.step,
            department=self._department(told.department),
            fields=list(told.fields),
            materials=[shown.MaterialShown(id=name, name=_material(item, name)) for name in told.materials],
            requested_at=told.requested_at,
            answered_at=told.answered_at,
            open=told.open and status.state not in FINAL_STATES,
            message=self._open(field, told.message),
        )

    def _promised(self, status: Status, item: Item | None) -> list[shown.PromisedMaterial]:
        told = status.promise
        if told is None:
            return []
        return [
            shown.PromisedMaterial(
                id=name,
                name=_material(item, name),
                state="brought" if name in told.brought else "overdue" if name in told.overdue else "awaited",
                due=None if item is None else self._clocks.promise(status, item, name),
            )
            for name in told.materials
        ]

    def _not_accepted(self, status: Status) -> shown.NotAcceptedShown | None:
        told = status.not_accepted
        if told is None:
            return None
        return shown.NotAcceptedShown(
            decision=UUID(told.decision),
            at=told.at,
            department=self._department(told.department),
            reason_code=told.reason_code,
            reason=self._open(NON_ACCEPTANCE_FIELD, told.reason),
            right_authority=told.right_authority,
        )

    def _annulment(self, told: Annulment, item: Item | None) -> shown.AnnulmentShown:
        return shown.AnnulmentShown(
            step=told.step,
            step_name=_step_name(item, told.step) or Words(zh=told.step, en=told.step),
            department=self._department(told.department),
            at=told.at,
            reopen=told.reopen,
            reason_code=told.reason_code,
            reason=self._open(annulment_field(told.step), told.reason),
        )

    def _appeal(self, told: Appeal) -> shown.AppealShown:
        text = None if told.step is None else self._open(appeal_decision_field(told.step), told.text)
        return shown.AppealShown(
            appeal=UUID(told.id),
            decision=UUID(told.decision),
            step=told.step,
            way=told.way,
            filed_at=told.filed_at,
            department=None if told.department is None else self._department(told.department),
            decided_at=told.decided_at,
            outcome=told.outcome,
            text=text,
            words=_appeal_words(told),
        )

    def _certificate(self, status: Status) -> shown.CertificateShown | None:
        told = status.certificate
        if told is None:
            return None
        return shown.CertificateShown(
            number=told.number,
            kind=told.kind,
            issuer=self._department(told.issuer),
            verification=told.verification,
            issued_at=told.issued_at,
            valid_until=told.valid_until,
            revoked_at=told.revoked_at,
            cause=told.cause,
        )

    def _acts(self, status: Status, item: Item | None) -> list[shown.ActShown]:
        by_code = {one.uscc: name for name, one in self._clocks.departments.items()}
        return [
            shown.ActShown(
                number=act.number,
                kind=act.kind,
                name=act_name(act.kind),
                issued_on=act.issued_on,
                department=None
                if (name := act.department or by_code.get(act.body)) is None
                else self._department(name),
                body=act.body,
                step=act.step,
                step_name=_step_name(item, act.step),
                sha256=act.sha256,
            )
            for act in status.acts
        ]

    def _happened(self, entry: TimelineEntry, item: Item | None) -> shown.Happened:
        _, kind, *rest = entry.source.split("/")
        return shown.Happened(
            time=entry.time,
            id=UUID(entry.id),
            type=entry.type,
            name=EVENT_NAMES[entry.type],
            source=entry.source,
            department=self._department(rest[0]) if kind in ("approvals", "certificates") and rest else None,
            step=entry.step,
            step_name=_step_name(item, entry.step),
            trace_id=entry.trace,
        )


def act_name(kind: str) -> Words:
    """What an act of this kind is called; kinds are open, so one that is not known goes by its code."""
    return {str(name): words for name, words in ACT_NAMES.items()}.get(kind, Words(zh=kind, en=kind))


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


def _department_of(step: Step, answers: Mapping[str, Any]) -> str:
    """Who will decide it; the role's name while the answers do not say."""
    try:
        return step.department_of(answers)
    except NoDepartmentError:
        return step.role


def _procedures(told: StepStatus, step: Step | None) -> list[shown.ProcedureShown]:
    found = []
    for stop in told.stops:
        if stop.round == told.round:
            declared = None if step is None else step.procedure(stop.procedure)
            found.append(
                shown.ProcedureShown(
                    procedure=stop.procedure,
                    name=_words(None if declared is None else declared.name, stop.procedure),
                    begin=stop.begin,
                    end=stop.end,
                    expected=limit_shown(stop.expected.number, stop.expected.unit),
                )
            )
    return found


def _opinion_words(told: Opinion) -> Words:
    if told.agrees is not None:
        return Words(zh="同意", en="agrees") if told.agrees else Words(zh="不同意", en="does not agree")
    if told.silence == "deemed":
        return Words(zh="逾期未回复，视为同意", en="no answer in time: counts as consent")
    if told.silence == "escalate":
        return Words(zh="逾期未回复，已报上级", en="no answer in time: its supervisor was told")
    if told.lapsed_at is not None:
        return Words(zh="逾期未回复", en="no answer in time")
    return Words(zh="等待回复", en="awaited")


def _appeal_words(told: Appeal) -> Words:
    way = _WAYS.get(told.way, Words(zh=told.way, en=told.way))
    if told.outcome is None:
        return Words(zh=f"{way.zh}：审查中", en=f"{way.en}: being examined")
    if told.outcome == "annulled":
        return Words(zh=f"{way.zh}：原决定撤销", en=f"{way.en}: the decision is annulled")
    return Words(zh=f"{way.zh}：维持原决定", en=f"{way.en}: the decision stands")


def _step_name(item: Item | None, step: str | None) -> Words | None:
    if item is None or step is None or not item.has_step(step):
        return None
    return _words(item.step(step).name, step)


def _material(item: Item | None, name: str) -> Words:
    declared = None if item is None else item.material(name)
    return _words(None if declared is None else declared.name, name)


def _words(text: Text | None, otherwise: str) -> Words:
    return Words(zh=otherwise, en=otherwise) if text is None else Words(zh=text.zh, en=text.en)
