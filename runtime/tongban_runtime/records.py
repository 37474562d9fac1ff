"""What a Kafka record is to a consumer: an event for a handler, something to set aside, or something to pass over."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from aiokafka import TopicPartition
from tongban_schemas.envelope import (
    Event,
    EventData,
    MalformedRecordError,
    build,
    decode_attributes,
    decode_data,
    decode_type,
)
from tongban_schemas.topics import TOPICS

from tongban_runtime.outbox import MAX_BODY_BYTES
from tongban_runtime.outcome import ParkReason
from tongban_runtime.sealing import misplaced


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it came, with its place."""

    place: TopicPartition
    offset: int
    key: str | None
    headers: tuple[tuple[str, bytes], ...]
    body: bytes | None

    @classmethod
    def of(cls, record: Any) -> "Record":
        """From an aiokafka ``ConsumerRecord``; keys and headers that are not UTF-8 stay recognisable."""
        return cls(
            place=TopicPartition(record.topic, record.partition),
            offset=record.offset,
            key=None if record.key is None else record.key.decode(errors="backslashreplace"),
            headers=tuple((name, value or b"") for name, value in record.headers),
            body=record.value,
        )

    def header(self, name: str) -> str | None:
        return next((value.decode(errors="backslashreplace") for key, value in self.headers if key == name), None)


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
    if record.body is None:
        return None if rules.cleanup == "compact" else Unreadable("no_value", "the record has no value", False)
    if len(record.body) > MAX_BODY_BYTES:
        return Unreadable("oversized", f"{len(record.body)} bytes, {MAX_BODY_BYTES} at most", False)
    try:
        if decode_type(record.headers) not in models:
            return None
        attributes = decode_attributes(record.headers)
        if attributes.type not in rules.events:
            raise MalformedRecordError("bad_attribute", f"ce_type does not belong on {topic}")
        if attributes.source.split("/")[1:2] not in [[producer] for producer in rules.producers]:
            raise MalformedRecordError("bad_attribute", f"ce_source may not publish to {topic}")
        if attributes.subject != record.key:
            raise MalformedRecordError("bad_attribute", "ce_subject and the record's key differ")
        if rules.cleanup != "compact":
            _require_uuid(attributes.subject)
    except MalformedRecordError as error:
        return Unreadable(error.reason, str(error), False)
    if misplaced(attributes.id, record.body):
        return Unreadable("bad_payload", "a sealed value was made for another event", True)
    try:
        return build(attributes, decode_data(models[attributes.type], record.body))
    except MalformedRecordError as error:
        return Unreadable(error.reason, str(error), True)


def _require_uuid(subject: str) -> None:
    try:
        UUID(subject)
    except ValueError as error:
        raise MalformedRecordError("bad_attribute", "ce_subject is no UUID") from error
