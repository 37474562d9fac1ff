"""Errors of the HTTP interfaces: RFC 9457 problem documents that say what to do, in Chinese and English."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

_PREFIX = "urn:tongban:problem:"
_JSON: Final = re.compile(r"application/(?:[\w.+-]+\+)?json\s*(?:;|$)", re.IGNORECASE)


class Problem(StarletteHTTPException):
    """Raised anywhere, by what reads a request too; answered as ``application/problem+json`` (RFC 9457).

    ``kind`` names the problem for programs; ``title`` and ``detail`` tell people, in both languages, what to do.
    """

    def __init__(
        self, status: int, kind: str, zh: str, en: str, *, headers: Mapping[str, str] | None = None, **extra: Any
    ) -> None:
        super().__init__(status, kind)
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
        return _Document(body, self.status, headers=self.headers, media_type="application/problem+json")


class _Document(JSONResponse):
    def render(self, content: Any) -> bytes:
        """JSON of anything, halves of surrogate pairs in what somebody sent among it."""
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


_STATUSES: Final = {
    400: ("unreadable", "请求无法读取，请检查格式后重试。", "The request cannot be read: check its form."),
    404: ("not-found", "没有这个地址。", "There is nothing at this address."),
    405: (
        "method-not-allowed",
        "这个地址不支持这种操作，Allow 列出了可用的方法。",
        "This address does not do that: Allow lists the methods that it takes.",
    ),
    413: ("too-large", "提交的内容太大，请缩短。", "What was sent is too large: shorten it."),
}
ERRORS_TOLD: Final = 10
"""How many errors a problem names; of more it says how many there are."""


def internal() -> Problem:
    """What is told of a failure of ours; the log has it."""
    return Problem(
        500,
        "internal",
        "系统出错，已经记录，请稍后再试。",
        "Something failed on our side and was recorded; try again later.",
    )


def of_status(status: int, headers: Mapping[str, str] | None = None) -> Problem:
    """The problem for a status that something between the route and the client gave."""
    kind, zh, en = _STATUSES.get(status, ("http", "请求不能受理。", "The request cannot be served."))
    return Problem(status, kind, zh, en, headers=headers)


def wrong_media_type(accepted: str) -> Problem:
    """415 for a body that a route does not read; ``accepted`` is what it reads (RFC 9110, 15.5.16)."""
    return Problem(
        415,
        "unsupported-media-type",
        f"请以 {accepted} 格式提交，并在 Content-Type 中写明。",
        f"Send {accepted}, and say so in Content-Type.",
        headers={"Accept": accepted},
    )


def is_json(content_type: str) -> bool:
    """Whether a media type is JSON's (RFC 6839 for the suffix)."""
    return _JSON.match(content_type) is not None
