"""What a Kafka record is to a consumer: an event for a handler, something to set aside, or something to pass over.

Every consumer reads by `read`, the status view too. It does not fail, whatever a record holds: a producer that reaches the
broker decides every byte of it. `Record` keeps these bytes as they came, so that a record that was set aside is read again as
it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from aiokafka import TopicPartition
from tongban_schemas.envelope import Event, EventData, MalformedRecordError, build, decode_data, unwrap
from tongban_schemas.topics import TOPICS

from tongban_runtime.outbox import MAX_BODY_BYTES
from tongban_runtime.outcome import ParkReason
from tongban_runtime.sealing import misplaced

MAX_HEADERS_BYTES: Final = 16 * 1024
"""All names and values of a record's headers; our own take under 1 KiB."""

_SHOWN_CHARACTERS: Final = 200
_UNREADABLE: Final = "unreadable"


def shown(raw: bytes | None) -> str | None:
    """Bytes of a stranger as a short text for operators, logs and text columns: what is no printable ASCII is escaped."""
    if raw is None:
        return None
    return raw[:_SHOWN_CHARACTERS].decode("ascii", "backslashreplace").translate(_ESCAPES)[:_SHOWN_CHARACTERS]


_ESCAPES: Final = {number: f"\\x{number:02x}" for number in (*range(32), 127)}


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it came, with its place. Header names that are not UTF-8 hold surrogates (see `fetching`)."""

    place: TopicPartition
    offset: int
    key: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    body: bytes | None

    @classmethod
    def of(cls, record: Any) -> "Record":
        """From an aiokafka ``ConsumerRecord`` or a Faust ``Message``."""
        return cls(
            place=TopicPartition(record.topic, record.partition),
            offset=record.offset,
            key=record.key,
            headers=tuple(record.headers),
            body=record.value,
        )

    @property
    def subject(self) -> str | None:
        """The key as the text that events of a case share; a key that names no case is escaped."""
        return shown(self.key)

    @property
    def producer(self) -> str:
        """Who says that it wrote the record, for limits by producer; one name for all that do not say it readably."""
        try:
            return unwrap(self.headers, self.body).attributes().source
        except MalformedRecordError:
            return _UNREADABLE

    @property
    def size(self) -> int:
        """Bytes of key, headers and body."""
        return len(self.key or b"") + self.headers_size + len(self.body or b"")

    @property
    def headers_size(self) -> int:
        """Bytes of all names and values; a name that is not UTF-8 counts by its characters."""
        return sum(len(name) + len(value or b"") for name, value in self.headers)

    def header(self, name: str) -> str | None:
        """The first header of the name, to be shown."""
        return shown(next((value for key, value in self.headers if key == name), None))


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that is no readable event. ``holds_key``: later events of its key must wait behind it."""

    reason: ParkReason
    detail: str
    holds_key: bool


def read(record: Record, topic: str, models: Mapping[str, type[EventData]]) -> Event | Unreadable | None:
    """An event, or why there is none; None for a type that nobody here handles. ``topic`` is without prefix.

    Rules: no value, no CloudEvent, a bad attribute or too large -> set aside alone. A known type with a bad payload -> set
    aside, and its key waits: it may be a fact of that case; so with a sealed value that was made for another event. An
    unknown type -> passed over.
    """
    rules = TOPICS[topic]
    if record.body is None and rules.cleanup == "compact":
        return None
    if too_large := _too_large(record):
        return Unreadable("oversized", too_large, False)
    try:
        envelope = unwrap(record.headers, record.body)
        if envelope.type not in models:
            return None
        attributes = envelope.attributes()
        if attributes.type not in rules.events:
            raise MalformedRecordError("bad_attribute", f"ce_type does not belong on {topic}")
        if attributes.source.split("/")[1:2] not in [[producer] for producer in rules.producers]:
            raise MalformedRecordError("bad_attribute", f"ce_source may not publish to {topic}")
        if attributes.subject.encode() != record.key:
            raise MalformedRecordError("bad_attribute", "ce_subject and the record's key differ")
        if rules.cleanup != "compact":
            _require_uuid(attributes.subject)
    except MalformedRecordError as error:
        return Unreadable(error.reason, str(error), False)
    if misplaced(attributes.id, envelope.payload):
        return Unreadable("bad_payload", "a sealed value was made for another event", True)
    try:
        return build(attributes, decode_data(models[attributes.type], envelope.payload))
    except MalformedRecordError as error:
        return Unreadable(error.reason, str(error), True)


def _too_large(record: Record) -> str | None:
    body = len(record.body or b"")
    if body > MAX_BODY_BYTES:
        return f"{body} bytes, {MAX_BODY_BYTES} at most"
    headers = record.headers_size
    return f"{headers} bytes of headers, {MAX_HEADERS_BYTES} at most" if headers > MAX_HEADERS_BYTES else None


def _require_uuid(subject: str) -> None:
    """One case has one key: other ways to write its id would be other keys."""
    try:
        canonical = str(UUID(subject))
    except ValueError:
        canonical = None
    if canonical != subject:
        raise MalformedRecordError("bad_attribute", "ce_subject is no UUID in its canonical form")
