"""Where the materials of an item come from: its sources against the information resources and its own form."""

from collections.abc import Iterator, Mapping
from typing import Any

from tongban_schemas.types import JsonObject

from tongban_catalog.parts import APPLICANT, condition_fields
from tongban_catalog.problem import Problem, has_law, problem
from tongban_catalog.resource import Resource, ResourceField
from tongban_catalog.source import Place, Source

_NATURAL_PERSON = "1"
_TYPES: Mapping[str, tuple[str, ...]] = {
    "string": ("string",),
    "date": ("string",),
    "boolean": ("boolean",),
    "integer": ("integer", "number"),
}


def sources(source: Source, resources: Mapping[str, Resource]) -> Iterator[Problem]:
    """Sources name materials, resources and fields that there are, ask no more, and fill answers that fit.

    ``source`` is the data of a well-shaped item or of a national standard.
    """
    item = source.data
    filled: dict[str, str] = {}
    certain: set[str] = set()
    for index, part in enumerate(item.get("sources", ())):
        place: Place = ("sources", index)
        material = part["material"]
        yield from _standing(source, place, part, certain)
        if "when" not in part:
            certain.add(material)
        for name in part.get("supplies", {}):
            if filled.setdefault(name, material) != material:
                zh = f"答案 {name} 已由材料 {filled[name]} 的来源提供;一数一源"
                en = f"{name} is filled by the source of {filled[name]} already: one source for each answer"
                yield problem(source, [*place, "supplies", name], "answer-supplied-twice", zh, en)
        resource = resources.get(part["resource"])
        if resource is None:
            zh, en = (
                f"没有信息资源 {part['resource']}",
                f"there is no information resource {part['resource']}: add it to resources/ or correct it",
            )
            yield problem(source, [*place, "resource"], "unknown-resource", zh, en)
            continue
        yield from _scope(source, place, part, resource)
        yield from _supplies(source, place, part, resource)
        yield from _holder(source, place, part, resource)
    yield from _partial(source, frozenset(filled))
    yield from _releases(source, resources)


def _standing(source: Source, place: Place, part: JsonObject, certain: set[str]) -> Iterator[Problem]:
    material = part["material"]
    if material not in {one["id"] for one in source.data["materials"]}:
        zh, en = f"没有材料 {material}", f"there is no material {material} to fetch"
        yield problem(source, [*place, "material"], "unknown-material", zh, en)
    if material in certain:
        zh = f"材料 {material} 前面的来源没有条件,这一来源用不上"
        en = f"an earlier source of {material} has no condition: this one is never asked"
        yield problem(source, [*place, "material"], "unreachable-source", zh, en)
    if not has_law(source.data, part["basis"]):
        zh = f"向登记机关调取材料 {material} 须有法律依据"
        en = f"fetching {material} takes an article of a law as its basis"
        yield problem(source, [*place, "basis"], "source-without-law", zh, en)


def _scope(source: Source, place: Place, part: JsonObject, resource: Resource) -> Iterator[Problem]:
    for index, name in enumerate(part["fields"]):
        if resource.field(name) is None:
            zh = f"信息资源 {resource.id} 没有信息项 {name}"
            en = f"{resource.id} has no field {name}; there are: {', '.join(one.id for one in resource.fields)}"
            yield problem(source, [*place, "fields", index], "source-field", zh, en)
    if resource.sharing.kind == "none":
        named = {one for base in part["basis"] for one in source.data["bases"].get(base, {}).get("releases", ())}
        if resource.id not in named:
            zh = f"{resource.id} 不予共享,除非依据的法条以 releases 写明"
            en = f"{resource.id} is not shared, unless a law of the basis names it under releases"
            yield problem(source, [*place, "resource"], "source-not-shared", zh, en)
    answer = resource.sharing.answer
    limit = part.get("limit", {"number": 1, "unit": "WD"})
    if limit["unit"] != answer.unit or limit["number"] < answer.number:
        zh = f"请求的时限 limit 应不少于 {resource.id} 的答复时限 {answer.number} {answer.unit}"
        en = f"a request stands at least as long as {resource.id} has to answer: limit {answer.number} {answer.unit}"
        yield problem(source, [*place, "limit"], "source-limit", zh, en)


def _supplies(source: Source, place: Place, part: JsonObject, resource: Resource) -> Iterator[Problem]:
    answers = source.data["form"]["properties"]
    for name, from_field in part.get("supplies", {}).items():
        there = [*place, "supplies", name]
        field = resource.field(from_field)
        if name not in answers:
            zh, en = f"表单没有字段 {name}", f"the form has no field {name}"
            yield problem(source, there, "source-answer", zh, en)
        elif field is None or from_field not in part["fields"]:
            zh = f"{from_field} 不在来源的 fields 中"
            en = f"{from_field} is not among the fields that this source asks"
            yield problem(source, there, "source-field", zh, en)
        elif field.personal and answers[name].get("x-personal") is not True:
            zh = f"信息项 {from_field} 是个人信息,字段 {name} 不是"
            en = f"{from_field} is personal and {name} is not: it would travel in the clear"
            yield problem(source, there, "source-personal", zh, en)
        elif not _fits(field, answers[name]):
            zh = f"信息项 {from_field}({field.type})与字段 {name} 类型不符"
            en = f"{from_field} ({field.type}) does not fit the answer {name}"
            yield problem(source, there, "source-type", zh, en)


def _fits(field: ResourceField, answer: Mapping[str, Any]) -> bool:
    if answer.get("type") not in _TYPES[field.type] or (field.type == "date") != (answer.get("format") == "date"):
        return False
    return "enum" not in answer or (bool(field.values) and set(field.values) <= set(answer["enum"]))


def _holder(source: Source, place: Place, part: JsonObject, resource: Resource) -> Iterator[Problem]:
    name = part.get("holder", APPLICANT)
    objects = set(source.data["service_object"])
    answer = source.data["form"]["properties"].get(name)
    if name == APPLICANT:
        fits = _NATURAL_PERSON in objects if resource.holder == "citizen" else bool(objects - {_NATURAL_PERSON})
        if not fits:
            zh = f"{resource.id} 的记录不按申请人查找,请以 holder 指明字段"
            en = f"no applicant of this item is a {resource.holder}: name the answer that holds the number as holder"
            yield problem(source, place, "source-holder", zh, en)
    elif answer is None or answer.get("type") != "string":
        zh, en = f"表单没有文字字段 {name}", f"the form has no answer {name} of the type string"
        yield problem(source, [*place, "holder"], "source-holder", zh, en)
    elif resource.holder == "citizen" and answer.get("x-personal") is not True:
        zh, en = f"字段 {name} 是公民身份号码,应为个人信息", f"{name} is a citizen's number: it has to be personal"
        yield problem(source, [*place, "holder"], "source-holder", zh, en)


def _partial(source: Source, filled: frozenset[str]) -> Iterator[Problem]:
    """Who is asked is told before all answers are there, so every answer that a source fills and a condition reads comes."""
    form = source.data["form"]
    for section in ("sources", "substitutions", "materials"):
        for index, part in enumerate(source.data.get(section, ())):
            for name in sorted((filled & condition_fields(part.get("when"))) - set(form["required"])):
                zh = f"条件用到由来源提供的字段 {name},它应为必填"
                en = f"this condition reads {name}, which a source fills: list it under the form's required"
                yield problem(source, [section, index, "when"], "source-condition", zh, en)


def _releases(source: Source, resources: Mapping[str, Resource]) -> Iterator[Problem]:
    for name, base in source.data["bases"].items():
        for index, resource in enumerate(base.get("releases", ())):
            known = resources.get(resource)
            if known is None or known.sharing.kind != "none":
                zh, en = f"没有不予共享的资源 {resource}", f"there is no resource {resource} of the class none"
                yield problem(source, ["bases", name, "releases", index], "unknown-resource", zh, en)
