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
    """One that could not be made.

    ``failure_about`` is never personal: of ``missing_glyph`` the code points that no font has (``U+2EBF0``), of
    ``unknown_department`` the department, of ``no_holder`` the answer or the item that names nobody, of ``keys_refused`` the rule
    of access, of the others the kind of error; the log has more, by the certificate's number.
    """

    number: str
    application: UUID
    issuer: str
    kind: str
    failure: store.Failure
    failure_about: list[str]
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
        """Has one tried again at once: after what it failed on was mended."""
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
