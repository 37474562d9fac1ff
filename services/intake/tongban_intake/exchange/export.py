"""Writes rows as one CSV file a table, what is wrong with others, and a manifest. Files hold personal data: mode 0600."""

import csv
import hashlib
import io
import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tongban_intake.exchange.rows import Problem, Row
from tongban_intake.exchange.tables import TABLES

PROBLEMS = "exchange-problems.csv"
MANIFEST = "manifest.json"
_PROBLEM_COLUMNS = ("table", "row_guid", "application", "event", "columns", "reason")


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: rows by table, and problems."""

    rows: dict[str, int]
    problems: int
    manifest: dict[str, Any]


def write(folder: Path, cases: int, rows: Iterable[Row], problems: Iterable[Problem]) -> Exported:
    """Replaces the files of a folder, which is made for its owner alone. Equal rows give equal bytes.

    ``cases``: how many the rows come from. Each file is replaced whole; the manifest, with the hashes of the others, comes last.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    by_table: dict[str, list[Row]] = {name: [] for name in TABLES}
    for row in rows:
        by_table[row.table].append(row)
    tables = {}
    for name, found in by_table.items():
        found.sort(key=lambda row: row.order)
        digest = _write_csv(folder / f"{name}.csv", TABLES[name].names, [row.line() for row in found])
        operations = Counter(row.values["cd_operation"] for row in found)
        tables[name] = {
            "title": TABLES[name].title,
            "file": f"{name}.csv",
            "rows": len(found),
            "operations": {one: operations[one] for one in "IUD"},
            "sha256": digest,
        }
    lines = sorted(
        [one.table, one.row_guid, one.subject, one.event, " ".join(one.columns), one.reason] for one in problems
    )
    digest = _write_csv(folder / PROBLEMS, _PROBLEM_COLUMNS, lines)
    manifest = {
        "cases": cases,
        "tables": tables,
        "problems": {"file": PROBLEMS, "rows": len(lines), "sha256": digest},
    }
    _replace(folder / MANIFEST, (json.dumps(manifest, ensure_ascii=False, indent=2) + "\n").encode())
    return Exported({name: len(found) for name, found in by_table.items()}, len(lines), manifest)


def _write_csv(path: Path, head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(lines)
    body = text.getvalue().encode()
    _replace(path, body)
    return hashlib.sha256(body).hexdigest()


def _replace(path: Path, body: bytes) -> None:
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
