"""One pass over the facts of an application in (time, id) order; the first of a kind stands."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from tongban_intake import payloads as said
from tongban_intake.facts import Fact
from tongban_intake.status import model
from tongban_intake.status.decisions import DECIDING, Decisions
from tongban_intake.status.evidence import proof_statuses

INTAKE_SOURCE = "/intake"


def status(facts: Iterable[Fact]) -> model.Status:
    """The status of one application from its facts, each event id at most once (see `tongban_intake.facts.merge`)."""
    return _Folding(sorted(facts, key=_place)).result()


def _place(fact: Fact) -> tuple[datetime, str]:
    return fact.time, fact.id


class _Folding:
    def __init__(self, ordered: list[Fact]) -> None:
        self._ordered = ordered
        self._position = 0
        self._item: tuple[int, said.Item] | None = None
        self._submitted: datetime | None = None
        self._received: datetime | None = None
        self._receiving: str | None = None
        self._number: str | None = None
        self._accepted: Fact | None = None
        self._not_accepted: Fact | None = None
        self._withdrawn: datetime | None = None
        self._promised: tuple[str, ...] = ()
        self._brought: set[str] = set()
        self._broken: set[str] = set()
        self._notices: list[Fact] = []
        self._answers: dict[str, datetime] = {}
        self._appeals: list[Fact] = []
        self._appeal_decisions: dict[str, Fact] = {}
        self._certificates: dict[str, Fact] = {}
        self._revocations: dict[str, Fact] = {}
        self._delivery_overdue: datetime | None = None
        self._notified: dict[str, tuple[set[UUID], dict[UUID, str]]] = {}
        self._evidence: list[Fact] = []
        self._decisions = Decisions()
        for fact in ordered:
            if fact.source == INTAKE_SOURCE and fact.sequence > self._position:
                self._position = fact.sequence
            kind = type(fact.data)
            if kind in DECIDING:
                self._decisions.take(fact)
            elif kind in said.EVIDENCE:
                self._evidence.append(fact)
            else:
                self._take(fact)

    def _take(self, fact: Fact) -> None:
        match fact.data:
            case said.Sent() | said.Failed():
                self._take_delivery(fact.data)
            case said.Corrected(request=request):
                self._answers.setdefault(str(request), fact.time)
            case said.Submitted(item=item):
                self._take_item(0, item)
                self._submitted = self._submitted or fact.time
            case said.Received(item=item, number=number, department=department):
                self._take_item(1, item)
                self._number = self._number or number
                self._received = self._received or fact.time
                self._receiving = self._receiving or department
            case said.Accepted(item=item):
                self._take_item(2, item)
                self._accepted = self._accepted or fact
                self._number = self._number or fact.data.number
                self._promised = self._promised or fact.data.promised
            case said.Noticed():
                self._notices.append(fact)
            case said.NotAccepted(department=department):
                self._not_accepted = self._not_accepted or fact
                self._receiving = self._receiving or department
            case said.Supplemented(materials=materials):
                self._brought.update(materials)
            case said.PromiseOverdue(materials=names):
                self._broken.update(names)
            case said.Withdrawn():
                self._withdrawn = self._withdrawn or fact.time
            case said.Appealed():
                self._appeals.append(fact)
            case said.AppealDecided(appeal=appeal):
                self._appeal_decisions.setdefault(str(appeal), fact)
            case said.Issued(item=item, number=number):
                self._take_item(3, item)
                self._certificates.setdefault(number, fact)
            case said.Revoked(number=number):
                self._take_revocation(number, fact)
            case said.DeliveryOverdue(due=due):
                self._delivery_overdue = self._delivery_overdue or due

    def _take_item(self, rank: int, item: said.Item) -> None:
        if self._item is None or rank < self._item[0]:
            self._item = rank, item

    def _take_delivery(self, data: said.Sent | said.Failed) -> None:
        sent, failed = self._notified.setdefault(data.channel, (set(), {}))
        if isinstance(data, said.Failed):
            failed[data.notification] = data.reason
        else:
            sent.add(data.notification)

    def _take_revocation(self, number: str, fact: Fact) -> None:
        """An annulment weighs more than a replacement."""
        known = self._revocations.get(number)
        if known is None or (_is_annulled(fact) and not _is_annulled(known)):
            self._revocations[number] = fact

    def result(self) -> model.Status:
        corrections = self._corrections()
        waiting = {one.step for one in corrections if one.open and one.step is not None}
        steps = self._decisions.steps(waiting)
        certificate = self._certificate()
        accepted = self._accepted.data if self._accepted is not None else None
        return model.Status(
            state=self._state(certificate, steps, any(one.open for one in corrections)),
            version=len(self._ordered),
            intake_position=self._position,
            item=self._item[1] if self._item else None,
            submitted_at=self._submitted,
            accepted_at=self._accepted_at(),
            withdrawn_at=self._withdrawn,
            steps=steps,
            corrections=corrections,
            certificate=certificate,
            notifications={
                channel: model.Deliveries(len(sent), len(failed), tuple(sorted(set(failed.values()))))
                for channel, (sent, failed) in sorted(self._notified.items())
            },
            timeline=tuple([_entry(fact) for fact in self._ordered if type(fact.data) not in said.ACCESS]),
            number=self._number,
            received_at=self._received,
            receiving=self._receiving,
            deemed=isinstance(accepted, said.Accepted) and accepted.deemed,
            not_accepted=self._not_accepted_status(),
            promise=self._promise(),
            extension=self._decisions.joint_extension,
            alerts=self._decisions.joint_alerts,
            annulments=self._decisions.annulments(),
            appeals=tuple(map(self._appeal, self._appeals)),
            delivery_overdue=self._delivery_overdue,
            acts=tuple([_act(fact, act) for fact in self._ordered if (act := said.act_of(fact.data)) is not None]),
            proofs=proof_statuses(self._evidence) if self._evidence else {},
        )

    def _state(
        self, certificate: model.CertificateStatus | None, steps: dict[str, model.StepStatus], waiting: bool
    ) -> model.State:
        if certificate is not None and certificate.cause != "annulled":
            return "issued"
        if any(step.state == "refused" for step in steps.values()):
            return "refused"
        if self._not_accepted is not None:
            return "not-accepted"
        if self._decisions.annulled_for_good or (certificate is not None and not self._is_decided_anew(certificate)):
            return "revoked"
        if self._withdrawn is not None:
            return "withdrawn"
        if waiting:
            return "waiting-for-correction"
        return "submitted" if self._accepted is None else "accepted"

    def _is_decided_anew(self, certificate: model.CertificateStatus) -> bool:
        """Whether the annulment that revoked the certificate let its step be decided again."""
        revocation = self._revocations[certificate.number].data
        return isinstance(revocation, said.Revoked) and self._decisions.reopens(str(revocation.because))

    def _accepted_at(self) -> datetime | None:
        if self._accepted is None or not isinstance(self._accepted.data, said.Accepted):
            return None
        return self._accepted.data.effective_from or self._accepted.time

    def _certificate(self) -> model.CertificateStatus | None:
        """The earliest that stands; without one, the latest that did."""
        shown = None
        for number, fact in self._certificates.items():
            revocation = self._revocations.get(number)
            shown = _certificate(fact, revocation)
            if shown is not None and shown.cause != "annulled":
                return shown
        return shown

    def _corrections(self) -> tuple[model.Correction, ...]:
        facts = sorted([*self._notices, *self._decisions.requests], key=_place)
        return tuple(map(self._correction, facts))

    def _correction(self, fact: Fact) -> model.Correction:
        data = fact.data
        answered = self._answers.get(fact.id)
        if isinstance(data, said.Noticed):
            step, number = None, 1
            overtaken = self._accepted is not None or self._not_accepted is not None
        elif isinstance(data, said.CorrectionRequested):
            step, number = data.step, data.round
            overtaken = not self._decisions.awaits(step, number)
        else:
            raise TypeError(f"{type(data).__name__} asks for no correction")
        return model.Correction(
            id=fact.id,
            step=step,
            department=data.department,
            requested_at=fact.time,
            fields=data.fields,
            message=data.message,
            answered_at=answered,
            open=answered is None and not overtaken,
            materials=data.materials,
            round=number,
        )

    def _promise(self) -> model.Promise | None:
        if not self._promised:
            return None
        return model.Promise(
            materials=self._promised,
            brought=tuple(name for name in self._promised if name in self._brought),
            overdue=tuple(name for name in self._promised if name in self._broken and name not in self._brought),
        )

    def _not_accepted_status(self) -> model.NotAcceptedStatus | None:
        fact = self._not_accepted
        if fact is None or not isinstance(fact.data, said.NotAccepted):
            return None
        data = fact.data
        return model.NotAcceptedStatus(
            fact.id, fact.time, data.department, data.reason_code, data.reason, data.right_authority
        )

    def _appeal(self, fact: Fact) -> model.Appeal:
        data = fact.data
        if not isinstance(data, said.Appealed):
            raise TypeError(f"{type(data).__name__} is no appeal")
        step = self._decisions.step_of(str(data.decision))
        answer = self._appeal_decisions.get(fact.id)
        if answer is None or not isinstance(answer.data, said.AppealDecided):
            return model.Appeal(fact.id, str(data.decision), data.way, fact.time, step)
        return model.Appeal(
            fact.id,
            str(data.decision),
            data.way,
            fact.time,
            step or answer.data.step,
            answer.data.department,
            answer.time,
            answer.data.outcome,
            answer.data.text,
        )


def _is_annulled(fact: Fact) -> bool:
    return isinstance(fact.data, said.Revoked) and fact.data.cause == "annulled"


def _certificate(fact: Fact, revocation: Fact | None) -> model.CertificateStatus | None:
    data = fact.data
    if not isinstance(data, said.Issued):
        return None
    revoked = revocation.data if revocation is not None else None
    return model.CertificateStatus(
        data.number,
        data.kind,
        data.issuer,
        data.verification,
        fact.time,
        data.valid_until,
        revocation.time if revocation is not None else None,
        revoked.cause if isinstance(revoked, said.Revoked) else None,
    )


def _act(fact: Fact, act: said.Act) -> model.ActStatus:
    return model.ActStatus(
        event=fact.id,
        number=act.number,
        kind=act.kind,
        issued_on=act.issued_on,
        body=act.body,
        sha256=act.sha256,
        department=getattr(fact.data, "department", None),
        step=getattr(fact.data, "step", None),
    )


def _entry(fact: Fact) -> model.TimelineEntry:
    data = fact.data
    return model.TimelineEntry(
        time=fact.time,
        id=fact.id,
        type=data.TYPE,
        source=fact.source,
        step=getattr(data, "step", None),
        trace=fact.trace,
    )
