import json
from typing import Any
from uuid import uuid4

import pytest
from tongban_catalog.item import Item, form_errors, split_personal
from tongban_catalog.load import load_catalog
from tongban_runtime.sealing import misplaced

ITEM = load_catalog().item("enterprise-investment-project")


def errors(item: Item = ITEM, drop: str = "", **changed: Any) -> dict[str, tuple[str, str]]:
    answers = {name: value for name, value in {**item.form.example(), **changed}.items() if name != drop}
    return {found["field"]: (found["message_zh"], found["message_en"]) for found in form_errors(item, answers)}


@pytest.mark.parametrize(
    ("changed", "zh", "en"),
    [
        ({"drop": "project_name"}, "请填写“项目名称”。", "Fill in “Project name”."),
        ({"project_name": "   "}, "请填写“项目名称”。", "Fill in “Project name”."),
        ({"project_name": "厂"}, "至少写 2 个字", "write at least 2 characters"),
        ({"project_name": "厂" * 101}, "最多 100 个字", "takes at most 100 characters"),
        ({"project_name": 7}, "“项目名称”应为文字。", "“Project name” has to be text."),
        ({"project_name": None}, "“项目名称”应为文字。", "“Project name” has to be text."),
        ({"company_uscc": "91990000ma0000019"}, "18 位数字和大写字母", "18 digits and capital letters"),
        ({"project_region": "99000"}, "行政区划代码应为 6 位数字", "has 6 digits"),
        ({"project_region": "990000000000"}, "行政区划代码应为 6 位数字", "has 6 digits"),
        ({"project_list": "later"}, "filing (备案)、approval (核准(列入核准目录))", "filing (filing), approval"),
        ({"investment_cny_10k": 0}, "“总投资(万元)”应大于 0。", "has to be more than 0"),
        ({"energy_tce": -1}, "不能小于 0", "cannot be less than 0"),
        ({"power_mwh": 1e12}, "不能大于 100000000", "cannot be more than 100000000"),
        ({"power_mwh": float("nan")}, "应为数字", "has to be a number"),
        ({"traffic_impact": "yes"}, "应为是或否", "yes or no (true or false)"),
        ({"contact_email": "nobody"}, "请只填写一个电子邮箱地址", "one e-mail address and nothing else"),
        ({"contact_name": "\ud800"}, "无法识别的字符", "cannot be read"),
        ({"project_nam": "厂房"}, "是否应为 project_name?", "Did you mean project_name?"),
        ({"zzz": 1}, "没有名为 zzz 的项。请删除。", "There is no field zzz. Remove it."),
    ],
)
def test_a_message_says_what_to_do_in_both_languages(changed: dict[str, Any], zh: str, en: str) -> None:
    found = errors(**changed)
    (field,) = found
    assert zh in found[field][0]
    assert en in found[field][1]
    assert field == changed.get("drop", next(iter(changed)))


@pytest.mark.parametrize("answer", ["s1.", "s1.AAAA", ["s1.x"], {"s1.x": 1}, {"a": ["厂房", {"b": "s1."}]}])
def test_an_answer_in_the_clear_cannot_be_taken_for_a_sealed_value(answer: Any) -> None:
    """Readers set such an event aside, and after a few of them they stop."""
    assert misplaced(uuid4(), json.dumps({"answers": {"project_name": answer}}).encode())
    assert "不能以 s1. 开头" in errors(project_name=answer)["project_name"][0]


def test_what_only_holds_the_mark_of_sealed_values_is_an_answer_like_others() -> None:
    for answer in ("厂房 s1.", '厂房 "s1.x', '"s1.x', 'x\\"s1.'):
        assert not misplaced(uuid4(), json.dumps({"answers": {"project_name": answer}}).encode())
        assert errors(project_name=answer, contact_email="s1.me@example.com") == {}


def test_an_answer_like_a_sealed_value_hides_no_other_problem() -> None:
    assert set(errors(project_name="s1.x", contact_email="x")) == {"project_name", "contact_email"}


def test_every_problem_is_told_at_once_in_the_order_of_the_form() -> None:
    found = form_errors(ITEM, {"contact_email": "x", "company_name": 1, "unknown": 2})
    fields = [error["field"] for error in found]
    known = [name for name in ITEM.form.fields if name in fields]
    assert fields == [*known, "unknown"]
    assert set(ITEM.form.required) <= set(fields)


def test_messages_never_hold_a_personal_answer() -> None:
    canary = "canary-4711"
    found = errors(contact_email=canary, contact_phone=canary, contact_name=canary * 10)
    assert set(found) == {"contact_email", "contact_phone", "contact_name"}
    assert canary not in str(found)


def test_personal_answers_are_split_off() -> None:
    plain, personal = split_personal(ITEM, ITEM.form.example())
    assert set(personal) == {"contact_name", "contact_phone", "contact_email"}
    assert set(plain) | set(personal) == set(ITEM.form.example())
    assert not set(plain) & set(personal)


def test_a_personal_answer_of_a_wrong_type_is_never_plain() -> None:
    plain, personal = split_personal(ITEM, {"contact_name": 12, "project_name": "厂房"})
    assert (plain, personal) == ({"project_name": "厂房"}, {"contact_name": "12"})
