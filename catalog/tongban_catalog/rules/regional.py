"""What a region's implementation may not say: it makes things better or says who, never harder.

Administrative Licensing Law art. 16, 17 (no new conditions), Regulation on Optimising the Business Environment art. 36, 40, 44.
"""

from collections.abc import Iterator

from tongban_schemas.types import JsonObject

from tongban_catalog.compose import left_out
from tongban_catalog.problem import Problem, has_law, problem
from tongban_catalog.source import Source

_ADDS = {
    "materials": ("region-adds-material", "材料", "materials"),
    "steps": ("region-adds-step", "步骤", "steps"),
    "form": ("region-adds-field", "表单字段", "form fields"),
    "when": ("region-adds-condition", "条件", "conditions"),
    "conditions": ("region-adds-condition", "条件", "conditions"),
    "limit": ("region-adds-days", "时限", "limits"),
    "limits": ("region-adds-days", "时限", "limits"),
    "extension": ("region-adds-days", "延长期", "extensions"),
}
_FIXED = (
    *("name", "summary", "service_object", "acceptance", "joint", "delivery", "holder", "from_sign_in", "cross_region"),
    *("case_type", "renewal", "standard"),
)


def additions(source: Source) -> Iterator[Problem]:
    """Keys that belong to the national standard. Told before the shape of the rest is looked at."""
    for key in source.data:
        if key in _ADDS:
            rule, zh, en = _ADDS[key]
            yield problem(
                source,
                [key],
                rule,
                f"实施清单不得增设{zh},请删除,或修订国家标准",
                f"an implementation adds no {en}: remove this, or have the national standard changed",
            )
        elif key in _FIXED:
            zh, en = f"{key} 由国家标准规定,请删除", f"{key} is said by the national standard: remove it"
            yield problem(source, [key], "region-changes-standard", zh, en)


def regional(source: Source, standard: JsonObject) -> Iterator[Problem]:
    """Every rule on a well-shaped implementation against its standard."""
    yield from _place(source, standard)
    yield from _roles(source, standard)
    yield from _adoptions(source, standard)
    yield from _promises(source, standard)
    yield from _fees(source, standard)
    yield from _bases(source, standard)
    yield from _substitutions(source, standard)
    yield from _sources(source, standard)


def _place(source: Source, standard: JsonObject) -> Iterator[Problem]:
    data = source.data
    folder = source.spot([]).file.parent.name
    if folder != data["region"]:
        zh, en = (
            f"文件应放在 implementations/{data['region']}/",
            f"this file belongs in implementations/{data['region']}/",
        )
        yield problem(source, ["region"], "region-folder", zh, en)
    basic = data["code"][19:]
    if basic[2:] != standard["code"][2:]:
        zh = f"事项编码后 10 位应为国家基本编码的 {standard['code'][2:]}"
        en = f"the last 10 characters of the code have to be {standard['code'][2:]}, as in the basic code of the standard"
        yield problem(source, ["code"], "basic-code", zh, en)
    elif basic[:2] not in ("00", data["region"][:2]):
        zh = f"基本编码的地区位应为 00 或本省 {data['region'][:2]},现为 {basic[:2]}"
        en = f"the region digits of the basic code are 00 or this province's {data['region'][:2]}, not {basic[:2]}"
        yield problem(source, ["code"], "basic-code", zh, en)


def _roles(source: Source, standard: JsonObject) -> Iterator[Problem]:
    out = left_out(standard, source.data)
    steps = [step for step in standard["steps"] if step["id"] not in out]
    needed = {step["department"] for step in steps} | {part["asked_by"] for part in standard["materials"]}
    needed |= {opinion["department"] for step in steps for opinion in step.get("opinions", ())} | {"lead"}
    needed |= {
        standard[key][name]
        for key, name in (("acceptance", "department"), ("joint", "lead"))
        if name in standard.get(key, {})
    }
    assigned = source.data["departments"]
    for role in sorted(needed - assigned.keys()):
        zh, en = f"角色 {role} 没有指定部门", f"no department plays the role {role}: assign one"
        yield problem(source, ["departments"], "role-unassigned", zh, en)
    for role in assigned:
        if role not in standard["departments"] and role != source.data["certificate"]["issuer"]:
            zh = f"国家标准没有角色 {role},可用:{'、'.join(standard['departments'])}"
            en = f"the standard has no role {role}; there are: {', '.join(standard['departments'])}"
            yield problem(source, ["departments", role], "unknown-role", zh, en)


def _adoptions(source: Source, standard: JsonObject) -> Iterator[Problem]:
    steps = {step["id"]: step for step in standard["steps"]}
    for index, name in enumerate(source.data.get("adopts", ())):
        if name not in steps:
            zh, en = f"国家标准没有步骤 {name}", f"the standard has no step {name}: a region adds none"
            yield problem(source, ["adopts", index], "region-adds-step", zh, en)
        elif not steps[name].get("local"):
            zh = f"步骤 {name} 各地都有,不必采用"
            en = f"{name} is no local step: it exists everywhere, remove it from adopts"
            yield problem(source, ["adopts", index], "adopts-not-local", zh, en)


def _promises(source: Source, standard: JsonObject) -> Iterator[Problem]:
    out = left_out(standard, source.data)
    steps = {step["id"]: step for step in standard["steps"] if step["id"] not in out}
    for name, promised in source.data.get("promised", {}).items():
        if name not in steps:
            zh, en = f"这里没有步骤 {name}", f"there is no step {name} here"
            yield problem(source, ["promised", name], "unknown-step", zh, en)
            continue
        limit = steps[name].get("limit", {})
        for kind, zh_kind, en_kind in (
            ("promised", "国家标准的承诺时限", "promise"),
            ("legal", "法定时限", "legal limit"),
        ):
            if kind not in limit:
                continue
            most = limit[kind]
            if promised["unit"] != most["unit"]:
                zh = f"步骤 {name} 的时限单位应为 {most['unit']}"
                en = f"step {name}: say the time in the standard's unit {most['unit']}"
                yield problem(source, ["promised", name], "limit-unit", zh, en)
            elif promised["number"] > most["number"]:
                zh = f"步骤 {name} 的承诺时限 {promised['number']} 超过{zh_kind} {most['number']}"
                en = f"step {name} promises {promised['number']}, longer than the standard's {en_kind} of {most['number']}"
                yield problem(source, ["promised", name], "region-adds-days", zh, en)
            break


def _fees(source: Source, standard: JsonObject) -> Iterator[Problem]:
    known = {fee["id"]: fee for fee in standard.get("fees", ())}
    for name, amount in source.data.get("fees", {}).items():
        if name not in known:
            zh, en = f"国家标准没有收费 {name}", f"the standard has no fee {name}: a region adds none"
            yield problem(source, ["fees", name], "higher-fee", zh, en)
        elif amount > known[name]["amount_cny"]:
            zh = f"收费 {name} 为 {amount} 元,高于国家标准的 {known[name]['amount_cny']} 元"
            en = f"the fee {name} is {amount} CNY, higher than the standard's {known[name]['amount_cny']}"
            yield problem(source, ["fees", name], "higher-fee", zh, en)


def _bases(source: Source, standard: JsonObject) -> Iterator[Problem]:
    for section in ("laws", "bases"):
        for name, said in source.data.get(section, {}).items():
            if name in standard[section] and standard[section][name] != said:
                zh = f"{section} 中的 {name} 与国家标准不同;本地依据请另取名称"
                en = f"{name} in {section} says something else than the standard: give a basis of this place another name"
                yield problem(source, [section, name], "region-changes-basis", zh, en)


def _substitutions(source: Source, standard: JsonObject) -> Iterator[Problem]:
    known = {"bases": {**source.data.get("bases", {}), **standard["bases"]}}
    for index, part in enumerate(source.data.get("substitutions", ())):
        if not has_law(known, part.get("basis", ())):
            zh = f"材料 {part['material']} 的替代须有法律依据"
            en = f"what stands in for {part['material']} takes an article of a law as its basis"
            yield problem(source, ["substitutions", index], "substitution-without-law", zh, en)


def _sources(source: Source, standard: JsonObject) -> Iterator[Problem]:
    known = {part["material"] for part in standard.get("sources", ()) if "when" not in part}
    for index, part in enumerate(source.data.get("sources", ())):
        if part["material"] in known:
            zh = f"材料 {part['material']} 已有全国来源,本地来源用不上"
            en = f"{part['material']} has a source for the whole country, which goes before: this one is never asked"
            yield problem(source, ["sources", index, "material"], "unreachable-source", zh, en)
