"""Items for businesses and for those who pay first: start-up, food permit, tobacco permit, costs of treatment elsewhere."""

from collections.abc import Iterable
from typing import Any

import pytest
from tongban_catalog.item import Item, Step, all_granted, applicable_steps, asked_materials, form_errors, open_steps
from tongban_catalog.load import load_catalog
from tongban_schemas.types import Limit

CATALOG = load_catalog()
START_UP = CATALOG.item("enterprise-start-up")
FOOD = CATALOG.item("food-business-permit")
TOBACCO = CATALOG.item("tobacco-retail-permit")
MEDICAL = CATALOG.item("medical-reimbursement")
ITEMS = (START_UP, FOOD, TOBACCO, MEDICAL)


def days(number: int) -> Limit:
    return Limit(number=number, unit="WD")


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


def start_up(**changed: Any) -> dict[str, Any]:
    return START_UP.form.example() | changed


def food(**changed: Any) -> dict[str, Any]:
    return FOOD.form.example() | changed


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, [{"CS"}, {"DJ"}, {"YZ", "SW", "SB"}]),
        ({"premises_kind": "owned"}, [{"DJ"}, {"YZ", "SW", "SB"}]),
        ({"premises_kind": "leased", "orders_seal": False}, [{"DJ"}, {"SW", "SB"}]),
        ({"premises_kind": "leased", "orders_seal": False, "hires_staff": False}, [{"DJ"}, {"SW"}]),
    ],
)
def test_a_company_is_registered_first_and_the_rest_is_done_side_by_side(
    changed: dict[str, Any], expected: list[set[str]]
) -> None:
    assert waves(START_UP, start_up(**changed)) == expected


def test_each_part_of_the_start_up_has_its_department() -> None:
    answers = start_up()
    assert {step.id: step.department_of(answers) for step in applicable_steps(START_UP, answers)} == {
        "CS": "market-regulation",
        "DJ": "market-regulation",
        "YZ": "public-security",
        "SW": "tax",
        "SB": "social-insurance-99",
    }


def test_two_officers_look_at_shared_premises_and_one_decides_elsewhere() -> None:
    assert {step.id for step in START_UP.steps if step.quorum == 2} == {"CS"}
    assert {step.quorum for item in (FOOD, TOBACCO, MEDICAL) for step in item.steps} == {1}


def test_the_start_up_has_one_lead_and_one_joint_limit() -> None:
    joint = START_UP.joint
    assert joint is not None
    assert (joint.lead_of(start_up()), joint.legal, joint.extension) == ("market-regulation", days(45), days(15))
    assert [basis.article for basis in joint.basis] == ["42(2)"]


def test_what_is_promised_for_a_start_up_is_a_matter_of_days() -> None:
    assert {step.id: step.limits.promised for step in START_UP.steps} == {
        "CS": days(2),
        "DJ": days(1),
        "YZ": days(1),
        "SW": None,
        "SB": Limit(number=1, unit="ND"),
    }
    assert START_UP.step("SW").limits.legal == days(0)
    assert START_UP.step("SW").verdict(start_up()) == "grant"


def test_a_renewal_of_a_food_permit_is_received_by_an_officer_within_five_working_days() -> None:
    acceptance = FOOD.acceptance
    assert (acceptance.by, acceptance.department_of(food()), acceptance.notice) == (
        "officer",
        "market-regulation",
        days(5),
    )


def test_a_food_permit_takes_twenty_working_days_and_ten_more_and_an_inspection_stops_them() -> None:
    (step,) = applicable_steps(FOOD, food())
    assert (step.limits.legal, step.limits.promised, step.extension) == (days(20), days(10), days(10))
    assert [one.id for one in step.procedures] == ["on-site-inspection"]
    assert FOOD.delivery == days(10)


def test_a_renewal_undecided_on_the_last_day_of_the_permit_is_granted() -> None:
    silence = FOOD.step("YX").silence
    assert silence is not None
    assert silence.field == "valid_until"
    assert [basis.article for basis in silence.basis] == ["50"]
    assert FOOD.renewal is not None
    assert (FOOD.renewal.previous, FOOD.renewal.ask_before) == ("previous_permit", days(30))
    assert FOOD.certificate.valid_years == 5


@pytest.mark.parametrize("field", ["previous_permit", "valid_until"])
def test_what_the_silence_rests_on_has_to_be_answered(field: str) -> None:
    answers = food()
    del answers[field]
    assert [error["field"] for error in form_errors(FOOD, answers)] == [field]


def test_the_last_day_is_a_day_and_not_personal() -> None:
    assert [error["field"] for error in form_errors(FOOD, food(valid_until="2027-02-30"))] == ["valid_until"]
    plain, personal = FOOD.form.split_personal(food())
    assert "valid_until" in plain
    assert set(personal) == {"contact_name", "contact_phone", "contact_email"}


@pytest.mark.parametrize(("changed", "asked"), [(False, ["hygiene-rules"]), (True, ["hygiene-rules", "layout"])])
def test_a_plan_is_asked_only_of_a_business_that_has_changed(changed: bool, asked: list[str]) -> None:
    assert [one.id for one in asked_materials(FOOD, food(conditions_changed=changed))] == asked


def test_tobacco_permits_are_limited_in_number_by_law() -> None:
    (step,) = applicable_steps(TOBACCO, TOBACCO.form.example())
    assert step.department == "tobacco-monopoly"
    assert step.quota is not None
    assert (step.quota.number, step.quota.per) == (3, "year")
    assert "57" in {basis.article for basis in step.quota.basis}
    assert TOBACCO.acceptance.by == "rule"


def test_costs_of_treatment_elsewhere_are_paid_back_within_thirty_working_days() -> None:
    (step,) = applicable_steps(MEDICAL, MEDICAL.form.example())
    assert step.department == "medical-insurance"
    assert (step.limits.legal, step.limits.promised, step.extension) == (days(30), days(20), None)
    assert step.inputs >= {one.id for one in MEDICAL.materials}


def test_the_four_documents_of_a_treatment_say_who_issues_them_why_and_how_to_get_them() -> None:
    asked = asked_materials(MEDICAL, MEDICAL.form.example())
    assert [one.id for one in asked] == ["bills", "cost-list", "diagnosis", "records"]
    for one in asked:
        assert one.issuer.zh
        assert one.issuer.en
        assert one.obtain
        assert any(not basis.is_local_habit for basis in one.basis)


def test_the_records_alone_may_be_promised_and_brought_later() -> None:
    assert {one.id: one.tolerable for one in MEDICAL.materials if one.tolerable} == {"records": days(10)}


def test_nothing_about_a_patient_travels_in_clear() -> None:
    plain, _ = MEDICAL.form.split_personal(MEDICAL.form.example())
    assert set(plain) == {"treated_region", "total_cost_cny", "reason_not_settled"}


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.name.en)
def test_every_item_has_a_holder_a_contact_and_a_personal_address_for_news(item: Item) -> None:
    assert item.holder is not None
    assert item.contacts
    assert item.region == "990000"
    assert item.delivery == days(10)
    _, personal = item.form.split_personal(item.form.example())
    assert {"contact_name", "contact_email"} <= set(personal)


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.name.en)
def test_who_decides_in_region_99_is_supervised(item: Item) -> None:
    for name in item.deciding_departments:
        department = CATALOG.departments[name]
        assert department.region in (None, "990000")
        assert department.supervisor in CATALOG.departments
