"""The facts that the status view keeps: of every event only the fields it needs, as a set keyed by event id.

Reading has two ways to the same answer. Records in our own producers' exact form, which is nearly all of them, are read by
msgspec and one pattern; any other is given to the runtime's reader, whose word is final. `merge` is a set union, so it does
not matter in which order, how often or in what batches facts arrive.
"""

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from tongban_runtime.outbox import MAX_BODY_BYTES
from tongban_runtime.records import Record, Unreadable
from tongban_runtime.records import read as read_by_rule
from tongban_runtime.sealing import misplaced
from tongban_runtime.telemetry import is_recorded
from tongban_schemas.envelope import SOURCE_FORM, Attributes, Event, dataschema_uri, encode_body, require_time
from tongban_schemas.events import EVENTS
from tongban_schemas.topics import TOPICS, topics_consumed_by

from tongban_intake.payloads import BODIES, AnyBody


class Fact(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One event. ``id`` is a canonical UUID, ``time`` UTC, ``trace`` a W3C trace id."""

    id: str
    source: str
    time: datetime
    sequence: int
    trace: str | None
    data: AnyBody


Facts = dict[str, Fact]
"""The facts of one application, by event id."""

VIEW_TOPICS: tuple[str, ...] = tuple(
    topic.topic for topic in topics_consumed_by("intake") if any(event in BODIES for event in topic.events)
)
"""The topics that the view folds, without prefix. An application's key puts it in the same partition of each."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Fact])


def merge(known: Facts, fact: Fact) -> bool:
    """Adds a fact; says whether the set changed.

    Two events may not share an id. If they do all the same, both are kept, whichever came first: who may not say it takes nobody's
    place. The one whose bytes are smaller stands under the id, others under the id and the hash of theirs.
    """
    present = known.get(fact.id)
    if present is None:
        known[fact.id] = fact
        return True
    if present == fact:
        return False
    first, second = sorted((present, fact), key=_encoder.encode)
    known[fact.id] = first
    place = f"{fact.id} {hashlib.sha256(_encoder.encode(second)).hexdigest()}"
    changed = place not in known or present != first
    known[place] = second
    return changed


def pack(facts: Facts) -> bytes:
    """The set as MessagePack: equal sets give equal bytes."""
    return _encoder.encode([facts[place] for place in sorted(facts)])


def unpack(packed: bytes) -> Facts:
    """The reverse of `pack`. Raises `msgspec.DecodeError`."""
    return merge_all(_decoder.decode(packed))


def fact_of(event: Event) -> Fact | None:
    """The fact that an event states, or None when the view has no use for its type."""
    body = BODIES.get(event.type)
    if body is None:
        return None
    return Fact(
        id=str(event.id),
        source=event.source,
        time=event.time,
        sequence=event.sequence,
        trace=_trace(event.traceparent.encode() if event.traceparent else None),
        data=msgspec.json.decode(encode_body(event.data), type=body),
    )


_MODELS = {name: model for name, model in EVENTS.items() if name in BODIES}
_UUID = rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ordinary = re.compile(
    rb"1\.0\n" + rb"\n".join([_UUID] * 4) + rb"\n[1-9][0-9]{0,8}\n[0-9-]{10}T[0-9:]{8}\.[0-9]{6}Z"
).fullmatch
_traceparent = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}").fullmatch
_NO_TRACE = b"0" * 32
_SEALED = b'"s1.'
_SOURCES_KEPT = 10_000
_JSON = b"application/json"
_SCHEMA = dataschema_uri("").encode()
_source_form = re.compile(SOURCE_FORM).fullmatch
_names_of_ours = frozenset({f"ce_{name}" for name in Attributes.model_fields} | {"ce_specversion", "content-type"})


def _trace(traceparent: bytes | None) -> str | None:
    found = _traceparent(traceparent) if traceparent else None
    return None if found is None or found[1] == _NO_TRACE else found[1].decode()


def recorded_trace(message: Any) -> str | None:
    """The ``traceparent`` of a record whose trace is recorded."""
    found = next((value for name, value in message.headers if name == "ce_traceparent"), None)
    text = found.decode() if found is not None and _traceparent(found) else None
    return text if is_recorded(text) else None


class Reader:
    """Reads the records of one topic, given by its full name."""

    def __init__(self, topic: str, prefix: str = "") -> None:
        self._topic = topic.removeprefix(prefix)
        rules = TOPICS[self._topic]
        self._producers = [[producer] for producer in rules.producers]
        self._decoders = {
            name.encode(): msgspec.json.Decoder(BODIES[name]).decode for name in rules.events if name in BODIES
        }
        self._sources: dict[bytes, str] = {}

    def read(self, message: Any) -> tuple[str, Fact] | Unreadable | None:
        """(application id, fact); or why there is none; None for a type the view has no use for.

        ``message`` is an aiokafka ``ConsumerRecord`` or a Faust ``Message``.
        """
        headers: dict[str, bytes] = dict(message.headers)
        try:
            subject = headers["ce_subject"]
            event_id = headers["ce_id"]
            cause = headers.get("ce_causationid")
            sequence = headers["ce_sequence"]
            time = headers["ce_time"]
            head = (
                headers["ce_specversion"], event_id, subject, headers["ce_correlationid"],
                cause if cause is not None else event_id, sequence, time,
            )  # fmt: skip
            trace = headers.get("ce_traceparent")
            body = message.value
            if (
                _ordinary(b"\n".join(head))
                and subject == message.key
                and len(headers) == len(message.headers)
                and headers.keys() <= _names_of_ours
                and headers.get("content-type", _JSON) == _JSON
                and headers.get("ce_dataschema") in (None, _SCHEMA + headers["ce_type"])
                and (trace is None or _traceparent(trace))
                and len(body) <= MAX_BODY_BYTES
                and not (_SEALED in body and misplaced(UUID(event_id.decode()), body))
            ):
                fact = Fact(
                    event_id.decode(),
                    self._source(headers["ce_source"]),
                    require_time(msgspec.convert(time.decode(), datetime)),
                    int(sequence),
                    _trace(trace),
                    self._decoders[headers["ce_type"]](body),
                )
                return subject.decode(), fact
        except (KeyError, TypeError, ValueError, RecursionError, ArithmeticError):
            pass
        return self._read_by_rule(message)

    def _source(self, raw: bytes) -> str:
        """Raises `ValueError` when the source may not publish here."""
        found = self._sources.get(raw)
        if found is None:
            found = raw.decode()
            if found.split("/")[1:2] not in self._producers or not _source_form(found):
                raise ValueError("ce_source may not publish here")
            if len(self._sources) >= _SOURCES_KEPT:
                self._sources.clear()
            self._sources[raw] = found
        return found

    def _read_by_rule(self, message: Any) -> tuple[str, Fact] | Unreadable | None:
        event = read_by_rule(Record.of(message), self._topic, _MODELS)
        if not isinstance(event, Event):
            return event
        fact = fact_of(event)
        return None if fact is None else (str(UUID(event.subject)), fact)


def merge_all(facts: Iterable[Fact]) -> Facts:
    """The set of the facts given."""
    known: Facts = {}
    for fact in facts:
        merge(known, fact)
    return known
