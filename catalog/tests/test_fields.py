"""What a value of each kind is, and how people write it."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tongban_catalog.fields import FIELD_KINDS, FieldError, FieldKind, read

TODAY = date(2026, 11, 30)

TAKEN: list[tuple[FieldKind, str, str]] = [
    ("citizen-number", "11010519491231002X", "11010519491231002X"),
    ("citizen-number", "11010519491231002x", "11010519491231002X"),
    ("citizen-number", "440524188001010014", "440524188001010014"),
    ("citizen-number", "810000188001010015", "810000188001010015"),
    ("citizen-number", "83000018800101002７", "830000188001010027"),
    ("citizen-number", " 110105 1949 1231 002x ", "11010519491231002X"),
    ("citizen-number", "１１０１０５１９４９１２３１００２ｘ", "11010519491231002X"),
    ("citizen-number", "\u200e110105-19491231-002X\u202c", "11010519491231002X"),
    ("citizen-number", "110105188002290022", "110105188002290022"),
    ("credit-code", "9135 0100 m000 100y 43", "91350100M000100Y43"),
    ("credit-code", "N1110101MF0000013C", "N1110101MF0000013C"),
    ("credit-code", "91350211M0000XUF46", "91350211M0000XUF46"),
    ("region", " ９９０１０１ ", "990101"),
    ("date", "2026/3/2", "2026-03-02"),
    ("date", "2026-3-2", "2026-03-02"),
    ("date", "2026.03.02", "2026-03-02"),
    ("date", "2026年3月2日", "2026-03-02"),
    ("date", "20260302", "2026-03-02"),
    ("date", "２０２６年０３月０２日", "2026-03-02"),
    ("money", "8,600.50", "8600.50"),
    ("money", "８６００．５０", "8600.50"),
    ("money", "8600元", "8600.00"),
    ("money", "￥ 8600.5", "8600.50"),
    ("money", "8600.500", "8600.50"),
    ("number", "1,000,000", "1000000"),
    ("number", "１２．５", "12.5"),
    ("integer", "12.0", "12"),
    ("phone", "(010)12345678", "010-12345678"),
    ("phone", "（０１０）１２３４５６７８", "010-12345678"),
    ("phone", "01012345678", "010-12345678"),
    ("phone", "010-12345678 转 801", "010-12345678-801"),
    ("phone", "010-1234 5678-801", "010-12345678-801"),
    ("phone", "0991 1234567 ext. 12", "0991-1234567-12"),
    ("phone", "＋86 138 0013 8000", "+8613800138000"),
    ("phone", "0085212345678", "+85212345678"),
    ("phone", "138-0013-8000", "13800138000"),
    ("phone", "000-00000000", "000-00000000"),
    ("phone", "400 810 8888", "4008108888"),
    ("phone", "12345", "12345"),
    ("bank-account", "6222 0000 0000 0000 012", "6222000000000000012"),
    ("email", "a@example.com", "a@example.com"),
    ("email", " A.b+c@Example.COM\u200b", "A.b+c@example.com"),
    ("email", "ａ＠ｅｘａｍｐｌｅ．ｃｏｍ", "a@example.com"),
    ("email", "示例@example.com", "示例@example.com"),
    ("email", "user@例子.中国", "user@例子.中国"),
    ("name", " 示例　三 ", "示例 三"),
    ("name", "示例•买买提", "示例·买买提"),
    ("name", "示例・买买提", "示例·买买提"),
    ("name", "示例．买买提", "示例·买买提"),
    ("name", "示例 . 买买提", "示例·买买提"),
    ("name", "J. Example", "J. Example"),
    ("name", "\U00031350\U0002ebf0", "\U00031350\U0002ebf0"),
    ("text", "  一行  ", "一行"),
    ("long-text", "一行\r\n二行", "一行\n二行"),
]


@pytest.mark.parametrize(("kind", "typed", "kept"), TAKEN)
def test_what_people_write_is_kept_in_one_form(kind: FieldKind, typed: str, kept: str) -> None:
    value = read(kind, typed, today=TODAY)
    assert value.value == kept
    assert value.changed is (typed != kept)
    assert read(kind, kept, today=TODAY).changed is False


REFUSED: list[tuple[FieldKind, str, str]] = [
    ("citizen-number", "110105194912310021", "citizen-number"),
    ("citizen-number", "11010519491231002", "citizen-number"),
    ("citizen-number", "110105199902300015", "citizen-number"),
    ("citizen-number", "110105209912310029", "citizen-number"),
    ("citizen-number", "110105491231002", "fifteen-digits"),
    ("citizen-number", "010105194912310021", "region"),
    ("credit-code", "91350100M000100YIO", "credit-code"),
    ("credit-code", "91350100M000100Y4", "credit-code"),
    ("region", "990101000000", "region"),
    ("region", "000000", "region"),
    ("date", "2026-02-30", "no-such-day"),
    ("date", "2026-13-01", "no-such-day"),
    ("date", "0000-01-01", "no-such-day"),
    ("date", "2026-12", "date"),
    ("date", "2025111", "date"),
    ("date", "3/2/2026", "date"),
    ("date", "0001-01-01", "far-day"),
    ("money", "8600.555", "places"),
    ("money", "1_000", "number"),
    ("money", "1e3", "number"),
    ("money", "1,00", "number"),
    ("money", "nan", "number"),
    ("money", "86万", "number"),
    ("integer", "1.5", "whole-number"),
    ("phone", "------", "phone"),
    ("phone", "1234", "phone"),
    ("phone", "call me", "phone"),
    ("phone", "+" + "1" * 16, "phone"),
    ("bank-account", "1234", "bank-account"),
    ("email", "Example <a@example.com>", "email"),
    ("email", "a@b", "email"),
    ("email", "a@localhost", "email"),
    ("email", "a@[127.0.0.1]", "email-character"),
    ("email", "a@127.0.0.1", "email"),
    ("email", "a@example.com1111111", "email"),
    ("email", '"a b"@example.com', "email-character"),
    ("email", "a@example.com，", "email-character"),
    ("email", "a@exam\u200bple.com", "email-character"),
    ("email", "a b@example.com", "email-character"),
    ("email", "a@@example.com", "email-character"),
    ("email", ".a@example.com", "email"),
    ("email", "a..b@example.com", "email"),
    ("email", "a@-example.com", "email"),
    ("email", "a" * 65 + "@example.com", "email-length"),
    ("email", "@example.com", "email"),
    ("name", "\u200b", "character"),
    ("name", "张\t三", "character"),
    ("name", "·", "name"),
    ("name", "  ", "empty"),
    ("text", "a\nb", "character"),
    ("long-text", "a\x1bb", "character"),
]


@pytest.mark.parametrize(("kind", "typed", "code"), REFUSED)
def test_what_is_none_of_its_kind_is_refused_with_what_to_do(kind: FieldKind, typed: str, code: str) -> None:
    with pytest.raises(FieldError) as refused:
        read(kind, typed, today=TODAY)
    assert refused.value.code == code
    assert refused.value.zh.endswith("。")
    assert refused.value.en.endswith(".")


@pytest.mark.parametrize("kind", [kind for kind in FIELD_KINDS if kind not in ("name", "text", "long-text")])
def test_messages_never_hold_what_was_typed(kind: FieldKind) -> None:
    with pytest.raises(FieldError) as refused:
        read(kind, "canary 4711")
    assert "canary" not in str(refused.value)
    assert "4711" not in str(refused.value)


def test_a_code_with_a_wrong_check_character_is_taken_with_a_doubt() -> None:
    """Registries have issued such codes."""
    doubtful, sure = read("credit-code", "91350211M0000XUF46"), read("credit-code", "91350100M000100Y43")
    assert doubtful.doubt is not None
    assert sure.doubt is None


def test_the_comma_at_the_end_of_an_address_is_named() -> None:
    with pytest.raises(FieldError, match=r"U\+002C"):
        read("email", "a@example.com，")


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(FIELD_KINDS), st.one_of(st.text(), st.text("0123456789-+.,()转xX年月日@a例 ·•")))
def test_reading_what_was_kept_changes_nothing(kind: FieldKind, typed: str) -> None:
    try:
        kept = read(kind, typed, today=TODAY).value
    except FieldError:
        return
    assert read(kind, kept, today=TODAY).value == kept
