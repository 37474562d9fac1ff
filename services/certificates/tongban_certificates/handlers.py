"""What the certificates service does with the facts it hears."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from tongban_catalog.department import Department
from tongban_catalog.shelf import Shelf
from tongban_runtime import facts
from tongban_runtime.clock import Clock
from tongban_runtime.database import Tx
from tongban_runtime.facts import Case
from tongban_runtime.outcome import Done, Outcome
from tongban_runtime.registry import Registry, Replay
from tongban_schemas.envelope import Event

from tongban_certificates import identifier, store
from tongban_certificates.domain import CHINA, FACTS, CaseFacts, DueCertificate, decide, gather
from tongban_certificates.store import NewCertificate


@dataclass(frozen=True, slots=True)
class _Touched:
    """A case that may have to change, and what is known of it."""

    case: Case
    facts: CaseFacts


class CertificateHandlers:
    """The handlers and what they share. ``issuers`` are the issuing bodies that this deployment serves."""

    def __init__(self, shelf: Shelf, clock: Clock, issuers: Collection[str]) -> None:
        self._shelf = shelf
        self._clock = clock
        self._issuers = frozenset(issuers)

    def registry(self) -> Registry:
        registry = Registry()
        registry.add(
            self.on_case_facts,
            *FACTS.values(),
            name="case-facts",
            replay=Replay.SAFE,
            description=self.on_case_facts.__doc__,
        )
        self._shelf.register(registry, models=FACTS, resume=self._settle)
        return registry

    async def on_case_facts(self, tx: Tx, events: Sequence[Event]) -> Outcome:
        """Keeps the facts of cases; draws the number of each certificate that they make due.

        Duplicates: facts are a set, and there is one certificate per application and kind.
        Failure: a case whose item or issuing body is not known yet waits for the catalogue.
        """
        await self._settle(tx, await facts.absorb(tx, events, FACTS))
        return Done()

    async def _settle(self, tx: Tx, cases: Sequence[Case]) -> None:
        """Brings the certificates of locked cases in line with their facts."""
        touched: dict[UUID, _Touched] = {}
        for case in cases:
            gathered = gather(case.facts)
            if gathered is not None and gathered.grants:
                touched[UUID(case.subject)] = _Touched(case, gathered)
        if not touched:
            return
        items = await self._shelf.items_for(tx, [(one.case, one.facts.item) for one in touched.values()])
        usual = {application: items[one.facts.item] for application, one in touched.items() if one.facts.item in items}
        departments = await self._shelf.departments_for(
            tx, [(touched[application].case, item.certificate.issuer) for application, item in usual.items()]
        )
        due: dict[UUID, DueCertificate] = {}
        for application, item in usual.items():
            if item.certificate.issuer in departments and item.certificate.issuer in self._issuers:
                decision = decide(touched[application].facts, item)
                if decision is not None:
                    due[application] = decision
        known = await store.known_certificates(tx, touched)
        existing = {application for application, _ in known}
        await store.change_state(tx, existing - due.keys(), "due", "cancelled")
        await store.change_state(tx, existing & due.keys(), "cancelled", "due")
        fresh = {
            application: decision for application, decision in due.items() if (application, decision.kind) not in known
        }
        await self._add(tx, fresh, touched, departments)

    async def _add(
        self,
        tx: Tx,
        fresh: Mapping[UUID, DueCertificate],
        touched: Mapping[UUID, _Touched],
        departments: Mapping[str, Department],
    ) -> None:
        groups: dict[tuple[str, int], list[UUID]] = defaultdict(list)
        for application, due in fresh.items():
            groups[due.issuer, due.decided_at.astimezone(CHINA).year].append(application)
        certificates: list[NewCertificate] = []
        for (issuer, year), applications in sorted(groups.items()):
            serials = await store.draw_serials(tx, issuer, year, len(applications))
            in_order = sorted(applications, key=lambda application: (fresh[application].decided_at, application))
            for serial, application in zip(serials, in_order, strict=True):
                due = fresh[application]
                number = identifier.build(due.kind, departments[issuer].uscc, f"{year}{serial:07d}")
                certificates.append(_new(application, due, touched[application], str(number)))
        if certificates:
            await store.add_due(tx, certificates, self._clock.now())


def _new(application: UUID, due: DueCertificate, touched: _Touched, number: str) -> NewCertificate:
    return NewCertificate(
        application=application,
        kind=due.kind,
        number=number,
        issuer=due.issuer,
        item=touched.facts.item,
        applicant=touched.facts.applicant,
        departments=sorted({grant.department for grant in due.grants}),
        decided_at=due.decided_at,
        correlation_id=touched.case.facts[0].correlationid,
        causation_id=due.grants[-1].event,
        traceparent=touched.case.cause.traceparent,
    )
