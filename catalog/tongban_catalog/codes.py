"""Check characters and layout of the codes that items and departments carry. Pure.

Sources: GB 32100-2015 (unified social credit code), GB/T 39554.1 and GB/T 39046-2020 appendix A (item codes).
"""

from dataclasses import dataclass

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
