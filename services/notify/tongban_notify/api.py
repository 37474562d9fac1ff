"""HTTP: a person's own in-site messages."""

import base64
import binascii
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from tongban_catalog.shelf import Shelf
from tongban_runtime.auth import Caller, citizen
from tongban_runtime.front import App
from tongban_runtime.paging import moment_of
from tongban_runtime.problems import Problem
from tongban_runtime.sealing import CaseKeys
from tongban_runtime.service import Runtime, new_app
from tongban_schemas.types import Language

from tongban_notify import store
from tongban_notify.letters import Letters, Wording
from tongban_notify.names import open_text
from tongban_notify.news import Kind
from tongban_notify.opening import keys_of, text_fields

router = APIRouter(tags=["messages"])


class Words(BaseModel):
    """What a message says in one language."""

    title: str
    happened: str
    next_step: str


class InboxMessage(BaseModel):
    id: UUID
    application: UUID
    about: Kind
    at: datetime = Field(description="When it happened, UTC.")
    language: Language = Field(description="The language that the person chose; the other one is there too.")
    zh: Words
    en: Words
    link: str = Field(description="The status page of the application.")
    read_at: datetime | None


class InboxPage(BaseModel):
    messages: list[InboxMessage] = Field(description="Newest first.")
    next: str | None = Field(description="Pass it as `before` to get the next page; null on the last one.")


@router.get("/v1/messages")
async def messages(
    request: Request,
    caller: Annotated[Caller, Depends(citizen)],
    before: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> InboxPage:
    """The caller's in-site messages, newest first."""
    runtime: Runtime = request.app.state.runtime
    letters: Letters = request.app.state.letters
    place = None if before is None else _place(before)
    async with runtime.pool.acquire() as connection:
        found = await store.messages(connection, request.app.state.shelf, caller.id, place, limit + 1)
    shown = found[:limit]
    keys = await keys_of(runtime.keyring, ((message.application, text_fields(message.news)) for message in shown))
    return InboxPage(
        messages=[_shown(message, letters, keys.get(message.application)) for message in shown],
        next=_cursor(shown[-1]) if len(found) > limit else None,
    )


@router.post("/v1/messages/{message}/read", status_code=204)
async def read(request: Request, message: UUID, caller: Annotated[Caller, Depends(citizen)]) -> None:
    """Marks one of the caller's messages as read; again changes nothing. 404 when the caller has no such message."""
    runtime: Runtime = request.app.state.runtime
    async with runtime.pool.acquire() as tx, tx.transaction():
        found = await store.mark_read(tx, caller.id, message, runtime.clock.now())
    if not found:
        raise Problem(404, "message-not-found", "没有这条消息。", "You have no such message.")


def create_app(letters: Letters, shelf: Shelf) -> App:
    app = new_app("通办 消息 Tongban notify", "站内消息。In-site messages.")
    app.include_router(router)
    app.state.letters = letters
    app.state.shelf = shelf
    return app


def _shown(message: store.Message, letters: Letters, keys: CaseKeys | None) -> InboxMessage:
    letter = letters.write(message.news, open_text(message.news, keys))
    return InboxMessage(
        id=message.id,
        application=message.application,
        about=message.news.kind,
        at=message.news.happened_at,
        language=message.language,
        zh=_words(letter.zh),
        en=_words(letter.en),
        link=letter.link,
        read_at=message.read_at,
    )


def _words(wording: Wording) -> Words:
    return Words(title=wording.subject, happened=wording.happened, next_step=wording.next_step)


def _cursor(message: store.Message) -> str:
    return base64.urlsafe_b64encode(f"{message.news.happened_at.isoformat()}|{message.id}".encode()).decode()


def _place(cursor: str) -> tuple[datetime, UUID]:
    """Raises `Problem` 422 for a cursor that no page gave."""
    try:
        at, message = base64.urlsafe_b64decode(cursor.encode()).decode().split("|")
        return moment_of(at), UUID(message)
    except (binascii.Error, ValueError) as error:
        raise Problem(
            422,
            "invalid-cursor",
            "before 不是上一页给出的 next，请从第一页重新开始。",
            "before is not the next of a page: start again from the first page.",
        ) from error
