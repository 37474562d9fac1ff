"""The worker that answers requests from the registers, sends those that need a person to a desk, and says what failed."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from tongban_catalog.resource import Resource
from tongban_runtime import logs, outbox
from tongban_runtime.database import Tx
from tongban_runtime.health import Heartbeat
from tongban_runtime.keys import Refused
from tongban_runtime.repeating import Repeating
from tongban_runtime.sealing import CaseKeys
from tongban_schemas.envelope import Event
from tongban_schemas.events.evidence import FailureReason, evidence_text_field

from tongban_certificates.registers.model import Record, SourceDownError
from tongban_certificates.sharing import answers, pulling, receivers, store, watch
from tongban_certificates.sharing.context import Around, Sharing, around, holder_of, key_request, pulled
from tongban_certificates.sharing.domain import (
    Answer,
    Ask,
    Fail,
    Refuse,
    RequestState,
    ShareRequest,
    Verdict,
    Wait,
    answer_fields,
    judge,
)
from tongban_certificates.sharing.domain import in_force as in_force_at
from tongban_certificates.sharing.receivers import Disclosure
from tongban_certificates.sharing.store import Timer

LONGEST_PAUSE: Final = timedelta(minutes=10)
"""A source that does not answer is asked again after 1 s, 2 s, 4 s and so on, at most this long."""
_IDLE_SECONDS: Final = 0.1
_WATCH_SECONDS: Final = 0.5
_DOWN: Final = "down"
_LATER: Final = "later"

Found = Record | str | None
"""A record, none, or `_DOWN`, or `_LATER`: somebody else has to be told of a change first."""


@dataclass(slots=True)
class _Round:
    """What one transaction brings about."""

    now: datetime
    events: list[Event] = field(default_factory=list)
    given: list[Disclosure] = field(default_factory=list)
    settled: defaultdict[RequestState, list[UUID]] = field(default_factory=lambda: defaultdict(list))


class Answerer(Repeating):
    """Several may run at once: each takes cases that no other holds. A register elsewhere holds up no other's requests."""

    def __init__(self, sharing: Sharing, heartbeat: Heartbeat, batch: int = 100) -> None:
        super().__init__(heartbeat)
        self._sharing = sharing
        self._batch = batch

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for register in (None, *self._sharing.registers.remote):
                tasks.create_task(self.repeat(partial(self.answer_due, register), _IDLE_SECONDS))
            tasks.create_task(self.repeat(lambda: watch.watch(self._sharing), _WATCH_SECONDS))

    async def round(self) -> int:
        """Everything once; returns how much was handled."""
        done = [await self.answer_due(register) for register in (None, *sorted(self._sharing.registers.remote))]
        return sum(done) + await watch.watch(self._sharing)

    async def answer_due(self, remote: str | None) -> int:
        """Handles one batch of requests of one register elsewhere, or of all registers here; returns how many were handled.

        Keys and records from elsewhere are fetched before the transaction that answers. Raises `VaultUnavailableError`.
        """
        sharing, now = self._sharing, self._sharing.clock.now()
        resources = sharing.registers.remote if remote is None else {remote}
        wanted = await store.due(sharing.pool, now, resources, self._batch, of_them=remote is not None)
        if not wanted:
            return 0
        known = await around(sharing, sharing.pool, wanted)
        verdicts = {
            one.request: judge(one, known.resources.get(one.resource), known.items.get(one.item), now)
            for one in wanted
            if not known.ended(one)
        }
        keys = await self._keys(wanted, verdicts, known)
        found = {} if remote is None else await self._pull(wanted, verdicts, keys)
        async with sharing.pool.acquire() as tx, tx.transaction():
            taken = await store.take(tx, wanted)
            if remote is None:
                found = await self._find(tx, taken, verdicts, keys)
            done = _Round(now)
            records = [one.id for one in found.values() if isinstance(one, Record)]
            disputed = await receivers.disputed(tx, records)
            for request in taken:
                given = keys.get(request.request)
                verdict = verdicts.get(request.request)
                if verdict is None or (isinstance(given, Refused) and given.rule != "request-expired"):
                    done.settled["closed"].append(request.request)
                elif isinstance(given, Refused):
                    _fail(done, request, "expired")
                else:
                    await _settle(sharing, tx, done, request, verdict, given, known, found, disputed)
            for state, ids in done.settled.items():
                await store.settle(tx, ids, state)
            await outbox.publish(tx, done.events)
            await receivers.disclose(tx, done.given)
        return len(taken)

    async def _keys(
        self, wanted: Sequence[ShareRequest], verdicts: Mapping[UUID, Verdict], known: Around
    ) -> dict[UUID, CaseKeys | Refused]:
        asked: dict[UUID, frozenset[str]] = {}
        for one in wanted:
            match verdicts.get(one.request):
                case Answer():
                    asked[one.request] = one.lookup_fields | answer_fields(one, known.resources[one.resource])
                case Refuse():
                    asked[one.request] = frozenset((evidence_text_field(one.material),))
                case _:
                    pass
        if not asked:
            return {}
        requests = [key_request(one, asked[one.request]) for one in wanted if one.request in asked]
        released = await self._sharing.keyring.release(requests)
        names = [one.request for one in wanted if one.request in asked]
        return dict(zip(names, released, strict=True))

    async def _pull(
        self,
        wanted: Sequence[ShareRequest],
        verdicts: Mapping[UUID, Verdict],
        keys: Mapping[UUID, CaseKeys | Refused],
    ) -> dict[UUID, Found]:
        """What registers elsewhere have, all asked at the same time. Who was given something else before is told so first."""

        async def ask(request: ShareRequest, holder: str) -> Found:
            try:
                return await pulled(self._sharing, request, holder)
            except SourceDownError:
                return _DOWN

        asked = _holders(wanted, verdicts, keys)
        answered = await asyncio.gather(*(ask(request, holder) for request, holder in asked))
        found: dict[UUID, Found] = {}
        for (request, holder), one in zip(asked, answered, strict=True):
            told = isinstance(one, str) or await pulling.tell(self._sharing, request, holder, one)
            found[request.request] = one if told else _LATER
        return found

    async def _find(
        self,
        tx: Tx,
        taken: Sequence[ShareRequest],
        verdicts: Mapping[UUID, Verdict],
        keys: Mapping[UUID, CaseKeys | Refused],
    ) -> dict[UUID, Found]:
        """What registers here have. They do not change until the answers stand, so that no correction is missed."""
        asked = _holders(taken, verdicts, keys)
        if not asked:
            return {}
        await store.hold_registers(tx, (request.resource for request, _ in asked))
        found = await self._sharing.registers.find_all(tx, [(request.resource, holder) for request, holder in asked])
        return {request.request: one for (request, _), one in zip(asked, found, strict=True)}


def _holders(
    wanted: Sequence[ShareRequest], verdicts: Mapping[UUID, Verdict], keys: Mapping[UUID, CaseKeys | Refused]
) -> list[tuple[ShareRequest, str]]:
    """Whose records are looked up."""
    found: list[tuple[ShareRequest, str]] = []
    for one in wanted:
        given = keys.get(one.request)
        if isinstance(verdicts.get(one.request), Answer) and isinstance(given, CaseKeys):
            holder = holder_of(one, given)
            found += [] if holder is None else [(one, holder)]
    return found


async def _settle(
    sharing: Sharing,
    tx: Tx,
    done: _Round,
    request: ShareRequest,
    verdict: Verdict,
    keys: CaseKeys | None,
    known: Around,
    found: Mapping[UUID, Found],
    disputed: set[UUID],
) -> None:
    match verdict:
        case Wait():
            await _try_again(tx, done, request)
        case Fail(reason):
            _fail(done, request, "source-unreachable" if request.failing_told else reason)
        case Ask(limit):
            timer = Timer(request.request, "answer", request.request, request.asked_at, limit)
            await store.to_desk(tx, request.request, "desk", timer)
        case Refuse(ground, basis, reason):
            assert keys is not None
            words = f"{reason.zh} {reason.en}"
            event = answers.refused(request, keys, done.now, ground=ground, basis=basis, reason=words)
            done.events.append(event)
            await store.refused(tx, request.request, event.id, "answer")
        case Answer():
            assert keys is not None
            if request.request not in found:
                _fail(done, request, "no-holder")
                return
            resource = known.resources[request.resource]
            await _answer(sharing, tx, done, request, resource, keys, found[request.request], disputed)


async def _answer(
    sharing: Sharing,
    tx: Tx,
    done: _Round,
    request: ShareRequest,
    resource: Resource,
    keys: CaseKeys,
    found: Found,
    disputed: set[UUID],
) -> None:
    if isinstance(found, str):
        await _try_again(tx, done, request, "source-unreachable" if found == _DOWN else None)
        return
    record = in_force_at(found, done.now)
    if record is None:
        done.events.append(answers.not_recorded(request, done.now))
    else:
        try:
            event = answers.provided(request, resource, record, keys, done.now, under_dispute=record.id in disputed)
        except Exception as error:  # noqa: BLE001 - whatever one record makes fail, the others' answers go out
            logs.warning("sharing.answer-failed", error=error, request=str(request.request), resource=resource.id)
            await _try_again(tx, done, request, "source-error")
            return
        done.events.append(event)
        done.given.append(disclosed(sharing, request, record, event))
    done.settled["answered"].append(request.request)


def disclosed(sharing: Sharing, request: ShareRequest, record: Record, provided: Event) -> Disclosure:
    """What is remembered of an answer: who was given which fields of which record, and not what they held."""
    return Disclosure(
        provided=provided.id,
        request=request.request,
        application=request.application,
        provider=request.provider,
        resource=request.resource,
        material=request.material,
        record=record.id,
        version=record.version,
        recorded_at=record.changed_at,
        fields=request.fields,
        at=provided.time,
        digests=pulling.digests(sharing, record, request.fields),
    )


async def _try_again(tx: Tx, done: _Round, request: ShareRequest, reason: FailureReason | None = None) -> None:
    """Later, but not later than the request ends. The first time that the source fails it is said."""
    if reason is not None and not request.failing_told:
        done.events.append(answers.failed(request, reason, done.now, final=False))
    pause = min(timedelta(seconds=2 ** min(request.attempts, 16)), LONGEST_PAUSE)
    retry_at = done.now + pause
    if done.now < request.expires < retry_at:
        retry_at = request.expires
    await store.postpone(tx, request.request, retry_at, failing_told=reason is not None)


def _fail(done: _Round, request: ShareRequest, reason: FailureReason) -> None:
    done.events.append(answers.failed(request, reason, done.now, final=True))
    done.settled["failed"].append(request.request)
