"""What requests to the sharing desk and its answers look like."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field
from tongban_schemas.events.evidence import RefusalGround, Stage
from tongban_schemas.text import Said
from tongban_schemas.types import ItemRef


class Name(BaseModel):
    """The same name in Chinese and in English."""

    zh: str
    en: str


class RequestSummary(BaseModel):
    """A request that waits for a person. ``due_at``: when the answer is due; null until it is computed."""

    request: UUID
    application: UUID
    resource: str
    resource_name: Name
    material: str
    item: ItemRef
    item_name: Name
    provider: str
    provider_name: Name
    asked_by: str
    asked_by_name: Name
    basis: str
    stage: Stage
    asked_at: datetime
    expires: datetime
    due_at: datetime | None
    provisional: bool = Field(description="The calendar of that year is not published: the date may still move.")


class RequestList(BaseModel):
    """Oldest first."""

    requests: list[RequestSummary]


class FieldValue(BaseModel):
    """One field that is asked for, as the record has it; null: it has none."""

    field: str
    name: Name
    personal: bool
    value: Any


class RecordShown(BaseModel):
    """The fields that are asked for, and nothing else of the record."""

    fields: list[FieldValue]
    recorded_at: datetime
    valid_until: datetime | None


class RequestDetail(RequestSummary):
    """``holder``: by whose number the record is looked up. ``record`` is null when there is none in force.

    ``argument``: what an objection says.
    """

    condition: Name | None
    holder: str | None
    record: RecordShown | None
    argument: str | None


class Refusal(BaseModel):
    """A refusal: its ground, the article that the ground rests on, and the reason in words."""

    ground: RefusalGround
    basis: Said
    reason: Said


class Settled(BaseModel):
    """How a request was answered."""

    request: UUID
    result: Literal["provided", "not-recorded", "refused"]


class DisputeSummary(BaseModel):
    """A dispute that waits for an answer."""

    dispute: UUID
    application: UUID
    resource: str
    resource_name: Name
    material: str
    provider: str
    provider_name: Name
    fields: list[str]
    given_at: datetime
    raised_at: datetime
    due_at: datetime | None
    provisional: bool


class DisputeList(BaseModel):
    """Oldest first."""

    disputes: list[DisputeSummary]


class DisputeDetail(DisputeSummary):
    """``text``: the person's words. ``record``: the fields that were given, as they are now."""

    text: str | None
    holder: str | None
    record: RecordShown | None


class DisputeAnswer(BaseModel):
    """What the source found. ``corrected`` needs a record that was changed first."""

    outcome: Literal["corrected", "upheld"]
    text: Said


class DisputeSettled(BaseModel):
    dispute: UUID
    outcome: Literal["corrected", "upheld"]
