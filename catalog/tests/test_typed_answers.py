"""Answers of a form are read by their kind, kept in one form, and lie within the days that the item names."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tongban_catalog.check import check_standards
from tongban_catalog.fields.asking import asked
from tongban_catalog.form import Form
from tongban_catalog.item import Item, form_errors
from tongban_catalog.load import PACKAGED, load_catalog

CATALOG = load_catalog()
MEDICAL = CATALOG.item("medical-reimbursement")
TODAY = date(2026, 11, 30)


def errors(**changed: Any) -> dict[str, str]:
    answers = MEDICAL.form.example() | changed
    return {one["field"]: one["message_en"] for one in form_errors(MEDICAL, answers, (), TODAY)}


@pytest.mark.parametrize(
    ("field", "typed", "kept"),
    [
        ("patient_id", "９９０１０１ 1880 0404 0041", "990101188004040041"),
        ("patient_name", " 示例•患者 ", "示例·患者"),
        ("treated_region", "９８０１０１", "980101"),
        ("treated_from", "2026年2月2日", "2026-02-02"),
        ("treated_until", "20260209", "2026-02-09"),
        ("total_cost_cny", "8,600.50", 8600.5),
        ("total_cost_cny", "8600元", 8600),
        ("total_cost_cny", "８６００．５", 8600.5),
        ("bank_account", "9900 0000 0000 0000 001", "9900000000000000001"),
        ("contact_phone", "（０１０）12345678", "010-12345678"),
        ("contact_email", "User@例子.中国\u200b", "User@例子.中国"),
    ],
)
def test_an_answer_is_kept_in_the_form_of_its_kind(field: str, typed: str, kept: object) -> None:
    assert errors(**{field: typed}) == {}
    assert MEDICAL.form.normalised({field: typed}) == {field: kept}
    assert MEDICAL.form.normalised({field: typed}, {field}) == {field: typed}


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("patient_id", "990101188004040042", "fails its check"),
        ("patient_id", "110105491231002", "15 digits"),
        ("patient_id", "110105209912310029", "in the future"),
        ("patient_name", "张\t三", "U+0009 (TAB)"),
        ("patient_name", "\u200b", "U+200B (ZERO WIDTH SPACE)"),
        ("patient_name", "张\u202e三", "RIGHT-TO-LEFT OVERRIDE"),
        ("patient_name", "  ", "Fill in “Patient's name”."),
        ("treated_from", "0000-01-01", "no such day"),
        ("treated_until", "2099-01-01", "not after today"),
        ("treated_until", "2026-02-01", "not before “First day of treatment”"),
        ("total_cost_cny", "1_000", "in digits"),
        ("total_cost_cny", "1e3", "in digits"),
        ("total_cost_cny", 8600.555, "two places"),
        ("total_cost_cny", True, "has to be a number"),
        ("contact_phone", "------", "telephone number"),
        ("contact_email", '"a b"@example.com', "QUOTATION MARK"),
    ],
)
def test_what_is_wrong_is_a_sentence_about_the_field(field: str, typed: object, said: str) -> None:
    found = errors(**{field: typed})
    assert set(found) == {field}
    assert said in found[field]


def test_what_a_register_gave_is_taken_as_it_is() -> None:
    given = {"patient_name": "示" * 60, "treated_region": "980101000000"}
    assert form_errors(MEDICAL, MEDICAL.form.example() | given, given.keys(), TODAY) == []


@pytest.mark.parametrize("item", CATALOG.items.values(), ids=CATALOG.items.keys())
def test_numbers_days_and_addresses_of_every_item_say_what_they_are(item: Item) -> None:
    for name, schema in item.form.fields.items():
        if name.endswith(("_email", "_phone", "_uscc", "_id", "_account")):
            assert "x-field" in schema, name
        if name.endswith(("_email", "_phone", "_on", "_from", "_until")) and "enum" not in schema:
            assert asked(schema, item.form.fields).hint is not None, name


def test_a_page_learns_from_the_kind_how_to_ask() -> None:
    fields = MEDICAL.form.fields
    phone, until, name = (asked(fields[one], fields) for one in ("contact_phone", "treated_until", "contact_name"))
    assert (phone.type, phone.inputmode, phone.autocomplete) == ("tel", "tel", "tel")
    assert until.hint is not None
    assert "not before “First day of treatment”, not after today" in until.hint.en
    assert name.autocomplete == "name"


@pytest.mark.parametrize(
    ("before", "after", "rule"),
    [
        (
            "x-field: citizen-number",
            "pattern: '^[0-9]{17}[0-9X]$'\n      x-hint: {zh: 号码, en: number}",
            "kind-by-hand",
        ),
        ("x-field: phone", "pattern: '^[0-9 -]+$'\n      x-hint: {zh: 号码, en: number}", "kind-by-hand"),
        ("x-not-before: treated_from", "x-not-before: patient_name", "day-range"),
        ("x-not-before: treated_from", 'x-not-before: "2026-02-30"', "day-range"),
        ("      x-field: money", "      x-field: phone", "kind-type"),
    ],
)
def test_the_check_refuses_a_form_that_spells_a_kind_by_hand(
    tmp_path: Path, before: str, after: str, rule: str
) -> None:
    name = "standards/medical-reimbursement.yaml"
    said = (PACKAGED / name).read_text(encoding="utf-8")
    assert before in said
    (tmp_path / "standards").mkdir()
    (tmp_path / name).write_text(said.replace(before, after, 1), encoding="utf-8")
    _, problems = check_standards(tmp_path, CATALOG.resources)
    assert rule in {one.rule for one in problems}


def test_a_form_of_an_older_version_is_read_by_type_and_format() -> None:
    form = Form.compile(
        {
            "type": "object",
            "properties": {"mail": {"type": "string", "format": "email"}, "day": {"type": "string", "format": "date"}},
        }
    )
    assert form.normalised({"mail": "a@例子.中国", "day": "2026/3/2"}) == {"mail": "a@例子.中国", "day": "2026-03-02"}
    assert form.errors({"mail": "a@例子.中国"}) == []
