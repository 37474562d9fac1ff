"""What a service item is made of. Pure values; `tongban_catalog.item` holds them together and re-exports them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

import jsonschema_rs
from tongban_schemas.events.approvals import Silence
from tongban_schemas.types import JsonObject, Limit

from tongban_catalog.basis import Basis, Ground
from tongban_catalog.form import Form, Text

Otherwise = Literal["officer", "refuse"]
Verdict = Literal["grant", "refuse", "officer"]
CaseType = Literal["1", "2", "9"]
"""办件类型, GB/T 39046 A.6: 1 at once, 2 within a promised time, 9 other."""
NOTICE = Limit(number=5, unit="WD")
"""The time to tell everything that is missing (Administrative Licensing Law art. 32(4)), unless the item says otherwise."""
SOURCE_LIMIT = Limit(number=1, unit="WD")
"""How long a request for a proof stands, unless the item says otherwise."""
APPLICANT = "applicant"
"""The holder of a record who is the person that applies."""


class ItemDefinitionError(ValueError):
    """A definition that is no item. Published items never raise it: `tongban_catalog.check` refuses them before."""


class NoDepartmentError(ItemDefinitionError):
    """Who plays a role depends on an answer, and there is none, or one that names nobody."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limit of the law and the shorter one that the department promises; None where there is none."""

    legal: Limit | None
    promised: Limit | None


@dataclass(frozen=True, slots=True)
class DeptChoice:
    """Who plays a role: always ``fixed``, or the department that the answer ``by`` names in ``of``."""

    fixed: str | None = None
    by: str | None = None
    of: Mapping[str, str] = field(default_factory=dict)

    def department_of(self, answers: Mapping[str, Any]) -> str:
        """The department's id for a case with these answers. Raises `NoDepartmentError` when the answers name none."""
        if self.fixed is not None:
            return self.fixed
        answer = answers.get(self.by or "")
        if not isinstance(answer, str) or answer not in self.of:
            raise NoDepartmentError(
                f"答案 {self.by} 没有指明部门,应为:{'、'.join(self.of)} / "
                f"the answer {self.by} names no department; it has to be one of: {', '.join(self.of)}"
            )
        return self.of[answer]

    @property
    def only(self) -> str:
        """The department, where no answer chooses it. Raises `NoDepartmentError` where one does: use `department_of`."""
        return self.department_of({})

    @property
    def departments(self) -> frozenset[str]:
        """All that may play the role."""
        return frozenset(self.of.values()) if self.fixed is None else frozenset((self.fixed,))


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


def condition_fields(schema: object) -> frozenset[str]:
    """The answers that a condition looks at, at any depth of its ``allOf``, ``anyOf``, ``oneOf`` and ``not``."""
    if not isinstance(schema, Mapping):
        return frozenset()
    found = {str(name) for name in schema.get("properties", {})} | {str(name) for name in schema.get("required", ())}
    for keyword in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(keyword, ()):
            found |= condition_fields(part)
    return frozenset(found | condition_fields(schema.get("not")))


def within(region: str, wider: str) -> bool:
    """Whether a place lies in another: GB/T 2260 codes, whose pairs of zeros at the end stand for all below."""
    prefix = wider
    while prefix.endswith("00"):
        prefix = prefix[:-2]
    return region.startswith(prefix)


@dataclass(frozen=True, slots=True)
class Need:
    """A step that has to be granted first, why, and before what.

    One with a ``milestone`` only has to hold before that later moment, such as the start of works: it blocks neither the
    opening nor the decision of the step, it is shown.
    """

    step: str
    basis: tuple[Basis, ...]
    before: Literal["opening", "decision"] = "opening"
    milestone: Text | None = None


@dataclass(frozen=True, slots=True)
class Decide:
    """Who decides a step. By rule: granted when ``grant_when`` holds, else ``otherwise``."""

    by: Literal["officer", "rule"]
    grant_when: Condition | None = None
    otherwise: Otherwise = "officer"


@dataclass(frozen=True, slots=True)
class Procedure:
    """A special procedure that stops the step's clock while it is open: a hearing, an expert review (art. 45)."""

    id: str
    name: Text
    basis: tuple[Basis, ...]
    expected: Limit


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the deciding department asks another one, until when, and what silence means."""

    id: str
    name: Text
    department: DeptChoice
    limit: Limit
    silence: Silence
    basis: tuple[Basis, ...]


@dataclass(frozen=True, slots=True)
class StepSilence:
    """The step counts as granted when nobody decides in time (art. 50: a renewal, at expiry).

    ``field`` is the answer that holds the last day (a date); None: the end of the legal limit.
    """

    field: str | None
    basis: tuple[Basis, ...]


@dataclass(frozen=True, slots=True)
class Quota:
    """How many may be granted, in order of acceptance (art. 57): each calendar year, or in all."""

    number: int
    per: Literal["year", "item"]
    basis: tuple[Basis, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One decision of one department. ``role`` is the department's part in the item, ``choice`` who plays it.

    ``needed`` are the steps to be granted before it opens, ``needed_to_decide`` those to be granted before it is. ``inputs``
    are the answers and materials that the decision looks at; when a correction changes one, it is decided anew.
    ``quorum`` officers have to agree. ``grant`` is the form of what a grant says beyond yes, ``refusals`` are grounds of the
    step's own.
    """

    id: str
    name: Text
    choice: DeptChoice
    role: str
    stage: int | None
    needs: tuple[Need, ...]
    needed: frozenset[str]
    needed_to_decide: frozenset[str]
    when: Condition | None
    limits: Limits
    basis: tuple[Basis, ...]
    decide: Decide
    inputs: frozenset[str] = frozenset()
    extension: Limit | None = None
    procedures: tuple[Procedure, ...] = ()
    opinions: tuple[Opinion, ...] = ()
    silence: StepSilence | None = None
    quorum: int = 1
    quota: Quota | None = None
    grant: Form | None = field(default=None, hash=False)
    refusals: tuple[Ground, ...] = ()

    @property
    def department(self) -> str:
        """Who decides, where no answer chooses. Raises `NoDepartmentError` where one does: use `department_of`."""
        return self.choice.only

    @property
    def departments(self) -> frozenset[str]:
        """All departments that may decide it."""
        return self.choice.departments

    def department_of(self, answers: Mapping[str, Any]) -> str:
        """Who decides it for these answers. Raises `NoDepartmentError` when they name nobody."""
        return self.choice.department_of(answers)

    def verdict(self, answers: Mapping[str, Any]) -> Verdict:
        """What the step's rule says about these answers; ``officer`` when a person has to decide."""
        rule = self.decide
        if rule.by == "officer" or rule.grant_when is None:
            return "officer"
        return "grant" if rule.grant_when.holds(answers) else rule.otherwise

    def procedure(self, procedure_id: str) -> Procedure | None:
        return next((one for one in self.procedures if one.id == procedure_id), None)

    def opinion(self, opinion_id: str) -> Opinion | None:
        return next((one for one in self.opinions if one.id == opinion_id), None)


@dataclass(frozen=True, slots=True)
class Material:
    """A document the applicant brings: who issues it, who asks for it, on what basis, how to get it.

    ``tolerable`` (容缺): it may be promised, and brought within this time after acceptance. ``when``: only then is it asked.
    ``own``: the applicant makes the document, so that there is no original elsewhere to compare it with.
    """

    id: str
    name: Text
    issuer: Text
    choice: DeptChoice
    basis: tuple[Basis, ...]
    obtain: tuple[Text, ...]
    required: bool = True
    tolerable: Limit | None = None
    when: Condition | None = None
    own: bool = False

    @property
    def department(self) -> str:
        """Who asks for it, where no answer chooses. Raises `NoDepartmentError` where one does."""
        return self.choice.only


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is issued at the end. ``kind`` is the 21-character type code: the defining body's USCC and 3 digits.

    ``valid_years`` after the issue it expires; None: it does not.
    """

    kind: str
    choice: DeptChoice
    name: Text
    basis: tuple[Basis, ...]
    valid_years: int | None = None

    @property
    def issuer(self) -> str:
        """Who issues, where no answer chooses. Raises `NoDepartmentError` where one does: use `issuer_of`."""
        return self.choice.only

    @property
    def issuers(self) -> frozenset[str]:
        return self.choice.departments

    def issuer_of(self, answers: Mapping[str, Any]) -> str:
        """Who issues for these answers. Raises `NoDepartmentError` when they name nobody."""
        return self.choice.department_of(answers)


@dataclass(frozen=True, slots=True)
class StandardRef:
    """The national standard that an item implements: its 12-character basic code and version."""

    code: str
    version: int


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Who accepts an application: a rule at once, or an officer of ``choice`` within ``notice``, else it is deemed."""

    by: Literal["rule", "officer"]
    choice: DeptChoice
    notice: Limit = NOTICE

    @property
    def department(self) -> str:
        """The receiving body, where no answer chooses it. Raises `NoDepartmentError` where one does."""
        return self.choice.only

    def department_of(self, answers: Mapping[str, Any]) -> str:
        """The receiving body. Raises `NoDepartmentError` when the answers name nobody."""
        return self.choice.department_of(answers)


@dataclass(frozen=True, slots=True)
class Joint:
    """Joint handling (art. 42(2)): one lead, one limit for the whole case, one extension of it."""

    choice: DeptChoice
    legal: Limit
    extension: Limit | None
    basis: tuple[Basis, ...] = ()

    @property
    def lead(self) -> str:
        """The lead's id. Raises `NoDepartmentError` where an answer chooses it: use `lead_of`."""
        return self.choice.only

    def lead_of(self, answers: Mapping[str, Any]) -> str:
        return self.choice.department_of(answers)


SignInFact = Literal["name", "id_number", "organisation_code"]
"""What a verified sign-in knows: the person's name and citizen's number, and the code of the organisation that they act for."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The answers that name the certificate's holder and the holder's code."""

    name: str
    code: str | None


@dataclass(frozen=True, slots=True)
class Renewal:
    """The answer that holds the number of the certificate to be renewed, and how long before expiry to ask (art. 50)."""

    previous: str
    ask_before: Limit | None
    basis: tuple[Basis, ...]


@dataclass(frozen=True, slots=True)
class Substitution:
    """What stands in for a material, and on what basis; with ``when``, only for such answers.

    ``begin`` and ``until`` are its first and its last day in China, ``region`` the place it is for; None: no bound.
    """

    material: str
    by: Text
    when: Condition | None
    basis: tuple[Basis, ...]
    begin: date | None = None
    until: date | None = None
    region: str | None = None

    def stands(self, region: str, on: date | None) -> bool:
        """Whether the rule holds in a place (GB/T 2260), and on a day where one is given."""
        begun = on is None or self.begin is None or self.begin <= on
        running = on is None or self.until is None or on <= self.until
        return begun and running and (self.region is None or within(region, self.region))


@dataclass(frozen=True, slots=True)
class Source:
    """The register that a material is fetched from, so that nobody brings it.

    ``fields`` are what may be asked of the resource, nothing more. ``holder`` is whose record it is: ``applicant``, or the
    answer that names it. ``supplies`` gives for an answer of the form the resource's field that fills it. ``limit`` is how long
    a request stands; with ``when``, the source is for such answers only.
    """

    material: str
    resource: str
    fields: tuple[str, ...]
    holder: str
    supplies: Mapping[str, str] = field(hash=False)
    basis: tuple[Basis, ...]
    limit: Limit = SOURCE_LIMIT
    when: Condition | None = None
