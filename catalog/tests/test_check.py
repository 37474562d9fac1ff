"""Items that may not be published: each is refused with its line and its rule."""

from pathlib import Path

import pytest
from tongban_catalog.check import check_catalog, check_departments
from tongban_catalog.load import PACKAGED
from tongban_catalog.problem import Problem

NAME = "enterprise-investment-project.yaml"
STANDARD, IMPLEMENTATION = Path("standards") / NAME, Path("implementations") / "990000" / NAME

BAD = {
    "misspelt key": (
        "    decide:\n      by: rule",
        "    decied:\n      by: rule",
        "decied:",
        "schema",
        "Did you mean decide",
    ),
    "misspelt form key": ("      minLength: 2", "      minLenght: 2", "minLenght", "schema", "Did you mean minLength"),
    "misspelt condition key": ("{const: filing}", "{konst: filing}", "konst", "schema", "Did you mean const"),
    "missing name": (
        "name: {zh: 企业投资项目审批, en: Enterprise investment project}\n",
        "",
        "code: ",
        "schema",
        "name",
    ),
    "wrong type": ("version: 1", "version: one", "version: one", "schema", "whole number"),
    "unknown unit": ("legal: {number: 0, unit: WD}", "legal: {number: 0, unit: DD}", "unit: DD", "schema", "WD, ND"),
    "duplicate key": ("version: 1\n", "version: 1\nversion: 2\n", "version: 2", "yaml", "stands twice"),
    "alias": ('service_object: ["2"]', 'service_object: [&a "2", *a]', "service_object", "yaml", "aliases"),
    "broken yaml": ("version: 1\n", "version: 1\n  - x: [\n", "  - x: [", "yaml", "not YAML"),
    "unregistered department": (
        "  ecology: ecology",
        "  ecology: ecologie",
        "ecologie",
        "unknown-department",
        "ecologie",
    ),
    "unknown role": ("    department: police", "    department: polis", "polis", "unknown-department", "no role polis"),
    "unknown need": ("      - step: FA\n", "      - step: FX\n", "- step: FX", "unknown-step", "FX"),
    "cycle": (
        "    stage: 1\n    when:\n      required: [project_list]\n      properties:\n        project_list: {const: filing}",
        "    stage: 1\n    needs: [{step: SG, basis: [planning-36]}]\n    when:\n      required: [project_list]\n"
        "      properties:\n        project_list: {const: filing}",
        "needs: [{step: SG",
        "cycle",
        "BA -> SG",
    ),
    "duplicate step": ("  - id: WH\n", "  - id: GA\n", None, "duplicate-step", "GA"),
    "promise longer than law": (
        "      legal: {number: 7, unit: ND}\n",
        "      legal: {number: 7, unit: ND}\n      promised: {number: 8, unit: ND}\n",
        "promised: {number: 8",
        "promise-longer-than-law",
        "longer than the law's 7",
    ),
    "promise in another unit": (
        "      legal: {number: 7, unit: ND}\n",
        "      legal: {number: 7, unit: ND}\n      promised: {number: 3, unit: WD}\n",
        "promised: {number: 3",
        "limit-unit",
        "law's unit ND",
    ),
    "condition on no field": (
        "[traffic_impact]",
        "[trafic_impact]",
        "[trafic_impact]",
        "condition-field",
        "trafic_impact",
    ),
    "condition on a personal field": (
        "        traffic_impact: {const: true}",
        "        contact_name: {const: x}",
        "contact_name: {const: x}",
        "condition-personal",
        "personal",
    ),
    "condition with a bad pattern": ("{const: allocation}", "{pattern: '('}", "pattern: '('", "schema", "regex"),
    "condition on a field that may be missing": (
        "        traffic_impact: {const: true}",
        "        project_code: {minLength: 1}",
        "project_code: {minLength: 1}",
        "condition-optional-field",
        "list it under required",
    ),
    "condition that never holds": (
        "{const: allocation}",
        "{const: allocatoin}",
        "allocatoin",
        "unreachable-step",
        "never has this value",
    ),
    "material without basis": (
        "    basis: [planning-40]\n    obtain",
        "    obtain",
        "- id: design-scheme",
        "schema",
        "basis",
    ),
    "material without issuer": (
        "    issuer: {zh: 设计单位, en: the design firm}\n",
        "",
        "- id: construction-drawings",
        "schema",
        "issuer",
    ),
    "item code of another body": (
        "code: 11990000000000019A3990100001000",
        'code: "1199000000000002753990100001000"',
        "code: ",
        "item-code",
        "11990000000000019A",
    ),
    "item code with a bad check": (
        "code: 11990000000000019A3990100001000",
        "code: 11990000000000019B3990100001000",
        "code: ",
        "item-code",
        "USCC",
    ),
    "item code with a bad level": (
        "code: 11990000000000019A3990100001000",
        "code: 11990000000000019A8990100001000",
        "code: ",
        "item-code",
        "level",
    ),
    "certificate of no body": (
        "kind: 11990000000000019A001",
        "kind: 11990000000000019B001",
        "kind: ",
        "certificate-kind",
        "USCC",
    ),
    "unknown basis": (
        "    basis: [habit-police]",
        "    basis: [habit-polis]",
        "habit-polis",
        "unknown-basis",
        "habit-polis",
    ),
    "unknown law": ("    law: defence", "    law: defense", "law: defense", "unknown-law", "defense"),
    "required field that is none": (
        "    - project_name\n",
        "    - project_nome\n",
        "project_nome",
        "unknown-field",
        "nome",
    ),
    "wrong example": (
        "examples: [contact@example.com]",
        "examples: [contact]",
        "examples: [contact]",
        "example",
        "right answer",
    ),
    "choice without a label": (
        "enum: [filing, approval]",
        "enum: [filing, approval, other]",
        None,
        "labels",
        "x-labels",
    ),
    "personal number": ("title: 总投资(万元)", "title: 总投资(万元)\n      x-personal: true", None, "schema", "type"),
}


def place_of(tmp_path: Path) -> Path:
    """A copy of the packaged catalogue with this one item in it."""
    root = tmp_path / "catalog"
    for file in (STANDARD, IMPLEMENTATION, Path("departments.yaml")):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text((PACKAGED / file).read_text(encoding="utf-8"), encoding="utf-8")
    return root


def refused(root: Path, old: str, new: str, every: bool = False) -> tuple[Path, str, list[Problem]]:
    """The file in which ``old`` becomes ``new``, what it then says, and the problems of the catalogue."""
    file = next(one for one in (STANDARD, IMPLEMENTATION) if old in (root / one).read_text(encoding="utf-8"))
    content = (root / file).read_text(encoding="utf-8").replace(old, new, -1 if every else 1)
    (root / file).write_text(content, encoding="utf-8")
    return root / file, content, check_catalog(root)


def test_the_item_that_the_bad_ones_come_from_is_good(tmp_path: Path) -> None:
    assert check_catalog(place_of(tmp_path)) == []


@pytest.mark.parametrize("name", BAD)
def test_a_bad_item_is_refused_with_line_and_rule(name: str, tmp_path: Path) -> None:
    old, new, marker, rule, said = BAD[name]
    file, content, problems = refused(place_of(tmp_path), old, new)
    found = [problem for problem in problems if problem.rule == rule and said in str(problem)]
    assert found, [str(problem) for problem in problems]
    assert str(found[0]).startswith(f"{file}:{found[0].line}: [{rule}] ")
    if marker is not None:
        lines = [number for number, line in enumerate(content.splitlines(), 1) if marker in line]
        assert {problem.line for problem in found} & set(lines), (str(found[0]), lines)


def test_a_problem_is_told_once(tmp_path: Path) -> None:
    _, _, problems = refused(place_of(tmp_path), "    basis: [fire-11-12, licensing-42-1]", "    basis: [fire-12]")
    assert [str(one) for one in problems].count(str(problems[0])) == 1


def test_steps_behind_a_cycle_are_unreachable(tmp_path: Path) -> None:
    _, _, problems = refused(place_of(tmp_path), "      - step: FA\n", "      - step: GC\n")
    rules = {(problem.rule, problem.said.en.split()[1]) for problem in problems}
    assert {("cycle", "WW"), ("cycle", "GC"), ("unreachable-step", "XS"), ("unreachable-step", "SG")} == rules


def test_an_item_whose_every_step_is_optional_is_refused(tmp_path: Path) -> None:
    root = place_of(tmp_path)
    name = Path("credit-repair.yaml")
    for folder in (Path("standards"), Path("implementations") / "990000"):
        (root / folder / name).write_text((PACKAGED / folder / name).read_text(encoding="utf-8"), encoding="utf-8")
    file = root / "standards" / name
    condition = "    when: {required: [obligation_fulfilled]}\n    department: lead\n"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("    department: lead\n", condition), encoding="utf-8")
    assert [problem.rule for problem in check_catalog(root)] == ["no-certain-step"]


def test_an_unused_basis_is_refused(tmp_path: Path) -> None:
    _, _, problems = refused(place_of(tmp_path), "[habit-police]", "[habit-health]", every=True)
    assert {problem.rule for problem in problems} == {"unused-basis"}


def test_a_catalogue_has_each_item_version_once(tmp_path: Path) -> None:
    root = place_of(tmp_path)
    for file, second in ((STANDARD, "second.yaml"), (IMPLEMENTATION, "third.yaml")):
        (root / file).with_name(second).write_text((root / file).read_text(encoding="utf-8"), encoding="utf-8")
    assert {(problem.file.name, problem.rule) for problem in check_catalog(root)} == {
        ("second.yaml", "duplicate-standard"),
        ("third.yaml", "duplicate-item"),
    }


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("11990000000000043T", "11990000000000043U", "uscc"),
        ("- id: ecology", "- id: heritage", "duplicate-department"),
        ("- id: ecology", "- idd: ecology", "schema"),
        ("- id: ecology", "- id: [", "yaml"),
    ],
)
def test_a_bad_department_is_refused(old: str, new: str, rule: str, tmp_path: Path) -> None:
    text = (PACKAGED / "departments.yaml").read_text(encoding="utf-8")
    file = tmp_path / "departments.yaml"
    file.write_text(text.replace(old, new), encoding="utf-8")
    _, problems = check_departments(file)
    assert rule in {problem.rule for problem in problems}


def test_an_empty_folder_says_what_is_missing(tmp_path: Path) -> None:
    assert {problem.rule for problem in check_catalog(tmp_path)} == {"no-departments", "no-items"}
