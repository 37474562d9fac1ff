"""The ledger is a pure function of the set of facts, and says in plain words who looked."""

import random
from datetime import timedelta
from uuid import UUID

from tongban_catalog.load import Catalog
from tongban_intake.facts import Fact
from tongban_intake.ledger import PURPOSES, Teller, Wording, ledger
from tongban_intake.ledger.showing import rule_words
from tongban_intake.payloads import (
    AccessDoubted,
    AccessErased,
    AccessExplained,
    AccessGranted,
    AccessRefused,
    AnyBody,
    EvidenceCorrected,
    EvidenceProvided,
    EvidenceRequested,
)

from .evidence_bodies import ITEM, START

TOLD = (UUID(int=1), "home-right-99", "home-proof", "housing")
VAULT, HOUSING = "/intake/vault", "/certificates/housing"


def case(*entries: tuple[AnyBody, str]) -> list[Fact]:
    """Facts a minute apart; the ids count from 1."""
    return [
        Fact(str(UUID(int=n)), source, START + timedelta(minutes=n), n, None, data)
        for n, (data, source) in enumerate(entries, start=1)
    ]


FACTS = case(
    (
        EvidenceRequested("home-proof", "home-right-99", "housing", ITEM, "education", "第八条", ("kind",), START),
        "/intake",
    ),
    (AccessGranted("certificates", "evidence", ("evidence.lookup/holder",), "housing", None, UUID(int=1)), VAULT),
    (EvidenceProvided(*TOLD, START, values={"kind": "owned"}, sealed={"address": "s1.AA"}), HOUSING),
    (AccessGranted("approvals", "decide", ("parent_name",), "education", "RX", None, UUID(int=9)), VAULT),
    (AccessRefused("approvals", "decide", "not-your-case", "heritage", (), None, None, UUID(int=8)), VAULT),
    (AccessDoubted(UUID(int=4), "s1.BB", "education"), VAULT),
    (AccessExplained(UUID(int=6), "education", "s1.CC"), VAULT),
    (EvidenceCorrected(*TOLD, UUID(int=3), "source", START, ("address",)), HOUSING),
    (AccessErased("retention-over", "第三十七条"), VAULT),
)


def teller(catalog: Catalog) -> Teller:
    item = catalog.item("enterprise-investment-project")
    wording = Wording(item, {}, {"home-proof": "home-right-99"})
    return Teller(wording, {}, lambda field, sealed: f"{field}:{sealed}")


def test_lines_newest_first_whatever_the_order() -> None:
    expected = ledger(FACTS)
    assert [line.kind for line in expected] == ["erased", "corrected", "turned-away", "looked", "given", "used"]
    shuffled = list(FACTS)
    random.Random(3).shuffle(shuffled)  # noqa: S311 - test data
    assert ledger(shuffled) == expected


def test_a_proof_names_who_gave_it_to_whom_and_on_what_basis() -> None:
    given = next(line for line in ledger(FACTS) if line.kind == "given")
    assert (given.department, given.receiver, given.basis) == ("housing", "education", "第八条")
    assert given.fields == ("address", "kind")


def test_a_forged_answer_is_no_line() -> None:
    forged = case((FACTS[0].data, "/intake"), (EvidenceProvided(*TOLD, START), "/certificates/heritage"))
    assert ledger(forged) == ()


def test_what_somebody_else_says_of_looking_counts_for_nothing() -> None:
    assert ledger(case((AccessGranted("approvals", "decide", ("a",), "education"), "/approvals/education"))) == ()


def test_a_doubt_stands_at_its_line_with_its_answer(catalog: Catalog) -> None:
    looked = next(line for line in ledger(FACTS) if line.kind == "looked")
    assert [(one.text, one.explained_by) for one in looked.doubts] == [("s1.BB", "education")]
    shown = teller(catalog).line(looked)
    assert shown.doubts[0].text == "access.doubted:s1.BB"
    assert shown.doubts[0].explanation == "access.explained:s1.CC"
    assert "一名工作人员查看" in shown.words.zh
    assert str(UUID(int=9)) not in shown.model_dump_json()


def test_every_purpose_and_rule_has_words(catalog: Catalog) -> None:
    assert all(words.zh and words.en for words in PURPOSES.values())
    told = rule_words("scope")
    assert told is not None
    assert "超出" in told.zh
    unknown = rule_words("new-rule")
    assert unknown is not None
    assert unknown.zh == "new-rule"
    assert "什么也没有看到" in teller(catalog).line(ledger(FACTS)[2]).words.zh


def test_fields_are_called_as_people_know_them(catalog: Catalog) -> None:
    wording = teller(catalog).wording
    assert wording.field("contact_email").zh == wording.item.form.label("contact_email").zh  # type: ignore[union-attr]
    assert wording.field("certificate/1.2.3").zh == "您的证照"
    assert wording.field("evidence/home-proof/address").zh == "home-proof：address"
    assert wording.field("application.correction-noticed/1").en == "what a notice said"
    assert wording.field("new/thing").zh == "new/thing"
