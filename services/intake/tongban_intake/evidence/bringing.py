"""Whether a person may bring a file for a material, why, and whether it takes the place of another. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from tongban_catalog.item import Item, sources_of, undecided_materials
from tongban_catalog.proofs import Proof
from tongban_schemas.envelope import Event
from tongban_schemas.events.applications import ApplicationCorrectionNoticed
from tongban_schemas.events.approvals import ApprovalCorrectionRequested, ApprovalGranted, ApprovalRefused
from tongban_schemas.events.evidence import EvidenceUploaded, UploadReason

from tongban_intake.domain.history import History

MOST: Final = 9
"""How often one material of one case may be brought."""


@dataclass(frozen=True, slots=True)
class Call:
    """What calls for a file: an event, or the case itself by its item; and the upload that the file takes the place of."""

    because: UUID
    reason: UploadReason
    before: Event | None = None


def call_for(
    case: UUID,
    item: Item,
    material: str,
    facts: Iterable[Event],
    answers: Mapping[str, Any],
    *,
    consented: bool,
) -> Call | None:
    """What calls for a file of this material now; None when nothing does.

    ``answers``: those in the clear. ``consented``: the person agreed to have proofs fetched.
    """
    if item.material(material) is None:
        return None
    history = History.of(str(case), facts, item)
    proof = history.proofs.get(material)
    if (asked := _request(history, material) or _promise(history, material)) is not None:
        return _instead(asked, proof, history, material)
    if proof is None:
        draft = history.submitted is None
        reason = _from_the_start(item, material, answers, consented=consented) if draft else None
        return None if reason is None else Call(case, reason)
    if proof.upload_allowed:
        return Call(UUID(proof.because), "fetch-failed")
    if may_replace(proof, history.facts):
        before = next(fact for fact in history.facts if str(fact.id) == proof.uploaded)
        assert isinstance(before.data, EvidenceUploaded)
        return Call(before.data.because, before.data.reason, before)
    return None


def uploads(facts: Iterable[Event], material: str) -> int:
    """How often a material was brought."""
    return sum(isinstance(fact.data, EvidenceUploaded) and fact.data.material == material for fact in facts)


def may_replace(proof: Proof, facts: Iterable[Event]) -> bool:
    """Whether the person may bring another file: nobody has compared this one with the original or decided on it."""
    facts = tuple(facts)
    if proof.state != "uploaded" or proof.grade == "B" or uploads(facts, proof.material) >= MOST:
        return False
    decisions = (fact.data for fact in facts if isinstance(fact.data, ApprovalGranted | ApprovalRefused))
    return not any(str(one) == proof.uploaded for data in decisions for one in data.rests_on or ())


def brought_for(facts: Iterable[Event], because: UUID) -> dict[str, str]:
    """SHA-256 of the files that were brought because of one event, by material: of each the last."""
    found = [
        (fact.time, str(fact.id), fact.data)
        for fact in facts
        if isinstance(fact.data, EvidenceUploaded) and fact.data.because == because
    ]
    return {data.material: data.sha256 for _, _, data in sorted(found, key=lambda one: one[:2])}


def _request(history: History, material: str) -> Call | None:
    """The newest notice or correction request that asks for the material and was not answered."""
    open_still = [
        fact for fact in history.facts if material in _asked(fact, history) and history.answered(fact.id) is None
    ]
    newest = max(open_still, key=lambda fact: (fact.time, str(fact.id)), default=None)
    return None if newest is None else Call(newest.id, "notice")


def _asked(fact: Event, history: History) -> list[str]:
    match fact.data:
        case ApplicationCorrectionNoticed() as data if history.at_the_desk:
            return data.materials
        case ApprovalCorrectionRequested() as data:
            return data.materials
        case _:
            return []


def _promise(history: History, material: str) -> Call | None:
    if history.accepted is None or material not in history.promised or material in history.materials:
        return None
    return Call(history.accepted.id, "promise")


def _instead(call: Call, proof: Proof | None, history: History, material: str) -> Call | None:
    """The call, in place of the file that was brought for it already."""
    before = next((fact for fact in history.facts if proof is not None and str(fact.id) == proof.uploaded), None)
    if before is None or not isinstance(before.data, EvidenceUploaded) or before.data.because != call.because:
        return call if uploads(history.facts, material) < MOST else None
    return replace(call, before=before) if proof is not None and may_replace(proof, history.facts) else None


def _from_the_start(item: Item, material: str, answers: Mapping[str, Any], *, consented: bool) -> UploadReason | None:
    """Why the item asks for the file at once; None where a source has it, or the answers do not tell yet."""
    if all(one.material != material for one in item.sources):
        return "no-source"
    if not consented:
        return "consent-refused"
    fetched = {one.material for one in sources_of(item, answers)} | undecided_materials(item, answers)
    return None if material in fetched else "no-source"
