"""Problems as people read them: a browser that asks for a page gets one, in its language; programs get the document.

A service gives its own page to `install`; one that has no pages answers with the plain page of this module.
"""

from collections.abc import Callable, Iterator
from html import escape
from typing import TYPE_CHECKING, Literal

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

if TYPE_CHECKING:
    from tongban_runtime.problems import Problem

Language = Literal["zh", "en"]

ProblemPage = Callable[[Request, "Problem"], Response]

_PAGES = frozenset({"text/html", "application/xhtml+xml"})
_DOCUMENTS = frozenset({"application/json", "application/problem+json"})
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def install(app: FastAPI, page: ProblemPage) -> None:
    """From now on ``page`` draws the problems of ``app`` for who reads pages."""
    app.state.problem_page = page


def answer(request: Request, problem: "Problem") -> Response:
    """The problem as its reader wants it. ``Vary`` says what that depends on."""
    if not prefers_page(request):
        response: Response = problem.response()
    else:
        page: ProblemPage = getattr(request.app.state, "problem_page", plain_page)
        response = page(request, problem)
        response.headers.update(problem.headers or {})
    response.headers.append("Vary", "Accept, Accept-Language")
    return response


def prefers_page(request: Request) -> bool:
    """Whether the client names pages among what it accepts, and no data that it would rather have (RFC 9110, 12.5.1)."""
    weights = dict(_weighed(request.headers.getlist("accept")))
    page = max((weights.get(kind, 0.0) for kind in _PAGES), default=0.0)
    document = max((weights.get(kind, 0.0) for kind in _DOCUMENTS), default=0.0)
    return page > 0 and page >= document


def language_of(request: Request) -> Language:
    """The reader's language: the one of the two that the browser likes best, else Chinese."""
    liked: dict[Language, float] = {"zh": 0.0, "en": 0.0}
    for tag, weight in _weighed(request.headers.getlist("accept-language")):
        for language in liked:
            if tag.split("-")[0] == language:
                liked[language] = max(liked[language], weight)
    return "en" if liked["en"] > liked["zh"] else "zh"


def bilingual(request: Request, problem: "Problem") -> dict[str, str]:
    """The problem's words for a template: ``first`` in the reader's language, ``second`` in the other, each with its tag."""
    if language_of(request) == "en":
        return {"first": problem.en, "second": problem.zh, "tag": "en", "other_tag": "zh-CN"}
    return {"first": problem.zh, "second": problem.en, "tag": "zh-CN", "other_tag": "en"}


def plain_page(request: Request, problem: "Problem") -> Response:
    """A page that needs nothing else: the reader's language first, the other below."""
    words = {name: escape(text) for name, text in bilingual(request, problem).items()}
    html = (
        '<!DOCTYPE html>\n<html lang="{tag}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<title>{first} · 通办 Tongban</title>\n</head>\n<body>\n<main>\n"
        '<h1>{first}</h1>\n<p lang="{other_tag}">{second}</p>\n</main>\n</body>\n</html>\n'
    ).format_map(words)
    return HTMLResponse(html, problem.status, headers=_HEADERS)


def _weighed(headers: list[str]) -> Iterator[tuple[str, float]]:
    """What a header lists, in lower case, each with its weight from 0 to 1; a weight that is none counts as 0."""
    for part in ",".join(headers).split(","):
        name, *parameters = (one.strip().lower() for one in part.split(";"))
        weight = next((one[2:] for one in parameters if one.startswith("q=")), "1")
        try:
            yield name, min(max(float(weight), 0.0), 1.0)
        except ValueError:
            yield name, 0.0
