"""Where every proof of a case stands: a pure function of the set of facts, shared by all who look at a case.

It reads payloads by the names of their attributes, so the pydantic events and the lean bodies of the status view both do.
An answer counts only when it comes from the source that was asked, and of it only what was asked.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal

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
    UploadReason,
)
from tongban_schemas.types import Limit

from tongban_catalog.item import Item
from tongban_catalog.speakers import Fact, answers, speaks

DISPUTE_LIMIT: Final = Limit(number=10, unit="WD")
"""How long a department has to answer what a person says against its record, or asks about its use of their data."""

ProofState = Literal[
    "waiting", "retrying", "provided", "not-recorded", "refused", "objected", "failed", "substituted", "uploaded"
]
"""``waiting``: asked, not answered; ``retrying``: the source does not answer, it is tried again; ``objected``: refused, and the
refusal is not accepted; ``failed``: for good."""
PENDING: frozenset[ProofState] = frozenset({"waiting", "retrying", "objected"})
"""Somebody else has still to answer."""
_UPLOAD_AFTER: frozenset[ProofState] = frozenset({"not-recorded", "refused", "failed"})


@dataclass(frozen=True, slots=True)
class Correction:
    """The record changed at its source after it was given. ``event`` is an event id."""

    event: str
    at: datetime
    changed: tuple[str, ...]
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class Proof:
    """One proof of a case. Event ids are texts; ``request`` is None for a substitution.

    ``values`` and ``sealed`` hold what the source gave last, corrections laid over it. ``because`` is the event after which
    an upload is allowed, ``uploaded_for`` why the file that stands was brought. ``fact`` is the event that a decision rests
    on when it uses the proof. ``overdue``: the body that has to answer now is late.
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
    uploaded_for: UploadReason | None = None

    @property
    def pending(self) -> bool:
        """Whether somebody else has still to answer: the case waits for this proof, the applicant has nothing to do."""
        return self.state in PENDING

    @property
    def withdrawn(self) -> bool:
        """Whether its source has taken back the record that it gave, as the last it said about it."""
        return bool(self.corrections) and self.corrections[-1].withdrawn

    @property
    def usable(self) -> bool:
        """Whether a decision may rest on it: grade C may not, until a clerk has seen the original; nor a withdrawn record."""
        return self.state in ("provided", "substituted", "uploaded") and self.grade != "C" and not self.withdrawn

    @property
    def upload_allowed(self) -> bool:
        """Whether the applicant may bring it: only after the fetch has failed, on record."""
        return self.because is not None and self.state in _UPLOAD_AFTER


def proofs(facts: Iterable[Fact]) -> dict[str, Proof]:
    """Every proof of one case, by material, in the order of the names. The order and number of the facts do not matter."""
    known = {str(fact.id): fact for fact in facts if _is_evidence(fact) and speaks(fact)}
    ordered = sorted(known.values(), key=_order)
    requests = {str(fact.id): fact for fact in ordered if fact.data.TYPE == EvidenceRequested.TYPE}
    closed = _Closed(
        failures=frozenset(
            str(fact.id)
            for fact in ordered
            if _is_failure(fact) and answers(fact, requests.get(str(fact.data.request)))
        ),
        disputes=frozenset(
            str(fact.data.dispute)
            for fact in ordered
            if fact.data.TYPE == EvidenceDisputeAnswered.TYPE and answers(fact, requests.get(str(fact.data.request)))
        ),
        withdrawn=_withdrawn(ordered, requests),
    )
    newest: dict[str, Proof] = {}
    for fact in sorted(requests.values(), key=lambda one: (one.data.attempt, one.time, str(one.id))):
        data = fact.data
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
        changed = _told(newest.get(material), fact, requests, closed)
        if changed is not None:
            newest[material] = changed
    return {name: newest[name] for name in sorted(newest)}


def undecided(known: Mapping[str, Proof], item: Item) -> frozenset[str]:
    """The materials whose source is chosen, or that are spared, by an answer which comes with a proof on its way."""
    awaited = {
        name
        for one in item.sources
        if (proof := known.get(one.material)) is not None and proof.pending and proof.resource == one.resource
        for name in one.supplies
    }
    return frozenset(
        one.material
        for one in item.sources
        if one.material not in known and one.when is not None and not awaited.isdisjoint(one.when.fields)
    )


@dataclass(frozen=True, slots=True)
class _Closed:
    """Event ids: the failures on record, after which an upload counts, the disputes that were answered, and what was given
    and taken back again.
    """

    failures: frozenset[str]
    disputes: frozenset[str]
    withdrawn: frozenset[str]


def _is_evidence(fact: Fact) -> bool:
    return getattr(fact.data, "TYPE", None) in _RANK


def _is_failure(fact: Fact) -> bool:
    kind = fact.data.TYPE
    return kind in (EvidenceNotRecorded.TYPE, EvidenceRefused.TYPE) or (
        kind == EvidenceFailed.TYPE and bool(fact.data.final)
    )


def _withdrawn(ordered: Iterable[Fact], requests: Mapping[str, Fact]) -> frozenset[str]:
    """The records whose source took them back, as the last that it said about them."""
    last: dict[str, bool] = {}
    for fact in ordered:
        if fact.data.TYPE == EvidenceCorrected.TYPE and answers(fact, requests.get(str(fact.data.request))):
            last[str(fact.data.provided)] = fact.data.withdrawn
    return frozenset(name for name, gone in last.items() if gone)


def _told(proof: Proof | None, fact: Fact, requests: Mapping[str, Fact], closed: _Closed) -> Proof | None:
    """The proof after one more fact, in order of rank and time; None when the fact changes nothing."""
    data, name = fact.data, str(fact.id)
    kind = data.TYPE
    if kind == EvidenceSubstituted.TYPE:
        rests_on = tuple(sorted(str(one) for one in data.rests_on))
        return Proof(data.material, "substituted", fact.time, fact=name, rule=data.rule, rests_on=rests_on)
    if kind == EvidenceUploaded.TYPE:
        return _uploaded(proof, fact, closed)
    if proof is None or proof.state == "substituted":
        return None
    if kind == EvidenceChecked.TYPE:
        return replace(proof, grade="B", fact=name) if str(data.uploaded) == proof.uploaded else None
    if kind == EvidenceObjected.TYPE:
        hit = str(data.request) == proof.request and str(data.refusal) == proof.refusal
        return replace(proof, state="objected", at=fact.time, because=None, overdue=False) if hit else None
    if kind == EvidenceDisputed.TYPE:
        open_still = str(data.provided) == proof.provided and name not in closed.disputes
        return replace(proof, disputed=name) if open_still else None
    request = requests.get(str(data.request))
    if request is None or str(request.id) != proof.request or not answers(fact, request):
        return None
    return _answered(proof, fact, name, frozenset(request.data.fields))


def _uploaded(proof: Proof | None, fact: Fact, closed: _Closed) -> Proof | None:
    """The proof after a file was brought; None when the file does not count.

    What its source gave stands; and one that its source is asked for after all is awaited, if nobody demanded the file.
    """
    data, name = fact.data, str(fact.id)
    if data.reason == "fetch-failed" and (proof is None or str(data.because) not in closed.failures):
        return None
    if proof is None:
        proof = Proof(data.material, "uploaded", fact.time)
    if proof.state == "provided" and (data.reason == "fetch-failed" or proof.provided not in closed.withdrawn):
        return None
    if proof.pending and data.reason in _FROM_THE_START:
        return None
    return replace(
        proof,
        state="uploaded",
        at=fact.time,
        grade=data.grade,
        fact=name,
        provided=None,
        values={},
        sealed={},
        recorded_at=None,
        valid_until=None,
        uploaded=name,
        uploaded_for=data.reason,
    )


def _answered(proof: Proof, fact: Fact, name: str, asked: frozenset[str]) -> Proof | None:
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
            values=_only(data.values, asked),
            sealed=_only(data.sealed, asked),
            recorded_at=data.recorded_at,
            valid_until=data.valid_until,
            because=None,
            reason=None,
            overdue=False,
        )
    if kind == EvidenceCorrected.TYPE:
        if str(data.provided) != proof.provided:
            return None
        told = Correction(name, fact.time, tuple(data.changed), data.withdrawn)
        return replace(
            proof,
            values={**proof.values, **_only(data.values, asked)},
            sealed={**proof.sealed, **_only(data.sealed, asked)},
            recorded_at=data.recorded_at,
            corrections=(*proof.corrections, told),
        )
    if kind == EvidenceOverdue.TYPE:
        return replace(proof, overdue=True)
    if kind == EvidenceNotRecorded.TYPE:
        return replace(proof, state="not-recorded", at=fact.time, because=name, reason=None, overdue=False)
    if kind == EvidenceRefused.TYPE:
        return replace(
            proof,
            state="refused",
            at=fact.time,
            because=name,
            reason=data.ground,
            refusal=name,
            refused_at_stage=data.stage,
            overdue=False,
        )
    if kind == EvidenceFailed.TYPE and data.final:
        return replace(proof, state="failed", at=fact.time, because=name, reason=data.reason, overdue=False)
    if kind == EvidenceFailed.TYPE:
        return replace(proof, state="retrying", reason=data.reason)
    return None


def _only(values: Mapping[str, Any], asked: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in asked}


def _order(fact: Fact) -> tuple[int, int, datetime, datetime, str]:
    """Causes before what follows from them, whatever clocks say; of corrections the register's own order."""
    data = fact.data
    kind = data.TYPE
    turn = _TURN.get(kind, 0)
    if kind in _STAGED:
        turn += _STAGES[data.stage] * len(_STAGED)
    elif kind == EvidenceFailed.TYPE and data.final:
        turn = _FAILED_FOR_GOOD
    changed = data.recorded_at if kind == EvidenceCorrected.TYPE else fact.time
    return _RANK[kind], turn, changed, fact.time, str(fact.id)


_FROM_THE_START = frozenset({"no-source", "consent-refused"})
_STAGES: Mapping[str, int] = {"answer": 0, "negotiation": 1, "mediation": 2}
_STAGED = frozenset({EvidenceObjected.TYPE, EvidenceOverdue.TYPE, EvidenceRefused.TYPE})
_TURN: Mapping[str, int] = {
    EvidenceFailed.TYPE: 0,
    EvidenceObjected.TYPE: 1,
    EvidenceOverdue.TYPE: 2,
    EvidenceRefused.TYPE: 3,
    EvidenceNotRecorded.TYPE: 10,
    EvidenceProvided.TYPE: 12,
}
"""Whose turn it is: a source that is down for a while, at each stage the objection, the delay and the refusal; then the ends."""
_FAILED_FOR_GOOD = 11
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
EVIDENCE_TYPES: frozenset[str] = frozenset(_RANK)
