"""The form of an item, and everything that names its answers or materials."""

import re
from collections.abc import Iterator, Mapping
from datetime import date

import jsonschema_rs
from tongban_schemas.types import JsonObject

from tongban_catalog.department import Department
from tongban_catalog.fields import FIELD_KINDS, FieldKind
from tongban_catalog.fields.answer import TODAY, kind_of
from tongban_catalog.form import Form
from tongban_catalog.parts import Condition, condition_fields
from tongban_catalog.problem import Problem, places, problem
from tongban_catalog.source import Place, Source


def form(source: Source, _: Mapping[str, Department]) -> Iterator[Problem]:
    """The forms compile, require only their own fields, label their choices, and their examples are right answers."""
    yield from _form(source, ("form",), source.data["form"])
    for index, step in enumerate(source.data["steps"]):
        if "grant" in step:
            yield from _form(source, ("steps", index, "grant"), step["grant"])
            yield from _fillable(source, ("steps", index), step)


def _fillable(source: Source, place: Place, step: JsonObject) -> Iterator[Problem]:
    """Somebody fills in what a grant has to say: one officer, and no rule or silence where something is required."""
    if step.get("quorum", 1) != 1:
        zh, en = (
            "多人共同决定的步骤不能填写决定内容",
            "several officers decide this step: none of them says what a grant says",
        )
        yield problem(source, [*place, "grant"], "grant-quorum", zh, en)
    alone = step["decide"]["by"] == "rule" or "silence" in step
    if alone and step["grant"]["required"]:
        zh = "规则或者默许也能准予这一步骤，决定内容不能必填"
        en = "a rule or silence may grant this step, and nobody then fills in what is required here"
        yield problem(source, [*place, "grant", "required"], "grant-by-nobody", zh, en)


def _form(source: Source, where: Place, schema: JsonObject) -> Iterator[Problem]:
    try:
        compiled = Form.compile(schema)
    except (ValueError, jsonschema_rs.ValidationError) as error:
        said = str(error).splitlines()[0]
        zh, en = f"表单不是有效的 JSON Schema:{said}", f"no valid JSON Schema: {said}"
        yield problem(source, where, "form-schema", zh, en)
        return
    for index, name in enumerate(schema["required"]):
        if name not in compiled.fields:
            zh, en = f"表单没有字段 {name}", f"the form has no field {name}"
            yield problem(source, [*where, "required", index], "unknown-field", zh, en)
    for name, answer in compiled.fields.items():
        place: Place = (*where, "properties", name)
        if set(answer.get("x-labels", ())) != set(answer.get("enum", ())):
            zh, en = (
                f"字段 {name} 的 x-labels 应与 enum 一一对应",
                f"{name}: x-labels needs one label for each value of enum",
            )
            yield problem(source, [*place, "x-labels"], "labels", zh, en)
        yield from _kind(source, place, name, compiled.fields)
        for index, example in enumerate(answer["examples"]):
            if any(error["field"] == name for error in compiled.errors({name: example})):
                zh, en = f"字段 {name} 的示例不合要求", f"{name}: this example is no right answer"
                yield problem(source, [*place, "examples", index], "example", zh, en)


_SPELT: Mapping[FieldKind, str] = {
    "citizen-number": "11010519491231002X",
    "credit-code": "91350100M000100Y43",
    "region": "110105",
    "phone": "010-12345678",
    "bank-account": "6222000000000000012",
    "email": "name@example.com",
    "date": "2026-01-31",
}
"""A value of each kind that a pattern may spell by hand."""


def _kind(source: Source, place: Place, name: str, fields: Mapping[str, JsonObject]) -> Iterator[Problem]:
    """A field says what it is by its kind, never by a pattern of its own; its first and last day are days."""
    answer = fields[name]
    spelt = [kind for kind, value in _SPELT.items() if "pattern" in answer and re.search(answer["pattern"], value)]
    if spelt:
        zh = f"字段 {name} 的 pattern 手写了已有的类型,请改用 x-field: {spelt[0]}"
        en = f"{name}: its pattern spells a kind by hand: say x-field: {spelt[0]} instead"
        yield problem(source, [*place, "pattern"], "kind-by-hand", zh, en)
    if (answer.get("type"), answer.get("x-field")) not in _TYPED:
        zh, en = f"字段 {name} 的 x-field 与 type 不符", f"{name}: this x-field does not go with this type"
        yield problem(source, [*place, "x-field"], "kind-type", zh, en)
    for rule in ("x-not-before", "x-not-after"):
        limit = answer.get(rule, TODAY)
        is_day = limit == TODAY or kind_of(fields.get(limit, {})) == "date" or _is_day(limit)
        if rule in answer and not (kind_of(answer) == "date" and is_day):
            zh, en = f"字段 {name} 的 {rule} 应是日期", f"{name}: {rule} needs a date on both sides"
            yield problem(source, [*place, rule], "day-range", zh, en)


def _is_day(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


_TYPED = {
    *((kind, None) for kind in ("string", "number", "integer", "boolean")),
    ("number", "money"),
    *(("string", kind) for kind in FIELD_KINDS if kind not in ("money", "number", "integer")),
}


def conditions(source: Source, _: Mapping[str, Department]) -> Iterator[Problem]:
    """Conditions compile, look only at answers of the form that are not personal, and can hold."""
    found: list[tuple[Place, JsonObject]] = []
    for section in ("steps", "materials", "substitutions", "sources"):
        for index, part in enumerate(source.data.get(section, ())):
            if "when" in part:
                found.append(((section, index, "when"), part["when"]))
            if "grant_when" in part.get("decide", {}):
                found.append(((section, index, "decide", "grant_when"), part["decide"]["grant_when"]))
    for place, condition in found:
        yield from _condition(source, place, condition)


def _condition(source: Source, place: Place, condition: JsonObject) -> Iterator[Problem]:
    try:
        Condition.compile(condition)
    except (ValueError, jsonschema_rs.ValidationError) as error:
        said = str(error).splitlines()[0]
        zh, en = f"条件不是有效的 JSON Schema:{said}", f"the condition is no valid JSON Schema: {said}"
        yield problem(source, place, "condition-schema", zh, en)
        return
    fields = source.data["form"]["properties"]
    always = set(source.data["form"]["required"])
    for name in sorted(condition_fields(condition)):
        if name not in fields:
            zh, en = f"条件用到的字段 {name} 不在表单中", f"the condition looks at {name}, which the form does not have"
            yield problem(source, _mention(source, place, name), "condition-field", zh, en)
        elif fields[name].get("x-personal") is True:
            zh, en = f"条件不得使用个人信息字段 {name}", f"the condition looks at {name}, which is personal and sealed"
            yield problem(source, _mention(source, place, name), "condition-personal", zh, en)
    for inner, part in _parts(condition, place):
        for name, test in part.get("properties", {}).items():
            if name not in fields:
                continue
            if name not in always and name not in part.get("required", ()):
                zh = f"字段 {name} 可以不填,条件须同时把它列入 required"
                en = f"{name} may be missing, and the condition would then hold: list it under required too"
                yield problem(source, [*inner, "properties", name], "condition-optional-field", zh, en)
            values = test.get("enum", [test["const"]] if "const" in test else None)
            answer = {key: value for key, value in fields[name].items() if not key.startswith("x-")}
            validator = jsonschema_rs.Draft202012Validator(answer, offline=True)
            if values is not None and not any(validator.is_valid(value) for value in values):
                zh, en = (
                    f"字段 {name} 不会有这个值,条件永不成立",
                    f"{name} never has this value, so the step cannot be reached",
                )
                yield problem(source, [*inner, "properties", name], "unreachable-step", zh, en)


def _parts(condition: JsonObject, place: Place) -> Iterator[tuple[Place, JsonObject]]:
    """A condition and every condition inside it, with its place."""
    yield place, condition
    for keyword in ("allOf", "anyOf", "oneOf"):
        for index, part in enumerate(condition.get(keyword, ())):
            yield from _parts(part, (*place, keyword, index))
    if "not" in condition:
        yield from _parts(condition["not"], (*place, "not"))


def references(source: Source, _: Mapping[str, Department]) -> Iterator[Problem]:
    """What names an answer or a material of the item names one that there is and that fits."""
    item = source.data
    fields, materials = item["form"]["properties"], {part["id"] for part in item["materials"]}
    for index, step in enumerate(item["steps"]):
        for number, name in enumerate(step.get("inputs", ())):
            if name not in fields and name not in materials:
                zh = f"步骤 {step['id']} 的 inputs 中 {name} 既不是表单字段也不是材料"
                en = f"step {step['id']} looks at {name}, which is neither an answer nor a material of this item"
                yield problem(source, ["steps", index, "inputs", number], "unknown-input", zh, en)
        yield from _silence(source, index, step)
    for index, part in enumerate(item.get("substitutions", ())):
        if part["material"] not in materials:
            zh, en = f"没有材料 {part['material']}", f"there is no material {part['material']} to stand in for"
            yield problem(source, ["substitutions", index, "material"], "unknown-material", zh, en)
    named: list[tuple[Place, str, bool]] = []
    if "holder" in item:
        named.append((("holder", "name"), "holder-field", True))
        named += [(("holder", "code"), "holder-field", False)] if "code" in item["holder"] else []
    if "renewal" in item:
        named.append((("renewal", "previous"), "renewal-field", False))
    for place, rule, needed in named:
        name = item[place[0]][place[1]]
        if name not in fields:
            zh, en = f"表单没有字段 {name}", f"the form has no field {name}"
            yield problem(source, place, rule, zh, en)
        elif needed and name not in item["form"]["required"]:
            zh, en = f"持证人字段 {name} 应为必填", f"{name} names the certificate's holder: list it under required"
            yield problem(source, place, rule, zh, en)


def _silence(source: Source, index: int, step: JsonObject) -> Iterator[Problem]:
    at = step.get("silence", {}).get("at", "")
    place: Place = ("steps", index, "silence", "at")
    if at == "legal" and "legal" not in step.get("limit", {}):
        zh = f"步骤 {step['id']} 没有法定时限,默许无从起算"
        en = f"step {step['id']} has no legal limit at whose end silence could count: add limit.legal"
        yield problem(source, place, "silence-without-limit", zh, en)
    if at.startswith("field:"):
        name = at.removeprefix("field:")
        field = source.data["form"]["properties"].get(name)
        if field is None or field.get("format") != "date" or field.get("x-personal") is True:
            zh = f"{name} 不是表单中非个人信息的日期字段"
            en = f"{name} is no date of the form that is not personal: give it format date"
            yield problem(source, place, "silence-field", zh, en)


def chosen_roles(source: Source, _: Mapping[str, Department]) -> Iterator[Problem]:
    """An answer that chooses a department is required, not personal, and has a department for each of its values."""
    item = source.data
    for role, played in item["departments"].items():
        if not isinstance(played, dict):
            continue
        name, place = played["by"], ("departments", role, "by")
        field = item["form"]["properties"].get(name)
        wrong: tuple[str, str] | None = None
        if field is None:
            wrong = (f"表单没有字段 {name}", f"the form has no field {name}")
        elif field.get("x-personal") is True:
            wrong = (f"{name} 是个人信息,不能决定部门", f"{name} is personal and sealed: it cannot choose a department")
        elif name not in item["form"]["required"]:
            wrong = (f"{name} 决定部门,应为必填", f"{name} chooses a department: list it under the form's required")
        elif set(field.get("enum", ())) != set(played["of"]):
            wrong = (
                f"of 应与 {name} 的 enum 一一对应:{'、'.join(field.get('enum', ()))}",
                f"of needs one department for each value of {name}: {', '.join(field.get('enum', ())) or 'it has no enum'}",
            )
        if wrong is not None:
            yield problem(source, place, "role-by-field", *wrong)


def _mention(source: Source, place: Place, name: str) -> Place:
    """Where below ``place`` a field is named, as a key or in a list."""
    part = source.data
    for key in place:
        part = part[key]
    return next((below for below, value in places(part, place) if below != place and name in (below[-1], value)), place)
