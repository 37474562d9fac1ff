"""What a new version of an item would mean for cases that came under an older one. Pure: it looks, and changes nothing."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tongban_schemas.envelope import Event
from tongban_schemas.events.applications import (
    ApplicationAccepted,
    ApplicationCorrected,
    ApplicationNotAccepted,
    ApplicationReceived,
    ApplicationSubmitted,
    ApplicationWithdrawn,
)
from tongban_schemas.events.certificates import CertificateIssued, CertificateRevoked
from tongban_schemas.types import ItemRef, JsonObject, Limit

from tongban_catalog.form import Text
from tongban_catalog.item import Item, NoDepartmentError, Step, applicable_steps, asked_materials, form_errors
from tongban_catalog.speakers import judge
from tongban_catalog.standing import in_order, standing

About = Literal[
    "step", "department", "verdict", "legal", "promised", "needs", "material", "answer", "joint", "acceptance"
]

ABOUTS: Mapping[About, Text] = {
    "step": Text("步骤", "step"),
    "department": Text("办理部门", "department of"),
    "verdict": Text("规则结果", "rule says of"),
    "legal": Text("法定时限", "legal limit of"),
    "promised": Text("承诺时限", "promised limit of"),
    "needs": Text("前置步骤", "needs of"),
    "material": Text("材料", "material"),
    "answer": Text("答案", "answer"),
    "joint": Text("联合办理时限", "joint limit of"),
    "acceptance": Text("受理方式", "acceptance of"),
}


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """One thing that would be otherwise: ``subject`` is a step, material or field; "-" where there is nothing."""

    about: About
    subject: str
    old: str
    new: str

    @property
    def said(self) -> Text:
        word = ABOUTS[self.about]
        return Text(
            f"{word.zh} {self.subject}:{self.old} → {self.new}", f"{word.en} {self.subject}: {self.old} → {self.new}"
        )


@dataclass(frozen=True, slots=True)
class Running:
    """A case that has not ended: the application's id, its number if it has one, and the version it stays on."""

    application: str
    number: str | None
    version: int


@dataclass(frozen=True, slots=True)
class Impact:
    """What publishing ``item`` would find. No case changes by it; ``differences`` are what new cases like these would see.

    ``running``: the cases on other versions. ``past``: how many cases, running and ended, the new version was tried on.
    ``unknown``: cases whose version the catalogue does not hold.
    """

    item: Item
    running: tuple[Running, ...]
    past: int
    differences: Mapping[Difference, tuple[str, ...]]
    unknown: tuple[str, ...]


def assess(new: Item, cases: Mapping[str, Sequence[Event]], versions: Mapping[ItemRef, Item]) -> Impact:
    """``cases``: the facts of each application of the item's code, by application; ``versions``: the published items."""
    running: list[Running] = []
    unknown: list[str] = []
    found: dict[Difference, list[str]] = defaultdict(list)
    past = 0
    for application in sorted(cases):
        facts = in_order(cases[application])
        submitted = _submitted(facts)
        if submitted is None or submitted.item.code != new.code or submitted.item.version == new.version:
            continue
        old = versions.get(submitted.item)
        if old is None:
            unknown.append(application)
            continue
        past += 1
        facts = in_order(judge(application, facts, old, None).counted)
        if is_running(facts, old):
            running.append(Running(application, _number(facts), old.version))
        for difference in shadow(facts, old, new):
            found[difference].append(application)
    return Impact(
        item=new,
        running=tuple(running),
        past=past,
        differences={difference: tuple(found[difference]) for difference in sorted(found)},
        unknown=tuple(unknown),
    )


def is_running(facts: Iterable[Event], item: Item) -> bool:
    """Whether a case has not ended: not withdrawn or turned away, no refusal stands, and no certificate does."""
    ordered = in_order(facts)
    data = [fact.data for fact in ordered]
    if any(isinstance(one, ApplicationWithdrawn | ApplicationNotAccepted) for one in data):
        return False
    issued = {one.number for one in data if isinstance(one, CertificateIssued)}
    revoked = {one.number for one in data if isinstance(one, CertificateRevoked)}
    now = standing(ordered, item)
    return not (issued - revoked or now.refused or now.annulled_for_good)


def shadow(facts: Iterable[Event], old: Item, new: Item) -> tuple[Difference, ...]:
    """How one case would go otherwise under the new version, judged by its last answers that are not sealed.

    Which steps there would be and whose, what rules decide, limits, needs, materials asked, and answers that the new form
    would not take. Empty when nothing would be otherwise.
    """
    ordered = in_order(facts)
    submitted = _submitted(ordered)
    if submitted is None:
        return ()
    answers: JsonObject = dict(submitted.answers)
    sealed = set(submitted.sealed)
    for fact in ordered:
        if isinstance(fact.data, ApplicationCorrected):
            answers.update(fact.data.answers)
            sealed.update(fact.data.sealed)
    found: list[Difference] = []
    before = {step.id: step for step in applicable_steps(old, answers)}
    after = {step.id: step for step in applicable_steps(new, answers)}
    for name in sorted(before.keys() | after.keys()):
        one, other = before.get(name), after.get(name)
        if one is None or other is None:
            found.append(Difference("step", name, "-" if one is None else "+", "-" if other is None else "+"))
        else:
            found += _of_step(one, other, answers, before.keys() & after.keys())
    asked_before = {one.id for one in asked_materials(old, answers)}
    asked_after = {one.id for one in asked_materials(new, answers)}
    found += [Difference("material", name, "+", "-") for name in asked_before - asked_after]
    found += [Difference("material", name, "-", "+") for name in asked_after - asked_before]
    wrong = {error["field"] for error in form_errors(new, answers)} - sealed
    wrong -= {error["field"] for error in form_errors(old, answers)}
    found += [Difference("answer", name, "+", "-") for name in wrong]
    pairs: tuple[tuple[About, str, str], ...] = (
        ("joint", _joint(old), _joint(new)),
        ("acceptance", old.acceptance.by, new.acceptance.by),
    )
    found += [Difference(about, new.code, was, would) for about, was, would in pairs if was != would]
    return tuple(sorted(found))


def _of_step(old: Step, new: Step, answers: Mapping[str, Any], common: Iterable[str]) -> list[Difference]:
    shared = frozenset(common)
    pairs: tuple[tuple[About, str, str], ...] = (
        ("department", _department(old, answers), _department(new, answers)),
        ("verdict", old.verdict(answers), new.verdict(answers)),
        ("legal", _limit(old.limits.legal), _limit(new.limits.legal)),
        ("promised", _limit(old.limits.promised), _limit(new.limits.promised)),
        ("needs", _names(old.needed & shared), _names(new.needed & shared)),
    )
    return [Difference(about, new.id, was, would) for about, was, would in pairs if was != would]


def _department(step: Step, answers: Mapping[str, Any]) -> str:
    try:
        return step.department_of(answers)
    except NoDepartmentError:
        return "-"


def _limit(limit: Limit | None) -> str:
    return "-" if limit is None else f"{limit.number} {limit.unit}"


def _joint(item: Item) -> str:
    return _limit(None if item.joint is None else item.joint.legal)


def _names(names: Iterable[str]) -> str:
    return ",".join(sorted(names)) or "-"


def _submitted(ordered: Iterable[Event]) -> ApplicationSubmitted | None:
    return next((fact.data for fact in ordered if isinstance(fact.data, ApplicationSubmitted)), None)


def _number(ordered: Iterable[Event]) -> str | None:
    found = [fact.data.number for fact in ordered if isinstance(fact.data, ApplicationReceived | ApplicationAccepted)]
    return next((number for number in found if number is not None), None)
