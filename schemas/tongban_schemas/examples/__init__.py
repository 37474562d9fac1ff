"""Stored examples of every event, as CloudEvents in structured form: ``<type>/{minimal,full,unknown-field}.json``.

``minimal`` holds the required fields only, ``full`` every field, ``unknown-field`` also what no reader knows yet.
Values are made up: region codes begin with 99, sealed values open with no key.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from tongban_schemas.types import JsonObject

ExampleName = Literal["minimal", "full", "unknown-field"]
EXAMPLE_NAMES: tuple[ExampleName, ...] = get_args(ExampleName)

FOLDER = Path(__file__).parent


def load_examples(folder: Path = FOLDER) -> dict[str, dict[str, JsonObject]]:
    """Every stored document, by event type (the folder) and name (the file)."""
    found: dict[str, dict[str, JsonObject]] = {}
    for path in sorted(folder.glob("*/*.json")):
        found.setdefault(path.parent.name, {})[path.stem] = json.loads(path.read_text(encoding="utf-8"))
    return found


def payloads(documents: Mapping[str, Mapping[str, JsonObject]]) -> dict[str, list[JsonObject]]:
    """Only the payloads, by event type."""
    return {event_type: [document["data"] for document in named.values()] for event_type, named in documents.items()}
