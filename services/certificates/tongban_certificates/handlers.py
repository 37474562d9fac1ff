"""What the certificates service does with the facts it hears, and with time."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tongban_catalog import hearing
from tongban_catalog.item import Item
from tongban_catalog.shelf import Shelf
from tongban_runtime import disbelief, facts, outbox
from tongban_runtime.clock import Clock
from tongban_runtime.database import Tx
from tongban_runtime.facts import Case
from tongban_runtime.keys import Keyring, VaultUnavailableError
from tongban_runtime.outcome import Done, Outcome, Retry
from tongban_runtime.registry import Registry, Replay
from tongban_schemas.envelope import Event
from tongban_schemas.events.access import AccessErased
from tongban_schemas.events.approvals import ApprovalGranted

from tongban_certificates import delivery, sealing, store
from tongban_certificates.domain import FACTS, CaseFacts, DueCertificate, Judgement, gather, judge
from tongban_certificates.numbering import Wanted, draw_numbers
from tongban_certificates.registers.register import Registers
from tongban_certificates.revocation import revoked
from tongban_certificates.sharing.store import asked_of, close
from tongban_certificates.store import Basis, CertificateRow, NewCertificate

_ASK_AGAIN: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class _Touched:
    """A case that may have to change, and what is known of it. ``due``: what this deployment has to issue."""

    case: Case
    facts: CaseFacts
    item: Item
    judgement: Judgement
    due: DueCertificate | None


class CertificateHandlers:
    """The handlers and what they share. ``issuers``: the issuing bodies that this deployment serves; None: all.

    ``registers`` tell who was given a certificate that it was revoked.
    """

    def __init__(
        self, shelf: Shelf, clock: Clock, keyring: Keyring, registers: Registers, issuers: Collection[str] | None
    ) -> None:
        self._shelf = shelf
        self._clock = clock
        self._keyring = keyring
        self._registers = registers
        self._issuers = None if issuers is None else frozenset(issuers)

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
            self.on_erased,
            AccessErased,
            name="erasures",
            replay=Replay.SAFE,
            description=self.on_erased.__doc__,
        )
        self._shelf.register(registry, models=FACTS, resume=hearing.resumed(self._shelf, self.settle, FACTS))
        return registry

    async def on_case_facts(self, tx: Tx, events: Sequence[Event]) -> Outcome:
        """Keeps the facts of cases; draws the number of each certificate that they make due, revokes what they take back.

        Duplicates: facts are a set; a case has one certificate that is not revoked, and each is revoked once.
        Failure: a case whose item or issuing body is not known yet waits for the catalogue.
        """
        await self.hear(tx, events)
        return Done()

    async def hear(self, tx: Tx, events: Sequence[Event]) -> None:
        """Takes events in as facts of their cases, and brings the certificates of those that learned something in line."""
        await self.settle(tx, await hearing.absorb(tx, self._shelf, events, FACTS))

    async def on_erased(self, tx: Tx, events: Sequence[Event]) -> Outcome:
        """Deletes the files of erased cases, which nobody can open any more, and shows their holders no more.

        What is still asked of the registers for them, or disputed, is closed; disputes that come later are none.

        Nothing is deleted on a word from the bus: the vault is asked whether the key is destroyed.

        Duplicates: what is gone is gone.
        Failure: while the vault does not answer, the case waits; an erasure that it knows nothing of goes on record. A case
        without a certificate or a request is passed over.
        """
        said = await hearing.believed(tx, events)
        try:
            gone = await self._keyring.erased({UUID(event.subject) for event in said})
        except VaultUnavailableError:
            return Retry(_ASK_AGAIN, "the vault does not say whether the case is erased")
        unknown = [event for event in said if UUID(event.subject) not in gone]
        await disbelief.note(
            tx, hearing.CONSUMER, [hearing.noted(event.subject, event, "not-confirmed") for event in unknown]
        )
        events = [event for event in said if UUID(event.subject) in gone]
        cases = [UUID(event.subject) for event in events]
        await facts.lock(tx, cases)
        await store.erase(tx, cases, sealing.NOBODY_SHOWN)
        await close(tx, cases)
        asked = await asked_of(tx, cases)
        if kept := [event for event in events if UUID(event.subject) in asked]:
            await facts.remember(tx, kept)
        return Done()

    async def settle(self, tx: Tx, cases: Sequence[Case]) -> None:
        """Brings the certificates of locked cases in line with their facts and the time."""
        await self.ring(tx, cases, self._clock.now())

    async def ring(self, tx: Tx, cases: Sequence[Case], until: datetime) -> None:
        """The same, with what time has made true up to ``until``; saves the cases' next alarms."""
        gathered: list[tuple[Case, CaseFacts]] = []
        for case in cases:
            known = gather(case.facts)
            if known is not None and any(isinstance(fact.data, ApprovalGranted) for fact in case.facts):
                gathered.append((case, known))
        if not gathered:
            return
        items = await self._shelf.items_for(tx, [(case, known.item) for case, known in gathered])
        judged = [
            (case, known, items[known.item], judge(known, items[known.item]))
            for case, known in gathered
            if known.item in items
        ]
        departments = await self._shelf.departments_for(
            tx,
            [
                (case, judgement.due.issuer)
                for case, _, _, judgement in judged
                if judgement.due is not None and self._serves(judgement.due.issuer)
            ],
        )
        served = {name for name in departments if self._serves(name)}
        touched = {
            UUID(case.subject): _Touched(
                case,
                known,
                item,
                judgement,
                judgement.due if judgement.due is not None and judgement.due.issuer in served else None,
            )
            for case, known, item, judgement in judged
        }
        rows = await store.latest_editions(tx, touched)
        await self._revoke(tx, rows, touched, until)
        await self._keep(tx, rows, touched)
        fresh = {one: found for one, found in touched.items() if _wants_new(found, rows.get(one))}
        await self._add(tx, fresh, rows, {name: body.uscc for name, body in departments.items()})
        watched = await store.latest_editions(tx, rows.keys() | fresh.keys())
        await delivery.watch(tx, self._shelf, watched.values(), items, departments, until)

    def _serves(self, issuer: str) -> bool:
        return self._issuers is None or issuer in self._issuers

    async def _revoke(
        self, tx: Tx, rows: Mapping[UUID, CertificateRow], touched: Mapping[UUID, _Touched], now: datetime
    ) -> None:
        events: list[Event] = []
        numbers: list[str] = []
        for application, row in rows.items():
            because = touched[application].judgement.undone_by(row.decisions) if row.state == "issued" else None
            if because is not None:
                numbers.append(row.number)
                trace = touched[application].case.cause.traceparent
                events.append(revoked(row, "annulled", because, now, trace))
        if numbers:
            async with self._registers.certificates_changing(tx, numbers, now):
                await store.revoke(tx, numbers, "annulled", now)
            await outbox.publish(tx, events)

    async def _keep(self, tx: Tx, rows: Mapping[UUID, CertificateRow], touched: Mapping[UUID, _Touched]) -> None:
        """What is not issued is due exactly while the facts earn it, on the decisions that count."""
        lost = [row.number for one, row in rows.items() if row.state == "due" and touched[one].due is None]
        if lost:
            await store.cancel(tx, lost)
        changed = [
            (row.number, _basis(due))
            for one, row in rows.items()
            if (due := touched[one].due) is not None
            and row.state in ("due", "cancelled")
            and (row.state == "cancelled" or row.decisions != {grant.event for grant in due.grants})
        ]
        if changed:
            await store.rest_on(tx, changed)

    async def _add(
        self,
        tx: Tx,
        fresh: Mapping[UUID, _Touched],
        rows: Mapping[UUID, CertificateRow],
        usccs: Mapping[str, str],
    ) -> None:
        wanted = {
            application: Wanted(one.due, one.facts, one.item, rows.get(application))
            for application, one in fresh.items()
            if one.due is not None
        }
        if not wanted:
            return
        numbers = await draw_numbers(tx, wanted, usccs)
        certificates = [
            NewCertificate(
                application=application,
                kind=one.due.kind,
                edition=1 if one.before is None else one.before.edition + 1,
                number=numbers[application].number,
                replaces=numbers[application].replaces,
                issuer=one.due.issuer,
                item=one.facts.item,
                applicant=one.facts.applicant,
                basis=_basis(one.due),
                correlation_id=one.facts.events[0].correlationid,
                traceparent=fresh[application].case.cause.traceparent,
            )
            for application, one in wanted.items()
        ]
        await store.add_due(tx, certificates, self._clock.now())


def _wants_new(one: _Touched, row: CertificateRow | None) -> bool:
    """Whether the case has to have one more certificate: its first, or one after a revoked one that was not replaced."""
    if one.due is None:
        return False
    if row is None:
        return True
    if row.state == "issued":
        return one.judgement.undone_by(row.decisions) is not None
    return row.state == "revoked" and row.revoked_for == "annulled"


def _basis(due: DueCertificate) -> Basis:
    return Basis(
        departments=sorted({grant.department for grant in due.grants}),
        decisions=[grant.event for grant in due.grants],
        decided_at=due.decided_at,
        causation_id=due.grants[-1].event,
    )
