"""The worker that tells every earlier receiver of a record that it changed, once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tongban_runtime import logs, outbox
from tongban_runtime.database import Pool, Tx
from tongban_runtime.health import Heartbeat
from tongban_runtime.keys import KeyRequest, Refused
from tongban_runtime.repeating import Repeating
from tongban_runtime.sealing import CaseKeys
from tongban_schemas.envelope import Event
from tongban_schemas.events.evidence import evidence_field, evidence_text_field

from tongban_certificates.registers.model import Record
from tongban_certificates.sharing import answers, receivers, store
from tongban_certificates.sharing.context import Around, Sharing, around
from tongban_certificates.sharing.domain import ShareRequest, declared
from tongban_certificates.sharing.receivers import Correction, Disclosure

MAX_ATTEMPTS: Final = 10
"""How often the vault is asked for a case of which it does not know the answer yet, with pauses that double."""
LONGEST_PAUSE: Final = timedelta(minutes=10)
"""Between two tries to tell a receiver."""
_IDLE_SECONDS: Final = 0.2


class Corrector(Repeating):
    """Several may run at once: each takes cases that no other holds."""

    def __init__(self, sharing: Sharing, heartbeat: Heartbeat, batch: int = 100) -> None:
        super().__init__(heartbeat)
        self._sharing = sharing
        self._batch = batch

    async def run(self) -> None:
        await self.repeat(self.round, _IDLE_SECONDS)

    async def round(self) -> int:
        """Tells one batch of receivers; returns how many. Raises `VaultUnavailableError`."""
        sharing = self._sharing
        ids = await receivers.untold(sharing.pool, sharing.clock.now(), self._batch)
        if not ids:
            return 0
        given = await receivers.disclosures(sharing.pool, ids)
        requests = await store.requests(sharing.pool, {one.request for one in given.values()})
        known = await around(sharing, sharing.pool, requests.values())
        first, _ = await _news(sharing, sharing.pool, given, await receivers.corrections(sharing.pool, ids))
        keys = await keys_of(sharing, [given[one] for one in first], first, requests, known)
        async with sharing.pool.acquire() as tx, tx.transaction():
            free = await store.lock_free(tx, (one.application for one in given.values()))
            await store.hold_registers(tx, {one.resource for one in given.values()})
            queued = {
                one: correction
                for one, correction in (await receivers.corrections(tx, ids)).items()
                if given[one].application in free
            }
            news, records = await _news(sharing, tx, await receivers.disclosures(tx, queued), queued)
            pending = {one: correction for one, correction in news.items() if correction == first.get(one)}
            events: list[Event] = []
            failed: set[UUID] = set()
            now = sharing.clock.now()
            late = {one: correction for one, correction in pending.items() if too_early(keys.get(one), correction)}
            for one, correction in late.items():
                await receivers.tell_later(tx, one, now + _pause(correction))
            ready = {one: correction for one, correction in pending.items() if one not in late}
            for one, correction in ready.items():
                disclosure, given_keys = given[one], keys.get(one)
                record = records.get(disclosure.record)
                try:
                    event = answers.corrected(
                        requests[disclosure.request],
                        disclosure,
                        correction,
                        known.resources[disclosure.resource],
                        record,
                        given_keys if isinstance(given_keys, CaseKeys) else None,
                        now,
                    )
                except Exception as error:  # noqa: BLE001 - whatever one receiver makes fail, the others are told
                    logs.warning("sharing.correction-failed", error=error, provided=str(one))
                    await receivers.tell_later(tx, one, now + _pause(correction))
                    failed.add(one)
                    continue
                events.append(event)
                held = _known(sharing, disclosure, record)
                await receivers.know(tx, one, correction.version, correction.at, held)
            await outbox.publish(tx, events)
            old = queued.keys() - news.keys()
            await receivers.told(tx, old | (ready.keys() - failed))
        return len(pending) + len(old)


async def _news(
    sharing: Sharing, tx: Tx | Pool, given: Mapping[UUID, Disclosure], queued: Mapping[UUID, Correction]
) -> tuple[dict[UUID, Correction], dict[UUID, Record]]:
    """What is news to those who are to be told, and the records as they are.

    Of a register elsewhere that is what differs from what they were given, and is not older: they may have heard of it.
    """
    records = await sharing.registers.records(tx, {given[one].record for one in queued})
    found: dict[UUID, Correction] = {}
    for one, correction in queued.items():
        disclosure = given[one]
        if disclosure.digests is None:
            found[one] = correction
            continue
        record = records.get(disclosure.record)
        fields = disclosure.fields
        held = {} if record is None else sharing.registers.digests(record.id, declared(record, fields))
        since = correction.at if record is None else record.changed_at
        changed = difference(disclosure, frozenset(fields), None if record is None else held, since)
        if changed is not None:
            version = max(correction.version, disclosure.version + 1)
            found[one] = replace(correction, version=version, changed=changed, withdrawn=record is None)
    return found, records


def difference(
    given: Disclosure, asked: frozenset[str], held: Mapping[str, str] | None, since: datetime | None
) -> frozenset[str] | None:
    """The fields of which a register elsewhere has another value than was given; None: nothing is new, or it is older.

    ``held``: hashes of what the record holds ``since`` then; None: it is gone. ``since`` None: it is so now, however old.
    """
    if given.digests is None or (since is not None and since < given.recorded_at):
        return None
    if held is None:
        return frozenset() if given.digests else None
    changed = frozenset(one for one in asked & set(given.fields) if given.digests.get(one) != held.get(one))
    return changed or None


async def keys_of(
    sharing: Sharing,
    given: Sequence[Disclosure],
    corrections: Mapping[UUID, Correction],
    requests: Mapping[UUID, ShareRequest],
    known: Around,
) -> dict[UUID, CaseKeys | Refused]:
    """The keys to tell receivers the new values with; those whose case has ended are absent."""
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
    return dict(zip(asked, released, strict=True))


def _known(sharing: Sharing, given: Disclosure, record: Record | None) -> dict[str, str] | None:
    """The hashes of what a receiver knows now of a register elsewhere, whose source told of the change by itself."""
    if given.digests is None:
        return None
    return {} if record is None else sharing.registers.digests(record.id, declared(record, given.fields))


def _pause(correction: Correction) -> timedelta:
    return min(timedelta(seconds=2 ** min(correction.attempts, 16)), LONGEST_PAUSE)


def too_early(keys: CaseKeys | Refused | None, correction: Correction) -> bool:
    """Whether the vault has not heard yet that the case was given the record: the answer is on its way to it."""
    return isinstance(keys, Refused) and keys.rule == "not-your-case" and correction.attempts < MAX_ATTEMPTS
