"""What services ask of the vault: keys for a purpose, and to put on record whom they turned away."""

import base64
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from tongban_runtime.auth import Caller, note_refusal, service
from tongban_runtime.keys import BATCH, Attempt, KeyRequest, Refused
from tongban_runtime.problems import Problem
from tongban_schemas.events.access import AccessRule, Purpose
from tongban_schemas.events.access import Caller as ServiceName

from tongban_intake.api.acting import described
from tongban_intake.api.bodies import refuse_large
from tongban_intake.api.context import intake_of
from tongban_intake.vault import Asker
from tongban_intake.vault.rules import PURPOSES
from tongban_intake.vault.store import destroyed

LONGEST_BYTES: Final = 4 * 1024 * 1024
"""The longest request, in bytes."""
_TOO_LARGE: Final = (
    f"请求须写明 Content-Length，且不超过 {LONGEST_BYTES} 字节。",
    f"A request says its Content-Length, {LONGEST_BYTES} bytes at most.",
)


class ShortRoute(APIRoute):
    """Answers 413 to what is too long, or does not say how long it is, before it reads it or asks who sends it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def answer(request: Request) -> Response:
            refuse_large(request, LONGEST_BYTES, *_TOO_LARGE)
            return await handler(request)

        return answer


router = APIRouter(prefix="/v1/vault", tags=["vault"], route_class=ShortRoute)
Service = Annotated[Caller, Depends(service)]

_Name = Annotated[str, Field(max_length=64)]
_FieldName = Annotated[str, Field(min_length=1, max_length=200)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")

    application: UUID
    purpose: Purpose
    department: _Name | None = None
    step: _Name | None = None
    request: UUID | None = None
    officer: UUID | None = None


class WantedKeys(_Asked):
    """Fields of one case for one purpose: see `tongban_runtime.keys.KeyRequest`."""

    fields: list[_FieldName] = Field(min_length=1, max_length=500)
    person: UUID | None = None


class TurnedAway(_Asked):
    """An attempt that the service itself refused."""

    rule: AccessRule


class ReleaseRequest(BaseModel):
    """Up to 500 requests, answered in this order."""

    requests: list[WantedKeys] = Field(max_length=BATCH)


class RefusalReport(BaseModel):
    """Up to 500 attempts."""

    attempts: list[TurnedAway] = Field(max_length=BATCH)


class Released(BaseModel):
    """The keys by field (32 bytes, base64url), or the rule by which they are refused."""

    keys: dict[str, str] | None = None
    refused: AccessRule | None = None


class Releases(BaseModel):
    """One answer for each request, in order."""

    releases: list[Released]


class ErasureQuestion(BaseModel):
    """Up to 500 cases."""

    applications: list[UUID] = Field(max_length=BATCH)


class Erasures(BaseModel):
    """Those of the cases whose keys are destroyed."""

    erased: list[UUID]


class Recorded(BaseModel):
    """How many of the attempts were not on record yet."""

    recorded: int


@router.post("/releases", responses=described(401, 403, 413, 422, success=200), response_model_exclude_none=True)
async def release(request: Request, body: ReleaseRequest, caller: Service) -> Releases:
    """Gives the keys of fields that a purpose covers. Each release and each refusal is on record before it is answered."""
    intake, asker = intake_of(request), _asker(request, caller)
    wanted = [
        KeyRequest(
            one.application,
            one.purpose,
            frozenset(one.fields),
            one.department,
            one.step,
            one.request,
            one.officer,
            one.person,
        )
        for one in body.requests
    ]
    async with intake.pool.acquire() as tx, tx.transaction():
        answers = await intake.vault.release(tx, asker, wanted)
    return Releases(
        releases=[
            Released(refused=found.rule)
            if isinstance(found, Refused)
            else Released(keys={name: _text(key) for name, key in found.keys(one.fields).items()})
            for one, found in zip(wanted, answers, strict=True)
        ]
    )


@router.post("/refusals", responses=described(401, 403, 413, 422, success=200))
async def refusals(request: Request, body: RefusalReport, caller: Service) -> Recorded:
    """Puts attempts on record that the service turned away itself; the same attempt once an hour."""
    intake, asker = intake_of(request), _asker(request, caller)
    attempts = [Attempt(**cast(dict[str, Any], dict(one))) for one in body.attempts]
    async with intake.pool.acquire() as tx, tx.transaction():
        return Recorded(recorded=await intake.vault.turned_away(tx, asker, attempts))


@router.post("/erasures", responses=described(401, 403, 413, 422, success=200))
async def erasures(request: Request, body: ErasureQuestion, caller: Service) -> Erasures:
    """Whose keys are destroyed: what a service asks before it deletes what an event says is erased."""
    intake = intake_of(request)
    _asker(request, caller)
    return Erasures(erased=sorted(await destroyed(intake.pool, body.applications)))


def _asker(request: Request, caller: Caller) -> Asker:
    """The service that the token names. Raises `Problem` 403 for a service that the vault does not know."""
    if caller.service not in PURPOSES:
        problem = Problem(
            403,
            "not-permitted",
            "该服务不在密钥库所知的服务之列。",
            "The vault knows no such service.",
        )
        note_refusal(request, problem)
        raise problem
    return Asker(cast(ServiceName, caller.service), caller.departments)


def _text(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).decode()
