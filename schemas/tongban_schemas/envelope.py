"""The CloudEvents 1.0 envelope on Kafka: written in binary content mode, read in both.

Source: CloudEvents 1.0.2, its Kafka protocol binding and its JSON format. In binary mode attributes travel as ``ce_*``
headers, and the payload is a JSON body in UTF-8; in structured mode the body holds both. The record's key is the subject.

``sequence`` departs from CloudEvents' sequence extension: that one compares values as texts, so that 10 stands before 9; ours
are decimal numbers without leading zeros, 1, 2, 3 per subject and source, and are compared as numbers.
"""

import json
import re
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Final, Literal
from uuid import UUID, uuid5

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from tongban_schemas.types import Utc, Value, format_utc

Headers = list[tuple[str, bytes]]
RawHeaders = Iterable[tuple[str, bytes | None]]

_NAMESPACE = UUID("6f1c0f6e-8d0a-5b7e-9c58-2f7d5a0c1b11")

_STRUCTURED: Final = "application/cloudevents"
_STRUCTURED_JSON: Final = "application/cloudevents+json"

UUID_FORM: Final = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
SEQUENCE_FORM: Final = "[1-9][0-9]{0,9}"
TRACEPARENT_FORM: Final = "[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"
SOURCE_FORM: Final = "/[A-Za-z0-9._~/-]{1,199}"
SUBJECT_FORM: Final = "[!-~]{1,200}"
DATASCHEMA_FORM: Final = "[A-Za-z][A-Za-z0-9+.-]*:[!-~]{1,500}"
MAX_SEQUENCE: Final = 2**31 - 1
FIRST_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)
END_OF_TIME: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""A record on Kafka has no earlier time, and what is computed from a later one leaves the calendar."""

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


def _only(form: str) -> BeforeValidator:
    """Texts of this form and no other: what a type would read beside it is refused."""
    matches = re.compile(form).fullmatch

    def check(value: object) -> object:
        if isinstance(value, str) and not matches(value):
            raise ValueError(f"must match {form}")
        return value

    return BeforeValidator(check)


def _read_traceparent(value: object) -> object:
    """A trace that is not of the form starts anew (W3C Trace Context, section 4.3): it makes no record unreadable."""
    return value if isinstance(value, str) and re.fullmatch(TRACEPARENT_FORM, value) else None


def require_time(value: datetime) -> datetime:
    """Raises `ValueError` for a time that no event may have."""
    if not FIRST_TIME <= value < END_OF_TIME:
        raise ValueError("events are of the years 1970 to 8999")
    return value


_Id = Annotated[UUID, _only(UUID_FORM)]


class Attributes(BaseModel):
    """The context attributes of one record, within what the contract and every reader's columns take."""

    model_config = ConfigDict(frozen=True)

    id: _Id
    type: Annotated[str, Field(min_length=1, max_length=200)]
    source: Annotated[str, _only(SOURCE_FORM)]
    subject: Annotated[str, _only(SUBJECT_FORM)]
    time: Annotated[Utc, AfterValidator(require_time)]
    sequence: Annotated[int, Field(ge=1, le=MAX_SEQUENCE), _only(SEQUENCE_FORM)]
    correlationid: _Id
    causationid: _Id | None = None
    traceparent: Annotated[str | None, BeforeValidator(_read_traceparent)] = None
    dataschema: Annotated[str, _only(DATASCHEMA_FORM)] | None = None


_NAMES: Final = frozenset(Attributes.model_fields) | {"specversion"}


@dataclass(frozen=True, slots=True)
class Envelope:
    """One record in either content mode: its attributes as texts, not judged yet, and its payload."""

    texts: Mapping[str, str]
    payload: bytes

    @property
    def type(self) -> str:
        return self.texts["type"]

    def attributes(self) -> Attributes:
        """Raises `MalformedRecordError` when an attribute breaks its rule."""
        try:
            return Attributes.model_validate(self.texts)
        except ValidationError as error:
            raise MalformedRecordError("bad_attribute", _where(error, "ce_")) from None


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


def unwrap(headers: RawHeaders, body: bytes | None) -> Envelope:
    """The envelope of a record; headers that are not the contract's are left alone.

    A reader passes over a type that it does not know without judging the attributes. Raises `MalformedRecordError` when the
    record is no CloudEvent with a payload.
    """
    if body is None:
        raise MalformedRecordError("no_value", "the record has no value")
    found: dict[str, str] = {}
    content_type = ""
    for name, raw in headers:
        attribute = name[3:] if name.startswith("ce_") else ""
        if raw is None or (attribute not in _NAMES and name != "content-type"):
            continue
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            raise MalformedRecordError("bad_attribute", f"{name} is not UTF-8") from error
        if not attribute:
            content_type = text.partition(";")[0].strip().lower()
        elif attribute in found:
            raise MalformedRecordError("bad_attribute", f"{name} is there twice")
        else:
            found[attribute] = text
    if content_type.startswith(_STRUCTURED):
        return _from_document(_document(content_type, body))
    return _checked(Envelope(found, body))


def _document(content_type: str, body: bytes) -> Mapping[str, Any]:
    if content_type != _STRUCTURED_JSON:
        raise MalformedRecordError("not_cloudevent", f"structured mode is {_STRUCTURED_JSON}, one event a record")
    try:
        document = from_json(body, allow_inf_nan=False)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise MalformedRecordError("not_cloudevent", "the body is no JSON object")
    return document


def _from_document(document: Mapping[str, Any]) -> Envelope:
    """An event in CloudEvents' JSON format. Its sequence may be a number or a text, an attribute that is null is absent."""
    texts: dict[str, str] = {}
    for name in _NAMES & document.keys():
        value = document[name]
        if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
            texts[name] = str(value)
        elif value is not None:
            raise MalformedRecordError("bad_attribute", f"{name} is no text")
    if "data" in document:
        payload = json.dumps(document["data"], ensure_ascii=False).encode(errors="surrogatepass")
    elif isinstance(document.get("data_base64"), str):
        try:
            payload = b64decode(document["data_base64"], validate=True)
        except ValueError as error:
            raise MalformedRecordError("bad_payload", "data_base64 is no base64") from error
    else:
        raise MalformedRecordError("no_value", "the event has no data")
    return _checked(Envelope(texts, payload))


def _checked(envelope: Envelope) -> Envelope:
    if envelope.texts.get("specversion") != "1.0" or not envelope.texts.get("type"):
        raise MalformedRecordError("not_cloudevent", "specversion 1.0 and type are required")
    return envelope


def decode(headers: RawHeaders, body: bytes | None, models: Mapping[str, type[EventData]]) -> Event | None:
    """One event, or None when its type is not among ``models`` (readers ignore types they do not know).

    Raises `MalformedRecordError`.
    """
    return _event(unwrap(headers, body), models)


def _event(envelope: Envelope, models: Mapping[str, type[EventData]]) -> Event | None:
    model = models.get(envelope.type)
    if model is None:
        return None
    return build(envelope.attributes(), decode_data(model, envelope.payload))


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
    except (ArithmeticError, RecursionError, TypeError, ValueError) as error:
        raise MalformedRecordError("bad_payload", f"{model.TYPE}: {type(error).__name__}") from None


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
    return _event(_from_document(document), models)
