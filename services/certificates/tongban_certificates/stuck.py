"""Certificates that are due and cannot be made: operators see which and why, and have them tried again once that is mended."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from tongban_runtime.auth import operator
from tongban_runtime.clock import Clock
from tongban_runtime.database import Pool
from tongban_runtime.problems import Problem

from tongban_certificates import store


class StuckCertificate(BaseModel):
    """One that could not be made. The log, by its number, names the characters that no font has."""

    number: str
    application: UUID
    issuer: str
    kind: str
    failure: store.Failure
    attempts: int
    decided_at: datetime
    retry_at: datetime


def stuck_router(pool: Pool, clock: Clock) -> APIRouter:
    router = APIRouter(tags=["operations"], dependencies=[Depends(operator)])

    @router.get("/ops/certificates")
    async def stuck(request: Request) -> list[StuckCertificate]:
        """The first 200 that failed, those that were earned first before the others."""
        return [StuckCertificate(**row) for row in await store.stuck(pool)]

    @router.post("/ops/certificates/{number}/retry", status_code=202)
    async def retry(request: Request, number: str) -> StuckCertificate:
        """Has one tried again at once: after a font was installed and the service started with it, or a name was corrected."""
        row = await store.retry(pool, number, clock.now())
        if row is None:
            raise Problem(
                404,
                "not-stuck",
                "没有这份未能生成的证照，请核对编号。",
                "No certificate with this number waits because it could not be made: check the number.",
            )
        return StuckCertificate(**row)

    return router
