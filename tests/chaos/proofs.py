"""What must be true of proofs after a campaign: who was asked, who answered, who heard of corrections. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain

from tongban_catalog.item import Item

from tests.chaos.model import Changed, Evidence, Logged, Violation

_EVIDENCE = "cn.tongban.evidence."
REQUESTED = f"{_EVIDENCE}requested.v1"
PROVIDED = f"{_EVIDENCE}provided.v1"
_NOT_RECORDED = f"{_EVIDENCE}not-recorded.v1"
_REFUSED = f"{_EVIDENCE}refused.v1"
_FAILED = f"{_EVIDENCE}failed.v1"
CORRECTED = f"{_EVIDENCE}corrected.v1"
DISPUTED = f"{_EVIDENCE}disputed.v1"
_DISPUTE_ANSWERED = f"{_EVIDENCE}dispute-answered.v1"
_OBJECTED = f"{_EVIDENCE}objected.v1"
_SUBSTITUTED = f"{_EVIDENCE}substituted.v1"
_SUBMITTED = "cn.tongban.application.submitted.v1"
_GRANTED = "cn.tongban.approval.granted.v1"
_CASE_ENDS = {
    "cn.tongban.application.withdrawn.v1",
    "cn.tongban.application.not-accepted.v1",
    "cn.tongban.approval.refused.v1",
    "cn.tongban.certificate.issued.v1",
}


def answers(subject: str, records: Sequence[Logged], closed: set[str]) -> Iterator[Violation]:
    """Each request ends once, and once more after each objection; of a case that ended it may be put away. Nothing else is
    answered, and no more than was asked. The same of disputes.
    """
    first = {record.event_id: record for record in reversed(records)}
    order = [record for record in records if first[record.event_id] is record]
    asked: dict[str, Logged] = {}
    wanted: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    for record in order:
        name = str(record.body.get("request"))
        if record.type == REQUESTED:
            asked[record.event_id] = record
            wanted[record.event_id] += 1
        elif record.type == DISPUTED:
            wanted[record.event_id] += 1
        elif record.type == _OBJECTED:
            wanted[name] += 1
        elif record.type.startswith(_EVIDENCE) and "request" in record.body:
            if (wrong := _goes_beyond(record, asked.get(name))) is not None:
                yield Violation("unasked", f"{subject}: {record.type} of {record.source} answers {name}, {wrong}")
            if _is_end(record):
                ends[name] += 1
            elif record.type == _DISPUTE_ANSWERED:
                ends[dispute := str(record.body["dispute"])] += 1
                if dispute not in wanted:
                    yield Violation("unasked", f"{subject}: dispute {dispute} was answered, which nobody raised")
    over = any(record.type in _CASE_ENDS for record in records)
    for name, count in wanted.items():
        if ends[name] > count:
            yield Violation("duplicate", f"{subject}: {first[name].type} {name} was answered {ends[name]} times")
        elif ends[name] < count and not (over and name in closed):
            yield Violation("unanswered", f"{subject}: {first[name].type} {name} has no end")


def corrections(evidence: Evidence, by_case: Mapping[str, Sequence[Logged]]) -> Iterator[Violation]:
    """Whoever was given fields of a record that changed later hears of it once, of these fields; nobody else does.

    Changes that waited together may be told as one.
    """
    changes: dict[tuple[str, str], list[Changed]] = defaultdict(list)
    for change in evidence.changes:
        changes[change.resource, change.holder].append(change)
    for subject, records in by_case.items():
        given = {record.event_id: record for record in records if record.type == PROVIDED}
        asked = {record.event_id: frozenset(record.body["fields"]) for record in records if record.type == REQUESTED}
        told: dict[str, dict[str, Logged]] = {name: {} for name in given}
        for record in records:
            if record.type == CORRECTED:
                told.setdefault(str(record.body["provided"]), {})[record.event_id] = record
        for name in sorted(told.keys() - given.keys()):
            yield Violation("misdirected", f"{subject}: corrected {name}, which it was not given")
        for name, record in given.items():
            fields = asked.get(str(record.body["request"]), frozenset())
            known = changes[str(record.body["resource"]), evidence.holders.get(subject, "")]
            due = [one for one in known if one.since > _recorded(record) and one.fields & fields]
            about = f"{subject}: {record.body['resource']} {name}"
            yield from _told(about, fields, due, list(told[name].values()))


def _told(about: str, fields: frozenset[str], due: Sequence[Changed], told: Sequence[Logged]) -> Iterator[Violation]:
    """due: the changes that touch what one receiver was given; told: the corrections that it heard of."""
    changed = frozenset(chain.from_iterable(one.fields for one in due)) & fields
    named = frozenset(chain.from_iterable(one.body.get("changed", ()) for one in told))
    if named - changed or (told and not due):
        yield Violation("misdirected", f"{about}: told of {sorted(named - changed)}, which did not change")
    elif len(told) > len(due) or len({_recorded(one) for one in told}) < len(told):
        yield Violation("duplicate", f"{about}: {len(due)} changes were told {len(told)} times")
    if changed - named or (due and max(map(_recorded, told), default=due[-1].since) < due[-1].since):
        yield Violation("untold", f"{about}: {len(due)} changes of {sorted(changed)}, told {len(told)} times")


def grounds(subject: str, records: Sequence[Logged], item: Item) -> Iterator[Violation]:
    """What was asked for before the application, and came, is what a grant of a step that looks at it rests on."""
    submitted = next((record for record in records if record.type == _SUBMITTED), None)
    if submitted is None:
        return
    before = {
        str(record.body["material"])
        for record in records
        if record.type in (REQUESTED, _SUBSTITUTED) and record.sequence < submitted.sequence
    } | set(submitted.body.get("fetched", ()))
    carrying: dict[str, set[str]] = defaultdict(set)
    in_vain: set[str] = set()
    for record in records:
        if record.type in (PROVIDED, _SUBSTITUTED):
            carrying[str(record.body["material"])].add(record.event_id)
        elif _is_end(record):
            in_vain.add(str(record.body["material"]))
    steps = {step.id: step for step in item.steps}
    for record in records:
        if record.type != _GRANTED or record.body.get("deemed"):
            continue
        inputs, rests_on = steps[record.step].inputs, set(record.body.get("rests_on") or ())
        for material in sorted(before if not inputs else before & inputs):
            if not carrying[material] & rests_on and (carrying[material] or material not in in_vain):
                yield Violation("overtaken", f"{subject}: {record.step} was granted before {material} came")


def _goes_beyond(answer: Logged, asked: Logged | None) -> str | None:
    """How an answer is none to its request; None when it is."""
    if asked is None:
        return "which was not asked for"
    if any(answer.body.get(name) != asked.body[name] for name in ("material", "resource")):
        return "which asked for something else"
    ended_by_time = answer.source == "/intake" and answer.type == _FAILED
    if answer.source != f"/certificates/{asked.body['provider']}" and not ended_by_time:
        return "which asked somebody else"
    more = {*answer.body.get("values", ()), *answer.body.get("sealed", ())} - set(asked.body["fields"])
    return f"which did not ask for {sorted(more)}" if more else None


def _is_end(record: Logged) -> bool:
    """Whether a request ends with it."""
    return record.type in (PROVIDED, _NOT_RECORDED, _REFUSED) or (
        record.type == _FAILED and record.body.get("final", False)
    )


def _recorded(record: Logged) -> datetime:
    return datetime.fromisoformat(record.body["recorded_at"])
