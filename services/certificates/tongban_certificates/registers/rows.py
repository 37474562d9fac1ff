"""From a table to what a register takes: which column is which field, which rows are good, what is wrong with the others. Pure."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from tongban_catalog.resource import Resource

from tongban_certificates.registers.checking import (
    FaultError,
    Rule,
    cell_text,
    end_of,
    holder_number,
    parse_cell,
    parse_day,
    parse_yes,
)
from tongban_certificates.registers.register import Row
from tongban_certificates.registers.table import Table, TableError

HOLDER: Final = "holder"
VALID_UNTIL: Final = "valid_until"
WITHDRAWN: Final = "withdrawn"
_OWN_COLUMNS: Final[Mapping[str, str]] = {
    "holder": HOLDER,
    "号码": HOLDER,
    "持有人号码": HOLDER,
    "证件号码": HOLDER,
    "身份证号": HOLDER,
    "身份证号码": HOLDER,
    "公民身份号码": HOLDER,
    "统一社会信用代码": HOLDER,
    "valid_until": VALID_UNTIL,
    "有效期至": VALID_UNTIL,
    "withdrawn": WITHDRAWN,
    "是否注销": WITHDRAWN,
    "注销": WITHDRAWN,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a row, without its values. ``row`` counts as in a spreadsheet, ``column`` is a field or None: the row."""

    row: int
    column: str | None
    rule: Rule


@dataclass(slots=True)
class Read:
    """The good rows of a table, the holders whose records it withdraws, and what is wrong with the other rows."""

    total: int
    rows: list[Row] = field(default_factory=list)
    withdrawn: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def read_rows(resource: Resource, table: Table, today: date) -> Read:
    """Blocks. Raises `TableError` when the header does not name every field of the resource and nothing else."""
    columns, holder_at = _columns(resource, table.header)
    read = Read(len(table.rows))
    seen: set[str] = set()
    for number, cells in table.rows:
        faults, row, withdrawn = _read(resource, columns, holder_at, cells, today)
        if row is not None and row.holder in seen:
            faults.append((HOLDER, "duplicate"))
        if faults or row is None:
            read.faults += [Fault(number, column, rule) for column, rule in faults]
            continue
        seen.add(row.holder)
        if withdrawn:
            read.withdrawn.append(row.holder)
        else:
            read.rows.append(row)
    return read


def valid_until_of(resource: Resource, values: Mapping[str, object]) -> datetime | None:
    """The end of the day on which a record expires, where the resource has such a field."""
    found = values.get(VALID_UNTIL)
    known = resource.field(VALID_UNTIL)
    return end_of(found) if known is not None and known.type == "date" and isinstance(found, str) else None


def _read(
    resource: Resource, columns: Sequence[str], holder_at: int, cells: Sequence[object], today: date
) -> tuple[list[tuple[str | None, Rule]], Row | None, bool]:
    faults: list[tuple[str | None, Rule]] = []
    if len(cells) > len(columns):
        faults.append((None, "too-many-cells"))
    values: dict[str, Any] = {}
    holder, valid_until, withdrawn = "", None, False
    whole = [*cells, *[None] * (len(columns) - len(cells))]
    try:
        holder = holder_number(resource, cell_text(whole[holder_at]), today)
    except FaultError as error:
        faults.append((HOLDER, error.rule))
    for column, cell in zip(columns, whole, strict=False):
        try:
            if column == HOLDER:
                continue
            if (known := resource.field(column)) is not None:
                if (value := parse_cell(known, cell)) is not None:
                    values[column] = value
            elif text := cell_text(cell):
                if column == VALID_UNTIL:
                    valid_until = end_of(parse_day(text))
                else:
                    withdrawn = parse_yes(text)
        except FaultError as error:
            faults.append((column, error.rule))
    if not faults and not values and not withdrawn:
        faults.append((None, "no-values"))
    if faults:
        return faults, None, False
    return faults, Row(holder, values, valid_until or valid_until_of(resource, values)), withdrawn


def _columns(resource: Resource, header: Sequence[str]) -> tuple[tuple[str, ...], int]:
    """The field of each column, and the column of the holder's number, which may be one of the fields too."""
    names = dict(_OWN_COLUMNS)
    for one in resource.fields:
        names |= {_folded(one.id): one.id, _folded(one.name.zh): one.id, _folded(one.name.en): one.id}
    found = tuple(names.get(_folded(cell)) for cell in header)
    if unknown := [str(place) for place, name in enumerate(found, start=1) if name is None]:
        raise TableError("unknown-columns", tuple(unknown))
    columns = tuple(name for name in found if name is not None)
    if twice := [str(place) for place, name in enumerate(columns, start=1) if name in columns[: place - 1]]:
        raise TableError("twice-a-column", tuple(twice))
    aliases = [_OWN_COLUMNS.get(_folded(cell)) for cell in header]
    holder_at = columns.index(HOLDER) if HOLDER in columns else aliases.index(HOLDER) if HOLDER in aliases else None
    missing = [one.id for one in resource.fields if one.id not in columns]
    if holder_at is None or missing:
        raise TableError("missing-columns", (*([HOLDER] if holder_at is None else []), *missing))
    return columns, holder_at


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()
