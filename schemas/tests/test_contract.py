"""The contract holds, and every rule of it can fail."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, get_args

import pytest
import yaml
from jsonschema_rs import validator_for
from pydantic import TypeAdapter, ValidationError
from tongban_schemas.asyncapi import asyncapi_document, asyncapi_yaml
from tongban_schemas.checks import Contract, file_problems, problems
from tongban_schemas.events import EVENTS
from tongban_schemas.reference import events_page
from tongban_schemas.topics import (
    TOPICS,
    EventType,
    Service,
    Topic,
    TopicFileError,
    parse_topic,
    topics_consumed_by,
    topics_produced_by,
)
from tongban_schemas.types import JsonObject

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
SUBMITTED = "cn.tongban.application.submitted.v1"
ISSUED = "cn.tongban.certificate.issued.v1"
APPLICATIONS = "tongban.applications.v1"
ASYNCAPI = validator_for(json.loads((Path(__file__).parent / "data/asyncapi-3.0.0.json").read_text(encoding="utf-8")))


def test_the_contract_holds() -> None:
    assert problems(Contract()) == []
    assert file_problems() == []


def _without(mapping: dict[str, T], key: str) -> dict[str, T]:
    return {name: value for name, value in mapping.items() if name != key}


def _examples_with(change: Callable[[JsonObject], None], name: str = "minimal") -> Contract:
    contract = Contract()
    examples = json.loads(json.dumps(contract.examples))
    change(examples[SUBMITTED][name])
    return replace(contract, examples=examples)


def _topics_with(**change: object) -> Contract:
    return Contract(topics={**TOPICS, APPLICATIONS: TOPICS[APPLICATIONS].model_copy(update=change)})


BROKEN: dict[str, tuple[Callable[[], Contract], str]] = {
    "a topic lists an event that is not declared": (
        lambda: Contract(models=_without(EVENTS, ISSUED)),
        f"tongban.certificates.v1 lists {ISSUED}, which no module",
    ),
    "an event is in no topic": (
        lambda: Contract(topics=_without(TOPICS, APPLICATIONS)),
        f"{SUBMITTED} is in no topic file; list it under `events`",
    ),
    "an event is listed in another topic than its own": (
        lambda: _topics_with(events={**TOPICS[APPLICATIONS].events, ISSUED: "x"}),
        f"{APPLICATIONS} lists {ISSUED}, whose class names tongban.certificates.v1",
    ),
    "an event has no examples": (
        lambda: Contract(examples=_without(dict(Contract().examples), ISSUED)),
        f"{ISSUED} has no examples",
    ),
    "an example has no event": (
        lambda: Contract(models=_without(EVENTS, ISSUED)),
        f"examples/{ISSUED}: no such event",
    ),
    "an event has no published schema": (
        lambda: Contract(revisions=_without(dict(Contract().revisions), ISSUED)),
        f"{ISSUED} has no published schema; run",
    ),
    "a published schema has no event": (
        lambda: Contract(models=_without(EVENTS, ISSUED)),
        f"{ISSUED} is published but no longer declared",
    ),
    "revisions do not count 1, 2, 3": (
        lambda: Contract(revisions={SUBMITTED: [replace(Contract().revisions[SUBMITTED][0], number=2)]}),
        "they must count 1, 2, 3",
    ),
    "a topic hides that it carries personal data": (
        lambda: _topics_with(personal_data="none"),
        f"{APPLICATIONS}: personal_data says none",
    ),
    "an example lies in another type's folder": (
        lambda: _examples_with(lambda document: document.update(type=ISSUED)),
        "minimal.json: its type is not the folder's",
    ),
    "an example uses a local time": (
        lambda: _examples_with(lambda document: document.update(time="2026-01-31T16:00:00+08:00")),
        "times are UTC",
    ),
    "an example breaks the payload's schema": (
        lambda: _examples_with(lambda document: document["data"].pop("region")),
        "bad_payload",
    ),
    "a minimal example holds an optional field": (
        lambda: _examples_with(lambda document: document["data"].update(language="zh")),
        "minimal.json: hold the required fields only",
    ),
    "a full example lacks a field": (
        lambda: _examples_with(lambda document: document["data"].pop("language"), "full"),
        "full.json: hold every field",
    ),
    "the unknown-field example holds only known fields": (
        lambda: _examples_with(lambda document: document["data"].pop("added_later"), "unknown-field"),
        "unknown-field.json: hold a field that no reader knows",
    ),
    "an example names a real place": (
        lambda: _examples_with(lambda document: document["data"].update(region="110101")),
        "use a region code that begins with 99",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_rule_is_named(case: str) -> None:
    make, message = BROKEN[case]
    assert message in "\n".join(problems(make()))


def _topic_text(**change: object) -> str:
    return yaml.safe_dump(TOPICS[APPLICATIONS].model_dump(mode="json") | change, allow_unicode=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"comsumers": ["intake"]}, "comsumers: Extra inputs are not permitted"),
        ({"consumers": ["intake", "registry"]}, "consumers.1"),
        ({"producers": ["registry"]}, "producers.0"),
        ({"producers": []}, "producers"),
        ({"owner": None}, "owner"),
        ({"owner": "nobody"}, "owner"),
        ({"title": {"zh": "申请"}}, "title.en: Field required"),
        ({"topic": "tongban.Applications.v1"}, "topic"),
        ({"topic": "applications"}, "topic"),
        ({"events": {}}, "events"),
        ({"events": {"cn.tongban.application.v1": "x"}}, "events"),
        ({"cleanup": "compact,delete"}, "cleanup"),
        ({"partitions": 0}, "partitions"),
    ],
)
def test_a_topic_file_that_breaks_a_rule_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(TopicFileError, match=r"^applications\.yaml: ") as refused:
        parse_topic(_topic_text(**change), "applications.yaml")
    assert message in str(refused.value)


def test_services_named_by_topics_are_the_services_of_the_workspace() -> None:
    folders = {path.parent.name for path in ROOT.glob("services/*/pyproject.toml")}
    assert set(get_args(Service)) == folders | {"catalog"}
    assert all(topics_consumed_by(service) or topics_produced_by(service) for service in get_args(Service))


def test_topics_know_their_readers_and_writers() -> None:
    assert [topic.topic for topic in topics_produced_by("notify")] == ["tongban.notifications.v1"]
    assert [topic.topic for topic in topics_consumed_by("certificates")] == [
        "tongban.access.v1",
        APPLICATIONS,
        "tongban.approvals.v1",
        "tongban.catalog.v1",
        "tongban.certificates.v1",
        "tongban.evidence.v1",
    ]
    assert TOPICS["tongban.catalog.v1"].kafka_config["cleanup.policy"] == "compact"
    assert all(topic.kafka_config["retention.ms"] == "-1" for topic in TOPICS.values())


@pytest.mark.parametrize("event_type", EVENTS)
def test_event_types_are_named_by_the_rule(event_type: str) -> None:
    TypeAdapter(EventType).validate_python(event_type)
    word = event_type.split(".")[3].split("-")[-1]
    irregular, states = {"withdrawn", "sent", "given"}, {"soon", "overdue"}
    assert word.endswith("ed") or word in irregular | states, "what happened, or the state that time brought about"


@pytest.mark.parametrize("event_type", EVENTS)
def test_every_event_says_what_it_means_in_both_languages(event_type: str) -> None:
    assert (EVENTS[event_type].__doc__ or "").endswith(".")
    assert TOPICS[EVENTS[event_type].TOPIC].events[event_type].endswith("。")


def test_topics_are_frozen() -> None:
    with pytest.raises(ValidationError):
        TOPICS[APPLICATIONS].partitions = 1  # type: ignore[misc]


def test_the_reference_pages_are_up_to_date() -> None:
    reference = ROOT / "docs/reference"
    hint = "run `python -m tongban_schemas docs docs/reference`"
    assert (reference / "asyncapi.yaml").read_text(encoding="utf-8") == asyncapi_yaml(), hint
    assert (reference / "events.md").read_text(encoding="utf-8") == events_page(), hint


def test_the_asyncapi_document_is_valid() -> None:
    assert [error.message for error in ASYNCAPI.iter_errors(yaml.safe_load(asyncapi_yaml()))] == []


def test_an_asyncapi_document_with_a_wrong_action_is_refused() -> None:
    document = asyncapi_document()
    document["operations"]["intake.send.applications"]["action"] = "emit"
    assert not ASYNCAPI.is_valid(document)


def test_the_asyncapi_document_resolves_and_covers_everything() -> None:
    document = asyncapi_document()
    assert set(document["components"]["messages"]) == set(EVENTS)
    assert {channel["address"] for channel in document["channels"].values()} == set(TOPICS)
    referred = {ref["$ref"] for channel in document["channels"].values() for ref in channel["messages"].values()}
    assert referred == {f"#/components/messages/{event_type}" for event_type in EVENTS}
    assert isinstance(TOPICS[APPLICATIONS], Topic)
