"""What a campaign leaves behind, and what may be wrong with it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Kind = Literal[
    "lost",
    "duplicate",
    "order",
    "view",
    "unfinished",
    "chain",
    "unanswered",
    "unasked",
    "untold",
    "misdirected",
    "overtaken",
]
"""``unanswered``: a request or a dispute without its end; ``unasked``: an answer to what nobody asked; ``untold``: a receiver
of a record does not know that it was corrected; ``misdirected``: told of a correction that does not concern it;
``overtaken``: granted before a proof came that was asked for before the application."""


@dataclass(frozen=True, slots=True)
class Violation:
    kind: Kind
    what: str


@dataclass(frozen=True, slots=True)
class Logged:
    """One record of a fact topic, in log order within its partition."""

    topic: str
    event_id: str
    type: str
    source: str
    subject: str
    sequence: int
    body: Mapping[str, Any]

    @property
    def step(self) -> str:
        return str(self.body.get("step", ""))


@dataclass(frozen=True, slots=True)
class Changed:
    """A record of a register that has other values in ``fields``, at the earliest since ``since``."""

    resource: str
    holder: str
    fields: frozenset[str]
    since: datetime


@dataclass(slots=True)
class Evidence:
    """What a campaign left behind. ``submitted``: item code and answers of every application that got a 202."""

    submitted: dict[str, tuple[str, Mapping[str, Any]]]
    log: list[Logged]
    view_states: dict[str, str]
    view_hash: str = ""
    rebuild_hash: str = ""
    unsent: int = 0
    parked: int = 0
    chains: dict[str, bytes] = field(default_factory=dict)
    """The vault's own newest chain value of every case that it told something of."""
    certificates: Counter[str] = field(default_factory=Counter)
    mails: dict[str, int] = field(default_factory=dict)
    mails_owed: int = 0
    holders: Mapping[str, str] = field(default_factory=dict)
    """Whose records the proofs of a case are, by case."""
    changes: Sequence[Changed] = ()
    """What was corrected in registers, oldest first."""
    closed: set[str] = field(default_factory=set)
    """Requests that their source put away unanswered, because their case had ended."""
