"""The lines of a ledger, newest first, from the set of facts of one case."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tongban_intake import payloads as said
from tongban_intake.facts import Fact

LineKind = Literal["looked", "used", "turned-away", "given", "corrected", "erased"]
"""``looked``: a person was given the keys; ``used``: a program was; ``turned-away``: somebody did not get them; ``given``: a
source gave a proof; ``corrected``: it told that its record had changed; ``erased``: the key of the case was destroyed."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """The person doubts a line. ``text`` and ``explanation`` are sealed; the latter is there once somebody answered."""

    id: str
    at: datetime
    text: str
    explained_at: datetime | None = None
    explained_by: str | None = None
    explanation: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One use of a person's data. ``event`` is an event id.

    ``department`` is the one that looked or gave, ``receiver`` the one that a proof was for. ``fields`` are names of sealed
    fields, or, of a proof, those of its resource, with ``material`` and ``resource``.
    """

    event: str
    at: datetime
    kind: LineKind
    service: str
    department: str | None = None
    officer: bool = False
    purpose: str | None = None
    fields: tuple[str, ...] = ()
    step: str | None = None
    rule: str | None = None
    material: str | None = None
    resource: str | None = None
    receiver: str | None = None
    basis: str | None = None
    withdrawn: bool = False
    doubts: tuple[Doubt, ...] = ()


def ledger(facts: Iterable[Fact]) -> tuple[Line, ...]:
    """The lines of one case. Only the vault's word counts for who looked, only the source's own for what it gave."""
    ordered = sorted(facts, key=lambda fact: (fact.time, fact.sequence, fact.id))
    requests = {
        fact.id: fact.data
        for fact in ordered
        if isinstance(fact.data, said.EvidenceRequested) and fact.source == "/intake"
    }
    doubts = _doubts(ordered)
    found = [line for fact in ordered if (line := _line(fact, requests, doubts)) is not None]
    return tuple(reversed(found))


def _doubts(ordered: Iterable[Fact]) -> dict[str, tuple[Doubt, ...]]:
    """By the event id of the line; the first answer stands."""
    answers: dict[str, tuple[datetime, said.AccessExplained]] = {}
    for fact in ordered:
        if isinstance(fact.data, said.AccessExplained) and _is_vault(fact):
            answers.setdefault(str(fact.data.doubt), (fact.time, fact.data))
    found: dict[str, tuple[Doubt, ...]] = {}
    for fact in ordered:
        if isinstance(fact.data, said.AccessDoubted) and _is_vault(fact):
            doubt = Doubt(fact.id, fact.time, fact.data.text)
            if fact.id in answers:
                at, answer = answers[fact.id]
                doubt = Doubt(fact.id, fact.time, fact.data.text, at, answer.department, answer.text)
            line = str(fact.data.access)
            found[line] = (*found.get(line, ()), doubt)
    return found


def _line(
    fact: Fact, requests: Mapping[str, said.EvidenceRequested], doubts: Mapping[str, tuple[Doubt, ...]]
) -> Line | None:
    match fact.data:
        case said.AccessGranted() as told if _is_vault(fact):
            return Line(
                fact.id,
                fact.time,
                "used" if told.officer is None else "looked",
                told.service,
                told.department,
                told.officer is not None,
                told.purpose,
                told.fields,
                told.step,
                doubts=doubts.get(fact.id, ()),
            )
        case said.AccessRefused() as told if _is_vault(fact):
            return Line(
                fact.id,
                fact.time,
                "turned-away",
                told.service,
                told.department,
                told.officer is not None,
                told.purpose,
                told.fields,
                told.step,
                told.rule,
                doubts=doubts.get(fact.id, ()),
            )
        case said.AccessErased(basis=basis) if _is_vault(fact):
            return Line(fact.id, fact.time, "erased", "intake", basis=basis)
        case said.EvidenceProvided() | said.EvidenceCorrected() as told:
            return _proof_line(fact, told, requests, doubts)
    return None


def _proof_line(
    fact: Fact,
    told: said.EvidenceProvided | said.EvidenceCorrected,
    requests: Mapping[str, said.EvidenceRequested],
    doubts: Mapping[str, tuple[Doubt, ...]],
) -> Line | None:
    request = requests.get(str(told.request))
    if request is None or told.department != request.provider or fact.source != f"/certificates/{request.provider}":
        return None
    corrected = isinstance(told, said.EvidenceCorrected)
    fields = told.changed if isinstance(told, said.EvidenceCorrected) else (*told.values, *told.sealed)
    return Line(
        fact.id,
        fact.time,
        "corrected" if corrected else "given",
        "certificates",
        told.department,
        isinstance(told, said.EvidenceProvided) and told.officer is not None,
        fields=tuple(sorted(fields)),
        material=told.material,
        resource=told.resource,
        receiver=request.asked_by,
        basis=request.basis,
        withdrawn=isinstance(told, said.EvidenceCorrected) and told.withdrawn,
        doubts=doubts.get(fact.id, ()),
    )


def _is_vault(fact: Fact) -> bool:
    return fact.source.split("/")[1:2] == ["intake"]
