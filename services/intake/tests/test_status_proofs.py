"""The proofs of a case in its status: what the sources said, and what the vault said stays out of it."""

from datetime import timedelta
from uuid import UUID

from tongban_intake.facts import Fact, merge_all
from tongban_intake.payloads import (
    AccessGranted,
    AnyBody,
    EvidenceCorrected,
    EvidenceFailed,
    EvidenceProvided,
    EvidenceRequested,
    EvidenceSubstituted,
    Submitted,
)
from tongban_intake.status import Status, decode, encode, status

from .evidence_bodies import ITEM, START

HOUSING = "/certificates/housing"
TOLD = (UUID(int=2), "home-right-99", "home-proof", "housing")
LATER = START + timedelta(days=1)


def case(*entries: tuple[AnyBody, str]) -> Status:
    """The status of facts a minute apart; the ids count from 1."""
    made = [
        Fact(str(UUID(int=n)), source, START + timedelta(minutes=n), n, None, data)
        for n, (data, source) in enumerate(entries, start=1)
    ]
    found = status(merge_all(made).values())
    assert decode(encode(found)) == found
    return found


SUBMITTED: tuple[AnyBody, str] = (Submitted(ITEM), "/intake")
REQUESTED: tuple[AnyBody, str] = (
    EvidenceRequested("home-proof", "home-right-99", "housing", ITEM, "education", "第八条", ("kind",), LATER),
    "/intake",
)
PROVIDED: tuple[AnyBody, str] = (EvidenceProvided(*TOLD, START, values={"kind": "owned"}), HOUSING)


def test_a_proof_is_awaited_then_there() -> None:
    waiting = case(SUBMITTED, REQUESTED).proofs["home-proof"]
    assert (waiting.state, waiting.provider, waiting.grade) == ("waiting", "housing", None)
    assert waiting.expires == LATER
    given = case(SUBMITTED, REQUESTED, PROVIDED).proofs["home-proof"]
    assert (given.state, given.grade, given.recorded_at) == ("provided", "A", START)


def test_an_answer_of_another_source_changes_nothing() -> None:
    forged: tuple[AnyBody, str] = (EvidenceProvided(*TOLD, START), "/certificates/heritage")
    assert case(SUBMITTED, REQUESTED, forged).proofs["home-proof"].state == "waiting"


def test_a_final_failure_allows_an_upload_and_a_correction_is_dated() -> None:
    down: tuple[AnyBody, str] = (EvidenceFailed(*TOLD, "source-unreachable", False), HOUSING)
    gone: tuple[AnyBody, str] = (EvidenceFailed(*TOLD, "expired", True), "/intake")
    retrying = case(SUBMITTED, REQUESTED, down).proofs["home-proof"]
    assert (retrying.state, retrying.upload_allowed) == ("retrying", False)
    failed = case(SUBMITTED, REQUESTED, down, gone).proofs["home-proof"]
    assert (failed.state, failed.upload_allowed, failed.reason) == ("failed", True, "expired")
    corrected: tuple[AnyBody, str] = (EvidenceCorrected(*TOLD, UUID(int=3), "source", LATER, ("kind",)), HOUSING)
    told = case(SUBMITTED, REQUESTED, PROVIDED, corrected).proofs["home-proof"]
    assert (told.changed, told.recorded_at) == (("kind",), LATER)
    assert told.corrected_at == START + timedelta(minutes=4)


def test_a_substitution_names_the_proofs_that_it_rests_on() -> None:
    instead: tuple[AnyBody, str] = (EvidenceSubstituted("no-guardian-proof", 0, "第三条", (UUID(int=3),)), "/intake")
    found = case(SUBMITTED, REQUESTED, PROVIDED, instead).proofs["no-guardian-proof"]
    assert (found.state, found.rule, found.rests_on) == ("substituted", 0, ("home-proof",))


def test_what_the_vault_said_is_a_fact_but_not_part_of_the_story() -> None:
    looked: tuple[AnyBody, str] = (AccessGranted("approvals", "decide", ("parent_name",), "education"), "/intake")
    found = case(SUBMITTED, looked)
    assert found.version == 2
    assert [entry.type for entry in found.timeline] == [Submitted.TYPE]
