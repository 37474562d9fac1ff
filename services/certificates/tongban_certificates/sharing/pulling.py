"""Records of registers elsewhere: whether one has other values than those that were given before, and who hears of it.

Nobody tells us of such a change, and the values are not kept here: keyed hashes of what was given are compared.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tongban_catalog.resource import Resource
from tongban_runtime import facts, outbox
from tongban_runtime.database import Pool, Tx
from tongban_runtime.keys import Refused
from tongban_runtime.sealing import CaseKeys
from tongban_schemas.envelope import Event
from tongban_schemas.events.evidence import Cause

from tongban_certificates.registers.model import Record
from tongban_certificates.sharing import answers, receivers, store
from tongban_certificates.sharing.context import Sharing, around
from tongban_certificates.sharing.corrector import difference, keys_of, too_early
from tongban_certificates.sharing.domain import ShareRequest, declared
from tongban_certificates.sharing.receivers import Correction, Disclosure

MAX_ATTEMPTS: Final = 10
"""How often a request is put off because the vault does not know yet what an earlier receiver was given."""


@dataclass(frozen=True, slots=True)
class News:
    """What earlier receivers of one record have to be told: ``corrections`` by what they were given, with their keys."""

    name: UUID
    record: Record | None
    asked: frozenset[str]
    resource: Resource | None
    given: Mapping[UUID, Disclosure]
    corrections: Mapping[UUID, Correction]
    requests: Mapping[UUID, ShareRequest]
    keys: Mapping[UUID, CaseKeys | Refused]

    @property
    def applications(self) -> set[UUID]:
        return {self.given[one].application for one in self.corrections}


def digests(sharing: Sharing, record: Record, fields: Collection[str]) -> dict[str, str] | None:
    """What is remembered of values of a register elsewhere; None: the register lies here, and counts its changes itself."""
    if not sharing.registers.is_remote(record.resource):
        return None
    return sharing.registers.digests(record.id, declared(record, fields))


async def tell(sharing: Sharing, request: ShareRequest, holder: str, record: Record | None) -> bool:
    """Tells earlier receivers what a record has become that was fetched to answer ``request``, in a transaction of its own.

    False: the vault does not know yet what one of them was given; try again. Raises `VaultUnavailableError`.
    """
    name = sharing.registers.record_id(request.resource, holder)
    news = await prepare(sharing, name, request.fields, record)
    if not news.corrections:
        return True
    early = any(too_early(news.keys.get(one), correction) for one, correction in news.corrections.items())
    if early and request.attempts < MAX_ATTEMPTS:
        return False
    async with sharing.pool.acquire() as tx, tx.transaction():
        await facts.lock(tx, news.applications)
        await outbox.publish(tx, await corrected(sharing, tx, news, sharing.clock.now()))
    return True


async def prepare(
    sharing: Sharing, name: UUID, asked: Collection[str], record: Record | None, cause: Cause | None = None
) -> News:
    """Who was given other values of ``asked`` than the record has now, and the keys to tell them.

    ``cause`` None: a dispute, if the record is disputed. Raises `VaultUnavailableError`.
    """
    pool = sharing.pool
    given, corrections = await _compare(sharing, pool, name, asked, record, cause, sharing.clock.now())
    if not corrections:
        return News(name, record, frozenset(asked), None, given, {}, {}, {})
    told = [given[one] for one in corrections]
    requests = await store.requests(pool, {one.request for one in told})
    known = await around(sharing, pool, requests.values())
    keys = await keys_of(sharing, told, corrections, requests, known)
    resource = known.resources[told[0].resource]
    return News(name, record, frozenset(asked), resource, given, corrections, requests, keys)


async def corrected(sharing: Sharing, tx: Tx, news: News, now: datetime, cause: Cause | None = None) -> Sequence[Event]:
    """The events for receivers whose cases are locked, who know of it from now on; none for those whom others told."""
    events: list[Event] = []
    given, still = await _compare(sharing, tx, news.name, news.asked, news.record, cause, now)
    for one, correction in still.items():
        if news.resource is None or news.corrections.get(one) != correction:
            continue
        disclosure, keys = given[one], news.keys.get(one)
        events.append(
            answers.corrected(
                news.requests[disclosure.request],
                disclosure,
                correction,
                news.resource,
                news.record,
                keys if isinstance(keys, CaseKeys) else None,
                now,
            )
        )
        held = _known(sharing, disclosure, news.record, correction.changed)
        await receivers.know(tx, one, correction.version, correction.at, held)
    return events


async def _compare(
    sharing: Sharing,
    tx: Tx | Pool,
    name: UUID,
    asked: Collection[str],
    record: Record | None,
    cause: Cause | None,
    now: datetime,
) -> tuple[dict[UUID, Disclosure], dict[UUID, Correction]]:
    given = {one.provided: one for one in await receivers.disclosures_of(tx, name)}
    held = None if record is None else sharing.registers.digests(name, declared(record, asked))
    since, version = (now, 0) if record is None else (record.changed_at, record.version)
    found = {
        one.provided: change
        for one in given.values()
        if (change := difference(one, frozenset(asked), held, since if record and one.digests else None)) is not None
    }
    if found and cause is None:
        cause = "dispute" if await receivers.disputed(tx, [name]) else "source"
    return given, {
        one: Correction(
            one,
            max(given[one].version + 1, version),
            change,
            record is None,
            cause or "source",
            max(given[one].recorded_at, since),
        )
        for one, change in found.items()
    }


def _known(sharing: Sharing, given: Disclosure, record: Record | None, changed: Collection[str]) -> dict[str, str]:
    """The hashes of what a receiver knows after it was told."""
    if record is None:
        return {}
    kept = {name: one for name, one in (given.digests or {}).items() if name not in changed}
    return kept | (digests(sharing, record, changed) or {})
