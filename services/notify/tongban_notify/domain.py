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
from tongban_schemas.events.applications import (
    ApplicationAccepted,
    ApplicationCorrected,
    ApplicationReceived,
    ApplicationSubmitted,
)
from tongban_schemas.events.notifications import Channel, NotificationFailed, NotificationSent
from tongban_schemas.types import ItemRef, Language

from tongban_notify.news import FACTS, Answer, Kind, Particulars, news_of

FailureReason = Literal["no_address", "address_unreadable", "address_unusable", "refused", "gave_up"]
"""Why a message failed for good. ``refused``: the mail server said no (5xx); ``gave_up``: it never took it in time."""

SOURCE = "/notify"
EMAIL_FIELD = "contact_email"
"""The personal answer that holds the address; the same in every item's form."""

MODELS = {model.TYPE: model for model in FACTS}

_INBOX_ONLY: frozenset[Kind] = frozenset(
    ("granted", "granted-deemed", "clock-resumed", "opinion-lapsed", "overdue", "reopened")
)
"""What a person can look up but need not be called for. Everything else is mailed too."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who is told, in which language. ``sealed_email`` is the newest address, still sealed; None when none was given.

    ``case_number`` is None until the case has one.
    """

    application: UUID
    person: UUID
    language: Language
    item: ItemRef
    sealed_email: str | None
    case_number: str | None = None


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
    told: Particulars


@dataclass(frozen=True, slots=True)
class Owed:
    """What one case owes, to whom, and the trace in which it came to owe it."""

    recipient: Recipient
    notifications: tuple[Notification, ...]
    traceparent: str | None


def recipient(facts: Iterable[Event]) -> Recipient | None:
    """Who hears about the case; None until the submission is known."""
    ordered = sorted(facts, key=lambda fact: (fact.time, fact.id))
    submitted = next((fact for fact in ordered if isinstance(fact.data, ApplicationSubmitted)), None)
    if submitted is None or not isinstance(submitted.data, ApplicationSubmitted):
        return None
    email: str | None = None
    number: str | None = None
    for fact in ordered:
        if isinstance(fact.data, ApplicationSubmitted | ApplicationCorrected):
            email = fact.data.sealed.get(EMAIL_FIELD, email)
        elif isinstance(fact.data, ApplicationReceived | ApplicationAccepted):
            number = number or fact.data.number
    return Recipient(
        application=UUID(submitted.subject),
        person=submitted.data.applicant,
        language=submitted.data.language,
        item=submitted.data.item,
        sealed_email=email,
        case_number=number,
    )


def owed(facts: Iterable[Event]) -> tuple[Notification, ...]:
    """Every message that the facts of one case owe, oldest news first; nothing until the submission is known.

    Mail is owed from when an address was given; who gives none is told in the inbox.

    What became of a draft's proofs is told where the draft is filled in, and not once more after it was submitted.
    """
    known = {fact.id: fact for fact in facts}
    submitted = min((fact.time for fact in known.values() if isinstance(fact.data, ApplicationSubmitted)), default=None)
    if submitted is None:
        return ()
    reachable = min((fact.time for fact in known.values() if _gives_address(fact.data)), default=None)
    found: list[Notification] = []
    for fact in sorted(known.values(), key=lambda fact: (fact.time, fact.id)):
        news = news_of(fact.data)
        if news is None or (isinstance(fact.data, Answer) and fact.time < submitted):
            continue
        kind, told = news
        found.extend(
            Notification(
                id=notification_id(fact.subject, kind, fact.id, channel),
                application=UUID(fact.subject),
                kind=kind,
                channel=channel,
                cause=fact.id,
                correlation=fact.correlationid,
                happened_at=fact.time,
                told=told,
            )
            for channel in channels(kind)
            if channel != "email" or (reachable is not None and fact.time >= reachable)
        )
    return tuple(found)


def _gives_address(data: EventData) -> bool:
    return isinstance(data, ApplicationSubmitted | ApplicationCorrected) and EMAIL_FIELD in data.sealed


def channels(kind: Kind) -> tuple[Channel, ...]:
    return ("inbox",) if kind in _INBOX_ONLY else ("inbox", "email")


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
