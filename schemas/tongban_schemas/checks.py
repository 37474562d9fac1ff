"""Everything that must hold of the contract, each broken rule as one line that says what to do."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from jsonschema_rs import ValidationError, ValidationErrorKind, validator_for

from tongban_schemas.compatibility import EACH, Change, advice, compare
from tongban_schemas.envelope import EventData, MalformedRecordError, decode_data, encode_body, from_structured
from tongban_schemas.events import EVENTS
from tongban_schemas.examples import EXAMPLE_NAMES, load_examples, payloads
from tongban_schemas.json_schema import payload_schema, rules, walk
from tongban_schemas.revisions import Revision, history_problems, load_revisions, pin_problems
from tongban_schemas.topics import TOPICS, Topic
from tongban_schemas.types import JsonObject

_SEALED_PATTERN = r"^s1\."


@dataclass(frozen=True)
class Contract:
    """What is checked. The defaults are the installed contract; a test may break one part of it."""

    models: Mapping[str, type[EventData]] = field(default_factory=lambda: EVENTS)
    topics: Mapping[str, Topic] = field(default_factory=lambda: TOPICS)
    examples: Mapping[str, Mapping[str, JsonObject]] = field(default_factory=load_examples)
    revisions: Mapping[str, Sequence[Revision]] = field(default_factory=load_revisions)


def problems(contract: Contract) -> list[str]:
    """All broken rules; empty when the contract holds."""
    return [
        *_orphans(contract),
        *_personal_data(contract),
        *_examples(contract),
        *_published(contract),
        *_backward(contract),
        *_forward(contract),
    ]


def file_problems() -> list[str]:
    """Broken rules of the published files themselves: pinned revisions never change."""
    return [*pin_problems(), *history_problems()]


def _orphans(contract: Contract) -> Iterator[str]:
    placed = [(event_type, topic.topic) for topic in contract.topics.values() for event_type in topic.events]
    for event_type, topic in placed:
        model = contract.models.get(event_type)
        if model is None:
            yield f"{topic} lists {event_type}, which no module of tongban_schemas.events declares"
        elif topic != model.TOPIC:
            yield f"{topic} lists {event_type}, whose class names {model.TOPIC}; they must agree"
    listed = {event_type for event_type, _ in placed}
    for event_type, model in contract.models.items():
        if event_type not in listed:
            yield f"{event_type} is in no topic file; list it under `events` of the file of {model.TOPIC}"
        if event_type not in contract.examples:
            yield f"{event_type} has no examples; add examples/{event_type}/"
        if event_type not in contract.revisions:
            yield f"{event_type} has no published schema; run `python -m tongban_schemas export`"
    for event_type in sorted(contract.examples.keys() - contract.models.keys()):
        yield f"examples/{event_type}: no such event; remove the folder or declare the event"
    for event_type in sorted(contract.revisions.keys() - contract.models.keys()):
        yield f"{event_type} is published but no longer declared; its events are kept, so keep its class for readers"


def _personal_data(contract: Contract) -> Iterator[str]:
    for topic in contract.topics.values():
        models = [contract.models[event_type] for event_type in topic.events if event_type in contract.models]
        sealed = any(_has_sealed(payload_schema(model)) for model in models)
        if sealed != (topic.personal_data == "sealed"):
            yield f"{topic.topic}: personal_data says {topic.personal_data}, its events say otherwise"


def _has_sealed(schema: JsonObject) -> bool:
    return any(str(part.get("pattern", "")).startswith(_SEALED_PATTERN) for part in walk(schema))


def _examples(contract: Contract) -> Iterator[str]:
    for event_type, named in contract.examples.items():
        if event_type not in contract.models:
            continue
        if set(named) != set(EXAMPLE_NAMES):
            yield f"examples/{event_type}: keep exactly {', '.join(EXAMPLE_NAMES)}"
        for name, document in named.items():
            yield from _example(f"examples/{event_type}/{name}.json", name, document, contract.models[event_type])


def _example(place: str, name: str, document: JsonObject, model: type[EventData]) -> Iterator[str]:
    if document.get("type") != model.TYPE:
        yield f"{place}: its type is not the folder's"
        return
    try:
        from_structured(document, {model.TYPE: model})
    except MalformedRecordError as error:
        yield f"{place}: {error}"
        return
    given, known = set(document["data"]), set(model.model_fields)
    required = {field_name for field_name, info in model.model_fields.items() if info.is_required()}
    if name == "minimal" and given != required:
        yield f"{place}: hold the required fields only: {', '.join(sorted(required)) or 'none'}"
    if name == "full" and given != known:
        yield f"{place}: hold every field: {', '.join(sorted(known)) or 'none'}"
    if name == "unknown-field" and not given - known:
        yield f"{place}: hold a field that no reader knows"
    if not str(document["data"].get("region", "99")).startswith("99"):
        yield f"{place}: use a region code that begins with 99; others are real places"


def _published(contract: Contract) -> Iterator[str]:
    for event_type, revisions in contract.revisions.items():
        numbers = [revision.number for revision in revisions]
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"{event_type}: published revisions are numbered {numbers}; they must count 1, 2, 3 ..."
        if event_type not in contract.models:
            continue
        current = payload_schema(contract.models[event_type])
        if rules(revisions[-1].schema) == rules(current):
            continue
        changes = compare(revisions[-1].schema, current)
        yield advice(event_type, changes)
        if not any(change.verdict == "breaking" for change in changes):
            yield f"{event_type}: the change is not published yet; run `python -m tongban_schemas export`"


def _backward(contract: Contract) -> Iterator[str]:
    """The reader of today reads what was ever written."""
    for event_type, revisions in contract.revisions.items():
        model = contract.models.get(event_type)
        if model is None:
            continue
        for revision in revisions:
            for example in revision.examples:
                try:
                    decode_data(model, _json_bytes(example))
                except MalformedRecordError as error:
                    yield (
                        f"{event_type}: consumers of today cannot read an event of revision {revision.number} "
                        f"({error}). Such events are kept for ever: undo the change, or publish the next major version "
                        "beside it, consumers first"
                    )


def _forward(contract: Contract) -> Iterator[str]:
    """The reader of every revision accepts what is written today, apart from widenings, which go to consumers first."""
    for event_type, given in payloads(contract.examples).items():
        model = contract.models.get(event_type)
        if model is None:
            continue
        written = [json.loads(encode_body(data)) for data in _readable(model, given)]
        for revision in contract.revisions.get(event_type, ()):
            announced = compare(revision.schema, payload_schema(model))
            validator = validator_for(revision.schema)
            for place in (_place(error) for payload in written for error in validator.iter_errors(payload)):
                if not _is_announced(place, announced):
                    yield (
                        f"{event_type}: consumers of revision {revision.number} cannot read what producers write "
                        f"today ({'.'.join(map(str, place)) or 'payload'}). Undo the change, or publish the next "
                        "major version beside it, consumers first"
                    )


def _readable(model: type[EventData], given: Sequence[JsonObject]) -> Iterator[EventData]:
    for payload in given:
        with suppress(MalformedRecordError):
            yield decode_data(model, _json_bytes(payload))


def _json_bytes(payload: JsonObject) -> bytes:
    return json.dumps(payload, ensure_ascii=False).encode()


def _place(error: ValidationError) -> list[str | int]:
    """Where a payload breaks a schema; for a missing field, the place where it would be."""
    missing = [error.kind.property] if isinstance(error.kind, ValidationErrorKind.Required) else []
    return [*error.instance_path, *missing]


def _is_announced(place: Sequence[str | int], changes: Sequence[Change]) -> bool:
    """Whether an error at ``place`` comes from a widening that already says `consumers first`."""
    return any(
        change.verdict == "compatible" and change.first == "consumers" and _matches(change.path, place)
        for change in changes
    )


def _matches(path: Sequence[str], place: Sequence[str | int]) -> bool:
    return len(path) == len(place) and all(
        step == EACH or step == str(part) for step, part in zip(path, place, strict=True)
    )
