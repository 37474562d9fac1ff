"""Where every proof of a case stands: a pure function of the set of facts, shared by all who look at a case.

It reads payloads by the names of their attributes, so the pydantic events and the lean bodies of the status view both do.
An answer counts only when it comes from the source that was asked.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, Protocol

from tongban_schemas.events.evidence import (
    EvidenceChecked,
    EvidenceCorrected,
    EvidenceDisputeAnswered,
    EvidenceDisputed,
    EvidenceFailed,
    EvidenceNotRecorded,
    EvidenceObjected,
    EvidenceOverdue,
    EvidenceProvided,
    EvidenceRefused,
    EvidenceRequested,
    EvidenceSubstituted,
    EvidenceUploaded,
    Grade,
)

ProofState = Literal[
    "waiting", "retrying", "provided", "not-recorded", "refused", "objected", "failed", "substituted", "uploaded"
]
"""``waiting``: asked, not answered; ``retrying``: the source does not answer, it is tried again; ``objected``: refused, and the
refusal is not accepted; ``failed``: for good."""
_UPLOAD_AFTER: frozenset[ProofState] = frozenset({"not-recorded", "refused", "failed"})


class Fact(Protocol):
    """One event: `tongban_schemas.envelope.Event`, or the status view's."""

    @property
    def id(self) -> Any: ...
    @property
    def source(self) -> str: ...
    @property
    def time(self) -> datetime: ...
    @property
    def data(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Correction:
    """The record changed at its source after it was given. ``event`` is an event id."""

    event: str
    at: datetime
    changed: tuple[str, ...]
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class Proof:
    """One proof of a case. Event ids are texts; ``request`` is None for a substitution, and for an upload by itself.

    ``values`` and ``sealed`` hold what the source gave last, corrections laid over it. ``because`` is the event after which
    an upload is allowed. ``fact`` is the event that a decision rests on when it uses the proof.
    """

    material: str
    state: ProofState
    at: datetime
    request: str | None = None
    requested_at: datetime | None = None
    resource: str | None = None
    provider: str | None = None
    asked_by: str | None = None
    expires: datetime | None = None
    grade: Grade | None = None
    fact: str | None = None
    provided: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    sealed: Mapping[str, str] = field(default_factory=dict)
    recorded_at: datetime | None = None
    valid_until: datetime | None = None
    reason: str | None = None
    refusal: str | None = None
    refused_at_stage: str | None = None
    overdue: bool = False
    because: str | None = None
    disputed: str | None = None
    corrections: tuple[Correction, ...] = ()
    rule: int | None = None
    rests_on: tuple[str, ...] = ()
    uploaded: str | None = None

    @property
    def pending(self) -> bool:
        """Whether somebody else has still to answer: the case waits for this proof, the applicant has nothing to do."""
        return self.state in ("waiting", "retrying", "objected")

    @property
    def usable(self) -> bool:
        """Whether a decision may rest on it: grade C may not, until a clerk has seen the original."""
        return self.state in ("provided", "substituted", "uploaded") and self.grade != "C"

    @property
    def upload_allowed(self) -> bool:
        """Whether the applicant may bring it: only after the fetch has failed, on record."""
        return self.because is not None and self.state in _UPLOAD_AFTER


def proofs(facts: Iterable[Fact]) -> dict[str, Proof]:
    """Every proof of one case, by material, in the order of the names. The order and number of the facts do not matter."""
    ordered = sorted(
        {str(fact.id): fact for fact in facts if _is_evidence(fact)}.values(),
        key=lambda fact: (_RANK[fact.data.TYPE], fact.time, str(fact.id)),
    )
    requests = {str(fact.id): fact for fact in ordered if fact.data.TYPE == EvidenceRequested.TYPE}
    newest: dict[str, Proof] = {}
    for fact in requests.values():
        data = fact.data
        before = newest.get(data.material)
        if before is None or before.requested_at is None or (data.attempt, fact.time) > _attempt(before, requests):
            newest[data.material] = Proof(
                data.material,
                "waiting",
                fact.time,
                request=str(fact.id),
                requested_at=fact.time,
                resource=data.resource,
                provider=data.provider,
                asked_by=data.asked_by,
                expires=data.expires,
            )
    for fact in ordered:
        if fact.data.TYPE == EvidenceRequested.TYPE:
            continue
        material = fact.data.material
        known = newest.get(material)
        changed = _told(known, fact)
        if changed is not None:
            newest[material] = changed
    return {name: newest[name] for name in sorted(newest)}


def _attempt(proof: Proof, requests: Mapping[str, Fact]) -> tuple[int, datetime]:
    fact = requests[proof.request or ""]
    return fact.data.attempt, fact.time


def _is_evidence(fact: Fact) -> bool:
    return getattr(fact.data, "TYPE", None) in _RANK


def _speaks(proof: Proof, fact: Fact) -> bool:
    """Whether a fact answers the proof's request and comes from the source that was asked."""
    data = fact.data
    return str(data.request) == proof.request and (
        data.department == proof.provider and fact.source in (f"/certificates/{proof.provider}", "/intake")
    )


def _told(proof: Proof | None, fact: Fact) -> Proof | None:
    """The proof after one more fact, in order of rank and time; None when the fact changes nothing."""
    data, name = fact.data, str(fact.id)
    kind = data.TYPE
    if kind == EvidenceSubstituted.TYPE:
        rests_on = tuple(sorted(str(one) for one in data.rests_on))
        return Proof(data.material, "substituted", fact.time, fact=name, rule=data.rule, rests_on=rests_on)
    if proof is None or proof.state == "substituted":
        return None
    if kind == EvidenceUploaded.TYPE:
        if proof.state == "provided":
            return None
        return replace(proof, state="uploaded", at=fact.time, grade=data.grade, fact=name, uploaded=name)
    if kind == EvidenceChecked.TYPE:
        return replace(proof, grade=data.grade, fact=name) if str(data.uploaded) == proof.uploaded else None
    if kind == EvidenceObjected.TYPE:
        hit = str(data.request) == proof.request and str(data.refusal) == proof.refusal
        return replace(proof, state="objected", at=fact.time, because=None) if hit else None
    if kind == EvidenceDisputed.TYPE:
        return replace(proof, disputed=name) if str(data.provided) == proof.provided else None
    if not _speaks(proof, fact):
        return None
    return _answered(proof, fact, name)


def _answered(proof: Proof, fact: Fact, name: str) -> Proof | None:
    data = fact.data
    kind = data.TYPE
    if kind == EvidenceProvided.TYPE:
        if proof.state == "provided":
            return None
        return replace(
            proof,
            state="provided",
            at=fact.time,
            grade=data.grade,
            fact=name,
            provided=name,
            values=dict(data.values),
            sealed=dict(data.sealed),
            recorded_at=data.recorded_at,
            valid_until=data.valid_until,
            because=None,
            reason=None,
        )
    if kind == EvidenceCorrected.TYPE:
        if str(data.provided) != proof.provided:
            return None
        told = Correction(name, fact.time, tuple(data.changed), data.withdrawn)
        return replace(
            proof,
            values={**proof.values, **data.values},
            sealed={**proof.sealed, **data.sealed},
            recorded_at=data.recorded_at,
            corrections=(*proof.corrections, told),
        )
    if kind == EvidenceDisputeAnswered.TYPE:
        return replace(proof, disputed=None) if str(data.dispute) == proof.disputed else None
    if proof.state == "provided":
        return None
    if kind == EvidenceOverdue.TYPE:
        return replace(proof, overdue=True)
    if kind == EvidenceNotRecorded.TYPE:
        return replace(proof, state="not-recorded", at=fact.time, because=name)
    if kind == EvidenceRefused.TYPE:
        return replace(
            proof,
            state="refused",
            at=fact.time,
            because=name,
            reason=data.ground,
            refusal=name,
            refused_at_stage=data.stage,
        )
    assert kind == EvidenceFailed.TYPE
    if not data.final:
        return replace(proof, state="retrying", reason=data.reason) if proof.state == "waiting" else None
    return replace(proof, state="failed", at=fact.time, because=name, reason=data.reason)


_RANK: Mapping[str, int] = {
    EvidenceRequested.TYPE: 0,
    EvidenceFailed.TYPE: 1,
    EvidenceOverdue.TYPE: 1,
    EvidenceNotRecorded.TYPE: 1,
    EvidenceRefused.TYPE: 1,
    EvidenceObjected.TYPE: 1,
    EvidenceProvided.TYPE: 1,
    EvidenceUploaded.TYPE: 2,
    EvidenceChecked.TYPE: 3,
    EvidenceDisputed.TYPE: 4,
    EvidenceCorrected.TYPE: 5,
    EvidenceDisputeAnswered.TYPE: 6,
    EvidenceSubstituted.TYPE: 7,
}
"""Causes before what follows from them, whatever clocks say."""
EVIDENCE_TYPES: frozenset[str] = frozenset(_RANK)
