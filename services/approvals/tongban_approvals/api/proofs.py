"""How proofs are shown to officers of a step that looks at them."""

from uuid import UUID

from tongban_catalog.parts import Step
from tongban_catalog.proofs import Proof
from tongban_runtime.sealing import CaseKeys
from tongban_schemas.events.evidence import (
    EvidenceProvided,
    EvidenceRefused,
    EvidenceSubstituted,
    evidence_field,
    evidence_text_field,
)

from tongban_approvals.actions.desk import OpenCase
from tongban_approvals.actions.opening import opened
from tongban_approvals.api.bodies import Evidence, FetchedValue, SourceCorrection, SourceRefusal
from tongban_approvals.api.names import Resources, department_name, field_name, name_of
from tongban_approvals.domain.evidence import objection_stage, seen_proofs


def evidence_of(case: OpenCase, step: Step, resources: Resources, keys: CaseKeys) -> list[Evidence]:
    """The proofs of the step, in the item's order of materials; personal values whose keys were given are opened."""
    return [_shown(case, step, one, resources, keys) for one in seen_proofs(case.history.proofs, case.item, step)]


def _shown(case: OpenCase, step: Step, proof: Proof, resources: Resources, keys: CaseKeys) -> Evidence:
    material = case.item.material(proof.material)
    assert material is not None
    provided, told = case.fact(proof.provided), case.fact(proof.fact)
    doubtful = provided is not None and isinstance(provided.data, EvidenceProvided) and provided.data.under_dispute
    rule = told.data if told is not None and isinstance(told.data, EvidenceSubstituted) else None
    return Evidence(
        material=proof.material,
        name=name_of(material.name),
        state=proof.state,
        pending=proof.pending,
        usable=proof.usable,
        grade=proof.grade,
        provider=proof.provider,
        provider_name=department_name(case.around.bodies, proof.provider) if proof.provider else None,
        resource=proof.resource,
        at=proof.at,
        values=_values(proof, resources, keys),
        recorded_at=proof.recorded_at,
        valid_until=proof.valid_until,
        rule=proof.rule,
        basis=rule.basis if rule is not None else None,
        failure=proof.reason if proof.state in ("retrying", "failed") else None,
        refusal=_refusal(case, proof, keys),
        overdue=proof.overdue,
        disputed=proof.disputed is not None or doubtful,
        corrected=bool(proof.corrections),
        corrections=_corrections(case, step, proof),
        uploaded=UUID(proof.uploaded) if proof.uploaded else None,
        uploaded_for=proof.uploaded_for,
        file=proof.uploaded is not None,
    )


def _values(proof: Proof, resources: Resources, keys: CaseKeys) -> list[FetchedValue]:
    return [
        FetchedValue(
            field=name,
            label=field_name(resources, proof.resource, name),
            value=opened(keys, evidence_field(proof.material, name), proof.sealed[name])
            if name in proof.sealed
            else proof.values[name],
            personal=name in proof.sealed,
        )
        for name in sorted(proof.values.keys() | proof.sealed.keys())
    ]


def _refusal(case: OpenCase, proof: Proof, keys: CaseKeys) -> SourceRefusal | None:
    told = case.fact(proof.refusal)
    if told is None or not isinstance(told.data, EvidenceRefused):
        return None
    return SourceRefusal(
        refusal=told.id,
        ground=told.data.ground,
        basis=told.data.basis,
        reason=opened(keys, evidence_text_field(proof.material), told.data.reason),
        stage=told.data.stage,
        at=told.time,
        may_ask_for=objection_stage(proof),
    )


def _corrections(case: OpenCase, step: Step, proof: Proof) -> list[SourceCorrection]:
    decision = case.history.standing.latest.get(step.id)
    rests_on = None if decision is None else decision.rests_on
    return [
        SourceCorrection(
            correction=UUID(one.event),
            at=one.at,
            changed=list(one.changed),
            withdrawn=one.withdrawn,
            after_decision=decision is not None
            and (one.at > decision.at if rests_on is None else UUID(one.event) not in rests_on),
        )
        for one in proof.corrections
    ]
