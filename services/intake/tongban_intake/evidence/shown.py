"""A case's proofs as its applicant sees them: every one with its values in the clear, its source, its rule; and every field
of the form with where it comes from.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field
from tongban_catalog.department import Department
from tongban_catalog.form import Text
from tongban_catalog.item import asked_materials
from tongban_catalog.proofs import Proof, ProofState
from tongban_catalog.resource import Resource
from tongban_runtime.sealing import CaseKeys, SealBrokenError
from tongban_schemas.events.evidence import (
    EvidenceDisputeAnswered,
    EvidenceRefused,
    Grade,
    UploadReason,
    evidence_field,
    evidence_text_field,
)
from tongban_schemas.types import ItemRef

from tongban_intake.evidence.answers import source_of
from tongban_intake.evidence.asking import MAX_ATTEMPTS, attempts, basis_text
from tongban_intake.evidence.picture import Picture
from tongban_intake.presentation import Words

Origin = Literal["asked", "fetched", "awaited", "derived", "signed-in"]
"""``asked`` of the person, ``fetched`` from a register, ``awaited``: on its way from one; ``derived``: a rule of the item says
that something else stands in for it; ``signed-in``: the verified sign-in says it."""
_REFETCHED: frozenset[ProofState] = frozenset({"failed", "not-recorded"})


class GivenValue(BaseModel):
    """One field of a record. ``answer`` is the answer of the form that it fills in."""

    field: str
    label: Words
    value: Any
    answer: str | None = None


class CorrectedAt(BaseModel):
    """That the record changed at its source after it was given."""

    at: datetime
    changed: list[str]
    withdrawn: bool


class DisputeAnswer(BaseModel):
    """What the source found when the person said that the record is wrong."""

    at: datetime
    outcome: Literal["corrected", "upheld"]
    text: str | None


class RuleShown(BaseModel):
    """The rule that puts something else in a proof's place, and the proofs that it rests on."""

    number: int
    stands_in: Words
    basis: str
    rests_on: list[str]


class ProofDetail(BaseModel):
    """One proof, with its values."""

    material: str
    name: Words
    state: ProofState | Literal["not-asked"]
    pending: bool = Field(description="Somebody else has still to answer; there is nothing to do.")
    resource: str | None = None
    resource_name: Words | None = None
    provider: str | None = None
    provider_name: Words | None = None
    requested_at: datetime | None = None
    expires: datetime | None = None
    at: datetime | None = Field(default=None, description="When it came to the state that it is in.")
    grade: Grade | None = None
    values: list[GivenValue] = []
    recorded_at: datetime | None = Field(default=None, description="When the register last changed the record.")
    valid_until: datetime | None = None
    reason: str | None = Field(default=None, description="Why it was refused or failed, as a code.")
    text: str | None = Field(default=None, description="The words of a refusal.")
    disputed: UUID | None = Field(default=None, description="Event id of the dispute that is open.")
    disputed_at: datetime | None = None
    dispute_answer: DisputeAnswer | None = None
    corrections: list[CorrectedAt] = []
    rule: RuleShown | None = None
    required: bool = Field(default=True, description="It is asked for these answers.")
    own: bool = Field(default=False, description="The applicant makes the document; nobody issues it.")
    upload_allowed: bool = False
    upload_reason: UploadReason | None = Field(
        default=None, description="Why a file may be brought, or was: what called for it."
    )
    replace_allowed: bool = Field(
        default=False, description="Another file may be brought in place of the one that was."
    )
    refetch_allowed: bool = False
    overdue: bool = False


class OriginShown(BaseModel):
    """Where one answer of the form, or one material, comes from."""

    field: str = Field(description="The answer's name, or ``materials.`` and the material's id.")
    label: Words
    origin: Origin
    value: Any = Field(default=None, description="What was fetched, or the sign-in says.")
    material: str | None = Field(default=None, description="The proof that it comes with.")
    provider: str | None = None
    provider_name: Words | None = None
    at: datetime | None = None
    failed: bool = Field(default=False, description="It is asked because a register could not say it.")


class CaseProofs(BaseModel):
    """All proofs of a case. ``pending``: how many are on their way."""

    case: UUID
    item: ItemRef
    consented_at: datetime | None
    pending: int
    position: int = Field(description="Intake's own count of events of this case.")
    proofs: list[ProofDetail]
    origins: list[OriginShown]


def may_refetch(proof: Proof) -> bool:
    """Whether its source may be asked once more: it could not give the proof, or took it back."""
    return proof.state in _REFETCHED or proof.withdrawn


def case_proofs(
    seen: Picture, resources: Mapping[str, Resource], bodies: Mapping[str, Department], position: int
) -> CaseProofs:
    """Everything about the proofs of one case."""
    names = _Names(resources, bodies)
    sourced = {one.material for one in seen.item.sources}
    asked = {one.id for one in asked_materials(seen.item, seen.answered.plain)}
    found = [
        proof_detail(seen, material, names.resources, names.bodies)
        for material in (one.id for one in seen.item.materials)
        if material in sourced or material in seen.proofs or material in asked
    ]
    return CaseProofs(
        case=seen.case,
        item=seen.item.ref,
        consented_at=None if seen.consent is None else seen.consent.at,
        pending=sum(one.pending for one in found),
        position=position,
        proofs=found,
        origins=origins(seen, bodies),
    )


def proof_detail(
    seen: Picture, material: str, resources: Mapping[str, Resource], bodies: Mapping[str, Department]
) -> ProofDetail:
    """One proof with its values opened."""
    names = _Names(resources, bodies)
    known = seen.item.material(material)
    name = names.words(None if known is None else known.name, material)
    proof = seen.proofs.get(material)
    call = seen.call_for(material) if seen.runs else None
    upload: dict[str, Any] = {
        "required": any(one.id == material for one in asked_materials(seen.item, seen.answered.plain)),
        "own": known is not None and known.own,
        "upload_allowed": call is not None and call.before is None,
        "replace_allowed": call is not None and call.before is not None,
        "upload_reason": call.reason if call is not None else None if proof is None else proof.uploaded_for,
    }
    if proof is None:
        source = next((one for one in seen.item.sources if one.material == material), None)
        resource = None if source is None else resources.get(source.resource)
        provider = None if resource is None else resource.provider
        return ProofDetail(
            material=material,
            name=name,
            state="not-asked",
            pending=False,
            resource=None if source is None else source.resource,
            resource_name=None if source is None else names.resource(source.resource),
            provider=provider,
            provider_name=names.body(provider),
            **upload,
        )
    keys = seen.keys or CaseKeys()
    return ProofDetail(
        material=material,
        name=name,
        state=proof.state,
        pending=proof.pending,
        resource=proof.resource,
        resource_name=names.resource(proof.resource),
        provider=proof.provider,
        provider_name=names.body(proof.provider),
        requested_at=proof.requested_at,
        expires=proof.expires,
        at=proof.at,
        grade=proof.grade,
        values=given_values(seen, proof, keys, resources),
        recorded_at=proof.recorded_at,
        valid_until=proof.valid_until,
        reason=proof.reason,
        text=_refusal(seen, proof, keys),
        disputed=None if proof.disputed is None else UUID(proof.disputed),
        disputed_at=next((fact.time for fact in seen.facts if str(fact.id) == proof.disputed), None),
        dispute_answer=_dispute_answer(seen, proof, keys),
        corrections=[
            CorrectedAt(at=one.at, changed=list(one.changed), withdrawn=one.withdrawn) for one in proof.corrections
        ],
        rule=_rule(seen, proof),
        refetch_allowed=may_refetch(proof) and attempts(seen.facts, material) < MAX_ATTEMPTS,
        overdue=proof.overdue,
        **upload,
    )


def given_values(seen: Picture, proof: Proof, keys: CaseKeys, resources: Mapping[str, Resource]) -> list[GivenValue]:
    """What a source gave, in the order in which it was asked; a value that does not open any more is null."""
    source = source_of(seen.item, proof)
    answers = {} if source is None else {field: answer for answer, field in source.supplies.items()}
    order = list(source.fields) if source is not None else sorted({*proof.values, *proof.sealed})
    resource = None if proof.resource is None else resources.get(proof.resource)
    found = []
    for name in order:
        field = None if resource is None else resource.field(name)
        label = Words(zh=name, en=name) if field is None else Words(zh=field.name.zh, en=field.name.en)
        if name in proof.sealed:
            value: Any = opened(keys, evidence_field(proof.material, name), proof.sealed[name])
        elif name in proof.values:
            value = proof.values[name]
        else:
            continue
        found.append(GivenValue(field=name, label=label, value=value, answer=answers.get(name)))
    return found


def origins(seen: Picture, bodies: Mapping[str, Department]) -> list[OriginShown]:
    """Where every answer of the form and every material comes from."""
    names, told, form = _Names({}, bodies), seen.answered, seen.item.form
    values = seen.open_fetched()
    found = []
    for name in form.fields:
        label = names.words(form.label(name), name)
        if (one := told.fetched.get(name)) is not None:
            found.append(
                OriginShown(
                    field=name,
                    label=label,
                    origin="fetched",
                    value=values[name],
                    material=one.material,
                    provider=one.provider,
                    provider_name=names.body(one.provider),
                    at=one.at,
                )
            )
        elif (source := told.awaited.get(name)) is not None and seen.consent is not None:
            found.append(OriginShown(field=name, label=label, origin="awaited", material=source.material))
        else:
            found.append(OriginShown(field=name, label=label, origin="asked", failed=name in told.given_up))
    for material in seen.item.materials:
        proof = seen.proofs.get(material.id)
        if proof is None or (proof.state not in ("provided", "substituted") and not proof.pending):
            continue
        origin: Origin = (
            "derived" if proof.state == "substituted" else "fetched" if proof.state == "provided" else "awaited"
        )
        found.append(
            OriginShown(
                field=f"materials.{material.id}",
                label=names.words(material.name, material.id),
                origin=origin,
                material=material.id,
                provider=proof.provider,
                provider_name=names.body(proof.provider),
                at=proof.at,
            )
        )
    return found


def opened(keys: CaseKeys, field: str, sealed: str) -> str | None:
    """A value in the clear; None when it does not open (any more)."""
    try:
        return keys.open(field, sealed)
    except SealBrokenError:
        return None


class _Names:
    def __init__(self, resources: Mapping[str, Resource], bodies: Mapping[str, Department]) -> None:
        self.resources = resources
        self.bodies = bodies

    def body(self, department: str | None) -> Words | None:
        if department is None:
            return None
        body = self.bodies.get(department)
        return self.words(None if body is None else body.name, department)

    def resource(self, resource: str | None) -> Words | None:
        if resource is None:
            return None
        known = self.resources.get(resource)
        return self.words(None if known is None else known.name, resource)

    @staticmethod
    def words(text: Text | None, otherwise: str) -> Words:
        return Words(zh=otherwise, en=otherwise) if text is None else Words(zh=text.zh, en=text.en)


def _refusal(seen: Picture, proof: Proof, keys: CaseKeys) -> str | None:
    for fact in seen.facts:
        if str(fact.id) == proof.refusal and isinstance(fact.data, EvidenceRefused):
            return opened(keys, evidence_text_field(proof.material), fact.data.reason)
    return None


def _dispute_answer(seen: Picture, proof: Proof, keys: CaseKeys) -> DisputeAnswer | None:
    answers: Sequence[Any] = [
        fact
        for fact in seen.facts
        if isinstance(fact.data, EvidenceDisputeAnswered) and str(fact.data.request) == proof.request
        and fact.source == f"/certificates/{proof.provider}"
    ]  # fmt: skip
    if not answers or proof.disputed is not None:
        return None
    last = max(answers, key=lambda fact: fact.time)
    text = opened(keys, evidence_text_field(proof.material), last.data.text)
    return DisputeAnswer(at=last.time, outcome=last.data.outcome, text=text)


def _rule(seen: Picture, proof: Proof) -> RuleShown | None:
    if proof.rule is None or proof.rule >= len(seen.item.substitutions):
        return None
    rule = seen.item.substitutions[proof.rule]
    rests_on = [name for name, one in seen.proofs.items() if one.provided in proof.rests_on]
    return RuleShown(
        number=proof.rule,
        stands_in=Words(zh=rule.by.zh, en=rule.by.en),
        basis=basis_text(rule.basis),
        rests_on=rests_on,
    )
