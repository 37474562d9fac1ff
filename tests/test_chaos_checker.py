"""The checker alone: a clean history passes, and every way to break it is told by its name."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tongban_catalog.item import split_personal
from tongban_catalog.load import load_catalog

from tests.chaos.checker import Evidence, Logged, check
from tests.history import granted_case

_ITEM = load_catalog().item("enterprise-investment-project")
_CASE = "019cab3e-0000-7000-8000-000000000001"
_ISSUED = "cn.tongban.certificate.issued.v1"


def _sound() -> Evidence:
    answers = split_personal(_ITEM, _ITEM.form.example())[0]
    log = [
        Logged(
            topic=event.topic,
            event_id=str(event.id),
            type=event.type,
            source=event.source,
            subject=event.subject,
            sequence=event.sequence,
            body=event.data.model_dump(mode="json"),
        )
        for event in granted_case(_ITEM, _CASE)
    ]
    return Evidence({_CASE: (_ITEM.code, answers)}, log, {_CASE: "issued"}, "h", "h", certificates={_CASE: 1})


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
    ],
)
def test_harm_is_found(harm: Callable[[Evidence], None], kind: str) -> None:
    evidence = _sound()
    harm(evidence)
    assert kind in {violation.kind for violation in check(evidence, {_ITEM.code: _ITEM})}
