"""Cells and sheets as people fill them in: what has one reading is read, everything else is told by row and column."""

import io
from collections.abc import Callable
from datetime import date, datetime
from itertools import product
from typing import Any

import openpyxl
import pytest
from openpyxl.worksheet.formula import ArrayFormula
from tongban_catalog.resource import Resource
from tongban_certificates.registers import template
from tongban_certificates.registers.cells import parse_day, parse_yes
from tongban_certificates.registers.checking import normal_values
from tongban_certificates.registers.header import letters
from tongban_certificates.registers.rows import Fault, Note, Read
from tongban_certificates.registers.rules import FaultError, TableError

from .register_resources import COMPANIES, PERMITS, number
from .test_register_tables import GOOD, HEADER, SHEET, changed, read

DAY_ZERO = date(1899, 12, 30)
NAMES = HEADER.split(",")


def row(serial: int = 1, **cells: object) -> list[object]:
    """A good row of `PERMITS`, as a workbook has it, with other ``cells``."""
    values: dict[str, object] = dict(
        zip(NAMES, [number(serial), "Z-1", "示例儿童", "示例路1号", "2027-03-01", "是", "3", "owned"], strict=True)
    )
    return list((values | cells).values())


def book(*rows: list[object], change: Callable[[Any, Any], None] | None = None) -> bytes:
    """A workbook with a header and these rows; ``change`` gets it and its sheet."""
    made: Any = openpyxl.Workbook()
    sheet = made.active
    for one in (NAMES, *rows):
        sheet.append(one)
    if change is not None:
        change(made, sheet)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def faults(*rows: list[object], change: Callable[[Any, Any], None] | None = None) -> list[Fault]:
    return read(book(*rows, change=change)).faults


@pytest.mark.parametrize(
    "typed",
    [
        "2026-02-02", "2026/2/2", "2026.2.2", "2026.02.02", "2026年2月2日", "2026 年 2 月 2 日", "20260202", "２０２６－０２－０２",
        " 2026-2-2 ", "2026-02-02 00:00:00", "2026/2/2 0:00", "\u200e2026-02-02\u202c", 20260202, 46055, 46055.5,
        datetime(2026, 2, 2), datetime(2026, 2, 2, 17, 30),  # noqa: DTZ001 - as Excel has it
    ],
)  # fmt: skip
def test_a_date_with_one_reading_is_read(typed: object) -> None:
    assert parse_day(typed, DAY_ZERO) == "2026-02-02"


@pytest.mark.parametrize(
    "typed",
    [
        "2026-12", "202612", "2026.12", "2026年12", "2026/11", "2026-13", "2025111", "46055", "46055.5", 2026.1, 2026, 202612,
        2025111, 20260230, "2026-02-30", "2026-2/2", "26-2-2", "2/2/2026", "02-02-2026", "2026-02-02T00:00:00+14:00",
        "二〇二六年二月二日", "2026年2月", "0000-01-01", "20260202.0", True, 9.9e99, float("inf"), float("nan"), "长期", "",
    ],
)  # fmt: skip
def test_a_date_with_none_or_two_readings_is_refused(typed: object) -> None:
    with pytest.raises(FaultError):
        parse_day(typed, DAY_ZERO)


def test_the_days_of_a_workbook_count_from_its_own_beginning() -> None:
    assert parse_day(44593, date(1904, 1, 1)) == "2026-02-02"


def test_dates_of_a_workbook_are_read_by_cell_or_by_column_and_told_by_row_and_column() -> None:
    def formatted(_: object, sheet: Any) -> None:
        sheet["E2"].number_format = "yyyy-mm-dd"

    rows = [row(one, 有效期至=day) for one, day in enumerate((46055, 46055.5, 2026.1, "2026-12"), start=1)]
    found = read(book(*rows, change=formatted))
    assert [one.values["valid_until"] for one in found.rows] == ["2026-02-02", "2026-02-02"]
    assert found.faults == [Fault(4, "valid_until", "not-a-date"), Fault(5, "valid_until", "not-a-date")]
    words = found.faults[0].words(PERMITS)
    assert "20260202" in words.zh
    assert "2026年2月2日" in words.zh


@pytest.mark.parametrize("typed", ["长期", "长期有效", " 永久 ", "9999-12-31", "9999年12月31日"])
def test_no_end_of_validity_is_read_and_said(typed: str) -> None:
    found = read(f"{HEADER}\n{GOOD.replace('2027/3/1', typed)}\n")
    assert [(one.values["valid_until"], one.valid_until) for one in found.rows] == [("9999-12-31", None)]
    assert found.notes == [Note("no-end", "1")]
    companies = read("holder,company_name,uscc,有效期至\n91990000MA00000195,示例,91990000MA00000195,长期\n", COMPANIES)
    assert (companies.rows[0].valid_until, companies.notes) == (None, [Note("no-end", "1")])


def test_a_number_cell_that_lost_digits_is_refused_in_every_column() -> None:
    columns = ("公民身份号码", "证号", "人数", "有效期至", "双证有效", "类别")
    lossy = (990101188001010000, 9.90101188001014e17, 1e15, -1e15, 1e300)
    rows = [row(one, **{column: typed}) for one, (column, typed) in enumerate(product(columns, lossy), start=1)]
    found = read(book(*rows))
    assert (found.rows, [(one.row, one.rule) for one in found.faults]) == (
        [],
        [(place, "precision") for place in range(2, 32)],
    )


@pytest.mark.parametrize("typed", ["9.90101188001014E+17", "9.90101E+17", "9.9e+17"])
@pytest.mark.parametrize("column", ["公民身份号码", "证号"])
def test_scientific_notation_in_csv_is_refused(column: str, typed: str) -> None:
    cells = [str(cell) for cell in row(1, **{column: typed})]
    assert [one.rule for one in read(f"{HEADER}\n{','.join(cells)}\n").faults] == ["precision"]


def test_a_number_that_a_spreadsheet_may_have_cut_before_it_wrote_csv_is_pointed_out() -> None:
    found = read(f"{HEADER}\n{GOOD}\n{GOOD.replace(number(1), '990101188001015000')}\n")
    assert found.notes == [Note("ends-in-zeros", "3")]


def test_short_numbers_of_number_cells_are_text_and_whole_numbers() -> None:
    (found,) = read(book(row(1, 证号=100020, 住址=86.5, 人数=3.0))).rows
    assert [found.values[name] for name in ("permit_number", "address", "members")] == ["100020", "86.5", 3]


def test_errors_of_a_spreadsheet_are_no_text() -> None:
    typed = ("#N/A", "#REF!", "#DIV/0!", "####")
    found = faults(*(row(one, 住址=cell) for one, cell in enumerate(typed, start=1)))
    assert found == [Fault(place, "address", "error") for place in range(2, 6)]


def test_formulas_of_every_kind_are_told() -> None:
    def put(_: object, sheet: Any) -> None:
        sheet["D2"] = ArrayFormula("D2:D2", "=A1")

    assert faults(row(1, 证号="=A1"), change=put) == [
        Fault(2, "permit_number", "formula"),
        Fault(2, "address", "formula"),
    ]


def test_marks_that_nobody_sees_are_taken_off_a_number() -> None:
    rows: list[list[object]] = []
    for mark in "\u200e\u202a\u200b\ufeff\u00ad\u2066":
        for place in (0, 6, 18):
            good = number(len(rows) + 1)
            rows.append(row(1, 公民身份号码=good[:place] + mark + good[place:]))
    assert [one.holder for one in read(book(*rows)).rows] == [number(one) for one in range(1, 19)]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [(one, True) for one in ("√", "✓", "✔", "对", "1.0", 1, 1.0, True, "是", "有", "Yes", "ＹＥＳ")]
    + [(one, False) for one in ("×", "✗", "错", "0.0", 0, False, "否", "无", "no")],
)
def test_yes_and_no_as_people_write_them(typed: object, meant: bool) -> None:
    assert parse_yes(typed) is meant


def test_what_is_neither_yes_nor_no_is_refused_with_what_is_read() -> None:
    typed = ("没有", "未", "不是", "x", "2", 2, "或许", 0.5)
    found = faults(*(row(one, 双证有效=cell) for one, cell in enumerate(typed, start=1)))
    assert found == [Fault(place, "both_permits_valid", "not-yes-or-no") for place in range(2, 10)]
    assert "√/×" in found[0].words(PERMITS).zh


def test_a_value_that_is_not_listed_is_told_with_those_that_are() -> None:
    (fault,) = faults(row(1, 类别="租房"))
    assert (fault.rule, fault.words(PERMITS).zh) == ("not-listed", "不在规定的取值之内：owned、leased、employer")


def test_an_unknown_column_is_told_by_name_with_those_that_are_known() -> None:
    with pytest.raises(TableError) as caught:
        read(f"{HEADER},手机号\n")
    assert caught.value.columns == ("I 手机号",)
    assert {"address 住址", "withdrawn 是否注销"} < set(caught.value.allowed)
    assert [letters(one) for one in (1, 26, 27, 100)] == ["A", "Z", "AA", "CV"]


def guide(made: Any, _: object) -> None:
    sheet = made.create_sheet("说明", 0)
    sheet.append(["填表说明"])
    sheet.append(["请逐行填写"])


def test_the_sheet_with_the_records_is_read_and_the_others_are_named() -> None:
    found = read(book(row(), change=guide))
    assert (len(found.rows), found.faults) == (1, [])
    assert found.notes == [Note("sheet", "Sheet"), Note("sheets-left-out", "说明")]


def second(made: Any, _: object) -> None:
    sheet = made.create_sheet("二月")
    sheet.sheet_state = "hidden"
    for one in (NAMES, row(2)):
        sheet.append(one)


def test_records_on_two_sheets_are_read_only_from_the_one_that_is_named() -> None:
    content = book(row(), change=second)
    with pytest.raises(TableError) as caught:
        read(content)
    assert (caught.value.fault, caught.value.sheets) == ("several-sheets", ("Sheet", "二月"))
    chosen = read(content, sheet="二月")
    assert [one.holder for one in chosen.rows] == [number(2)]
    assert chosen.notes == [Note("sheet", "二月"), Note("sheets-left-out", "Sheet")]
    with pytest.raises(TableError) as caught:
        read(content, sheet="三月")
    assert (caught.value.fault, caught.value.sheets) == ("no-such-sheet", ("Sheet", "二月"))


def test_a_title_above_the_header_is_passed_over_and_said() -> None:
    found = read(f"某某局登记表\n\n{HEADER}\n{GOOD}\n")
    assert (len(found.rows), found.notes) == (1, [Note("above-header", "1")])


def test_hidden_rows_and_columns_are_read_and_said() -> None:
    def hide(_: object, sheet: Any) -> None:
        sheet.row_dimensions[3].hidden = True
        sheet.column_dimensions["G"].hidden = True

    found = read(book(row(1), row(2), row(3), change=hide))
    assert [one.holder for one in found.rows] == [number(1), number(2), number(3)]
    assert found.notes == [Note("hidden-rows", "3"), Note("hidden-columns", "G")]


def test_merged_cells_are_told_as_what_they_are() -> None:
    def merge(_: object, sheet: Any) -> None:
        sheet.merge_cells("D2:D3")
        sheet.merge_cells("A4:H5")
        sheet.merge_cells("A6:A7")

    found = read(book(row(1), row(2), row(3), row(4), row(5), row(6), change=merge))
    assert [one.holder for one in found.rows] == [number(1), number(5)]
    assert Fault(3, "address", "merged") in found.faults
    assert Fault(7, "holder", "merged") in found.faults
    assert {(one.row, one.rule) for one in found.faults} >= {(4, "merged"), (5, "merged")}
    assert "no-values" not in {one.rule for one in found.faults if one.row in (3, 7)}


def test_merged_cells_without_end_are_refused() -> None:
    content = book(row())
    sheet = SHEET.replace(b"</worksheet>", b"<mergeCells>%s</mergeCells></worksheet>") % (
        b'<row r="1"><c r="A1"><v>1</v></c></row>',
        b"%s",
    )
    for cells in (b'<mergeCell ref="A1:XFD1048576"/>', b'<mergeCell ref="A1:B50000"/>' * 9):
        with pytest.raises(TableError) as caught:
            read(changed(content, "xl/worksheets/sheet1.xml", sheet % cells))
        assert caught.value.fault == "merged"


def test_a_cell_far_to_the_right_is_not_left_out() -> None:
    with pytest.raises(TableError) as caught:
        read(book(row(), change=lambda _, sheet: sheet.cell(2, 300, "x")))
    assert caught.value.fault == "too-many-columns"


def test_two_records_of_a_holder_are_told_and_neither_counts() -> None:
    found = read(f"{HEADER}\n{GOOD}\n{GOOD.replace('Z-1', 'Z-2')}\n{GOOD.replace(number(1), number(2))}\n")
    assert [one.holder for one in found.rows] == [number(2)]
    assert found.faults == [Fault(2, "holder", "duplicate"), Fault(3, "holder", "duplicate")]


@pytest.mark.parametrize("resource", [PERMITS, COMPANIES])
def test_the_template_is_read_by_the_import_that_it_is_for(resource: Resource) -> None:
    made = openpyxl.load_workbook(io.BytesIO(template.workbook(resource)))
    sheet = made.worksheets[0]
    assert sheet.column_dimensions["A"].number_format == "@"
    found: Read = read(template.workbook(resource), resource)
    assert (found.total, found.faults) == (0, [])
    assert Note("sheets-left-out", "说明 guide") in found.notes


def test_a_company_code_is_read_alike_in_every_column() -> None:
    (found,) = read("holder,company_name,uscc\n９１９９ 0000ma00000195,示例,91990000-ma0000 0195\n", COMPANIES).rows
    assert (found.holder, found.values["uscc"]) == ("91990000MA00000195", "91990000MA00000195")
    (fault,) = read("holder,company_name,uscc\n91990000MA00000195,示例,91990000MA0000O195\n", COMPANIES).faults
    assert (fault.column, fault.rule, "字母 O" in fault.words(COMPANIES).zh) == ("uscc", "not-of-kind", True)


@pytest.mark.parametrize("sign", ["\U00031350", "\U0002ebf0", "\U00020bb7", "·"])
def test_characters_of_gb_18030_are_taken(sign: str) -> None:
    (found,) = read(f"{HEADER}\n{GOOD.replace('示例路', sign)}\n").rows
    assert sign in str(found.values["address"])


@pytest.mark.parametrize(("sign", "name"), [("\u200b", "U+200B"), ("\u202e", "U+202E"), ("\x07", "U+0007")])
def test_what_nobody_sees_in_a_text_is_named(sign: str, name: str) -> None:
    (fault,) = read(f"{HEADER}\n{GOOD.replace('示例路', f'示{sign}例路')}\n").faults
    assert (fault.column, fault.rule) == ("address", "characters")
    assert name in fault.words(PERMITS).zh


def test_a_system_that_sends_is_read_like_a_table() -> None:
    sent = {"company_name": " 示例 ", "uscc": "91990000ma00000195"}
    assert normal_values(COMPANIES, sent) == ({"company_name": "示例", "uscc": "91990000MA00000195"}, [])
    wrong = {"company_name": "示\u202e例", "uscc": "9199", "other": 1}
    assert normal_values(COMPANIES, wrong)[1] == [
        ("company_name", "characters"),
        ("uscc", "not-of-kind"),
        ("values", "unknown-field"),
    ]
