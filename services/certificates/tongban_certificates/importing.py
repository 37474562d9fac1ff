"""``python -m tongban_certificates import RESOURCE FILE``: takes in the good rows of a table, or only says what it would do."""

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

from tongban_catalog.resource import Resource
from tongban_catalog.shelf import Shelf
from tongban_runtime.clock import ShiftedClock, SystemClock
from tongban_runtime.command_line import Command
from tongban_runtime.database import create_pool

from tongban_certificates.registers.desk import NotHereError, RegisterDesk, Report
from tongban_certificates.registers.rows import NOTES, Fault
from tongban_certificates.registers.rules import WORDS, TableError
from tongban_certificates.settings import CertificatesSettings
from tongban_certificates.sharing import receivers
from tongban_certificates.wiring import open_registers


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("resource", help="信息资源 id of the resource")
    parser.add_argument("file", type=Path, help="CSV 或 .xlsx CSV or .xlsx")
    parser.add_argument("--preview", action="store_true", help="只检查和统计，不导入 report only, take nothing in")
    parser.add_argument("--sheet", help="工作表名称 name of the sheet, where more than one has records")
    parser.add_argument("--report", type=Path, help="有误的行写入此 CSV the rows to correct, as CSV")


async def _import(settings: CertificatesSettings, chosen: argparse.Namespace) -> int:
    """Exit status 0: every row went in; 1: some are in the report; 2: the file or the register cannot be used.

    Changes are noted for the running service, which tells them to earlier receivers. With ``--preview`` nothing goes in.
    """
    try:
        content = chosen.file.read_bytes()
    except OSError as error:
        print(f"文件无法读取 the file cannot be read: {error.strerror}")  # noqa: T201 - a command talks to its user
        return 2
    return await _run(settings, chosen, content)


async def _run(settings: CertificatesSettings, chosen: argparse.Namespace, content: bytes) -> int:
    pool = await create_pool(settings.database.get_secret_value(), 2)
    clock = ShiftedClock(settings.clock_shift) if settings.clock_shift else SystemClock()
    try:
        shelf = Shelf()
        registers = await open_registers(pool, settings, shelf)
        registers.listen(receivers.enqueue)
        desk = RegisterDesk(pool, clock, shelf, registers, settings.registers)
        resource = await desk.resource(chosen.resource, None)
        if chosen.preview:
            _, report = await desk.preview(resource, content, None, chosen.sheet)
        else:
            report = await desk.bring_in(resource, content, None, chosen.sheet)
    except NotHereError:
        print(f"这里没有信息资源 there is no register {chosen.resource} here")  # noqa: T201 - as above
        return 2
    except TableError as error:
        words = WORDS[error.fault]
        print(f"{words.zh} {words.en}")  # noqa: T201 - as above
        for zh, names in (
            ("列 columns", error.columns),
            ("工作表 sheets", error.sheets),
            ("可用 allowed", error.allowed),
        ):
            if names:
                print(f"{zh}: {'; '.join(names)}")  # noqa: T201 - as above
        return 2
    finally:
        await pool.close()
    _tell(report, chosen.preview)
    if chosen.report is not None:
        write_report(chosen.report, resource, report.faults)
    return 1 if report.faults else 0


def _tell(report: Report, preview: bool) -> None:
    for note in report.notes:
        print(f"{NOTES[note.kind].zh} {NOTES[note.kind].en}: {note.about}")  # noqa: T201 - as above
    if preview:
        print("预览，没有导入 a preview, nothing was taken in")  # noqa: T201 - as above
    print(  # noqa: T201 - as above
        f"共 {report.total} 行 rows: 新增 added {report.added}, 变更 changed {report.changed}, 注销 withdrawn "
        f"{report.withdrawn}, 未变 as before {report.unchanged}, 有误 to correct {report.bad}"
    )


def write_report(to: Path, resource: Resource, faults: Sequence[Fault]) -> None:
    """Rows to correct, as CSV in UTF-8 with a mark that Excel knows. It holds no value of the table."""
    with to.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "column", "rule", "message_zh", "message_en"])
        for fault in faults:
            words = fault.words(resource)
            writer.writerow([fault.row, fault.column or "", fault.rule, words.zh, words.en])


command = Command("导入登记表 take the good rows of a table into a register", _options, _import)
