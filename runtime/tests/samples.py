"""Events that the runtime's tests send around."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from tongban_schemas.envelope import Event, event_id
from tongban_schemas.events.applications import ApplicationAccepted, ApplicationSubmitted
from tongban_schemas.types import ItemRef

ITEM = ItemRef(code="1199000000000001903990100001000", version=1)
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


def submitted(subject: str | None = None, sequence: int = 1) -> Event:
    subject = subject or str(uuid4())
    return Event(
        id=event_id("submitted", subject, str(sequence)),
        source="/intake",
        subject=subject,
        time=NOON,
        sequence=sequence,
        correlationid=UUID(subject),
        data=ApplicationSubmitted(item=ITEM, applicant=UUID(int=7), region="990101", answers={"n": sequence}),
    )


def accepted(subject: str, sequence: int = 1) -> Event:
    return Event(
        id=event_id("accepted", subject, str(sequence)),
        source="/intake",
        subject=subject,
        time=NOON,
        sequence=sequence,
        correlationid=UUID(subject),
        data=ApplicationAccepted(item=ITEM),
    )
