"""Moves cases on: numbers, receives and accepts them, says what time has made true, and keeps desk and alarms in step.

Everything happens in the caller's transaction, on locked cases. Whoever touches a case comes here first: the consumer's
handler, an action of the API, the alarms.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from tongban_catalog.clock import NATION, Calendars, china_day
from tongban_catalog.codes import CaseNumber
from tongban_catalog.department import Department
from tongban_catalog.item import Item
from tongban_catalog.shelf import Shelf
from tongban_runtime import alarms, facts, outbox
from tongban_runtime.acts import ActSigner
from tongban_runtime.alarms import Moment
from tongban_runtime.clock import Clock
from tongban_runtime.database import Tx
from tongban_runtime.facts import Case
from tongban_schemas.envelope import Event
from tongban_schemas.events.applications import ApplicationAccepted, ApplicationCorrected, ApplicationReceived
from tongban_schemas.events.evidence import EvidenceCorrected
from tongban_schemas.types import Act, ActKind, ItemRef

from tongban_intake.domain.history import SOURCE, History, submission
from tongban_intake.domain.receiving import receipt
from tongban_intake.domain.timing import Days, earliest, next_moment, time_says
from tongban_intake.evidence.picture import Touched
from tongban_intake.evidence.work import EvidenceWork
from tongban_intake.store import numbers, receipts
from tongban_intake.vault.searching import index_anew, index_holders

RECEIVED_BASIS = "行政许可法第三十二条 Administrative Licensing Law, art. 32"
"""The legal basis that receiving acts name."""


@dataclass(frozen=True, slots=True)
class Known:
    """A locked case with its item and the body that receives it."""

    history: History
    item: Item
    department: Department
    days: Days


@dataclass(frozen=True, slots=True)
class Casework:
    """Intake's way of working: the catalogue it knows, its clock, the keys of the bodies that receive, what fetches proofs."""

    shelf: Shelf
    clock: Clock
    acts: ActSigner
    evidence: EvidenceWork

    async def hear(self, tx: Tx, cases: Sequence[Case], answers: Sequence[Event] = ()) -> None:
        """Moves on cases that learned something, or whose item or department became known.

        ``answers`` are what is new of fetched proofs.
        """
        await self.advance(tx, cases, self.clock.now(), answers)

    async def ring(self, tx: Tx, cases: Sequence[Case], until: datetime) -> None:
        """Says what time has made true of cases whose alarm rang."""
        await self.advance(tx, cases, until)

    async def advance(
        self, tx: Tx, cases: Sequence[Case], until: datetime, answers: Sequence[Event] = ()
    ) -> dict[str, Known]:
        """Does all that the facts of locked cases call for up to an instant; what is known afterwards, by subject.

        A case whose item or receiving body is not published yet waits for it and is left out; so is one whose submission
        was not heard of, and one that a rule has accepted: nothing is left to do there.
        """
        cases, moments = await self._fetch(tx, cases, until, answers)
        refs = [(case, data.item) for case in cases if (data := submission(case.facts)) is not None]
        items = await self.shelf.items_for(tx, refs)
        usual = [(case, items[ref]) for case, ref in refs if ref in items and _is_unfinished(case, items[ref])]
        if not usual:
            await alarms.save(tx, moments)
            return {}
        known = await self._known(tx, usual)
        known |= await self._number(tx, known, {case.subject: case for case, _ in usual})
        timed = {subject: one for subject, one in known.items() if one.item.acceptance.by == "officer"}
        await alarms.save(tx, {case: moment for case, moment in moments.items() if str(case) not in timed})
        if timed:
            known |= await self._settle(tx, timed, until, moments)
        return known

    async def begin(self, tx: Tx, touched: Touched, until: datetime) -> None:
        """Asks for the proofs of a locked case of which nothing was said yet."""
        moved = await self.evidence.advance(tx, [touched], until)
        await alarms.save(tx, moved.moments)

    async def look(self, tx: Tx, case: Case, until: datetime) -> Known | None:
        """One locked case after `advance`, finished or not. None when its submission or item is unknown."""
        moved = (await self.advance(tx, [case], until)).get(case.subject)
        data = submission(case.facts)
        if moved is not None or data is None:
            return moved
        item = await self.shelf.item(tx, data.item)
        return None if item is None else (await self._known(tx, [(case, item)])).get(case.subject)

    async def say(self, tx: Tx, known: Known, event: Event) -> Event:
        """Publishes what was decided about a locked case and moves it on; the event as it was published."""
        published = (await outbox.publish(tx, [event]))[0]
        await facts.remember(tx, [published])
        if isinstance(event.data, ApplicationCorrected):
            history = History.of(published.subject, (*known.history.facts, published), known.item)
            await index_anew(tx, self.evidence.vault, [(UUID(published.subject), known.item, history)])
        case = Case(published.subject, (*known.history.facts, published), published)
        await self.advance(tx, [case], self.clock.now())
        return published

    async def days_of(self, tx: Tx, known: Known, decision: Event) -> Days:
        """By which calendar days count for a decision: the region of the body that made it."""
        bodies = await self.shelf.departments(tx)
        body = bodies.get(getattr(decision.data, "department", ""), known.department)
        return Days(await self.shelf.calendars(tx), body.region or known.item.region or NATION)

    def sign(self, known: Known, kind: ActKind, at: datetime, ordinal: int = 1, **content: Any) -> Act:
        """A formal act of the receiving body. ``content`` holds no personal text."""
        return self.acts.sign(
            known.department.id,
            known.department.uscc,
            kind,
            case_number=known.history.number,
            subject=known.history.subject,
            at=at,
            ordinal=ordinal,
            content={
                "item": known.item.code,
                "item_version": known.item.version,
                "basis": RECEIVED_BASIS,
                **content,
            },
        )

    async def _fetch(
        self, tx: Tx, cases: Sequence[Case], until: datetime, answers: Sequence[Event]
    ) -> tuple[Sequence[Case], Mapping[UUID, Moment]]:
        """The cases with what was said about their proofs, and when time has something to say of these next."""
        touched = [Touched(UUID(case.subject), case.facts, case.cause.traceparent) for case in cases]
        answers = await self.evidence.genuine(tx, touched, answers)
        await self._find_corrected(tx, cases, answers)
        moved = await self.evidence.advance(tx, touched, until, answers)
        if not moved.said:
            return cases, moved.moments
        return [
            replace(case, facts=(*case.facts, *moved.said.get(UUID(case.subject), ()))) for case in cases
        ], moved.moments

    async def _find_corrected(self, tx: Tx, cases: Sequence[Case], answers: Sequence[Event]) -> None:
        """Applications of which a source corrected something are found by what it says now."""
        changed = {event.subject for event in answers if isinstance(event.data, EvidenceCorrected)}
        refs = [
            (case, data.item)
            for case in cases
            if case.subject in changed and (data := submission(case.facts)) is not None
        ]
        if not refs:
            return
        items = await self.shelf.items(tx, {ref for _, ref in refs})
        found = [
            (UUID(case.subject), items[ref], History.of(case.subject, case.facts, items[ref]))
            for case, ref in refs
            if ref in items
        ]
        await index_anew(tx, self.evidence.vault, found)

    async def _known(self, tx: Tx, cases: Sequence[tuple[Case, Item]]) -> dict[str, Known]:
        folded = [(case, item, History.of(case.subject, case.facts, item)) for case, item in cases]
        wanted = [(case, item.acceptance.department_of(history.answers.plain)) for case, item, history in folded]
        bodies = await self.shelf.departments_for(tx, wanted)
        timed = any(item.acceptance.by == "officer" for _, item in cases)
        calendars = await self.shelf.calendars(tx) if timed else Calendars()
        found = {}
        for (case, item, history), (_, name) in zip(folded, wanted, strict=True):
            if (department := bodies.get(name)) is not None:
                region = department.region or item.region or NATION
                found[case.subject] = Known(history, item, department, Days(calendars, region))
        return found

    async def _number(self, tx: Tx, known: dict[str, Known], cases: dict[str, Case]) -> dict[str, Known]:
        """Gives cases that were just heard of their number, makes them findable, and receives or accepts them."""
        fresh = [(one, sent) for one in known.values() if (sent := one.history.submitted) is not None and _is_new(one)]
        if not fresh:
            return {}
        fresh.sort(key=lambda pair: (pair[1].time, pair[1].subject))
        days = [(one.item.code, china_day(sent.time)) for one, sent in fresh]
        drawn = await numbers.draw(tx, days)
        given = {
            UUID(one.history.subject): str(CaseNumber(code, day, serial))
            for (one, _), (code, day), serial in zip(fresh, days, drawn, strict=True)
        }
        await numbers.keep(tx, given)
        told = [(UUID(one.history.subject), one.item, one.history) for one, _ in fresh]
        await index_holders(tx, self.evidence.vault, told)
        events = []
        for one, sent in fresh:
            numbered = replace(one, history=replace(one.history, number=given[UUID(sent.subject)]))
            cause = replace(sent, traceparent=cases[sent.subject].cause.traceparent)
            events.append(self._first_word(numbered, cause))
        return await self._publish(tx, known, events)

    def _first_word(self, known: Known, sent: Event) -> Event:
        """What intake says first: accepted, where a rule accepts, else received, at the moment it came in."""
        number, item = known.history.number, known.item.ref
        if number is None:
            raise ValueError("a case has its number before it is received")
        if known.item.acceptance.by == "rule":
            now = self.clock.now()
            act = self.sign(known, "acceptance", now, decision="accepted", deemed=False, promised=[])
            return facts.derive(sent, ApplicationAccepted(item=item, number=number, act=act), source=SOURCE, time=now)
        act = self.sign(known, "receipt", sent.time, decision="received")
        data = ApplicationReceived(item=item, number=number, department=known.department.id, act=act)
        return facts.derive(sent, data, source=SOURCE, time=sent.time)

    async def _settle(
        self, tx: Tx, known: dict[str, Known], until: datetime, others: Mapping[UUID, Moment]
    ) -> dict[str, Known]:
        """Says what time has made true, in order of time over all cases, and saves desk rows and alarms.

        ``others`` are the moments of fetched proofs.
        """
        due = [
            facts.derive(one.cause, one.data, *one.discriminators, source=SOURCE, time=one.at)
            for case in known.values()
            for one in time_says(case.history, case.item, case.days, until)
        ]
        due.sort(key=lambda event: (event.time, event.subject))
        known = known | await self._publish(tx, known, due)
        desk: list[tuple[Any, ItemRef]] = []
        moments: dict[UUID, Moment] = {}
        for case in known.values():
            row = receipt(case.history, case.item, case.days)
            if row is not None:
                desk.append((row, case.item.ref))
            application = UUID(case.history.subject)
            own = next_moment(case.history, case.item, case.days, until)
            moments[application] = earliest(own, others.get(application))
        await receipts.save(tx, desk)
        await alarms.save(tx, moments)
        return known

    async def _publish(self, tx: Tx, known: dict[str, Known], events: Sequence[Event]) -> dict[str, Known]:
        """Publishes and keeps the events; the cases with them."""
        published: dict[str, list[Event]] = {}
        for event in await outbox.publish(tx, events):
            published.setdefault(event.subject, []).append(event)
        if not published:
            return {}
        await facts.remember(tx, [event for said in published.values() for event in said])
        return {
            subject: replace(
                known[subject],
                history=History.of(subject, (*known[subject].history.facts, *said), known[subject].item),
            )
            for subject, said in published.items()
        }


def _is_unfinished(case: Case, item: Item) -> bool:
    """Whether anything may be left to do: cheaply, because nearly every fact is one of a case that was accepted by rule."""
    return item.acceptance.by == "officer" or not any(isinstance(fact.data, ApplicationAccepted) for fact in case.facts)


def _is_new(known: Known) -> bool:
    return known.history.number is None and known.history.at_the_desk
