"""From the facts of one case to its rows and problems. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from tongban_schemas.envelope import Event
from tongban_schemas.events.applications import ApplicationSubmitted

from tongban_intake.exchange.accepting import accept_rows, material_rows
from tongban_intake.exchange.case import CaseFacts, Catalogue, Unseal
from tongban_intake.exchange.outcome import result_rows, special_rows
from tongban_intake.exchange.process import process_rows
from tongban_intake.exchange.rows import Problem, Row, problem_of

MAKERS = (accept_rows, process_rows, special_rows, material_rows, result_rows)


@dataclass(frozen=True, slots=True)
class Mapped:
    """The rows that may be loaded, in order, and what is wrong with the others."""

    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]


def rows_of(subject: str, events: Iterable[Event], known: Catalogue, unseal: Unseal) -> Mapped:
    """The rows of one application. A case of which nothing was submitted yet has none."""
    facts = list(events)
    case = CaseFacts.of(subject, facts, known, unseal)
    if case is None:
        sent = min((one for one in facts if isinstance(one.data, ApplicationSubmitted)), key=_id, default=None)
        unknown = () if sent is None else (Problem("", "", subject, str(sent.id), (), "unknown-item"),)
        return Mapped((), unknown)
    made = sorted((row for make in MAKERS for row in make(case)), key=lambda row: (row.table, row.order))
    judged = [(row, problem_of(row)) for row in made]
    wrong = [problem for _, problem in judged if problem is not None]
    strange = [Problem("", "", subject, str(fact.id), (), "not-by-right") for fact in case.disbelieved]
    return Mapped(tuple(row for row, problem in judged if problem is None), (*wrong, *strange))


def _id(event: Event) -> int:
    return event.id.int
