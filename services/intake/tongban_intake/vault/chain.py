"""The chain of a case's access facts: each carries the hash of all before it, so that none can be taken out unseen. Pure."""

import hashlib
import json
from collections.abc import Iterable
from typing import Literal
from uuid import UUID

from tongban_schemas.envelope import EventData, encode_body
from tongban_schemas.events.access import FIRST_CHAIN

Fault = Literal["broken", "shorter", "longer"]
"""``broken``: a fact does not follow from the one before it; ``shorter``: facts at the end are missing; ``longer``: there are
facts that the vault did not make."""
FIRST = bytes.fromhex(FIRST_CHAIN)


def next_link(before: bytes, event: UUID, body: bytes) -> bytes:
    """The chain value of an event with this payload (JSON, with or without ``chain``) after ``before``; 32 bytes."""
    payload = json.loads(body)
    payload.pop("chain", None)
    canonical = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{before.hex()}\n{event}\n{canonical}".encode()).digest()


def verify(facts: Iterable[tuple[UUID, bytes]], head: bytes | None) -> Fault | None:
    """What is wrong with the access facts of a case, (event id, payload) in their order; ``head`` is the vault's value."""
    at, heads = FIRST, [FIRST]
    for event, body in facts:
        at = next_link(at, event, body)
        if json.loads(body).get("chain") != at.hex():
            return "broken"
        heads.append(at)
    if at == (head or FIRST):
        return None
    return "longer" if (head or FIRST) in heads else "shorter"


def linked(data: EventData, before: bytes, event: UUID) -> tuple[EventData, bytes]:
    """The payload with its chain value, and that value."""
    link = next_link(before, event, encode_body(data))
    return data.model_copy(update={"chain": link.hex()}), link
