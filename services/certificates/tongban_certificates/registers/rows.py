"""From a table to what a register takes: which rows are good, what is wrong with the others, what is worth knowing. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, Literal

from tongban_catalog.resource import Resource

from tongban_certificates.document import Bilingual
from tongban_certificates.registers.cells import NO_END, is_empty, parse_cell, parse_last_day, parse_number, parse_yes
from tongban_certificates.registers.checking import end_of, holder_number
from tongban_certificates.registers.header import HOLDER, VALID_UNTIL, Records, find_records, letters
from tongban_certificates.registers.register import Row
from tongban_certificates.registers.rules import RULES, FaultError, Rule
from tongban_certificates.registers.table import Table

NoteKind = Literal[
    "sheet", "sheets-left-out", "above-header", "hidden-rows", "hidden-columns", "no-end", "ends-in-zeros"
]

NOTES: Final[Mapping[NoteKind, Bilingual]] = {
    "sheet": Bilingual("读取的工作表", "the sheet that was read"),
    "sheets-left-out": Bilingual("没有读取的工作表", "sheets that were not read"),
    "above-header": Bilingual("表头以上没有读取的行数", "rows above the header, which were not read"),
    "hidden-rows": Bilingual("隐藏或筛选掉、但同样读取的行", "rows that are hidden or filtered out, and were read too"),
    "hidden-columns": Bilingual("隐藏、但同样读取的列", "columns that are hidden, and were read too"),
    "no-end": Bilingual(
        "有效期读作“长期”（9999-12-31）的行数", "rows whose validity was read as without an end (9999-12-31)"
    ),
    "ends-in-zeros": Bilingual(
        "号码以 000 结尾的行：表格软件截短长数字后就是这样，请与原件核对",
        "rows whose number ends in 000, as spreadsheets leave it when they cut a long one: compare them with the originals",
    ),
}
"""What is worth knowing about a table although nothing is wrong."""
_NAMED: Final = 20
"""Rows that a note names; it counts all."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a row, without its values. ``row`` counts as in a spreadsheet, ``column`` is a field or None: the row."""

    row: int
    column: str | None
    rule: Rule
    told: Bilingual | None = field(default=None, compare=False)
    """What exactly is wrong, where more is known than the rule says; never the value."""

    def words(self, resource: Resource) -> Bilingual:
        """What to say of it, with the values that the field can have where they are few."""
        if self.told is not None:
            return self.told
        words = RULES[self.rule]
        field_ = None if self.column is None else resource.field(self.column)
        if self.rule != "not-listed" or field_ is None:
            return words
        allowed = field_.values
        return Bilingual(f"{words.zh}：{'、'.join(allowed)}", f"{words.en}: {', '.join(allowed)}")


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth knowing. ``about`` names sheets, rows or columns, or counts them."""

    kind: NoteKind
    about: str


@dataclass(slots=True)
class Read:
    """The good rows of a table, the holders whose records it withdraws, and what is wrong with the other rows."""

    total: int
    rows: list[Row] = field(default_factory=list)
    withdrawn: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


@dataclass(slots=True)
class _Line:
    """One row: whose record it is, if that can be read, and what it says."""

    number: int
    holder: str | None = None
    values: dict[str, Any] = field(default_factory=dict)
    last_day: str | None = None
    withdrawn: bool = False
    faults: list[Fault] = field(default_factory=list)

    def wrong(self, column: str | None, rule: Rule, told: Bilingual | None = None) -> None:
        self.faults.append(Fault(self.number, column, rule, told))


def read_rows(resource: Resource, table: Table, today: date, sheet: str | None = None) -> Read:
    """Blocks. Raises `TableError` when no header names every field of the resource and nothing else."""
    records = find_records(resource, table, sheet)
    lines = [_line(resource, records, number, cells, today) for number, cells in records.rows]
    lines += _covered(records)
    by_holder: dict[str, list[_Line]] = {}
    for line in lines:
        if line.holder is not None:
            by_holder.setdefault(line.holder, []).append(line)
    for line in (line for same in by_holder.values() if len(same) > 1 for line in same):
        line.wrong(HOLDER, "duplicate")
    read = Read(len(lines), notes=_notes(table, records, lines))
    for line in sorted(lines, key=_number):
        read.faults += line.faults
        if line.faults or line.holder is None:
            continue
        if line.withdrawn:
            read.withdrawn.append(line.holder)
        else:
            until = end_of(line.last_day) if line.last_day else valid_until_of(resource, line.values)
            read.rows.append(Row(line.holder, line.values, until))
    return read


def valid_until_of(resource: Resource, values: Mapping[str, object]) -> datetime | None:
    """The end of the day on which a record expires, where the resource has such a field."""
    found = values.get(VALID_UNTIL)
    known = resource.field(VALID_UNTIL)
    return end_of(found) if known is not None and known.type == "date" and isinstance(found, str) else None


def _line(resource: Resource, records: Records, number: int, cells: Sequence[object], today: date) -> _Line:
    line = _Line(number)
    columns, merged = records.columns, records.sheet.merged.get(number, frozenset())
    if len(cells) > len(columns):
        line.wrong(None, "too-many-cells")
    whole = [*cells, *[None] * (len(columns) - len(cells))]
    for place, (column, cell) in enumerate(zip(columns, whole, strict=False)):
        try:
            if place + 1 in merged:
                raise FaultError("merged")
            if place == records.holder_at:
                line.holder = holder_number(resource, parse_number(cell), today)
            _read(resource, line, column, cell, records.sheet.day_zero)
        except FaultError as error:
            line.wrong(HOLDER if place == records.holder_at else column, error.rule, error.words)
    if not line.faults and not line.values and not line.withdrawn:
        line.wrong(None, "no-values")
    return line


def _read(resource: Resource, line: _Line, column: str, cell: object, day_zero: date) -> None:
    if (known := resource.field(column)) is not None:
        if (value := parse_cell(known, cell, day_zero)) is not None:
            line.values[column] = value
    elif column != HOLDER and not is_empty(cell):
        if column == VALID_UNTIL:
            line.last_day = parse_last_day(cell, day_zero)
        else:
            line.withdrawn = parse_yes(cell)


def _covered(records: Records) -> list[_Line]:
    """Rows that are empty because a merged cell covers them."""
    filled = {number for number, _ in records.rows}
    return [
        _Line(number, faults=[Fault(number, None, "merged")])
        for number, columns in records.sheet.merged.items()
        if number > records.header_row and number not in filled and columns
    ]


def _notes(table: Table, records: Records, lines: Sequence[_Line]) -> list[Note]:
    sheet = records.sheet
    others = [f"{one.name}（隐藏 hidden）" if one.hidden else one.name for one in table.sheets if one is not sheet]
    hidden = [line.number for line in lines if line.number in sheet.hidden_rows]
    columns = [letters(place) for place in sorted(sheet.hidden_columns) if place <= len(records.columns)]
    endless = sum(NO_END in (line.last_day, line.values.get(VALID_UNTIL)) for line in lines if not line.faults)
    zeros = sorted(line.number for line in lines if not line.faults and (line.holder or "").endswith("000"))
    found: list[tuple[NoteKind, str]] = [
        ("sheet", sheet.name if others or sheet.hidden else ""),
        ("sheets-left-out", "、".join(others)),
        ("above-header", str(records.above or "")),
        ("hidden-rows", _named(sorted(hidden))),
        ("hidden-columns", "、".join(columns)),
        ("no-end", str(endless or "")),
        ("ends-in-zeros", _named(zeros)),
    ]
    return [Note(kind, about) for kind, about in found if about]


def _named(numbers: Sequence[int]) -> str:
    more = f" …（{len(numbers)}）" if len(numbers) > _NAMED else ""
    return "、".join(str(number) for number in numbers[:_NAMED]) + more


def _number(line: _Line) -> int:
    return line.number
