"""How tasks, opinions and cases are shown to officers."""

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request
from tongban_catalog.basis import Ground
from tongban_catalog.form import NOTHING
from tongban_catalog.grounds import annulment_grounds, refusal_grounds
from tongban_catalog.item import Item
from tongban_runtime.auth import Caller, officer
from tongban_runtime.json_bodies import is_storable
from tongban_runtime.paging import moment_of
from tongban_runtime.problems import Problem
from tongban_runtime.sealing import CaseKeys
from tongban_schemas.events.approvals import (
    ApprovalGranted,
    ApprovalRefused,
    correction_field,
    grant_field,
    opinion_field,
    refusal_field,
)

from tongban_approvals.actions.desk import Desk, OpenCase
from tongban_approvals.actions.opening import opened
from tongban_approvals.api import bodies
from tongban_approvals.api.bodies import Colour, Name
from tongban_approvals.api.names import Departments, Resources, department_name, name_of
from tongban_approvals.api.proofs import evidence_of
from tongban_approvals.api.wanted import appeals_of, grounds_field
from tongban_approvals.casework import Casework
from tongban_approvals.domain import Due, dues
from tongban_approvals.domain.evidence import correctable_fields
from tongban_approvals.domain.steps import OpinionRequest
from tongban_approvals.store import AskedOpinion, DeskTask

Officer = Annotated[Caller, Depends(officer)]


def casework_of(request: Request) -> Casework:
    casework: Casework = request.app.state.casework
    return casework


def colour(task: DeskTask, now: datetime) -> Colour:
    """Red once the first limit has passed, yellow from its warning on; never by an estimate."""
    if task.provisional or task.due_at is None:
        return "normal"
    if task.due_at <= now:
        return "red"
    return "yellow" if task.warn_at is not None and task.warn_at <= now else "normal"


def summary(task: DeskTask, item: Item, known: Departments, now: datetime) -> dict[str, Any]:
    return {
        "application": task.application,
        "step": task.step,
        "step_name": name_of(item.step(task.step).name),
        "item": task.item,
        "item_name": name_of(item.name),
        "department": task.department,
        "department_name": department_name(known, task.department),
        "round": task.round,
        "state": task.state,
        "officer": task.officer,
        "decided_by": task.decided_by,
        "opened_at": task.opened_at,
        "due_at": task.due_at,
        "provisional": task.provisional,
        "colour": colour(task, now),
        "decided_at": task.decided_at,
        "flagged": task.flagged,
        "version": task.version,
    }


def detail(desk: Desk, known: Departments, resources: Resources, keys: CaseKeys) -> bodies.TaskDetail:
    history, step = desk.history, desk.step
    running = [
        due for due in dues(history, desk.item, desk.around.almanac, desk.casework.departments) if due.step == step.id
    ]
    undecided = history.undecided(step.id) and not history.over
    return bodies.TaskDetail(
        **summary(desk.task, desk.item, known, desk.now),
        submitted_at=history.submitted_at,
        number=history.number,
        grant=None if step.grant is None else step.grant.schema,
        grounds=_grounds(refusal_grounds(step)),
        annulment_grounds=_grounds(annulment_grounds()),
        answers=answers_of(desk, keys),
        evidence=evidence_of(desk, step, resources, keys),
        promised=sorted(history.outstanding),
        decisions=_decisions(desk, known, keys),
        corrections=[
            bodies.Correction(
                request=one.request,
                fields=list(one.fields),
                materials=list(one.materials),
                message=opened(keys, correction_field(step.id), one.message),
                at=one.at,
                answered=one.answered,
            )
            for one in history.corrections.get(step.id, ())
        ],
        limits=[bodies.RunningLimit(**limit_of(due)) for due in running],
        may_extend=undecided and step.extension is not None and bool(running) and step.id not in history.extensions,
        procedures=_procedures(desk),
        may_start=[one.id for one in step.procedures],
        opinions=[_asked_for(desk, one, known, keys) for one in history.opinions.get(step.id, ())],
        needs=history.unmet(desk.item, step) if undecided else [],
        quorum=step.quorum,
        agreed=len(history.concurring.get(step.id, ())),
        appeals=_appeals(desk, keys),
    )


def limit_of(due: Due) -> dict[str, Any]:
    return {
        "limit": due.limit,
        "due_at": due.end.at,
        "warn_at": due.warn.at if due.warn is not None else None,
        "provisional": due.end.provisional,
        "extended": due.extended,
    }


def answers_of(case: OpenCase, keys: CaseKeys) -> list[bodies.Answer]:
    """In the order of the form. Personal answers stay closed where their key was not given."""
    form, history = case.item.form, case.history
    correctable = correctable_fields(history.proofs, case.item)
    names = [name for name in form.fields if name in history.answers or name in history.sealed]
    names += sorted((history.answers.keys() | history.sealed.keys()) - form.fields.keys())
    found = []
    for name in names:
        sealed = history.sealed.get(name)
        value = history.answers.get(name) if sealed is None else opened(keys, name, sealed)
        found.append(
            bodies.Answer(
                field=name,
                label=name_of(form.label(name)),
                value=value,
                personal=sealed is not None,
                correctable=name in correctable,
            )
        )
    return found


def _decisions(desk: Desk, known: Departments, keys: CaseKeys) -> list[bodies.StepDecision]:
    """The newest of every step, in the order in which they were made."""
    standing = desk.history.standing
    found = []
    for one in sorted(standing.latest.values(), key=lambda one: (one.at, one.step)):
        told = one.told.data
        assert isinstance(told, ApprovalGranted | ApprovalRefused)
        refusal = told if isinstance(told, ApprovalRefused) else None
        says = [] if isinstance(told, ApprovalRefused) else _says(desk, told, keys)
        found.append(
            bodies.StepDecision(
                decision=one.id,
                step=one.step,
                step_name=name_of(desk.item.step(one.step).name),
                department=one.department,
                department_name=department_name(known, one.department),
                round=one.round,
                counts=one.step in standing.counting,
                granted=one.granted,
                deemed=isinstance(told, ApprovalGranted) and told.deemed,
                decided_by=told.decided_by,
                at=one.at,
                says=says,
                reason_code=refusal.reason_code if refusal else None,
                reason=opened(keys, refusal_field(one.step), refusal.reason if refusal else None),
                act=told.act.number if told.act else None,
            )
        )
    return found


def _grounds(known: Mapping[str, Ground]) -> list[bodies.Ground]:
    return [
        bodies.Ground(reason_code=one.id, name=name_of(one.name), basis=[name_of(basis.says) for basis in one.basis])
        for one in known.values()
    ]


def _says(desk: Desk, told: ApprovalGranted, keys: CaseKeys) -> list[bodies.GrantedValue]:
    form = desk.item.step(told.step).grant or NOTHING
    values = {name: opened(keys, grant_field(told.step, name), sealed) for name, sealed in told.sealed.items()}
    values |= told.fields
    order = [*(name for name in form.fields if name in values), *sorted(values.keys() - form.fields.keys())]
    return [bodies.GrantedValue(field=name, label=name_of(form.label(name)), value=values[name]) for name in order]


def _procedures(desk: Desk) -> list[bodies.Procedure]:
    found = []
    for one in desk.history.procedures.get(desk.id, ()):
        declared = desk.step.procedure(one.procedure)
        name = Name(zh=one.procedure, en=one.procedure) if declared is None else name_of(declared.name)
        found.append(
            bodies.Procedure(
                stop=one.id,
                procedure=one.procedure,
                name=name,
                expected=one.expected,
                begun_at=one.at,
                ended_at=one.resumed_at,
            )
        )
    return found


def _asked_for(desk: Desk, one: OpinionRequest, known: Departments, keys: CaseKeys) -> bodies.AskedFor:
    declared = desk.step.opinion(one.opinion)
    state = "asked" if one.pending else "given" if one.answered_at is not None else "lapsed"
    return bodies.AskedFor(
        opinion=one.opinion,
        name=Name(zh=one.opinion, en=one.opinion) if declared is None else name_of(declared.name),
        asked=one.asked,
        asked_name=department_name(known, one.asked),
        state=state,
        silence=declared.silence if declared else None,
        asked_at=one.at,
        agrees=one.agrees,
        text=opened(keys, opinion_field(one.step, one.opinion), one.text),
    )


def _appeals(desk: Desk, keys: CaseKeys) -> list[bodies.AppealSeen]:
    return [
        bodies.AppealSeen(
            appeal=one.id,
            decision=one.decision,
            way=one.way,
            grounds=opened(keys, grounds_field(one), one.grounds),
            at=one.at,
            outcome=one.outcome,
        )
        for one in appeals_of(desk)
    ]


def opinion_summary(one: AskedOpinion, item: Item, known: Departments) -> dict[str, Any]:
    step = item.step(one.step)
    declared = step.opinion(one.opinion)
    return {
        **{name: getattr(one, name) for name in AskedOpinion.__dataclass_fields__},
        "step_name": name_of(step.name),
        "name": Name(zh=one.opinion, en=one.opinion) if declared is None else name_of(declared.name),
        "item_name": name_of(item.name),
        "department_name": department_name(known, one.department),
        "asked_name": department_name(known, one.asked),
        "silence": declared.silence if declared else None,
    }


def write_cursor(*place: object) -> str:
    raw = json.dumps([str(part.isoformat() if isinstance(part, datetime) else part) for part in place])
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def read_cursor(cursor: str | None, length: int) -> list[Any] | None:
    """The place that a cursor of ours names: an instant, an id, and texts. Raises `Problem` 422."""
    if cursor is None:
        return None
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        instant, texts = moment_of(parts[0]), [str(part) for part in parts[2:]]
        if len(parts) != length or not is_storable(texts):
            raise ValueError("not a cursor of ours")
        return [instant, UUID(parts[1]), *texts]
    except (ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
        raise invalid_cursor() from error


def invalid_cursor() -> Problem:
    return Problem(
        422,
        "invalid-cursor",
        "参数 after 无效，请使用上一页返回的 next。",
        "The parameter after is not valid: use next of the page before.",
    )
