"""The worker that tells every earlier receiver of a record that it changed, once."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from tongban_runtime import outbox
from tongban_runtime.database import ENGINE_ERRORS
from tongban_runtime.health import Heartbeat
from tongban_runtime.keys import KeyRequest
from tongban_runtime.sealing import CaseKeys
from tongban_schemas.envelope import Event
from tongban_schemas.events.evidence import evidence_field, evidence_text_field

from tongban_certificates.sharing import answers, receivers, store
from tongban_certificates.sharing.context import Around, Sharing, around
from tongban_certificates.sharing.domain import ShareRequest
from tongban_certificates.sharing.receivers import Correction, Disclosure

_IDLE_SECONDS: Final = 0.2
_ENGINE_PAUSE_SECONDS: Final = 0.5


class Corrector:
    """Several may run at once: each takes cases that no other holds."""

    def __init__(self, sharing: Sharing, heartbeat: Heartbeat, batch: int = 100) -> None:
        self._sharing = sharing
        self._heartbeat = heartbeat
        self._batch = batch
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        while not self._stopping.is_set():
            self._heartbeat.beat()
            try:
                pause = 0.0 if await self.round() else _IDLE_SECONDS
            except ENGINE_ERRORS:
                pause = _ENGINE_PAUSE_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def round(self) -> int:
        """Tells one batch of receivers; returns how many. Raises `VaultUnavailableError`."""
        sharing = self._sharing
        ids = await receivers.untold(sharing.pool, self._batch)
        if not ids:
            return 0
        given = await receivers.disclosures(sharing.pool, ids)
        requests = await store.requests(sharing.pool, {one.request for one in given.values()})
        known = await around(sharing, sharing.pool, requests.values())
        first = await receivers.corrections(sharing.pool, ids)
        keys = await keys_of(sharing, [given[one] for one in first], first, requests, known)
        async with sharing.pool.acquire() as tx, tx.transaction():
            free = await store.lock_free(tx, (one.application for one in given.values()))
            await store.hold_registers(tx, {one.resource for one in given.values()})
            pending = {
                one: correction
                for one, correction in (await receivers.corrections(tx, ids)).items()
                if given[one].application in free and correction == first.get(one)
            }
            records = await sharing.registers.records(tx, {given[one].record for one in pending})
            events: list[Event] = []
            now = sharing.clock.now()
            for one, correction in pending.items():
                disclosure = given[one]
                record = records.get(disclosure.record)
                events.append(
                    answers.corrected(
                        requests[disclosure.request],
                        disclosure,
                        correction,
                        known.resources[disclosure.resource],
                        record,
                        keys.get(one),
                        now,
                    )
                )
                recorded_at = now if record is None else record.changed_at
                await receivers.know(tx, one, correction.version, recorded_at)
            await outbox.publish(tx, events)
            await receivers.told(tx, pending)
        return len(pending)


async def keys_of(
    sharing: Sharing,
    given: Sequence[Disclosure],
    corrections: Mapping[UUID, Correction],
    requests: Mapping[UUID, ShareRequest],
    known: Around,
) -> dict[UUID, CaseKeys]:
    """The keys to tell receivers the new values with; those whose case is closed or erased are absent."""
    asked: dict[UUID, KeyRequest] = {}
    for one in given:
        request = requests[one.request]
        if known.ended(request):
            continue
        resource = known.resources[one.resource]
        changed = corrections[one.provided].changed
        fields = frozenset(evidence_field(one.material, name) for name in changed if name in resource.personal)
        asked[one.provided] = KeyRequest(
            application=one.application,
            purpose="correct",
            fields=fields or frozenset((evidence_text_field(one.material),)),
            department=one.provider,
            request=one.request,
        )
    if not asked:
        return {}
    released = await sharing.keyring.release(list(asked.values()))
    return {name: keys for name, keys in zip(asked, released, strict=True) if isinstance(keys, CaseKeys)}
