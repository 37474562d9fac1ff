"""What people read is words: days, money and places as they write them, English in English, no codes of programs."""

import re
from datetime import UTC, date, datetime
from importlib.resources import files

import pytest
from tongban_catalog.load import Catalog
from tongban_intake.act_reading import _row
from tongban_intake.presentation import GRADES, Words, basis_cited
from tongban_intake.presentation.dates import day_words, month_words, time_words, yuan
from tongban_intake.presentation.values import value_words

PROGRAMS = re.compile(r"SHA-?256|JWS|GB/T|GB/T 2260|[ABCD] ?级|grade [ABCD]|\bUUID\b")


def test_days_and_times_are_written_as_people_write_them() -> None:
    assert day_words(date(2026, 3, 9)).zh == "2026年3月9日"
    assert day_words(date(2026, 3, 9)).en == "9 March 2026"
    at = datetime(2026, 3, 8, 16, 5, tzinfo=UTC)
    assert (time_words(at).zh, time_words(at).en) == ("2026年3月9日 00:05", "9 March 2026, 00:05")
    assert (month_words(2026, 12).zh, month_words(2026, 12).en) == ("2026年12月", "December 2026")


@pytest.mark.parametrize(
    ("amount", "written"), [(0, "0"), (8600, "8,600"), (8600.5, "8,600.50"), (1234567.0, "1,234,567")]
)
def test_money_is_written_as_people_write_it(amount: float, written: str) -> None:
    assert yuan(amount) == written


@pytest.mark.parametrize(
    ("schema", "value", "zh", "en"),
    [
        ({"format": "date"}, "1880-05-01", "1880年5月1日", "1 May 1880"),
        ({"x-field": "date"}, "2026-03-09", "2026年3月9日", "9 March 2026"),
        ({"x-field": "region"}, "990101", "示范省 99 示范市示范区", "the district of Province 99"),
        ({"x-field": "region"}, "110101", "110101", "110101"),
        ({"x-field": "money"}, 8600.5, "8,600.50 元", "8,600.50 yuan"),
        ({"type": "integer"}, 2026, "2026", "2026"),
        ({"type": "boolean"}, True, "是", "yes"),
        ({"format": "date"}, "未定", "未定", "未定"),
        ({"x-labels": {"a": {"zh": "甲", "en": "A"}}}, "a", "甲", "A"),
    ],
)
def test_an_answer_is_shown_as_people_read_it(schema: dict[str, object], value: object, zh: str, en: str) -> None:
    assert value_words(schema, value) == Words(zh=zh, en=en)


def test_the_basis_of_an_act_is_english_in_english(catalog: Catalog) -> None:
    chinese = re.compile(r"[\u4e00-\u9fff]")
    read = 0
    for item in catalog.items.values():
        for step in item.steps:
            cited = [basis_cited(one).zh for one in step.basis]
            if cited:
                row = _row("basis", cited, {}, item)
                assert row.value.zh == "、".join(cited)
                assert not chinese.search(row.value.en), (item.code, step.id, row.value.en)
                read += 1
    assert read > 20


def test_no_template_shows_people_what_only_programs_read() -> None:
    shown = {}
    for package in ("tongban_intake", "tongban_notify", "tongban_certificates"):
        folder = files(package) / ("templates" if package == "tongban_notify" else "pages")
        for page in folder.iterdir():
            if page.name.endswith((".html", ".txt")):
                text = re.sub(r"{%.*?%}|{{.*?}}|<[^>]*>", "", page.read_text(encoding="utf-8"))
                shown[f"{package}/{page.name}"] = PROGRAMS.findall(text)
    assert len(shown) > 20
    assert {name: found for name, found in shown.items() if found} == {}
    assert not any(PROGRAMS.search(f"{words.zh} {words.en}") for words in GRADES.values())
