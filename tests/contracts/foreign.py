"""Raw records that any program may put on a topic: bytes of every kind, and honest records with something of them changed."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tongban_schemas.envelope import Event, encode_body, encode_headers, from_structured, to_structured
from tongban_schemas.events import EVENTS
from tongban_schemas.examples import load_examples
from tongban_schemas.topics import TOPICS

Headers = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class Raw:
    """One record before it has a place."""

    topic: str
    key: bytes | None
    headers: Headers
    body: bytes | None


_EDGES = st.sampled_from(
    [
        b"",
        b"\x00",
        b"\xff\xfe",
        b"a\nb",
        b"x" * 300,
        b"0",
        b"01",
        b"-1",
        "１２".encode(),
        b"2147483648",
        b"9" * 400,
        b"null",
        b"0000-01-01T00:00:00Z",
        b"1970-01-01T00:00:00Z",
        b"2026-01-31t08:00:00z",
        b"9999-12-31T23:59:59Z",
        b"/intake",
        b"/notify/\x00",
        b"urn:uuid:00000000-0000-0000-0000-000000000005",
        b"AAAAAAAA-0000-0000-0000-000000000005",
        b"00-00000000000000000000000000000000-0000000000000000-01",
        b"application/cloudevents+json",
        b"application/cloudevents-batch+json",
    ]
)
_BYTES = _EDGES | st.binary(max_size=40)
_DEEP = st.integers(100, 90_000).map(lambda depth: b"[" * depth + b"]" * depth)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
_BODIES = st.none() | _BYTES | _DEEP | _JSON.map(lambda value: json.dumps(value).encode()) | st.just(b"x" * 210_000)
_EXAMPLES = [
    event for named in load_examples().values() for one in named.values() if (event := from_structured(one, EVENTS))
]
_NAMES = st.sampled_from(sorted({name for event in _EXAMPLES for name, _ in encode_headers(event)}))
_HEADERS = st.lists(st.tuples(_NAMES | st.text(max_size=8) | st.just("\udcff"), st.none() | _BYTES), max_size=12)


def _changed_headers(draw: st.DrawFn, headers: Headers) -> Headers:
    name, value = draw(_NAMES), draw(st.none() | _BYTES)
    match draw(st.sampled_from(["replace", "drop", "twice", "add"])):
        case "replace":
            return tuple((one, value if one == name else raw) for one, raw in headers)
        case "drop":
            return tuple(header for header in headers if header[0] != name)
        case "twice":
            return (*headers, *(header for header in headers if header[0] == name))
        case _:
            return (*headers, *draw(_HEADERS))


def _changed_body(draw: st.DrawFn, body: bytes) -> bytes | None:
    document = json.loads(body)
    match draw(st.sampled_from(["other", "cut", "field", "more", "junk"])):
        case "other":
            return draw(_BODIES)
        case "cut":
            return body[: draw(st.integers(0, len(body)))]
        case "junk":
            at = draw(st.integers(0, len(body)))
            return body[:at] + draw(_BYTES) + body[at:]
        case "field" if document:
            document[draw(st.sampled_from(sorted(document)))] = draw(_JSON)
        case _:
            document[draw(st.text(max_size=6))] = draw(_JSON)
    return json.dumps(document).encode()


@st.composite
def foreign(draw: st.DrawFn, honest_keys: Sequence[bytes]) -> Raw:
    """One record that is not an honest case's: junk, or an example of the contract about nobody's case, changed or not."""
    event: Event = draw(st.sampled_from(_EXAMPLES))
    topic = draw(st.just(event.topic) | st.sampled_from(sorted(TOPICS)))
    if draw(st.integers(0, 3)) == 0:
        return Raw(topic, draw(st.none() | _BYTES | st.sampled_from(honest_keys)), tuple(draw(_HEADERS)), draw(_BODIES))
    subject = str(UUID(int=draw(st.integers(1, 2**40)))) if TOPICS[event.topic].cleanup != "compact" else event.subject
    headers: Headers = tuple(
        (name, subject.encode() if name == "ce_subject" else value) for name, value in encode_headers(event)
    )
    body: bytes | None = encode_body(event.data)
    if draw(st.integers(0, 4)) == 0:
        document = to_structured(event) | {"subject": subject}
        headers, body = (("content-type", b"application/cloudevents+json"),), json.dumps(document).encode()
    for change in draw(st.lists(st.sampled_from(["headers", "body", "key"]), max_size=2, unique=True)):
        if change == "headers":
            headers = _changed_headers(draw, headers)
        elif change == "body" and body is not None:
            body = _changed_body(draw, body)
    key = draw(st.just(subject.encode()) | st.none() | _BYTES | st.sampled_from(honest_keys))
    return Raw(topic, key, headers, body)


def foreign_records(number: int, honest_keys: Sequence[bytes], chance: int) -> list[Raw]:
    """That many records; the same ones for the same ``chance``."""
    found: list[Raw] = []

    @seed(chance)
    @settings(
        max_examples=number,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(raw=foreign(honest_keys))
    def collect(raw: Raw) -> None:
        found.append(raw)

    collect()
    return found


def mixed(honest: Sequence[Raw], strangers: Sequence[Raw], chance: int) -> list[Raw]:
    """The honest records in their order, with the foreign ones anywhere between."""
    rng = random.Random(chance)  # noqa: S311 - a seed makes the run repeatable
    follow_honest, follow_strangers = iter(honest), iter(strangers)
    turns = [follow_honest.__next__] * len(honest) + [follow_strangers.__next__] * len(strangers)
    rng.shuffle(turns)
    return [follow() for follow in turns]
