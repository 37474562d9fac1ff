"""Who may have the keys of which fields, for what. Pure: a case's facts, its item and the moment decide, nothing else.

The values of a field may be used for the purpose for which the person gave them, by the department whose task it is, while
the task lasts (Personal Information Protection Law art. 6, 34). Whatever is not allowed here is refused.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tongban_catalog.department import Department
from tongban_catalog.item import Item, applicable_steps
from tongban_catalog.parts import DeptChoice, NoDepartmentError, Step
from tongban_catalog.speakers import answers, speaks
from tongban_runtime.keys import KeyRequest
from tongban_schemas.envelope import Event
from tongban_schemas.events.access import DOUBT_FIELD, EXPLANATION_FIELD, AccessRule, Caller, Purpose
from tongban_schemas.events.applications import APPEAL_FIELD, NON_ACCEPTANCE_FIELD, NOTICE_FIELD
from tongban_schemas.events.approvals import (
    annulment_field,
    appeal_decision_field,
    correction_field,
    extension_field,
    grant_field,
    opinion_field,
    refusal_field,
)
from tongban_schemas.events.evidence import (
    EvidenceDisputeAnswered,
    EvidenceDisputed,
    EvidenceFailed,
    EvidenceNotRecorded,
    EvidenceObjected,
    EvidenceProvided,
    EvidenceRefused,
    EvidenceRequested,
    evidence_field,
    evidence_text_field,
    lookup_field,
    upload_field,
)

from tongban_intake.domain.history import History

PURPOSES: Final[Mapping[Caller, frozenset[Purpose]]] = {
    "intake": frozenset({"receive", "decide", "opinion", "explain"}),
    "approvals": frozenset({"decide", "opinion", "remedy"}),
    "certificates": frozenset({"certify", "deliver", "evidence", "share", "correct"}),
    "notify": frozenset({"notify"}),
}
"""What each service may ask for. Intake asks as the others do when it shows an officer a file."""
FOR_PEOPLE: Final = frozenset({"receive", "opinion", "remedy", "share", "explain"})
"""Purposes for which somebody looks: who it is has to be said."""
CERTIFICATE: Final = "certificate/"
CONTACT: Final = "contact_"
EMAIL: Final = "contact_email"

_WORDS_TO_THE_APPLICANT: Final = tuple(
    field("").rstrip("/") + "/"
    for field in (
        refusal_field,
        correction_field,
        annulment_field,
        appeal_decision_field,
        evidence_text_field,
        lambda _: extension_field("x").removesuffix("x"),
        lambda _: f"{NOTICE_FIELD}/",
    )
)
_ANSWERS = (EvidenceProvided, EvidenceNotRecorded, EvidenceRefused, EvidenceFailed)

Covers = Callable[[str], bool]
"""Whether a purpose covers a field."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: the service that the token names, and the departments for which it speaks."""

    service: Caller
    departments: frozenset[str]


@dataclass(frozen=True, slots=True)
class CaseKnown:
    """A case as the vault knows it. ``item`` is None while it is not published; ``erased``: its key is destroyed."""

    history: History
    item: Item | None
    departments: Mapping[str, Department]
    erased: bool = False

    @property
    def applicant(self) -> UUID | None:
        return None if self.history.submission is None else self.history.submission.applicant

    @property
    def plain(self) -> Mapping[str, object]:
        return self.history.answers.plain

    @property
    def ended(self) -> bool:
        return self.history.ending() is not None

    def flow(self) -> tuple[Step, ...]:
        """The steps that exist for the case; none before it is submitted."""
        if self.item is None or self.history.submission is None:
            return ()
        return applicable_steps(self.item, self.plain)

    def plays(self, choice: DeptChoice, department: str | None) -> bool:
        """Whether a department plays a role in the case."""
        try:
            return department is not None and choice.department_of(self.plain) == department
        except NoDepartmentError:
            return False


def judge(asker: Asker, wanted: KeyRequest, case: CaseKnown, now: datetime) -> AccessRule | None:
    """Why the keys are refused; None when they may be given."""
    if wanted.purpose not in PURPOSES[asker.service]:
        return "service-not-permitted"
    if wanted.purpose != "notify" and wanted.department not in asker.departments:
        return "department-not-yours"
    if wanted.purpose in FOR_PEOPLE and wanted.officer is None:
        return "service-not-permitted"
    if case.erased:
        return "erased"
    if wanted.officer is not None and wanted.officer == case.applicant:
        return "own-application"
    covered = _RULES[wanted.purpose](wanted, case, now)
    if isinstance(covered, str):
        return covered
    return None if wanted.fields and all(map(covered, wanted.fields)) else "scope"


def _decide(wanted: KeyRequest, case: CaseKnown, _: datetime) -> Covers | AccessRule:
    if wanted.step is None:
        return _extend_jointly(wanted, case)
    step = _step(wanted, case)
    if isinstance(step, str):
        return step
    return "case-closed" if case.ended else _of_step(step, case)


def _extend_jointly(wanted: KeyRequest, case: CaseKnown) -> Covers | AccessRule:
    joint = None if case.item is None else case.item.joint
    if joint is None or not case.flow() or not case.plays(joint.choice, wanted.department):
        return "not-your-step"
    return "case-closed" if case.ended else _among({extension_field(None)})


def _opinion(wanted: KeyRequest, case: CaseKnown, _: datetime) -> Covers | AccessRule:
    step = next((one for one in case.flow() if one.id == wanted.step), None)
    asked = () if step is None else tuple(one for one in step.opinions if case.plays(one.department, wanted.department))
    if step is None or not asked:
        return "not-your-step" if _has_part(wanted, case) else "not-your-case"
    own = {opinion_field(step.id, one.id) for one in asked}
    covers = _of_step(step, case)
    return "case-closed" if case.ended else lambda field: field in own or covers(field)


def _remedy(wanted: KeyRequest, case: CaseKnown, _: datetime) -> Covers | AccessRule:
    step = next((one for one in case.flow() if one.id == wanted.step), None)
    if step is None:
        return "not-your-step" if _has_part(wanted, case) else "not-your-case"
    if not case.plays(step.choice, wanted.department) and not _supervises(wanted.department, step, case):
        return "not-your-step"
    own = {annulment_field(step.id), appeal_decision_field(step.id), refusal_field(step.id)}
    return lambda field: field in own or field.startswith((f"{APPEAL_FIELD}/", grant_field(step.id, "")))


def _supervises(department: str | None, step: Step, case: CaseKnown) -> bool:
    try:
        body = case.departments.get(step.department_of(case.plain))
    except NoDepartmentError:
        return False
    return department is not None and body is not None and body.supervisor == department


def _receive(wanted: KeyRequest, case: CaseKnown, _: datetime) -> Covers | AccessRule:
    item = case.item
    if item is None or case.history.submission is None or not case.plays(item.acceptance.choice, wanted.department):
        return "not-your-case"
    materials = frozenset(one.id for one in item.materials)

    def words(field: str) -> bool:
        return field == NON_ACCEPTANCE_FIELD or field.startswith(f"{NOTICE_FIELD}/")

    if case.ended:
        return words if all(map(words, wanted.fields)) else "case-closed"
    return lambda field: words(field) or field in item.form.personal or _is_evidence(field, materials)


def _certify(wanted: KeyRequest, case: CaseKnown, _: datetime) -> Covers | AccessRule:
    item = case.item
    if item is None or not case.flow() or not case.plays(item.certificate.choice, wanted.department):
        return "not-your-case"
    if case.history.ending() not in (None, "granted", "issued"):
        return "case-closed"
    holder = set() if item.holder is None else {item.holder.name, item.holder.code}
    says = tuple(grant_field(step.id, "") for step in case.flow())
    return lambda field: field in holder or field.startswith((CERTIFICATE, *says))


def _deliver(wanted: KeyRequest, case: CaseKnown, _: datetime) -> Covers | AccessRule:
    if wanted.person is not None:
        if case.applicant != wanted.person:
            return "not-the-applicant"
    elif wanted.officer is None:
        return "not-the-applicant"
    elif not _has_part(wanted, case):
        return "not-your-case"
    return lambda field: field.startswith(CERTIFICATE)


def _notify(_: KeyRequest, __: CaseKnown, ___: datetime) -> Covers | AccessRule:
    return lambda field: field in (EMAIL, NON_ACCEPTANCE_FIELD) or field.startswith(_WORDS_TO_THE_APPLICANT)


def _evidence(wanted: KeyRequest, case: CaseKnown, now: datetime) -> Covers | AccessRule:
    asked = _request(wanted, case)
    if isinstance(asked, str):
        return asked
    if case.ended:
        return "case-closed"
    if _answers_to(asked, case):
        return "request-answered"
    return "request-expired" if now > _data(asked).expires else _of_request(_data(asked))


def _share(wanted: KeyRequest, case: CaseKnown, now: datetime) -> Covers | AccessRule:
    asked = _request(wanted, case)
    if isinstance(asked, str):
        return asked
    if _is_disputed(asked, case):
        return _of_request(_data(asked))
    if case.ended:
        return "case-closed"
    if _is_objected(asked, case):
        return _of_request(_data(asked))
    if _answers_to(asked, case):
        return "request-answered"
    return "request-expired" if now > _data(asked).expires else _of_request(_data(asked))


def _correct(wanted: KeyRequest, case: CaseKnown, _: datetime) -> Covers | AccessRule:
    given = {
        str(fact.data.request)
        for fact in case.history.facts
        if isinstance(fact.data, EvidenceProvided) and _is_of(fact, wanted.department)
    }
    asked = [
        fact.data
        for fact in case.history.facts
        if isinstance(fact.data, EvidenceRequested)
        and str(fact.id) in given
        and fact.data.provider == wanted.department
    ]
    if not asked:
        return "not-your-case"
    names = {evidence_field(one.material, name) for one in asked for name in one.fields}
    names |= {evidence_text_field(one.material) for one in asked}
    return "case-closed" if case.ended else _among(names)


def _explain(_: KeyRequest, __: CaseKnown, ___: datetime) -> Covers | AccessRule:
    return _among({DOUBT_FIELD, EXPLANATION_FIELD})


_RULES: Final[Mapping[Purpose, Callable[[KeyRequest, CaseKnown, datetime], Covers | AccessRule]]] = {
    "decide": _decide,
    "opinion": _opinion,
    "remedy": _remedy,
    "receive": _receive,
    "certify": _certify,
    "deliver": _deliver,
    "notify": _notify,
    "evidence": _evidence,
    "share": _share,
    "correct": _correct,
    "explain": _explain,
}


def _step(wanted: KeyRequest, case: CaseKnown) -> Step | AccessRule:
    step = next((one for one in case.flow() if one.id == wanted.step), None)
    if step is not None and case.plays(step.choice, wanted.department):
        return step
    return "not-your-step" if _has_part(wanted, case) else "not-your-case"


def _has_part(wanted: KeyRequest, case: CaseKnown) -> bool:
    """Whether the department decides a step of the case, is asked in one, or issues the certificate."""
    choices = [step.choice for step in case.flow()]
    choices += [one.department for step in case.flow() for one in step.opinions]
    if choices and case.item is not None:
        choices.append(case.item.certificate.choice)
    return any(case.plays(choice, wanted.department) for choice in choices)


def _of_step(step: Step, case: CaseKnown) -> Covers:
    """What the decision looks at, and the words that belong to it."""
    item = case.item
    if item is None:
        return _among(())
    inputs = step.inputs or frozenset((*item.form.personal, *(one.id for one in item.materials)))
    answers = frozenset(one for one in item.form.personal if one in inputs or one.startswith(CONTACT))
    materials = frozenset(one.id for one in item.materials if one.id in inputs)
    words = {refusal_field(step.id), correction_field(step.id), extension_field(step.id)}
    words |= {annulment_field(step.id), appeal_decision_field(step.id)}
    prefixes = (opinion_field(step.id, ""), grant_field(step.id, ""), f"{APPEAL_FIELD}/")
    return lambda field: (
        field in answers or field in words or field.startswith(prefixes) or _is_evidence(field, materials)
    )


def _is_evidence(field: str, materials: frozenset[str]) -> bool:
    """Whether a field is one of these materials' proofs, the words about one or its file."""
    kind, _, rest = field.partition("/")
    material = rest.split("/")[0]
    if material not in materials:
        return False
    if kind == "evidence":
        return field.startswith(evidence_field(material, ""))
    return field in (evidence_text_field(material), upload_field(material))


def _among(fields: Iterable[str]) -> Covers:
    return frozenset(fields).__contains__


def _of_request(asked: EvidenceRequested) -> Covers:
    names = {evidence_field(asked.material, name) for name in asked.fields} | {evidence_text_field(asked.material)}
    names |= {lookup_field(name) for name in asked.lookup}
    return _among(names)


def _request(wanted: KeyRequest, case: CaseKnown) -> Event | AccessRule:
    for fact in case.history.facts:
        if fact.id == wanted.request and isinstance(fact.data, EvidenceRequested):
            return fact if fact.data.provider == wanted.department else "request-not-yours"
    return "request-unknown"


def _data(asked: Event) -> EvidenceRequested:
    assert isinstance(asked.data, EvidenceRequested)
    return asked.data


def _answers_to(asked: Event, case: CaseKnown) -> list[Event]:
    """What its source answered, or how it failed for good."""
    return [
        fact
        for fact in case.history.facts
        if isinstance(fact.data, _ANSWERS)
        and fact.data.request == asked.id
        and speaks(fact)
        and answers(fact, asked)
        and not (isinstance(fact.data, EvidenceFailed) and not fact.data.final)
    ]


def _is_of(fact: Event, department: str | None) -> bool:
    return fact.source == f"/certificates/{department}"


def _is_objected(asked: Event, case: CaseKnown) -> bool:
    """Whether a refusal of the request was objected to, and the source or the authority above has not answered again."""
    answers = {str(one.id): one for one in _answers_to(asked, case)}
    if any(isinstance(one.data, EvidenceProvided | EvidenceNotRecorded) for one in answers.values()):
        return False
    stages = ("answer", "negotiation", "mediation")
    said = max(
        (stages.index(one.data.stage) for one in answers.values() if isinstance(one.data, EvidenceRefused)), default=-1
    )
    objected = [
        stages.index(fact.data.stage)
        for fact in case.history.facts
        if isinstance(fact.data, EvidenceObjected) and fact.data.request == asked.id
    ]
    return max(objected, default=-1) > said


def _is_disputed(asked: Event, case: CaseKnown) -> bool:
    """Whether the person says that what was provided is wrong, and the source has not answered that."""
    provided = {one.id for one in _answers_to(asked, case) if isinstance(one.data, EvidenceProvided)}
    answered = {
        fact.data.dispute
        for fact in case.history.facts
        if isinstance(fact.data, EvidenceDisputeAnswered) and _is_of(fact, _data(asked).provider)
    }
    return any(
        isinstance(fact.data, EvidenceDisputed) and fact.data.provided in provided and fact.id not in answered
        for fact in case.history.facts
    )
