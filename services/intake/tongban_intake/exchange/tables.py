"""The tables and codes of the exchange, from the data files beside this module.

``columns.csv`` holds the case tables (办件) of the national platform's upload schema, C0109.2, which uses the elements of
GB/T 39554.2: column, length, meaning and whether it must be filled, as deployed. ``codes.json`` names the source of each code
set; what was read in no text says so there, and is to be agreed with the platform before real use.
"""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

ACCEPT = "up_pro_accept"
PROCESS = "up_pro_process"
SPECIAL = "up_pro_special_procedure"
MATERIAL = "up_pro_material"
RESULT = "up_pro_result"


@dataclass(frozen=True, slots=True)
class Column:
    """``length`` in characters, None: not limited. ``required``: NOT NULL."""

    name: str
    meaning: str
    length: int | None
    required: bool


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the platform; the columns of the change feed come first."""

    name: str
    title: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


FEED = (
    Column("row_guid", "记录唯一标识", 36, True),
    Column("cd_operation", "同步类型", 1, True),
    Column("cd_batch", "批次号", 8, True),
    Column("cd_time", "同步时间", None, True),
    Column("data_source", "数据来源", None, False),
)
"""What every row carries besides, so that the rows are a change feed."""


def _load_tables() -> dict[str, Table]:
    text = files(__package__).joinpath("columns.csv").read_text("utf-8")
    found: dict[str, Table] = {}
    for line in csv.DictReader(text.splitlines()):
        length = int(line["length"]) if line["length"] else None
        column = Column(line["column"], line["meaning"], length, line["not_null"] == "Y")
        known = found.get(line["table"], Table(line["table"], line["title"], FEED))
        found[known.name] = Table(known.name, known.title, (*known.columns, column))
    return found


def _load_codes() -> dict[str, dict[str, str]]:
    document: dict[str, Any] = json.loads(files(__package__).joinpath("codes.json").read_text("utf-8"))
    return {name: {word: pair[0] for word, pair in part["values"].items()} for name, part in document.items()}


TABLES: Mapping[str, Table] = _load_tables()
CODES: Mapping[str, Mapping[str, str]] = _load_codes()
"""Code sets: the platform's code by our word for it."""
