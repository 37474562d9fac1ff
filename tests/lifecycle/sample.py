"""Small items with the rules that the tests are about; everything else about them is as plain as can be."""

from typing import Any

from tongban_catalog.item import Item
from tongban_schemas.types import JsonObject

_BODY = "11990000000000019A"
_LAW = {"law": "licensing", "article": "42(1)", "says": {"zh": "依法办理。", "en": "As the law says."}}


def _text(word: str) -> dict[str, str]:
    return {"zh": word, "en": word}


def _field(kind: str, example: object, **more: object) -> JsonObject:
    return {"type": kind, "title": "项", "x-title-en": "Field", "examples": [example], **more}


def limit(number: int, unit: str = "WD") -> JsonObject:
    return {"number": number, "unit": unit}


def step(name: str, department: str, **more: Any) -> JsonObject:
    """A step that an officer of a role decides."""
    return {
        "id": name,
        "name": _text(name),
        "department": department,
        "basis": ["rule"],
        "decide": {"by": "officer"},
        **more,
    }


def material(name: str, **more: Any) -> JsonObject:
    return {
        "id": name,
        "name": _text(name),
        "issuer": _text("issuer"),
        "asked_by": "lead",
        "basis": ["rule"],
        "obtain": [_text("way")],
        **more,
    }


def item(serial: int, steps: list[JsonObject], version: int = 1, **more: Any) -> Item:
    """An item of its own code. ``more`` replaces top-level keys of its definition."""
    definition: JsonObject = {
        "code": f"{_BODY}39901{serial:05d}000",
        "version": version,
        "name": _text("示例事项"),
        "summary": _text("示例"),
        "service_object": ["2"],
        "region": "990000",
        "departments": {
            "lead": "administrative-approval",
            "land": "natural-resources",
            "ecology": "ecology",
            "housing": "housing",
            "heritage": "heritage",
            "health": "health",
            "police": "public-security",
        },
        "laws": {"licensing": {"zh": "行政许可法", "en": "Administrative Licensing Law"}},
        "bases": {"rule": _LAW},
        "form": {
            "type": "object",
            "additionalProperties": False,
            "required": ["plot", "noise", "company_name"],
            "properties": {
                "plot": _field("integer", 100),
                "noise": _field("integer", 40),
                "company_name": _field("string", "示例公司"),
                "valid_until": _field("string", "2026-04-10", format="date"),
            },
        },
        "materials": [],
        "steps": steps,
        "holder": {"name": "company_name"},
        "certificate": {
            "kind": f"{_BODY}{serial % 1000:03d}",
            "issuer": "lead",
            "name": _text("证"),
            "basis": ["rule"],
        },
        **more,
    }
    return Item.from_definition(definition)
