"""What the sources hear: requests, objections and disputes, and that a certificate ended a case."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from uuid import UUID

from tongban_catalog import hearing
from tongban_catalog.proofs import DISPUTE_LIMIT
from tongban_catalog.speakers import speaks
from tongban_runtime import facts
from tongban_runtime.clock import Clock
from tongban_runtime.database import Tx
from tongban_runtime.outcome import Done, Outcome
from tongban_runtime.registry import Registry, Replay
from tongban_schemas.envelope import Event
from tongban_schemas.events.certificates import CertificateIssued, CertificateRevoked
from tongban_schemas.events.evidence import EvidenceDisputed, EvidenceObjected, EvidenceRequested

from tongban_certificates.sharing import receivers, store
from tongban_certificates.sharing.domain import MEDIATION, NEGOTIATION, NEXT_STAGE
from tongban_certificates.sharing.store import Timer, TurnedAway

Hear = Callable[[Tx, Sequence[Event]], Awaitable[None]]
"""Takes requests in as facts of their cases: what a source answers counts by them, whichever source it is."""


class SharingHandlers:
    """``departments``: those whose registers this deployment serves; None: all. ``hear``: is given every request."""

    def __init__(self, clock: Clock, departments: Collection[str] | None, hear: Hear) -> None:
        self._clock = clock
        self._hear = hear
        self._departments = None if departments is None else frozenset(departments)

    def register(self, registry: Registry) -> None:
        registry.add(
            self.on_evidence,
            EvidenceRequested,
            EvidenceObjected,
            EvidenceDisputed,
            name="sharing",
            replay=Replay.SAFE,
            description=self.on_evidence.__doc__,
        )
        registry.add(
            self.on_certificates,
            CertificateIssued,
            CertificateRevoked,
            name="sharing-ends",
            replay=Replay.SAFE,
            description=self.on_certificates.__doc__,
        )

    async def on_evidence(self, tx: Tx, events: Sequence[Event]) -> Outcome:
        """Puts requests where they are answered, objections and disputes on the desks of people.

        Duplicates: a request, an objection and a dispute stand once, by their event ids.
        Failure: what comes from others than it should, or concerns what this source never gave, changes nothing; a forged
        source is put on record.
        """
        await facts.lock(tx, (UUID(event.subject) for event in events))
        asked: list[Event] = []
        objections: list[Event] = []
        disputes: list[Event] = []
        forged: list[TurnedAway] = []
        await hearing.believed(tx, events)
        for event in events:
            known = speaks(event)
            match event.data:
                case EvidenceRequested(provider=provider) if self._serves(provider):
                    asked += [event] if known else []
                    forged += [] if known else [_forged(event, provider, event.id)]
                case EvidenceDisputed(provider=provider) if self._serves(provider):
                    disputes += [event] if known else []
                    forged += [] if known else [_forged(event, provider, None)]
                case EvidenceObjected():
                    objections.append(event)
                case _:
                    pass
        await self._hear(tx, [event for event in events if isinstance(event.data, EvidenceRequested)])
        await store.add_requests(tx, asked, self._clock.now())
        await self._object(tx, objections, forged)
        await self._dispute(tx, disputes)
        await store.turn_away(tx, forged)
        return Done()

    async def on_certificates(self, tx: Tx, events: Sequence[Event]) -> Outcome:
        """Remembers that a certificate was issued or revoked: what is asked for the case may be heard later.

        Duplicates: facts are a set.
        Failure: none.
        """
        await facts.lock(tx, {UUID(event.subject) for event in events})
        await facts.remember(tx, events)
        return Done()

    def _serves(self, provider: str) -> bool:
        return self._departments is None or provider in self._departments

    async def _object(self, tx: Tx, objections: Sequence[Event], forged: list[TurnedAway]) -> None:
        """A refusal is objected to once at each stage, by a department that speaks for itself."""
        for event in sorted(objections, key=lambda one: (one.time, one.id)):
            data = event.data
            assert isinstance(data, EvidenceObjected)
            request = (await store.requests(tx, [data.request])).get(data.request)
            if request is None or str(request.application) != event.subject:
                continue
            if not speaks(event):
                forged.append(_forged(event, request.provider, request.request))
                continue
            refused_at = request.refused_at_stage
            if request.state != "answered" or request.refusal != data.refusal or refused_at is None:
                continue
            if NEXT_STAGE.get(refused_at) != data.stage:
                continue
            limit = NEGOTIATION if data.stage == "negotiation" else MEDIATION
            await store.objected(tx, request.request, event.id, data.argument)
            await store.to_desk(
                tx, request.request, data.stage, Timer(request.request, data.stage, request.request, event.time, limit)
            )

    async def _dispute(self, tx: Tx, disputes: Sequence[Event]) -> None:
        ids = {event.data.provided for event in disputes if isinstance(event.data, EvidenceDisputed)}
        given = await receivers.disclosures(tx, ids)
        raised = [
            (event, one)
            for event in disputes
            if isinstance(data := event.data, EvidenceDisputed)
            and (one := given.get(data.provided)) is not None
            and (str(one.application), one.provider) == (event.subject, data.provider)
        ]
        known = await receivers.disputes(tx, [event.id for event, _ in raised])
        erased = await store.erased(tx, {one.application for _, one in raised})
        fresh = [(event, one) for event, one in raised if event.id not in known and one.application not in erased]
        await receivers.add_disputes(tx, fresh)
        for event, one in fresh:
            await store.start(tx, Timer(event.id, "answer", one.request, event.time, DISPUTE_LIMIT))


def _forged(event: Event, provider: str, request: UUID | None) -> TurnedAway:
    return TurnedAway(event.id, UUID(event.subject), "forged-source", provider, request)
