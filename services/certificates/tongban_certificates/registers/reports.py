"""What became of a table, as programs read it."""

from typing import Final
from uuid import UUID

from pydantic import BaseModel, Field
from tongban_catalog.resource import Resource

from tongban_certificates.registers.desk import Report
from tongban_certificates.registers.rows import NOTES

MAX_TOLD: Final = 1000
"""Faults that an answer names; a report counts all."""


class RowFault(BaseModel):
    """What is wrong in a row of the table. ``column`` is a field of the resource, or null: the row."""

    row: int
    column: str | None
    name: str | None = Field(description="The column's name in Chinese, where it is a field.")
    rule: str
    message_zh: str
    message_en: str


class TableNote(BaseModel):
    """Something worth knowing about the table. ``about`` names sheets, rows or columns, or counts them."""

    kind: str
    about: str
    message_zh: str
    message_en: str


class ImportReport(BaseModel):
    """What became of a table's rows. ``faults`` are the first that were found, ``bad`` counts all rows that have one.

    ``preview``: nothing was taken in yet; the good rows are, when this import is confirmed within an hour.
    """

    resource: str
    preview: UUID | None = None
    total: int
    added: int
    changed: int
    withdrawn: int
    unchanged: int
    bad: int
    faults: list[RowFault]
    notes: list[TableNote]


def told(resource: Resource, report: Report, preview: UUID | None = None) -> ImportReport:
    """A report in its words."""
    faults = []
    for fault in report.faults[:MAX_TOLD]:
        words = fault.words(resource)
        known = None if fault.column is None else resource.field(fault.column)
        faults.append(
            RowFault(
                row=fault.row,
                column=fault.column,
                name=None if known is None else known.name.zh,
                rule=fault.rule,
                message_zh=words.zh,
                message_en=words.en,
            )
        )
    return ImportReport(
        resource=resource.id,
        preview=preview,
        total=report.total,
        added=report.added,
        changed=report.changed,
        withdrawn=report.withdrawn,
        unchanged=report.unchanged,
        bad=report.bad,
        faults=faults,
        notes=[
            TableNote(kind=one.kind, about=one.about, message_zh=NOTES[one.kind].zh, message_en=NOTES[one.kind].en)
            for one in report.notes
        ],
    )
