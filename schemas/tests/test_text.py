"""Which characters free text may hold."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tongban_schemas.text import TextError, read_text

INVISIBLE = {
    "U+200B": "\u200b",
    "U+202E": "张\u202e三",
    "U+2028": "张\u2028三",
    "U+E0041": "张\U000e0041三",
    "U+0007": "张\x07三",
    "U+001B": "张\x1b三",
    "U+0000": "张\x00三",
    "U+0009": "张\t三",
    "U+000A": "张\n三",
    "U+FEFF": "张\ufeff三",
    "U+00AD": "张\xad三",
    "U+2066": "张\u2066三",
    "U+3164": "\u3164",
    "U+2800": "\u2800",
    "U+034F": "张\u034f三",
    "U+FFFE": "张\ufffe三",
    "U+FDD0": "张\ufdd0三",
    "U+1FFFF": "张\U0001ffff三",
    "U+E000": "张\ue000三",
    "U+F0000": "张\U000f0000三",
    "U+D800": "张\ud800三",
    "U+200D": "张\u200d三",
    "U+200C": "a\u200cb",
    "U+FE00": "\ufe00三",
}


@pytest.mark.parametrize(("code", "typed"), INVISIBLE.items(), ids=list(INVISIBLE))
def test_what_nobody_sees_is_refused_by_its_code_and_place(code: str, typed: str) -> None:
    with pytest.raises(TextError) as refused:
        read_text(typed)
    assert refused.value.code == "character"
    assert code in refused.value.zh
    assert code in refused.value.en
    assert str(refused.value.position) in refused.value.en
    assert "张" not in str(refused.value)


@pytest.mark.parametrize("typed", ["", " ", "\t\n", "\u3000\xa0"])
def test_spaces_alone_are_nothing(typed: str) -> None:
    with pytest.raises(TextError) as refused:
        read_text(typed)
    assert refused.value.code == "empty"


@pytest.mark.parametrize(
    "typed",
    [
        "张三",
        "示例·买买提",
        "བཀྲ་ཤིས་",
        "ᠮᠣᠩᠭᠣᠯ ᠤᠨ",
        "ᠮᠣᠩᠭᠣᠯ\u180eᠠ",
        "ئۇيغۇر",
        "می\u200cخواهم",
        "क्\u200dष",
        "\U00031350示例",
        "\U0002ebf0示例",
        "\U00020bb7示例",
        "辻\U000e0100示例",
        "👨\u200d👩\u200d👧",
        "一二三〇",
        "O'Brien-示例 (2)",
        "\u0600١٢",
    ],
)
def test_what_people_write_is_taken(typed: str) -> None:
    assert read_text(typed) == unicodedata.normalize("NFC", typed)


def test_text_of_several_lines_has_one_kind_of_line_end() -> None:
    assert read_text(" 第一行\r\n第二行\r第三行\u2028四\t五 ", lines=True) == "第一行\n第二行\n第三行\n四 五"


def test_text_is_composed_and_too_long_text_says_by_how_much() -> None:
    assert read_text("e\u0301") == "\u00e9"
    with pytest.raises(TextError, match="10 characters and has 11"):
        read_text("字" * 11, most=10)


@settings(max_examples=300, deadline=None)
@given(st.text(), st.booleans())
def test_what_was_read_is_read_again_unchanged(typed: str, lines: bool) -> None:
    try:
        once = read_text(typed, lines=lines)
    except TextError:
        return
    assert read_text(once, lines=lines) == once
    assert all(one == "\n" or unicodedata.category(one) not in ("Cc", "Cs", "Co", "Zl", "Zp") for one in once)
