"""The CloudEvents 1.0 envelope, in Kafka's binary content mode.

Source: CloudEvents 1.0.2 and its Kafka protocol binding. Attributes travel as ``ce_*`` headers, the payload is a JSON
body in UTF-8. The record's key is the subject.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tongban_schemas.types import Utc, Value, format_utc

Headers = list[tuple[str, bytes]]

_NAMESPACE = UUID("6f1c0f6e-8d0a-5b7e-9c58-2f7d5a0c1b11")

_NOT_ATTRIBUTES = ("data", "datacontenttype")

MalformedReason = Literal["no_value", "not_cloudevent", "bad_attribute", "bad_payload"]


class MalformedRecordError(ValueError):
    """A Kafka record that is no event of ours. ``reason`` names the broken rule; the text never holds the payload."""

    def __init__(self, reason: MalformedReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: MalformedReason = reason


class EventData(Value):
    """Base of every event's payload. A subclass names its ``TYPE`` and its ``TOPIC``."""

    TYPE: ClassVar[str]
    TOPIC: ClassVar[str]


class Attributes(BaseModel):
    """What the headers of one record say, before the payload is read."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    type: str
    source: str
    subject: Annotated[str, Field(min_length=1)]
    time: Utc
    sequence: Annotated[int, Field(ge=1)]
    correlationid: UUID
    causationid: UUID | None = None
    traceparent: str | None = None
    dataschema: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One fact.

    ``id`` is deterministic (see `event_id`), so a producer that repeats itself repeats the id. ``subject`` is the
    record key: the application's id, or the catalogue entry's. ``sequence`` counts 1, 2, 3 ... per subject and source;
    the outbox assigns it, so 0 means "not published yet". ``time`` is when the fact became true, UTC.
    """

    id: UUID
    source: str
    subject: str
    time: datetime
    correlationid: UUID
    data: EventData
    sequence: int = 0
    causationid: UUID | None = None
    traceparent: str | None = None

    @property
    def type(self) -> str:
        return self.data.TYPE

    @property
    def topic(self) -> str:
        return self.data.TOPIC


def event_id(event_type: str, subject: str, *discriminators: str) -> UUID:
    """The identity of an effect: the same cause gives the same id, on every run and every replay."""
    return uuid5(_NAMESPACE, "|".join((event_type, subject, *discriminators)))


def dataschema_uri(event_type: str) -> str:
    return f"urn:tongban:schema:{event_type}"


def encode_headers(event: Event) -> Headers:
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(event.id).encode()),
        ("ce_type", event.type.encode()),
        ("ce_source", event.source.encode()),
        ("ce_subject", event.subject.encode()),
        ("ce_time", format_utc(event.time).encode()),
        ("ce_sequence", str(event.sequence).encode()),
        ("ce_correlationid", str(event.correlationid).encode()),
        ("ce_dataschema", dataschema_uri(event.type).encode()),
        ("content-type", b"application/json"),
    ]
    if event.causationid is not None:
        headers.append(("ce_causationid", str(event.causationid).encode()))
    if event.traceparent is not None:
        headers.append(("ce_traceparent", event.traceparent.encode()))
    return headers


def encode_body(data: EventData) -> bytes:
    return data.model_dump_json(exclude_none=True).encode()


def decode_type(headers: Iterable[tuple[str, bytes | None]]) -> str:
    """The event type alone, so that a reader passes over types it does not know without judging their attributes.

    Raises `MalformedRecordError` when the record is no CloudEvent.
    """
    return _texts(headers)["type"]


def decode_attributes(headers: Iterable[tuple[str, bytes | None]]) -> Attributes:
    """The CloudEvents attributes of a record; foreign headers are left alone.

    Raises `MalformedRecordError` when the record is no CloudEvent or an attribute breaks its rule.
    """
    return _attributes(_texts(headers))


def decode(
    headers: Iterable[tuple[str, bytes | None]], body: bytes | None, models: Mapping[str, type[EventData]]
) -> Event | None:
    """One event, or None when its type is not among ``models`` (readers ignore types they do not know).

    Raises `MalformedRecordError`.
    """
    if body is None:
        raise MalformedRecordError("no_value", "the record has no value")
    texts = _texts(headers)
    model = models.get(texts["type"])
    if model is None:
        return None
    return build(_attributes(texts), decode_data(model, body))


def _texts(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, raw in headers:
        if name.startswith("ce_") and raw is not None:
            try:
                found[name[3:]] = raw.decode()
            except UnicodeDecodeError as error:
                raise MalformedRecordError("bad_attribute", f"{name} is not UTF-8") from error
    if found.get("specversion") != "1.0" or "type" not in found:
        raise MalformedRecordError("not_cloudevent", "ce_specversion 1.0 and ce_type are required")
    return found


def _attributes(texts: Mapping[str, str]) -> Attributes:
    try:
        return Attributes.model_validate(texts)
    except ValidationError as error:
        raise MalformedRecordError("bad_attribute", _where(error, "ce_")) from None


def _where(error: ValidationError, prefix: str = "") -> str:
    """The places that break a rule, with the rule where it is one of ours: never a value that was sent."""
    places = set()
    for problem in error.errors(include_input=False, include_url=False):
        place = prefix + ".".join(map(str, problem["loc"])) if problem["loc"] else "body"
        places.add(f"{place} ({problem['ctx']['error']})" if problem["type"] == "value_error" else place)
    return f"check {', '.join(sorted(places))}"


def decode_data(model: type[EventData], body: bytes) -> EventData:
    """A payload, read strictly: a number is no text and a text is no boolean. Raises `MalformedRecordError`."""
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise MalformedRecordError("bad_payload", f"{model.TYPE}: {_where(error)}") from None


def build(attributes: Attributes, data: EventData) -> Event:
    return Event(
        id=attributes.id,
        source=attributes.source,
        subject=attributes.subject,
        time=attributes.time,
        sequence=attributes.sequence,
        correlationid=attributes.correlationid,
        causationid=attributes.causationid,
        traceparent=attributes.traceparent,
        data=data,
    )


def to_structured(event: Event) -> dict[str, Any]:
    """CloudEvents structured JSON: what examples, webhooks and documents show."""
    head = {name.removeprefix("ce_"): raw.decode() for name, raw in encode_headers(event) if name.startswith("ce_")}
    return {
        **head,
        "datacontenttype": "application/json",
        "data": event.data.model_dump(mode="json", exclude_none=True),
    }


def from_structured(document: Mapping[str, Any], models: Mapping[str, type[EventData]]) -> Event | None:
    """The reverse of `to_structured`, under the same rules as `decode`: None for a type that is not in ``models``.

    Raises `MalformedRecordError`.
    """
    head = [(f"ce_{name}", str(value).encode()) for name, value in document.items() if name not in _NOT_ATTRIBUTES]
    body = json.dumps(document["data"], ensure_ascii=False).encode() if "data" in document else None
    return decode(head, body, models)
