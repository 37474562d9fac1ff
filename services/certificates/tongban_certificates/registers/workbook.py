"""The process in which workbooks are opened.

``python -I -m tongban_certificates.registers.workbook SECONDS`` reads a workbook from its input, in so many seconds of processor
time, and answers with lines of JSON. Of each sheet that is not empty: ``{"sheet", "hidden", "day_zero"}``, then the number and
the cells of each row that is not empty (a moment as ``{"at"}``, a formula as ``=``), then ``{"hidden_rows", "hidden_columns",
"merged"}``, where ``merged`` has the columns of each row that a merged cell covers. Or, in quotation marks, why it is refused.
"""

import io
import json
import sys
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final, Literal

from tongban_runtime.confined import confine

Fault = Literal["too-many-rows", "too-many-columns", "workbook", "macros", "merged", "unpacks-too-large"]

MAX_ROWS: Final = 50_000
MAX_LINES: Final = 2 * MAX_ROWS
MAX_COLUMNS: Final = 100
MAX_CELL: Final = 10_000
"""Characters of a cell that are looked at; no cell may have as many."""
LONGEST_ANSWER: Final = 128 * 1024 * 1024
_MAX_UNPACKED: Final = 64 * 1024 * 1024
_MAX_PARTS: Final = 500
_MAX_MERGED: Final = 200_000
"""Cells that merged ones may cover."""


class WorkbookError(ValueError):
    """A workbook that is not taken."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault: Fault = fault


def main() -> None:
    confine(int(sys.argv[1]))
    warnings.simplefilter("ignore")
    try:
        for line in _lines(sys.stdin.buffer.read()):
            _say(line)
    except WorkbookError as error:
        _say(error.fault)
    except MemoryError:
        _say("unpacks-too-large")
    # A damaged or hostile workbook may make the reader raise anything at all (KeyError, ParseError, ValueError ...).
    except Exception:  # noqa: BLE001 - see above
        _say("workbook")


def _say(line: object) -> None:
    sys.stdout.buffer.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")


def _lines(content: bytes) -> Iterator[object]:
    _check_parts(content)
    from openpyxl import load_workbook

    workbook = load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
    for sheet in workbook.worksheets:
        yield from _sheet(workbook, sheet)


def _sheet(workbook: Any, sheet: Any) -> Iterator[object]:
    """What the library's own reader of large workbooks does, which leaves out what is hidden and merged."""
    from openpyxl.worksheet._reader import WorkSheetParser

    said = False
    with sheet._get_source() as source:
        parser = WorkSheetParser(
            source,
            sheet._shared_strings,
            data_only=False,
            epoch=workbook.epoch,
            date_formats=workbook._date_formats,
            timedelta_formats=workbook._timedelta_formats,
        )
        for number, row in parser.parse():
            if number > MAX_LINES:
                raise WorkbookError("too-many-rows")
            filled = {cell["column"]: cell for cell in row if cell["value"] is not None}
            if not filled:
                continue
            if max(filled) > MAX_COLUMNS:
                raise WorkbookError("too-many-columns")
            if not said:
                hidden = sheet.sheet_state != "visible"
                yield {"sheet": sheet.title, "hidden": hidden, "day_zero": workbook.epoch.date().isoformat()}
                said = True
            cells = [_plain(filled[place]) if place in filled else None for place in range(1, max(filled) + 1)]
            yield [number, cells]
        if said:
            yield {
                "hidden_rows": [int(number) for number, row in parser.row_dimensions.items() if _is_hidden(row)],
                "hidden_columns": sorted(_hidden_columns(parser.column_dimensions)),
                "merged": _merged(parser.merged_cells),
            }


def _is_hidden(attributes: Mapping[str, str]) -> bool:
    return attributes.get("hidden") in ("1", "true") or attributes.get("ht") == "0"


def _hidden_columns(columns: Mapping[str, Mapping[str, str]]) -> Iterator[int]:
    for one in columns.values():
        if one.get("hidden") in ("1", "true"):
            yield from range(int(one["min"]), min(int(one.get("max", one["min"])), MAX_COLUMNS) + 1)


def _merged(found: Any | None) -> dict[int, list[int]]:
    """The cells that merged ones cover, by row: all but the one at the top left, which has the value."""
    covered: dict[int, list[int]] = {}
    left = _MAX_MERGED
    for one in () if found is None else found.mergeCell:
        low, top, right, bottom = one.min_col, one.min_row, min(one.max_col, MAX_COLUMNS), min(one.max_row, MAX_LINES)
        left -= max(right - low + 1, 0) * max(bottom - top + 1, 0)
        if left < 0:
            raise WorkbookError("merged")
        for row in range(top, bottom + 1):
            covered.setdefault(row, []).extend(range(low + (row == top), right + 1))
    return covered


def _plain(cell: Mapping[str, Any]) -> object:
    value = cell["value"]
    if cell["data_type"] == "f":
        return "="
    if isinstance(value, datetime | date):
        return {"at": value.isoformat()}
    if isinstance(value, bool | int | float):
        return value
    return str(value)[:MAX_CELL]


def _check_parts(content: bytes) -> None:
    """What the archive says that it unpacks to is also the most that is ever read from it."""
    try:
        parts = zipfile.ZipFile(io.BytesIO(content)).infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise WorkbookError("workbook") from None
    if len(parts) > _MAX_PARTS or sum(part.file_size for part in parts) > _MAX_UNPACKED:
        raise WorkbookError("unpacks-too-large")
    if any(part.filename.lower().endswith(("vbaproject.bin", ".xlm")) for part in parts):
        raise WorkbookError("macros")
    if any(part.flag_bits & 1 for part in parts):
        raise WorkbookError("workbook")


if __name__ == "__main__":
    main()
