"""What the view keeps of an event, against the contract; and what it makes of records that are no such event."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import msgspec
import pytest
from aiokafka import TopicPartition
from tongban_intake.facts import _MODELS, VIEW_TOPICS, Fact, Reader, fact_of
from tongban_intake.payloads import BODIES
from tongban_runtime.outbox import MAX_BODY_BYTES
from tongban_runtime.records import Record, Unreadable, read
from tongban_runtime.testing.keys import case_keys
from tongban_schemas.envelope import Event, encode_body, encode_headers, from_structured
from tongban_schemas.events import EVENTS
from tongban_schemas.examples import load_examples
from tongban_schemas.topics import TOPICS


def bound(value: Any, event: UUID) -> Any:
    """The value with whatever is sealed in it made for this event, as a producer does it."""
    if isinstance(value, dict):
        return {name: bound(one, event) for name, one in value.items()}
    if isinstance(value, list):
        return [bound(one, event) for one in value]
    if isinstance(value, str) and value.startswith("s1."):
        return case_keys("example").seal(event, "example", "示例")
    return value


EXAMPLES = [
    (event_type, name, document | {"data": bound(document["data"], UUID(document["id"]))})
    for event_type, named in load_examples().items()
    if event_type in BODIES
    for name, document in named.items()
]


def example_event(document: dict[str, Any]) -> Event:
    event = from_structured(document, EVENTS)
    assert event is not None
    return event


def message(event: Event, **changes: Any) -> Any:
    """A record as aiokafka and Faust give it."""
    fields: dict[str, Any] = {
        "topic": event.topic,
        "partition": 0,
        "offset": 0,
        "key": event.subject.encode(),
        "headers": tuple(encode_headers(event)),
        "value": encode_body(event.data),
    }
    return SimpleNamespace(**{**fields, **changes})


def test_every_event_of_the_view_s_topics_has_its_fields_here() -> None:
    """A new event type has to be told to the view, with the fields that the status needs."""
    expected = {name for topic in TOPICS.values() if topic.key == "application" for name in topic.events}
    assert set(BODIES) == expected
    assert set(VIEW_TOPICS) == {topic.topic for topic in TOPICS.values() if topic.key == "application"}


@pytest.mark.parametrize("event_type", sorted(BODIES))
def test_the_view_s_fields_are_fields_of_the_contract(event_type: str) -> None:
    model = EVENTS[event_type]
    for field in msgspec.structs.fields(BODIES[event_type]):
        assert field.name in model.model_fields
        assert field.required == model.model_fields[field.name].is_required()
    assert "t" not in model.model_fields


@pytest.mark.parametrize(("event_type", "name", "document"), EXAMPLES, ids=lambda value: str(value)[:40])
def test_both_ways_of_reading_give_the_same_fact(event_type: str, name: str, document: dict[str, Any]) -> None:
    event = example_event(document)
    reader = Reader(event.topic)
    raw = msgspec.json.encode(document["data"])
    found = reader.read(message(event, value=raw))
    assert found == (event.subject, fact_of(event))
    quick = Reader(event.topic)
    quick._read_by_rule = pytest.fail  # type: ignore[method-assign,assignment]
    assert quick.read(message(event, value=raw)) == found


UNUSUAL = {
    "a time without microseconds": ("ce_time", b"2026-01-31T08:00:00Z"),
    "an upper-case id": ("ce_id", EXAMPLES[0][2]["id"].upper().encode()),
    "no trace": ("ce_traceparent", None),
    "a broken trace": ("ce_traceparent", b"01-zz"),
    "an unknown header": ("ce_newthing", b"1"),
}


@pytest.mark.parametrize("change", UNUSUAL.values(), ids=UNUSUAL.keys())
def test_unusual_but_valid_records_are_read(change: tuple[str, bytes | None]) -> None:
    event = example_event(EXAMPLES[0][2])
    headers = [(name, value) for name, value in encode_headers(event) if name != change[0]]
    if change[1] is not None:
        headers.append((change[0], change[1]))
    changed = message(event, headers=headers)
    expected = read(Record.of(changed), event.topic, _MODELS)
    assert isinstance(expected, Event)
    assert Reader(event.topic).read(changed) == (event.subject, fact_of(expected))


def broken(event: Event) -> dict[str, Any]:
    headers = encode_headers(event)

    def replaced(name: str, value: bytes) -> list[tuple[str, bytes]]:
        return [(key, value if key == name else old) for key, old in headers]

    return {
        "no_value": message(event, value=None),
        "oversized": message(event, value=b" " * (MAX_BODY_BYTES + 1)),
        "no headers": message(event, headers=()),
        "wrong key": message(event, key=str(UUID(int=1)).encode()),
        "no key": message(event, key=None),
        "wrong source": message(event, headers=replaced("ce_source", b"/nobody")),
        "no source": message(event, headers=replaced("ce_source", b"x")),
        "bad id": message(event, headers=replaced("ce_id", b"1")),
        "bad time": message(event, headers=replaced("ce_time", b"2026-13-31T08:00:00.000000Z")),
        "bad sequence": message(event, headers=replaced("ce_sequence", b"0")),
        "not utf-8": message(event, headers=replaced("ce_source", b"\xff\xfe")),
        "bad payload": message(event, value=b'{"item": 3}'),
        "no json": message(event, value=b"{"),
    }


@pytest.mark.parametrize("name", list(broken(example_event(EXAMPLES[0][2]))))
def test_unreadable_records_are_told_as_the_runtime_tells_them(name: str) -> None:
    event = example_event(EXAMPLES[0][2])
    record = broken(event)[name]
    found = Reader(event.topic).read(record)
    assert isinstance(found, Unreadable)
    assert found == read(Record.of(record), event.topic, _MODELS)


def test_an_unknown_type_and_a_prefix() -> None:
    event = example_event(EXAMPLES[0][2])
    unknown = [
        (name, b"cn.tongban.new.thing.v1" if name == "ce_type" else value) for name, value in encode_headers(event)
    ]
    assert Reader(event.topic).read(message(event, headers=unknown)) is None
    found = Reader(f"t1.{event.topic}", "t1.").read(message(event, topic=f"t1.{event.topic}"))
    assert isinstance(found, tuple)
    assert isinstance(found[1], Fact)
    assert TopicPartition(event.topic, 0).topic in VIEW_TOPICS


def test_a_value_that_was_sealed_for_another_event_is_not_taken() -> None:
    """Moved from event to event, somebody else's value would be opened for whoever may open this one."""
    moved = next(document for kind, _, document in EXAMPLES if kind == "cn.tongban.approval.refused.v1")
    event = example_event(moved)
    body = encode_body(event.data).replace(b'"s1.', b'"s1.A')
    quick = Reader(event.topic)
    asked = []
    quick._read_by_rule = lambda record: asked.append(record)  # type: ignore[method-assign,assignment]
    assert quick.read(message(event, value=body)) is None
    assert len(asked) == 1
