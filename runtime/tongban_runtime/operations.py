"""What every service offers its operators: health, and what is parked, to be released or discarded."""

from collections.abc import Awaitable
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from tongban_runtime import disbelief, parking
from tongban_runtime.auth import operator, public
from tongban_runtime.batch import NothingParkedError
from tongban_runtime.problems import Problem

router = APIRouter(tags=["operations"])

_PAGE: Final = 200
_MAX_NUMBER: Final = 2**63 - 1
Number = Annotated[int, Query(ge=0, le=_MAX_NUMBER)]
Before = Annotated[int | None, Query(ge=1, le=_MAX_NUMBER)]


class ParkedRecord(BaseModel):
    """Something that waits: where it stands and why, never what it says."""

    id: int
    consumer: str
    key: str | None
    producer: str
    topic: str
    partition: int
    record_offset: int
    event_id: str | None
    type: str | None
    reason: str
    detail: str
    attempts: int
    retry_at: datetime | None
    parked_at: datetime


class DisbelievedRecord(BaseModel):
    """An event that counts nowhere: which, where it stands, who claims to have said it, and why it is not believed."""

    id: int
    consumer: str
    topic: str
    subject: str
    event_id: UUID
    type: str
    source: str
    time: datetime
    reason: str
    noted_at: datetime


class RivalDeployment(BaseModel):
    """Another deployment that serves what this one alone may. ``names`` is null when both serve all of the kind."""

    deployment: str
    kind: str
    names: list[str] | None
    since: datetime


class Released(BaseModel):
    """How many parked events were handled."""

    events: int


class Discarded(BaseModel):
    """How many parked records were left out for good."""

    records: int


@router.get("/health/live", dependencies=[Depends(public)])
async def live(request: Request) -> JSONResponse:
    """200 while every component makes progress, else 503 with the names of the silent ones."""
    silent = request.app.state.runtime.health.silent()
    return JSONResponse({"silent": silent}, 503 if silent else 200)


@router.get("/health/ready", dependencies=[Depends(public)])
async def ready(request: Request) -> JSONResponse:
    """200 when the database answers; names the partitions that stand still, which are no reason to send nobody here."""
    runtime: Any = request.app.state.runtime
    await runtime.pool.fetchval("SELECT 1")
    return JSONResponse({"ready": True, "standing": _standing(runtime)})


@router.get("/health/flow", dependencies=[Depends(public)])
async def flow(request: Request) -> JSONResponse:
    """200 while every partition of this process is handled, else 503 with those that stand still, why and since when."""
    standing = _standing(request.app.state.runtime)
    return JSONResponse({"standing": standing}, 503 if standing else 200)


def _standing(runtime: Any) -> list[dict[str, Any]]:
    return [asdict(stand) | {"since": stand.since.isoformat()} for stand in runtime.standing.all()]


@router.get("/ops/parked", dependencies=[Depends(operator)])
async def parked(request: Request, after: Number = 0) -> list[ParkedRecord]:
    """A page of what is parked in this service, oldest first; the next page begins ``after`` the last ``id`` of this one."""
    async with request.app.state.runtime.pool.acquire() as connection:
        rows = await parking.overview(connection, after, _PAGE)
    return [ParkedRecord(**row) for row in rows]


@router.get("/ops/not-believed", dependencies=[Depends(operator)])
async def not_believed(request: Request, before: Before = None) -> list[DisbelievedRecord]:
    """The newest 200 events that somebody said who may not say them; ``before``: those below an id."""
    rows = await disbelief.overview(request.app.state.runtime.pool, before)
    return [DisbelievedRecord(**row) for row in rows]


@router.get("/ops/rivals", dependencies=[Depends(operator)])
async def rivals(request: Request) -> list[RivalDeployment]:
    """Other deployments that serve the same as this one, longest first, as the process that consumes last saw them."""
    return [
        RivalDeployment(deployment=rival.deployment, kind=rival.kind, names=rival.names, since=since)
        for rival, since in request.app.state.runtime.rivals.all()
    ]


@router.post("/ops/parked/{key}/release", dependencies=[Depends(operator)])
async def release(request: Request, key: str) -> Released:
    """Handles the parked events of a key again, in order; 409 when the first of them fails again."""
    return await _released(request.app.state.runtime.processor.release(_key(key)))


@router.post("/ops/parked/{key}/discard", dependencies=[Depends(operator)])
async def discard(request: Request, key: str) -> Discarded:
    """Leaves the parked events of a key out for good, and lets later ones be handled."""
    return await _discarded(request.app.state.runtime.processor.discard(_key(key)))


@router.post("/ops/parked/records/{number}/release", dependencies=[Depends(operator)])
async def release_record(request: Request, number: int) -> Released:
    """Handles a record again that was parked without a key; 409 when it fails again."""
    return await _released(request.app.state.runtime.processor.release_record(_number(number)))


@router.post("/ops/parked/records/{number}/discard", dependencies=[Depends(operator)])
async def discard_record(request: Request, number: int) -> Discarded:
    """Leaves a record out for good that was parked without a key."""
    return await _discarded(request.app.state.runtime.processor.discard_record(_number(number)))


def _key(key: str) -> str:
    """A key as it is parked: escaped, so none holds a NUL, which a text column could not be asked for."""
    if "\0" in key:
        raise _nothing_parked()
    return key


def _number(number: int) -> int:
    if not 0 <= number <= _MAX_NUMBER:
        raise _nothing_parked()
    return number


async def _released(releasing: Awaitable[int]) -> Released:
    try:
        events = await releasing
    except NothingParkedError:
        raise _nothing_parked() from None
    if not events:
        raise Problem(
            409,
            "still-parked",
            "事件仍不能处理；请先查看原因，再重试。",
            "The events still cannot be handled; look at the reason first, then try again.",
        )
    return Released(events=events)


async def _discarded(discarding: Awaitable[int]) -> Discarded:
    try:
        return Discarded(records=await discarding)
    except NothingParkedError:
        raise _nothing_parked() from None


def _nothing_parked() -> Problem:
    return Problem(
        404,
        "nothing-parked",
        "本服务的消费者没有搁置这样的事件；视图所搁置的由重建（rebuild）重新读取。",
        "This service's consumer has parked no such event; what the view has parked is read again by `rebuild`.",
    )
