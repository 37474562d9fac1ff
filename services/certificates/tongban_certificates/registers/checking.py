"""What a register takes: which holders, which values. Pure. What is wrong is told by its rule and never by its value."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, AwareDatetime
from tongban_catalog.codes import CodeError, citizen_id, normalised
from tongban_catalog.resource import Resource, ResourceField
from tongban_schemas.types import CHINA

from tongban_certificates.document import Bilingual

Rule = Literal[
    "holder", "no-values", "unknown-field", "not-text", "not-a-date", "not-yes-or-no", "not-a-number", "not-listed",
    "too-long", "characters", "formula", "too-many-cells", "duplicate",
]  # fmt: skip

RULES: Final[Mapping[Rule, Bilingual]] = {
    "holder": Bilingual(
        "号码不是有效的公民身份号码或统一社会信用代码；Excel 中请把该列设为文本格式",
        "the number is no valid citizen number or unified social credit code; in Excel, format the column as text",
    ),
    "no-values": Bilingual("除号码外没有任何内容", "there is nothing beside the number"),
    "unknown-field": Bilingual("资源目录中没有这个信息项", "the resource has no such field"),
    "not-text": Bilingual("应为文字", "it must be text"),
    "not-a-date": Bilingual("应为日期，例如 2026-03-02", "it must be a date, such as 2026-03-02"),
    "not-yes-or-no": Bilingual("应填“是”或“否”", "it must be yes or no"),
    "not-a-number": Bilingual("应为整数", "it must be a whole number"),
    "not-listed": Bilingual("不在规定的取值之内", "it is none of the values that the field can have"),
    "too-long": Bilingual("超过 1000 个字", "it is longer than 1000 characters"),
    "characters": Bilingual("含有控制字符", "it has control characters"),
    "formula": Bilingual("是公式；请改为数值后再导入", "it is a formula: put the value in its place"),
    "too-many-cells": Bilingual("单元格比表头多", "the row has more cells than the header"),
    "duplicate": Bilingual("同一号码在文件中已出现过", "the same number came earlier in the file"),
}

MAX_TEXT: Final = 1000
_YES: Final = frozenset({"true", "是", "有", "1", "yes", "y"})
_NO: Final = frozenset({"false", "否", "无", "0", "no", "n"})
_USCC: Final = re.compile(r"[0-9A-Z]{18}")
"""Without its check character: registries have issued codes that fail it."""
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,15}")
_DATE: Final = re.compile(r"([0-9]{4})[-/.年]?([0-9]{1,2})[-/.月]?([0-9]{1,2})日?")
_UNWANTED: Final = frozenset({"Cc", "Cs", "Co", "Cn"})


def _within_time(moment: datetime) -> datetime:
    if not 1 < moment.year < MAXYEAR:
        raise ValueError("no moment that can be told in every time zone")
    return moment.astimezone(UTC)


def _end(moment: datetime) -> datetime | None:
    return None if moment.year == MAXYEAR else _within_time(moment)


Moment = Annotated[AwareDatetime, AfterValidator(_within_time)]
"""When something was so, in UTC."""
End = Annotated[AwareDatetime, AfterValidator(_end)]
"""Until when something holds, in UTC; the year 9999 stands for no end and becomes None."""


class FaultError(ValueError):
    """A value breaks a rule of the register."""

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule)
        self.rule: Rule = rule


def holder_number(resource: Resource, number: str, today: date) -> str:
    """The number that a record is kept under. Raises `FaultError`."""
    plain = normalised(number)
    if resource.holder == "enterprise":
        if not _USCC.fullmatch(plain):
            raise FaultError("holder")
        return plain
    try:
        return citizen_id(plain, today)
    except CodeError:
        raise FaultError("holder") from None


def check_values(resource: Resource, values: Mapping[str, object]) -> list[tuple[str, Rule]]:
    """What is wrong with values that came with their types, by field; a field that nobody knows is named as ``values``."""
    found: list[tuple[str, Rule]] = []
    for name, value in values.items():
        field = resource.field(name)
        if field is None:
            found.append(("values", "unknown-field"))
        elif isinstance(value, str) and (wrong := _wrong_text(value)) is not None:
            found.append((name, wrong))
        elif not field.takes(value):
            found.append((name, _expected(field, value)))
    return found


def parse_cell(field: ResourceField, cell: object) -> Any:
    """The value that a cell of a table holds; None for an empty one. Raises `FaultError`."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    value = _typed(field, cell)
    if not field.takes(value):
        raise FaultError(_expected(field, value))
    return value


def cell_text(cell: object) -> str:
    """What a cell says, as text. Raises `FaultError`."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime | date):
        return cell.date().isoformat() if isinstance(cell, datetime) else cell.isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    text = "" if cell is None else str(cell).strip()
    if text[:1] in ("=", "@", "\t") or (text[:1] in ("+", "-") and not text[1:2].isdigit() and len(text) > 1):
        raise FaultError("formula")
    if (wrong := _wrong_text(text)) is not None:
        raise FaultError(wrong)
    return text


def parse_yes(text: str) -> bool:
    """Raises `FaultError`."""
    folded = unicodedata.normalize("NFKC", text).strip().lower()
    if folded in _YES:
        return True
    if folded in _NO:
        return False
    raise FaultError("not-yes-or-no")


def parse_day(text: str) -> str:
    """A date in one of its usual forms, as ISO 8601. Raises `FaultError`."""
    match = _DATE.fullmatch(unicodedata.normalize("NFKC", text).strip().removesuffix(" 00:00:00"))
    try:
        return date(*(int(part) for part in match.groups())).isoformat() if match else _no_date()
    except ValueError:
        return _no_date()


def end_of(day: str) -> datetime | None:
    """The end of a day in China, in UTC; None for a day of the year 9999, which stands for no end."""
    last = date.fromisoformat(day)
    return None if last.year == MAXYEAR else datetime.combine(last + timedelta(days=1), time(), CHINA).astimezone(UTC)


def _typed(field: ResourceField, cell: object) -> object:
    text = cell_text(cell)
    match field.type:
        case "boolean":
            return parse_yes(text)
        case "date":
            return parse_day(text)
        case "integer":
            plain = unicodedata.normalize("NFKC", text)
            if not _INTEGER.fullmatch(plain):
                raise FaultError("not-a-number")
            return int(plain)
        case _:
            return text


def _no_date() -> str:
    raise FaultError("not-a-date")


def _wrong_text(text: str) -> Rule | None:
    if len(text) > MAX_TEXT:
        return "too-long"
    return "characters" if any(unicodedata.category(sign) in _UNWANTED for sign in text) else None


def _expected(field: ResourceField, value: object) -> Rule:
    if field.type == "string":
        return "not-listed" if isinstance(value, str) else "not-text"
    kinds: Mapping[str, Rule] = {"boolean": "not-yes-or-no", "date": "not-a-date", "integer": "not-a-number"}
    return kinds[field.type]
