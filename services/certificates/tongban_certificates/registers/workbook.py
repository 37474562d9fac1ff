"""The process in which workbooks are opened.

``python -I -m tongban_certificates.registers.workbook SECONDS`` reads a workbook from its input, in so many seconds of processor
time, and answers with lines of JSON: the number and the cells of each row that is not empty, or why the file is refused, in
quotation marks.
"""

import io
import json
import sys
import warnings
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, Final, Literal

from tongban_runtime.confined import confine

Fault = Literal["too-many-rows", "workbook", "macros", "unpacks-too-large"]

MAX_ROWS: Final = 50_000
MAX_LINES: Final = 2 * MAX_ROWS
MAX_COLUMNS: Final = 100
MAX_CELL: Final = 10_000
"""Characters of a cell that are looked at; no cell may have as many."""
LONGEST_ANSWER: Final = 128 * 1024 * 1024
_MAX_UNPACKED: Final = 64 * 1024 * 1024
_MAX_PARTS: Final = 500


class WorkbookError(ValueError):
    """A workbook that is not taken."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault: Fault = fault


def main() -> None:
    confine(int(sys.argv[1]))
    warnings.simplefilter("ignore")
    try:
        for number, cells in _rows(sys.stdin.buffer.read()):
            _say([number, [_plain(cell) for cell in cells]])
    except WorkbookError as error:
        _say(error.fault)
    except MemoryError:
        _say("unpacks-too-large")
    # A damaged or hostile workbook may make the reader raise anything at all (KeyError, ParseError, ValueError ...).
    except Exception:  # noqa: BLE001 - see above
        _say("workbook")


def _say(line: object) -> None:
    sys.stdout.buffer.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")


def _rows(content: bytes) -> Iterator[tuple[int, tuple[object, ...]]]:
    _check_parts(content)
    from openpyxl import load_workbook

    workbook = load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
    sheet = workbook.worksheets[0]
    sheet.reset_dimensions()
    for number, cells in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS + 1, values_only=True), start=1):
        if number > MAX_LINES:
            raise WorkbookError("too-many-rows")
        if cells.count(None) < len(cells):
            yield number, cells


def _plain(cell: Any) -> object:
    if isinstance(cell, datetime | date):
        return (cell.date() if isinstance(cell, datetime) else cell).isoformat()
    if cell is None or isinstance(cell, bool | int | float):
        return cell
    return str(cell)[:MAX_CELL]


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
