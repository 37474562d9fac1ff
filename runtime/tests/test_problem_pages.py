"""Who gets a page and who gets a document, and in which language."""

import pytest
from fastapi import Request
from tongban_runtime.problem_pages import language_of, prefers_page


def asking(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": raw})


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("TEXT/HTML", True),
        ("text/html, application/json;q=0.9", True),
        ("application/json, text/html;q=0.5", False),
        ("application/problem+json, text/html;q=0.9", False),
        ("text/html;q=0", False),
        ("text/html;q=much", False),
        ("*/*", False),
        ("text/event-stream", False),
        (",;,q=1", False),
    ],
)
def test_a_page_is_for_who_names_pages(accept: str, page: bool) -> None:
    assert prefers_page(asking(accept=accept)) is page


def test_without_a_wish_the_answer_is_data_and_chinese() -> None:
    assert not prefers_page(asking())
    assert language_of(asking()) == "zh"


@pytest.mark.parametrize(
    ("wish", "language"),
    [("en-GB,en;q=0.9,zh;q=0.8", "en"), ("zh-TW,en;q=0.5", "zh"), ("fr, de", "zh"), ("fr,en;q=0.1", "en"), ("*", "zh")],
)
def test_the_language_is_the_one_that_the_browser_likes_best(wish: str, language: str) -> None:
    assert language_of(asking(accept_language=wish)) == language
