"""The checks a catalogue passes before it is published. Each problem names the file, the line and the rule.

`check_catalog` reads a folder with ``departments.yaml``, ``resources/*.yaml``, ``standards/*.yaml`` and
``implementations/<region>/*.yaml``. The rules on a composed item are in `tongban_catalog.rules`, those on what a region may
say in `tongban_catalog.rules.regional`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
from tongban_schemas.types import JsonObject

from tongban_catalog.calendar import check_calendars
from tongban_catalog.codes import uscc_is_valid
from tongban_catalog.department import Department
from tongban_catalog.form import Text, explain
from tongban_catalog.formats import (
    PACKAGED,
    departments_schema,
    implementation_schema,
    item_schema,
    resource_schema,
    standard_schema,
)
from tongban_catalog.load import StandardKey, composed, department, implementation_files, resource_files, standard_files
from tongban_catalog.problem import Problem, problem
from tongban_catalog.resource import Resource
from tongban_catalog.rules import RULES, STANDARD_RULES
from tongban_catalog.rules.regional import additions, regional
from tongban_catalog.rules.resources import resource_problems
from tongban_catalog.rules.sources import sources
from tongban_catalog.source import CatalogFileError, Source, read_source


@cache
def _validator(schema_of: Callable[[], JsonObject]) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(schema_of(), validate_formats=True, offline=True)


def check_catalog(root: Path = PACKAGED) -> list[Problem]:
    """Every problem of a catalogue folder, by file and line; empty when all of it may be published."""
    departments, problems = check_departments(root / "departments.yaml")
    resources, found = check_resources(root, departments)
    problems += found
    standards, found = check_standards(root, resources)
    problems += [*found, *check_calendars(root)]
    unjudged = len(standards) < len(standard_files(root))
    files = implementation_files(root)
    if not files:
        said = Text("没有事项文件", "there is no implementations/<region>/*.yaml")
        problems.append(Problem(root / "implementations", 1, "no-items", said))
    known: dict[tuple[str, int], Path] = {}
    for file in files:
        source, found = check_implementation(file, standards, departments, resources)
        problems += [one for one in found if not (unjudged and one.rule == "unknown-standard")]
        if source is None:
            continue
        identity = (source.data["code"], source.data["version"])
        if identity in known:
            zh = f"编码与版本同 {known[identity].name} 重复"
            en = f"{known[identity].name} has this code and version already"
            problems.append(problem(source, ["code"], "duplicate-item", zh, en))
        known.setdefault(identity, file)
    return sorted(set(problems), key=lambda one: (str(one.file), one.line, one.rule, one.said.en))


def check_standards(root: Path, resources: Mapping[str, Resource]) -> tuple[dict[StandardKey, Source], list[Problem]]:
    """The standards of a folder that are well-shaped, and the problems of all of them."""
    standards: dict[StandardKey, Source] = {}
    problems: list[Problem] = []
    for file in standard_files(root):
        source, found = _read(file, standard_schema)
        problems += found
        if source is None:
            continue
        problems += [one for rule in STANDARD_RULES for one in rule(source, {})]
        problems += sources(source, resources)
        identity = (source.data["code"], source.data["version"])
        if identity in standards:
            other = standards[identity].spot([]).file.name
            zh, en = f"基本编码与版本同 {other} 重复", f"{other} has this basic code and version already"
            problems.append(problem(source, ["code"], "duplicate-standard", zh, en))
        standards.setdefault(identity, source)
    return standards, problems


def check_implementation(
    file: Path,
    standards: dict[StandardKey, Source],
    departments: dict[str, Department],
    resources: Mapping[str, Resource],
) -> tuple[Source | None, list[Problem]]:
    """One implementation with the problems of it and of the item it makes; None when its shape is wrong."""
    try:
        source = read_source(file)
    except CatalogFileError as error:
        return None, [_unreadable(error)]
    if isinstance(source.data, dict) and (added := list(additions(source))):
        return None, added
    problems = list(_shape(source, implementation_schema))
    if problems:
        return None, problems
    reference = source.data["implements"]
    standard = standards.get((reference["standard"], reference["version"]))
    if standard is None:
        names = "、".join(f"{code} v{version}" for code, version in standards)
        zh = f"没有国家标准 {reference['standard']} v{reference['version']},现有:{names}"
        en = f"there is no national standard {reference['standard']} version {reference['version']}; there are: {names}"
        return source, [problem(source, ["implements"], "unknown-standard", zh, en)]
    problems = list(regional(source, standard.data))
    item = composed(standard, source)
    shape = list(_shape(item, item_schema))
    problems += shape or [one for rule in RULES for one in rule(item, departments)] + list(sources(item, resources))
    return source, problems


def check_resources(root: Path, departments: Mapping[str, Department]) -> tuple[dict[str, Resource], list[Problem]]:
    """The information resources of a folder that are well-shaped, by id, and the problems of all of them."""
    found: dict[str, Source] = {}
    problems: list[Problem] = []
    for file in resource_files(root):
        source, wrong = _read(file, resource_schema)
        problems += wrong
        if source is not None:
            found[file.stem] = source
    problems += resource_problems(found, departments)
    resources = [Resource.from_definition(source.data) for source in found.values()]
    return {one.id: one for one in resources}, problems


def check_departments(file: Path) -> tuple[dict[str, Department], list[Problem]]:
    """The departments of a file by id, and the problems of the file."""
    if not file.is_file():
        return {}, [Problem(file, 1, "no-departments", Text("找不到部门文件", "the departments file is missing"))]
    source, problems = _read(file, departments_schema)
    departments: dict[str, Department] = {}
    if source is None:
        return {}, problems
    for index, part in enumerate(source.data):
        if part["id"] in departments:
            zh, en = f"部门 {part['id']} 重复", f"the department {part['id']} stands twice"
            problems.append(problem(source, [index, "id"], "duplicate-department", zh, en))
        if not uscc_is_valid(part["uscc"]):
            zh, en = (
                f"{part['uscc']} 不是有效的统一社会信用代码",
                f"{part['uscc']} is no valid unified social credit code",
            )
            problems.append(problem(source, [index, "uscc"], "uscc", zh, en))
        departments[part["id"]] = department(part)
    for index, part in enumerate(source.data):
        supervisor = part.get("supervisor")
        if supervisor is not None and (supervisor not in departments or supervisor == part["id"]):
            zh, en = (
                f"上级 {supervisor} 应为另一已登记部门",
                f"the supervisor {supervisor} has to be another department here",
            )
            problems.append(problem(source, [index, "supervisor"], "unknown-department", zh, en))
    return departments, problems


def _read(file: Path, schema_of: Callable[[], JsonObject]) -> tuple[Source | None, list[Problem]]:
    """A file of the right shape; else None and what is wrong with the shape."""
    try:
        source = read_source(file)
    except CatalogFileError as error:
        return None, [_unreadable(error)]
    problems = list(_shape(source, schema_of))
    return (None if problems else source), problems


def _unreadable(error: CatalogFileError) -> Problem:
    return Problem(error.file, error.line, "yaml", Text(error.zh, error.en))


def _shape(source: Source, schema_of: Callable[[], JsonObject]) -> Iterator[Problem]:
    schema = schema_of()
    for error in _validator(schema_of).iter_errors(source.data):
        place = list(error.instance_path)
        kind = error.kind.name
        where = ".".join(map(str, place))
        spot, label = source.spot(place), where or "item"
        names: list[str] = []
        if kind == "required":
            name = error.kind.as_dict()["property"]
            label = f"{where}.{name}" if where else name
        if kind == "additionalProperties":
            names = list(_at(schema, error.evaluation_path[:-1])["properties"])
            for name in error.kind.as_dict()["unexpected"]:
                spot = source.spot([*place, name])
                yield Problem(spot.file, spot.line, "schema", explain(error, Text(name, name), {}, names))
            continue
        yield Problem(spot.file, spot.line, "schema", explain(error, Text(label, label), {}, names))


def _at(schema: JsonObject, path: Iterable[str | int]) -> JsonObject:
    """The part of a schema at an evaluation path, which goes through references."""
    found: Any = schema
    for key in path:
        found = schema["$defs"][found["$ref"].rsplit("/", 1)[-1]] if key == "$ref" else found[key]
    return dict(found)
