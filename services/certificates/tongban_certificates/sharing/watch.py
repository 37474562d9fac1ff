"""What becomes true of requests by time or by other facts: overdue, expired on a desk, closed with their case."""

from typing import Final
from uuid import UUID

from tongban_catalog.clock import NATION, deadline
from tongban_runtime import alarms, outbox
from tongban_runtime.database import Tx
from tongban_runtime.keys import Attempt
from tongban_schemas.envelope import Event
from tongban_schemas.events.applications import ApplicationNotAccepted, ApplicationWithdrawn
from tongban_schemas.events.approvals import ApprovalRefused
from tongban_schemas.events.certificates import CertificateIssued

from tongban_certificates.sharing import answers, store
from tongban_certificates.sharing.context import Sharing, around

_LIMIT: Final = 500
_MAY_END: Final = (
    ApplicationWithdrawn.TYPE,
    ApplicationNotAccepted.TYPE,
    ApprovalRefused.TYPE,
    CertificateIssued.TYPE,
)


async def watch(sharing: Sharing) -> int:
    """One round; returns how much was handled. Raises `VaultUnavailableError`."""
    async with sharing.pool.acquire() as tx, tx.transaction():
        closed = await _close_ended(sharing, tx)
    async with sharing.pool.acquire() as tx, tx.transaction():
        expired = await _expire(sharing, tx)
    async with sharing.pool.acquire() as tx, tx.transaction():
        rung = await _ring(sharing, tx)
    async with sharing.pool.acquire() as tx, tx.transaction():
        reported = await _report(sharing, tx)
    return closed + expired + rung + reported


async def _close_ended(sharing: Sharing, tx: Tx) -> int:
    """Nobody answers for a case that has ended."""
    running = await store.running(tx, _MAY_END, _LIMIT)
    if not running:
        return 0
    known = await around(sharing, tx, running)
    over = await store.take(tx, [one for one in running if known.ended(one)])
    await store.settle(tx, [one.request for one in over], "closed")
    return len(over)


async def _expire(sharing: Sharing, tx: Tx) -> int:
    now = sharing.clock.now()
    over = await store.take(tx, await store.expired_at_desks(tx, now, _LIMIT))
    await outbox.publish(tx, [answers.failed(one, "expired", now, final=True) for one in over])
    await store.settle(tx, [one.request for one in over], "failed")
    return len(over)


async def _ring(sharing: Sharing, tx: Tx) -> int:
    """Says once of every stage that its time is over, and computes the times anew when calendars have changed."""
    now = sharing.clock.now()
    calendars = await sharing.shelf.calendars(tx)
    basis = await alarms.current_basis(tx)
    ringing = await store.ringing(tx, now, basis, _LIMIT)
    if not ringing:
        return 0
    requests = await store.requests(tx, {one.request for one in ringing})
    free = await store.lock_free(tx, (one.application for one in requests.values()))
    departments = await sharing.shelf.departments(tx)
    still = await store.timers(tx, [one.about for one in ringing])
    over: list[Event] = []
    handled: set[UUID] = set()
    for timer in ringing:
        request = requests[timer.request]
        if request.application not in free or still.get(timer.about) != timer:
            continue
        provider = departments.get(request.provider)
        region = NATION if provider is None or provider.region is None else provider.region
        end = deadline(calendars, region, timer.started_at, timer.limit)
        passed = end.at is not None and end.at <= now and not end.provisional
        if passed and end.at is not None:
            over.append(answers.overdue(request, timer, end.at, None if provider is None else provider.supervisor))
        await store.set_timer(tx, timer, end.at, basis, provisional=end.provisional, told=passed)
        handled.add(timer.about)
    await outbox.publish(tx, sorted(over, key=lambda event: (event.time, event.id)))
    return len(handled)


async def _report(sharing: Sharing, tx: Tx) -> int:
    """Puts on record what was turned away here."""
    attempts = await store.take_turned_away(tx, _LIMIT)
    if attempts:
        await sharing.keyring.turned_away(
            [
                Attempt(one.application, "evidence", one.rule, department=one.department, request=one.request)
                for one in attempts
            ]
        )
    return len(attempts)
