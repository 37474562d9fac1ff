"""What notify says about the messages it owes to people. Each notification ends in exactly one of these."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from tongban_schemas.envelope import EventData

TOPIC = "tongban.notifications.v1"

Channel = Literal["inbox", "email"]


class NotificationSent(EventData):
    """The message was handed over: shown in the inbox, or taken by the mail server."""

    TYPE: ClassVar[str] = "cn.tongban.notification.sent.v1"
    TOPIC: ClassVar[str] = TOPIC

    notification: UUID
    about: str = Field(description="The kind of news: submitted, accepted, correction, granted, refused, issued.")
    channel: Channel


class NotificationFailed(EventData):
    """The message cannot be handed over, for good."""

    TYPE: ClassVar[str] = "cn.tongban.notification.failed.v1"
    TOPIC: ClassVar[str] = TOPIC

    notification: UUID
    about: str
    channel: Channel
    reason: str = Field(pattern=r"^[a-z][a-z0-9_]{1,40}$", description="A closed reason, never the address.")


EVENTS: tuple[type[EventData], ...] = (NotificationSent, NotificationFailed)
