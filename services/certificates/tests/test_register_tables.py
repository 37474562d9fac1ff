"""Tables that departments hand in: what is read from them, what is told about bad rows, and what is not taken at all."""

import asyncio
import io
import resource
import zipfile
from collections.abc import Sequence
from datetime import UTC, date, datetime

import openpyxl
import pytest
from tongban_catalog.codes import citizen_check_character
from tongban_catalog.resource import Resource
from tongban_certificates.registers.register import Row
from tongban_certificates.registers.rows import Fault, Read, read_rows
from tongban_certificates.registers.rules import TableError
from tongban_certificates.registers.table import MAX_BYTES, Table, TableReader
from tongban_certificates.registers.workbook import MAX_LINES

from .register_resources import COMPANIES, PERMITS, number

TODAY = date(2026, 3, 2)
HEADER = "公民身份号码,证号,姓名,住址,有效期至,双证有效,人数,类别"
GOOD = f"{number(1)},Z-1,示例儿童,示例路1号,2027/3/1,是,3,owned"


def read_table(content: bytes, processor_seconds: int = 60) -> Table:
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(TableReader(processor_seconds).read(content))


def read(content: bytes | str, resource: Resource = PERMITS, sheet: str | None = None) -> Read:
    return read_rows(resource, read_table(content.encode() if isinstance(content, str) else content), TODAY, sheet)


def workbook(*rows: Sequence[object]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_csv_is_read_in_the_encodings_that_offices_use(encoding: str) -> None:
    found = read(f"{HEADER}\r\n{GOOD}\r\n\r\n".encode(encoding))
    assert (found.total, found.faults, found.withdrawn) == (1, [], [])
    assert found.rows == [
        Row(
            number(1),
            {
                "permit_number": "Z-1",
                "holder_name": "示例儿童",
                "address": "示例路1号",
                "valid_until": "2027-03-01",
                "both_permits_valid": True,
                "members": 3,
                "kind": "owned",
            },
            datetime(2027, 3, 1, 16, tzinfo=UTC),
        )
    ]


def test_a_workbook_says_the_same_as_csv() -> None:
    cells = (number(1), "Z-1", "示例儿童", "示例路1号", datetime(2027, 3, 1), True, 3, "owned")  # noqa: DTZ001 - as Excel has it
    assert read(workbook(HEADER.split(","), cells, (None, None))) == read(f"{HEADER}\n{GOOD}\n")


def test_headers_are_field_ids_or_names_in_any_order() -> None:
    header = "kind,HOLDER,Members,both_permits_valid,valid_until,address,姓名,permit_number,是否注销"
    found = read(f"{header}\nowned,{number(1)},3,1,20270301,示例路1号,示例儿童,Z-1,否\n,{number(2)},,,,,,,是\n")
    assert [row.holder for row in found.rows] == [number(1)]
    assert (found.withdrawn, found.faults) == ([number(2)], [])


def test_the_number_may_be_a_field_of_the_register_too() -> None:
    found = read("统一社会信用代码,企业名称\n91990000MA00000195,示例制造有限公司\n", COMPANIES)
    assert found.rows == [Row("91990000MA00000195", {"uscc": "91990000MA00000195", "company_name": "示例制造有限公司"})]


def test_bad_rows_are_told_by_row_column_and_rule_and_the_good_ones_stay() -> None:
    wrong = number(3)[:17] + ("1" if number(3)[17] != "1" else "2")
    lines = [
        HEADER,
        GOOD,
        f"{wrong},Z-2,示例,示例,2027-03-01,是,1,owned",
        f"{number(4)},Z-3,示例,示例,2027-02-30,也许,一,rented",
        f"{number(1)},Z-4,示例,示例,2027-03-01,是,1,owned",
        f"{number(5)},=HYPERLINK(1),{'长' * 1001},示\x07例,,,,owned",
        f"{number(6)},,,,,,,",
        f"{number(7)},Z-7,示例,示例,2027-03-01,是,1,owned,多余",
        "9.9E+17,Z-8,示例,示例,2027-03-01,是,1,owned",
        f"{number(8)},Z-8,示例,示例,2027-03-01,否,0,leased",
    ]
    found = read("\n".join(lines))
    assert [row.holder for row in found.rows] == [number(8)]
    assert found.faults == [
        Fault(2, "holder", "duplicate"),
        Fault(3, "holder", "holder"),
        Fault(4, "valid_until", "not-a-date"),
        Fault(4, "both_permits_valid", "not-yes-or-no"),
        Fault(4, "members", "not-a-number"),
        Fault(4, "kind", "not-listed"),
        Fault(5, "holder", "duplicate"),
        Fault(6, "permit_number", "formula"),
        Fault(6, "holder_name", "too-long"),
        Fault(6, "address", "characters"),
        Fault(7, None, "no-values"),
        Fault(8, None, "too-many-cells"),
        Fault(9, "holder", "precision"),
    ]


def test_the_year_9999_is_no_end() -> None:
    found = read(f"{HEADER}\n{GOOD.replace('2027/3/1', '9999-12-31')}\n")
    assert found.faults == []
    (row,) = found.rows
    assert (row.values["valid_until"], row.valid_until) == ("9999-12-31", None)


def test_a_formula_in_a_workbook_is_told_and_never_computed() -> None:
    cells = [number(1), "Z-1", "示例儿童", "示例路1号", "2027-03-01", "是", "=1+2", "owned"]
    assert read(workbook(HEADER.split(","), cells)).faults == [Fault(2, "members", "formula")]


@pytest.mark.parametrize(
    ("header", "fault", "columns"),
    [
        (HEADER + ",手机号", "unknown-columns", ("I 手机号",)),
        (HEADER + ",kind", "twice-a-column", ("I kind",)),
        (HEADER.removeprefix("公民身份号码,"), "missing-columns", ("holder",)),
        (HEADER.removesuffix(",类别"), "missing-columns", ("kind",)),
    ],
)
def test_a_header_names_every_field_and_nothing_else(header: str, fault: str, columns: tuple[str, ...]) -> None:
    with pytest.raises(TableError) as caught:
        read(f"{header}\n{GOOD}\n")
    assert (caught.value.fault, caught.value.columns) == (fault, columns)


def archive(*parts: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts:
            file.writestr(name, content)
    return out.getvalue()


def changed(content: bytes, name: str, part: bytes) -> bytes:
    """A workbook with one part replaced."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return archive(*((one, part if one == name else file.read(one)) for one in file.namelist()))


_ENTITIES = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
SHEET = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>%s</sheetData></worksheet>'
_FAR_ROW = (
    SHEET
    % b'<row r="1"><c r="A1" t="inlineStr"><is><t>x</t></is></c></row><row r="900000000"><c r="A900000000"/></row>'
)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"a,b\x00", "encoding"),
        ("证号".encode("utf-16"), "encoding"),
        (b"\xff\xff\xff\xff", "encoding"),
        (b'a,"b\n1,2\n', "csv"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "old-excel"),
        (b"PK\x03\x04" + bytes(100), "workbook"),
        (archive(("a.txt", b"x")), "workbook"),
        (archive(("xl/vbaProject.bin", b"x")), "macros"),
        (archive(("xl/worksheets/sheet1.xml", bytes(70 * 1024 * 1024))), "unpacks-too-large"),
        (archive(*((f"{one}.xml", b"") for one in range(501))), "unpacks-too-large"),
        (changed(workbook(["x"]), "xl/worksheets/sheet1.xml", _ENTITIES + SHEET % b""), "workbook"),
        (changed(workbook(["x"]), "xl/worksheets/sheet1.xml", _FAR_ROW), "too-many-rows"),
        (b"x" * (MAX_BYTES + 1), "too-large"),
        (",".join("x" * 101).encode(), "too-many-columns"),
        (b"a\n" * (MAX_LINES + 1), "too-many-rows"),
    ],
    ids=[
        "nothing", "blank", "nul", "utf-16", "no-encoding", "open-quote", "xls", "no-archive", "no-workbook", "macros", "bomb",
        "parts", "entities", "far-row", "bytes", "columns", "rows",
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused_with_its_reason(content: bytes, fault: str) -> None:
    with pytest.raises(TableError) as caught:
        read_table(content)
    assert caught.value.fault == fault


@pytest.mark.timeout(20)
def test_a_line_of_nothing_but_commas_is_an_empty_one() -> None:
    with pytest.raises(TableError) as caught:
        read_table(b"," * MAX_BYTES)
    assert caught.value.fault == "empty"


def swollen(kind: str, size: int = 24 * 1024 * 1024) -> bytes:
    name, part = {
        "cells": ("xl/worksheets/sheet1.xml", SHEET % (b"<row>" + b"<c/>" * (size // 4) + b"</row>")),
        "unknown": ("xl/worksheets/sheet1.xml", SHEET % (b"<a/>" * (size // 4))),
        "styles": ("xl/styles.xml", _STYLES % (b"<xf/>" * (size // 5))),
    }[kind]
    return changed(workbook(["x"]), name, part)


_STYLES = (
    b'<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cellXfs>%s</cellXfs></styleSheet>'
)


@pytest.mark.parametrize("kind", ["cells", "unknown", "styles"])
def test_a_workbook_that_swells_takes_no_memory_of_the_service(kind: str) -> None:
    content = swollen(kind)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(TableError) as caught:
        read_table(content, processor_seconds=3)
    assert caught.value.fault in ("unpacks-too-large", "workbook", "empty")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024


def test_the_made_up_numbers_are_valid_ones() -> None:
    assert citizen_check_character(number(1)[:17]) == number(1)[17]
