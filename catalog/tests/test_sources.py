"""Where the materials of an item come from: which source for which answers, and what no catalogue may say about it."""

from copy import deepcopy
from datetime import date
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from tongban_catalog.check import check_catalog
from tongban_catalog.difference import diff
from tongban_catalog.figures import figures_of
from tongban_catalog.item import (
    Item,
    asked_fields,
    asked_materials,
    sources_of,
    substitution_of,
    undecided_materials,
)
from tongban_catalog.jsonld import cpsv
from tongban_catalog.load import PACKAGED, load_catalog
from tongban_catalog.parts import within
from tongban_schemas.types import Limit

CATALOG = load_catalog()
SCHOOL = CATALOG.items["primary-school-enrolment"]
MEDICAL = CATALOG.items["medical-reimbursement"]
ITEM = Path("implementations/990000/primary-school-enrolment.yaml")
STANDARD = Path("standards/primary-school-enrolment.yaml")
BASIS = "    basis: [beijing-12, online-7]\n"
HOME = "    resource: home-right-99\n    fields: [kind, address, certificate_number]\n"

BAD = {
    "an unknown resource": (ITEM, "resource: home-right-99", "resource: homes", "unknown-resource", "homes"),
    "an unknown material": (ITEM, "- material: home-proof", "- material: home", "unknown-material", "home"),
    "a field it does not have": (ITEM, "fields: [kind, address,", "fields: [kind, price,", "source-field", "price"),
    "an answer that is none": (ITEM, "      home_kind: kind", "      home: kind", "source-answer", "no field home"),
    "an answer from what is not asked": (
        ITEM,
        "fields: [kind, address, certificate_number]",
        "fields: [address]",
        "source-field",
        "kind is not among",
    ),
    "a whole number for a yes": (
        ITEM,
        "both_parents_permit: both_permits_valid",
        "both_parents_permit: permit_number",
        "source-personal",
        "permit_number is personal",
    ),
    "a number for words": (ITEM, "employer_name: employer\n", "employer_name: months\n", "source-type", "months"),
    "words that the answer does not take": (
        Path("resources/home-right-99.yaml"),
        "values: [owned, leased, employer]",
        "values: [owned, castle]",
        "source-type",
        "kind (string)",
    ),
    "one answer from two": (
        ITEM,
        "      home_kind: kind\n",
        "      home_kind: kind\n      home_address: address\n",
        "answer-supplied-twice",
        "home_address",
    ),
    "a habit for a basis": (
        ITEM,
        "      home_kind: kind\n" + BASIS,
        "      home_kind: kind\n    basis: [habit-permits]\n",
        "source-without-law",
        "home-proof",
    ),
    "no basis": (ITEM, "      home_kind: kind\n" + BASIS, "      home_kind: kind\n", "schema", "basis"),
    "what no law lets be given": (
        ITEM,
        HOME,
        "    resource: juvenile-record-99\n    fields: [sealed]\n    limit: {number: 10, unit: WD}\n",
        "source-not-shared",
        "juvenile-record-99",
    ),
    "less time than the source has": (
        Path("implementations/990000/medical-reimbursement.yaml"),
        "    limit: {number: 25, unit: WD}\n",
        "",
        "source-limit",
        "limit 10 WD",
    ),
    "a source behind one for everybody": (
        ITEM,
        "sources:\n",
        "sources:\n  - material: household-register\n    resource: guardianship-98\n    fields: [issued_on]\n" + BASIS,
        "unreachable-source",
        "household-register",
    ),
    "a holder that is no answer": (ITEM, "holder: business_uscc", "holder: uscc", "source-holder", "uscc"),
    "a company as applicant": (ITEM, "    holder: business_uscc\n", "", "source-holder", "enterprise"),
    "a condition on a personal answer": (
        ITEM,
        "required: [work_kind]\n      properties:\n        work_kind: {const: employed}",
        "required: [parent_name]\n      properties:\n        parent_name: {minLength: 3}",
        "condition-personal",
        "parent_name",
    ),
    "a condition on what may never come": (
        STANDARD,
        "    - both_parents_permit\n",
        "",
        "source-condition",
        "both_parents_permit",
    ),
    "a rule that ends before it begins": (
        ITEM,
        "  - material: no-guardian-proof\n    by:",
        "  - material: no-guardian-proof\n    from: 2026-05-01\n    until: 2026-04-30\n    by:",
        "dates",
        "before",
    ),
    "a law that releases nothing that is closed": (
        ITEM,
        "    law: business\n",
        "    law: business\n    releases: [home-right-99]\n",
        "unknown-resource",
        "class none",
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("catalog") / "root"
    copytree(PACKAGED, root, ignore=lambda _, names: [one for one in names if one.endswith((".py", ".pyc"))])
    for file in (*root.glob("standards/*"), *root.glob("implementations/*/*"), *root.glob("calendars/*")):
        if file.stem not in ("primary-school-enrolment", "medical-reimbursement"):
            file.unlink()
    return root


@pytest.mark.parametrize("name", BAD)
def test_a_bad_source_is_refused_with_its_rule(name: str, folder: Path) -> None:
    file, old, new, rule, said = BAD[name]
    content = (folder / file).read_text(encoding="utf-8")
    assert old in content, "the mutation no longer fits the file"
    (folder / file).write_text(content.replace(old, new, 1), encoding="utf-8")
    try:
        problems = check_catalog(folder)
    finally:
        (folder / file).write_text(content, encoding="utf-8")
    assert [one for one in problems if one.rule == rule and said in str(one)], [str(one) for one in problems]


def test_a_law_may_release_what_is_closed(folder: Path) -> None:
    content = (folder / ITEM).read_text(encoding="utf-8")
    changed = content.replace(
        HOME, "    resource: juvenile-record-99\n    fields: [sealed]\n    limit: {number: 10, unit: WD}\n"
    )
    changed = changed.replace("    law: business\n", "    law: business\n    releases: [juvenile-record-99]\n")
    changed = changed.replace("    supplies:\n      home_kind: kind\n" + BASIS, "    basis: [business-44]\n")
    (folder / ITEM).write_text(changed, encoding="utf-8")
    try:
        assert check_catalog(folder) == []
    finally:
        (folder / ITEM).write_text(content, encoding="utf-8")


def resources_for(answers: dict[str, Any], item: Item = SCHOOL) -> list[str]:
    return [one.resource for one in sources_of(item, answers)]


FIRST = {"work_kind": "employed"}
HERE = FIRST | {"both_parents_permit": True, "child_household_region": "980101"}


def test_what_can_be_asked_at_once_is_asked_at_once() -> None:
    assert resources_for({}) == ["residence-permit-99", "home-right-99", "household-register"]
    assert resources_for(FIRST) == ["residence-permit-99", "home-right-99", "social-insurance-99", "household-register"]
    assert undecided_materials(SCHOOL, {}) == {"work-proof", "no-guardian-proof"}
    assert undecided_materials(SCHOOL, FIRST) == {"no-guardian-proof"}


def test_the_other_province_is_asked_only_when_the_permits_do_not_do() -> None:
    assert "guardianship-98" not in resources_for(HERE)
    assert substitution_of(SCHOOL, HERE, "no-guardian-proof") == (0, SCHOOL.substitutions[0])
    apart = HERE | {"both_parents_permit": False}
    assert "guardianship-98" in resources_for(apart)
    assert substitution_of(SCHOOL, apart, "no-guardian-proof") is None
    assert "guardianship-98" not in resources_for(apart | {"child_household_region": "970101"})
    assert undecided_materials(SCHOOL, apart) == frozenset()


def test_the_self_employed_are_found_by_their_code() -> None:
    assert "business-licence-99" not in resources_for({"work_kind": "self_employed"})
    coded = {"work_kind": "self_employed", "business_uscc": "91990000MA00000195"}
    (licence,) = [one for one in sources_of(SCHOOL, coded) if one.material == "work-proof"]
    assert (licence.resource, licence.holder) == ("business-licence-99", "business_uscc")


def test_people_are_asked_what_no_register_says() -> None:
    assert asked_fields(SCHOOL) == ("work_kind", "business_uscc", "contact_name", "contact_phone", "contact_email")
    assert SCHOOL.supplied == set(SCHOOL.form.fields) - set(asked_fields(SCHOOL))
    assert asked_fields(MEDICAL) == tuple(MEDICAL.form.fields)


def test_a_conditional_source_has_the_time_that_it_takes() -> None:
    (records,) = sources_of(MEDICAL, {})
    assert (records.resource, records.holder, records.limit) == (
        "medical-records-99",
        "patient_id",
        Limit(number=25, unit="WD"),
    )
    assert CATALOG.resources[records.resource].sharing.kind == "conditional"


def test_full_answers_ask_for_the_same_materials_as_ever() -> None:
    answers = SCHOOL.form.example()
    assert [one.id for one in asked_materials(SCHOOL, answers)] == [one.id for one in SCHOOL.materials]
    spared = asked_materials(SCHOOL, answers | {"both_parents_permit": True})
    assert {one.id for one in SCHOOL.materials} - {one.id for one in spared} == {"no-guardian-proof"}


def changed_rule(**more: str) -> Item:
    definition = deepcopy(SCHOOL.definition)
    definition["substitutions"][0] |= more
    return Item.from_definition(definition)


@pytest.mark.parametrize(
    ("more", "on", "fires"),
    [
        ({}, date(2026, 3, 2), True),
        ({"from": "2026-03-02"}, date(2026, 3, 2), True),
        ({"from": "2026-03-03"}, date(2026, 3, 2), False),
        ({"from": "2026-03-03"}, None, True),
        ({"until": "2026-03-02"}, date(2026, 3, 2), True),
        ({"until": "2026-03-01"}, date(2026, 3, 2), False),
        ({"region": "990000"}, None, True),
        ({"region": "000000"}, None, True),
        ({"region": "980000"}, None, False),
        ({"region": "990100"}, None, False),
    ],
)
def test_a_rule_has_its_days_and_its_place(more: dict[str, str], on: date | None, fires: bool) -> None:
    item = changed_rule(**more)
    assert (substitution_of(item, HERE, "no-guardian-proof", on) is not None) == fires
    spared = {one.id for one in item.materials} - {one.id for one in asked_materials(item, HERE, on)}
    assert spared == ({"no-guardian-proof"} if fires else set())


def test_places_lie_in_one_another() -> None:
    assert within("990101", "990000")
    assert within("990101", "000000")
    assert not within("980101", "990000")
    assert not within("990000", "990101")


def test_the_figures_count_what_is_asked_and_what_is_fetched() -> None:
    told = figures_of("primary-school-enrolment", SCHOOL)
    assert (len(told.asked), len(told.asked_required), len(told.fetched)) == (5, 3, 8)
    assert (told.brought, len(told.with_source), told.by_rule) == ((), 5, ("no-guardian-proof",))
    assert told.as_json()["fields"]["share_fetched"] == pytest.approx(8 / 13, abs=0.001)


def test_a_new_source_eases_and_a_lost_one_hardens() -> None:
    new = deepcopy(SCHOOL.definition)
    lost = new["sources"].pop()
    new["sources"][2]["fields"].append("state")
    told = {change.place: change.kind for change in diff(SCHOOL.definition, new)}
    gone = f"sources.{lost['material']} <- {lost['resource']}"
    assert told == {gone: "harder", "sources.home-proof <- home-right-99.fields": "added"}
    assert {one.kind for one in diff(new, SCHOOL.definition)} == {"eased", "removed"}
    bare = {name: part for name, part in new.items() if name != "sources"}
    assert [(one.place, one.kind) for one in diff(bare, new)] == [("sources", "eased")]


def test_linked_data_lead_from_a_material_to_its_register() -> None:
    nodes = {one["@id"]: one for one in cpsv(SCHOOL, CATALOG.departments, CATALOG.resources)["@graph"]}
    evidence = nodes[f"urn:tongban:item:{SCHOOL.code}:1:evidence:home-proof"]
    (source,) = evidence["dct:source"]
    register = nodes[source["@id"]]
    assert register["@type"] == "dcat:Dataset"
    assert register["dct:publisher"]["@id"] in nodes
