"""Every event, from payloads made by its published schema: reader, writer and schema agree."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import validator_for
from tongban_schemas.envelope import (
    FIRST_TIME,
    MAX_SEQUENCE,
    Event,
    decode,
    decode_data,
    encode_body,
    encode_headers,
    event_id,
    from_structured,
    to_structured,
)
from tongban_schemas.events import EVENTS
from tongban_schemas.json_schema import payload_schema
from tongban_schemas.revisions import Revision, load_revisions
from tongban_schemas.types import JsonObject, format_utc

REVISIONS = [revision for revisions in load_revisions().values() for revision in revisions]
NEWEST = [revisions[-1] for revisions in load_revisions().values()]

_SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
TIMES = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
HEAD_TIMES = TIMES.filter(lambda time: time >= FIRST_TIME)
ANY_JSON = st.recursive(
    _SCALARS | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def values(schema: JsonObject) -> st.SearchStrategy[Any]:
    """Values that a schema accepts, for the keywords that payload schemas use."""
    if "anyOf" in schema:
        return st.one_of(*(values(choice) for choice in schema["anyOf"]))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "object":
            return _objects(schema)
        case "array":
            return st.lists(values(schema["items"]), min_size=schema.get("minItems", 0), max_size=4)
        case "string":
            return _strings(schema)
        case "integer":
            return st.integers(min_value=schema.get("minimum"), max_value=schema.get("maximum", 2**53))
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
    raise AssertionError(f"no strategy for {schema}")


def _objects(schema: JsonObject) -> st.SearchStrategy[JsonObject]:
    if "properties" not in schema:
        beyond = schema.get("additionalProperties", False)
        inner = values(beyond) if isinstance(beyond, dict) else ANY_JSON if beyond else None
        return st.just({}) if inner is None else st.dictionaries(st.text(max_size=12), inner, max_size=4)
    fields = {name: values(child) for name, child in schema["properties"].items()}
    required = {name: fields.pop(name) for name in schema.get("required", [])}
    return st.fixed_dictionaries(required, optional=fields)


def _strings(schema: JsonObject) -> st.SearchStrategy[str]:
    match schema.get("format"):
        case "uuid":
            return st.uuids().map(str)
        case "date":
            return st.dates().map(str)
        case "date-time":
            return TIMES.map(format_utc)
    if "pattern" in schema:
        return st.from_regex(schema["pattern"].removesuffix("$") + r"\Z")
    return st.text(min_size=schema.get("minLength", 0), max_size=30)


@pytest.mark.parametrize("revision", REVISIONS, ids=lambda revision: f"{revision.type}/{revision.number}")
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_a_published_schema_accepts_is_read_and_comes_back(revision: Revision, data: st.DataObject) -> None:
    payload = data.draw(values(revision.schema))
    assert validator_for(revision.schema).is_valid(payload)
    model = EVENTS[revision.type]
    read = decode_data(model, json.dumps(payload, ensure_ascii=False).encode())
    subject = str(UUID(int=data.draw(st.integers(0, 2**128 - 1))))
    event = Event(
        id=event_id(revision.type, subject, data.draw(st.text(max_size=8))),
        source="/intake",
        subject=subject,
        time=data.draw(HEAD_TIMES),
        sequence=data.draw(st.integers(1, MAX_SEQUENCE)),
        correlationid=UUID(subject),
        causationid=data.draw(st.none() | st.uuids()),
        data=read,
    )
    assert decode(encode_headers(event), encode_body(read), EVENTS) == event
    assert from_structured(json.loads(json.dumps(to_structured(event))), EVENTS) == event


@pytest.mark.parametrize("newest", NEWEST, ids=lambda revision: revision.type)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_what_is_written_is_valid_and_unknown_fields_are_ignored(newest: Revision, data: st.DataObject) -> None:
    model = EVENTS[newest.type]
    payload = data.draw(values(payload_schema(model)))
    read = decode_data(model, json.dumps(payload, ensure_ascii=False).encode())
    assert validator_for(newest.schema).is_valid(json.loads(encode_body(read)))
    unknown = {**payload, "x_added_later": data.draw(ANY_JSON)}
    assert decode_data(model, json.dumps(unknown, ensure_ascii=False).encode()) == read
