"""Reads the tables that departments hand in: CSV in UTF-8 or GB 18030, and Excel workbooks. Known by content, not by name.

Everything is bounded: bytes, rows, columns, what a workbook unpacks to, and the process in which one is opened.
"""

import asyncio
import codecs
import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast

from tongban_runtime.confined import Confined, python

from tongban_certificates.document import Bilingual
from tongban_certificates.registers.workbook import LONGEST_ANSWER, MAX_CELL, MAX_COLUMNS, MAX_LINES, MAX_ROWS

MAX_BYTES: Final = 10 * 1024 * 1024
_PROCESSOR_SECONDS: Final = 120
_SECONDS: Final = 180.0
"""How long a workbook may take to be opened, by the clock."""
_OLD_EXCEL: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

TableFault = Literal[
    "too-large", "too-many-rows", "too-many-columns", "empty", "encoding", "csv", "old-excel", "workbook", "macros",
    "unpacks-too-large", "unknown-columns", "missing-columns", "twice-a-column",
]  # fmt: skip

WORDS: Final[Mapping[TableFault, Bilingual]] = {
    "too-large": Bilingual("文件超过 10 MiB，请分批导入。", "The file is larger than 10 MiB: import it in parts."),
    "too-many-rows": Bilingual("超过 50000 行，请分批导入。", "There are more than 50,000 rows: import them in parts."),
    "too-many-columns": Bilingual("超过 100 列。", "There are more than 100 columns."),
    "empty": Bilingual("文件里没有表头。", "The file has no header."),
    "encoding": Bilingual(
        "编码无法识别，请另存为 UTF-8 或 GB18030 的 CSV。",
        "The encoding is not known: save it as CSV in UTF-8 or GB 18030.",
    ),
    "csv": Bilingual(
        "CSV 格式不完整，例如引号没有成对。", "The CSV is not well-formed: a quotation mark may not be closed."
    ),
    "old-excel": Bilingual(
        "不支持旧版 .xls，请另存为 .xlsx 或 CSV。", "Old .xls is not supported: save it as .xlsx or CSV."
    ),
    "workbook": Bilingual(
        "工作簿无法读取，请重新另存为 .xlsx。", "The workbook cannot be read: save it as .xlsx again."
    ),
    "macros": Bilingual(
        "工作簿含宏，请另存为不含宏的 .xlsx。", "The workbook has macros: save it as .xlsx without them."
    ),
    "unpacks-too-large": Bilingual(
        "工作簿解压后过大，请分批导入。", "The workbook unpacks to too much: import it in parts."
    ),
    "unknown-columns": Bilingual(
        "表头有资源目录之外的列，列号见 columns。",
        "The header has columns that the resource does not have: columns gives their numbers.",
    ),
    "missing-columns": Bilingual("表头缺少列，见 columns。", "The header lacks the columns that columns names."),
    "twice-a-column": Bilingual("表头有重复的列，列号见 columns。", "The header has a column twice: see columns."),
}


class TableError(ValueError):
    """A file that is not taken at all. ``columns``: numbers of columns of the file from 1, or ids of fields."""

    def __init__(self, fault: TableFault, columns: tuple[str, ...] = ()) -> None:
        super().__init__(fault)
        self.fault: TableFault = fault
        self.columns = columns


@dataclass(frozen=True, slots=True)
class Table:
    """``header`` and ``rows`` as they stand in the file; ``rows`` counts from 2, as spreadsheets do, and has no empty ones."""

    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[object, ...]], ...]


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
            return await asyncio.to_thread(_bounded, _csv(content))
        answer = await self._workbooks.run(content)
        if answer is None:
            raise TableError("unpacks-too-large")
        return await asyncio.to_thread(_bounded, _workbook(answer))


def _bounded(lines: Iterator[tuple[int, tuple[object, ...]]]) -> Table:
    header: tuple[str, ...] | None = None
    rows: list[tuple[int, tuple[object, ...]]] = []
    for number, cells in lines:
        if number > MAX_LINES:
            raise TableError("too-many-rows")
        filled = next((place for place in range(len(cells), 0, -1) if not _is_empty(cells[place - 1])), 0)
        if not filled:
            continue
        if filled > MAX_COLUMNS:
            raise TableError("too-many-columns")
        cells = tuple(cell[:MAX_CELL] if isinstance(cell, str) else cell for cell in cells[:filled])
        if header is None:
            header = tuple("" if cell is None else str(cell).strip() for cell in cells)
            continue
        if len(rows) == MAX_ROWS:
            raise TableError("too-many-rows")
        rows.append((number, cells))
    if header is None:
        raise TableError("empty")
    return Table(header, tuple(rows))


def _is_empty(cell: object) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _csv(content: bytes) -> Iterator[tuple[int, tuple[object, ...]]]:
    reader = csv.reader(io.StringIO(_decoded(content), newline=""), strict=True)
    try:
        for cells in reader:
            yield reader.line_num, tuple(cells)
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


def _workbook(answer: bytes) -> Iterator[tuple[int, tuple[object, ...]]]:
    for line in io.BytesIO(answer):
        said = json.loads(line)
        if isinstance(said, str):
            raise TableError(cast(TableFault, said))
        number, cells = said
        yield number, tuple(cells)
