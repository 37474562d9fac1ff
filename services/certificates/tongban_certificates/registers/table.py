"""Reads the tables that departments hand in: CSV in UTF-8 or GB 18030, and Excel workbooks. Known by content, not by name.

Everything is bounded: bytes, rows, columns, what a workbook unpacks to, and the process in which one is opened.
"""

import asyncio
import codecs
import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, cast

from tongban_runtime.confined import Confined, python

from tongban_certificates.registers.cells import is_empty
from tongban_certificates.registers.rules import TableError, TableFault
from tongban_certificates.registers.workbook import LONGEST_ANSWER, MAX_CELL, MAX_COLUMNS, MAX_LINES

MAX_BYTES: Final = 10 * 1024 * 1024
_PROCESSOR_SECONDS: Final = 120
_SECONDS: Final = 180.0
"""How long a workbook may take to be opened, by the clock."""
_OLD_EXCEL: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_WINDOWS_DAY_ZERO: Final = date(1899, 12, 30)


@dataclass(slots=True)
class Sheet:
    """A sheet of a workbook, or all of a CSV file, whose ``name`` is empty. ``rows`` are those that are not empty, by number.

    ``day_zero`` is when its days begin to count. ``hidden_columns`` count from 1; ``merged`` has the columns of each row that a
    merged cell covers.
    """

    name: str = ""
    hidden: bool = False
    day_zero: date = _WINDOWS_DAY_ZERO
    rows: list[tuple[int, tuple[object, ...]]] = field(default_factory=list)
    hidden_rows: frozenset[int] = frozenset()
    hidden_columns: frozenset[int] = frozenset()
    merged: Mapping[int, frozenset[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """What a file holds: its sheets that are not empty, one at least."""

    sheets: tuple[Sheet, ...]


class TableReader:
    """Reads tables; of workbooks a few at a time, each in so many seconds of processor time."""

    def __init__(self, processor_seconds: int = _PROCESSOR_SECONDS) -> None:
        command = python("-m", "tongban_certificates.registers.workbook", str(processor_seconds))
        self._workbooks = Confined(command, seconds=_SECONDS, longest=LONGEST_ANSWER)

    async def read(self, content: bytes) -> Table:
        """Raises `TableError`."""
        if len(content) > MAX_BYTES:
            raise TableError("too-large")
        if content.startswith(_OLD_EXCEL):
            raise TableError("old-excel")
        if not content.startswith(b"PK"):
            return await asyncio.to_thread(_filled, _csv, content)
        answer = await self._workbooks.run(content)
        if answer is None:
            raise TableError("unpacks-too-large")
        return await asyncio.to_thread(_filled, _workbook, answer)


def _filled(read: Callable[[bytes], Iterable[Sheet]], content: bytes) -> Table:
    sheets = tuple(sheet for sheet in read(content) if sheet.rows)
    if not sheets:
        raise TableError("empty")
    return Table(sheets)


def _bounded(lines: Iterable[tuple[int, Sequence[object]]]) -> Iterator[tuple[int, tuple[object, ...]]]:
    """The rows that are not empty."""
    for number, cells in lines:
        if number > MAX_LINES:
            raise TableError("too-many-rows")
        filled = next((place for place in range(len(cells), 0, -1) if not is_empty(cells[place - 1])), 0)
        if filled > MAX_COLUMNS:
            raise TableError("too-many-columns")
        if filled:
            yield number, tuple(cell[:MAX_CELL] if isinstance(cell, str) else cell for cell in cells[:filled])


def _csv(content: bytes) -> Iterator[Sheet]:
    reader = csv.reader(io.StringIO(_decoded(content), newline=""), strict=True)
    try:
        yield Sheet(rows=list(_bounded((reader.line_num, cells) for cells in reader)))
    except csv.Error:
        raise TableError("csv") from None


def _decoded(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in content:
        raise TableError("encoding")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise TableError("encoding")


def _workbook(answer: bytes) -> Iterator[Sheet]:
    sheet: Sheet | None = None
    for line in io.BytesIO(answer):
        said: Any = json.loads(line)
        if isinstance(said, str):
            raise TableError(cast(TableFault, said))
        if isinstance(said, list):
            assert sheet is not None
            number, cells = said
            sheet.rows += _bounded([(number, [_cell(cell) for cell in cells])])
        elif "sheet" in said:
            sheet = Sheet(said["sheet"], said["hidden"], date.fromisoformat(said["day_zero"]))
        else:
            assert sheet is not None
            sheet.hidden_rows = frozenset(said["hidden_rows"])
            sheet.hidden_columns = frozenset(said["hidden_columns"])
            sheet.merged = {int(row): frozenset(columns) for row, columns in said["merged"].items()}
            yield sheet


def _cell(cell: Any) -> object:
    return datetime.fromisoformat(cell["at"]) if isinstance(cell, dict) else cell
