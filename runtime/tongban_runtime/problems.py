"""Errors of the HTTP interfaces: RFC 9457 problem documents that say what to do, in Chinese and English."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import Response

from tongban_runtime import logs, problem_pages

_PREFIX = "urn:tongban:problem:"


class Problem(Exception):  # noqa: N818 - the field's word (RFC 9457)
    """Raised anywhere under a route; answered as ``application/problem+json``.

    ``kind`` names the problem for programs; ``title`` and ``detail`` tell people, in both languages, what to do.
    """

    def __init__(
        self, status: int, kind: str, zh: str, en: str, *, headers: dict[str, str] | None = None, **extra: Any
    ) -> None:
        super().__init__(kind)
        self.status = status
        self.kind = kind
        self.zh = zh
        self.en = en
        self.headers = headers
        self.extra = extra

    def response(self) -> JSONResponse:
        body = {
            "type": _PREFIX + self.kind,
            "title": f"{self.zh} {self.en}",
            "status": self.status,
            "detail_zh": self.zh,
            "detail_en": self.en,
            **self.extra,
        }
        return JSONResponse(body, self.status, headers=self.headers, media_type="application/problem+json")


def internal() -> Problem:
    """What is told of a failure of ours; the log has it."""
    return Problem(
        500,
        "internal",
        "系统出错，已经记录，请稍后再试。",
        "Something failed on our side and was recorded; try again later.",
    )


def install(app: FastAPI) -> None:
    """Answers every error of ``app`` as a problem document, or as a page for who reads pages (`problem_pages`)."""

    @app.exception_handler(Problem)
    async def _problem(request: Request, problem: Problem) -> Response:
        return problem_pages.answer(request, problem)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        errors = [
            {"field": ".".join(str(part) for part in problem["loc"]), "message_en": problem["msg"]}
            for problem in error.errors()
        ]
        problem = Problem(
            422,
            "invalid-request",
            "请求的内容不完整或格式不对，请按 errors 逐项改正后重新提交。",
            "The request is incomplete or malformed: correct each entry of errors and send it again.",
            errors=errors,
        )
        return problem_pages.answer(request, problem)

    @app.exception_handler(StarletteHTTPException)
    async def _http(request: Request, error: StarletteHTTPException) -> Response:
        known = {404: ("not-found", "没有这个地址。", "There is nothing at this address.")}
        kind, zh, en = known.get(error.status_code, ("http", "请求不能受理。", "The request cannot be served."))
        problem = Problem(error.status_code, kind, zh, en, headers=dict(error.headers or {}))
        return problem_pages.answer(request, problem)

    @app.exception_handler(Exception)
    async def _failed(request: Request, error: Exception) -> Response:
        logs.warning("http.request-failed", error=error, route=getattr(request.scope.get("route"), "path", ""))
        return problem_pages.answer(request, internal())
