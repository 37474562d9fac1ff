"""Limits of an item against each other and against the law's figures."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tongban_schemas.types import JsonObject

from tongban_catalog.department import Department
from tongban_catalog.problem import Problem, problem
from tongban_catalog.source import Place, Source

_WORKING_DAYS = {
    "extension": (10, "行政许可法第四十二条第一款", "Administrative Licensing Law art. 42(1)"),
    "joint": (45, "行政许可法第四十二条第二款", "Administrative Licensing Law art. 42(2)"),
    "joint-extension": (15, "行政许可法第四十二条第二款", "Administrative Licensing Law art. 42(2)"),
    "notice": (5, "行政许可法第三十二条第四项", "Administrative Licensing Law art. 32(4)"),
    "delivery": (10, "行政许可法第四十四条", "Administrative Licensing Law art. 44"),
}
"""The law's own figures, in working days. A base that states its ``extension`` is a special rule and goes before."""


def limits(source: Source, _: Mapping[str, Department]) -> Iterator[Problem]:
    """Promises, extensions, joint limits, notices and deliveries stay within the law; a quorum is at least one."""
    item = source.data
    for index, step in enumerate(item["steps"]):
        place: Place = ("steps", index)
        yield from _promise(source, place, step)
        if "extension" in step:
            yield from _extension(source, place, step)
        if step.get("quorum", 1) < 1:
            zh, en = f"步骤 {step['id']} 的 quorum 至少为 1", f"step {step['id']}: at least one officer has to agree"
            yield problem(source, [*place, "quorum"], "quorum", zh, en)
    if "joint" in item:
        joint = item["joint"]
        yield from _within(source, ("joint", "legal"), joint["legal"], "joint", "joint-limit")
        if "extension" in joint:
            yield from _within(source, ("joint", "extension"), joint["extension"], "joint-extension", "joint-limit")
    if "notice" in item.get("acceptance", {}):
        notice = item["acceptance"]["notice"]
        yield from _within(source, ("acceptance", "notice"), notice, "notice", "notice-longer-than-law")
    if "delivery" in item:
        yield from _within(source, ("delivery",), item["delivery"], "delivery", "delivery-longer-than-law")
    for index, part in enumerate(item["materials"]):
        if "tolerable" in part and part.get("required") is False:
            zh = f"材料 {part['id']} 不是必要材料,无须容缺"
            en = f"{part['id']} is not required, so there is nothing to promise: remove tolerable"
            yield problem(source, ["materials", index, "tolerable"], "tolerable-not-required", zh, en)


def _promise(source: Source, place: Place, step: JsonObject) -> Iterator[Problem]:
    limit = step.get("limit", {})
    if "legal" not in limit or "promised" not in limit:
        return
    legal, promised = limit["legal"], limit["promised"]
    there = (*place, "limit", "promised")
    if legal["unit"] != promised["unit"]:
        zh = f"步骤 {step['id']} 的承诺时限单位 {promised['unit']} 应与法定时限单位 {legal['unit']} 一致"
        en = f"step {step['id']} promises in {promised['unit']}: say it in the law's unit {legal['unit']}"
        yield problem(source, there, "limit-unit", zh, en)
    elif promised["number"] > legal["number"]:
        zh = f"步骤 {step['id']} 的承诺时限 {promised['number']} 超过法定时限 {legal['number']}"
        en = f"step {step['id']} promises {promised['number']}, longer than the law's {legal['number']}"
        yield problem(source, there, "promise-longer-than-law", zh, en)


def _extension(source: Source, place: Place, step: JsonObject) -> Iterator[Problem]:
    there = (*place, "extension")
    legal, extension = step.get("limit", {}).get("legal"), step["extension"]
    if legal is None or legal["unit"] != extension["unit"]:
        zh = f"步骤 {step['id']} 的延长期须与法定时限同单位"
        en = f"step {step['id']}: an extension prolongs a legal limit, in its unit"
        yield problem(source, there, "extension-unit", zh, en)
        return
    special = [
        base["extension"]["number"]
        for base in (source.data["bases"].get(name, {}) for name in _bases(step))
        if base.get("extension", {}).get("unit") == extension["unit"]
    ]
    if special:
        if extension["number"] > max(special):
            zh = f"步骤 {step['id']} 的延长期 {extension['number']} 超过依据所定的 {max(special)}"
            en = f"step {step['id']} may be extended by {max(special)} on its basis, not {extension['number']}"
            yield problem(source, there, "extension-longer-than-law", zh, en)
    else:
        yield from _within(source, there, extension, "extension", "extension-longer-than-law")


def _within(source: Source, place: Place, limit: JsonObject, figure: str, rule: str) -> Iterator[Problem]:
    number, law_zh, law_en = _WORKING_DAYS[figure]
    if limit["unit"] in ("ND", "NH") or limit["number"] > number * (1 if limit["unit"] == "WD" else 8):
        said = f"{limit['number']} {limit['unit']}"
        zh = f"{said} 超过{law_zh}的 {number} 个工作日"
        en = f"{said} is more than the {number} WD of the {law_en}"
        if figure == "extension":
            zh += ";另有规定的,在其依据中写明 extension"
            en += "; where another law lets it, its basis states `extension`"
        yield problem(source, place, rule, zh, en)


def _bases(step: Mapping[str, Any]) -> Iterable[str]:
    return [str(name) for name in step["basis"]]
