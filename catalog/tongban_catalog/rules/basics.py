"""Codes, departments, bases, ids and dates of an item."""

from collections.abc import Iterator, Mapping

from tongban_catalog.codes import CodeError, split_item_code, uscc_is_valid
from tongban_catalog.department import Department
from tongban_catalog.problem import Problem, find, problem
from tongban_catalog.source import Place, Source


def codes(source: Source, departments: Mapping[str, Department]) -> Iterator[Problem]:
    """The item code splits 18+1+12, its body is the lead department, and the certificate kind has a valid body."""
    item = source.data
    kind = item["certificate"]["kind"]
    if not uscc_is_valid(kind[:18]):
        zh, en = (
            f"证照类型代码前 18 位 {kind[:18]} 校验不通过",
            f"the body {kind[:18]} of the certificate kind is no valid USCC",
        )
        yield problem(source, ["certificate", "kind"], "certificate-kind", zh, en)
    try:
        parts = split_item_code(item["code"])
    except CodeError as error:
        yield problem(source, ["code"], "item-code", error.zh, error.en)
        return
    lead = item["departments"].get("lead")
    body = departments.get(lead) if isinstance(lead, str) else None
    if isinstance(lead, dict):
        zh, en = (
            "牵头部门应为一个固定部门",
            "the lead is one department: an answer cannot choose it, its code begins the item's",
        )
        yield problem(source, ["departments", "lead"], "lead-not-fixed", zh, en)
    elif body is not None and body.uscc != parts.uscc:
        yield problem(
            source,
            ["code"],
            "item-code",
            f"事项编码前 18 位应为牵头部门 {body.id} 的代码 {body.uscc}",
            f"the item code has to begin with the code {body.uscc} of the lead department {body.id}",
        )


def known_departments(source: Source, departments: Mapping[str, Department]) -> Iterator[Problem]:
    """Roles are played by registered departments."""
    for role, played in source.data["departments"].items():
        chosen: list[tuple[Place, str]] = [(("departments", role), played)]
        if isinstance(played, dict):
            chosen = [(("departments", role, "of", answer), one) for answer, one in played["of"].items()]
        for place, department in chosen:
            if department not in departments:
                zh = f"没有登记部门 {department},请在 departments.yaml 中登记或改正"
                en = f"there is no department {department}: register it in departments.yaml or correct it"
                yield problem(source, place, "unknown-department", zh, en)


def known_roles(source: Source, _: Mapping[str, Department]) -> Iterator[Problem]:
    """Whatever names a department names a role of the item."""
    item = source.data
    roles = item["departments"]
    users: list[tuple[Place, str]] = []
    for index, step in enumerate(item["steps"]):
        users.append((("steps", index, "department"), step["department"]))
        for number, opinion in enumerate(step.get("opinions", ())):
            users.append((("steps", index, "opinions", number, "department"), opinion["department"]))
    users += [(("materials", index, "asked_by"), part["asked_by"]) for index, part in enumerate(item["materials"])]
    for section, key in (("certificate", "issuer"), ("acceptance", "department"), ("joint", "lead")):
        if key in item.get(section, {}):
            users.append(((section, key), item[section][key]))
    for place, role in users:
        if role not in roles:
            zh = f"departments 中没有角色 {role},可用:{'、'.join(roles)}"
            en = f"departments has no role {role}; there are: {', '.join(roles)}"
            yield problem(source, place, "unknown-department", zh, en)


def known_bases(source: Source, _: Mapping[str, Department]) -> Iterator[Problem]:
    """Every `basis` names a base, every base a law, and none of them stands unused."""
    laws, bases = source.data["laws"], source.data["bases"]
    used: set[str] = set()
    for name, base in bases.items():
        if "law" in base and base["law"] not in laws:
            zh, en = f"laws 中没有 {base['law']}", f"laws has no {base['law']}: add it there or correct the name"
            yield problem(source, ["bases", name, "law"], "unknown-law", zh, en)
    for place, names in find(source.data, "basis"):
        used.update(names)
        for index, name in enumerate(names):
            if name not in bases:
                zh, en = f"bases 中没有 {name}", f"bases has no {name}: add it there or correct the name"
                yield problem(source, [*place, index], "unknown-basis", zh, en)
    cited = {base.get("law") for base in bases.values()}
    unused = [("bases", name) for name in bases if name not in used]
    unused += [("laws", name) for name in laws if name not in cited]
    for section, name in unused:
        zh, en = f"{section} 中的 {name} 没有被引用", f"nothing refers to {name} in {section}: remove it"
        yield problem(source, [section, name], "unused-basis", zh, en)


def unique_ids(source: Source, _: Mapping[str, Department]) -> Iterator[Problem]:
    """Steps, materials, fees, and a step's procedures and opinions have ids of their own."""
    item = source.data
    lists: list[tuple[Place, str]] = [(("steps",), "step"), (("materials",), "material"), (("fees",), "fee")]
    for index in range(len(item["steps"])):
        lists += [(("steps", index, "procedures"), "procedure"), (("steps", index, "opinions"), "opinion")]
    for place, what in lists:
        parts = item if len(place) == 1 else item["steps"][place[1]]
        seen: set[str] = set()
        for number, part in enumerate(parts.get(place[-1], ())):
            if part["id"] in seen:
                zh, en = f"编号 {part['id']} 重复", f"the id {part['id']} stands twice: give one of them another"
                yield problem(source, [*place, number, "id"], f"duplicate-{what}", zh, en)
            seen.add(part["id"])


def dates(source: Source, _: Mapping[str, Department]) -> Iterator[Problem]:
    """A version is cancelled after it takes effect."""
    begin, end = source.data.get("effective_from"), source.data.get("cancel_on")
    if end is not None and (begin is None or end <= begin):
        zh = f"取消日期 {end} 应晚于生效日期 {begin or '(未写)'}"
        en = f"cancel_on {end} has to come after effective_from, which is {begin or 'not given'}"
        yield problem(source, ["cancel_on"], "dates", zh, en)
    for index, part in enumerate(source.data.get("substitutions", ())):
        if "from" in part and part.get("until", part["from"]) < part["from"]:
            zh, en = "替代规则的 until 早于 from", "this rule ends before it begins: until is before from"
            yield problem(source, ["substitutions", index, "until"], "dates", zh, en)
