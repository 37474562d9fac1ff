"""Versions of what can be changed, as HTTP tells them: ``ETag``, and ``If-Match`` from who changes it (RFC 9110, 8.8.3, 13.1.1)."""

import re

from fastapi import Request
from tongban_runtime.problems import Problem

ANY = "*"
IF_MATCH = {
    "parameters": [
        {
            "name": "If-Match",
            "in": "header",
            "required": False,
            "schema": {"type": "string"},
            "description": "The ETag of the version that it is about; `*` for whichever is there.",
        }
    ]
}
"""The header, for the API's documentation."""
_ENTITY_TAGS = re.compile(r'(?:W/)?"[\x21\x23-\x7e]*"')


def etag(version: int) -> str:
    """The entity tag of a version."""
    return f'"{version}"'


def if_match(request: Request, *, required: bool) -> frozenset[str] | None:
    """The entity tags that a request is made for; None for none. Raises `Problem` 400, and 428 where one is ``required``."""
    header = request.headers.get("if-match", "").strip()
    if not header:
        if required:
            raise Problem(
                428,
                "precondition-required",
                '请在请求头 If-Match 中给出读取时得到的 ETag，例如 "3"，以免覆盖别处的修改。',
                'Send the header If-Match with the ETag that you read, such as "3", so that nobody\'s change is lost.',
            )
        return None
    if header == ANY:
        return frozenset({ANY})
    tags = _ENTITY_TAGS.findall(header)
    if not tags or _ENTITY_TAGS.sub("", header).strip(" \t,"):
        raise Problem(
            400,
            "if-match",
            'If-Match 应为 * 或者 ETag，例如 "3"。',
            'If-Match has to be * or an ETag such as "3".',
        )
    return frozenset(tags)


def require_match(expected: frozenset[str] | None, version: int) -> None:
    """Raises `Problem` 412 when what is there is another version than those that a request is made for."""
    if expected is not None and ANY not in expected and etag(version) not in expected:
        raise Problem(
            412,
            "changed-elsewhere",
            "这份草稿已在另一个窗口或设备上修改过，请核对后再保存。",
            "This draft was changed in another window or on another device: compare, then save again.",
            headers={"ETag": etag(version)},
        )
