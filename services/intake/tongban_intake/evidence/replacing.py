"""Whether an uploaded proof may give way to another file. Pure."""

from collections.abc import Iterable
from typing import Final

from tongban_catalog.proofs import Proof
from tongban_schemas.envelope import Event
from tongban_schemas.events.approvals import ApprovalGranted, ApprovalRefused
from tongban_schemas.events.evidence import EvidenceUploaded

MOST: Final = 9
"""How often one proof of one case may be brought."""


def uploads(facts: Iterable[Event], material: str) -> int:
    """How often a proof was brought."""
    return sum(isinstance(fact.data, EvidenceUploaded) and fact.data.material == material for fact in facts)


def may_replace(proof: Proof, facts: Iterable[Event]) -> bool:
    """Whether the person may bring another file: nobody has compared this one with the original or decided on it."""
    facts = tuple(facts)
    if proof.state != "uploaded" or proof.grade == "B" or uploads(facts, proof.material) >= MOST:
        return False
    decisions = (fact.data for fact in facts if isinstance(fact.data, ApprovalGranted | ApprovalRefused))
    return not any(str(one) == proof.uploaded for data in decisions for one in data.rests_on or ())
