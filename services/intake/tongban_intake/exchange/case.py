"""One case as the exchange sees it: its facts in order, its item, and its applicant's answers in clear."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tongban_catalog.acting import Signatures
from tongban_catalog.department import Department
from tongban_catalog.item import Basis, Item, NoDepartmentError
from tongban_catalog.speakers import judge, submission_of
from tongban_catalog.standing import in_order
from tongban_runtime.sealing import SealBrokenError
from tongban_schemas.envelope import Event
from tongban_schemas.events.applications import ApplicationReceived
from tongban_schemas.events.catalog import DepartmentRegistered
from tongban_schemas.types import ItemRef

from tongban_intake.domain.history import History

Unseal = Callable[[str, str, str], str]
"""(application, field, sealed) -> text; raises `SealBrokenError`."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The published items and departments."""

    items: Mapping[ItemRef, Item]
    departments: Mapping[str, DepartmentRegistered]

    @property
    def bodies(self) -> dict[str, Department]:
        return {
            name: Department(name, one.uscc, one.name_zh, one.name_en, keys=tuple(one.keys))
            for name, one in self.departments.items()
        }


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """A case whose item is known. Only the applicant's name and code are ever opened; officers' words stay sealed."""

    history: History
    item: Item
    departments: Mapping[str, DepartmentRegistered]
    unseal: Unseal
    disbelieved: tuple[Event, ...] = ()
    """What somebody said who may not say it."""

    @classmethod
    def of(cls, subject: str, events: Iterable[Event], known: Catalogue, unseal: Unseal) -> "CaseFacts | None":
        """None when nobody submitted the case or its item is not published."""
        facts = in_order(events)
        sent: Any = submission_of(facts)
        item = None if sent is None else known.items.get(sent.data.item)
        if item is None:
            return None
        heard = judge(subject, facts, item, Signatures(known.bodies))
        strange = tuple(fact for fact, _ in heard.denied)
        return cls(History.of(subject, heard.counted, item), item, known.departments, unseal, strange)

    @property
    def subject(self) -> str:
        return self.history.subject

    @property
    def facts(self) -> tuple[Event, ...]:
        """Each once, in an order that does not depend on how they came."""
        return self.history.facts

    @property
    def number(self) -> str:
        """办件编号; empty while the case has none."""
        return self.history.number or ""

    @property
    def receiving(self) -> str:
        """The id of the receiving body; empty when the answers name none."""
        received = self.history.received
        if received is not None and isinstance(received.data, ApplicationReceived):
            return received.data.department
        try:
            return self.item.acceptance.department_of(self.history.answers.plain)
        except NoDepartmentError:
            return ""

    def answer(self, field: str | None) -> str:
        """An answer as text, opened when it is sealed; empty when there is none or it does not open."""
        answers = self.history.answers
        if field is not None and field in answers.sealed:
            try:
                return self.unseal(self.subject, field, answers.sealed[field])
            except SealBrokenError:
                return ""
        value = answers.plain.get(field) if field is not None else None
        return "" if value is None else str(value)

    def step_name(self, step: str) -> str:
        return self.item.step(step).name.zh if self.item.has_step(step) else ""


def basis_text(bases: Iterable[Basis]) -> str:
    """Laws and articles; a local habit in its own words."""
    return "；".join(f"《{one.law.zh}》第{one.article}条" if one.law else one.says.zh for one in bases)
