"""A case as intake knows it, folded from the set of its facts. Order, number and lateness of facts make no difference.

Intake's own facts are ordered by its own count of them, those of others by their time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from tongban_catalog.item import Item, Material, all_granted, asked_materials
from tongban_catalog.proofs import Proof, proofs, undecided
from tongban_catalog.standing import Standing, in_order, standing
from tongban_schemas.envelope import Event, EventData
from tongban_schemas.events import applications, evidence
from tongban_schemas.events.applications import (
    ApplicationAccepted,
    ApplicationAppealed,
    ApplicationCorrected,
    ApplicationCorrectionNoticed,
    ApplicationNotAccepted,
    ApplicationPromiseOverdue,
    ApplicationReceived,
    ApplicationSubmitted,
    ApplicationSupplemented,
    ApplicationWithdrawn,
)
from tongban_schemas.events.approvals import (
    ApprovalAnnulled,
    ApprovalCorrectionRequested,
    ApprovalGranted,
    ApprovalOpened,
    ApprovalRefused,
)
from tongban_schemas.events.certificates import CertificateIssued, CertificateRevoked
from tongban_schemas.events.evidence import (
    EvidenceChecked,
    EvidenceCorrected,
    EvidenceDisputeAnswered,
    EvidenceFailed,
    EvidenceNotRecorded,
    EvidenceObjected,
    EvidenceOverdue,
    EvidenceProvided,
    EvidenceRefused,
)
from tongban_schemas.types import JsonObject

SOURCE = "/intake"

HEARD: tuple[type[EventData], ...] = (
    ApplicationSubmitted,
    ApprovalOpened,
    ApprovalCorrectionRequested,
    ApprovalGranted,
    ApprovalRefused,
    ApprovalAnnulled,
    CertificateIssued,
    CertificateRevoked,
    EvidenceProvided,
    EvidenceNotRecorded,
    EvidenceRefused,
    EvidenceFailed,
    EvidenceOverdue,
    EvidenceObjected,
    EvidenceDisputeAnswered,
    EvidenceCorrected,
    EvidenceChecked,
)
"""What intake listens to about a case."""

MODELS: dict[str, type[EventData]] = {model.TYPE: model for model in (*HEARD, *applications.EVENTS, *evidence.EVENTS)}
"""The facts intake keeps: what it hears, and what it said itself."""

Ending = Literal["issued", "granted", "refused", "not-accepted", "annulled", "withdrawn"]
"""How a case came to its end: ``granted``, every step is; ``annulled``, a decision was taken back and is not made anew."""

Asking = ApplicationCorrectionNoticed | ApprovalCorrectionRequested
"""What the applicant may be asked by: the receiving body, or a department that decides."""


@dataclass(frozen=True, slots=True)
class Answers:
    """A case's answers: those in the clear, and the personal ones as they are sealed, by field."""

    plain: JsonObject
    sealed: dict[str, str]


@dataclass(frozen=True, slots=True)
class Notice:
    """The receiving body's notice, the answer to it, and which fields and materials the answer brought."""

    event: Event
    data: ApplicationCorrectionNoticed
    answer: Event | None
    changed_fields: frozenset[str]
    changed_materials: frozenset[str]


@dataclass(frozen=True, slots=True)
class History:
    """A case. ``materials`` is what was handed in, SHA-256 by material; ``number`` its number once it has one."""

    subject: str
    item: Item | None
    submitted: Event | None
    number: str | None
    received: Event | None
    accepted: Event | None
    not_accepted: Event | None
    withdrawn: Event | None
    notices: tuple[Notice, ...]
    answers: Answers
    materials: Mapping[str, str]
    overdue_said: frozenset[str]
    facts: tuple[Event, ...] = field(repr=False)

    @classmethod
    def of(cls, subject: str, facts: Iterable[Event], item: Item | None) -> "History":
        """Folds the facts of one application. Without its item nobody knows what departments may decide."""
        ordered = in_order(facts)
        accepted = _first(ordered, ApplicationAccepted)
        received = _first(ordered, ApplicationReceived)
        answers, materials = _handed_in(ordered)
        return cls(
            subject=subject,
            item=item,
            submitted=_first(ordered, ApplicationSubmitted),
            number=_number(received, accepted),
            received=received,
            accepted=accepted,
            not_accepted=_first(ordered, ApplicationNotAccepted),
            withdrawn=_first(ordered, ApplicationWithdrawn),
            notices=_notices(ordered),
            answers=answers,
            materials=materials,
            overdue_said=frozenset(
                name
                for fact in ordered
                if isinstance(fact.data, ApplicationPromiseOverdue)
                for name in fact.data.materials
            ),
            facts=tuple(ordered),
        )

    def standing(self) -> Standing | None:
        """Where the departments' decisions stand; None without the item."""
        return None if self.item is None else standing(self.facts, self.item)

    @property
    def submission(self) -> ApplicationSubmitted | None:
        return submission(self.facts)

    @property
    def promised(self) -> tuple[str, ...]:
        """The materials on whose promise the case was accepted."""
        data = self.accepted.data if self.accepted is not None else None
        return tuple(data.promised) if isinstance(data, ApplicationAccepted) else ()

    @property
    def deemed(self) -> bool:
        """Accepted because nobody answered in time."""
        data = self.accepted.data if self.accepted is not None else None
        return isinstance(data, ApplicationAccepted) and data.deemed

    @property
    def at_the_desk(self) -> bool:
        """Whether the receiving body has still to say whether it accepts."""
        return self.submitted is not None and not (self.accepted or self.not_accepted or self.withdrawn)

    @property
    def open_notice(self) -> Notice | None:
        """The notice that the applicant has not answered yet."""
        last = self.notices[-1] if self.notices else None
        return last if last is not None and last.answer is None else None

    @property
    def complete(self) -> Event | None:
        """From what the receiving body's time runs: the submission, or the answer to its last notice; None: it does not."""
        if not self.at_the_desk or self.open_notice is not None:
            return None
        return (self.notices[-1].answer if self.notices else None) or self.submitted

    @property
    def proofs(self) -> dict[str, Proof]:
        """Where every proof that is fetched instead of handed in stands, by material."""
        return proofs(self.facts)

    def missing(self, item: Item) -> tuple[Material, ...]:
        """The required materials that were not handed in, in the item's order.

        A proof that was fetched, is on its way, stands in by a rule, or was brought because fetching it failed, is not missing;
        nor is one of which a proof on its way will tell whether it is asked for.
        """
        covered = {name for name, proof in self.proofs.items() if proof.pending or proof.usable or proof.uploaded}
        covered |= undecided(self.proofs, item)
        return tuple(
            one
            for one in asked_materials(item, self.answers.plain)
            if one.id not in self.materials and one.id not in covered
        )

    def asked(self, request: UUID) -> Asking | None:
        """The notice or correction request with this event id, or None."""
        for fact in self.facts:
            if fact.id == request and isinstance(fact.data, ApplicationCorrectionNoticed | ApprovalCorrectionRequested):
                return fact.data
        return None

    def answered(self, request: UUID) -> Event | None:
        """The correction that answered a request, or None."""
        return next((fact for fact in self.facts if _answers_request(fact, request)), None)

    def refusal(self, decision: UUID) -> Event | None:
        """The refusal that counts, or the non-acceptance, with this event id; or None: what can be appealed against."""
        if self.not_accepted is not None and self.not_accepted.id == decision:
            return self.not_accepted
        known = self.standing()
        counting = () if known is None else known.counting.values()
        return next((one.told for one in counting if one.id == decision and not one.granted), None)

    def appeal(self, decision: UUID) -> Event | None:
        """The appeal against a decision, or None."""
        for fact in self.facts:
            if isinstance(fact.data, ApplicationAppealed) and fact.data.decision == decision:
                return fact
        return None

    def ending(self) -> Ending | None:
        """How the case ended, or None while it runs. Decisions of departments count as the catalogue's `standing` says."""
        if self._issued():
            return "issued"
        known = self.standing()
        if known is not None and known.refused:
            return "refused"
        if self.not_accepted is not None:
            return "not-accepted"
        if known is not None and any(known.latest[step].granted for step in known.annulled_for_good):
            return "annulled"
        if self.withdrawn is not None:
            return "withdrawn"
        if known is not None and self.item is not None and all_granted(self.item, self.answers.plain, known.granted):
            return "granted"
        return None

    def _issued(self) -> bool:
        revoked = {
            fact.data.number
            for fact in self.facts
            if isinstance(fact.data, CertificateRevoked) and fact.data.cause == "annulled"
        }
        return any(isinstance(fact.data, CertificateIssued) and fact.data.number not in revoked for fact in self.facts)


def tells_something(event: Event) -> bool:
    """Whether intake has use for a fact: that a step opened for the first time says nothing to it, and is most of them."""
    return not (isinstance(event.data, ApprovalOpened) and event.data.round == 1)


def submission(facts: Iterable[Event]) -> ApplicationSubmitted | None:
    """What the applicant submitted, or None while intake has not heard of it."""
    return next((fact.data for fact in facts if isinstance(fact.data, ApplicationSubmitted)), None)


def current_answers(facts: Sequence[Event]) -> Answers:
    """The submitted answers with every correction laid over them, in intake's own order."""
    return _handed_in(in_order(facts))[0]


def _first(ordered: Sequence[Event], model: type[EventData]) -> Event | None:
    return next((fact for fact in ordered if isinstance(fact.data, model)), None)


def _number(*events: Event | None) -> str | None:
    for event in events:
        if (
            event is not None
            and isinstance(event.data, ApplicationReceived | ApplicationAccepted)
            and event.data.number
        ):
            return event.data.number
    return None


def _corrections(ordered: Sequence[Event]) -> list[tuple[Event, ApplicationCorrected]]:
    found = [(fact, fact.data) for fact in ordered if isinstance(fact.data, ApplicationCorrected)]
    return sorted(found, key=lambda pair: (pair[0].sequence, pair[0].id.int))


def _handed_in(ordered: Sequence[Event]) -> tuple[Answers, dict[str, str]]:
    plain: JsonObject = {}
    sealed: dict[str, str] = {}
    materials: dict[str, str] = {}
    submitted = submission(ordered)
    if submitted is not None:
        plain |= submitted.answers
        sealed |= submitted.sealed
        materials |= submitted.materials
    for _, correction in _corrections(ordered):
        plain |= correction.answers
        sealed |= correction.sealed
        materials |= correction.materials
    for fact in ordered:
        if isinstance(fact.data, ApplicationSupplemented):
            materials |= fact.data.materials
    return Answers(plain, sealed), materials


def _notices(ordered: Sequence[Event]) -> tuple[Notice, ...]:
    answers: dict[UUID, tuple[Event | None, ApplicationCorrected]] = {
        data.request: (fact, data) for fact, data in reversed(_corrections(ordered))
    }
    found = []
    for fact in sorted(ordered, key=lambda one: (one.sequence, one.id.int)):
        if isinstance(fact.data, ApplicationCorrectionNoticed):
            event, said = answers.get(fact.id, (None, ApplicationCorrected(request=fact.id)))
            fields = frozenset(said.answers) | frozenset(said.sealed)
            found.append(Notice(fact, fact.data, event, fields, frozenset(said.materials)))
    return tuple(found)


def _answers_request(fact: Event, request: UUID) -> bool:
    return isinstance(fact.data, ApplicationCorrected) and fact.data.request == request
