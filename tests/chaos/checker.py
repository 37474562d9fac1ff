"""What must be true after a campaign, judged from the log, the databases and the mailbox alone. Pure."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from tongban_catalog.item import Item, applicable_steps
from tongban_schemas.events import access

from tests.chaos import proofs
from tests.chaos.model import Evidence, Logged, Violation

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
    "cn.tongban.evidence.requested.v1": ("material", "attempt"),
    "cn.tongban.evidence.failed.v1": ("request", "final"),
    "cn.tongban.evidence.disputed.v1": ("provided",),
    "cn.tongban.evidence.overdue.v1": ("request", "stage"),
    "cn.tongban.evidence.objected.v1": ("refusal",),
    "cn.tongban.evidence.substituted.v1": ("material", "rule"),
    "cn.tongban.evidence.uploaded.v1": ("material", "because", "sha256"),
    "cn.tongban.evidence.checked.v1": ("uploaded",),
    "cn.tongban.access.erased.v1": (),
}


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
        found += _chain(subject, records, evidence.chains.get(subject))
        found += proofs.answers(subject, records, evidence.closed)
        found += proofs.grounds(subject, records, items[code])
    found += proofs.corrections(evidence, by_case)
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
    """First appearances of each producer's events must be 1, 2, 3 ... over all topics, and ascend on each."""
    seen: dict[str, dict[str, Logged]] = defaultdict(dict)
    for record in records:
        seen[record.source].setdefault(record.event_id, record)
    for source, first in seen.items():
        numbers = sorted(record.sequence for record in first.values())
        if numbers != list(range(1, len(numbers) + 1)):
            yield Violation("lost", f"{subject}: {source} published sequences {numbers}")
            continue
        for topic in {record.topic for record in first.values()}:
            order = [record.sequence for record in first.values() if record.topic == topic]
            if order != sorted(order):
                yield Violation("order", f"{subject}: {source} appears on {topic} as {order}")


def _chain(subject: str, records: list[Logged], head: bytes | None) -> Iterator[Violation]:
    """Every fact of the vault about a case follows from the one before it, and the last is the last that the vault told."""
    told = {record.event_id: record for record in records if record.topic == access.TOPIC}
    at = access.FIRST_CHAIN
    for record in sorted(told.values(), key=lambda one: one.sequence):
        payload = {name: value for name, value in record.body.items() if name != "chain"}
        canonical = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        at = hashlib.sha256(f"{at}\n{record.event_id}\n{canonical}".encode()).hexdigest()
        if record.body.get("chain") != at:
            yield Violation(
                "chain", f"{subject}: {record.source} {record.sequence} does not follow from what is before"
            )
            return
    if at != (access.FIRST_CHAIN if head is None else head.hex()):
        yield Violation("chain", f"{subject}: the {len(told)} access facts do not end where the vault's chain ends")


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
    """Effects that exclude one another count as one: a step is decided once."""
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
