"""Every error of an app as an answer: problem documents, or pages for who reads pages."""

from typing import Final

from fastapi import FastAPI, Request, params
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Mount
from tongban_schemas.text import TEXT_FAULT

from tongban_runtime import logs, problem_pages
from tongban_runtime.database import ENGINE_ERRORS
from tongban_runtime.keys import VaultUnavailableError
from tongban_runtime.problems import ERRORS_TOLD, Problem, internal, is_json, of_status, wrong_media_type

_LONGEST_NAME: Final = 200


def install(app: FastAPI) -> None:
    """Answers every error of ``app`` as a problem document, or as a page for who reads pages (`problem_pages`)."""

    @app.exception_handler(Problem)
    async def _problem(request: Request, problem: Problem) -> Response:
        return problem_pages.answer(request, problem)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        return problem_pages.answer(request, unread_media(request, error) or _invalid_request(error))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(methods_at(app, request.scope["path"]))
        return problem_pages.answer(request, of_status(error.status_code, headers))

    for kind in (*ENGINE_ERRORS, VaultUnavailableError, Exception):
        app.add_exception_handler(kind, _failed)


async def _failed(request: Request, error: Exception) -> Response:
    return problem_pages.answer(request, problem_of(request, error))


def problem_of(request: Request, error: Exception) -> Problem:
    """What is told of a failure under a route, with a line in the log: 503 while an engine or the vault is away, else 500."""
    route = getattr(request.scope.get("route"), "path", "")
    if isinstance(error, VaultUnavailableError):
        logs.warning("vault.unavailable", error=error)
        return Problem(
            503,
            "vault-unavailable",
            "密钥服务暂时不可用，个人数据无法打开，请稍后再试。",
            "The vault that holds the keys of personal data does not answer: try again shortly.",
            headers={"Retry-After": "2"},
        )
    logs.warning("http.request-failed", error=error, route=route)
    if isinstance(error, ENGINE_ERRORS):
        return Problem(
            503,
            "unavailable",
            "系统暂时不可用，提交的内容可能没有保存，请稍后再试。",
            "The system is away for the moment and may not have kept what was sent: try again shortly.",
            headers={"Retry-After": "5"},
        )
    return internal()


def unread_media(request: Request, error: RequestValidationError) -> Problem | None:
    """415 where the body could not be read for its media type; None where something else is wrong."""
    field = getattr(request.scope.get("route"), "body_field", None)
    given = request.headers.get("content-type", "")
    if field is None or not given or all(problem["loc"][0] != "body" for problem in error.errors()):
        return None
    if isinstance(field.field_info, params.Form):
        forms = ("multipart/form-data", "application/x-www-form-urlencoded")
        return None if given.lower().startswith(forms) else wrong_media_type(", ".join(forms))
    return None if is_json(given) else wrong_media_type("application/json")


def _invalid_request(error: RequestValidationError) -> Problem:
    found = error.errors()
    errors = [
        {"field": ".".join(str(part) for part in problem["loc"])[:_LONGEST_NAME], "message_en": problem["msg"]}
        | ({"message_zh": problem["ctx"]["zh"]} if problem["type"] == TEXT_FAULT else {})
        for problem in found[:ERRORS_TOLD]
    ]
    return Problem(
        422,
        "invalid-request",
        "请求的内容不完整或格式不对，请按 errors 逐项改正后重新提交。",
        "The request is incomplete or malformed: correct each entry of errors and send it again.",
        errors=errors,
        count=len(found),
    )


def methods_at(app: FastAPI, path: str) -> list[str]:
    """Every method that the app takes at a path, in whatever router it stands; HEAD wherever GET is."""
    found: set[str] = set()
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, Mount):
            if path.startswith(f"{route.original_route.path}/"):
                found.add("GET")
        elif route.path_regex.match(path):
            found |= route.methods or set()
    return sorted(found | {"HEAD"} if "GET" in found else found)
