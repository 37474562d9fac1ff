"""JSON that comes in: Unicode without NUL, and nesting that is sane, as databases and other readers take it."""

import json
import re
from typing import Any, Final

from starlette.types import Message, Receive, Scope

from tongban_runtime.problems import Problem, is_json

MAX_DEPTH: Final = 32
MAX_BYTES: Final = 128 * 1024
"""The largest JSON body where a route says nothing else."""
_SUSPECT: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
"""The escapes of NUL and of halves of surrogate pairs; nothing else brings either into JSON that is UTF-8."""


def looks_storable(raw: bytes) -> bool:
    """Whether JSON is storable at first sight; if not, `is_storable` tells of what was read."""
    return raw.count(b"{") + raw.count(b"[") <= MAX_DEPTH and _SUSPECT.search(raw) is None


def is_storable(value: object, depth: int = 0) -> bool:
    """Whether text is Unicode without NUL, and nesting is no deeper than `MAX_DEPTH`."""
    if isinstance(value, str):
        return "\x00" not in value and (value.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in value))
    if isinstance(value, dict):
        return depth < MAX_DEPTH and all(
            is_storable(name, depth + 1) and is_storable(part, depth + 1) for name, part in value.items()
        )
    if isinstance(value, list):
        return depth < MAX_DEPTH and all(is_storable(part, depth + 1) for part in value)
    return True


def require_storable(raw: bytes) -> None:
    """Raises `Problem` 400 for JSON that could not be stored; what is no JSON is for who reads it to say."""
    if looks_storable(raw):
        return
    try:
        document: Any = json.loads(raw)
    except RecursionError:
        raise not_json() from None
    except ValueError:
        return
    if not is_storable(document):
        raise not_json()


def not_json() -> Problem:
    return Problem(
        400,
        "not-json",
        "请求内容应为 UTF-8 编码的 JSON 对象，不含空字符，嵌套不超过 32 层。",
        "Send a JSON object in UTF-8, without NUL characters, nested 32 deep at most.",
    )


def too_large(most: int) -> Problem:
    return Problem(
        413,
        "too-large",
        f"请求不能超过 {most // 1024} KiB，请缩短内容。",
        f"A request may hold {most // 1024} KiB: shorten it.",
    )


def checked_json(scope: Scope, receive: Receive, most: int) -> Receive:
    """``receive`` that raises `Problem` for JSON of more than ``most`` bytes, or that could not be stored.

    Bodies that are no JSON pass as they come.
    """
    if not any(name == b"content-type" and is_json(value.decode("latin-1")) for name, value in scope["headers"]):
        return receive
    held = bytearray()

    async def checked() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            held.extend(message.get("body", b""))
            if len(held) > most:
                raise too_large(most)
            if not message.get("more_body", False):
                require_storable(bytes(held))
        return message

    return checked
