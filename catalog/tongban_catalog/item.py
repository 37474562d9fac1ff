"""A service item and its flow, compiled once from a published definition. Pure: no file, no network, no clock.

The flow functions are what approvals, certificates and intake share; all of them depend on the set of what happened, not
on its order. A step whose ``when`` is false does not exist for the case, and any need of it counts as satisfied.
"""

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from tongban_schemas.types import ItemRef, JsonObject, Limit, Unit

from tongban_catalog import parse
from tongban_catalog.basis import Basis
from tongban_catalog.clock import NATION
from tongban_catalog.form import FieldError, Form, Text, text
from tongban_catalog.guide import Contact, Counter, CrossRegion, Fee
from tongban_catalog.parts import (
    Acceptance,
    CaseType,
    Certificate,
    Condition,
    Decide,
    DeptChoice,
    Holder,
    ItemDefinitionError,
    Joint,
    Limits,
    Material,
    Need,
    NoDepartmentError,
    Opinion,
    Procedure,
    Quota,
    Renewal,
    SignInFact,
    Source,
    StandardRef,
    Step,
    StepSilence,
    Substitution,
    Verdict,
    condition_fields,
)

__all__ = [
    "Acceptance",
    "Basis",
    "Certificate",
    "Condition",
    "Contact",
    "Counter",
    "CrossRegion",
    "Decide",
    "DeptChoice",
    "Fee",
    "Holder",
    "Item",
    "ItemDefinitionError",
    "Joint",
    "Limit",
    "Limits",
    "Material",
    "Need",
    "NoDepartmentError",
    "Opinion",
    "Procedure",
    "Quota",
    "Renewal",
    "Source",
    "StandardRef",
    "Step",
    "StepSilence",
    "Substitution",
    "Unit",
    "Verdict",
    "all_granted",
    "applicable_steps",
    "asked_fields",
    "asked_materials",
    "condition_fields",
    "form_errors",
    "may_decide",
    "open_steps",
    "sources_of",
    "split_personal",
    "substitution_of",
    "undecided_materials",
]

_FLOWS_KEPT = 4096
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class _Flow:
    steps: tuple[Step, ...]
    ids: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Item:
    """One version of a service item. Two items are the same when their definitions are (`Item.ref` names them)."""

    ref: ItemRef
    name: Text
    summary: Text
    service_objects: tuple[str, ...]
    also_called: tuple[str, ...]
    departments: Mapping[str, DeptChoice]
    form: Form
    materials: tuple[Material, ...]
    steps: tuple[Step, ...]
    certificate: Certificate
    acceptance: Acceptance
    region: str
    standard: StandardRef | None
    effective_from: date | None
    cancel_on: date | None
    case_type: CaseType
    joint: Joint | None
    delivery: Limit | None
    holder: Holder | None
    from_sign_in: Mapping[str, SignInFact]
    cross_region: CrossRegion | None
    counters: tuple[Counter, ...]
    contacts: tuple[Contact, ...]
    fees: tuple[Fee, ...]
    substitutions: tuple[Substitution, ...]
    sources: tuple[Source, ...]
    renewal: Renewal | None
    definition: JsonObject = field(repr=False)
    _by_id: Mapping[str, Step] = field(repr=False)
    _deciding: tuple[str, ...] = field(repr=False)
    _flows: dict[str, _Flow] = field(default_factory=dict, repr=False)

    @classmethod
    def from_definition(cls, definition: JsonObject) -> "Item":
        """An item from the ``definition`` of an `ItemPublished` event. Keys it does not know are left alone.

        Raises `ItemDefinitionError` when a key it needs is missing or a condition is no JSON Schema.
        """
        try:
            return _build(definition)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ItemDefinitionError(
                f"事项定义不完整或有误 / the item definition is not usable: {type(error).__name__}: {error}"
            ) from error

    @property
    def code(self) -> str:
        return self.ref.code

    @property
    def version(self) -> int:
        return self.ref.version

    @property
    def deciding_departments(self) -> frozenset[str]:
        """Ids of the departments that may decide at least one step."""
        return frozenset().union(*(step.departments for step in self.steps))

    @property
    def deciding_fields(self) -> frozenset[str]:
        """The answers that decide which steps exist and who plays a role: no correction may change them."""
        chosen = {one.by for one in self.departments.values() if one.by is not None}
        return frozenset(self._deciding) | chosen

    @property
    def supplied(self) -> frozenset[str]:
        """The answers that some source may supply."""
        return frozenset(name for one in self.sources for name in one.supplies)

    def in_force(self, today: date) -> bool:
        """Whether new applications are taken under this version on a day in China."""
        begun = self.effective_from is None or self.effective_from <= today
        return begun and (self.cancel_on is None or today < self.cancel_on)

    def step(self, step_id: str) -> Step:
        """Raises `KeyError` for a step that the item does not have."""
        return self._by_id[step_id]

    def has_step(self, step_id: str) -> bool:
        return step_id in self._by_id

    def material(self, material_id: str) -> Material | None:
        return next((one for one in self.materials if one.id == material_id), None)

    def resting_on(self, step_id: str) -> frozenset[str]:
        """The steps that need this one, through any number of others; a need before a milestone does not count."""
        found: set[str] = set()
        waiting = [step_id]
        while waiting:
            near = waiting.pop()
            new = {step.id for step in self.steps if near in step.needed | step.needed_to_decide} - found
            found |= new
            waiting.extend(new)
        return frozenset(found)

    def flow(self, answers: Mapping[str, Any]) -> _Flow:
        key = repr([answers.get(name, _ABSENT) for name in self._deciding])
        found = self._flows.get(key)
        if found is None:
            steps = tuple(step for step in self.steps if step.when is None or step.when.holds(answers))
            found = _Flow(steps, frozenset(step.id for step in steps))
            if len(self._flows) >= _FLOWS_KEPT:
                self._flows.clear()
            self._flows[key] = found
        return found


def applicable_steps(item: Item, answers: Mapping[str, Any]) -> tuple[Step, ...]:
    """The steps that exist for a case with these answers, in the order of the item."""
    return item.flow(answers).steps


def open_steps(
    item: Item, answers: Mapping[str, Any], granted: AbstractSet[str], opened: AbstractSet[str]
) -> list[Step]:
    """The steps to open now: they apply, are not open yet, and every need is granted or does not apply.

    ``granted`` and ``opened`` are step ids. What was opened and then refused stays in ``opened``.
    """
    flow = item.flow(answers)
    waiting = flow.ids - granted
    return [step for step in flow.steps if step.id not in opened and waiting.isdisjoint(step.needed)]


def may_decide(item: Item, answers: Mapping[str, Any], granted: AbstractSet[str], step: Step) -> bool:
    """Whether every step that has to be granted before this one's decision is, or does not apply."""
    return (item.flow(answers).ids - granted).isdisjoint(step.needed_to_decide)


def all_granted(item: Item, answers: Mapping[str, Any], granted: AbstractSet[str]) -> bool:
    """Whether every step that applies is granted. False when none applies: nobody then decided anything."""
    ids = item.flow(answers).ids
    return bool(ids) and ids <= granted


def substitution_of(
    item: Item, answers: Mapping[str, Any], material: str, on: date | None = None
) -> tuple[int, Substitution] | None:
    """The first rule that spares the applicant a material for these answers, and which of the item's it is, from 0.

    ``on`` is the day in China whose rules hold; without one, the days of a rule are not looked at.
    """
    return next(
        (
            (number, one)
            for number, one in enumerate(item.substitutions)
            if one.material == material
            and one.when is not None
            and one.when.holds(answers)
            and one.stands(item.region, on)
        ),
        None,
    )


def asked_materials(item: Item, answers: Mapping[str, Any], on: date | None = None) -> tuple[Material, ...]:
    """The required materials of a case with these answers, without those that a substitution stands in for."""
    return tuple(
        one
        for one in item.materials
        if one.required
        and (one.when is None or one.when.holds(answers))
        and substitution_of(item, answers, one.id, on) is None
    )


def sources_of(item: Item, answers: Mapping[str, Any], on: date | None = None) -> tuple[Source, ...]:
    """Where the materials that are asked for these answers come from, one source a material, in the order of the materials.

    A material without a source is not there, nor one of `undecided_materials`.
    """
    undecided = undecided_materials(item, answers)
    found: list[Source] = []
    for material in asked_materials(item, answers, on):
        if material.id not in undecided:
            found += [one for one in item.sources if _is_for(one, material.id, answers)][:1]
    return tuple(found)


def undecided_materials(item: Item, answers: Mapping[str, Any]) -> frozenset[str]:
    """The materials with a source of which nobody can tell yet whether they are asked, or of whom.

    A condition about them looks at a required answer that is still missing: one to be given, or one that another proof brings.
    """
    missing = item.form.required - answers.keys()
    conditions = [
        *((one.material, one.when) for one in item.sources),
        *((one.material, one.when) for one in item.substitutions),
        *((one.id, one.when) for one in item.materials),
    ]
    fetched = {one.material for one in item.sources}
    return frozenset(
        name
        for name, when in conditions
        if name in fetched and when is not None and not missing.isdisjoint(when.fields)
    )


def asked_fields(item: Item) -> tuple[str, ...]:
    """The fields of the form that no source supplies and no sign-in says, in the form's order: what people are asked."""
    supplied = item.supplied | item.from_sign_in.keys()
    return tuple(name for name in item.form.fields if name not in supplied)


def _is_for(source: Source, material: str, answers: Mapping[str, Any]) -> bool:
    return source.material == material and (source.when is None or source.when.holds(answers))


def form_errors(
    item: Item, answers: Mapping[str, Any], given: Collection[str] = (), today: date | None = None
) -> list[FieldError]:
    """What is wrong with the answers; see `Form.errors`."""
    return item.form.errors(answers, given, today)


def split_personal(item: Item, answers: Mapping[str, Any]) -> tuple[JsonObject, dict[str, str]]:
    """(plain, personal) answers; see `Form.split_personal`."""
    return item.form.split_personal(answers)


def _build(definition: JsonObject) -> Item:
    parts = parse.Parts(definition)
    steps = tuple(parts.step(part) for part in definition["steps"])
    deciding = sorted({name for step in steps if step.when is not None for name in step.when.fields})
    return Item(
        ref=ItemRef(code=definition["code"], version=definition["version"]),
        name=text(definition["name"]),
        summary=text(definition["summary"]),
        service_objects=tuple(definition.get("service_object", ())),
        also_called=tuple(definition.get("also_called", ())),
        departments=parts.roles,
        form=Form.compile(definition["form"]),
        materials=tuple(parts.material(part) for part in definition.get("materials", ())),
        steps=steps,
        certificate=parts.certificate(definition["certificate"]),
        acceptance=parts.acceptance(definition.get("acceptance")),
        region=definition.get("region", NATION),
        standard=parse.standard(definition.get("standard")),
        effective_from=parse.day(definition.get("effective_from")),
        cancel_on=parse.day(definition.get("cancel_on")),
        case_type=definition.get("case_type", "2"),
        joint=parts.joint(definition.get("joint")),
        delivery=parse.limit(definition.get("delivery")),
        holder=parse.holder(definition.get("holder")),
        from_sign_in=dict(definition.get("from_sign_in", {})),
        cross_region=parse.cross_region(definition.get("cross_region")),
        counters=parse.counters(definition.get("counters", [])),
        contacts=parse.contacts(definition.get("contacts", [])),
        fees=parts.fees(definition.get("fees", [])),
        substitutions=parts.substitutions(definition.get("substitutions", [])),
        sources=parts.sources(definition.get("sources", [])),
        renewal=parts.renewal(definition.get("renewal")),
        definition=definition,
        _by_id={step.id: step for step in steps},
        _deciding=tuple(deciding),
    )
