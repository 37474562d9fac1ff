"""When a case has earned its certificate. Pure: depends on the set of facts alone, not on their order or repetition."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from uuid import UUID

from tongban_catalog.item import Item, all_granted
from tongban_schemas.envelope import Event, EventData
from tongban_schemas.events.applications import ApplicationCorrected, ApplicationSubmitted, ApplicationWithdrawn
from tongban_schemas.events.approvals import ApprovalGranted, ApprovalRefused
from tongban_schemas.types import ItemRef, JsonObject

CHINA = timezone(timedelta(hours=8))
"""China has one time zone and no summer time."""

FACTS: dict[str, type[EventData]] = {
    model.TYPE: model
    for model in (ApplicationSubmitted, ApplicationCorrected, ApplicationWithdrawn, ApprovalGranted, ApprovalRefused)
}
"""The facts that certificates are decided from, by type."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One department's yes, and the event that says it."""

    step: str
    department: str
    at: datetime
    event: UUID


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """What is known of one application. ``answers`` and ``sealed`` hold the corrections; ``grants`` is by step id."""

    application: str
    item: ItemRef
    applicant: UUID
    answers: JsonObject
    sealed: Mapping[str, str]
    grants: Mapping[str, Grant]
    refused: frozenset[str]
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True)
class DueCertificate:
    """A certificate that has to be issued: one per application and ``kind``. ``grants`` are in the order of their time."""

    application: str
    kind: str
    issuer: str
    decided_at: datetime
    grants: tuple[Grant, ...]


def gather(events: Iterable[Event]) -> CaseFacts | None:
    """The facts of one application; None while its submission is not known."""
    submitted: Event | None = None
    corrections: list[Event] = []
    grants: dict[str, Grant] = {}
    refused: set[str] = set()
    withdrawn: list[datetime] = []
    for event in sorted({event.id: event for event in events}.values(), key=lambda event: (event.time, event.id)):
        match event.data:
            case ApplicationSubmitted():
                submitted = submitted or event
            case ApplicationCorrected():
                corrections.append(event)
            case ApplicationWithdrawn():
                withdrawn.append(event.time)
            case ApprovalGranted(step=step, department=department):
                grants.setdefault(step, Grant(step, department, event.time, event.id))
            case ApprovalRefused(step=step):
                refused.add(step)
    if submitted is None:
        return None
    data = submitted.data
    assert isinstance(data, ApplicationSubmitted)
    answers, sealed = dict(data.answers), dict(data.sealed)
    for event in sorted(corrections, key=lambda event: (event.sequence, event.id)):
        assert isinstance(event.data, ApplicationCorrected)
        answers.update(event.data.answers)
        sealed.update(event.data.sealed)
    return CaseFacts(
        application=submitted.subject,
        item=data.item,
        applicant=data.applicant,
        answers=answers,
        sealed=sealed,
        grants=grants,
        refused=frozenset(refused),
        withdrawn_at=min(withdrawn, default=None),
    )


def decide(facts: CaseFacts, item: Item) -> DueCertificate | None:
    """The certificate that the case has earned, or None.

    Earned is it when every step that applies to the answers is granted, none is refused, and the applicant did not
    withdraw before the last decision (after it, there is nothing left to withdraw).
    """
    if facts.refused or not all_granted(item, facts.answers, facts.grants.keys()):
        return None
    grants = tuple(sorted(facts.grants.values(), key=lambda grant: (grant.at, grant.step)))
    decided_at = grants[-1].at
    if facts.withdrawn_at is not None and facts.withdrawn_at <= decided_at:
        return None
    return DueCertificate(facts.application, item.certificate.kind, item.certificate.issuer, decided_at, grants)
