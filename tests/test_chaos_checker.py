"""The checker alone: a clean history passes, and every way to break it is told by its name."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest
from tongban_catalog.item import split_personal
from tongban_catalog.load import load_catalog
from tongban_intake.vault.chain import FIRST, linked
from tongban_schemas.envelope import Event
from tongban_schemas.events import access
from tongban_schemas.events.evidence import (
    TOPIC,
    EvidenceCorrected,
    EvidenceDisputeAnswered,
    EvidenceDisputed,
    EvidenceFailed,
    EvidenceNotRecorded,
    EvidenceProvided,
    EvidenceRequested,
)
from tongban_schemas.types import format_utc

from tests.chaos.checker import check
from tests.chaos.model import Changed, Evidence, Logged, Violation
from tests.history import granted_case

_CATALOGUE = load_catalog()
_ITEM = _CATALOGUE.item("enterprise-investment-project")
_ENROLMENT = _CATALOGUE.item("primary-school-enrolment")
_CASE = "019cab3e-0000-7000-8000-000000000001"
_CHILD = "019cab3e-0000-7000-8000-000000000002"
_CHANGED = Changed("social-insurance-99", "parent", frozenset({"months"}), datetime(2026, 3, 2, 2, tzinfo=UTC))
_LATER = replace(_CHANGED, since=_CHANGED.since + timedelta(hours=1))
_ISSUED = "cn.tongban.certificate.issued.v1"
_GRANTED = "cn.tongban.approval.granted.v1"
_RECORDS = {"material": "records", "resource": "medical-records-99"}
_WORK = {"material": "work-proof", "resource": "social-insurance-99"}
_BEFORE = "2026-03-02T01:00:00.000000Z"
_ITEMS = {_ITEM.code: _ITEM, _ENROLMENT.code: _ENROLMENT}


def _logged(event: Event) -> Logged:
    return Logged(
        topic=event.topic,
        event_id=str(event.id),
        type=event.type,
        source=event.source,
        subject=event.subject,
        sequence=event.sequence,
        body=event.data.model_dump(mode="json", exclude_none=True),
    )


def _fetched(known: list[Logged]) -> list[Logged]:
    """A proof that was requested by intake and found nowhere, on a topic of its own."""
    last = max(record.sequence for record in known if record.source == "/intake")
    asked = Logged(
        topic=TOPIC,
        event_id="asked",
        type=EvidenceRequested.TYPE,
        source="/intake",
        subject=_CASE,
        sequence=last + 1,
        body={**_RECORDS, "attempt": 1, "provider": "health", "fields": ["diagnosis"]},
    )
    empty = replace(
        asked,
        event_id="empty",
        type=EvidenceNotRecorded.TYPE,
        source="/certificates/health",
        sequence=1,
        body={**_RECORDS, "request": "asked"},
    )
    return [asked, empty]


def _enrolled() -> list[Logged]:
    """A case whose proof was asked for before it was an application, corrected after it was given, and disputed."""
    log = [_logged(event) for event in granted_case(_ENROLMENT, _CHILD)]
    for index, record in enumerate(log):
        if record.source == "/intake":
            log[index] = replace(record, sequence=record.sequence + 1)
        if record.type == _GRANTED and record.step == "JY":
            log[index] = replace(record, body={**record.body, "rests_on": ["given"]})
    asked = {"attempt": 1, "provider": "human-resources", "fields": ["employer", "months"]}
    answer = {"request": "wanted"}
    at = {"recorded_at": format_utc(_CHANGED.since)}
    changed = {"provided": "given", "changed": ["months"], "values": {"months": 27}}
    return [
        _said(EvidenceRequested.TYPE, "wanted", 1, asked),
        _said(EvidenceProvided.TYPE, "given", 1, {**answer, "values": {"months": 26}, "recorded_at": _BEFORE}),
        *log,
        _said(EvidenceCorrected.TYPE, "corrected", 2, {**answer, **changed, **at}),
        _said(EvidenceDisputed.TYPE, "disputed", 4, {"provided": "given", "fields": ["months"]}),
        _said(EvidenceDisputeAnswered.TYPE, "explained", 3, {**answer, "dispute": "disputed"}),
    ]


def _said(kind: str, event: str, sequence: int, body: dict[str, Any]) -> Logged:
    """What intake, or the register that it asked, says of the child's case."""
    own = kind in (EvidenceRequested.TYPE, EvidenceDisputed.TYPE)
    source = "/intake" if own else "/certificates/human-resources"
    return Logged(TOPIC, event, kind, source, _CHILD, sequence, {**_WORK, **body})


def _looked_at() -> tuple[list[Logged], bytes]:
    """What the vault says of four uses, and the end of its chain."""
    told, at = [], FIRST
    for sequence, purpose in enumerate(("decide", "decide", "certify", "notify"), 1):
        event = uuid5(UUID(_CASE), str(sequence))
        use = access.AccessGranted(service="approvals", purpose=purpose, fields=["示例"], chain=access.FIRST_CHAIN)
        data, at = linked(use, at, event)
        body = data.model_dump(mode="json", exclude_none=True)
        told.append(Logged(access.TOPIC, str(event), data.TYPE, "/intake/vault", _CASE, sequence, body))
    return told, at


def _sound() -> Evidence:
    plain = {one.code: split_personal(one, one.form.example())[0] for one in _ITEMS.values()}
    log = [_logged(event) for event in granted_case(_ITEM, _CASE)]
    uses, head = _looked_at()
    log += [*_fetched(log), *uses, *_enrolled()]
    return Evidence(
        submitted={_CASE: (_ITEM.code, plain[_ITEM.code]), _CHILD: (_ENROLMENT.code, plain[_ENROLMENT.code])},
        log=log,
        view_states={_CASE: "issued", _CHILD: "issued"},
        view_hash="h",
        rebuild_hash="h",
        chains={_CASE: head},
        certificates=Counter({_CASE: 1, _CHILD: 1}),
        holders={_CHILD: "parent"},
        changes=(_CHANGED,),
    )


def _index(evidence: Evidence, event_type: str) -> int:
    return next(index for index, record in enumerate(evidence.log) if record.type == event_type)


def _drop_a_grant(evidence: Evidence) -> None:
    del evidence.log[_index(evidence, "cn.tongban.approval.granted.v1")]


def _second_certificate(evidence: Evidence) -> None:
    issued = evidence.log[_index(evidence, _ISSUED)]
    evidence.log.append(replace(issued, event_id="another", sequence=issued.sequence + 1))


def _swap(evidence: Evidence) -> None:
    evidence.log[0], evidence.log[1] = evidence.log[1], evidence.log[0]


def _open_too_early(evidence: Evidence) -> None:
    last = max(i for i, record in enumerate(evidence.log) if record.type == "cn.tongban.approval.opened.v1")
    evidence.log.insert(2, evidence.log.pop(last))


def _never_finished(evidence: Evidence) -> None:
    del evidence.log[_index(evidence, _ISSUED)]


def _stale_view(evidence: Evidence) -> None:
    evidence.view_states[_CASE] = "accepted"


def _other_view(evidence: Evidence) -> None:
    evidence.rebuild_hash = "other"


def _unsent(evidence: Evidence) -> None:
    evidence.unsent = 1


def _parked(evidence: Evidence) -> None:
    evidence.parked = 1


def _mail_twice(evidence: Evidence) -> None:
    evidence.mails, evidence.mails_owed = {"m@notify.tongban": 2}, 1


def _mail_missing(evidence: Evidence) -> None:
    evidence.mails_owed = 1


def _stranger(evidence: Evidence) -> None:
    evidence.log.append(replace(evidence.log[0], subject="019cab3e-0000-7000-8000-00000000ffff"))


def _asked_twice(evidence: Evidence) -> None:
    asked = evidence.log[_index(evidence, EvidenceRequested.TYPE)]
    evidence.log.append(replace(asked, event_id="another", sequence=asked.sequence + 1))


def _answered_twice(evidence: Evidence) -> None:
    empty = evidence.log[_index(evidence, EvidenceNotRecorded.TYPE)]
    provided = "cn.tongban.evidence.provided.v1"
    evidence.log.append(
        replace(empty, event_id="another", type=provided, sequence=2, body={**empty.body, "stage": "answer"})
    )


def _request_lost(evidence: Evidence) -> None:
    """A gap in what intake published, although the topic of applications has none."""
    index = _index(evidence, EvidenceRequested.TYPE)
    evidence.log[index] = replace(evidence.log[index], sequence=evidence.log[index].sequence + 1)


def _uses(evidence: Evidence) -> list[int]:
    return [index for index, record in enumerate(evidence.log) if record.topic == access.TOPIC]


def _uses_swapped(evidence: Evidence) -> None:
    one, other, *_ = _uses(evidence)
    evidence.log[one], evidence.log[other] = evidence.log[other], evidence.log[one]


def _use_taken_out(evidence: Evidence) -> None:
    """The facts after it are numbered anew: only the chain tells."""
    gone, *after = _uses(evidence)
    for index in after:
        evidence.log[index] = replace(evidence.log[index], sequence=evidence.log[index].sequence - 1)
    del evidence.log[gone]


def _last_use_taken_out(evidence: Evidence) -> None:
    del evidence.log[_uses(evidence)[-1]]


def _use_changed(evidence: Evidence) -> None:
    index = _uses(evidence)[1]
    evidence.log[index] = replace(evidence.log[index], body={**evidence.log[index].body, "fields": ["其他"]})


def _use_never_told(evidence: Evidence) -> None:
    evidence.chains = {}


def _without(kind: str) -> Callable[[Evidence], None]:
    """Takes out all that is said of this type in the child's case."""

    def harm(evidence: Evidence) -> None:
        evidence.log = [record for record in evidence.log if (record.subject, record.type) != (_CHILD, kind)]

    return harm


def _also(kind: str, **body: Any) -> Callable[[Evidence], None]:
    """The register says one thing more of the child's case."""

    def harm(evidence: Evidence) -> None:
        evidence.log.append(_said(kind, "more", 4, {"request": "wanted", **body}))

    return harm


def _change(event: str, **body: Any) -> Callable[[Evidence], None]:
    def harm(evidence: Evidence) -> None:
        index = next(index for index, record in enumerate(evidence.log) if record.event_id == event)
        evidence.log[index] = replace(evidence.log[index], body={**evidence.log[index].body, **body})

    return harm


def _granted_before_the_proof(evidence: Evidence) -> None:
    steps = [(index, one) for index, one in enumerate(evidence.log) if one.subject == _CHILD and one.type == _GRANTED]
    index, granted = next((index, one) for index, one in steps if one.step == "JY")
    evidence.log[index] = replace(granted, body={**granted.body, "rests_on": ["something else"]})


def _another_record_changed(evidence: Evidence) -> None:
    evidence.holders = {_CHILD: "somebody else"}


def _other_fields_changed(evidence: Evidence) -> None:
    evidence.changes = (replace(_CHANGED, fields=frozenset({"employer"})),)


def _changed_again(evidence: Evidence) -> None:
    evidence.changes = (_CHANGED, _LATER)


def _found(evidence: Evidence) -> list[Violation]:
    return check(evidence, _ITEMS)


def test_a_sound_history_passes() -> None:
    assert _found(_sound()) == []


def test_changes_that_waited_together_are_told_as_one() -> None:
    evidence = _sound()
    _changed_again(evidence)
    _change("corrected", recorded_at=format_utc(_LATER.since))(evidence)
    assert _found(evidence) == []


def test_who_was_given_the_record_as_it_is_now_has_nothing_to_hear() -> None:
    evidence = _sound()
    _change("given", recorded_at=format_utc(_CHANGED.since))(evidence)
    _without(EvidenceCorrected.TYPE)(evidence)
    evidence.log = [replace(one, sequence=2) if one.event_id == "explained" else one for one in evidence.log]
    assert _found(evidence) == []


def test_a_request_is_put_away_with_its_case() -> None:
    evidence = _sound()
    late = {"material": "home-proof", "attempt": 1, "provider": "housing", "fields": ["kind"]}
    evidence.log.append(_said(EvidenceRequested.TYPE, "late", 5, late))
    assert {one.kind for one in _found(evidence)} == {"unanswered"}
    evidence.closed = {"late"}
    assert _found(evidence) == []


def test_a_repeated_record_is_no_violation() -> None:
    evidence = _sound()
    evidence.log += evidence.log[3:9]
    assert _found(evidence) == []


@pytest.mark.parametrize(
    ("harm", "kind"),
    [
        (_drop_a_grant, "lost"),
        (_second_certificate, "duplicate"),
        (_swap, "order"),
        (_open_too_early, "order"),
        (_never_finished, "unfinished"),
        (_stale_view, "view"),
        (_other_view, "view"),
        (_unsent, "lost"),
        (_parked, "unfinished"),
        (_mail_twice, "duplicate"),
        (_mail_missing, "lost"),
        (_stranger, "lost"),
        (_asked_twice, "duplicate"),
        (_answered_twice, "duplicate"),
        (_request_lost, "lost"),
        (_uses_swapped, "order"),
        (_use_taken_out, "chain"),
        (_last_use_taken_out, "chain"),
        (_use_changed, "chain"),
        (_use_never_told, "chain"),
        (_without(EvidenceProvided.TYPE), "unanswered"),
        (_without(EvidenceDisputeAnswered.TYPE), "unanswered"),
        (_also(EvidenceFailed.TYPE, final=True, reason="expired"), "duplicate"),
        (_also(EvidenceNotRecorded.TYPE, request="another"), "unasked"),
        (_also(EvidenceDisputeAnswered.TYPE, dispute="another"), "unasked"),
        (_change("given", values={"holder_name": "示例"}), "unasked"),
        (_without(EvidenceCorrected.TYPE), "untold"),
        (_changed_again, "untold"),
        (_also(EvidenceCorrected.TYPE, provided="given", changed=["months"], recorded_at=_BEFORE), "duplicate"),
        (_also(EvidenceCorrected.TYPE, provided="another", changed=["months"], recorded_at=_BEFORE), "misdirected"),
        (_another_record_changed, "misdirected"),
        (_other_fields_changed, "misdirected"),
        (_granted_before_the_proof, "overtaken"),
    ],
)
def test_harm_is_found(harm: Callable[[Evidence], None], kind: str) -> None:
    evidence = _sound()
    harm(evidence)
    assert kind in {violation.kind for violation in _found(evidence)}
