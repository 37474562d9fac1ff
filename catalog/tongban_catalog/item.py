"""A service item and its flow, compiled once from a published definition. Pure: no file, no network, no clock.

The flow functions are what approvals, certificates and intake share; all of them depend on the set of what happened, not
on its order. A step whose ``when`` is false does not exist for the case, and any need of it counts as satisfied.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Literal

import jsonschema_rs
from tongban_schemas.types import ItemRef, JsonObject

from tongban_catalog.form import FieldError, Form, Text, text

Unit = Literal["WD", "ND", "WH", "NH"]
"""Working days, natural days, working hours, natural hours."""
Otherwise = Literal["officer", "refuse"]
Verdict = Literal["grant", "refuse", "officer"]

_FLOWS_KEPT = 4096
_ABSENT = object()


class ItemDefinitionError(ValueError):
    """A definition that is no item. Published items never raise it: `tongban_catalog.check` refuses them before."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A time limit: ``number`` of ``unit``."""

    number: int
    unit: Unit


@dataclass(frozen=True, slots=True)
class Limits:
    """The limit of the law and the shorter one that the department promises; None where there is none."""

    legal: Limit | None
    promised: Limit | None


@dataclass(frozen=True, slots=True)
class Basis:
    """Why a thing is so: an article of a law, or a local habit that has no law text (``law`` is then None)."""

    law: Text | None
    article: str
    says: Text

    @property
    def is_local_habit(self) -> bool:
        return self.law is None


@dataclass(frozen=True, slots=True)
class Need:
    """A step that has to be granted first, and why."""

    step: str
    basis: tuple[Basis, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """A JSON Schema over the answers that are not personal, compiled once."""

    schema: JsonObject
    fields: frozenset[str]
    _validator: jsonschema_rs.Draft202012Validator = field(repr=False, compare=False)

    @classmethod
    def compile(cls, schema: JsonObject) -> "Condition":
        """Raises `jsonschema_rs.ValidationError` when ``schema`` is no JSON Schema."""
        validator = jsonschema_rs.Draft202012Validator(schema, offline=True)
        return cls(schema, condition_fields(schema), validator)

    def holds(self, answers: Mapping[str, Any]) -> bool:
        return self._validator.is_valid(dict(answers))


@dataclass(frozen=True, slots=True)
class Decide:
    """Who decides a step. By rule: granted when ``grant_when`` holds, else ``otherwise``."""

    by: Literal["officer", "rule"]
    grant_when: Condition | None = None
    otherwise: Otherwise = "officer"


@dataclass(frozen=True, slots=True)
class Step:
    """One decision of one department. ``department`` is the department's id, ``role`` its part in the item."""

    id: str
    name: Text
    department: str
    role: str
    stage: int | None
    needs: tuple[Need, ...]
    needed: frozenset[str]
    when: Condition | None
    limits: Limits
    basis: tuple[Basis, ...]
    decide: Decide

    def verdict(self, answers: Mapping[str, Any]) -> Verdict:
        """What the step's rule says about these answers; ``officer`` when a person has to decide."""
        rule = self.decide
        if rule.by == "officer" or rule.grant_when is None:
            return "officer"
        return "grant" if rule.grant_when.holds(answers) else rule.otherwise


@dataclass(frozen=True, slots=True)
class Material:
    """A document the applicant brings: who issues it, who asks for it, on what basis, how to get it."""

    id: str
    name: Text
    issuer: Text
    department: str
    basis: tuple[Basis, ...]
    obtain: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is issued at the end. ``kind`` is the 21-character type code: the defining body's USCC and 3 digits."""

    kind: str
    issuer: str
    name: Text
    basis: tuple[Basis, ...]


@dataclass(frozen=True, slots=True)
class _Flow:
    steps: tuple[Step, ...]
    ids: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One version of a service item. Two items are the same when their definitions are (`Item.ref` names them)."""

    ref: ItemRef
    name: Text
    summary: Text
    service_objects: tuple[str, ...]
    departments: Mapping[str, str]
    form: Form
    materials: tuple[Material, ...]
    steps: tuple[Step, ...]
    certificate: Certificate
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
        """Ids of the departments that decide at least one step."""
        return frozenset(step.department for step in self.steps)

    def step(self, step_id: str) -> Step:
        """Raises `KeyError` for a step that the item does not have."""
        return self._by_id[step_id]

    def has_step(self, step_id: str) -> bool:
        return step_id in self._by_id

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


def all_granted(item: Item, answers: Mapping[str, Any], granted: AbstractSet[str]) -> bool:
    """Whether every step that applies is granted. False when none applies: nobody then decided anything."""
    ids = item.flow(answers).ids
    return bool(ids) and ids <= granted


def form_errors(item: Item, answers: Mapping[str, Any]) -> list[FieldError]:
    """What is wrong with the answers; see `Form.errors`."""
    return item.form.errors(answers)


def split_personal(item: Item, answers: Mapping[str, Any]) -> tuple[JsonObject, dict[str, str]]:
    """(plain, personal) answers; see `Form.split_personal`."""
    return item.form.split_personal(answers)


def condition_fields(schema: object) -> frozenset[str]:
    """The answers that a condition looks at, at any depth of its ``allOf``, ``anyOf``, ``oneOf`` and ``not``."""
    if not isinstance(schema, Mapping):
        return frozenset()
    found = {str(name) for name in schema.get("properties", {})} | {str(name) for name in schema.get("required", ())}
    for keyword in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(keyword, ()):
            found |= condition_fields(part)
    return frozenset(found | condition_fields(schema.get("not")))


def _build(definition: JsonObject) -> Item:
    laws = {name: text(law) for name, law in definition.get("laws", {}).items()}
    bases = {name: _base(part, laws) for name, part in definition.get("bases", {}).items()}
    roles: dict[str, str] = definition.get("departments", {})
    steps = tuple(_step(part, bases, roles) for part in definition["steps"])
    deciding = sorted({name for step in steps if step.when is not None for name in step.when.fields})
    certificate = definition["certificate"]
    return Item(
        ref=ItemRef(code=definition["code"], version=definition["version"]),
        name=text(definition["name"]),
        summary=text(definition["summary"]),
        service_objects=tuple(definition.get("service_object", ())),
        departments=roles,
        form=Form.compile(definition["form"]),
        materials=tuple(_material(part, bases, roles) for part in definition.get("materials", ())),
        steps=steps,
        certificate=Certificate(
            kind=certificate["kind"],
            issuer=_department(certificate["issuer"], roles),
            name=text(certificate["name"]),
            basis=_bases(certificate.get("basis", ()), bases),
        ),
        definition=definition,
        _by_id={step.id: step for step in steps},
        _deciding=tuple(deciding),
    )


def _department(role: str, roles: Mapping[str, str]) -> str:
    """The department in a role; a name that is no role of the item is a department's id itself."""
    return roles.get(role, role)


def _step(part: JsonObject, bases: Mapping[str, Basis], roles: Mapping[str, str]) -> Step:
    needs = tuple(Need(need["step"], _bases(need.get("basis", ()), bases)) for need in part.get("needs", ()))
    limit = part.get("limit", {})
    return Step(
        id=part["id"],
        name=text(part["name"]),
        department=_department(part["department"], roles),
        role=part["department"],
        stage=part.get("stage"),
        needs=needs,
        needed=frozenset(need.step for need in needs),
        when=Condition.compile(part["when"]) if "when" in part else None,
        limits=Limits(_limit(limit.get("legal")), _limit(limit.get("promised"))),
        basis=_bases(part.get("basis", ()), bases),
        decide=_decide(part["decide"]),
    )


def _decide(part: JsonObject) -> Decide:
    if part["by"] == "officer":
        return Decide("officer")
    if part["by"] != "rule":
        raise ItemDefinitionError(f"decide.by is {part['by']!r}, not officer or rule")
    return Decide("rule", Condition.compile(part["grant_when"]), part.get("else", "officer"))


def _limit(part: JsonObject | None) -> Limit | None:
    return None if part is None else Limit(part["number"], part["unit"])


def _base(part: JsonObject, laws: Mapping[str, Text]) -> Basis:
    if "local_habit" in part:
        return Basis(None, "", text(part["local_habit"]))
    return Basis(laws[part["law"]], part["article"], text(part["says"]))


def _bases(names: Any, bases: Mapping[str, Basis]) -> tuple[Basis, ...]:
    return tuple(bases[name] for name in names)


def _material(part: JsonObject, bases: Mapping[str, Basis], roles: Mapping[str, str]) -> Material:
    return Material(
        id=part["id"],
        name=text(part["name"]),
        issuer=text(part["issuer"]),
        department=_department(part["asked_by"], roles),
        basis=_bases(part["basis"], bases),
        obtain=tuple(text(way) for way in part["obtain"]),
    )
