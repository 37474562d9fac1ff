"""The public verification page and the officers' import page: plain HTML that works on a phone and without JavaScript."""

from datetime import datetime
from functools import cache
from importlib.resources import files

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from tongban_runtime.problem_pages import ProblemPage, bilingual
from tongban_runtime.problems import Problem

from tongban_certificates.domain import CHINA

MAX_UPLOAD_MIB = 5
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def china_date(moment: datetime) -> str:
    """``2026-11-24``, the date in China."""
    return moment.astimezone(CHINA).date().isoformat()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tongban_certificates", "pages"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["china_date"] = china_date
    environment.globals["max_upload_mib"] = MAX_UPLOAD_MIB
    return environment


@cache
def stylesheet() -> str:
    return (files("tongban_certificates") / "pages" / "verify.css").read_text(encoding="utf-8")


def render(template: str, **context: object) -> str:
    """The page ``template`` as HTML."""
    return _environment().get_template(template).render(**context)


def problem_page_of(portal: str | None) -> ProblemPage:
    """Problems as pages of this service; who has to sign in is shown the way to the ``portal``, if it is known."""

    def page(request: Request, problem: Problem) -> Response:
        sign_in = f"{portal.rstrip('/')}/login" if portal and problem.status == 401 else None
        html = render("problem.html", **bilingual(request, problem), sign_in=sign_in)
        return HTMLResponse(html, problem.status, headers=HEADERS)

    return page
