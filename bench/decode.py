"""How fast one stored event is decoded: the pydantic contract against a msgspec struct with the view's fields only.

Events/s of each and the ratio; best of several rounds on one core.
"""

import json
from collections.abc import Callable
from time import perf_counter
from typing import Any

import msgspec
from tongban_schemas.envelope import decode_data
from tongban_schemas.events.applications import ApplicationSubmitted
from tongban_schemas.examples import load_examples

from bench.figures import Figure

ROUNDS = 7
EVENTS_PER_ROUND = 20_000


class ItemView(msgspec.Struct, frozen=True):
    """The item and version of a case, as the view reads them."""

    code: str
    version: int


class SubmittedView(msgspec.Struct, frozen=True):
    """What the status view needs of a submitted application; other fields are skipped unparsed."""

    item: ItemView
    region: str


def events_per_second(decode: Callable[[bytes], object], body: bytes) -> float:
    """The best round's rate."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = perf_counter()
        for _ in range(EVENTS_PER_ROUND):
            decode(body)
        best = min(best, perf_counter() - start)
    return EVENTS_PER_ROUND / best


async def run(engines: Any) -> list[Figure]:
    """Needs no engines."""
    del engines
    payload = load_examples()[ApplicationSubmitted.TYPE]["full"]["data"]
    payload["sealed"] = {f"field_{number}": "s1." + "A" * 60 for number in range(8)}
    body = json.dumps(payload, ensure_ascii=False).encode()
    contract = events_per_second(lambda raw: decode_data(ApplicationSubmitted, raw), body)
    view = events_per_second(msgspec.json.Decoder(SubmittedView).decode, body)
    return [
        Figure(f"decode {len(body)} bytes: pydantic", contract, "events/s"),
        Figure(f"decode {len(body)} bytes: msgspec, the view's fields", view, "events/s"),
        Figure("decode: msgspec / pydantic", view / contract, ""),
    ]
