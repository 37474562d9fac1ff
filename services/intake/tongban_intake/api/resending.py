"""Forms that came after their sender's session had ended: kept behind a cookie, and sent again as if they came now."""

from typing import Final

from fastapi import Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tongban_runtime.auth import SESSION_COOKIE, Authenticator, Caller

from tongban_intake import kept_forms
from tongban_intake.api.bodies import MAX_BODY_BYTES
from tongban_intake.api.context import intake_of
from tongban_intake.kept_forms import KEPT_FOR, Form, Ticket
from tongban_intake.store import kept_forms as store

KEPT_PATH: Final = "/kept"
_COOKIE: Final = "tongban_kept"
_CONNECTION: Final = ("type", "asgi", "http_version", "method", "scheme", "server", "client", "root_path")
_OF_THE_BODY: Final = frozenset({b"content-type", b"content-length", b"transfer-encoding"})


async def keep_sent(request: Request, answer: Response) -> bool:
    """Keeps what was sent, with ``answer`` taking the ticket to the browser; whether it is kept.

    Kept is what somebody sent whose session the issuer had opened, up to the size of a form; files are larger.
    """
    authenticator: Authenticator = request.app.state.authenticator
    person = authenticator.subject_of(request.cookies.get(SESSION_COOKIE, ""))
    body = None if person is None else await _body(request)
    if person is None or not body:
        return False
    intake = intake_of(request)
    form = Form(request.url.path, request.headers.get("content-type", ""), body)
    ticket = await kept_forms.keep(intake.pool, form, person, intake.clock.now())
    answer.set_cookie(
        _COOKIE,
        ticket.text(),
        max_age=int(KEPT_FOR.total_seconds()),
        path=KEPT_PATH,
        secure=intake.settings.own_url.startswith("https://"),
        httponly=True,
        samesite="lax",
    )
    return True


async def kept_for(request: Request, caller: Caller) -> tuple[Ticket, Form] | None:
    """The form that is kept behind this browser's ticket for this person."""
    intake, ticket = intake_of(request), Ticket.read(request.cookies.get(_COOKIE, ""))
    if ticket is None:
        return None
    form = await kept_forms.find(intake.pool, ticket, caller.id, intake.clock.now())
    return None if form is None else (ticket, form)


class Resent(Response):
    """The answer to a kept form that is sent again to its own route; unless that fails on our side, it is kept no longer."""

    def __init__(self, request: Request, ticket: Ticket, form: Form) -> None:
        super().__init__()
        self._app: ASGIApp = request.app
        self._pool = intake_of(request).pool
        self._ticket = ticket
        self._form = form

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        form = self._form
        headers = [(name, value) for name, value in scope["headers"] if name not in _OF_THE_BODY]
        headers += [
            (b"content-type", form.content_type.encode("latin-1")),
            (b"content-length", str(len(form.body)).encode()),
        ]
        again: Scope = {name: scope[name] for name in _CONNECTION if name in scope}
        again.update(path=form.path, raw_path=form.path.encode(), query_string=b"", headers=headers)

        async def body() -> Message:
            return {"type": "http.request", "body": form.body, "more_body": False}

        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        await self._app(again, body, watched)
        if status < 500:
            await store.remove(self._pool, self._ticket.form)


async def _body(request: Request) -> bytes | None:
    """What was sent, or None for more than a form holds."""
    found = bytearray()
    async for part in request.stream():
        found += part
        if len(found) > MAX_BODY_BYTES:
            return None
    return bytes(found)
