"""Who may say what about a case: one rule for every event of the contract, asked by every service and by the status view. Pure.

An event is believed for three things. Its **source** is who its kind comes from, which the event alone tells (`speaks`). What it
says is **theirs** to say in this case: the item, with the answers as they were submitted, gives the step, the opinion, the
certificate to somebody. And where it is a formal **act**, the body signed that very content (`tongban_catalog.acting`).

It reads payloads by the names of their attributes, so the pydantic events and the lean bodies of the status view both do. The
verdict depends on the set of facts alone, not on their order.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Generic, Literal, Protocol, TypeVar

from tongban_schemas.envelope import EventData
from tongban_schemas.events import access, applications, approvals, catalog, certificates, evidence, notifications

from tongban_catalog.acting import ACTS, ActFault, ActOf, Signatures
from tongban_catalog.item import Item, applicable_steps
from tongban_catalog.parts import DeptChoice, NoDepartmentError, Step

Reason = (
    Literal[
        "wrong-source",
        "no-such-step",
        "not-your-step",
        "not-in-the-item",
        "not-asked",
        "another-item",
        "not-the-receiving-body",
        "not-the-issuer",
        "not-the-lead",
        "not-confirmed",
    ]
    | ActFault
)
"""Why an event is not believed, as operators read it. ``not-confirmed``: its owner, who was asked, knows nothing of it."""
PENDING: Final = "pending"
"""Not to be told yet: the submission, the item, the request or the body that it is about is not known here."""
Verdict = Reason | Literal["pending"] | None
"""None: it counts."""

INTAKE: Final = "/intake"
VAULT: Final = "/intake/vault"
NOTIFY: Final = "/notify"
PUBLISHER: Final = "/catalog"


class Fact(Protocol):
    """One event: `tongban_schemas.envelope.Event`, or the status view's."""

    @property
    def id(self) -> Any: ...
    @property
    def source(self) -> str: ...
    @property
    def time(self) -> datetime: ...
    @property
    def data(self) -> Any: ...


F = TypeVar("F", bound=Fact)


@dataclass(frozen=True, slots=True)
class Ground:
    """What the verdicts on the facts of one case rest on. ``answers``: as submitted; None before the submission is known.

    ``steps``: those that exist for these answers, by id.
    """

    subject: str
    item: Item | None
    answers: Mapping[str, Any] | None
    submitted_at: datetime | None = None
    requests: Mapping[str, Fact] = field(default_factory=dict)
    steps: Mapping[str, Step] = field(default_factory=dict)

    def plays(self, choice: DeptChoice, department: str) -> bool:
        """Whether the department plays a role in this case."""
        try:
            return choice.department_of(self.answers or {}) == department
        except NoDepartmentError:
            return False

    def step(self, name: str) -> Step | None:
        """The step, if the item has it and it exists for these answers."""
        return self.steps.get(name)


def _anything(_: Fact, __: Ground) -> Verdict:
    return None


def _step(fact: Fact, ground: Ground) -> Verdict:
    """The department decides the step."""
    step = ground.step(fact.data.step)
    if step is None:
        return "no-such-step"
    return None if ground.plays(step.choice, fact.data.department) else "not-your-step"


def _step_or_lead(fact: Fact, ground: Ground) -> Verdict:
    """The department decides the step; without a step, it leads the joint handling."""
    if fact.data.step is not None:
        return _step(fact, ground)
    joint = ground.item.joint if ground.item is not None else None
    return None if joint is not None and ground.plays(joint.choice, fact.data.department) else "not-the-lead"


def _procedure(fact: Fact, ground: Ground) -> Verdict:
    step = ground.step(fact.data.step)
    if step is not None and step.procedure(fact.data.procedure) is None:
        return "not-in-the-item"
    return _step(fact, ground)


def _opinion_of(fact: Fact, ground: Ground, asked: str) -> Verdict:
    step = ground.step(fact.data.step)
    if step is None:
        return "no-such-step"
    opinion = step.opinion(fact.data.opinion)
    if opinion is None:
        return "not-in-the-item"
    return None if ground.plays(opinion.department, asked) else "not-asked"


def _asking(fact: Fact, ground: Ground) -> Verdict:
    """The department decides the step, and asks, or waited for, whom the item names."""
    return _step(fact, ground) or _opinion_of(fact, ground, fact.data.asked)


def _asked(fact: Fact, ground: Ground) -> Verdict:
    """The department is the one whose opinion the item wants."""
    return _opinion_of(fact, ground, fact.data.department)


def _this_item(fact: Fact, ground: Ground) -> Verdict:
    assert ground.item is not None
    named, ref = fact.data.item, ground.item.ref
    return None if (named.code, named.version) == (ref.code, ref.version) else "another-item"


def _receiving(fact: Fact, ground: Ground) -> Verdict:
    assert ground.item is not None
    return None if ground.plays(ground.item.acceptance.choice, fact.data.department) else "not-the-receiving-body"


def _received(fact: Fact, ground: Ground) -> Verdict:
    return _this_item(fact, ground) or _receiving(fact, ground)


def _issuing(fact: Fact, ground: Ground) -> Verdict:
    assert ground.item is not None
    return None if ground.plays(ground.item.certificate.choice, fact.data.issuer) else "not-the-issuer"


def _certifying(fact: Fact, ground: Ground) -> Verdict:
    """The issuing body speaks of the certificate that the item leads to."""
    assert ground.item is not None
    if getattr(fact.data, "kind", ground.item.certificate.kind) != ground.item.certificate.kind:
        return "not-in-the-item"
    return (_this_item(fact, ground) if hasattr(fact.data, "item") else None) or _issuing(fact, ground)


def _answering(fact: Fact, ground: Ground) -> Verdict:
    """The source that was asked answers about what it was asked for."""
    request = ground.requests.get(str(fact.data.request))
    if request is None:
        return PENDING
    return None if answers(fact, request) else "not-asked"


def answers(fact: Fact, request: Fact | None) -> bool:
    """Whether a fact answers a request for its material in the name of the source that was asked."""
    if request is None:
        return False
    asked, said = request.data, fact.data
    return bool((said.department, said.material, said.resource) == (asked.provider, asked.material, asked.resource))


def _using(fact: Fact, ground: Ground) -> Verdict:
    """The department decides a step that looks at the proof; a check at the receiving desk has no step, and is intake's."""
    assert ground.item is not None
    data = fact.data
    named = getattr(data, "step", None)
    if fact.source == INTAKE:
        return None
    uses = any(
        named in (None, step.id)
        and data.material in seen_materials(ground.item, step)
        and ground.plays(step.choice, data.department)
        for step in ground.steps.values()
    )
    return None if uses else "not-your-step"


def seen_materials(item: Item, step: Step) -> tuple[str, ...]:
    """The materials that the step looks at, in the item's order; one without declared inputs looks at all of them."""
    return tuple(one.id for one in item.materials if not step.inputs or one.id in step.inputs)


def _intake(_: Any) -> tuple[str, ...]:
    return (INTAKE,)


def _vault(_: Any) -> tuple[str, ...]:
    return (VAULT,)


def _notify(_: Any) -> tuple[str, ...]:
    return (NOTIFY,)


def _publisher(_: Any) -> tuple[str, ...]:
    return (PUBLISHER,)


def _department(data: Any) -> tuple[str, ...]:
    return (f"/approvals/{data.department}",)


def _issuer(data: Any) -> tuple[str, ...]:
    return (f"/certificates/{data.issuer}",)


def _register(data: Any) -> tuple[str, ...]:
    return (f"/certificates/{data.department}",)


def _register_or_intake(data: Any) -> tuple[str, ...]:
    """Intake may end a request in its source's name: when its time is over, or when nobody holds it."""
    return (*_register(data), INTAKE)


def _checker(data: Any) -> tuple[str, ...]:
    return (INTAKE,) if data.step is None else _department(data)


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who says one type of event: ``sources`` by what it says, ``entitled`` by the case.

    ``of_case``: the verdict waits for the submission and its item.
    """

    sources: Callable[[Any], tuple[str, ...]]
    entitled: Callable[[Fact, Ground], Verdict] = _anything
    of_case: bool = True


_SAYS: Mapping[Speaker, tuple[type[EventData], ...]] = {
    Speaker(_publisher, of_case=False): catalog.EVENTS,
    Speaker(_notify, of_case=False): notifications.EVENTS,
    Speaker(_vault, of_case=False): access.EVENTS,
    Speaker(_intake, of_case=False): (
        applications.ApplicationSubmitted,
        evidence.EvidenceRequested,
        evidence.EvidenceDisputed,
        evidence.EvidenceSubstituted,
        evidence.EvidenceUploaded,
    ),
    Speaker(_intake): (
        applications.ApplicationCorrected,
        applications.ApplicationSupplemented,
        applications.ApplicationPromiseOverdue,
        applications.ApplicationAppealed,
        applications.ApplicationWithdrawn,
    ),
    Speaker(_intake, _this_item): (applications.ApplicationAccepted,),
    Speaker(_intake, _received): (applications.ApplicationReceived,),
    Speaker(_intake, _receiving): (
        applications.ApplicationCorrectionNoticed,
        applications.ApplicationNoticeRejected,
        applications.ApplicationNotAccepted,
    ),
    Speaker(_department, _step): (
        approvals.ApprovalOpened,
        approvals.ApprovalCorrectionRequested,
        approvals.ApprovalNoticeRejected,
        approvals.ApprovalConcurred,
        approvals.ApprovalGranted,
        approvals.ApprovalRefused,
        approvals.ApprovalClockResumed,
        approvals.ApprovalAnnulled,
        approvals.ApprovalAppealDecided,
    ),
    Speaker(_department, _procedure): (approvals.ApprovalClockStopped,),
    Speaker(_department, _step_or_lead): (
        approvals.ApprovalExtended,
        approvals.ApprovalDueSoon,
        approvals.ApprovalOverdue,
    ),
    Speaker(_department, _asking): (approvals.ApprovalOpinionRequested, approvals.ApprovalOpinionLapsed),
    Speaker(_department, _asked): (approvals.ApprovalOpinionGiven,),
    Speaker(_issuer, _certifying): (
        certificates.CertificateIssued,
        certificates.CertificateRevoked,
        certificates.CertificateDeliveryOverdue,
    ),
    Speaker(_register, _answering, of_case=False): (
        evidence.EvidenceProvided,
        evidence.EvidenceNotRecorded,
        evidence.EvidenceRefused,
        evidence.EvidenceOverdue,
        evidence.EvidenceDisputeAnswered,
        evidence.EvidenceCorrected,
    ),
    Speaker(_register_or_intake, _answering, of_case=False): (evidence.EvidenceFailed,),
    Speaker(_department, _using): (evidence.EvidenceObjected,),
    Speaker(_checker, _using): (evidence.EvidenceChecked,),
}
SPEAKERS: Mapping[str, Speaker] = {model.TYPE: who for who, models in _SAYS.items() for model in models}
"""Who says each type of event of the contract."""


def speaks(fact: Fact) -> bool:
    """Whether an event comes from where its kind comes from. What a case adds to that, `judge` tells."""
    return fact.source in SPEAKERS[fact.data.TYPE].sources(fact.data)


@dataclass(frozen=True, slots=True)
class Heard(Generic[F]):
    """The facts of a case by what they are worth: those that count, those that do not and why, those that nobody can tell yet."""

    counted: tuple[F, ...]
    denied: tuple[tuple[F, Reason], ...]
    pending: tuple[F, ...]


def judge(subject: str, facts: Iterable[F], item: Item | None, signatures: Signatures | None) -> Heard[F]:
    """Tells what of the facts of one case counts; the order of each part is that of the facts.

    ``item``: the one that `item_of` names, None while it is unknown. ``signatures``: None where acts are not looked at.
    """
    known = list(facts)
    ground = _ground(subject, known, item)
    counted: list[F] = []
    denied: list[tuple[F, Reason]] = []
    pending: list[F] = []
    for fact in known:
        verdict = _verdict(fact, ground, signatures)
        if verdict is None:
            counted.append(fact)
        elif verdict == PENDING:
            pending.append(fact)
        else:
            denied.append((fact, verdict))
    return Heard(tuple(counted), tuple(denied), tuple(pending))


def submission_of(facts: Iterable[F]) -> F | None:
    """What the applicant submitted, as intake said it first."""
    sent = [one for one in facts if one.data.TYPE == applications.ApplicationSubmitted.TYPE and speaks(one)]
    return min(sent, key=lambda one: (one.time, str(one.id)), default=None)


def item_of(facts: Iterable[F]) -> Any | None:
    """The item (its ``code`` and ``version``) that a case is about: as submitted, else as proofs are asked for already."""
    known = list(facts)
    sent = submission_of(known)
    if sent is not None:
        return sent.data.item
    asked = [one for one in known if one.data.TYPE == evidence.EvidenceRequested.TYPE and speaks(one)]
    first = min(asked, key=lambda one: (one.time, str(one.id)), default=None)
    return None if first is None else first.data.item


def _ground(subject: str, facts: list[F], item: Item | None) -> Ground:
    sent = submission_of(facts)
    requests = {str(one.id): one for one in facts if one.data.TYPE == evidence.EvidenceRequested.TYPE and speaks(one)}
    if sent is None:
        return Ground(subject, item, None, None, requests)
    steps = () if item is None else applicable_steps(item, sent.data.answers)
    return Ground(subject, item, sent.data.answers, sent.time, requests, {one.id: one for one in steps})


def _verdict(fact: Fact, ground: Ground, signatures: Signatures | None) -> Verdict:
    who = SPEAKERS[fact.data.TYPE]
    if fact.source not in who.sources(fact.data):
        return "wrong-source"
    if who.of_case and (ground.item is None or ground.answers is None):
        return PENDING
    verdict = who.entitled(fact, ground)
    if verdict is not None or signatures is None or fact.data.TYPE not in ACTS:
        return verdict
    assert ground.item is not None
    assert ground.submitted_at is not None
    return signatures.fault(fact, ActOf(ground.subject, ground.item, ground.answers or {}, ground.submitted_at))
