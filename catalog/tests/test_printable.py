"""What a certificate cannot print is known before anybody applies."""

import pytest
from tongban_catalog.printable import lines, named, shapeless, unprintable


@pytest.mark.parametrize(
    "text", ["", "张三", "买买提·吐尔逊", "José Ñandú", "\U00020bb7野家", "\U0002ebe0", "བསོད་ནམས", "王 五（北京）"]
)
def test_names_that_can_be_printed(text: str) -> None:
    assert unprintable(text) == []


@pytest.mark.parametrize(
    ("text", "characters"),
    [
        ("王\U0002ebf0", ["\U0002ebf0"]),
        ("\ue000王\ue000", ["\ue000"]),
        ("王\t五\x07\x1b", ["\t", "\x07", "\x1b"]),
        ("\u200b", ["\u200b"]),
        ("王\u202e\u2028\U000e0041", ["\u202e", "\u2028", "\U000e0041"]),
        ("\ud800", ["\ud800"]),
    ],
    ids=["extension I", "private use", "control", "nothing visible", "order and tags", "half a character"],
)
def test_what_cannot_be_printed_is_named_once_each_in_its_order(text: str, characters: list[str]) -> None:
    assert unprintable(text) == characters


def test_a_person_is_told_of_a_character_with_its_code() -> None:
    assert named(["\U0002ebf0", "\n", "\u200b"]) == "“\U0002ebf0”（U+2EBF0）、U+000A、U+200B"


def test_unassigned_in_an_old_table_is_not_shapeless() -> None:
    assert not shapeless("\U0002ebf0")
    assert not shapeless("\U00031350")


def test_ranges_are_closed_and_in_order() -> None:
    assert list(lines([5, 1, 2, 3, 2, 9])) == ["1-3", "5-5", "9-9"]
    assert list(lines([])) == []
