import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tongban_catalog.codes import (
    USCC_ALPHABET,
    CaseNumber,
    CodeError,
    case_number,
    citizen_check_character,
    citizen_id,
    citizen_id_is_valid,
    split_basic_code,
    split_case_number,
    split_item_code,
    uscc_check_character,
    uscc_is_valid,
)

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "code_vectors.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("code", [vector["v"] for vector in VECTORS["uscc"]["valid"]])
def test_valid_uscc_passes(code: str) -> None:
    assert uscc_is_valid(code)


@pytest.mark.parametrize("code", [vector["v"] for vector in VECTORS["uscc"]["invalid"]])
def test_invalid_uscc_fails(code: str) -> None:
    assert not uscc_is_valid(code)


@given(st.text(USCC_ALPHABET, min_size=17, max_size=17), st.integers(0, 16), st.sampled_from(USCC_ALPHABET))
def test_one_changed_character_is_always_found(body: str, place: int, other: str) -> None:
    code = body + uscc_check_character(body)
    assert uscc_is_valid(code)
    if other != code[place]:
        assert not uscc_is_valid(code[:place] + other + code[place + 1 :])


@pytest.mark.parametrize("code", VECTORS["item_code31"]["valid"])
def test_item_code_splits_and_joins(code: str) -> None:
    parts = split_item_code(code)
    assert [parts.uscc, parts.level, parts.region, parts.task_type, parts.main, parts.sub] == VECTORS["item_code31"][
        "split"
    ][code]
    assert str(parts) == code


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("11370800MB28559184337011700201", "30"),
        ("11370800MB28559185337011700201" + "1", "USCC"),
        ("11370800MB28559184837011700201" + "1", "level"),
        ("11370800MB2855918433701A7002011", "region 2"),
        ("11370800MB2855918433700170020" + "11", "type 2"),
        ("11370800mb285591843370117002011", "31 digits"),
    ],
)
def test_a_wrong_item_code_says_which_part(code: str, said: str) -> None:
    with pytest.raises(CodeError, match=said):
        split_item_code(code)


TODAY = date(2026, 11, 24)


@pytest.mark.parametrize("number", [vector["v"] for vector in VECTORS["citizen_id"]["valid"]])
def test_a_valid_citizen_number_stays_as_it_is(number: str) -> None:
    assert citizen_id(number, TODAY) == number
    assert citizen_id_is_valid(number, TODAY)


@pytest.mark.parametrize("number", [vector["v"] for vector in VECTORS["citizen_id"]["invalid"]])
def test_an_invalid_citizen_number_fails_and_is_not_repeated(number: str) -> None:
    assert not citizen_id_is_valid(number, TODAY)
    with pytest.raises(CodeError) as told:
        citizen_id(number, TODAY)
    assert number[6:14] not in str(told.value)


@pytest.mark.parametrize("given", [vector["v"] for vector in VECTORS["citizen_id"]["normalise"]])
def test_other_ways_to_write_a_citizen_number_become_the_one(given: str) -> None:
    assert citizen_id(given, TODAY) == VECTORS["citizen_id"]["convert15"]["out"]


def test_fifteen_digits_become_eighteen() -> None:
    vector = VECTORS["citizen_id"]["convert15"]
    assert citizen_id(vector["in"], TODAY) == vector["out"]
    assert citizen_id("１１０１０５１９４９１２３１００２ｘ", TODAY) == vector["out"]


def test_a_citizen_number_is_good_from_the_day_of_birth() -> None:
    number = "110105194912310021"[:17]
    whole = number + citizen_check_character(number)
    assert citizen_id_is_valid(whole, date(1949, 12, 31))
    assert not citizen_id_is_valid(whole, date(1949, 12, 30))


def test_the_case_number_seen_in_use_splits_and_joins() -> None:
    number = VECTORS["case_no_seen"]
    parts = split_case_number(number)
    assert (parts.item_code, parts.day, parts.serial) == (number[:31], date(2022, 6, 23), 68)
    assert case_number(parts.item_code, parts.day, parts.serial) == number


@given(st.dates(date(2000, 1, 1), date(2999, 12, 31)), st.integers(1, 10**7))
def test_case_numbers_split_into_what_they_were_made_of(day: date, serial: int) -> None:
    code = VECTORS["item_code31"]["valid"][0]
    number = case_number(code, day, serial)
    assert split_case_number(number) == CaseNumber(code, day, serial)
    assert re.fullmatch("[0-9A-Z]{31}[0-9]{8}[0-9]{4,}", number)


@pytest.mark.parametrize(
    ("tail", "said"),
    [("202206230", "has 40"), ("202206310001", "no day"), ("202206230000", "0001"), ("2022062300001", "no zeros")],
)
def test_a_wrong_case_number_says_which_part(tail: str, said: str) -> None:
    with pytest.raises(CodeError, match=said):
        split_case_number(VECTORS["item_code31"]["valid"][0] + tail)


def test_serials_begin_with_one() -> None:
    with pytest.raises(CodeError, match="begin with 1"):
        case_number(VECTORS["item_code31"]["valid"][0], TODAY, 0)


def test_a_basic_code_splits_and_joins() -> None:
    code = VECTORS["item_code31"]["valid"][0][19:]
    assert str(split_basic_code(code)) == code
    assert split_basic_code(code).main == "17002"


@pytest.mark.parametrize("code", ["37011700201", "3701170020111", "37011700201a", "370017002011"])
def test_a_wrong_basic_code_is_refused(code: str) -> None:
    with pytest.raises(CodeError):
        split_basic_code(code)
