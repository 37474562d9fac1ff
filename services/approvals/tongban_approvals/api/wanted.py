"""Which fields of a case are opened for an officer who looks: what is there to be seen, and no more."""

from tongban_catalog.item import all_granted
from tongban_catalog.parts import Step
from tongban_runtime.auth import Caller
from tongban_runtime.sealing import CaseKeys
from tongban_schemas.events.applications import APPEAL_FIELD
from tongban_schemas.events.approvals import (
    ApprovalGranted,
    ApprovalRefused,
    correction_field,
    grant_field,
    opinion_field,
    refusal_field,
)
from tongban_schemas.events.evidence import evidence_field, evidence_text_field

from tongban_approvals.actions import opinions
from tongban_approvals.actions.desk import Desk, OpenCase
from tongban_approvals.actions.opening import keys_if_open
from tongban_approvals.domain.evidence import seen_proofs
from tongban_approvals.domain.scope import seen_answers
from tongban_approvals.domain.steps import Appeal, OpinionRequest
from tongban_approvals.store import AskedOpinion


async def keys_of_task(desk: Desk) -> CaseKeys:
    """For the step's inputs and its own texts while the case runs, for the words about its decision once it is settled.

    None for a case that the vault holds to be closed. Raises `KeysRefusedError`, `VaultUnavailableError`.
    """
    settled = is_settled(desk)
    fields = _words(desk) if settled else _words(desk) | _matter(desk)
    return await keys_if_open(desk.casework.keyring, desk.key_request("remedy" if settled else "decide", fields))


async def keys_of_opinion(case: OpenCase, caller: Caller, asked: AskedOpinion, told: OpinionRequest | None) -> CaseKeys:
    """For what the asked department looks at while it is asked, and for what it answered. None once the case is settled.

    Raises `KeysRefusedError`, `VaultUnavailableError`.
    """
    if is_settled(case):
        return CaseKeys()
    fields: set[str] = set()
    if asked.state == "asked":
        fields |= _inputs(case, case.item.step(asked.step))
    if told is not None and told.text is not None:
        fields.add(opinion_field(asked.step, asked.opinion))
    return await keys_if_open(case.casework.keyring, opinions.key_request(asked, caller, frozenset(fields)))


def is_settled(case: OpenCase) -> bool:
    """Whether nothing of the case is left to decide."""
    history = case.history
    return history.over or all_granted(case.item, history.answers, history.standing.granted)


def grounds_field(appeal: Appeal) -> str:
    return f"{APPEAL_FIELD}/{appeal.decision}"


def appeals_of(desk: Desk) -> list[Appeal]:
    """Those against decisions of the step."""
    decisions = desk.history.standing.decisions
    return [
        one for one in desk.history.appeals if one.decision in decisions and decisions[one.decision].step == desk.id
    ]


def _inputs(case: OpenCase, step: Step) -> frozenset[str]:
    """The fields of the personal answers and proofs that the step looks at, and of why a source refused one."""
    found = set(seen_answers(step, case.history.sealed))
    for one in seen_proofs(case.history.proofs, case.item, step):
        found |= {evidence_field(one.material, name) for name in one.sealed}
        if one.refusal is not None:
            found.add(evidence_text_field(one.material))
    return frozenset(found)


def _words(desk: Desk) -> frozenset[str]:
    """The fields of why the step was refused, and why that was appealed against."""
    found = {grounds_field(one) for one in appeals_of(desk)}
    latest = desk.history.standing.latest.get(desk.id)
    if latest is not None and isinstance(latest.told.data, ApprovalRefused):
        found.add(refusal_field(desk.id))
    if latest is not None and isinstance(latest.told.data, ApprovalGranted):
        found |= {grant_field(desk.id, name) for name in latest.told.data.sealed}
    return frozenset(found)


def _matter(desk: Desk) -> frozenset[str]:
    """The fields of what the step decides on, and of what was said on the way."""
    history, step = desk.history, desk.step
    found = set(_inputs(desk, step))
    if history.corrections.get(step.id):
        found.add(correction_field(step.id))
    found |= {opinion_field(one.step, one.opinion) for one in history.opinions.get(step.id, ()) if one.text is not None}
    return frozenset(found)
