"""Finding services by words, the guides, and the linked data in them; all of it public."""

import json
import re
from importlib.resources import files

import pytest
from tongban_catalog.load import Catalog
from tongban_intake.api.guide import linked_data
from tongban_intake.search import find

from .conftest import Service

PROJECT = "enterprise-investment-project"
CREDIT = "credit-repair"


def found(catalog: Catalog, query: str) -> list[str]:
    names = {item.code: name for name, item in catalog.items.items()}
    return [names[item.code] for item in find(catalog.items.values(), catalog.departments, query)]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("企业投资项目", PROJECT),
        ("企业投资审批", PROJECT),
        ("INVESTMENT project", PROJECT),
        ("信用修复", CREDIT),
        ("credit", CREDIT),
        ("文物局", PROJECT),
        ("考古 企业", PROJECT),
    ],
)
def test_items_are_found_by_name_department_and_step(catalog: Catalog, query: str, first: str) -> None:
    assert found(catalog, query)[0] == first


def examples() -> set[str]:
    """What the pages themselves say that one can look for."""
    shown = (files("tongban_intake") / "pages").iterdir()
    said = [
        re.findall(r'placeholder="例如：([^"]+)"', page.read_text()) for page in shown if page.name.endswith(".html")
    ]
    return {word for texts in said for text in texts for word in text.split()}


def test_what_a_page_gives_as_an_example_is_found(catalog: Catalog) -> None:
    assert len(examples()) >= 5
    assert [word for word in sorted(examples()) if not found(catalog, word)] == []


def test_every_item_is_found_by_what_people_call_it(catalog: Catalog) -> None:
    called = [(name, word) for name, item in catalog.items.items() for word in item.also_called]
    assert {name for name, _ in called} == set(catalog.items)
    assert [(name, word) for name, word in called if name not in found(catalog, word)[:4]] == []


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("入学", "primary-school-enrolment"),
        ("上学", "primary-school-enrolment"),
        ("上小学", "primary-school-enrolment"),
        ("enrolment", "primary-school-enrolment"),
        ("开店", "enterprise-start-up"),
        ("开公司", "enterprise-start-up"),
        ("餐饮", "food-business-permit"),
        ("看病", "medical-reimbursement"),
        ("准生证", "birth-registration"),
        ("生孩子", "birth-registration"),
        ("社保转移", "pension-transfer"),
        ("烟草证", "tobacco-retail-permit"),
        ("養老保險", "pension-transfer"),
        ("醫療費用報銷", "medical-reimbursement"),
        ("開公司", "enterprise-start-up"),
        ("ｐｅｎｓｉｏｎ", "pension-transfer"),
        ("ＳＣＨＯＯＬ　ｅｎｒｏｌｍｅｎｔ", "primary-school-enrolment"),
    ],
)
def test_people_s_own_words_in_any_width_are_found(catalog: Catalog, query: str, wanted: str) -> None:
    assert wanted in found(catalog, query)[:3]


def test_every_word_has_to_be_found(catalog: Catalog) -> None:
    assert found(catalog, "投资 信用修复xyz") == []
    assert found(catalog, "天外飞仙") == []
    assert sorted(found(catalog, "  ")) == sorted(catalog.items)


def test_items_are_found_by_whom_they_are_for(catalog: Catalog) -> None:
    assert {PROJECT, CREDIT} <= set(found(catalog, "企业法人"))
    assert PROJECT in found(catalog, "company")


def test_nothing_in_linked_data_ends_its_element() -> None:
    text = linked_data({"name": "</script><script>alert(1)</script> & 示例"})
    assert "<" not in text
    assert json.loads(text)["name"].startswith("</script>")


async def test_the_public_list_and_its_search_need_no_session_and_no_script(service: Service, catalog: Catalog) -> None:
    code = catalog.items[PROJECT].code
    async with service.client() as nobody:
        everything = await nobody.get("/services")
        searched = await nobody.get("/services", params={"q": "信用"})
        nothing = await nobody.get("/services", params={"q": "天外飞仙"})
        home = await nobody.get("/")
    assert everything.status_code == 200
    assert f'href="/services/{code}"' in everything.text
    assert "<script" not in everything.text
    assert f'href="/services/{code}"' not in searched.text
    assert 'value="信用"' in searched.text
    assert "找到 0 个事项" in nothing.text
    assert 'role="search"' in home.text


async def test_the_guide_tells_everything_and_carries_its_linked_data(service: Service, catalog: Catalog) -> None:
    item = catalog.items[PROJECT]
    async with service.client() as nobody:
        page = await nobody.get(f"/services/{item.code}")
        data = await nobody.get(f"/v1/items/{item.code}/cpsv")
    assert page.status_code == 200
    assert item.counters
    for text in (
        item.materials[0].name.zh,
        item.materials[0].issuer.zh,
        item.materials[0].obtain[0].zh,
        item.steps[0].name.zh,
        item.counters[0].address.zh,
        item.contacts[0].name.zh,
        "不收费",
        "行政许可法",
        "45 个工作日",
        item.code,
    ):
        assert text in page.text, text
    embedded = re.search(r'<script type="application/ld\+json">(.*?)</script>', page.text, re.DOTALL)
    assert embedded is not None
    assert data.headers["content-type"].startswith("application/ld+json")
    assert json.loads(embedded[1]) == data.json()
    assert any(node["@type"] == "cpsv:PublicService" for node in data.json()["@graph"])
    assert f'href="/v1/items/{item.code}/cpsv?version={item.version}"' in page.text


async def test_the_list_as_data_is_searched_as_well(service: Service, catalog: Catalog) -> None:
    async with service.client() as nobody:
        answer = await nobody.get("/v1/items", params={"q": "信用修复"})
        too_long = await nobody.get("/v1/items", params={"q": "x" * 101})
    assert answer.json()[0]["code"] == catalog.items[CREDIT].code
    assert answer.json()[0]["service_objects"] == list(catalog.items[CREDIT].service_objects)
    assert too_long.status_code == 422


@pytest.mark.parametrize("path", ["/services/nothing", f"/services/{'0' * 31}", f"/services/{'0' * 31}?version=x"])
async def test_an_unknown_guide_is_a_page(service: Service, path: str) -> None:
    async with service.client() as nobody:
        answer = await nobody.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert 'href="/services"' in answer.text


async def test_a_foreign_text_is_shown_and_not_obeyed(service: Service) -> None:
    async with service.client() as nobody:
        answer = await nobody.get("/services", params={"q": '"><script>alert(1)</script>'})
    assert "<script>alert" not in answer.text
