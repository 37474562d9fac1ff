"""One uploaded file, bounded while it arrives."""

from typing import Any, Final

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.types import Message
from tongban_runtime.problems import Problem

FORM_OVERHEAD_BYTES: Final = 16 * 1024


async def body_of(request: Request, limit: int, too_large: Problem) -> bytes:
    """The whole body. Raises ``too_large`` as soon as it is too long."""
    parts = bytearray()
    async for part in request.stream():
        parts += part
        if len(parts) > limit:
            raise too_large
    return bytes(parts)


async def file_of(request: Request, limit: int, too_large: Problem, missing: Problem) -> bytes:
    """The form field ``file`` of a multipart body. Raises ``too_large`` as soon as the body is too long, else ``missing``."""
    return (await file_and_text_of(request, limit, too_large, missing))[0]


async def file_and_text_of(
    request: Request, limit: int, too_large: Problem, missing: Problem, name: str | None = None
) -> tuple[bytes, str]:
    """`file_of`, and what the form field ``name`` says; empty when there is none."""
    left = limit + FORM_OVERHEAD_BYTES

    async def limited() -> Message:
        nonlocal left
        message = await request.receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise too_large
        return message

    form: Any = await Request(request.scope, limited).form(max_files=1, max_fields=2)
    try:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise missing
        content = await file.read(limit + 1)
        text = form.get(name) if name else None
    finally:
        await form.close()
    if len(content) > limit:
        raise too_large
    return content, text.strip() if isinstance(text, str) else ""
