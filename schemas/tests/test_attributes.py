"""The bounds of every attribute, and CloudEvents' structured mode: what other programs put on a topic."""

import base64
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from tongban_schemas.envelope import (
    Event,
    Headers,
    MalformedRecordError,
    decode,
    encode_body,
    encode_headers,
    to_structured,
)
from tongban_schemas.events import EVENTS
from tongban_schemas.events.applications import ApplicationAccepted
from tongban_schemas.types import ItemRef

SUBJECT = "019c0b5e-7a10-7c3e-9d52-3f6b1c8e2a47"
EVENT = Event(
    id=UUID(int=1),
    source="/intake",
    subject=SUBJECT,
    time=datetime(2026, 1, 31, 8, tzinfo=UTC),
    sequence=1,
    correlationid=UUID(SUBJECT),
    data=ApplicationAccepted(item=ItemRef(code="11990000000000019A3990100001000", version=1)),
)
BODY = encode_body(EVENT.data)
STRUCTURED: Headers = [("content-type", b"application/cloudevents+json; charset=UTF-8")]


def changed(name: str, value: bytes | None) -> list[tuple[str, bytes | None]]:
    return [(header, raw) for header, raw in encode_headers(EVENT) if header != name] + [(name, value)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_id", b"{00000000-0000-0000-0000-000000000001}"),
        ("ce_id", b"urn:uuid:00000000-0000-0000-0000-000000000001"),
        ("ce_id", b"00000000000000000000000000000001"),
        ("ce_id", b"00000000-0000-0000-0000-00000000000\x00"),
        ("ce_sequence", b"01"),
        ("ce_sequence", b"+1"),
        ("ce_sequence", b" 1"),
        ("ce_sequence", b"1_0"),
        ("ce_sequence", b"1.0"),
        ("ce_sequence", "１".encode()),
        ("ce_sequence", b"2147483648"),
        ("ce_sequence", b"99999999999999999999"),
        ("ce_time", b"0000-01-01T00:00:00Z"),
        ("ce_time", b"0001-01-01T00:00:00Z"),
        ("ce_time", b"1969-12-31T23:59:59Z"),
        ("ce_time", b"9999-12-31T23:59:59Z"),
        ("ce_time", b"10000-01-01T00:00:00Z"),
        ("ce_source", b""),
        ("ce_source", b"intake"),
        ("ce_source", b"/in take"),
        ("ce_source", b"/intake\x00"),
        ("ce_source", b"/intake\n"),
        ("ce_source", b"/" + b"x" * 201),
        ("ce_subject", b"a\x00b"),
        ("ce_subject", b"x" * 201),
        ("ce_dataschema", b""),
        ("ce_dataschema", b"/relative"),
        ("ce_dataschema", b"urn:a b"),
        ("ce_traceparent", b"\xff\xfe"),
        ("ce_causationid", b""),
    ],
)
def test_an_attribute_out_of_its_bounds_is_refused_by_name(name: str, value: bytes) -> None:
    with pytest.raises(MalformedRecordError, match=name) as refused:
        decode(changed(name, value), BODY, EVENTS)
    assert refused.value.reason == "bad_attribute"


def test_an_empty_type_is_no_type() -> None:
    with pytest.raises(MalformedRecordError, match="not_cloudevent"):
        decode(changed("ce_type", b""), BODY, EVENTS)


@pytest.mark.parametrize("name", [name for name, _ in encode_headers(EVENT) if name.startswith("ce_")])
def test_an_attribute_that_is_there_twice_is_refused(name: str) -> None:
    headers = encode_headers(EVENT)
    with pytest.raises(MalformedRecordError, match="twice"):
        decode([*headers, next(header for header in headers if header[0] == name)], BODY, EVENTS)


@pytest.mark.parametrize("trace", [b"01-zz", b"", b"00-\x00", b"x" * 5000])
def test_a_trace_that_is_none_is_left_out(trace: bytes) -> None:
    found = decode(changed("ce_traceparent", trace), BODY, EVENTS)
    assert found is not None
    assert found.traceparent is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_time", b"2026-01-31t08:00:00z"),
        ("ce_time", b"2026-01-31T08:00:00.000+00:00"),
        ("ce_causationid", None),
        ("ce_later", b"\xff"),
        ("x-\udcff", b"\xff"),
    ],
)
def test_what_the_standards_allow_is_read(name: str, value: bytes | None) -> None:
    assert decode(changed(name, value), BODY, EVENTS) == EVENT


DEEP = 90_000


@pytest.mark.parametrize(
    "body",
    [
        b'{"item":' + b"[" * DEEP + b"]" * DEEP + b"}",
        BODY[:-1] + b',"later":' + b"[" * DEEP + b"]" * DEEP + b"}",
        b"[" * DEEP,
        b'{"item":{"code":"\\ud800","version":1}}',
        b"\x00" + BODY,
    ],
    ids=["deep in a field", "deep beside", "open", "half a character", "NUL"],
)
def test_no_body_does_more_than_be_refused(body: bytes) -> None:
    for headers in (encode_headers(EVENT), STRUCTURED):
        with pytest.raises(MalformedRecordError):
            decode(headers, body, EVENTS)


def document(**changes: Any) -> bytes:
    return json.dumps(to_structured(EVENT) | changes, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "body",
    [
        document(),
        document(sequence=1),
        document(causationid=None, later={"any": "thing"}),
        document(time="2026-01-31t08:00:00z"),
        json.dumps(
            {name: value for name, value in to_structured(EVENT).items() if name != "data"}
            | {"data_base64": base64.b64encode(BODY).decode()}
        ).encode(),
    ],
)
def test_structured_mode_is_read(body: bytes) -> None:
    assert decode(STRUCTURED, body, EVENTS) == EVENT


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_cloudevent"),
        (b"[]", "not_cloudevent"),
        (b"\xff", "not_cloudevent"),
        (document(specversion="0.3"), "not_cloudevent"),
        (document(type=""), "not_cloudevent"),
        (document(sequence=True), "bad_attribute"),
        (document(sequence=1.5), "bad_attribute"),
        (document(subject=None), "bad_attribute"),
        (document(source={"a": 1}), "bad_attribute"),
        (document(data="text"), "bad_payload"),
        (document(data=None), "bad_payload"),
        (json.dumps({"specversion": "1.0", "type": EVENT.type}).encode(), "no_value"),
        (json.dumps({"specversion": "1.0", "type": EVENT.type, "data_base64": "%"}).encode(), "bad_payload"),
    ],
)
def test_a_broken_document_is_refused_by_its_reason(body: bytes, reason: str) -> None:
    with pytest.raises(MalformedRecordError) as refused:
        decode(STRUCTURED, body, EVENTS)
    assert refused.value.reason == reason


def test_several_events_in_one_record_are_none_of_ours() -> None:
    batch = b"[" + document() + b"]"
    with pytest.raises(MalformedRecordError, match="one event a record"):
        decode([("content-type", b"application/cloudevents-batch+json")], batch, EVENTS)
