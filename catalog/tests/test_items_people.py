"""Items for people: the pension that moves, the child who starts school, the birth that is registered."""

from collections.abc import Iterable
from typing import Any

import pytest
from tongban_catalog.item import (
    Item,
    Step,
    all_granted,
    applicable_steps,
    asked_materials,
    form_errors,
    open_steps,
)
from tongban_catalog.load import load_catalog
from tongban_schemas.types import Limit

CATALOG = load_catalog()
PENSION = CATALOG.item("pension-transfer")
NEIGHBOUR_PENSION = CATALOG.item("980000/pension-transfer")
SCHOOL = CATALOG.item("primary-school-enrolment")
BIRTH = CATALOG.item("birth-registration")
FIFTEEN_DAYS = Limit(number=15, unit="WD")


def ids(steps: Iterable[Step]) -> set[str]:
    return {step.id for step in steps}


def waves(item: Item, answers: dict[str, Any]) -> list[set[str]]:
    """The steps in the order in which they open when everything open is granted at once."""
    granted: set[str] = set()
    found: list[set[str]] = []
    while wave := ids(open_steps(item, answers, granted, granted)):
        found.append(wave)
        granted |= wave
    assert all_granted(item, answers, granted)
    return found


@pytest.mark.parametrize("item", [PENSION, NEIGHBOUR_PENSION], ids=["990000", "980000"])
def test_form_and_money_leave_side_by_side_and_both_come_before_the_end(item: Item) -> None:
    answers = item.form.example()
    assert waves(item, answers) == [{"IN"}, {"OUTFORM", "OUTFUND"}, {"DONE"}]
    for arrived in ("OUTFORM", "OUTFUND"):
        granted = {"IN", arrived}
        assert ids(open_steps(item, answers, granted, granted)) == {"OUTFORM", "OUTFUND"} - granted


def test_each_stretch_of_the_pension_has_fifteen_working_days() -> None:
    assert {step.id: step.limits.legal for step in PENSION.steps} == dict.fromkeys(
        ("IN", "OUTFORM", "OUTFUND", "DONE"), FIFTEEN_DAYS
    )


def test_the_example_pension_comes_from_the_other_province() -> None:
    answers = PENSION.form.example()
    assert {step.id: step.department_of(answers) for step in PENSION.steps} == {
        "IN": "social-insurance-99",
        "OUTFORM": "social-insurance-98",
        "OUTFUND": "social-insurance-98",
        "DONE": "social-insurance-99",
    }
    regions = {name: CATALOG.departments[name].region for name in PENSION.deciding_departments}
    assert regions == {"social-insurance-99": "990000", "social-insurance-98": "980000"}


def test_the_neighbour_mirrors_the_transfer_under_the_same_standard() -> None:
    answers = NEIGHBOUR_PENSION.form.example() | {"transfer_from": "990000"}
    assert NEIGHBOUR_PENSION.step("IN").department_of(answers) == "social-insurance-98"
    assert NEIGHBOUR_PENSION.step("OUTFUND").department_of(answers) == "social-insurance-99"
    assert NEIGHBOUR_PENSION.standard == PENSION.standard
    assert NEIGHBOUR_PENSION.code != PENSION.code
    assert (PENSION.region, NEIGHBOUR_PENSION.region) == ("990000", "980000")


def test_an_unknown_old_place_is_told_on_the_form() -> None:
    errors = form_errors(PENSION, PENSION.form.example() | {"transfer_from": "970000"})
    assert [error["field"] for error in errors] == ["transfer_from"]


def test_the_pension_is_accepted_by_rule_and_asks_for_no_paper() -> None:
    answers = PENSION.form.example()
    assert PENSION.acceptance.by == "rule"
    assert asked_materials(PENSION, answers) == ()
    assert PENSION.cross_region is not None
    assert PENSION.cross_region.mode == "joint"


def test_the_school_checks_in_parallel_and_the_education_authority_decides_last() -> None:
    answers = SCHOOL.form.example()
    assert waves(SCHOOL, answers) == [{"JZ", "FW", "JY", "JH"}, {"RX"}]
    assert {step.id: step.department_of(answers) for step in SCHOOL.steps} == {
        "JZ": "public-security",
        "FW": "housing",
        "JY": "human-resources",
        "JH": "street-office-99",
        "RX": "education",
    }


@pytest.mark.parametrize("missing", ["JZ", "FW", "JY", "JH"])
def test_no_school_is_named_before_every_check(missing: str) -> None:
    granted = {"JZ", "FW", "JY", "JH"} - {missing}
    assert ids(open_steps(SCHOOL, SCHOOL.form.example(), granted, granted)) == {missing}


def test_market_regulation_checks_the_work_of_those_with_a_business() -> None:
    answers = SCHOOL.form.example() | {"work_kind": "self_employed"}
    assert SCHOOL.step("JY").department_of(answers) == "market-regulation"
    assert "work_kind" in SCHOOL.deciding_fields


def test_the_street_office_receives_the_school_application() -> None:
    acceptance = SCHOOL.acceptance
    assert (acceptance.by, acceptance.department_of(SCHOOL.form.example())) == ("officer", "street-office-99")
    assert acceptance.notice == Limit(number=5, unit="WD")


def test_each_of_the_five_proofs_says_who_issues_it_why_and_how_to_get_it() -> None:
    assert [proof.id for proof in SCHOOL.materials] == [
        "residence-permit",
        "home-proof",
        "work-proof",
        "no-guardian-proof",
        "household-register",
    ]
    for proof in SCHOOL.materials:
        assert proof.required
        assert proof.issuer.zh
        assert proof.obtain
        assert any(not basis.is_local_habit for basis in proof.basis)


@pytest.mark.parametrize("both", [True, False])
def test_two_residence_permits_stand_in_for_the_proof_from_home(both: bool) -> None:
    asked = {proof.id for proof in asked_materials(SCHOOL, SCHOOL.form.example() | {"both_parents_permit": both})}
    every = {proof.id for proof in SCHOOL.materials}
    assert every - asked == ({"no-guardian-proof"} if both else set())


def test_an_answer_about_the_permits_is_looked_at_by_all_who_rely_on_it() -> None:
    assert {step.id for step in SCHOOL.steps if "both_parents_permit" in step.inputs} == {"JZ", "JH"}


@pytest.mark.parametrize(
    ("place", "department"), [("990000", "street-office-99"), ("980000", "street-office-98")], ids=["99", "98"]
)
@pytest.mark.parametrize("as_what", ["mother_home", "mother_residence", "father_home", "father_residence"])
def test_a_birth_is_registered_where_the_family_chooses(place: str, department: str, as_what: str) -> None:
    answers = BIRTH.form.example() | {"handled_at": place, "handled_as": as_what}
    assert form_errors(BIRTH, answers) == []
    (step,) = applicable_steps(BIRTH, answers)
    assert step.department_of(answers) == department
    assert BIRTH.acceptance.department_of(answers) == department
    assert BIRTH.certificate.issuer_of(answers) == department
    assert step.limits.promised == Limit(number=7, unit="WD")


def test_the_home_place_has_five_days_and_its_silence_goes_to_its_supervisor() -> None:
    answers = BIRTH.form.example()
    (opinion,) = BIRTH.step("DJ").opinions
    assert opinion.department.department_of(answers) == "street-office-98"
    assert (opinion.limit, opinion.silence) == (Limit(number=5, unit="WD"), "escalate")
    assert CATALOG.departments["street-office-98"].supervisor in CATALOG.departments


def test_nothing_has_to_be_brought_for_a_birth() -> None:
    assert not any(material.required for material in BIRTH.materials)


def test_places_are_not_corrected_afterwards() -> None:
    assert {"handled_at", "home_place"} <= BIRTH.deciding_fields
    assert "transfer_from" in PENSION.deciding_fields
