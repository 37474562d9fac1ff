"""The proofs of a case as the status shows them."""

from collections.abc import Mapping, Sequence

from tongban_catalog.proofs import Proof, proofs

from tongban_intake.facts import Fact
from tongban_intake.status import model


def proof_statuses(facts: Sequence[Fact]) -> dict[str, model.ProofStatus]:
    """Every proof by material, in the order of the names. ``facts`` are those of evidence alone."""
    return statuses_of(proofs(facts))


def statuses_of(found: Mapping[str, Proof]) -> dict[str, model.ProofStatus]:
    """The same of proofs that were folded already."""
    given = {proof.provided: proof.material for proof in found.values() if proof.provided is not None}
    return {material: _status(proof, given) for material, proof in found.items()}


def _status(proof: Proof, given: Mapping[str, str]) -> model.ProofStatus:
    last = proof.corrections[-1] if proof.corrections else None
    return model.ProofStatus(
        state=proof.state,
        at=proof.at,
        provider=proof.provider,
        resource=proof.resource,
        grade=proof.grade,
        requested_at=proof.requested_at,
        expires=proof.expires,
        recorded_at=proof.recorded_at,
        valid_until=proof.valid_until,
        reason=proof.reason,
        overdue=proof.overdue,
        because=proof.because,
        upload_allowed=proof.upload_allowed,
        disputed=proof.disputed is not None,
        corrected_at=last.at if last is not None else None,
        changed=tuple(sorted({name for one in proof.corrections for name in one.changed})),
        rule=proof.rule,
        rests_on=tuple(sorted({given[name] for name in proof.rests_on if name in given})),
    )
