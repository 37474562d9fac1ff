"""Information resources: whose they are, their codes and fields, and what their class of sharing takes."""

from collections.abc import Iterator, Mapping

from tongban_catalog.codes import uscc_is_valid
from tongban_catalog.department import Department
from tongban_catalog.problem import Problem, problem
from tongban_catalog.resource import CERTIFICATE_FIELDS
from tongban_catalog.source import Source


def resource_problems(files: Mapping[str, Source], departments: Mapping[str, Department]) -> Iterator[Problem]:
    """Every rule on the well-shaped resources of a catalogue, by the names of their files."""
    codes: dict[str, str] = {}
    stores: dict[tuple[str, str], str] = {}
    for name, source in files.items():
        yield from _names(name, source, files, departments)
        yield from _fields(source)
        yield from _sharing(source)
        if "certificate" in source.data:
            yield from _certificate(name, source, stores)
        code = source.data["code"]
        if code in codes:
            zh, en = f"代码 {code} 同 {codes[code]} 重复", f"{codes[code]} has the code {code} already"
            yield problem(source, ["code"], "duplicate-resource", zh, en)
        codes.setdefault(code, name)


def _names(
    name: str, source: Source, files: Mapping[str, Source], departments: Mapping[str, Department]
) -> Iterator[Problem]:
    data = source.data
    if data["id"] != name:
        zh, en = f"文件名应为 {data['id']}.yaml", f"the file has to be named {data['id']}.yaml"
        yield problem(source, ["id"], "resource-file", zh, en)
    if data["provider"] not in departments:
        zh = f"没有登记部门 {data['provider']},请在 departments.yaml 中登记或改正"
        en = f"there is no department {data['provider']}: register it in departments.yaml or correct it"
        yield problem(source, ["provider"], "unknown-department", zh, en)
    digits = data["category"].replace("-", "")
    if data["code"].partition("/")[0] != digits:
        zh = f"信息资源代码应以分类 {digits} 开头"
        en = f"the code begins with the digits of the category: {digits}/"
        yield problem(source, ["code"], "resource-code", zh, en)
    for index, other in enumerate(data.get("related", ())):
        if other not in files or other == name:
            zh, en = f"没有信息资源 {other}", f"there is no other information resource {other}"
            yield problem(source, ["related", index], "unknown-resource", zh, en)


def _fields(source: Source) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, part in enumerate(source.data["fields"]):
        if part["id"] in seen:
            zh, en = f"信息项 {part['id']} 重复", f"the field {part['id']} stands twice: give one of them another id"
            yield problem(source, ["fields", index, "id"], "duplicate-field", zh, en)
        seen.add(part["id"])
        if "values" in part and part["type"] != "string":
            zh, en = "values 只用于 string", "values is for fields of the type string alone"
            yield problem(source, ["fields", index, "values"], "resource-values", zh, en)


def _sharing(source: Source) -> Iterator[Problem]:
    data, sharing = source.data, source.data["sharing"]
    if sharing["kind"] == "none" and "basis" not in sharing:
        zh, en = "不予共享须有法律、行政法规依据", "the class none takes an article of a law: add sharing.basis"
        yield problem(source, ["sharing", "kind"], "resource-without-law", zh, en)
    if (sharing["kind"] == "conditional") != ("condition" in sharing):
        zh, en = "有条件共享、且只有它须写明 condition", "the class conditional, and it alone, states its condition"
        yield problem(source, ["sharing", "kind"], "sharing-condition", zh, en)
    personal = [part["id"] for part in data["fields"] if part.get("personal")]
    if data["open"] != "none" and (personal or sharing["kind"] == "none"):
        zh, en = "含个人信息或不予共享的资源不得开放", "what is personal, or not shared, is not open to the public"
        yield problem(source, ["open"], "resource-open", zh, en)


def _certificate(name: str, source: Source, stores: dict[tuple[str, str], str]) -> Iterator[Problem]:
    """A store of certificates gives what stands in it, of one kind, and is the only source of that kind."""
    data = source.data
    kind = data["certificate"]
    if not uscc_is_valid(kind[:18]):
        zh, en = f"{kind[:18]} 不是有效的统一社会信用代码", f"{kind[:18]} is no valid unified social credit code"
        yield problem(source, ["certificate"], "uscc", zh, en)
    other = stores.setdefault((kind, data["provider"]), name)
    if other != name:
        zh, en = f"{other} 已提供这一类证照;一数一源", f"{other} gives these certificates already: one source for each"
        yield problem(source, ["certificate"], "duplicate-resource", zh, en)
    for index, part in enumerate(data["fields"]):
        known = ", ".join(f"{one} ({kind_of})" for one, kind_of in CERTIFICATE_FIELDS.items())
        if CERTIFICATE_FIELDS.get(part["id"]) != part["type"] or part.get("personal") or "values" in part:
            zh, en = f"证照库只有信息项 {known},均非个人信息", f"a store of certificates has {known}, none personal"
            yield problem(source, ["fields", index], "certificate-field", zh, en)
    if data.get("grade", "A") != "A":
        zh, en = "签发机关提供的证照为 A 级", "what the issuing body gives itself is of grade A"
        yield problem(source, ["grade"], "certificate-grade", zh, en)
