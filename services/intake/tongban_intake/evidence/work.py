"""Moves the fetching of proofs on, on locked cases and in the caller's transaction: drafts and applications alike.

A case whose person agreed asks for every proof as soon as the answers say that it is needed; what a rule puts in a proof's
place is said at once; a request that nobody answered is ended by time. Doing it again does nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Final
from uuid import UUID

from tongban_catalog.clock import Calendars
from tongban_catalog.resource import Resource
from tongban_catalog.shelf import Shelf
from tongban_runtime import alarms, facts, outbox
from tongban_runtime.clock import Clock
from tongban_runtime.database import Tx
from tongban_runtime.keys import KeysRefusedError
from tongban_schemas.envelope import Event
from tongban_schemas.events.access import FIRST_CHAIN, AccessRefused
from tongban_schemas.events.evidence import (
    EvidenceCorrected,
    EvidenceDisputed,
    EvidenceFailed,
    EvidenceNotRecorded,
    EvidenceOverdue,
    EvidenceProvided,
    EvidenceRefused,
    EvidenceRequested,
    lookup_field,
)

from tongban_intake.domain.history import submission
from tongban_intake.evidence import asking
from tongban_intake.evidence.asking import Due
from tongban_intake.evidence.judging import Forged, forged
from tongban_intake.evidence.picture import Picture, Touched, pictures
from tongban_intake.store import evidence
from tongban_intake.vault import Vault

_COUNTED: Final = (
    EvidenceRequested,
    EvidenceProvided,
    EvidenceNotRecorded,
    EvidenceRefused,
    EvidenceFailed,
    EvidenceOverdue,
    EvidenceDisputed,
    EvidenceCorrected,
)
_OUTCOMES: Final = dict(
    zip(
        (one.TYPE for one in _COUNTED),
        ("requested", "provided", "not-recorded", "refused", "failed", "overdue", "disputed", "corrected"),
        strict=True,
    )
)
"""What is counted of every resource, by event type. A failure that is tried again is none."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What came of it: the events that were published, by case, and when time has something to say next."""

    said: Mapping[UUID, tuple[Event, ...]]
    moments: Mapping[UUID, alarms.Moment]


@dataclass(frozen=True, slots=True)
class EvidenceWork:
    """The catalogue it knows, the vault that seals what is looked up by, the clock."""

    shelf: Shelf
    vault: Vault
    clock: Clock

    async def advance(self, tx: Tx, touched: Sequence[Touched], until: datetime, heard: Sequence[Event] = ()) -> Moved:
        """All that the facts of locked cases call for up to an instant. ``heard`` are facts that are new, to be counted."""
        consents = await evidence.consents(tx, [one.case for one in touched])
        moments: dict[UUID, alarms.Moment] = {
            one.case: (None, False)
            for one in touched
            if one.case not in consents and one.facts and submission(one.facts) is None
        }
        said: dict[UUID, tuple[Event, ...]] = {}
        if consents:
            seen = await pictures(
                tx, self.shelf, self.vault, [one for one in touched if one.case in consents], consents, self.clock.now()
            )
            said = await self._say(tx, seen, until)
            await evidence.count(tx, _unfit(seen, heard))
            for case, one in seen.items():
                after = one.with_facts(said.get(case, ()), until)
                moments[case] = (asking.next_expiry(after.proofs) if after.runs else None, False)
        await self.count(tx, [*heard, *(event for events in said.values() for event in events)])
        return Moved(said, moments)

    async def genuine(self, tx: Tx, touched: Sequence[Touched], heard: Sequence[Event]) -> list[Event]:
        """Those of the new facts of locked cases that come from who was asked. The others go on record, each once."""
        known = {one.case: one for one in touched}
        strange: set[UUID] = set()
        for case, fresh in groupby(sorted(heard, key=attrgetter("subject")), key=attrgetter("subject")):
            one = known.get(UUID(case))
            if one is None:
                continue
            for found in forged(one.facts, fresh):
                strange.add(found.event.id)
                await self._refuse(tx, one, found)
        return [event for event in heard if event.id not in strange]

    async def ask(self, tx: Tx, seen: Picture, one: Due) -> list[Event]:
        """Publishes one more request of a locked case; what was said."""
        now = self.clock.now()
        calendars = await self.shelf.calendars(tx)
        events = self._request(seen, one, calendars, now)
        published = await self._publish(tx, events)
        await self.count(tx, published)
        return published

    async def count(self, tx: Tx, events: Sequence[Event]) -> None:
        """Adds facts that are new to the figures of their resources."""
        figures: Counter[tuple[str, str]] = Counter()
        for event in events:
            data = event.data
            if isinstance(data, EvidenceFailed) and not data.final:
                continue
            if isinstance(data, _COUNTED):
                figures[data.resource, _OUTCOMES[data.TYPE]] += 1
        await evidence.count(tx, figures)

    async def _refuse(self, tx: Tx, one: Touched, found: Forged) -> None:
        said_by = found.event.source.split("/")[1:2]
        data = AccessRefused(
            service="approvals" if said_by == ["approvals"] else "intake" if said_by == ["intake"] else "certificates",
            department=found.department,
            purpose="evidence",
            rule=found.rule,
            request=found.request,
            chain=FIRST_CHAIN,
        )
        name = str(found.event.id)
        with suppress(KeysRefusedError):
            await self.vault.say(
                tx, one.case, data, "forged", name, cause=found.event.id, traceparent=found.event.traceparent
            )

    async def _say(self, tx: Tx, seen: Mapping[UUID, Picture], until: datetime) -> dict[UUID, tuple[Event, ...]]:
        events: list[Event] = []
        resources: Mapping[str, Resource] | None = None
        now = self.clock.now()
        for case, before in seen.items():
            one = before
            if one.runs and (ended := asking.expired(case, one.proofs, until)):
                events += ended
                one = one.with_facts(ended, now)
            if not one.asks:
                continue
            stood = [
                asking.substitute(case, rule, now=now, cause=one.cause, traceparent=one.traceparent)
                for rule in asking.fires(one.item, one.answered, one.proofs, now)
            ]
            if stood:
                events += stood
                one = one.with_facts(stood, now)
            if not one.item.sources:
                continue
            if resources is None:
                resources = await self.shelf.resources(tx)
            due = asking.due(one.item, one.answered, one.proofs, one.facts, resources, now)
            if due:
                calendars = await self.shelf.calendars(tx)
                events += [event for ask in due for event in self._request(one, ask, calendars, now)]
        said: dict[UUID, tuple[Event, ...]] = {}
        for event in await self._publish(tx, sorted(events, key=lambda one: (one.time, one.subject))):
            said[UUID(event.subject)] = (*said.get(UUID(event.subject), ()), event)
        return said

    async def _publish(self, tx: Tx, events: Sequence[Event]) -> list[Event]:
        published = await outbox.publish(tx, events)
        if published:
            await facts.remember(tx, published)
        return published

    def _request(self, seen: Picture, one: Due, calendars: Calendars, now: datetime) -> list[Event]:
        """A request, and its failure when nobody can say whose record is meant; nothing while that is still to be said."""
        holder = seen.holder_of(one.source)
        if holder is None or seen.keys is None:
            return []
        number, personal = holder
        sealed = None
        if number is not None and personal:
            event = asking.request_id(seen.case, one)
            sealed = seen.keys.seal(event, lookup_field(asking.HOLDER), number)
        asked = asking.request(
            seen.case,
            seen.item,
            one,
            plain=None if personal else number,
            sealed=sealed,
            calendars=calendars,
            now=now,
            cause=seen.cause,
            traceparent=seen.traceparent,
        )
        return [asked] if number is not None else [asked, asking.without_holder(seen.case, asked)]


def _unfit(seen: Mapping[UUID, Picture], heard: Sequence[Event]) -> Counter[tuple[str, str]]:
    """The figures by which a source learns that what it gave breaks the rules of forms."""
    figures: Counter[tuple[str, str]] = Counter()
    for event in heard:
        one = seen.get(UUID(event.subject))
        if one is not None and isinstance(event.data, EvidenceProvided):
            figures[event.data.resource, "unfit"] += one.unfit()[event.data.resource]
    return +figures
