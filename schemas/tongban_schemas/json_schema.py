"""The JSON Schema (draft 2020-12) of an event's payload, in one self-contained piece without references."""

from collections.abc import Iterator
from typing import Any

from tongban_schemas.envelope import EventData, dataschema_uri
from tongban_schemas.types import JsonObject

DRAFT = "https://json-schema.org/draft/2020-12/schema"
ANNOTATIONS = frozenset({"$schema", "$id", "title", "description", "examples"})


def payload_schema(model: type[EventData]) -> JsonObject:
    """What a payload must be for ``model`` to read it. Fields with a default are optional."""
    schema = model.model_json_schema(mode="validation")
    definitions = schema.pop("$defs", {})
    inlined: JsonObject = _without_references(schema, definitions)
    return {"$schema": DRAFT, "$id": dataschema_uri(model.TYPE), **inlined}


def rules(schema: JsonObject) -> JsonObject:
    """A schema without its annotations: two schemas with equal rules accept the same payloads and mean the same."""
    return {
        keyword: _rules_below(keyword, value)
        for keyword, value in schema.items()
        if keyword not in ANNOTATIONS and not (keyword == "default" and value is None)
    }


def walk(schema: JsonObject) -> Iterator[JsonObject]:
    """The schema and every schema inside it."""
    yield schema
    for child in schema.get("properties", {}).values():
        yield from walk(child)
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), dict):
            yield from walk(schema[keyword])
    for choice in schema.get("anyOf", []):
        yield from walk(choice)


def _rules_below(keyword: str, value: Any) -> Any:
    if keyword == "properties":
        return {name: rules(child) for name, child in value.items()}
    if keyword == "anyOf":
        return [rules(choice) for choice in value]
    if keyword in ("items", "additionalProperties") and isinstance(value, dict):
        return rules(value)
    return value


def _without_references(node: Any, definitions: JsonObject) -> Any:
    if isinstance(node, list):
        return [_without_references(part, definitions) for part in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target = definitions[node["$ref"].removeprefix("#/$defs/")]
        beside = {keyword: value for keyword, value in node.items() if keyword != "$ref"}
        return _without_references({**target, **beside}, definitions)
    return {keyword: _without_references(value, definitions) for keyword, value in node.items()}
