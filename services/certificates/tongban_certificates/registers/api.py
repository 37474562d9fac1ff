"""The ways into a register over HTTP: news from a department's own system, tables from its officers."""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from tongban_runtime.auth import Caller, service
from tongban_runtime.problems import Problem

from tongban_certificates.document import Bilingual
from tongban_certificates.registers.desk import NewsRefusedError, RegisterDesk
from tongban_certificates.registers.news import MAX_BYTES as MAX_NEWS_BYTES
from tongban_certificates.registers.news import MAX_NEWS, NewsError, NewsFault, read_news
from tongban_certificates.registers.page_api import page_router
from tongban_certificates.registers.reports import MAX_TOLD, ImportReport, told
from tongban_certificates.registers.requests import (
    Importer,
    Officer,
    confirmed,
    desk_of,
    resource_of,
    table_of,
    table_problems,
    too_large,
)
from tongban_certificates.registers.rules import RULES, Rule
from tongban_certificates.upload import body_of

_ALL_WORDS: Final[Mapping[str, Bilingual]] = dict[str, Bilingual](RULES.items()) | {
    "not-a-cloudevent": Bilingual("内容不符合 CloudEvents 1.0", "it is no CloudEvent 1.0 of a register"),
    "too-many": Bilingual(f"一批最多 {MAX_NEWS} 条", f"a batch has {MAX_NEWS} at most"),
    "in-the-future": Bilingual("time 在当前时间之后", "time lies in the future"),
}

Service = Annotated[Caller, Depends(service)]

router = APIRouter(tags=["registers"])


class NewsTaken(BaseModel):
    """``taken`` in now, ``repeated`` as before, ``stale``: older than what the register knows, so they changed nothing."""

    taken: int
    repeated: int
    stale: int


class RegisterSummary(BaseModel):
    """A register of one's own department, and how many records it has."""

    resource: str
    name_zh: str
    name_en: str
    records: int


def bound(desk: RegisterDesk) -> APIRouter:
    """The routes, working with ``desk``."""

    def bind(request: Request) -> None:
        request.state.registers = desk

    whole = APIRouter(dependencies=[Depends(bind)])
    whole.include_router(router)
    whole.include_router(page_router)
    return whole


@router.post("/v1/registers/{resource}/events")
async def hear(request: Request, resource: str, caller: Service) -> NewsTaken:
    """CloudEvents 1.0 in JSON, one (``application/cloudevents+json``) or a batch (``application/cloudevents-batch+json``).

    Types ``cn.tongban.register.put`` (data: ``holder``, ``values``, and where there are ``valid_until``, ``version``) and
    ``cn.tongban.register.withdrawn`` (data: ``holder``). All are taken in or none. An event's ``id`` counts once; one with an
    older ``time`` never overwrites a newer one.
    """
    desk = desk_of(request)
    known = await resource_of(request, resource, caller)
    body = await body_of(request, MAX_NEWS_BYTES, too_large("1 MiB"))
    try:
        heard = await desk.hear(known, read_news(request.headers.get("content-type", ""), body))
    except NewsError as error:
        raise _refused([{"field": name, **_news_words(error.fault)} for name in error.fields or ("body",)]) from None
    except NewsRefusedError as error:
        raise _refused(
            [{"index": place, "field": name, **_news_words(rule)} for place, rule, name in error.faults[:MAX_TOLD]]
        ) from None
    return NewsTaken(taken=heard.taken, repeated=heard.repeated, stale=heard.stale)


@router.get("/v1/registers")
async def list_own(request: Request, caller: Officer) -> list[RegisterSummary]:
    """The registers of one's own departments that are kept here."""
    return [
        RegisterSummary(resource=one.id, name_zh=one.name.zh, name_en=one.name.en, records=records)
        for one, records in await desk_of(request).kept(caller.departments)
    ]


@router.post("/v1/registers/{resource}/import")
async def bring_in(request: Request, resource: str, caller: Importer, preview: bool = False) -> ImportReport:
    """A table (multipart field ``file``): CSV in UTF-8 or GB 18030, or an Excel workbook, whose sheet the field ``sheet`` names.

    Good rows go in, bad ones are told. With ``preview=true`` nothing goes in before ``POST /v1/registers/{resource}/imports/{id}``.
    """
    known = await resource_of(request, resource, caller)
    content, sheet = await table_of(request)
    with table_problems():
        if preview:
            name, report = await desk_of(request).preview(known, content, caller.id, sheet)
            return told(known, report, name)
        return told(known, await desk_of(request).bring_in(known, content, caller.id, sheet))


@router.post("/v1/registers/{resource}/imports/{preview}")
async def confirm(request: Request, resource: str, preview: UUID, caller: Officer) -> ImportReport:
    """Takes in the good rows of a preview, as they stood when it was made."""
    known = await resource_of(request, resource, caller)
    return told(known, await confirmed(request, known, preview, caller))


def _refused(errors: list[dict[str, Any]]) -> Problem:
    return Problem(
        422,
        "events-refused",
        "事件未被接收，请按 errors 改正后整批重发。",
        "No event was taken in: correct what errors names and send all of them again.",
        errors=errors,
    )


def _news_words(rule: Rule | NewsFault) -> dict[str, str]:
    words = _ALL_WORDS[rule]
    return {"rule": rule, "message_zh": words.zh, "message_en": words.en}
