"""The checker alone: a clean history passes, and every way to break it is told by its name."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID, uuid5

import pytest
from tongban_catalog.item import split_personal
from tongban_catalog.load import load_catalog
from tongban_intake.vault.chain import FIRST, linked
from tongban_schemas.envelope import Event
from tongban_schemas.events import access
from tongban_schemas.events.evidence import TOPIC, EvidenceNotRecorded, EvidenceRequested

from tests.chaos.checker import Evidence, Logged, check
from tests.history import granted_case

_ITEM = load_catalog().item("enterprise-investment-project")
_CASE = "019cab3e-0000-7000-8000-000000000001"
_ISSUED = "cn.tongban.certificate.issued.v1"


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
        body={"material": "records", "attempt": 1},
    )
    empty = replace(
        asked,
        event_id="empty",
        type=EvidenceNotRecorded.TYPE,
        source="/certificates/health",
        sequence=1,
        body={"request": "asked"},
    )
    return [asked, empty]


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
    answers = split_personal(_ITEM, _ITEM.form.example())[0]
    log = [_logged(event) for event in granted_case(_ITEM, _CASE)]
    uses, head = _looked_at()
    log += [*_fetched(log), *uses]
    return Evidence(
        submitted={_CASE: (_ITEM.code, answers)},
        log=log,
        view_states={_CASE: "issued"},
        view_hash="h",
        rebuild_hash="h",
        chains={_CASE: head},
        certificates=Counter({_CASE: 1}),
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


def test_a_sound_history_passes() -> None:
    assert check(_sound(), {_ITEM.code: _ITEM}) == []


def test_a_repeated_record_is_no_violation() -> None:
    evidence = _sound()
    evidence.log += evidence.log[3:9]
    assert check(evidence, {_ITEM.code: _ITEM}) == []


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
    ],
)
def test_harm_is_found(harm: Callable[[Evidence], None], kind: str) -> None:
    evidence = _sound()
    harm(evidence)
    assert kind in {violation.kind for violation in check(evidence, {_ITEM.code: _ITEM})}
