"""The status of one application: a pure function of the set of facts about it.

Topics are per owner, brokers redeliver and consumers restart, so nothing here looks at the order of arrival: facts are a set
keyed by event id, and any permutation, repetition or split into batches gives the same bytes.

Precedence of ``state``, highest first, total over every set of facts:

1. ``issued``: a certificate was issued;
2. ``refused``: the standing decision of a step is a refusal;
3. ``withdrawn``: the applicant took the application back;
4. ``waiting-for-correction``: a request is neither answered nor overtaken by the decision of its step;
5. ``accepted``: intake took it up;
6. ``submitted``: anything else, also when only later facts have arrived so far.

A step's standing decision is its earliest one. Whether every step is granted depends on the item's flow, which the view does
not know: the certificate says so.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from tongban_intake.facts import (
    Accepted,
    Corrected,
    CorrectionRequested,
    Fact,
    Failed,
    Granted,
    Issued,
    Item,
    Opened,
    Refused,
    Sent,
    Submitted,
    Withdrawn,
)

State = Literal["submitted", "accepted", "waiting-for-correction", "withdrawn", "refused", "issued"]
StepState = Literal["open", "correction", "granted", "refused"]

FINAL_STATES: frozenset[State] = frozenset({"issued", "refused", "withdrawn"})
INTAKE_SOURCE = "/intake"


class StepStatus(msgspec.Struct, frozen=True):
    """One step that a department has opened, asked about or decided. ``reason`` is sealed, as it came."""

    department: str
    state: StepState
    opened_at: datetime | None = None
    decided_at: datetime | None = None
    decided_by: str | None = None
    reason_code: str | None = None
    reason: str | None = None


class Correction(msgspec.Struct, frozen=True):
    """A request to correct. ``id`` is the request's event id; ``open`` while the applicant is awaited."""

    id: str
    step: str
    department: str
    requested_at: datetime
    fields: tuple[str, ...]
    message: str
    answered_at: datetime | None
    open: bool


class CertificateStatus(msgspec.Struct, frozen=True):
    number: str
    kind: str
    issuer: str
    verification: str
    issued_at: datetime


class Deliveries(msgspec.Struct, frozen=True):
    """How many notifications of a channel ended in each way."""

    sent: int
    failed: int


class TimelineEntry(msgspec.Struct, frozen=True):
    """One fact. ``type`` is the CloudEvents type, ``trace`` the W3C trace id."""

    time: datetime
    id: str
    type: str
    source: str
    step: str | None = None
    trace: str | None = None


class Status(msgspec.Struct, frozen=True):
    """What is known of one application. ``version`` counts its facts; it only grows."""

    state: State
    version: int
    intake_position: int
    item: Item | None
    submitted_at: datetime | None
    accepted_at: datetime | None
    withdrawn_at: datetime | None
    steps: dict[str, StepStatus]
    corrections: tuple[Correction, ...]
    certificate: CertificateStatus | None
    notifications: dict[str, Deliveries]
    timeline: tuple[TimelineEntry, ...]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Status)


def encode(status: Status) -> bytes:
    """Canonical JSON: equal statuses give equal bytes."""
    return _encoder.encode(status)


def decode(body: bytes) -> Status:
    """The reverse of `encode`. Raises `msgspec.DecodeError`."""
    return _decoder.decode(body)


def status(facts: Iterable[Fact]) -> Status:
    """The status of one application from its facts, each event id at most once (see `tongban_intake.facts.merge`)."""
    ordered = sorted(facts, key=_place)
    return _Folding(ordered).result()


def _place(fact: Fact) -> tuple[datetime, str]:
    return fact.time, fact.id


class _Folding:
    """One pass over facts in (time, id) order: the first of a kind stands."""

    def __init__(self, ordered: list[Fact]) -> None:
        self._ordered = ordered
        self._position = 0
        self._item: tuple[int, Item] | None = None
        self._submitted: datetime | None = None
        self._accepted: datetime | None = None
        self._withdrawn: datetime | None = None
        self._opened: dict[str, datetime] = {}
        self._departments: dict[str, str] = {}
        self._decided: dict[str, Fact] = {}
        self._requests: list[Fact] = []
        self._answers: dict[str, datetime] = {}
        self._certificate: CertificateStatus | None = None
        self._notified: dict[str, tuple[set[UUID], set[UUID]]] = {}
        for fact in ordered:
            if fact.source == INTAKE_SOURCE and fact.sequence > self._position:
                self._position = fact.sequence
            self._take(fact)

    def _take(self, fact: Fact) -> None:
        match fact.data:
            case Opened(step=step, department=department):
                self._departments.setdefault(step, department)
                self._opened.setdefault(step, fact.time)
            case Granted(step=step, department=department) | Refused(step=step, department=department):
                self._departments.setdefault(step, department)
                self._decided.setdefault(step, fact)
            case Sent() | Failed():
                self._take_delivery(fact.data)
            case CorrectionRequested(step=step, department=department):
                self._departments.setdefault(step, department)
                self._requests.append(fact)
            case Corrected(request=request):
                self._answers.setdefault(str(request), fact.time)
            case Submitted(item=item):
                self._take_item(0, item)
                self._submitted = self._submitted or fact.time
            case Accepted(item=item):
                self._take_item(1, item)
                self._accepted = self._accepted or fact.time
            case Withdrawn():
                self._withdrawn = self._withdrawn or fact.time
            case Issued():
                self._take_item(2, fact.data.item)
                self._certificate = self._certificate or _certificate(fact.data, fact.time)

    def _take_item(self, rank: int, item: Item) -> None:
        if self._item is None or rank < self._item[0]:
            self._item = rank, item

    def _take_delivery(self, data: Sent | Failed) -> None:
        ended = self._notified.setdefault(data.channel, (set(), set()))
        ended[isinstance(data, Failed)].add(data.notification)

    def result(self) -> Status:
        corrections = tuple(map(self._correction, self._requests))
        waiting = {correction.step for correction in corrections if correction.open}
        steps = {step: self._step(step, step in waiting) for step in sorted(self._departments)}
        return Status(
            state=self._state(steps, bool(waiting)),
            version=len(self._ordered),
            intake_position=self._position,
            item=self._item[1] if self._item else None,
            submitted_at=self._submitted,
            accepted_at=self._accepted,
            withdrawn_at=self._withdrawn,
            steps=steps,
            corrections=corrections,
            certificate=self._certificate,
            notifications={
                channel: Deliveries(len(sent), len(failed))
                for channel, (sent, failed) in sorted(self._notified.items())
            },
            timeline=tuple(map(_entry, self._ordered)),
        )

    def _state(self, steps: dict[str, StepStatus], waiting: bool) -> State:
        if self._certificate is not None:
            return "issued"
        if any(step.state == "refused" for step in steps.values()):
            return "refused"
        if self._withdrawn is not None:
            return "withdrawn"
        if waiting:
            return "waiting-for-correction"
        return "submitted" if self._accepted is None else "accepted"

    def _step(self, step: str, waiting: bool) -> StepStatus:
        decision = self._decided.get(step)
        opened = self._opened.get(step)
        if decision is None:
            return StepStatus(self._departments[step], "correction" if waiting else "open", opened)
        data = decision.data
        if isinstance(data, Refused):
            return StepStatus(
                self._departments[step],
                "refused",
                opened,
                decision.time,
                data.decided_by,
                data.reason_code,
                data.reason,
            )
        decided_by = data.decided_by if isinstance(data, Granted) else None
        return StepStatus(self._departments[step], "granted", opened, decision.time, decided_by)

    def _correction(self, fact: Fact) -> Correction:
        data = fact.data
        if not isinstance(data, CorrectionRequested):
            raise TypeError(f"{type(data).__name__} asks for no correction")
        answered = self._answers.get(fact.id)
        return Correction(
            id=fact.id,
            step=data.step,
            department=data.department,
            requested_at=fact.time,
            fields=data.fields,
            message=data.message,
            answered_at=answered,
            open=answered is None and data.step not in self._decided,
        )


def _certificate(data: Issued, time: datetime) -> CertificateStatus:
    return CertificateStatus(data.number, data.kind, data.issuer, data.verification, time)


def _entry(fact: Fact) -> TimelineEntry:
    data = fact.data
    return TimelineEntry(
        time=fact.time,
        id=fact.id,
        type=data.TYPE,
        source=fact.source,
        step=getattr(data, "step", None),
        trace=fact.trace,
    )
