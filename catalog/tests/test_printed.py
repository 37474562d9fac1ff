"""What stands on a certificate and cannot be printed yet is told before anybody submits it."""

import pytest
from tongban_catalog.load import load_catalog
from tongban_catalog.printed import code_points, printed_answers, printing_notices, unprintable_answers

_CATALOG = load_catalog()
_EXTENSION_I = "\U0002ebf0"


@pytest.mark.parametrize("code", sorted(_CATALOG.items))
def test_what_an_item_prints_is_an_answer_of_its_form(code: str) -> None:
    item = _CATALOG.item(code)
    assert set(printed_answers(item)) <= set(item.form.fields)
    assert item.holder is None or item.holder.name in printed_answers(item)


def test_a_person_is_told_which_character_and_what_to_do() -> None:
    item = _CATALOG.item("birth-registration")
    assert item.holder is not None
    [notice] = printing_notices(item, {item.holder.name: f"王{_EXTENSION_I}"})
    assert notice["field"] == item.holder.name
    for message in (notice["message_zh"], notice["message_en"]):
        assert f"“{_EXTENSION_I}”（U+2EBF0）" in message
    assert "身份证件" in notice["message_zh"]
    assert "identity" in notice["message_en"]


@pytest.mark.parametrize("name", ["王五", "\U00020bb7野", "买买提·吐尔逊", "བསོད་ནམས"])
def test_nobody_is_bothered_about_what_can_be_printed(name: str) -> None:
    item = _CATALOG.item("birth-registration")
    assert item.holder is not None
    assert printing_notices(item, {item.holder.name: name}) == []


def test_what_no_certificate_prints_is_nobody_s_trouble() -> None:
    item = _CATALOG.item("birth-registration")
    other = next(name for name in item.form.fields if name not in printed_answers(item))
    assert unprintable_answers(item, {other: _EXTENSION_I}) == {}


def test_operators_are_told_code_points_alone_each_once() -> None:
    item = _CATALOG.item("birth-registration")
    assert item.holder is not None
    assert code_points(unprintable_answers(item, {item.holder.name: f"王{_EXTENSION_I}{_EXTENSION_I}"})) == ["U+2EBF0"]
