"""What people are owed, and when a message that could not be handed over is tried again. Pure.

`owed` depends on the set of facts alone, and more facts never owe less: a message that one order of arrival would have
made is made under every order.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events.applications import ApplicationAccepted, ApplicationCorrected, ApplicationSubmitted
from tongban_schemas.events.approvals import ApprovalCorrectionRequested, ApprovalGranted, ApprovalRefused
from tongban_schemas.events.certificates import CertificateIssued
from tongban_schemas.events.notifications import Channel, NotificationFailed, NotificationSent
from tongban_schemas.types import ItemRef, Language

Kind = Literal["submitted", "accepted", "correction", "granted", "refused", "issued"]
FailureReason = Literal["no_address", "address_unreadable", "address_unusable", "refused", "gave_up"]
"""Why a message failed for good. ``refused``: the mail server said no (5xx); ``gave_up``: it never took it in time."""

SOURCE = "/notify"
EMAIL_FIELD = "contact_email"
"""The personal answer that holds the address; the same in every item's form."""

FACTS: tuple[type[EventData], ...] = (
    ApplicationSubmitted,
    ApplicationAccepted,
    ApplicationCorrected,
    ApprovalCorrectionRequested,
    ApprovalGranted,
    ApprovalRefused,
    CertificateIssued,
)
MODELS = {model.TYPE: model for model in FACTS}

_CHANNELS: dict[Kind, tuple[Channel, ...]] = {
    "submitted": ("inbox", "email"),
    "accepted": ("inbox", "email"),
    "correction": ("inbox", "email"),
    "granted": ("inbox",),
    "refused": ("inbox", "email"),
    "issued": ("inbox", "email"),
}


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who is told, in which language. ``sealed_email`` is the newest address, still sealed; None when none was given."""

    application: UUID
    person: UUID
    language: Language
    item: ItemRef
    sealed_email: str | None


@dataclass(frozen=True, slots=True)
class Notification:
    """One message on one channel. ``id`` depends on application, kind, causing event and channel alone."""

    id: UUID
    application: UUID
    kind: Kind
    channel: Channel
    cause: UUID
    correlation: UUID
    happened_at: datetime
    step: str | None = None
    department: str | None = None
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Owed:
    """What one case owes, to whom, and the trace in which it came to owe it."""

    recipient: Recipient
    notifications: tuple[Notification, ...]
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class _News:
    kind: Kind
    step: str | None = None
    department: str | None = None
    fields: tuple[str, ...] = ()


def recipient(facts: Iterable[Event]) -> Recipient | None:
    """Who hears about the case; None until the submission is known."""
    ordered = sorted(facts, key=lambda fact: (fact.time, fact.id))
    submitted = next((fact for fact in ordered if isinstance(fact.data, ApplicationSubmitted)), None)
    if submitted is None or not isinstance(submitted.data, ApplicationSubmitted):
        return None
    email: str | None = None
    for fact in ordered:
        if isinstance(fact.data, ApplicationSubmitted | ApplicationCorrected):
            email = fact.data.sealed.get(EMAIL_FIELD, email)
    return Recipient(
        application=UUID(submitted.subject),
        person=submitted.data.applicant,
        language=submitted.data.language,
        item=submitted.data.item,
        sealed_email=email,
    )


def owed(facts: Iterable[Event]) -> tuple[Notification, ...]:
    """Every message that the facts of one case owe, oldest news first; nothing until the submission is known."""
    known = {fact.id: fact for fact in facts}
    if not any(isinstance(fact.data, ApplicationSubmitted) for fact in known.values()):
        return ()
    found: list[Notification] = []
    for fact in sorted(known.values(), key=lambda fact: (fact.time, fact.id)):
        news = _news(fact.data)
        if news is None:
            continue
        found.extend(
            Notification(
                id=notification_id(fact.subject, news.kind, fact.id, channel),
                application=UUID(fact.subject),
                kind=news.kind,
                channel=channel,
                cause=fact.id,
                correlation=fact.correlationid,
                happened_at=fact.time,
                step=news.step,
                department=news.department,
                fields=news.fields,
            )
            for channel in _CHANNELS[news.kind]
        )
    return tuple(found)


def notification_id(application: str, kind: Kind, cause: UUID, channel: Channel) -> UUID:
    return event_id("notification", application, kind, str(cause), channel)


def final_event_id(notification: Notification, failed: bool) -> UUID:
    kind = NotificationFailed.TYPE if failed else NotificationSent.TYPE
    return event_id(kind, str(notification.application), str(notification.id))


def ended(
    notification: Notification, at: datetime, traceparent: str | None, reason: FailureReason | None = None
) -> Event:
    """The fact that a message reached its final state: sent, or failed for ``reason``."""
    about, channel = notification.kind, notification.channel
    data: EventData
    if reason is None:
        data = NotificationSent(notification=notification.id, about=about, channel=channel)
    else:
        data = NotificationFailed(notification=notification.id, about=about, channel=channel, reason=reason)
    return Event(
        id=final_event_id(notification, failed=reason is not None),
        source=SOURCE,
        subject=str(notification.application),
        time=at,
        correlationid=notification.correlation,
        causationid=notification.cause,
        traceparent=traceparent,
        data=data,
    )


def _news(data: EventData) -> _News | None:
    match data:
        case ApplicationSubmitted():
            return _News("submitted")
        case ApplicationAccepted():
            return _News("accepted")
        case ApprovalCorrectionRequested():
            return _News("correction", data.step, data.department, tuple(data.fields))
        case ApprovalGranted():
            return _News("granted", data.step, data.department)
        case ApprovalRefused():
            return _News("refused", data.step, data.department)
        case CertificateIssued():
            return _News("issued", department=data.issuer)
        case _:
            return None


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Pauses double from ``first`` up to ``longest``; a message older than ``give_up_after`` is given up."""

    first: timedelta
    longest: timedelta
    give_up_after: timedelta

    def pause(self, attempts: int, draw: float) -> timedelta:
        """The pause after ``attempts`` earlier failures. ``draw`` in [0, 1) spreads it over its upper half."""
        doubled: int = 2 ** min(attempts, 30)
        return min(self.first * doubled, self.longest) * (0.5 + draw / 2)

    def is_over(self, created_at: datetime, now: datetime) -> bool:
        return now - created_at >= self.give_up_after
