"""Attempts to get personal data out of their purpose: each is refused, releases and stores nothing, and stands on record."""

import logging
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

import pytest
from tongban_runtime.sealing import CaseKeys, KeyMissingError, SealBrokenError, origin
from tongban_schemas.envelope import Event
from tongban_schemas.events.access import AccessErased, AccessGranted, AccessRefused
from tongban_schemas.events.applications import ApplicationSubmitted, ApplicationWithdrawn
from tongban_schemas.events.approvals import ApprovalGranted
from tongban_schemas.events.evidence import (
    EvidenceCorrected,
    EvidenceDisputed,
    EvidenceObjected,
    EvidenceProvided,
    EvidenceRefused,
    EvidenceRequested,
    EvidenceUploaded,
)

from tests.lifecycle import families
from tests.privacy.attempts import AT_THE_VAULT, BEYOND_ITS_LIMIT, Attempt
from tests.privacy.attempts_forged import ON_THE_BUS, moved
from tests.privacy.attempts_people import AT_DESKS, OF_STRANGERS
from tests.privacy.stage import Stage, stage

ATTEMPTS: Final = {
    f"{where}:{one.name}": one
    for where, rows in (
        ("limit", BEYOND_ITS_LIMIT),
        ("desk", AT_DESKS),
        ("stranger", OF_STRANGERS),
        ("bus", ON_THE_BUS),
        ("vault", AT_THE_VAULT),
    )
    for one in rows
}
_RELEASED: Final = (
    AccessGranted,
    AccessErased,
    EvidenceRequested,
    EvidenceProvided,
    EvidenceRefused,
    EvidenceCorrected,
    EvidenceObjected,
    EvidenceDisputed,
    EvidenceUploaded,
    ApplicationSubmitted,
    ApplicationWithdrawn,
    ApprovalGranted,
)
"""What no attempt may bring about."""


@pytest.fixture(scope="module")
async def life(database: Any, engines: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with stage(database, engines, tmp_path_factory.mktemp("attempts")) as found:
        yield found


async def test_there_are_enough_of_them() -> None:
    assert len(ATTEMPTS) >= 40
    assert len(ATTEMPTS) == sum(map(len, (BEYOND_ITS_LIMIT, AT_DESKS, OF_STRANGERS, ON_THE_BUS, AT_THE_VAULT)))


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
async def test_an_attempt_is_refused_and_on_record(
    life: Stage, attempt: Attempt, caplog: pytest.LogCaptureFixture
) -> None:
    life.clock.advance(timedelta(hours=1))
    await life.settle()
    before = {case: len(life.told(case)) for case in life.cases.values()}
    stored = await _stored(life)
    with caplog.at_level(logging.INFO, "tongban"):
        answer = await attempt.act(life)
    assert answer.status == attempt.status, answer.text
    assert not [word for word in life.secret if word in answer.text]
    forged = life.forged
    await life.settle()
    fresh = [event for case, count in before.items() for event in life.told(case)[count:] if event.id not in forged]
    assert [event.type for event in fresh if isinstance(event.data, _RELEASED)] == []
    assert await _stored(life) == stored
    refused = [event for event in fresh if isinstance(event.data, AccessRefused)]
    assert not [word for word in life.secret for line in caplog.records if word in str(line.__dict__)]
    if attempt.case is None:
        assert refused == []
        assert attempt.rule in _logged(caplog)
    else:
        await _stands(life, attempt, refused)


async def _stands(life: Stage, attempt: Attempt, refused: list[Event]) -> None:
    """On ``tongban.access.v1`` of the case and no other, and in the ledger that its owner reads."""
    assert attempt.case is not None
    assert {event.subject for event in refused} == {str(life.cases[attempt.case])}
    assert Counter(event.data.rule for event in refused) == {attempt.rule: len(refused)}  # type: ignore[attr-defined]
    lines = {line["event"]: line for line in await life.ledger(attempt.case)}
    for event in refused:
        line = lines[str(event.id)]
        assert (line["kind"], line["refused"]) == ("turned-away", attempt.rule)
        assert line["words"]["zh"]


def _logged(caplog: pytest.LogCaptureFixture) -> set[str]:
    told = [line for line in caplog.records if getattr(line, "tongban_event", "") == "access.refused"]
    return {line.tongban_fields["rule"] for line in told}  # type: ignore[attr-defined]


async def _stored(life: Stage) -> dict[str, int]:
    """How much lies in the registers and among the uploads."""
    intake, sources = life.services["intake"].runtime.pool, life.services["certificates"].runtime.pool
    return {
        "files": await intake.fetchval("SELECT count(*) FROM evidence_file"),
        "drafts": await intake.fetchval("SELECT count(*) FROM draft"),
        "records": await sources.fetchval("SELECT count(*) FROM register_record"),
        "disclosures": await sources.fetchval("SELECT count(*) FROM disclosure"),
    }


@pytest.mark.parametrize("taken", ["event", "case"])
async def test_a_sealed_value_that_was_moved_holds_its_case_and_opens_nowhere(life: Stage, taken: str) -> None:
    """Set aside with its case, for an operator to see, before any handler reads it."""
    case = life.cases["spare"]
    sent = await families.events(life, life.cases["withdrawn"] if taken == "case" else case, ApplicationSubmitted)
    sealed = sent[0].data.sealed["home_address"]  # type: ignore[attr-defined]
    before = await families.parked(life, case)
    await life.forge(uuid4(), case, moved("address", sealed), "/certificates/public-security")
    await life.settle()
    assert await families.parked(life, case) > before
    shown = await life.ask("intake", "GET", f"/v1/proofs/{case}", life.owners["spare"])
    assert [one for one in shown["proofs"] if one["state"] == "provided"] == []


async def test_the_key_of_one_field_opens_no_other(life: Stage) -> None:
    """What a service was given for one field is of no use for another field, another case or another event."""
    case = life.cases["main"]
    (given,) = [
        one
        for one in await families.events(life, case, EvidenceProvided)
        if one.data.material == "residence-permit" and one.id not in life.forged  # type: ignore[attr-defined]
    ]
    sealed = given.data.sealed["address"]  # type: ignore[attr-defined]
    root = await life.intake.vault.open(life.intake.pool, case)
    other = await life.intake.vault.open(life.intake.pool, life.cases["other"])
    field, name = "evidence/residence-permit/address", "evidence/residence-permit/holder_name"
    assert root.open(field, sealed)
    assert origin(sealed) == given.id
    with pytest.raises(KeyMissingError):
        CaseKeys(root.keys([name])).open(field, sealed)
    for wrong in (root.keys([name])[name], other.keys([field])[field], bytes(32)):
        with pytest.raises(SealBrokenError):
            CaseKeys({field: wrong}).open(field, sealed)
    with pytest.raises(SealBrokenError):
        CaseKeys({name: root.keys([field])[field]}).open(name, sealed)
