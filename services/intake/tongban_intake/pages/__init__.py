"""The pages' templates: Chinese first with English beside it, readable without scripts and on a phone."""

from datetime import date, datetime
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape
from tongban_catalog.regions import region_name

from tongban_intake.presentation.dates import day_words, time_words, yuan
from tongban_intake.presentation.shown import Words

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

SYMBOLS = {
    "not-open": "○",
    "open": "●",
    "correction": "!",
    "granted": "✓",
    "refused": "✕",
    "not-accepted": "✕",
    "revoked": "✕",
    "annulled": "–",
    "stopped": "–",
    "submitted": "●",
    "accepted": "●",
    "waiting-for-correction": "!",
    "withdrawn": "–",
    "issued": "✓",
}


def _both(words: Words) -> Markup:
    """A text in Chinese, and in English where that is another."""
    if words.en == words.zh:
        return escape(words.zh)
    return Markup('{} <span lang="en">{}</span>').format(words.zh, words.en)


def _local_time(value: datetime) -> Markup:
    """The time in China, to the minute."""
    return _both(time_words(value))


def _day(value: date) -> Markup:
    return _both(day_words(value))


def _web_address(value: str) -> str | None:
    """The address if a browser may be sent there, else None."""
    return value if value.startswith(("https://", "http://")) else None


_environment = Environment(
    loader=PackageLoader("tongban_intake", "pages"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters["local_time"] = _local_time
_environment.filters["day"] = _day
_environment.filters["day_words"] = day_words
_environment.filters["yuan"] = yuan
_environment.filters["region"] = region_name
_environment.filters["web_address"] = _web_address
_environment.globals["symbols"] = SYMBOLS


def render(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page, with the headers that keep it from being framed, cached or mixed with foreign scripts."""
    return HTMLResponse(_environment.get_template(template).render(**values), status, headers=_HEADERS)
