import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tongban_catalog.codes import USCC_ALPHABET, CodeError, split_item_code, uscc_check_character, uscc_is_valid

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
