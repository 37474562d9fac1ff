"""Regional implementations that may not be published, and items that burden people or speak for the silent without a law."""

from pathlib import Path

import pytest
from tongban_catalog.check import check_catalog
from tongban_catalog.load import PACKAGED
from tongban_catalog.problem import Problem

NAME = "enterprise-investment-project.yaml"
STANDARD, IMPLEMENTATION = Path("standards") / NAME, Path("implementations") / "990000" / NAME
LAW = "bases:\n  here-1: {law: planning, article: '1', says: {zh: 示例, en: Sample}}\n"
TOP = 'region: "990000"\n'
PROMISE = "  YD: {number: 3, unit: WD}\n"

BAD_REGIONS = {
    "adds a material": (TOP, TOP + "materials:\n  - id: photo\n", "materials:", "region-adds-material", "no materials"),
    "adds a step": (TOP, TOP + "steps:\n  - id: XX\n", "steps:", "region-adds-step", "adds no steps"),
    "adds a condition": (TOP, TOP + "conditions: {YD: {}}\n", "conditions:", "region-adds-condition", "no conditions"),
    "adds a form field": (TOP, TOP + "form: {properties: {}}\n", "form:", "region-adds-field", "no form fields"),
    "adds days to the promise": (
        PROMISE,
        "  YD: {number: 21, unit: WD}\n",
        "YD: {number: 21",
        "region-adds-days",
        "longer than the standard's",
    ),
    "adds days to the law": (TOP, TOP + "limit: {YD: {}}\n", "limit:", "region-adds-days", "adds no limits"),
    "counts in another unit": (PROMISE, "  YD: {number: 3, unit: ND}\n", "YD: {number: 3", "limit-unit", "unit WD"),
    "changes a basis": (
        TOP,
        TOP + "bases:\n  planning-38: {law: planning, article: '99', says: {zh: 更严, en: Stricter}}\n",
        "planning-38",
        "region-changes-basis",
        "something else than the standard",
    ),
    "changes a law": (
        TOP,
        TOP + "laws:\n  planning: {zh: 本地规划条例, en: Local Planning Rules}\n",
        "  planning:",
        "region-changes-basis",
        "something else than the standard",
    ),
    "raises a fee": (TOP, TOP + "fees: {copy: 10}\n", "fees:", "higher-fee", "no fee copy"),
    "changes who accepts": (
        TOP,
        TOP + "acceptance: {by: officer}\n",
        "acceptance:",
        "region-changes-standard",
        "said by the national standard",
    ),
    "changes the joint limit": (
        TOP,
        TOP + "joint: {legal: {number: 60, unit: WD}}\n",
        "joint:",
        "region-changes-standard",
        "said by the national standard",
    ),
    "substitutes without a basis": (
        TOP,
        TOP + "substitutions:\n  - material: design-scheme\n    by: {zh: 承诺, en: a promise}\n",
        "- material: design-scheme",
        "substitution-without-law",
        "article of a law",
    ),
    "substitutes by habit": (
        TOP,
        TOP + "substitutions:\n  - {material: design-scheme, by: {zh: 承诺, en: a promise}, basis: [habit-here]}\n"
        "bases:\n  habit-here: {local_habit: {zh: 习惯, en: habit}}\n",
        "material: design-scheme",
        "substitution-without-law",
        "article of a law",
    ),
    "substitutes for nothing": (
        TOP,
        TOP + "substitutions:\n  - {material: nothing, by: {zh: 承诺, en: a promise}, basis: [here-1]}\n" + LAW,
        "material: nothing",
        "unknown-material",
        "no material nothing",
    ),
    "follows an unknown version": (
        "version: 1}",
        "version: 7}",
        "implements:",
        "unknown-standard",
        "version 7; there are: 0001",
    ),
    "assigns no department": ("  ecology: ecology\n", "", "departments:", "role-unassigned", "the role ecology"),
    "assigns a role that is none": (
        "  ecology: ecology\n",
        "  ecology: ecology\n  forestry: ecology\n",
        "forestry:",
        "unknown-role",
        "no role forestry",
    ),
    "names an unknown body": (
        "  ecology: ecology\n",
        "  ecology: ecologie\n",
        "ecologie",
        "unknown-department",
        "no department ecologie",
    ),
    "has another body's code": (
        "code: 11990000000000019A3990100001000",
        'code: "1199000000000002753990100001000"',
        "code: ",
        "item-code",
        "lead department",
    ),
    "has another item's basic code": (
        "code: 11990000000000019A3990100001000",
        "code: 11990000000000019A3990100009000",
        "code: ",
        "basic-code",
        "0100001000",
    ),
    "has another province's code": (
        "code: 11990000000000019A3990100001000",
        "code: 11990000000000019A3980100001000",
        "code: ",
        "basic-code",
        "province's 99",
    ),
    "adopts what is everywhere": ("adopts: [WS, ", "adopts: [SG, WS, ", "adopts:", "adopts-not-local", "SG"),
    "adopts a step of its own": ("adopts: [WS, ", "adopts: [ZZ, WS, ", "adopts:", "region-adds-step", "ZZ"),
    "promises for no step": (PROMISE, PROMISE + "  ZZ: {number: 3, unit: WD}\n", "  ZZ:", "unknown-step", "ZZ"),
    "ends before it begins": (
        "effective_from: 2026-01-01\n",
        "effective_from: 2026-01-01\ncancel_on: 2025-12-31\n",
        "cancel_on",
        "dates",
        "after effective_from",
    ),
    "lies in another folder": (TOP, 'region: "980000"\n', "region:", "region-folder", "implementations/980000/"),
    "misspells a key": (TOP, TOP + "counter: []\n", "counter:", "schema", "Did you mean counters"),
    "chooses its lead": (
        "  lead: administrative-approval\n",
        "  lead: {by: land_supply, of: {transfer: ecology, allocation: heritage}}\n",
        "lead:",
        "lead-not-fixed",
        "an answer cannot choose",
    ),
    "chooses by a personal answer": (
        "  ecology: ecology\n",
        "  ecology: {by: contact_name, of: {x: ecology}}\n",
        "ecology: {by",
        "role-by-field",
        "personal",
    ),
    "chooses by no answer": (
        "  ecology: ecology\n",
        "  ecology: {by: nothing, of: {x: ecology}}\n",
        "ecology: {by",
        "role-by-field",
        "no field nothing",
    ),
    "chooses for some answers only": (
        "  ecology: ecology\n",
        "  ecology: {by: land_supply, of: {transfer: ecology}}\n",
        "ecology: {by",
        "role-by-field",
        "allocation",
    ),
    "chooses by what may be missing": (
        "  ecology: ecology\n",
        "  ecology: {by: project_code, of: {x: ecology}}\n",
        "ecology: {by",
        "role-by-field",
        "required",
    ),
}

YD_LIMIT = "    basis: [planning-38, planning-37, licensing-42-1]\n"
HABIT = "habit-project-first"

BAD_ITEMS = {
    "a material required by habit": (
        "    basis: [planning-40]\n",
        f"    basis: [{HABIT}]\n",
        f"basis: [{HABIT}]",
        "material-without-law",
        "local habit is not enough",
    ),
    "an extension longer than the law's": (
        "    extension: {number: 10, unit: WD}\n" + YD_LIMIT,
        "    extension: {number: 11, unit: WD}\n" + YD_LIMIT,
        "extension: {number: 11",
        "extension-longer-than-law",
        "more than the 10 WD",
    ),
    "an extension longer than its own basis": (
        "    extension: {number: 40, unit: WD}\n    basis: [investment",
        "    extension: {number: 41, unit: WD}\n    basis: [investment",
        "extension: {number: 41",
        "extension-longer-than-law",
        "by 40 on its basis",
    ),
    "an extension of no limit": (
        "    basis: [planning-40-more]\n    inputs",
        "    basis: [planning-40-more]\n    extension: {number: 5, unit: WD}\n    inputs",
        "extension: {number: 5",
        "extension-unit",
        "prolongs a legal limit",
    ),
    "a joint limit longer than the law's": (
        "  legal: {number: 45, unit: WD}",
        "  legal: {number: 46, unit: WD}",
        "number: 46",
        "joint-limit",
        "46 WD is more than the 45 WD",
    ),
    "a joint extension longer than the law's": (
        "  extension: {number: 15, unit: WD}",
        "  extension: {number: 16, unit: WD}",
        "number: 16",
        "joint-limit",
        "16 WD is more than the 15 WD",
    ),
    "a delivery longer than the law's": (
        "delivery: {number: 10, unit: WD}",
        "delivery: {number: 11, unit: WD}",
        "delivery:",
        "delivery-longer-than-law",
        "10 WD",
    ),
    "a notice longer than the law's": (
        "delivery:",
        "acceptance: {by: officer, notice: {number: 6, unit: WD}}\ndelivery:",
        "acceptance:",
        "notice-longer-than-law",
        "5 WD",
    ),
    "a procedure without a law": (
        "        basis: [licensing-45]\n        expected: {number: 10, unit: WD}",
        f"        basis: [{HABIT}]\n        expected: {{number: 10, unit: WD}}",
        f"basis: [{HABIT}]",
        "procedure-without-law",
        "stops the clock",
    ),
    "a procedure without a basis": (
        "        basis: [licensing-45]\n        expected: {number: 10, unit: WD}",
        "        expected: {number: 10, unit: WD}",
        "- id: expert-review",
        "schema",
        "basis",
    ),
    "consent by silence without a law": (
        "        silence: escalate\n        basis: [investment-9]",
        f"        silence: deemed\n        basis: [{HABIT}]",
        f"basis: [{HABIT}]",
        "deemed-without-law",
        "consent by silence",
    ),
    "an opinion of nobody": (
        "        department: ecology\n",
        "        department: ecologie\n",
        "department: ecologie",
        "unknown-department",
        "no role ecologie",
    ),
    "a grant by silence without a law": (
        YD_LIMIT,
        YD_LIMIT + f"    silence: {{at: legal, then: grant, basis: [{HABIT}]}}\n",
        "silence: {at: legal",
        "deemed-without-law",
        "grant by silence",
    ),
    "a grant by silence after no limit": (
        "    basis: [planning-40-more]\n    inputs",
        "    basis: [planning-40-more]\n    silence: {at: legal, then: grant, basis: [planning-40]}\n    inputs",
        "silence: {at: legal",
        "silence-without-limit",
        "no legal limit",
    ),
    "a grant by silence at no date": (
        YD_LIMIT,
        YD_LIMIT + "    silence: {at: 'field:project_name', then: grant, basis: [planning-38]}\n",
        "silence: {at: 'field",
        "silence-field",
        "no date",
    ),
    "a quorum of nobody": (YD_LIMIT, YD_LIMIT + "    quorum: 0\n", "quorum: 0", "quorum", "at least one officer"),
    "a limited number without a law": (
        YD_LIMIT,
        YD_LIMIT + f"    quota: {{number: 3, per: year, basis: [{HABIT}]}}\n",
        "quota:",
        "quota-without-law",
        "limited number",
    ),
    "an input that is none": (
        "    inputs: [project_name, company_name, land_area_m2",
        "    inputs: [projet_name, company_name, land_area_m2",
        "projet_name",
        "unknown-input",
        "projet_name",
    ),
    "a holder who is not asked": (
        "holder: {name: company_name",
        "holder: {name: companyname",
        "holder:",
        "holder-field",
        "no field companyname",
    ),
    "a holder who may be missing": (
        "holder: {name: company_name",
        "holder: {name: project_code",
        "holder:",
        "holder-field",
        "under required",
    ),
    "a need without a basis": (
        "      - step: TD\n        basis: [planning-38]\n",
        "      - step: TD\n",
        "- step: TD",
        "schema",
        "basis",
    ),
    "a cycle through a decision": (
        "      - step: YS\n        basis: [planning-36]\n",
        "      - step: YS\n        basis: [planning-36]\n      - {step: SG, before: decision, basis: [planning-36]}\n",
        "    needs:",
        "cycle",
        "HZ -> SG",
    ),
    "a fee by habit": (
        "delivery:",
        f"fees:\n  - {{id: copy, name: {{zh: 工本费, en: Copies}}, amount_cny: 5, basis: [{HABIT}]}}\ndelivery:",
        "- {id: copy",
        "fee-without-law",
        "fee copy",
    ),
    "a promise of what nobody needs": (
        "    basis: [planning-40]\n",
        "    basis: [planning-40]\n    required: false\n    tolerable: {number: 5, unit: WD}\n",
        "tolerable: {number: 5",
        "tolerable-not-required",
        "nothing to promise",
    ),
    "a material without a way to get it": (
        "    obtain:\n      - {zh: 由有资质的设计单位编制后上传, en: Have a qualified design firm make it and upload it}\n",
        "    obtain: []\n",
        "obtain: []",
        "schema",
        "at least 1",
    ),
}


def problems_of(root: Path, changed: Path, old: str, new: str) -> tuple[list[Problem], str]:
    for file in (STANDARD, IMPLEMENTATION, Path("departments.yaml")):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        content = (PACKAGED / file).read_text(encoding="utf-8")
        if file == changed:
            assert old in content, "the mutation no longer fits the file"
            content = content.replace(old, new, 1)
        (root / file).write_text(content, encoding="utf-8")
    return check_catalog(root), (root / changed).read_text(encoding="utf-8")


def expect(root: Path, changed: Path, case: tuple[str, str, str, str, str]) -> None:
    old, new, marker, rule, said = case
    problems, content = problems_of(root, changed, old, new)
    found = [one for one in problems if one.rule == rule and said in str(one) and one.file == root / changed]
    assert found, [str(one) for one in problems]
    lines = {number for number, line in enumerate(content.splitlines(), 1) if marker in line}
    assert {one.line for one in found} & lines, (str(found[0]), lines)


@pytest.mark.parametrize("name", BAD_REGIONS)
def test_a_bad_implementation_is_refused_with_line_and_rule(name: str, tmp_path: Path) -> None:
    expect(tmp_path, IMPLEMENTATION, BAD_REGIONS[name])


@pytest.mark.parametrize("name", BAD_ITEMS)
def test_an_unlawful_item_is_refused_with_line_and_rule(name: str, tmp_path: Path) -> None:
    expect(tmp_path, STANDARD, BAD_ITEMS[name])


def test_a_region_may_make_it_better(tmp_path: Path) -> None:
    better = TOP + (
        "substitutions:\n  - {material: design-scheme, by: {zh: 承诺, en: a promise}, basis: [here-1]}\n"
        + LAW
        + "cancel_on: 2030-01-01\n"
    )
    assert problems_of(tmp_path, IMPLEMENTATION, TOP, better)[0] == []


def test_a_region_without_the_local_steps_need_not_name_their_departments(tmp_path: Path) -> None:
    problems, content = problems_of(tmp_path, IMPLEMENTATION, "adopts: [WS, GA, WH]\n", "")
    assert {one.rule for one in problems} == {"unknown-step"}
    for line in ("  WS: {number", "  GA: {number", "  WH: {number", "  health:", "  police:", "  culture:"):
        content = "".join(one for one in content.splitlines(keepends=True) if not one.startswith(line))
    (tmp_path / IMPLEMENTATION).write_text(content, encoding="utf-8")
    assert check_catalog(tmp_path) == []
