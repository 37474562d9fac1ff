"""The gate, tried with mutations of real schemas: each has one verdict and one side to roll out first."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Literal

import pytest
from pydantic import Field
from tongban_schemas.checks import Contract, problems
from tongban_schemas.compatibility import Side, Verdict, advice, compare
from tongban_schemas.envelope import EventData
from tongban_schemas.events import EVENTS
from tongban_schemas.events.applications import ApplicationSubmitted
from tongban_schemas.events.approvals import ApprovalRefused
from tongban_schemas.events.notifications import TOPIC, Channel, NotificationFailed
from tongban_schemas.json_schema import payload_schema
from tongban_schemas.types import JsonObject

Mutation = Callable[[JsonObject], Any]
SUBMITTED, REFUSED = ApplicationSubmitted, ApprovalRefused


def _fields(schema: JsonObject) -> JsonObject:
    fields: JsonObject = schema["properties"]
    return fields


def _rename(schema: JsonObject) -> None:
    _fields(schema)["place"] = _fields(schema).pop("region")
    schema["required"] = ["place" if name == "region" else name for name in schema["required"]]


def _add_required(schema: JsonObject) -> None:
    _fields(schema)["agent"] = {"type": "string"}
    schema["required"].append("agent")


def _nullable(schema: JsonObject) -> None:
    _fields(schema)["reason_code"] = {"anyOf": [_fields(schema)["reason_code"], {"type": "null"}]}


def _drop_field(name: str) -> Mutation:
    return lambda schema: _fields(schema).pop(name)


def _set(path: str, keyword: str, value: Any) -> Mutation:
    def mutate(schema: JsonObject) -> None:
        for step in path.split("."):
            schema = schema[step] if step == "additionalProperties" else schema["properties"][step]
        schema[keyword] = value

    return mutate


def _unset(path: str, keyword: str) -> Mutation:
    def mutate(schema: JsonObject) -> None:
        for step in path.split("."):
            schema = schema["properties"][step]
        del schema[keyword]

    return mutate


MUTATIONS: list[tuple[str, type[EventData], Mutation, Verdict, Side]] = [
    ("optional field added", SUBMITTED, lambda s: _fields(s).update(agent={"type": "string"}), "compatible", "either"),
    ("enum value added", SUBMITTED, _set("language", "enum", ["zh", "en", "bo"]), "compatible", "consumers"),
    ("required made optional", SUBMITTED, lambda s: s["required"].remove("region"), "compatible", "consumers"),
    ("pattern dropped", SUBMITTED, _unset("region", "pattern"), "compatible", "consumers"),
    ("format dropped", SUBMITTED, _unset("applicant", "format"), "compatible", "consumers"),
    ("minimum loosened", SUBMITTED, _set("item.version", "minimum", 0), "compatible", "consumers"),
    ("null allowed", REFUSED, _nullable, "compatible", "consumers"),
    ("closed list opened", REFUSED, _unset("decided_by", "enum"), "compatible", "consumers"),
    ("required field removed", SUBMITTED, _drop_field("region"), "breaking", "consumers"),
    ("optional field removed", SUBMITTED, _drop_field("language"), "breaking", "consumers"),
    ("field renamed", SUBMITTED, _rename, "breaking", "consumers"),
    ("type changed", SUBMITTED, _set("region", "type", "integer"), "breaking", "consumers"),
    ("nested type changed", SUBMITTED, _set("item.version", "type", "string"), "breaking", "consumers"),
    ("required field added", SUBMITTED, _add_required, "breaking", "producers"),
    ("optional made required", SUBMITTED, lambda s: s["required"].append("language"), "breaking", "producers"),
    ("enum value removed", SUBMITTED, _set("language", "enum", ["zh"]), "breaking", "producers"),
    ("list of values closed", REFUSED, _set("department", "enum", ["heritage"]), "breaking", "producers"),
    ("pattern tightened", SUBMITTED, _set("region", "pattern", "^99[0-9]{4}$"), "breaking", "producers"),
    ("pattern added", SUBMITTED, _set("applicant", "pattern", "^5"), "breaking", "producers"),
    ("minimum tightened", SUBMITTED, _set("item.version", "minimum", 2), "breaking", "producers"),
    ("maximum added", SUBMITTED, _set("item.version", "maximum", 99), "breaking", "producers"),
    ("null refused", REFUSED, lambda s: _fields(s)["officer"]["anyOf"].pop(), "breaking", "producers"),
    (
        "map values tightened",
        SUBMITTED,
        _set("sealed.additionalProperties", "pattern", "^s2$"),
        "breaking",
        "producers",
    ),
    ("map values restricted", SUBMITTED, _set("answers", "additionalProperties", False), "breaking", "producers"),
    (
        "unknown fields refused",
        SUBMITTED,
        lambda s: s.update(additionalProperties=False),
        "breaking",
        "producers",
    ),
    ("default changed", SUBMITTED, _set("language", "default", "en"), "breaking", "either"),
]


@pytest.mark.parametrize(
    ("model", "mutate", "verdict", "side"), [pytest.param(*rest, id=name) for name, *rest in MUTATIONS]
)
def test_a_mutated_schema_gets_its_verdict(
    model: type[EventData], mutate: Mutation, verdict: Verdict, side: Side
) -> None:
    published = payload_schema(model)
    mutated = copy.deepcopy(published)
    mutate(mutated)
    changes = compare(published, mutated)
    breaking = [change for change in changes if change.verdict == "breaking"]
    assert ("breaking" if breaking else "compatible") == verdict
    assert side in {change.first for change in breaking or changes}
    text = advice(model.TYPE, changes)
    if verdict == "breaking":
        assert f"publish {model.TYPE.removesuffix('.v1')}.v2 beside it" in text
        assert "roll out consumers that read both first, then the producers" in text
    else:
        assert {"consumers": "Roll out consumers first", "either": "Either side first"}[side] in text


@pytest.mark.parametrize("model", EVENTS.values())
def test_words_are_no_change(model: type[EventData]) -> None:
    reworded = payload_schema(model)
    for field in reworded.get("properties", {}).values():
        field["description"] = "其他说法"
    assert compare(payload_schema(model), {**reworded, "title": "X", "description": "Y", "examples": []}) == []


class FailedByNumber(EventData):
    """A later reader and writer that numbers its notifications."""

    TYPE: ClassVar[str] = NotificationFailed.TYPE
    TOPIC: ClassVar[str] = TOPIC

    notification: int
    about: str
    channel: Channel
    reason: str = Field(pattern=r"^[a-z][a-z0-9_]{1,40}$")


class FailedBySms(NotificationFailed):
    """A later writer that knows one more channel."""

    channel: Literal["inbox", "email", "sms"]  # type: ignore[assignment]


def _with(model: type[EventData], **payload: object) -> Contract:
    contract = Contract(models={**EVENTS, model.TYPE: model})
    documents = {
        name: {**document, "data": {**document["data"], **payload}}
        for name, document in contract.examples[model.TYPE].items()
    }
    return replace(contract, examples={**contract.examples, model.TYPE: documents})


def test_stored_events_that_the_new_reader_cannot_read_are_found() -> None:
    found = "\n".join(problems(_with(FailedByNumber, notification=7)))
    assert "notification: the type changed from string to integer" in found
    assert "consumers of today cannot read an event of revision 1" in found


def test_new_events_that_an_old_reader_cannot_read_are_found() -> None:
    found = "\n".join(problems(_with(FailedByNumber, notification=7)))
    assert "consumers of revision 1 cannot read what producers write today (notification)" in found


def test_a_widening_is_announced_and_waits_for_export() -> None:
    assert problems(_with(FailedBySms, channel="sms")) == [
        f"{NotificationFailed.TYPE}: channel: also allows sms. "
        "Roll out consumers first: a consumer of the old revision would park what the new producer writes.",
        f"{NotificationFailed.TYPE}: the change is not published yet; run `python -m tongban_schemas export`",
    ]
