"""The checks an item passes before it is published. Each problem names the file, the line and the rule.

`check_catalog` reads a folder with ``departments.yaml`` and ``items/*.yaml``; the rules on one item are in
`tongban_catalog.rules`.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
from tongban_schemas.types import JsonObject

from tongban_catalog.codes import uscc_is_valid
from tongban_catalog.department import Department
from tongban_catalog.form import Text, explain
from tongban_catalog.load import PACKAGED, CatalogFileError, Source, item_files, item_schema, read_source
from tongban_catalog.rules import RULES, Problem

_DEPARTMENTS_SCHEMA: JsonObject = {
    "$id": "urn:tongban:schema:departments:1",
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["id", "uscc", "name"],
        "additionalProperties": False,
        "properties": {
            "id": {"type": "string", "pattern": "^[a-z][a-z0-9-]{1,40}$"},
            "uscc": {"type": "string"},
            "name": {
                "type": "object",
                "required": ["zh", "en"],
                "additionalProperties": False,
                "properties": {"zh": {"type": "string", "minLength": 1}, "en": {"type": "string", "minLength": 1}},
            },
        },
    },
}


_ITEM_SCHEMA = item_schema()
_SCHEMAS = {schema["$id"]: schema for schema in (_ITEM_SCHEMA, _DEPARTMENTS_SCHEMA)}


@cache
def _validator(schema_id: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(_SCHEMAS[schema_id], validate_formats=True, offline=True)


def check_catalog(root: Path = PACKAGED) -> list[Problem]:
    """Every problem of a catalogue folder, by file and line; empty when all of it may be published."""
    departments, problems = check_departments(root / "departments.yaml")
    files = item_files(root)
    if not files:
        problems.append(Problem(root / "items", 1, "no-items", Text("没有事项文件", "there is no items/*.yaml")))
    codes: dict[tuple[Any, Any], Path] = {}
    for file in files:
        found = check_item(file, departments)
        problems += found
        if not found:
            source = read_source(file)
            identity = (source.data["code"], source.data["version"])
            if identity in codes:
                said = Text(
                    f"编码与版本同 {codes[identity].name} 重复",
                    f"{codes[identity].name} has this code and version already",
                )
                problems.append(Problem(file, source.line(["code"]), "duplicate-item", said))
            codes[identity] = file
    return sorted(problems, key=lambda problem: (str(problem.file), problem.line, problem.rule))


def check_item(file: Path, departments: dict[str, Department]) -> list[Problem]:
    """Every problem of one item file. When its shape is wrong, only that is told."""
    try:
        source = read_source(file)
    except CatalogFileError as error:
        return [Problem(file, error.line, "yaml", Text(error.zh, error.en))]
    problems = list(_schema_problems(source, _ITEM_SCHEMA))
    if not problems:
        problems = [problem for rule in RULES for problem in rule(source, departments)]
    return sorted(problems, key=lambda problem: (problem.line, problem.rule))


def check_departments(file: Path) -> tuple[dict[str, Department], list[Problem]]:
    """The departments of a file by id, and the problems of the file."""
    try:
        source = read_source(file)
    except OSError:
        return {}, [Problem(file, 1, "no-departments", Text("找不到部门文件", "the departments file is missing"))]
    except CatalogFileError as error:
        return {}, [Problem(file, error.line, "yaml", Text(error.zh, error.en))]
    problems = list(_schema_problems(source, _DEPARTMENTS_SCHEMA))
    if problems:
        return {}, problems
    departments: dict[str, Department] = {}
    for index, part in enumerate(source.data):
        if part["id"] in departments:
            said = Text(f"部门 {part['id']} 重复", f"the department {part['id']} stands twice")
            problems.append(Problem(file, source.line([index, "id"]), "duplicate-department", said))
        if not uscc_is_valid(part["uscc"]):
            said = Text(
                f"{part['uscc']} 不是有效的统一社会信用代码", f"{part['uscc']} is no valid unified social credit code"
            )
            problems.append(Problem(file, source.line([index, "uscc"]), "uscc", said))
        departments[part["id"]] = Department(part["id"], part["uscc"], part["name"]["zh"], part["name"]["en"])
    return departments, problems


def _schema_problems(source: Source, schema: JsonObject) -> Iterator[Problem]:
    for error in _validator(schema["$id"]).iter_errors(source.data):
        place = list(error.instance_path)
        kind = error.kind.name
        where = ".".join(map(str, place))
        if kind == "additionalProperties":
            names = list(_at(schema, error.evaluation_path[:-1])["properties"])
            for name in error.kind.as_dict()["unexpected"]:
                said = explain(error, Text(name, name), {}, names)
                yield Problem(source.file, source.line([*place, name]), "schema", said)
        elif kind == "required":
            name = error.kind.as_dict()["property"]
            label = f"{where}.{name}" if where else name
            yield Problem(source.file, source.line(place), "schema", explain(error, Text(label, label), {}, []))
        else:
            label = where or "item"
            yield Problem(source.file, source.line(place), "schema", explain(error, Text(label, label), {}, []))


def _at(schema: JsonObject, path: Iterable[str | int]) -> JsonObject:
    """The part of a schema at an evaluation path, which goes through references."""
    found: Any = schema
    for key in path:
        found = schema["$defs"][found["$ref"].rsplit("/", 1)[-1]] if key == "$ref" else found[key]
    return dict(found)
