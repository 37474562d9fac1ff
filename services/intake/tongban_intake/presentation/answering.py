"""Until when a department has to answer what a person asks of it. Pure."""

from collections.abc import Mapping
from datetime import datetime

from tongban_catalog.clock import NATION, Calendars, deadline
from tongban_catalog.department import Department
from tongban_catalog.proofs import DISPUTE_LIMIT

from tongban_intake.presentation.dates import day_words
from tongban_intake.presentation.shown import Words


def answer_by(
    calendars: Calendars, bodies: Mapping[str, Department], department: str | None, asked_at: datetime
) -> Words | None:
    """The last day for an answer, of a dispute and of a doubt alike; None while it cannot be told."""
    body = bodies.get(department or "")
    region = NATION if body is None or body.region is None else body.region
    end = deadline(calendars, region, asked_at, DISPUTE_LIMIT)
    return None if end.day is None else day_words(end.day)
