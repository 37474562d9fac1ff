"""The rules that a well-shaped item still has to keep. Pure: a rule takes the parsed file and yields problems."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs
from tongban_schemas.types import JsonObject

from tongban_catalog.codes import CodeError, split_item_code, uscc_is_valid
from tongban_catalog.department import Department
from tongban_catalog.form import Form, Text
from tongban_catalog.item import Condition, condition_fields
from tongban_catalog.load import Place, Source


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that keeps an item from being published. Printed as ``file:line: [rule] Chinese / English``."""

    file: Path
    line: int
    rule: str
    said: Text

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: [{self.rule}] {self.said.zh} / {self.said.en}"


Rule = Callable[[Source, Mapping[str, Department]], Iterator[Problem]]


def _problem(source: Source, place: Iterable[str | int], rule: str, zh: str, en: str) -> Problem:
    return Problem(source.file, source.line(place), rule, Text(zh, en))


def codes(source: Source, departments: Mapping[str, Department]) -> Iterator[Problem]:
    """The item code splits 18+1+12, its body is the lead department, and the certificate kind has a valid body."""
    item = source.data
    kind = item["certificate"]["kind"]
    if not uscc_is_valid(kind[:18]):
        zh, en = (
            f"证照类型代码前 18 位 {kind[:18]} 校验不通过",
            f"the body {kind[:18]} of the certificate kind is no valid USCC",
        )
        yield _problem(source, ["certificate", "kind"], "certificate-kind", zh, en)
    try:
        parts = split_item_code(item["code"])
    except CodeError as error:
        yield _problem(source, ["code"], "item-code", error.zh, error.en)
        return
    lead = departments.get(item["departments"]["lead"])
    if lead is not None and lead.uscc != parts.uscc:
        yield _problem(
            source,
            ["code"],
            "item-code",
            f"事项编码前 18 位应为牵头部门 {lead.id} 的代码 {lead.uscc}",
            f"the item code has to begin with the code {lead.uscc} of the lead department {lead.id}",
        )


def known_departments(source: Source, departments: Mapping[str, Department]) -> Iterator[Problem]:
    """Roles name registered departments; steps, materials and the certificate name roles."""
    item = source.data
    roles = item["departments"]
    for role, department in roles.items():
        if department not in departments:
            yield _problem(
                source,
                ["departments", role],
                "unknown-department",
                f"没有登记部门 {department},请在 departments.yaml 中登记或改正",
                f"there is no department {department}: register it in departments.yaml or correct it",
            )
    users: list[tuple[Place, str]] = [
        (("steps", index, "department"), step["department"]) for index, step in enumerate(item["steps"])
    ]
    users += [(("materials", index, "asked_by"), part["asked_by"]) for index, part in enumerate(item["materials"])]
    users.append((("certificate", "issuer"), item["certificate"]["issuer"]))
    for place, role in users:
        if role not in roles:
            zh = f"departments 中没有角色 {role},可用:{'、'.join(roles)}"
            en = f"departments has no role {role}; there are: {', '.join(roles)}"
            yield _problem(source, place, "unknown-department", zh, en)


def known_bases(source: Source, _: Mapping[str, Department]) -> Iterator[Problem]:
    """Every `basis` names a base, every base a law, and none of them stands unused."""
    laws, bases = source.data["laws"], source.data["bases"]
    used: set[str] = set()
    for name, base in bases.items():
        if "law" in base and base["law"] not in laws:
            zh, en = f"laws 中没有 {base['law']}", f"laws has no {base['law']}: add it there or correct the name"
            yield _problem(source, ["bases", name, "law"], "unknown-law", zh, en)
    for place, names in _find(source.data, "basis"):
        used.update(names)
        for index, name in enumerate(names):
            if name not in bases:
                zh, en = f"bases 中没有 {name}", f"bases has no {name}: add it there or correct the name"
                yield _problem(source, [*place, index], "unknown-basis", zh, en)
    cited = {base.get("law") for base in bases.values()}
    unused = [("bases", name) for name in bases if name not in used]
    unused += [("laws", name) for name in laws if name not in cited]
    for section, name in unused:
        zh, en = f"{section} 中的 {name} 没有被引用", f"nothing refers to {name} in {section}: remove it"
        yield _problem(source, [section, name], "unused-basis", zh, en)


def unique_ids(source: Source, _: Mapping[str, Department]) -> Iterator[Problem]:
    """Steps and materials have ids of their own."""
    for section, rule in (("steps", "duplicate-step"), ("materials", "duplicate-material")):
        seen: set[str] = set()
        for index, part in enumerate(source.data[section]):
            if part["id"] in seen:
                zh, en = f"编号 {part['id']} 重复", f"the id {part['id']} stands twice: give one of them another"
                yield _problem(source, [section, index, "id"], rule, zh, en)
            seen.add(part["id"])


def flow(source: Source, _: Mapping[str, Department]) -> Iterator[Problem]:
    """Needs name steps, form no cycle, and leave every step reachable; at least one step always applies."""
    steps = source.data["steps"]
    needs: dict[str, set[str]] = {step["id"]: set() for step in steps}
    place: dict[str, int] = {}
    for index, step in enumerate(steps):
        place.setdefault(step["id"], index)
        for number, need in enumerate(step.get("needs", ())):
            if need["step"] not in needs:
                zh = f"步骤 {step['id']} 的前置 {need['step']} 不存在"
                en = f"step {step['id']} needs {need['step']}, which is no step of this item"
                yield _problem(source, ["steps", index, "needs", number, "step"], "unknown-step", zh, en)
            else:
                needs[step["id"]].add(need["step"])
    stuck = _never_open(needs)
    on_cycle = {step for step in stuck if _reaches(needs, step, step)}
    for step_id in sorted(stuck):
        if step_id in on_cycle:
            zh, en = (
                f"步骤 {step_id} 的前置关系成环",
                f"step {step_id} needs itself, by way of {_cycle(needs, step_id)}",
            )
            yield _problem(source, ["steps", place[step_id], "needs"], "cycle", zh, en)
        else:
            zh, en = (
                f"步骤 {step_id} 永远无法开始:其前置成环",
                f"step {step_id} can never open: a need of it is on a cycle",
            )
            yield _problem(source, ["steps", place[step_id], "needs"], "unreachable-step", zh, en)
    if all("when" in step for step in steps):
        zh, en = (
            "每个步骤都有条件,可能一个也不适用",
            "every step has a condition, so that none may apply: one has to be always",
        )
        yield _problem(source, ["steps"], "no-certain-step", zh, en)


def limits(source: Source, _: Mapping[str, Department]) -> Iterator[Problem]:
    """A promise is in the unit of the law and not longer than the law allows."""
    for index, step in enumerate(source.data["steps"]):
        limit = step.get("limit", {})
        if "legal" not in limit or "promised" not in limit:
            continue
        legal, promised = limit["legal"], limit["promised"]
        place: Place = ("steps", index, "limit", "promised")
        if legal["unit"] != promised["unit"]:
            zh = f"步骤 {step['id']} 的承诺时限单位 {promised['unit']} 应与法定时限单位 {legal['unit']} 一致"
            en = f"step {step['id']} promises in {promised['unit']}: say it in the law's unit {legal['unit']}"
            yield _problem(source, place, "limit-unit", zh, en)
        elif promised["number"] > legal["number"]:
            zh = f"步骤 {step['id']} 的承诺时限 {promised['number']} 超过法定时限 {legal['number']}"
            en = f"step {step['id']} promises {promised['number']}, longer than the law's {legal['number']}"
            yield _problem(source, place, "promise-longer-than-law", zh, en)


def form(source: Source, _: Mapping[str, Department]) -> Iterator[Problem]:
    """The form compiles, requires only its own fields, labels its choices, and its examples are right answers."""
    schema: JsonObject = source.data["form"]
    try:
        compiled = Form.compile(schema)
    except (ValueError, jsonschema_rs.ValidationError) as error:
        said = str(error).splitlines()[0]
        yield _problem(
            source, ["form"], "form-schema", f"表单不是有效的 JSON Schema:{said}", f"no valid JSON Schema: {said}"
        )
        return
    for index, name in enumerate(schema["required"]):
        if name not in compiled.fields:
            zh, en = f"表单没有字段 {name}", f"the form has no field {name}"
            yield _problem(source, ["form", "required", index], "unknown-field", zh, en)
    for name, answer in compiled.fields.items():
        place: Place = ("form", "properties", name)
        if set(answer.get("x-labels", ())) != set(answer.get("enum", ())):
            zh, en = (
                f"字段 {name} 的 x-labels 应与 enum 一一对应",
                f"{name}: x-labels needs one label for each value of enum",
            )
            yield _problem(source, [*place, "x-labels"], "labels", zh, en)
        validator = jsonschema_rs.Draft202012Validator(answer, validate_formats=True, offline=True)
        for index, example in enumerate(answer["examples"]):
            if not validator.is_valid(example):
                zh, en = f"字段 {name} 的示例不合要求", f"{name}: this example is no right answer"
                yield _problem(source, [*place, "examples", index], "example", zh, en)


def conditions(source: Source, _: Mapping[str, Department]) -> Iterator[Problem]:
    """Conditions compile, look only at answers of the form that are not personal, and can hold."""
    for index, step in enumerate(source.data["steps"]):
        found: list[tuple[Place, JsonObject]] = []
        if "when" in step:
            found.append((("steps", index, "when"), step["when"]))
        if "grant_when" in step["decide"]:
            found.append((("steps", index, "decide", "grant_when"), step["decide"]["grant_when"]))
        for place, condition in found:
            yield from _condition(source, place, condition)


def _condition(source: Source, place: Place, condition: JsonObject) -> Iterator[Problem]:
    try:
        Condition.compile(condition)
    except (ValueError, jsonschema_rs.ValidationError) as error:
        said = str(error).splitlines()[0]
        zh, en = f"条件不是有效的 JSON Schema:{said}", f"the condition is no valid JSON Schema: {said}"
        yield _problem(source, place, "condition-schema", zh, en)
        return
    fields = source.data["form"]["properties"]
    always = set(source.data["form"]["required"])
    for name in sorted(condition_fields(condition)):
        if name not in fields:
            zh, en = f"条件用到的字段 {name} 不在表单中", f"the condition looks at {name}, which the form does not have"
            yield _problem(source, _mention(source, place, name), "condition-field", zh, en)
        elif fields[name].get("x-personal") is True:
            zh, en = f"条件不得使用个人信息字段 {name}", f"the condition looks at {name}, which is personal and sealed"
            yield _problem(source, _mention(source, place, name), "condition-personal", zh, en)
    for inner, part in _parts(condition, place):
        for name, test in part.get("properties", {}).items():
            if name not in fields:
                continue
            if name not in always and name not in part.get("required", ()):
                zh = f"字段 {name} 可以不填,条件须同时把它列入 required"
                en = f"{name} may be missing, and the condition would then hold: list it under required too"
                yield _problem(source, [*inner, "properties", name], "condition-optional-field", zh, en)
            values = test.get("enum", [test["const"]] if "const" in test else None)
            answer = {key: value for key, value in fields[name].items() if not key.startswith("x-")}
            validator = jsonschema_rs.Draft202012Validator(answer, offline=True)
            if values is not None and not any(validator.is_valid(value) for value in values):
                zh, en = (
                    f"字段 {name} 不会有这个值,条件永不成立",
                    f"{name} never has this value, so the step cannot be reached",
                )
                yield _problem(source, [*inner, "properties", name], "unreachable-step", zh, en)


def _parts(condition: JsonObject, place: Place) -> Iterator[tuple[Place, JsonObject]]:
    """A condition and every condition inside it, with its place."""
    yield place, condition
    for keyword in ("allOf", "anyOf", "oneOf"):
        for index, part in enumerate(condition.get(keyword, ())):
            yield from _parts(part, (*place, keyword, index))
    if "not" in condition:
        yield from _parts(condition["not"], (*place, "not"))


def _mention(source: Source, place: Place, name: str) -> Place:
    """Where below ``place`` a field is named, as a key or in a list."""
    below = (known for known in source.lines if known[: len(place)] == place)
    return next((known for known in below if name in (known[-1], source.at(known))), place)


def _find(value: Any, key: str, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every value under ``key``, at any depth."""
    if isinstance(value, dict):
        for name, part in value.items():
            if name == key:
                yield (*place, name), part
            else:
                yield from _find(part, key, (*place, name))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _find(part, key, (*place, index))


def _never_open(needs: Mapping[str, set[str]]) -> set[str]:
    """The steps on a cycle and those behind one."""
    done: set[str] = set()
    while ready := {step for step, before in needs.items() if step not in done and before <= done}:
        done |= ready
    return set(needs) - done


def _cycle(needs: Mapping[str, set[str]], start: str) -> str:
    """A shortest way from a step back to itself: ``A -> B -> A``."""
    ways = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop(0)
        for step in sorted(needs[way[-1]]):
            if step == start:
                return " -> ".join([*way, start])
            if step not in seen:
                seen.add(step)
                ways.append([*way, step])
    return start


def _reaches(needs: Mapping[str, set[str]], start: str, goal: str) -> bool:
    waiting, seen = list(needs[start]), set[str]()
    while waiting:
        step = waiting.pop()
        if step == goal:
            return True
        if step not in seen:
            seen.add(step)
            waiting.extend(needs[step])
    return False


RULES: tuple[Rule, ...] = (codes, known_departments, known_bases, unique_ids, flow, limits, form, conditions)
"""Every rule on one item, after its shape is right."""
