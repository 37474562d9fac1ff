"""The workbook that an officer fills in: columns of text, so that no number loses a digit, and lists where few values are taken."""

import io
from functools import lru_cache
from typing import Any, Final

from tongban_catalog.resource import Resource, ResourceField

MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_TEXT: Final = "@"
_DATE: Final = "yyyy-mm-dd"
_WIDTH: Final = 24
_MAX_LIST: Final = 255
"""Characters that a list of values may have in a workbook."""
_TYPES: Final = {
    "string": "文字 text",
    "date": "日期 date：2026-02-02、2026/2/2、2026年2月2日、20260202",
    "boolean": "是 或 否 yes or no",
    "integer": "整数 whole number",
}


@lru_cache(maxsize=32)
def workbook(resource: Resource) -> bytes:
    """An empty workbook for the records of a register, with a guide on its second sheet."""
    from openpyxl import Workbook
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book: Any = Workbook()
    sheet, guide = book.active, book.create_sheet("说明 guide")
    sheet.title = "登记 records"
    number = "公民身份号码" if resource.holder == "citizen" else "统一社会信用代码"
    ends = resource.field("valid_until") is not None
    columns: list[tuple[str, str, str, ResourceField | None]] = [
        ("holder", "号码", f"{number}（文本格式，18 位） the holder's number, as text", None),
        *((one.id, one.id, f"{one.name.zh} {one.name.en}；{_says(one)}", one) for one in resource.fields),
        *([] if ends else [("valid_until", "有效期至", f"{_TYPES['date']}、长期；可不填 optional", None)]),
        ("withdrawn", "是否注销", f"{_TYPES['boolean']}；可不填 optional", None),
    ]
    guide.append(["列 column", "说明 what it holds"])
    for place, (name, head, says, field) in enumerate(columns, start=1):
        letter = get_column_letter(place)
        sheet.cell(1, place, head if field is None else field.id).font = Font(bold=True)
        width = sheet.column_dimensions[letter]
        width.width, width.number_format = _WIDTH, _DATE if _is_day(name, field) else _TEXT
        _limit(sheet, f"{letter}2:{letter}50001", field)
        guide.append([head if field is None else field.id, says])
    sheet.freeze_panes = "A2"
    guide.column_dimensions["A"].width, guide.column_dimensions["B"].width = _WIDTH, 4 * _WIDTH
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _is_day(name: str, field: ResourceField | None) -> bool:
    return name == "valid_until" if field is None else field.type == "date"


def _says(field: ResourceField) -> str:
    says = "、".join(field.values) if field.values else _TYPES[field.type]
    return f"{says}、长期" if field.id == "valid_until" and field.type == "date" else says


def _limit(sheet: Any, cells: str, field: ResourceField | None) -> None:
    """A list to choose from, where the field has one that fits."""
    from openpyxl.worksheet.datavalidation import DataValidation

    allowed = () if field is None else ("是", "否") if field.type == "boolean" else field.values
    formula = '"' + ",".join(allowed) + '"'
    if allowed and len(formula) <= _MAX_LIST and not any("," in one or '"' in one for one in allowed):
        listed = DataValidation(type="list", formula1=formula, allow_blank=True)
        sheet.add_data_validation(listed)
        listed.add(cells)
