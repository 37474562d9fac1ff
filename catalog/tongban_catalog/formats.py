"""The JSON Schemas of the catalogue's files. item.schema.json and resource.schema.json; the others are made from the item's."""

import json
from copy import deepcopy
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from tongban_schemas.types import JsonObject

PACKAGED = Path(str(files("tongban_catalog")))
"""The folder with the standards, implementations and departments that come with this package."""

_NAME = {"type": "string", "pattern": "^[a-z][a-z0-9-]{1,40}$"}
_STEP = {"type": "string", "pattern": "^[A-Z][A-Z0-9]{1,9}$"}


@cache
def item_schema() -> JsonObject:
    """A composed item: the ``definition`` of `ItemPublished`."""
    schema: JsonObject = json.loads((PACKAGED / "item.schema.json").read_text(encoding="utf-8"))
    return schema


@cache
def resource_schema() -> JsonObject:
    """An information resource: the ``definition`` of `ResourcePublished`."""
    schema: JsonObject = json.loads((PACKAGED / "resource.schema.json").read_text(encoding="utf-8"))
    return schema


@cache
def standard_schema() -> JsonObject:
    """A national standard: an item without place, with a basic code, roles instead of bodies, and steps marked local."""
    schema = deepcopy(item_schema())
    schema["$id"] = "urn:tongban:schema:standard:1"
    schema["title"] = "National item 国家基本目录事项"
    properties: dict[str, Any] = schema["properties"]
    for own in ("standard", "region", "effective_from", "cancel_on", "counters", "contacts"):
        del properties[own]
    properties["code"] = {
        "type": "string",
        "pattern": "^00[0-9]{10}$",
        "description": "Basic code: 00 for the whole country, type 2, main item 5, sub-item 3.",
    }
    properties["departments"] = {
        "type": "object",
        "description": "The roles of the item, each with what kind of body plays it. `lead` is the implementing body.",
        "required": ["lead"],
        "propertyNames": _NAME,
        "additionalProperties": {"$ref": "#/$defs/text"},
    }
    schema["$defs"]["step"]["properties"]["local"] = {
        "type": "boolean",
        "description": "The step exists only in places whose implementation adopts it.",
    }
    certificate = schema["$defs"]["certificate"]
    certificate["required"] = ["name", "basis"]
    del certificate["properties"]["kind"], certificate["properties"]["issuer"]
    return schema


@cache
def implementation_schema() -> JsonObject:
    """A region's implementation of a standard."""
    item = item_schema()
    properties: dict[str, Any] = item["properties"]
    certificate: dict[str, Any] = item["$defs"]["certificate"]["properties"]
    substitutions = deepcopy(properties["substitutions"])
    substitutions["items"]["required"] = ["material", "by"]
    return {
        "$schema": item["$schema"],
        "$id": "urn:tongban:schema:implementation:1",
        "title": "Implementation of a national item in a region 事项实施清单",
        "type": "object",
        "required": ["implements", "region", "code", "version", "effective_from", "departments", "certificate"],
        "additionalProperties": False,
        "properties": {
            "implements": {
                "type": "object",
                "description": "The standard: its basic code and version.",
                "required": ["standard", "version"],
                "additionalProperties": False,
                "properties": {
                    "standard": {"type": "string", "pattern": "^00[0-9]{10}$"},
                    "version": {"type": "integer", "minimum": 1},
                },
            },
            "adopts": {
                "type": "array",
                "uniqueItems": True,
                "items": _STEP,
                "description": "Local steps that exist here.",
            },
            "promised": {
                "type": "object",
                "description": "Step -> the time promised here: not longer than the standard's.",
                "propertyNames": _STEP,
                "additionalProperties": {"$ref": "#/$defs/limit"},
            },
            "fees": {
                "type": "object",
                "description": "Fee -> what it costs here, in yuan: not more than in the standard.",
                "additionalProperties": {"type": "number", "minimum": 0},
            },
            "certificate": {
                "type": "object",
                "required": ["kind", "issuer"],
                "additionalProperties": False,
                "properties": {"kind": certificate["kind"], "issuer": certificate["issuer"]},
            },
            "departments": {key: value for key, value in properties["departments"].items() if key != "required"},
            "substitutions": substitutions,
            "sources": properties["sources"],
            "bases": {key: value for key, value in properties["bases"].items() if key != "minProperties"},
            **{
                name: properties[name]
                for name in ("region", "code", "version", "effective_from", "cancel_on", "counters", "contacts", "laws")
            },
        },
        "$defs": item["$defs"],
    }


@cache
def departments_schema() -> JsonObject:
    """The departments of a catalogue."""
    return {
        "$id": "urn:tongban:schema:departments:1",
        "type": "array",
        "minItems": 1,
        "items": {
            "type": "object",
            "required": ["id", "uscc", "name"],
            "additionalProperties": False,
            "properties": {
                "id": _NAME,
                "uscc": {"type": "string"},
                "name": {"$ref": "#/$defs/text"},
                "region": {
                    "type": "string",
                    "pattern": "^[0-9]{6}$",
                    "description": "GB/T 2260 code of the place whose calendar counts its days.",
                },
                "supervisor": {**_NAME, "description": "Who is told when it is late."},
            },
        },
        "$defs": {"text": item_schema()["$defs"]["text"]},
    }
