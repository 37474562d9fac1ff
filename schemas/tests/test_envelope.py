"""Kafka records and CloudEvents: what is read, what is left alone, what is refused and why."""

import json
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID

import pytest
from pydantic import TypeAdapter, ValidationError
from tongban_schemas.envelope import (
    Event,
    Headers,
    MalformedReason,
    MalformedRecordError,
    decode,
    decode_data,
    encode_body,
    encode_headers,
    event_id,
    from_structured,
    to_structured,
    unwrap,
)
from tongban_schemas.events import EVENTS
from tongban_schemas.events.applications import ApplicationSubmitted
from tongban_schemas.events.approvals import ApprovalOverdue
from tongban_schemas.events.catalog import CalendarPublished
from tongban_schemas.types import ItemRef, JsonObject, Utc, format_utc

APPLICATION = UUID("019c0b5e-7a10-7c3e-9d52-3f6b1c8e2a47")
ITEM = ItemRef(code="11990000000000019A3990100001000", version=1)


@pytest.fixture
def event() -> Event:
    data = ApplicationSubmitted(
        item=ITEM,
        applicant=UUID(int=7),
        region="990102",
        answers={"project_name": "示范厂房", "notes": None},
        sealed={"contact_name": "s1.abc"},
    )
    return Event(
        id=event_id(data.TYPE, str(APPLICATION)),
        source="/intake",
        subject=str(APPLICATION),
        time=datetime(2026, 1, 31, 8, 0, 0, 250, tzinfo=UTC),
        sequence=1,
        correlationid=APPLICATION,
        causationid=UUID(int=9),
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        data=data,
    )


def _with(headers: Headers, name: str, value: bytes) -> Headers:
    return [(name, value) if header == name else (header, raw) for header, raw in headers]


def _reason(headers: list[tuple[str, bytes | None]], body: bytes | None) -> tuple[MalformedReason, str]:
    with pytest.raises(MalformedRecordError) as refused:
        decode(headers, body, EVENTS)
    return refused.value.reason, str(refused.value)


def test_a_record_comes_back_as_it_was(event: Event) -> None:
    assert decode(encode_headers(event), encode_body(event.data), EVENTS) == event
    assert from_structured(json.loads(json.dumps(to_structured(event))), EVENTS) == event


def test_optional_attributes_may_be_absent(event: Event) -> None:
    bare = replace(event, causationid=None, traceparent=None)
    headers = encode_headers(bare)
    assert {name for name, _ in headers}.isdisjoint({"ce_causationid", "ce_traceparent"})
    assert decode(headers, encode_body(bare.data), EVENTS) == bare


def test_chinese_is_written_as_utf8(event: Event) -> None:
    body = encode_body(event.data)
    assert "示范厂房".encode() in body
    assert b"\\u" not in body


def test_a_null_inside_answers_is_kept(event: Event) -> None:
    assert json.loads(encode_body(event.data))["answers"] == {"project_name": "示范厂房", "notes": None}


def test_foreign_headers_are_left_alone(event: Event) -> None:
    foreign: list[tuple[str, bytes | None]] = [
        ("x-retry", None),
        ("binary", b"\xff\xfe"),
        ("ce_later", b"1"),
        ("ce_nothing", None),
        *encode_headers(event),
    ]
    assert decode(foreign, encode_body(event.data), EVENTS) == event


def test_a_type_nobody_knows_is_no_event_and_its_own_attributes_are_not_judged(event: Event) -> None:
    foreign: Headers = [("ce_specversion", b"1.0"), ("ce_type", b"org.example.thing"), ("ce_id", b"17")]
    assert decode(foreign, b"{}", EVENTS) is None
    assert unwrap(foreign, b"{}").type == "org.example.thing"
    later = _with(encode_headers(event), "ce_type", b"cn.tongban.application.submitted.v2")
    assert decode(later, b"not even JSON", EVENTS) is None


def test_a_tombstone_is_refused(event: Event) -> None:
    assert _reason([], None)[0] == "no_value"
    assert _reason([*encode_headers(event)], None)[0] == "no_value"


@pytest.mark.parametrize("missing", ["ce_specversion", "ce_type"])
def test_a_record_that_is_no_cloudevent_is_refused(event: Event, missing: str) -> None:
    headers = [header for header in encode_headers(event) if header[0] != missing]
    assert _reason([*headers], encode_body(event.data))[0] == "not_cloudevent"
    assert _reason([], b"{}")[0] == "not_cloudevent"
    assert _reason([*_with(encode_headers(event), "ce_specversion", b"0.3")], b"{}")[0] == "not_cloudevent"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_id", b"17"),
        ("ce_subject", b""),
        ("ce_time", b"2026-01-31T08:00:00"),
        ("ce_time", b"yesterday"),
        ("ce_time", b"1769846400"),
        ("ce_sequence", b"0"),
        ("ce_sequence", b"first"),
        ("ce_correlationid", b"\xff\xfe"),
        ("ce_causationid", b"none"),
    ],
)
def test_a_broken_attribute_is_refused_by_name(event: Event, name: str, value: bytes) -> None:
    headers = _with(encode_headers(event), name, value)
    reason, text = _reason([*headers], encode_body(event.data))
    assert (reason, name in text) == ("bad_attribute", True)


@pytest.mark.parametrize("missing", ["ce_id", "ce_source", "ce_subject", "ce_time", "ce_sequence", "ce_correlationid"])
def test_a_missing_attribute_is_refused_by_name(event: Event, missing: str) -> None:
    headers = [header for header in encode_headers(event) if header[0] != missing]
    assert missing in _reason([*headers], encode_body(event.data))[1]


def test_a_local_time_is_refused_with_what_to_send(event: Event) -> None:
    local = _with(encode_headers(event), "ce_time", b"2026-01-31T16:00:00+08:00")
    assert _reason([*local], encode_body(event.data)) == (
        "bad_attribute",
        "bad_attribute: check ce_time (times are UTC: send 2026-01-31T08:00:00Z, not a local offset)",
    )
    with pytest.raises(ValidationError, match="times are UTC: send"):
        TypeAdapter(Utc).validate_python(datetime(2026, 1, 31, tzinfo=timezone(timedelta(hours=8))))


def test_a_zero_offset_is_utc() -> None:
    adapter: TypeAdapter[datetime] = TypeAdapter(Utc)
    read = adapter.validate_python("2026-01-31T08:00:00+00:00")
    assert format_utc(read) == "2026-01-31T08:00:00.000000Z"
    assert adapter.dump_json(read) == b'"2026-01-31T08:00:00.000000Z"'


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"region": "99"}, "region"),
        ({"region": "٩٩٠١٠٢"}, "region"),
        ({"region": 990102}, "region"),
        ({"item": {"code": ITEM.code, "version": "1"}}, "item.version"),
        ({"language": "fr"}, "language"),
        ({"sealed": {"contact_name": "王小明"}}, "sealed.contact_name"),
    ],
)
def test_a_broken_payload_is_refused_by_place_and_never_by_value(event: Event, change: JsonObject, place: str) -> None:
    payload = {**event.data.model_dump(mode="json"), **change}
    reason, text = _reason([*encode_headers(event)], json.dumps(payload, ensure_ascii=False).encode())
    assert (reason, text) == ("bad_payload", f"bad_payload: {event.type}: check {place}")


CALENDAR = {"region": "990000", "year": 2026, "source": "示范省办公厅通知"}
OVERDUE = {"department": "heritage", "limit": "legal"}


@pytest.mark.parametrize(
    "day",
    [
        '"1769817600"',
        "1769817600",
        '"20260131"',
        '"2026-1-31"',
        '"2026-02-30"',
        '"2026-W05-6"',
        '"2026-01-31T00:00:00Z"',
        '" 2026-01-31"',
        "true",
        "null",
    ],
)
def test_a_day_is_written_in_one_way_only(day: str) -> None:
    body = json.dumps(CALENDAR).removesuffix("}") + f', "off": [{day}]}}'
    with pytest.raises(MalformedRecordError, match=r"check off\.0 \(days are written 2026-01-31\)"):
        decode_data(CalendarPublished, body.encode())


def test_a_day_and_a_time_inside_a_payload_come_back_as_they_were() -> None:
    calendar = decode_data(CalendarPublished, json.dumps(CALENDAR | {"off": ["2026-01-01"]}).encode())
    assert isinstance(calendar, CalendarPublished)
    assert calendar.off == [date(2026, 1, 1)]
    assert json.loads(encode_body(calendar))["off"] == ["2026-01-01"]
    overdue = decode_data(ApprovalOverdue, json.dumps(OVERDUE | {"due": "2026-03-31T16:00:00Z"}).encode())
    assert isinstance(overdue, ApprovalOverdue)
    assert overdue.due == datetime(2026, 3, 31, 16, tzinfo=UTC)
    assert json.loads(encode_body(overdue))["due"] == "2026-03-31T16:00:00.000000Z"


@pytest.mark.parametrize(
    "due", ["2026-04-01T00:00:00+08:00", "2026-03-31T16:00:00", "2026-03-31", "1T", 1774972800, None]
)
def test_a_time_inside_a_payload_is_read_as_strictly_as_one_in_the_head(due: object) -> None:
    with pytest.raises(MalformedRecordError, match=r"check due \(times are UTC"):
        decode_data(ApprovalOverdue, json.dumps(OVERDUE | {"due": due}).encode())


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b'"text"', b"null"])
def test_a_body_that_is_no_object_is_refused(event: Event, body: bytes) -> None:
    assert _reason([*encode_headers(event)], body)[0] == "bad_payload"


def test_attributes_can_be_read_without_the_payload(event: Event) -> None:
    attributes = unwrap(encode_headers(event), b"not even JSON").attributes()
    assert (attributes.type, attributes.sequence, attributes.time) == (event.type, 1, event.time)
    assert attributes.dataschema == "urn:tongban:schema:cn.tongban.application.submitted.v1"


def test_the_same_cause_gives_the_same_id() -> None:
    first = event_id("cn.tongban.approval.granted.v1", str(APPLICATION), "LAND1")
    assert first == UUID("46b689ad-71c5-5b3d-ba7a-8fa344bece3c")
    others = {
        event_id("cn.tongban.approval.granted.v1", str(APPLICATION), "LAND2"),
        event_id("cn.tongban.approval.refused.v1", str(APPLICATION), "LAND1"),
        event_id("cn.tongban.approval.granted.v1", str(UUID(int=1)), "LAND1"),
        event_id("cn.tongban.approval.granted.v1", str(APPLICATION)),
    }
    assert len(others | {first}) == 5


def test_events_are_frozen(event: Event) -> None:
    with pytest.raises(FrozenInstanceError):
        event.subject = "other"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        event.data.region = "990101"  # type: ignore[attr-defined]
