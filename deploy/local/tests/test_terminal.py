"""Columns of mixed Chinese and English text."""

import pytest
from tongban_local.terminal import clipped, fitted, row, width


@pytest.mark.parametrize(
    ("text", "columns"), [("abc", 3), ("部门", 4), ("部门 ab", 7), ("（）", 4), ("e\u0301", 1), ("", 0)]
)
def test_east_asian_characters_are_two_columns_wide(text: str, columns: int) -> None:
    assert width(text) == columns


@pytest.mark.parametrize("columns", range(1, 14))
def test_a_fitted_text_takes_exactly_its_columns(columns: int) -> None:
    for text in ("国有建设用地", "Land 用地预审", "a", ""):
        assert width(fitted(text, columns)) == columns
        assert width(clipped(text, columns)) <= columns


def test_a_text_is_cut_with_an_ellipsis_and_only_when_it_must() -> None:
    assert clipped("施工许可证", 10) == "施工许可证"
    assert clipped("施工许可证", 9) == "施工许可…"
    assert clipped("施工许可证", 8) == "施工许…"


def test_cells_of_a_row_begin_at_the_same_column() -> None:
    rows = [row((name, 10), ("x", 4)) for name in ("卫生", "Health", "公安局")]
    assert {width(line[: line.index("x")]) for line in rows} == {12}
    assert not any(line.endswith(" ") for line in rows)
