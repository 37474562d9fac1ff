"""What the certificates service does with the facts it hears."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from tongban_catalog.item import Item
from tongban_runtime import facts
from tongban_runtime.clock import Clock
from tongban_runtime.database import Tx
from tongban_runtime.outcome import Done, Outcome
from tongban_runtime.registry import Registry, Replay
from tongban_schemas.envelope import Event
from tongban_schemas.events.catalog import DepartmentRegistered, ItemPublished
from tongban_schemas.types import ItemRef

from tongban_certificates import identifier, store
from tongban_certificates.domain import CHINA, FACTS, CaseFacts, DueCertificate, decide, gather
from tongban_certificates.store import Department, NewCertificate


class Items:
    """The items of the catalogue, compiled once each: published versions never change."""

    def __init__(self) -> None:
        self._items: dict[ItemRef, Item] = {}

    async def find(self, tx: Tx, refs: Iterable[ItemRef]) -> Mapping[ItemRef, Item]:
        """The items that the catalogue has told; others are absent."""
        wanted = set(refs)
        missing = wanted - self._items.keys()
        if missing:
            for ref, definition in (await store.item_definitions(tx, missing)).items():
                self._items[ref] = Item.from_definition(definition)
        return {ref: self._items[ref] for ref in wanted & self._items.keys()}


@dataclass(frozen=True, slots=True)
class _Touched:
    """A case that may have to change: its facts, and the trace that touched it."""

    facts: CaseFacts
    correlation_id: UUID
    traceparent: str | None


class CertificateHandlers:
    """The handlers and what they share. ``issuers`` are the issuing bodies that this deployment serves."""

    def __init__(self, items: Items, clock: Clock, issuers: Collection[str]) -> None:
        self._items = items
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
        registry.add(
            self.on_catalogue,
            ItemPublished,
            DepartmentRegistered,
            name="catalogue",
            replay=Replay.SAFE,
            description=self.on_catalogue.__doc__,
        )
        return registry

    async def on_case_facts(self, tx: Tx, events: Sequence[Event]) -> Outcome:
        """Keeps the facts of cases; draws the number of each certificate that they make due.

        Duplicates: facts are a set, and there is one certificate per application and kind.
        Failure: a case whose item or issuing body is not known yet waits for the catalogue.
        """
        await store.hold_catalogue(tx)
        cases = await facts.absorb(tx, events, FACTS)
        await self._settle(tx, {case.subject: (case.facts, case.cause.traceparent) for case in cases})
        return Done()

    async def on_catalogue(self, tx: Tx, events: Sequence[Event]) -> Outcome:
        """Keeps items and departments; decides the cases that waited for them.

        Duplicates: the same version or department again changes nothing.
        Failure: a definition that is no item parks its entry.
        """
        await store.open_catalogue(tx)
        items = [(event.data.item, event.data.definition) for event in events if isinstance(event.data, ItemPublished)]
        for _, definition in items:
            Item.from_definition(definition)
        await store.put_items(tx, items)
        registered = [event.data for event in events if isinstance(event.data, DepartmentRegistered)]
        await store.put_departments(tx, [Department(d.department, d.uscc, d.name_zh, d.name_en) for d in registered])
        waiting = await store.waiting_cases(tx)
        if waiting:
            await facts.lock(tx, waiting)
            known = await facts.recall(tx, waiting, FACTS)
            await self._settle(tx, {subject: (found, None) for subject, found in known.items()})
        return Done()

    async def _settle(self, tx: Tx, cases: Mapping[str, tuple[Sequence[Event], str | None]]) -> None:
        """Brings the certificates of locked cases in line with their facts."""
        touched: dict[UUID, _Touched] = {}
        for subject, (found, traceparent) in cases.items():
            gathered = gather(found)
            if gathered is not None and gathered.grants:
                touched[UUID(subject)] = _Touched(gathered, found[0].correlationid, traceparent)
        if not touched:
            return
        items = await self._items.find(tx, (case.facts.item for case in touched.values()))
        departments = await store.departments(tx)
        waiting: set[UUID] = set()
        due: dict[UUID, DueCertificate] = {}
        for application, case in touched.items():
            item = items.get(case.facts.item)
            if item is None or item.certificate.issuer not in departments:
                waiting.add(application)
            elif item.certificate.issuer in self._issuers:
                decision = decide(case.facts, item)
                if decision is not None:
                    due[application] = decision
        await store.set_waiting(tx, waiting, touched.keys() - waiting)
        known = await store.known_certificates(tx, touched)
        existing = {application for application, _ in known}
        await store.change_state(tx, existing - due.keys() - waiting, "due", "cancelled")
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
                due, case = fresh[application], touched[application]
                number = identifier.build(due.kind, departments[issuer].uscc, f"{year}{serial:07d}")
                certificates.append(_new(application, due, case, str(number)))
        if certificates:
            await store.add_due(tx, certificates, self._clock.now())


def _new(application: UUID, due: DueCertificate, case: _Touched, number: str) -> NewCertificate:
    return NewCertificate(
        application=application,
        kind=due.kind,
        number=number,
        issuer=due.issuer,
        item=case.facts.item,
        applicant=case.facts.applicant,
        departments=sorted({grant.department for grant in due.grants}),
        decided_at=due.decided_at,
        correlation_id=case.correlation_id,
        causation_id=due.grants[-1].event,
        traceparent=case.traceparent,
    )
