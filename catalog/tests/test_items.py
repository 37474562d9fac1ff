"""The two items that come with the package."""

from typing import Any

import pytest
from tongban_catalog.check import check_catalog
from tongban_catalog.graph import mermaid
from tongban_catalog.item import Item, ItemDefinitionError, all_granted, applicable_steps, form_errors, open_steps
from tongban_catalog.load import PACKAGED, load_catalog

CATALOG = load_catalog()
INVESTMENT = CATALOG.item("enterprise-investment-project")
REPAIR = CATALOG.item("credit-repair")
OPTIONAL = {
    "heritage_underground": "KG",
    "heritage_control_zone": "WW",
    "special_fire_project": "XS",
    "public_health_venue": "WS",
    "traffic_impact": "GA",
    "entertainment_venue": "WH",
}


def answers(**changed: Any) -> dict[str, Any]:
    return {**INVESTMENT.form.example(), **changed}


def ids(steps: Any) -> set[str]:
    return {step.id for step in steps}


def test_the_packaged_catalogue_may_be_published() -> None:
    assert [str(problem) for problem in check_catalog(PACKAGED)] == []


@pytest.mark.parametrize("item", CATALOG.items.values(), ids=CATALOG.items)
def test_the_examples_of_a_form_are_a_complete_application(item: Item) -> None:
    assert form_errors(item, item.form.example()) == []


def test_the_investment_item_has_its_departments() -> None:
    assert INVESTMENT.deciding_departments == {
        "development-reform",
        "natural-resources",
        "ecology",
        "heritage",
        "housing",
        "civil-defence",
        "culture",
        "health",
        "public-security",
    }


@pytest.mark.parametrize(("answer", "step"), OPTIONAL.items())
def test_an_answer_switches_its_branch(answer: str, step: str) -> None:
    assert step in ids(applicable_steps(INVESTMENT, answers(**{answer: True})))
    assert step not in ids(applicable_steps(INVESTMENT, answers(**{answer: False})))


def test_filing_and_approval_are_alternatives() -> None:
    filing = ids(applicable_steps(INVESTMENT, answers(project_list="filing")))
    approval = ids(applicable_steps(INVESTMENT, answers(project_list="approval")))
    assert filing - approval == {"BA"}
    assert approval - filing == {"HZ", "YS"}


def test_contract_and_allocation_are_alternatives() -> None:
    transfer = ids(applicable_steps(INVESTMENT, answers(land_supply="transfer")))
    allocation = ids(applicable_steps(INVESTMENT, answers(land_supply="allocation")))
    assert transfer - allocation == {"TD"}
    assert allocation - transfer == {"HB"}


def test_steps_run_in_parallel_and_the_construction_permit_is_last() -> None:
    case = answers(**dict.fromkeys(OPTIONAL, True))
    granted: set[str] = set()
    waves: list[set[str]] = []
    while wave := ids(open_steps(INVESTMENT, case, granted, granted)):
        waves.append(wave)
        granted |= wave
    assert waves == [
        {"BA", "KG"},
        {"TD", "HP", "JN"},
        {"YD", "FA"},
        {"WW", "RF", "WS", "GA", "WH"},
        {"GC"},
        {"XS"},
        {"SG"},
    ]
    assert all_granted(INVESTMENT, case, granted)
    assert not all_granted(INVESTMENT, case, granted - {"WH"})


def test_without_optional_branches_their_needs_count_as_met() -> None:
    case = answers(**dict.fromkeys(OPTIONAL, False))
    assert ids(open_steps(INVESTMENT, case, set(), set())) == {"BA", "TD"}
    assert ids(open_steps(INVESTMENT, case, {"BA", "TD", "YD", "FA"}, {"BA", "TD", "YD", "FA", "HP", "JN", "RF"})) == {
        "GC"
    }


@pytest.mark.parametrize(
    ("step", "changed", "verdict"),
    [
        ("BA", {}, "grant"),
        ("HP", {"env_category": "registration"}, "grant"),
        ("HP", {"env_category": "report_book"}, "officer"),
        ("JN", {"energy_tce": 999, "power_mwh": 4999}, "grant"),
        ("JN", {"energy_tce": 1000, "power_mwh": 4999}, "officer"),
        ("GC", {}, "officer"),
    ],
)
def test_rules_decide_what_the_law_makes_mechanical(step: str, changed: dict[str, Any], verdict: str) -> None:
    assert INVESTMENT.step(step).verdict(answers(**changed)) == verdict


def test_a_rule_may_refuse() -> None:
    definition = {**REPAIR.definition, "steps": [dict(REPAIR.definition["steps"][0])]}
    definition["steps"][0]["decide"] = {**definition["steps"][0]["decide"], "else": "refuse"}
    step = Item.from_definition(definition).step("XF")
    assert step.verdict({"listed_reason": "false_information", "obligation_fulfilled": True}) == "refuse"


def test_credit_repair_is_one_step_by_rule() -> None:
    case = REPAIR.form.example()
    assert ids(open_steps(REPAIR, case, set(), set())) == {"XF"}
    assert REPAIR.step("XF").verdict(case) == "grant"
    assert REPAIR.step("XF").verdict({**case, "obligation_fulfilled": False}) == "officer"
    assert (REPAIR.step("XF").department, REPAIR.certificate.issuer) == ("market-regulation", "administrative-approval")


def test_local_habits_are_marked() -> None:
    assert all(basis.is_local_habit for basis in INVESTMENT.step("WH").basis)
    assert not any(basis.is_local_habit for basis in INVESTMENT.step("GC").basis)


def test_items_are_found_by_code_and_by_name() -> None:
    assert CATALOG.item(REPAIR.code) is REPAIR
    with pytest.raises(KeyError, match="credit-repair"):
        CATALOG.item("no-such-item")
    with pytest.raises(KeyError):
        REPAIR.step("ZZ")
    assert REPAIR.has_step("XF")
    assert not REPAIR.has_step("ZZ")


@pytest.mark.parametrize("missing", ["code", "steps", "form", "certificate"])
def test_a_definition_without_its_parts_is_refused(missing: str) -> None:
    definition = {key: value for key, value in REPAIR.definition.items() if key != missing}
    with pytest.raises(ItemDefinitionError, match=missing):
        Item.from_definition(definition)


def test_keys_of_a_later_format_are_left_alone() -> None:
    assert Item.from_definition({**REPAIR.definition, "a_later_key": 1}).ref == REPAIR.ref


def test_the_drawing_shows_every_step_and_need() -> None:
    drawn = mermaid(INVESTMENT)
    assert drawn.startswith("flowchart LR\n")
    for step in INVESTMENT.steps:
        assert f'{step.id}["{step.id} {step.name.zh}' in drawn
        for need in step.needs:
            assert f"{need.step} --> {step.id}" in drawn or f"{need.step} -.-> {step.id}" in drawn
