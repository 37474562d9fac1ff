"""What people at a source do with a dispute: look at the record, correct it in their register, and answer."""

from dataclasses import dataclass
from uuid import UUID

from tongban_catalog.resource import Resource
from tongban_runtime import facts, outbox
from tongban_runtime.auth import Caller
from tongban_runtime.database import Tx
from tongban_runtime.keys import keys_for
from tongban_runtime.problems import Problem
from tongban_runtime.sealing import CaseKeys
from tongban_schemas.events.evidence import evidence_text_field

from tongban_certificates.registers.model import Record, SourceDownError
from tongban_certificates.sharing import answers, pulling, receivers, store
from tongban_certificates.sharing.context import Sharing, holder_of, key_request, pulled
from tongban_certificates.sharing.desk import Departments, opened, source_down, turn_away
from tongban_certificates.sharing.domain import ShareRequest
from tongban_certificates.sharing.pulling import News
from tongban_certificates.sharing.receivers import Disclosure, Dispute, Outcome
from tongban_certificates.sharing.store import Timer


@dataclass(frozen=True, slots=True)
class Case:
    """A dispute with what it is about."""

    dispute: Dispute
    given: Disclosure
    request: ShareRequest
    timer: Timer | None
    resource: Resource | None
    departments: Departments


@dataclass(frozen=True, slots=True)
class OpenedDispute:
    """A dispute as the person sees it who has to answer: the applicant's words, and the record as it is now."""

    case: Case
    text: str | None
    holder: str | None
    record: Record | None


async def waiting(sharing: Sharing, caller: Caller, limit: int) -> list[Case]:
    """The disputes that the officer's departments have to answer, oldest first."""
    async with sharing.pool.acquire() as tx, tx.transaction(readonly=True):
        found = await receivers.open_disputes(tx, caller.departments, limit)
        requests = await store.requests(tx, {given.request for _, given in found})
        timers = await store.timers(tx, [dispute.dispute for dispute, _ in found])
        resources = await sharing.shelf.resources(tx)
        departments = await sharing.shelf.departments(tx)
    return [
        Case(
            dispute,
            given,
            requests[given.request],
            timers.get(dispute.dispute),
            resources.get(given.resource),
            departments,
        )
        for dispute, given in found
    ]


async def look(sharing: Sharing, caller: Caller, name: UUID) -> OpenedDispute:
    """Opens a dispute. Raises `Problem`, `KeysRefusedError`, `VaultUnavailableError`."""
    case = await _find(sharing, caller, name)
    keys = await _keys(sharing, caller, case)
    holder = holder_of(case.request, keys)
    record = await _current(sharing, case, holder)
    text = opened(keys, evidence_text_field(case.given.material), case.dispute.text)
    return OpenedDispute(case, text, holder, record)


async def answer(sharing: Sharing, caller: Caller, name: UUID, outcome: Outcome, text: str) -> None:
    """Answers a dispute. "corrected" needs a record that changed since the person saw it.

    Raises `Problem`, `KeysRefusedError`, `VaultUnavailableError`.
    """
    case = await _find(sharing, caller, name)
    keys = await _keys(sharing, caller, case)
    news: News | None = None
    if outcome == "corrected" and sharing.registers.is_remote(case.given.resource):
        remote = await _current(sharing, case, holder_of(case.request, keys))
        news = await pulling.prepare(sharing, case.given.record, case.request.fields, remote, "dispute")
    now = sharing.clock.now()
    async with sharing.pool.acquire() as tx, tx.transaction():
        await facts.lock(tx, {case.given.application, *(set() if news is None else news.applications)})
        dispute = (await receivers.disputes(tx, [name]))[name]
        if dispute.outcome is not None:
            raise _answered()
        events = [] if news is None else [*await pulling.corrected(sharing, tx, news, now, "dispute")]
        if outcome == "corrected" and not await _changed(tx, case):
            raise Problem(
                409,
                "record-unchanged",
                "登记内容尚未更正：请先在登记簿中更正，再答复。",
                "The record has not changed: correct it in the register first, then answer.",
            )
        events.append(
            answers.dispute_answered(case.request, dispute, keys, now, outcome=outcome, text=text, officer=caller.id)
        )
        await outbox.publish(tx, events)
        await receivers.answer_dispute(tx, name, outcome)
        await store.stop(tx, name)


async def _find(sharing: Sharing, caller: Caller, name: UUID) -> Case:
    """An open dispute of the caller's. Raises `Problem` 404, and 409 when it was answered."""
    async with sharing.pool.acquire() as tx, tx.transaction(readonly=True):
        dispute = (await receivers.disputes(tx, [name])).get(name)
        if dispute is None:
            raise _no_such_dispute()
        given = (await receivers.disclosures(tx, [dispute.provided]))[dispute.provided]
        request = (await store.requests(tx, [given.request]))[given.request]
        timer = (await store.timers(tx, [name])).get(name)
        resources = await sharing.shelf.resources(tx)
        departments = await sharing.shelf.departments(tx)
    if given.provider not in caller.departments:
        await turn_away(sharing, caller, request)
        raise _no_such_dispute()
    if dispute.outcome is not None:
        raise _answered()
    return Case(dispute, given, request, timer, resources.get(given.resource), departments)


async def _keys(sharing: Sharing, caller: Caller, case: Case) -> CaseKeys:
    request = case.request
    fields = request.lookup_fields | {evidence_text_field(request.material)}
    return await keys_for(sharing.keyring, key_request(request, fields, caller.id))


async def _current(sharing: Sharing, case: Case, holder: str | None) -> Record | None:
    if holder is None:
        return None
    try:
        return await pulled(sharing, case.request, holder)
    except SourceDownError as error:
        raise source_down() from error


async def _changed(tx: Tx, case: Case) -> bool:
    """Whether the receiver was told of a change since, or is about to be."""
    given = (await receivers.disclosures(tx, [case.given.provided]))[case.given.provided]
    return given.version > case.dispute.version or await receivers.has_untold(tx, given.provided)


def _no_such_dispute() -> Problem:
    return Problem(
        404,
        "no-such-dispute",
        "没有这一异议，或不归您答复。",
        "There is no such dispute, or it is not yours to answer.",
    )


def _answered() -> Problem:
    return Problem(409, "dispute-answered", "该异议已经答复。", "The dispute has been answered already.")
