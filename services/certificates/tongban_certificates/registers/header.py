"""Where the records of a table begin, and which column is which field. Pure.

Files have a guide on another sheet, or a title above: the header is the row that names every field of the resource and nothing
else.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tongban_catalog.resource import Resource

from tongban_certificates.registers.rules import TableError
from tongban_certificates.registers.table import Sheet, Table
from tongban_certificates.registers.workbook import MAX_ROWS

HOLDER: Final = "holder"
VALID_UNTIL: Final = "valid_until"
WITHDRAWN: Final = "withdrawn"
OWN_COLUMNS: Final[Mapping[str, str]] = {
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
_WITHIN: Final = 10
"""Among how many rows from the top the header is looked for."""
_LONGEST_NAME: Final = 40
"""Characters of a column's name that are repeated when it is not known."""


@dataclass(frozen=True, slots=True)
class Records:
    """The records of a sheet: the field of each column, the place of the holder's number, and the rows below the header."""

    sheet: Sheet
    header_row: int
    columns: tuple[str, ...]
    holder_at: int
    rows: tuple[tuple[int, tuple[object, ...]], ...]
    above: int
    """Rows above the header that are not empty."""


def find_records(resource: Resource, table: Table, sheet: str | None) -> Records:
    """The records of the sheet with this name; None: of the only sheet that has a header. Raises `TableError`."""
    names = tuple(one.name for one in table.sheets if one.name)
    candidates = table.sheets
    if sheet is not None:
        candidates = tuple(one for one in table.sheets if one.name == sheet)
        if not candidates:
            raise TableError("no-such-sheet", sheets=names)
    found: list[Records] = []
    best: tuple[int, TableError] | None = None
    for one in candidates:
        for place, (number, cells) in enumerate(one.rows[:_WITHIN]):
            header = _Header(resource, cells)
            try:
                columns, holder_at = header.columns()
            except TableError as error:
                if best is None or header.known > best[0]:
                    best = (header.known, error)
                continue
            found.append(Records(one, number, columns, holder_at, tuple(one.rows[place + 1 :]), place))
            break
    if len(found) > 1:
        raise TableError("several-sheets", sheets=tuple(one.sheet.name for one in found))
    if not found:
        assert best is not None
        raise best[1]
    if len(found[0].rows) > MAX_ROWS:
        raise TableError("too-many-rows")
    return found[0]


def letters(place: int) -> str:
    """The name of a column, which counts from 1, as spreadsheets have it: ``A``, ``Z``, ``AA``."""
    name = ""
    while place:
        place, last = divmod(place - 1, 26)
        name = chr(ord("A") + last) + name
    return name


def columns_of(resource: Resource) -> tuple[str, ...]:
    """The columns that a table may have, each with its id and its name."""
    return (
        "holder 号码",
        *(f"{one.id} {one.name.zh}" for one in resource.fields),
        "valid_until 有效期至",
        "withdrawn 是否注销",
    )


class _Header:
    """A row that may be the header. ``known`` counts its columns that are known."""

    def __init__(self, resource: Resource, cells: Sequence[object]) -> None:
        names = dict(OWN_COLUMNS)
        for one in resource.fields:
            names |= {_folded(one.id): one.id, _folded(one.name.zh): one.id, _folded(one.name.en): one.id}
        self._resource = resource
        self._cells = tuple("" if cell is None else str(cell).strip() for cell in cells)
        self._found = tuple(names.get(_folded(cell)) for cell in self._cells)
        self.known = sum(name is not None for name in self._found)

    def columns(self) -> tuple[tuple[str, ...], int]:
        """The field of each column, and the place of the holder's number, which may be one of the fields too."""
        if unknown := [self._told(place) for place, name in enumerate(self._found) if name is None]:
            raise TableError("unknown-columns", tuple(unknown), allowed=columns_of(self._resource))
        columns = tuple(name for name in self._found if name is not None)
        if twice := [self._told(place) for place, name in enumerate(columns) if name in columns[:place]]:
            raise TableError("twice-a-column", tuple(twice))
        aliases = [OWN_COLUMNS.get(_folded(cell)) for cell in self._cells]
        holder_at = columns.index(HOLDER) if HOLDER in columns else aliases.index(HOLDER) if HOLDER in aliases else None
        missing = [one.id for one in self._resource.fields if one.id not in columns]
        if holder_at is None or missing:
            raise TableError("missing-columns", (*([HOLDER] if holder_at is None else []), *missing))
        return columns, holder_at

    def _told(self, place: int) -> str:
        return f"{letters(place + 1)} {self._cells[place][:_LONGEST_NAME]}".strip()


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()
