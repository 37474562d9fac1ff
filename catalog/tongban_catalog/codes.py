"""Check characters and layout of the codes that items and departments carry. Pure.

Sources: GB 32100-2015 (unified social credit code), GB 11643 (citizen's number), GB/T 39554.1 and GB/T 39046-2020 appendix A
(item codes, case numbers).
"""

import unicodedata
from dataclasses import dataclass
from datetime import date

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_VALUES = {character: value for value, character in enumerate(USCC_ALPHABET)}
_USCC_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))

LEVELS = {
    "1": "国家级",
    "2": "省级",
    "3": "市级",
    "4": "县级",
    "5": "乡镇(街道)级",
    "6": "村(社区)级",
    "7": "分级管理",
}
"""行使层级, the level of government that exercises an item (GB/T 39046 A.2)."""

TASK_TYPES = {
    "01": "行政许可",
    "02": "行政处罚",
    "03": "行政强制",
    "04": "行政征收",
    "05": "行政给付",
    "06": "行政检查",
    "07": "行政确认",
    "08": "行政奖励",
    "09": "行政裁决",
    "10": "其他行政权力",
    "20": "公共服务",
}
"""事项类型, the kind of an item (GB/T 39046 A.1). 11-19 and 21 upwards are free for local kinds."""


class CodeError(ValueError):
    """A code breaks its standard. ``zh`` and ``en`` say which rule and what to do."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")
        self.zh = zh
        self.en = en


@dataclass(frozen=True, slots=True)
class ItemCode:
    """The parts of a 31-character item code: 18 (body) + 1 (level) + 12 (region 2, type 2, main 5, sub 3)."""

    uscc: str
    level: str
    region: str
    task_type: str
    main: str
    sub: str

    def __str__(self) -> str:
        return f"{self.uscc}{self.level}{self.region}{self.task_type}{self.main}{self.sub}"


def uscc_check_character(body: str) -> str:
    """The 18th character for the first 17 of a unified social credit code.

    Raises `CodeError` when the body is not 17 characters of the alphabet (no I, O, S, V, Z).
    """
    if len(body) != 17 or any(character not in _USCC_VALUES for character in body):
        raise CodeError(
            "统一社会信用代码前 17 位只能用数字和除 I、O、S、V、Z 以外的大写字母",
            "the first 17 characters of a USCC are digits and capitals without I, O, S, V, Z",
        )
    total = sum(_USCC_VALUES[character] * weight for character, weight in zip(body, _USCC_WEIGHTS, strict=True))
    return USCC_ALPHABET[(31 - total % 31) % 31]


def uscc_is_valid(code: str) -> bool:
    """Whether ``code`` is 18 characters with a right check character.

    A code that a registry really issued may still fail (one is known): for applicants treat a failure as a warning.
    """
    try:
        return len(code) == 18 and uscc_check_character(code[:17]) == code[17]
    except CodeError:
        return False


def split_item_code(code: str) -> ItemCode:
    """The parts of an item code. Raises `CodeError` for a wrong length, body, level or type."""
    if len(code) != 31 or not code.isascii() or not code.isalnum() or code != code.upper():
        raise CodeError(
            f"事项编码须为 31 位数字或大写字母,现为 {len(code)} 位",
            f"an item code has 31 digits or capitals, this one has {len(code)}: body 18 + level 1 + basic code 12",
        )
    parts = ItemCode(code[:18], code[18], code[19:21], code[21:23], code[23:28], code[28:])
    if not uscc_is_valid(parts.uscc):
        raise CodeError(
            f"事项编码前 18 位 {parts.uscc} 不是有效的统一社会信用代码,请核对实施主体代码",
            f"the first 18 characters {parts.uscc} are no valid USCC: check the implementing body's code",
        )
    if parts.level not in LEVELS:
        raise CodeError(
            f"事项编码第 19 位行使层级 {parts.level} 不在 1-7 之内",
            f"character 19, the level, is {parts.level}: use 1 (state) to 7 (several levels)",
        )
    if not code[19:].isdigit() or parts.task_type == "00":
        raise CodeError(
            f"事项编码后 12 位 {code[19:]} 应为 地区 2 位 + 事项类型 2 位 + 主项 5 位 + 子项 3 位数字",
            f"the last 12 characters {code[19:]} are digits: region 2, type 2 (from 01), main item 5, sub-item 3",
        )
    return parts


@dataclass(frozen=True, slots=True)
class BasicCode:
    """The parts of a 12-character basic code (基本编码): region 2 (00: the whole country), type 2, main item 5, sub-item 3."""

    region: str
    task_type: str
    main: str
    sub: str

    def __str__(self) -> str:
        return f"{self.region}{self.task_type}{self.main}{self.sub}"


def split_basic_code(code: str) -> BasicCode:
    """The parts of a basic code. Raises `CodeError` for what is not 12 digits, or for type 00, which is no kind of its own."""
    if len(code) != 12 or not _digits(code):
        raise CodeError(
            f"基本编码须为 12 位数字,现为 {code}",
            f"a basic code has 12 digits: region 2, type 2, main item 5, sub-item 3; this one is {code}",
        )
    parts = BasicCode(code[:2], code[2:4], code[4:9], code[9:])
    if parts.task_type == "00":
        raise CodeError(
            "基本编码第 3、4 位事项类型应从 01 起", "digits 3 and 4 of a basic code, the type, begin with 01"
        )
    return parts


@dataclass(frozen=True, slots=True)
class CaseNumber:
    """The parts of a case number (办件编号): item code 31, day of receipt in China 8, serial of the day 4 or more."""

    item_code: str
    day: date
    serial: int

    def __str__(self) -> str:
        return f"{self.item_code}{self.day:%Y%m%d}{self.serial:04d}"


def case_number(item_code: str, day: date, serial: int) -> str:
    """The number of a case: item code, day, serial of the item's day from 1, in four digits or as many as it takes.

    Raises `CodeError` for a wrong item code or a serial below 1.
    """
    split_item_code(item_code)
    if serial < 1:
        raise CodeError(f"流水号从 1 起,现为 {serial}", f"serials of a day begin with 1, this one is {serial}")
    return str(CaseNumber(item_code, day, serial))


def split_case_number(number: str) -> CaseNumber:
    """The parts of a case number. Raises `CodeError` for a wrong item code, a day that is none, or a wrong serial."""
    if len(number) < 43 or not _digits(number[31:]):
        raise CodeError(
            f"办件编号应为 31 位事项编码 + 8 位日期 + 至少 4 位流水号,现为 {len(number)} 位",
            f"a case number is an item code (31), a date (8) and a serial (4 or more); this has {len(number)} characters",
        )
    split_item_code(number[:31])
    serial = number[39:]
    try:
        day = date(int(number[31:35]), int(number[35:37]), int(number[37:39]))
    except ValueError as error:
        raise CodeError(
            f"办件编号中的日期 {number[31:39]} 不存在", f"there is no day {number[31:39]}, as in this case number"
        ) from error
    if int(serial) < 1 or (len(serial) > 4 and serial.startswith("0")):
        raise CodeError(
            f"办件编号的流水号 {serial} 应从 0001 起,超过四位时不补零",
            f"the serial {serial} begins with 0001, and has no zeros before it when it is longer than four digits",
        )
    return CaseNumber(number[:31], day, int(serial))


def citizen_id(number: str, today: date) -> str:
    """A citizen's number (公民身份号码, GB 11643) as 18 characters: a small or wide ``x`` becomes X, 15 digits become 18.

    Residents of Hong Kong, Macau and Taiwan have such numbers too (81, 82, 83). Raises `CodeError` for a wrong length, a birth
    day that is none or comes after ``today``, and a wrong check character; the error never repeats the number.
    """
    given = unicodedata.normalize("NFKC", number).strip().upper()
    if len(given) == 15 and _digits(given):
        body = f"{given[:6]}19{given[6:]}"
        given = body + citizen_check_character(body)
    if len(given) != 18 or not _digits(given[:17]) or not (_digits(given[17]) or given[17] == "X"):
        raise CodeError(
            "公民身份号码应为 17 位数字加 1 位数字或 X", "a citizen's number has 17 digits and a digit or X"
        )
    try:
        born = date(int(given[6:10]), int(given[10:12]), int(given[12:14]))
    except ValueError as error:
        raise CodeError(
            "公民身份号码中的出生日期不存在", "the birth day in the citizen's number does not exist"
        ) from error
    if born > today:
        raise CodeError(
            "公民身份号码中的出生日期在今天之后", "the birth day in the citizen's number lies in the future"
        )
    if citizen_check_character(given[:17]) != given[17]:
        raise CodeError(
            "公民身份号码校验位不对,请核对", "the citizen's number fails its check: look for a typing error"
        )
    return given


def citizen_id_is_valid(number: str, today: date) -> bool:
    """Whether `citizen_id` takes the number."""
    try:
        citizen_id(number, today)
    except CodeError:
        return False
    return True


def normalised(number: str) -> str:
    """A number without spaces and hyphens, full-width signs as plain ones, letters as capitals: to look it up by."""
    plain = unicodedata.normalize("NFKC", number).upper()
    return "".join(sign for sign in plain if not sign.isspace() and sign not in "-‐‑‒–—")


def citizen_check_character(body: str) -> str:
    """The 18th character for the first 17 digits of a citizen's number: ISO 7064 MOD 11-2."""
    return "10X98765432"[sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(body)) % 11]


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
