"""What the verified sign-in knows is not asked (State Council Provisions on Online Government Services art. 7). Pure."""

from collections.abc import Iterator, Mapping
from typing import Final

from tongban_catalog.department import Department
from tongban_catalog.problem import Problem, problem
from tongban_catalog.source import Source

_PERSON: Final = "1"
_PERSONAL: Final = frozenset({"name", "id_number"})


def from_sign_in(source: Source, _: Mapping[str, Department]) -> Iterator[Problem]:
    """Answers that the sign-in says are text of the form; the code of a holder who applies is one of them."""
    item = source.data
    fields, known = item["form"]["properties"], item.get("from_sign_in", {})
    supplied = {answer for one in item.get("sources", ()) for answer in one.get("supplies", {})}
    for name, fact in known.items():
        place, field = ["from_sign_in", name], fields.get(name)
        if field is None or field.get("type") != "string":
            zh, en = f"表单没有文字字段 {name}", f"the form has no text field {name}"
            yield problem(source, place, "sign-in-field", zh, en)
        elif fact in _PERSONAL and field.get("x-personal") is not True:
            zh, en = f"{name} 取自个人的登录信息,应标明 x-personal", f"{name} says who somebody is: mark it x-personal"
            yield problem(source, place, "sign-in-field", zh, en)
        elif fact == "organisation_code" and set(item["service_object"]) == {_PERSON}:
            zh, en = (
                "本事项只由个人申请,登录时没有单位",
                "only persons apply for this item: no sign-in names an organisation",
            )
            yield problem(source, place, "sign-in-field", zh, en)
        elif name in supplied:
            zh, en = f"{name} 已由数据源提供", f"{name} is supplied by a source already"
            yield problem(source, place, "sign-in-field", zh, en)
    holder = item.get("holder", {})
    if "code" in holder and holder["code"] not in known and not holder.get("another"):
        zh = f"{holder['code']} 是登录信息中已有的,不得再问;请列入 from_sign_in,持证人可以是他人的注明 another: true"
        en = (
            f"the sign-in knows {holder['code']}: list it under from_sign_in, or say another: true where the holder may be "
            "somebody else"
        )
        yield problem(source, ["holder", "code"], "asks-what-sign-in-knows", zh, en)
