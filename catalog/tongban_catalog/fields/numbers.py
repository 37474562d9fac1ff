"""Numbers that somebody gave out: of citizens, organisations, places, accounts at banks."""

import re
from datetime import date
from typing import Final

from tongban_catalog.codes import USCC_ALPHABET, CodeError, citizen_id, uscc_is_valid
from tongban_catalog.fields.value import FieldError, only_digits, unseparated
from tongban_catalog.words import Text

_CREDIT_CODE: Final = re.compile(f"[{USCC_ALPHABET}]{{18}}")
_ACCOUNT: Final = re.compile(r"[0-9]{10,30}")
_DOUBT: Final = Text(
    "校验位不对，请再核对一遍；确实如此的，可以继续。",
    "Its check character does not fit: look at it again. If it really is so, go on.",
)


def citizen_number(typed: str, today: date) -> str:
    """公民身份号码 (GB 11643): its place, its day of birth and its check character are looked at. Raises `FieldError`."""
    number = unseparated(typed)
    if len(number) == 15 and only_digits(number):
        raise FieldError(
            "fifteen-digits",
            "15 位的旧号码已经停用，请填写现在身份证上的 18 位号码。",
            "Numbers of 15 digits are no longer in use: type the 18 characters on your present identity card.",
        )
    if number.startswith("0"):
        raise FieldError(
            "region",
            "公民身份号码的前 6 位是地区，不会以 0 开头，请核对。",
            "The first 6 digits of a citizen's number are a place and never begin with 0: check them.",
        )
    try:
        return citizen_id(number, today)
    except CodeError as error:
        raise FieldError("citizen-number", f"{error.zh}。", f"{error.en[0].upper()}{error.en[1:]}.") from None


def credit_code(typed: str) -> tuple[str, Text | None]:
    """统一社会信用代码 (GB 32100), and a doubt where its check character is wrong.

    Registries have issued such codes. Raises `FieldError`.
    """
    code = unseparated(typed)
    if len(code) == 18 and (foreign := sorted(set(code) & set("IOSVZ"))):
        letters = "、".join(foreign)
        raise FieldError(
            "credit-code",
            f"统一社会信用代码中没有字母 {letters}，请看看是否是数字 1、0、5 或 2。",
            f"A unified social credit code has no letter {', '.join(foreign)}: look whether it is a 1, 0, 5 or 2.",
        )
    if _CREDIT_CODE.fullmatch(code) is None:
        raise FieldError(
            "credit-code",
            "统一社会信用代码应为 18 位数字和大写字母，请照营业执照填写。",
            "A unified social credit code has 18 digits and capital letters: copy it from the licence.",
        )
    return code, None if uscc_is_valid(code) else _DOUBT


def region_code(typed: str) -> str:
    """行政区划代码 (GB/T 2260). Raises `FieldError`."""
    code = unseparated(typed)
    if len(code) != 6 or not only_digits(code) or code.startswith("0"):
        raise FieldError(
            "region",
            "行政区划代码应为 6 位数字，例如 990101；更长的代码只填前 6 位。",
            "The code of a place has 6 digits, such as 990101; of a longer code type the first 6.",
        )
    return code


def bank_account(typed: str) -> str:
    """银行账号, in groups or not. Raises `FieldError`."""
    account = unseparated(typed)
    if _ACCOUNT.fullmatch(account) is None:
        raise FieldError(
            "bank-account",
            "银行账号应为 10 至 30 位数字，请照存折或银行卡填写。",
            "A bank account has 10 to 30 digits: copy it from the card or the bank book.",
        )
    return account
