"""Following an application: its status, one's own list, and events as they happen."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send
from tongban_runtime.auth import Caller, citizen, signed_in
from tongban_runtime.limits import Limiter

from tongban_intake.api.casefile import Summary, follower_of, open_case, own_applications, require_visible, seen_at
from tongban_intake.api.context import intake_of
from tongban_intake.presentation import Shown
from tongban_intake.status import FINAL_STATES, decode
from tongban_intake.store import view

router = APIRouter(tags=["status"])

_RETRY_MS = 2000
_HEARTBEAT_SECONDS = 15.0


@router.get("/v1/applications/{application}")
async def get_status(
    request: Request,
    application: UUID,
    caller: Annotated[Caller, Depends(signed_in)],
    position: Annotated[int, Query(ge=1, le=2**31 - 1, description="Answer from this position on, or not at all.")] = 1,
) -> Shown:
    """The status with the item's flow. With the ``position`` that a write answered, the answer includes that write."""
    intake = intake_of(request)
    owned = await require_visible(intake, application, caller)
    return (await open_case(intake, await seen_at(request, application, position), owned)).shown


@router.get("/v1/applications")
async def list_own(request: Request, caller: Annotated[Caller, Depends(citizen)]) -> list[Summary]:
    """The caller's applications, newest first, 200 at most."""
    return await own_applications(intake_of(request), caller)


@router.get(
    "/v1/applications/{application}/events",
    responses={200: {"content": {"text/event-stream": {}}}, 204: {"description": "Nothing more will happen."}},
)
async def follow(request: Request, application: UUID, caller: Annotated[Caller, Depends(signed_in)]) -> Response:
    """Server-sent events: one ``status`` event per change, its id the version; ends when the case has ended.

    ``Last-Event-ID`` is honoured: nothing that was seen is sent again, and 204 says that nothing more will come.
    """
    intake = intake_of(request)
    owned = await require_visible(intake, application, caller)
    last = _last_event_id(request)
    seen = (await view.seen(intake.pool, [application])).get(application)
    if seen is not None and seen.version <= last and decode(seen.status).state in FINAL_STATES:
        return Response(status_code=204)
    return _Followed(
        caller,
        _stream(request, application, owned, last),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


class _Followed(StreamingResponse):
    """Events for one of the few streams that a caller may follow at once. Raises `Problem` 429 for one too many."""

    def __init__(self, caller: Caller, content: AsyncIterator[str], **more: Any) -> None:
        super().__init__(content, **more)
        self._caller = caller

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        limiter: Limiter = scope["app"].state.limiter
        with limiter.stream(self._caller.id):
            await super().__call__(scope, receive, send)


def _last_event_id(request: Request) -> int:
    given = request.headers.get("last-event-id", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else -1


async def _stream(request: Request, application: UUID, owned: bool, last: int) -> AsyncIterator[str]:
    intake = intake_of(request)
    yield f"retry: {_RETRY_MS}\n\n"
    with follower_of(request.app).follow(application) as following:
        while not await request.is_disconnected():
            seen = await following.changed(_HEARTBEAT_SECONDS)
            if seen is None:
                yield ": 心跳 heartbeat\n\n"
                continue
            if seen.version <= last:
                if decode(seen.status).state in FINAL_STATES:
                    return
                continue
            last = seen.version
            shown = (await open_case(intake, seen, owned)).shown
            yield f"id: {seen.version}\nevent: status\ndata: {shown.model_dump_json()}\n\n"
            if shown.final:
                return
