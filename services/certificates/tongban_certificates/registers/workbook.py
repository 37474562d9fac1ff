"""The process in which workbooks are opened: one that swells ends it, and nothing else.

``python -I -m tongban_certificates.registers.workbook`` reads a workbook from its input and answers with lines of JSON: the number
and the cells of each row that is not empty, or why the file is refused, in quotation marks. Its memory, its time and what it may
write are limited by the kernel.
"""

import io
import json
import os
import resource
import subprocess
import sys
import threading
import warnings
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, Final, Literal, cast

Fault = Literal["too-many-rows", "workbook", "macros", "unpacks-too-large"]

MAX_LINES: Final = 100_000
MAX_CELL: Final = 10_000
"""Characters of a cell that are looked at; no cell may have as many."""
_MAX_COLUMNS: Final = 101
_MAX_UNPACKED: Final = 64 * 1024 * 1024
_MAX_PARTS: Final = 500
_MAX_ANSWER: Final = 128 * 1024 * 1024
_MEMORY_BYTES: Final = 1536 * 1024 * 1024
_PROCESSOR_SECONDS: Final = 120
_COMMAND: Final = (sys.executable, "-I", "-m", "tongban_certificates.registers.workbook")
_PLACES: Final = threading.BoundedSemaphore(2)
"""Workbooks that one process of the service has opened at the same time; others wait."""


class WorkbookError(ValueError):
    """A workbook that is not taken."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault: Fault = fault


def rows_of(content: bytes) -> list[tuple[int, tuple[object, ...]]]:
    """The rows of the first sheet that are not empty, with their numbers; a day is text in the form of ISO 8601.

    Blocks. Raises `WorkbookError`.
    """
    environment = {"PATH": os.defpath, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with _PLACES:
        done = subprocess.run(_COMMAND, input=content, capture_output=True, check=False, env=environment)
    if done.returncode != 0:
        raise WorkbookError("unpacks-too-large")
    found: list[Any] = [json.loads(line) for line in done.stdout.splitlines()]
    if found and isinstance(found[-1], str):
        raise WorkbookError(cast(Fault, found[-1]))
    return [(number, tuple(cells)) for number, cells in found]


def main() -> None:
    for kind, most in (
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_CPU, _PROCESSOR_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))
    warnings.simplefilter("ignore")
    written = 0
    try:
        for number, cells in _rows(sys.stdin.buffer.read()):
            line = json.dumps([number, [_plain(cell) for cell in cells]], ensure_ascii=False).encode() + b"\n"
            written += len(line)
            if written > _MAX_ANSWER:
                raise WorkbookError("unpacks-too-large")
            sys.stdout.buffer.write(line)
    except WorkbookError as error:
        fault: Fault = error.fault
    except MemoryError:
        fault = "unpacks-too-large"
    # A damaged or hostile workbook may make the reader raise anything at all (KeyError, ParseError, ValueError ...).
    except Exception:  # noqa: BLE001 - see above
        fault = "workbook"
    else:
        return
    sys.stdout.buffer.write(json.dumps(fault).encode() + b"\n")


def _rows(content: bytes) -> Iterator[tuple[int, tuple[object, ...]]]:
    _check_parts(content)
    from openpyxl import load_workbook

    workbook = load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
    sheet = workbook.worksheets[0]
    sheet.reset_dimensions()
    for number, cells in enumerate(sheet.iter_rows(max_col=_MAX_COLUMNS, values_only=True), start=1):
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
