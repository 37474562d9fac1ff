"""What people at a source do with a request: look at it, release it, refuse it. Each look is on record with its officer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tongban_catalog.department import Department
from tongban_catalog.item import Item
from tongban_catalog.resource import Resource
from tongban_runtime import facts, outbox
from tongban_runtime.auth import Caller
from tongban_runtime.database import Tx
from tongban_runtime.keys import Attempt, keys_for
from tongban_runtime.problems import Problem
from tongban_runtime.sealing import CaseKeys, SealBrokenError
from tongban_schemas.events.evidence import RefusalGround, evidence_text_field

from tongban_certificates.registers.model import Record, SourceDownError
from tongban_certificates.sharing import answers, pulling, receivers, store
from tongban_certificates.sharing.answerer import disclosed
from tongban_certificates.sharing.context import Sharing, around, asked_for, holder_of, key_request, pulled
from tongban_certificates.sharing.domain import (
    Answer,
    Ask,
    RequestState,
    ShareRequest,
    answer_fields,
    in_force,
    judge,
)
from tongban_certificates.sharing.store import Timer

Departments = Mapping[str, Department]
_OWN: Final[tuple[RequestState, ...]] = ("desk", "negotiation")
_ABOVE: Final[tuple[RequestState, ...]] = ("mediation",)


@dataclass(frozen=True, slots=True)
class Task:
    """A request that somebody has to answer, with what the catalogue says about it."""

    request: ShareRequest
    timer: Timer | None
    resource: Resource | None
    item: Item | None
    departments: Departments


@dataclass(frozen=True, slots=True)
class Opened:
    """A task as the person sees it who has to answer: whose record it is, what would be given, what the objection says."""

    task: Task
    holder: str | None
    record: Record | None
    argument: str | None


async def tasks(sharing: Sharing, caller: Caller, limit: int) -> list[Task]:
    """What waits for the officer's departments, or for the officer as the one above them, oldest first."""
    async with sharing.pool.acquire() as tx, tx.transaction(readonly=True):
        departments = await sharing.shelf.departments(tx)
        own = await store.at_desks(tx, caller.departments, _OWN, limit)
        below = {name for name in departments if _is_above(caller, departments, name)}
        found = own + await store.at_desks(tx, below, _ABOVE, limit)
        known = await around(sharing, tx, [request for request, _ in found])
    found.sort(key=lambda one: (one[0].asked_at, one[0].request))
    return [
        Task(request, timer, known.resources.get(request.resource), known.items.get(request.item), departments)
        for request, timer in found[:limit]
        if not known.ended(request)
    ]


async def find(sharing: Sharing, caller: Caller, name: UUID) -> Task:
    """One request. Raises `Problem` 404, also for one that is not the caller's to answer: that is put on record."""
    async with sharing.pool.acquire() as tx, tx.transaction(readonly=True):
        request = (await store.requests(tx, [name])).get(name)
        departments = await sharing.shelf.departments(tx)
        if request is None:
            raise no_such_request()
        known = await around(sharing, tx, [request])
        timer = (await store.timers(tx, [name])).get(name)
    if not may_answer(caller, departments, request.provider, request.state):
        await turn_away(sharing, caller, request)
        raise no_such_request()
    if known.ended(request):
        raise _over("closed")
    return Task(request, timer, known.resources.get(request.resource), known.items.get(request.item), departments)


async def look(sharing: Sharing, caller: Caller, name: UUID) -> Opened:
    """Opens a request that waits for the caller. Raises `Problem`, `KeysRefusedError`, `VaultUnavailableError`."""
    task = await find(sharing, caller, name)
    request = _waiting(task, sharing.clock.now())
    text = evidence_text_field(request.material)
    keys = await keys_for(sharing.keyring, key_request(request, request.lookup_fields | {text}, caller.id))
    holder = holder_of(request, keys)
    record = await _record(sharing, task, holder)
    argument = None if request.argument is None else opened(keys, text, request.argument)
    return Opened(task, holder, record, argument)


async def release(sharing: Sharing, caller: Caller, name: UUID) -> bool:
    """Gives what is asked; whether there was a record to give. Raises `Problem`, `KeysRefusedError`, `VaultUnavailableError`."""
    task = await find(sharing, caller, name)
    now = sharing.clock.now()
    request, resource = _waiting(task, now), task.resource
    verdict = judge(request, resource, task.item, now)
    if resource is None or not isinstance(verdict, Answer | Ask):
        raise Problem(
            409,
            "may-not-be-given",
            "依规定不得提供：请求超出范围，或该资源不予共享。",
            "It may not be given: the request goes too far, or the resource is not shared.",
        )
    fields = request.lookup_fields | answer_fields(request, resource)
    keys = await keys_for(sharing.keyring, key_request(request, fields, caller.id))
    holder = holder_of(request, keys)
    remote = None
    if holder is not None and sharing.registers.is_remote(request.resource):
        remote = await _fetch(sharing, request, holder)
    async with sharing.pool.acquire() as tx, tx.transaction():
        await _still(tx, request)
        record = remote
        if holder is not None and not sharing.registers.is_remote(request.resource):
            await store.hold_registers(tx, [request.resource])
            record = await sharing.registers.find(tx, request.resource, holder, asked_for(request))
        record = in_force(record, now)
        await store.settle(tx, [request.request], "answered")
        if record is None:
            await outbox.publish(tx, [answers.not_recorded(request, now)])
            return False
        disputed = await receivers.disputed(tx, [record.id])
        event = answers.provided(request, resource, record, keys, now, under_dispute=bool(disputed), officer=caller.id)
        await outbox.publish(tx, [event])
        await receivers.disclose(tx, [disclosed(sharing, request, record, event)])
    return True


async def refuse(sharing: Sharing, caller: Caller, name: UUID, ground: RefusalGround, basis: str, reason: str) -> None:
    """Does not give it. Raises `Problem`, `KeysRefusedError`, `VaultUnavailableError`."""
    task = await find(sharing, caller, name)
    now = sharing.clock.now()
    request = _waiting(task, now)
    text = evidence_text_field(request.material)
    keys = await keys_for(sharing.keyring, key_request(request, {text}, caller.id))
    event = answers.refused(request, keys, now, ground=ground, basis=basis, reason=reason, officer=caller.id)
    async with sharing.pool.acquire() as tx, tx.transaction():
        await _still(tx, request)
        await outbox.publish(tx, [event])
        await store.refused(tx, request.request, event.id, request.stage)


def may_answer(caller: Caller, departments: Departments, provider: str, state: RequestState) -> bool:
    """The source answers itself, but for mediation: there the authority above it decides."""
    if state == "mediation":
        return _is_above(caller, departments, provider)
    return provider in caller.departments


def _is_above(caller: Caller, departments: Departments, provider: str) -> bool:
    body = departments.get(provider)
    return body is not None and "supervisor" in caller.duties and body.supervisor in caller.departments


async def turn_away(sharing: Sharing, caller: Caller, request: ShareRequest) -> None:
    """Puts on record that an officer asked for what is not theirs."""
    department = min(caller.departments, default=None)
    attempt = Attempt(
        request.application,
        "share",
        "request-not-yours",
        department=department,
        request=request.request,
        officer=caller.id,
    )
    await sharing.keyring.turned_away([attempt])


def no_such_request() -> Problem:
    return Problem(
        404,
        "no-such-request",
        "没有这一数据请求，或不归您答复。",
        "There is no such request, or it is not yours to answer.",
    )


def _over(state: RequestState) -> Problem:
    return Problem(
        409,
        "request-over",
        "该数据请求已经答复、过期，或办件已办结。",
        "The request was answered, has expired, or its case has ended.",
        state=state,
    )


def _waiting(task: Task, now: datetime) -> ShareRequest:
    """The request, if it waits for a person. Raises `Problem` 409."""
    request = task.request
    if request.state not in store.AT_A_DESK:
        raise _over(request.state)
    if request.state == "desk" and now >= request.expires:
        raise _over("failed")
    return request


async def _still(tx: Tx, request: ShareRequest) -> None:
    """Locks the case. Raises `Problem` 409 when somebody answered meanwhile."""
    await facts.lock(tx, [request.application])
    now = (await store.requests(tx, [request.request]))[request.request]
    if now != request:
        raise _over(now.state)


async def _record(sharing: Sharing, task: Task, holder: str | None) -> Record | None:
    """The record that is asked for, wherever it lies. Raises `Problem` 503."""
    if holder is None:
        return None
    try:
        return in_force(await pulled(sharing, task.request, holder), sharing.clock.now())
    except SourceDownError as error:
        raise source_down() from error


async def _fetch(sharing: Sharing, request: ShareRequest, holder: str) -> Record | None:
    """A record from elsewhere that is about to be given; who was given something else before is told first.

    Raises `Problem` 503, also while the vault has not heard yet what somebody was given before.
    """
    try:
        record = await pulled(sharing, request, holder)
    except SourceDownError as error:
        raise source_down() from error
    if not await pulling.tell(sharing, request, holder, record):
        now = sharing.clock.now()
        async with sharing.pool.acquire() as tx, tx.transaction():
            await store.postpone(tx, request.request, now, failing_told=False)
        raise Problem(
            503,
            "others-first",
            "须先向此前的接收方告知更正，请稍后再试。",
            "Earlier receivers have to be told of a correction first: try again shortly.",
        )
    return record


def source_down() -> Problem:
    return Problem(
        503,
        "source-down",
        "登记系统暂时没有应答，请稍后再试。",
        "The register does not answer now: try again later.",
    )


def opened(keys: CaseKeys, name: str, sealed: str) -> str | None:
    """What somebody wrote; None when it cannot be opened."""
    try:
        return keys.open(name, sealed)
    except SealBrokenError:
        return None
