"""The ways into a register over HTTP: news from a department's own system, tables from its officers, a page to hand them in."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel
from starlette.responses import Response
from tongban_catalog.resource import Resource
from tongban_runtime.auth import Caller, note_refusal, officer, service
from tongban_runtime.problems import Problem

from tongban_certificates import pages
from tongban_certificates.document import Bilingual
from tongban_certificates.registers.checking import RULES, Rule
from tongban_certificates.registers.desk import NewsRefusedError, NotHereError, RegisterDesk, Report
from tongban_certificates.registers.news import MAX_BYTES as MAX_NEWS_BYTES
from tongban_certificates.registers.news import MAX_NEWS, NewsError, NewsFault, read_news
from tongban_certificates.registers.rows import Fault
from tongban_certificates.registers.table import MAX_BYTES, WORDS, TableError
from tongban_certificates.upload import body_of, file_of

MAX_TOLD: Final = 1000
"""Faults that an answer names; a report counts all."""
_ALL_WORDS: Final[Mapping[str, Bilingual]] = dict[str, Bilingual](RULES.items()) | {
    "not-a-cloudevent": Bilingual("内容不符合 CloudEvents 1.0", "it is no CloudEvent 1.0 of a register"),
    "too-many": Bilingual(f"一批最多 {MAX_NEWS} 条", f"a batch has {MAX_NEWS} at most"),
    "in-the-future": Bilingual("time 在当前时间之后", "time lies in the future"),
}

Officer = Annotated[Caller, Depends(officer)]
Service = Annotated[Caller, Depends(service)]

router = APIRouter(tags=["registers"])


class NewsTaken(BaseModel):
    """``taken`` in now, ``repeated`` as before, ``stale``: older than what the register knows, so they changed nothing."""

    taken: int
    repeated: int
    stale: int


class RowFault(BaseModel):
    """What is wrong in a row of the table. ``column`` is a field of the resource, or null: the row."""

    row: int
    column: str | None
    rule: str
    message_zh: str
    message_en: str


class ImportReport(BaseModel):
    """What became of a table's rows. ``faults`` are the first that were found, ``bad`` counts all rows that have one."""

    resource: str
    total: int
    added: int
    changed: int
    withdrawn: int
    unchanged: int
    bad: int
    faults: list[RowFault]


def bound(desk: RegisterDesk) -> APIRouter:
    """The routes, working with ``desk``."""

    def bind(request: Request) -> None:
        request.state.registers = desk

    whole = APIRouter(dependencies=[Depends(bind)])
    whole.include_router(router)
    return whole


@router.post("/v1/registers/{resource}/events")
async def hear(request: Request, resource: str, caller: Service) -> NewsTaken:
    """CloudEvents 1.0 in JSON, one (``application/cloudevents+json``) or a batch (``application/cloudevents-batch+json``).

    Types ``cn.tongban.register.put`` (data: ``holder``, ``values``, and where there are ``valid_until``, ``version``) and
    ``cn.tongban.register.withdrawn`` (data: ``holder``). All are taken in or none. An event's ``id`` counts once; one with an
    older ``time`` never overwrites a newer one.
    """
    desk = _desk(request)
    known = await _resource(request, resource, caller)
    body = await body_of(request, MAX_NEWS_BYTES, _too_large("1 MiB"))
    try:
        heard = await desk.hear(known, read_news(request.headers.get("content-type", ""), body))
    except NewsError as error:
        raise _refused([{"field": name, **_news_words(error.fault)} for name in error.fields or ("body",)]) from None
    except NewsRefusedError as error:
        raise _refused(
            [{"index": place, "field": name, **_news_words(rule)} for place, rule, name in error.faults[:MAX_TOLD]]
        ) from None
    return NewsTaken(taken=heard.taken, repeated=heard.repeated, stale=heard.stale)


@router.post("/v1/registers/{resource}/import")
async def bring_in(request: Request, resource: str, caller: Officer) -> ImportReport:
    """A table (multipart field ``file``): CSV in UTF-8 or GB 18030, or an Excel workbook. Good rows go in, bad ones are told."""
    desk = _desk(request)
    known = await _resource(request, resource, caller)
    report = await _bring_in(request, desk, known, caller)
    return ImportReport(
        resource=known.id,
        total=report.total,
        added=report.added,
        changed=report.changed,
        withdrawn=report.withdrawn,
        unchanged=report.unchanged,
        bad=report.bad,
        faults=[_told(fault) for fault in report.faults[:MAX_TOLD]],
    )


@router.get("/registers/{resource}", response_class=HTMLResponse, include_in_schema=False)
async def import_page(request: Request, resource: str, caller: Officer) -> Response:
    """The page where an officer of the provider hands in a table."""
    return _page(await _resource(request, resource, caller))


@router.post("/registers/{resource}", response_class=HTMLResponse, include_in_schema=False)
async def import_from_page(request: Request, resource: str, caller: Officer) -> Response:
    desk = _desk(request)
    known = await _resource(request, resource, caller)
    try:
        report = await _bring_in(request, desk, known, caller)
    except Problem as problem:
        return _page(known, problem.status, problem=problem)
    return _page(known, report=report, faults=[_told(fault) for fault in report.faults[:MAX_TOLD]])


def _desk(request: Request) -> RegisterDesk:
    desk: RegisterDesk = request.state.registers
    return desk


async def _resource(request: Request, resource: str, caller: Caller) -> Resource:
    try:
        return await _desk(request).resource(resource, caller.departments)
    except NotHereError:
        problem = Problem(
            404,
            "no-such-register",
            "这里没有这个信息资源，或它不属于您的部门。",
            "There is no such register here, or it is not your department's.",
        )
        note_refusal(request, problem, departments=sorted(caller.departments))
        raise problem from None


async def _bring_in(request: Request, desk: RegisterDesk, resource: Resource, caller: Caller) -> Report:
    missing = Problem(422, "no-file", "请选择要导入的文件。", "Choose the file to import, in the form field 'file'.")
    content = await file_of(request, MAX_BYTES, _too_large("10 MiB"), missing)
    try:
        return await desk.bring_in(resource, content, caller.id)
    except TableError as error:
        words = WORDS[error.fault]
        raise Problem(422, f"table-{error.fault}", words.zh, words.en, columns=list(error.columns)) from None


def _too_large(limit: str) -> Problem:
    return Problem(413, "too-large", f"内容超过 {limit}，请分批提交。", f"It is larger than {limit}: send it in parts.")


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


def _told(fault: Fault) -> RowFault:
    words = RULES[fault.rule]
    return RowFault(row=fault.row, column=fault.column, rule=fault.rule, message_zh=words.zh, message_en=words.en)


def _page(resource: Resource, status: int = 200, **context: object) -> Response:
    html = pages.render(
        "register.html",
        **{"resource": resource, "problem": None, "report": None, "faults": [], "max_rows": "50000", **context},
    )
    return HTMLResponse(html, status, headers=pages.HEADERS)
