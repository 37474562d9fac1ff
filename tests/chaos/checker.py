"""What must be true after a campaign, judged from the log, the databases and the mailbox alone. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tongban_catalog.item import Item, applicable_steps

Kind = Literal["lost", "duplicate", "order", "view", "unfinished"]

_EFFECT_FIELDS = {
    "cn.tongban.application.submitted.v1": (),
    "cn.tongban.application.accepted.v1": (),
    "cn.tongban.application.withdrawn.v1": (),
    "cn.tongban.approval.opened.v1": ("step",),
    "cn.tongban.approval.granted.v1": ("step",),
    "cn.tongban.approval.refused.v1": ("step",),
    "cn.tongban.certificate.issued.v1": ("kind",),
    "cn.tongban.notification.sent.v1": ("notification",),
    "cn.tongban.notification.failed.v1": ("notification",),
}


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
    certificates: dict[str, int] = field(default_factory=dict)
    mails: dict[str, int] = field(default_factory=dict)
    mails_owed: int = 0


def check(evidence: Evidence, items: Mapping[str, Item]) -> list[Violation]:
    """Every broken promise; an empty list means: nothing lost, nothing doubled, nothing out of order, views agree."""
    by_case: dict[str, list[Logged]] = defaultdict(list)
    for record in evidence.log:
        by_case[record.subject].append(record)
    found: list[Violation] = []
    for subject, (code, answers) in evidence.submitted.items():
        records = by_case.get(subject, [])
        found += _sequences(subject, records)
        found += _duplicates(subject, records)
        found += _flow(subject, records, items[code], answers)
        found += _finish(subject, records, evidence)
    found += [
        Violation("lost", f"{case}: in the log, but nobody submitted it")
        for case in by_case - evidence.submitted.keys()
    ]
    found += _leftovers(evidence)
    return found


def republished(evidence: Evidence) -> int:
    """Records that repeat an earlier record's id: allowed, every reader drops them."""
    return len(evidence.log) - len({record.event_id for record in evidence.log})


def _sequences(subject: str, records: list[Logged]) -> Iterator[Violation]:
    """First appearances of each producer's events must be 1, 2, 3 ..."""
    seen: dict[str, dict[str, int]] = defaultdict(dict)
    for record in records:
        seen[record.source].setdefault(record.event_id, record.sequence)
    for source, sequences in seen.items():
        order = list(sequences.values())
        if sorted(order) != list(range(1, len(order) + 1)):
            yield Violation("lost", f"{subject}: {source} published sequences {sorted(order)}")
        elif order != sorted(order):
            yield Violation("order", f"{subject}: {source} appears as {order}")


def _duplicates(subject: str, records: list[Logged]) -> Iterator[Violation]:
    ids: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for record in records:
        fields = _EFFECT_FIELDS.get(record.type)
        if fields is not None:
            ids[(_family(record.type), *(str(record.body[name]) for name in fields))].add(record.event_id)
    for effect, events in ids.items():
        if len(events) > 1:
            yield Violation("duplicate", f"{subject}: {' '.join(effect)} happened {len(events)} times")


def _family(event_type: str) -> str:
    """Effects that exclude one another count as one: a step is decided once, a notification ends once."""
    return {
        "cn.tongban.approval.granted.v1": "decided",
        "cn.tongban.approval.refused.v1": "decided",
        "cn.tongban.notification.sent.v1": "notified",
        "cn.tongban.notification.failed.v1": "notified",
    }.get(event_type, event_type)


def _flow(subject: str, records: list[Logged], item: Item, answers: Mapping[str, Any]) -> Iterator[Violation]:
    """No step opens before what it needs, none that the case does not have, and a granted case has them all."""
    steps = {step.id: step for step in applicable_steps(item, answers)}
    granted: set[str] = set()
    opened: set[str] = set()
    for record in records:
        if record.type == "cn.tongban.approval.opened.v1" and record.step not in opened:
            opened.add(record.step)
            if record.step not in steps:
                yield Violation("duplicate", f"{subject}: {record.step} opened, but the case does not have it")
            elif missing := (steps[record.step].needed & steps.keys()) - granted:
                yield Violation("order", f"{subject}: {record.step} opened before {sorted(missing)}")
        if record.type == "cn.tongban.approval.granted.v1":
            granted.add(record.step)
    types = {record.type for record in records}
    if "cn.tongban.certificate.issued.v1" in types and granted != steps.keys():
        yield Violation("lost", f"{subject}: issued without {sorted(steps.keys() - granted)}")


def _finish(subject: str, records: list[Logged], evidence: Evidence) -> Iterator[Violation]:
    types = {record.type for record in records}
    ends = {
        "issued": "cn.tongban.certificate.issued.v1",
        "refused": "cn.tongban.approval.refused.v1",
        "withdrawn": "cn.tongban.application.withdrawn.v1",
    }
    reached = [state for state, event_type in ends.items() if event_type in types]
    state = evidence.view_states.get(subject)
    if not reached:
        yield Violation("unfinished", f"{subject}: {len(records)} records, view says {state}")
    elif evidence.view_states and state != reached[0]:
        yield Violation("view", f"{subject}: the log says {reached[0]}, the view {state}")


def _leftovers(evidence: Evidence) -> Iterator[Violation]:
    if evidence.view_hash != evidence.rebuild_hash:
        yield Violation("view", "the live view and the view rebuilt from offset zero differ")
    if evidence.unsent:
        yield Violation("lost", f"{evidence.unsent} outbox rows were never sent")
    if evidence.parked:
        yield Violation("unfinished", f"{evidence.parked} records are still parked")
    for subject, count in evidence.certificates.items():
        if count != 1:
            yield Violation("duplicate", f"{subject}: {count} certificates")
    for message, count in evidence.mails.items():
        if count != 1:
            yield Violation("duplicate", f"mail {message} lies {count} times in the mailbox")
    if evidence.mails_owed != len(evidence.mails):
        yield Violation("lost", f"{evidence.mails_owed} e-mails were sent, {len(evidence.mails)} are in the mailbox")
