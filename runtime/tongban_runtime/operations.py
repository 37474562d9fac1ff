"""What every service offers its operators: health, and the parked keys with their release."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from tongban_runtime import parking
from tongban_runtime.auth import operator, public
from tongban_runtime.problems import Problem

router = APIRouter(tags=["operations"])


class ParkedRecord(BaseModel):
    """Something that waits: where it stands and why, never what it says."""

    key: str | None
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


class Released(BaseModel):
    """How many events of the key were handled."""

    events: int


@router.get("/health/live", dependencies=[Depends(public)])
async def live(request: Request) -> JSONResponse:
    """200 while every component makes progress, else 503 with the names of the silent ones."""
    silent = request.app.state.runtime.health.silent()
    return JSONResponse({"silent": silent}, 503 if silent else 200)


@router.get("/health/ready", dependencies=[Depends(public)])
async def ready(request: Request) -> JSONResponse:
    """200 when the database answers."""
    await request.app.state.runtime.pool.fetchval("SELECT 1")
    return JSONResponse({"ready": True})


@router.get("/ops/parked", dependencies=[Depends(operator)])
async def parked(request: Request) -> list[ParkedRecord]:
    """The first 200 parked records, oldest first."""
    runtime: Any = request.app.state.runtime
    async with runtime.pool.acquire() as connection:
        rows = await parking.overview(connection, runtime.settings.instance)
    return [ParkedRecord(**row) for row in rows]


@router.post("/ops/parked/{key}/release", dependencies=[Depends(operator)])
async def release(request: Request, key: str) -> Released:
    """Handles the parked events of a key again, in order; 409 when the first of them fails again."""
    events = await request.app.state.runtime.processor.release(key)
    if not events:
        raise Problem(
            409,
            "still-parked",
            "该键下的事件仍不能处理，或没有待处理的事件；请查看原因后再试。",
            "The events of this key still cannot be handled, or none wait; look at the reason first.",
        )
    return Released(events=events)
