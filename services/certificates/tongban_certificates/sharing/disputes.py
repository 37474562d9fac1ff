"""What people at a source do with a dispute: look at the record, correct it in their register, and answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from tongban_catalog.resource import Resource
from tongban_runtime import facts, outbox
from tongban_runtime.auth import Caller
from tongban_runtime.database import Tx
from tongban_runtime.keys import Refused, keys_for
from tongban_runtime.problems import Problem
from tongban_runtime.sealing import CaseKeys
from tongban_schemas.envelope import Event
from tongban_schemas.events.evidence import evidence_text_field

from tongban_certificates.registers.model import Record, SourceDownError
from tongban_certificates.sharing import answers, receivers, store
from tongban_certificates.sharing.context import Sharing, around, holder_of, key_request, pulled
from tongban_certificates.sharing.corrector import keys_of
from tongban_certificates.sharing.desk import Departments, opened, source_down, turn_away
from tongban_certificates.sharing.domain import ShareRequest
from tongban_certificates.sharing.receivers import Correction, Disclosure, Dispute, Outcome
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
    remote: Record | None = None
    told: dict[UUID, CaseKeys | Refused] = {}
    receiving: list[Disclosure] = []
    elsewhere = outcome == "corrected" and sharing.registers.is_remote(case.given.resource)
    if elsewhere:
        remote = await _current(sharing, case, holder_of(case.request, keys))
        receiving, told = await _receivers(sharing, case, remote)
    now = sharing.clock.now()
    async with sharing.pool.acquire() as tx, tx.transaction():
        await facts.lock(tx, {case.given.application, *(one.application for one in receiving)})
        dispute = (await receivers.disputes(tx, [name]))[name]
        if dispute.outcome is not None:
            raise _answered()
        if outcome == "corrected" and not receiving and not await _changed(sharing, tx, case):
            raise Problem(
                409,
                "record-unchanged",
                "登记内容尚未更正：请先在登记簿中更正，再答复。",
                "The record has not changed: correct it in the register first, then answer.",
            )
        events: list[Event] = []
        requests = await store.requests(tx, {one.request for one in receiving})
        for one in receiving:
            assert case.resource is not None
            correction, given_keys = _correction(case, one, remote), told.get(one.provided)
            events.append(
                answers.corrected(
                    requests[one.request],
                    one,
                    correction,
                    case.resource,
                    remote,
                    given_keys if isinstance(given_keys, CaseKeys) else None,
                    now,
                )
            )
            await receivers.know(tx, one.provided, correction.version, now if remote is None else remote.changed_at)
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


async def _changed(sharing: Sharing, tx: Tx, case: Case) -> bool:
    """Whether the receiver was told of a change since, or is about to be."""
    given = (await receivers.disclosures(tx, [case.given.provided]))[case.given.provided]
    return given.version > case.dispute.version or await receivers.has_untold(tx, given.provided)


async def _receivers(
    sharing: Sharing, case: Case, record: Record | None
) -> tuple[list[Disclosure], dict[UUID, CaseKeys | Refused]]:
    """Who was given an older version of a record that lies elsewhere, and the keys to tell them: nobody else tells us."""
    given = [
        one
        for one in await receivers.disclosures_of(sharing.pool, case.given.record)
        if record is None or record.version > one.version or record.changed_at > one.recorded_at
    ]
    requests = await store.requests(sharing.pool, {one.request for one in given})
    known = await around(sharing, sharing.pool, requests.values())
    corrections = {one.provided: _correction(case, one, record) for one in given}
    touched: Sequence[Disclosure] = [
        one for one in given if corrections[one.provided].changed or corrections[one.provided].withdrawn
    ]
    keys = await keys_of(sharing, touched, corrections, requests, known)
    return list(touched), keys


def _correction(case: Case, given: Disclosure, record: Record | None) -> Correction:
    """What a record elsewhere has become. Its old values are not kept here, so what was disputed counts as changed."""
    return Correction(
        provided=given.provided,
        version=max(given.version + 1, 0 if record is None else record.version),
        changed=frozenset(case.dispute.fields) & frozenset(given.fields) if record is not None else frozenset(),
        withdrawn=record is None,
        cause="dispute",
    )


def _no_such_dispute() -> Problem:
    return Problem(
        404,
        "no-such-dispute",
        "没有这一异议，或不归您答复。",
        "There is no such dispute, or it is not yours to answer.",
    )


def _answered() -> Problem:
    return Problem(409, "dispute-answered", "该异议已经答复。", "The dispute has been answered already.")
