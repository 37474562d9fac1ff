"""When a case has earned its certificate, and when it loses it. Pure: depends on the set of facts alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from tongban_catalog.item import Item, NoDepartmentError
from tongban_catalog.standing import Decision, Standing, in_order, standing
from tongban_schemas.envelope import Event, EventData
from tongban_schemas.events.applications import (
    ApplicationCorrected,
    ApplicationNotAccepted,
    ApplicationSubmitted,
    ApplicationWithdrawn,
)
from tongban_schemas.events.approvals import ApprovalAnnulled, ApprovalGranted, ApprovalOpened, ApprovalRefused
from tongban_schemas.events.evidence import (
    EvidenceChecked,
    EvidenceCorrected,
    EvidenceProvided,
    EvidenceSubstituted,
    EvidenceUploaded,
)
from tongban_schemas.types import CHINA, ItemRef, JsonObject

__all__ = ["CHINA", "FACTS", "CaseFacts", "DueCertificate", "Grant", "Judgement", "gather", "judge"]

FACTS: dict[str, type[EventData]] = {
    model.TYPE: model
    for model in (
        ApplicationSubmitted,
        ApplicationCorrected,
        ApplicationWithdrawn,
        ApplicationNotAccepted,
        ApprovalOpened,
        ApprovalGranted,
        ApprovalRefused,
        ApprovalAnnulled,
        EvidenceProvided,
        EvidenceCorrected,
        EvidenceSubstituted,
        EvidenceUploaded,
        EvidenceChecked,
    )
}
"""The facts that certificates are decided from, by type: those that decide, and the proofs that decisions rest on."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One department's yes, and the event that says it. ``fields`` and ``sealed``: what it says beyond yes."""

    step: str
    department: str
    at: datetime
    event: UUID
    fields: JsonObject = field(default_factory=dict, hash=False)
    sealed: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """What is known of one application. ``answers`` and ``sealed`` hold the corrections, ``events`` is in order.

    ``closed_at``: when the applicant withdrew or the application was not accepted, whichever came first.
    """

    application: str
    item: ItemRef
    applicant: UUID
    answers: JsonObject
    sealed: Mapping[str, str]
    closed_at: datetime | None
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class DueCertificate:
    """A certificate that has to be issued; ``grants``, in the order of their time, are what it rests on."""

    application: str
    kind: str
    issuer: str
    decided_at: datetime
    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the facts say: the certificate that is due, if one is, and where every decision stands."""

    due: DueCertificate | None
    standing: Standing
    openings: tuple[Event, ...]

    def undone_by(self, decisions: Iterable[UUID]) -> UUID | None:
        """The event that takes one of these decisions back: an annulment, a correction, or the reopening of its step.

        None while all of them count. A decision that is not known yet counts.
        """
        known = [self.standing.decisions[one] for one in decisions if one in self.standing.decisions]
        causes = (self._undone(one) for one in sorted(known, key=lambda one: (one.at, one.id)))
        return next((cause for cause in causes if cause is not None), None)

    def _undone(self, decision: Decision) -> UUID | None:
        latest = self.standing.latest.get(decision.step)
        if latest is not None and latest.id == decision.id:
            return self.standing.broken_by.get(decision.step)
        if (annulment := self.standing.annulments.get(decision.id)) is not None:
            return annulment.id
        for event in self.openings:
            data = event.data
            if isinstance(data, ApprovalOpened) and data.step == decision.step and data.round > decision.round:
                return data.because or event.id
        return None if latest is None else latest.id


def gather(events: Iterable[Event]) -> CaseFacts | None:
    """The facts of one application; None while its submission is not known."""
    ordered = in_order(events)
    submitted = next((event for event in ordered if isinstance(event.data, ApplicationSubmitted)), None)
    if submitted is None or not isinstance(submitted.data, ApplicationSubmitted):
        return None
    answers, sealed = dict(submitted.data.answers), dict(submitted.data.sealed)
    for event in sorted(ordered, key=lambda event: (event.sequence, event.id)):
        if isinstance(event.data, ApplicationCorrected):
            _replace(answers, sealed, event.data)
    closed = [event.time for event in ordered if isinstance(event.data, ApplicationWithdrawn | ApplicationNotAccepted)]
    return CaseFacts(
        application=submitted.subject,
        item=submitted.data.item,
        applicant=submitted.data.applicant,
        answers=answers,
        sealed=sealed,
        closed_at=min(closed, default=None),
        events=tuple(ordered),
    )


def _replace(answers: JsonObject, sealed: dict[str, str], correction: ApplicationCorrected) -> None:
    answers.update(correction.answers)
    sealed.update(correction.sealed)


def judge(facts: CaseFacts, item: Item) -> Judgement:
    """What the case has earned.

    A certificate is due when every step that applies to the answers is granted in its highest round, none of these rounds
    holds a refusal, all that the grants rest on is known, and the application was neither withdrawn nor refused acceptance
    before the last decision (after it, there is nothing left to withdraw).
    """
    stands = standing(facts.events, item)
    openings = tuple(event for event in facts.events if isinstance(event.data, ApprovalOpened))
    return Judgement(_due(facts, item, stands), stands, openings)


def _due(facts: CaseFacts, item: Item, stands: Standing) -> DueCertificate | None:
    steps = item.flow(facts.answers).ids
    if not steps or not steps <= stands.granted or _contradicted(stands, steps):
        return None
    decisions = [stands.counting[step] for step in steps]
    known = {event.id for event in facts.events}
    if not all(one.rests_on is None or one.rests_on <= known for one in decisions):
        return None
    grants = _grants(decisions)
    decided_at = grants[-1].at
    if facts.closed_at is not None and facts.closed_at <= decided_at:
        return None
    try:
        issuer = item.certificate.issuer_of(facts.answers)
    except NoDepartmentError:
        return None
    return DueCertificate(facts.application, item.certificate.kind, issuer, decided_at, grants)


def _contradicted(stands: Standing, steps: frozenset[str]) -> bool:
    """Whether a round that counts holds a refusal beside the grant: nothing is issued on contradictory decisions."""
    return any(
        not one.granted and one.step in steps and one.round == stands.rounds[one.step]
        for one in stands.decisions.values()
    )


def _grants(decisions: Sequence[Decision]) -> tuple[Grant, ...]:
    return tuple(sorted(map(_grant, decisions), key=lambda grant: (grant.at, grant.step)))


def _grant(one: Decision) -> Grant:
    told = one.told.data
    assert isinstance(told, ApprovalGranted)
    return Grant(one.step, one.department, one.at, one.id, told.fields, told.sealed)
