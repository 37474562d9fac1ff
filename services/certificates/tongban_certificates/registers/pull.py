"""Asks a register in somebody else's system: one POST for one record, and only what is needed is read from the answer.

The number travels in the body, never in an address. Nothing of the answer or of the request is logged or put into an error.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

import aiohttp
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from tongban_catalog.resource import Resource
from tongban_schemas.types import JsonObject

from tongban_certificates.registers.checking import End, Moment, normal_values
from tongban_certificates.registers.model import Record, SourceDownError
from tongban_certificates.registers.register import Asked
from tongban_certificates.registers.rows import valid_until_of

TIMEOUT_SECONDS: Final = 5.0
MAX_ANSWER_BYTES: Final = 64 * 1024

FindResource = Callable[[str], Awaitable[Resource | None]]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    values: dict[str, JsonValue]
    version: int = Field(ge=1, le=2**31 - 2, strict=True)
    recorded_at: Moment
    valid_until: End | None = None


class PulledRegister:
    """One address, asked with ``{"request", "purpose", "basis", "fields", "holder"}``.

    It answers 200 with ``{"values", "version", "recorded_at", "valid_until"}``, or 404 with ``{"found": false}``. Everything
    else, another status, a redirect, a field of a wrong type, counts as no answer.
    """

    def __init__(self, address: str, resource: FindResource, token: str | None = None) -> None:
        self._address = address
        self._resource = resource
        # Nothing packed: what 64 KiB unpack to would have no limit.
        self._headers = {"Accept-Encoding": "identity"} | (
            {} if token is None else {"Authorization": f"Bearer {token}"}
        )

    async def ask(self, record: UUID, resource: str, holder: str, asked: Asked) -> Record | None:
        """Raises `SourceDownError`."""
        known = await self._resource(resource)
        if known is None:
            raise SourceDownError(f"{resource} is not published yet")
        status, body = await self._post(
            {
                "request": str(asked.request),
                "purpose": asked.purpose,
                "basis": asked.basis,
                "fields": list(asked.fields),
                "holder": holder,
            }
        )
        if status == 404 and _says_not_found(body):
            return None
        if status != 200:
            raise SourceDownError(f"{resource} answered {status}")
        answer = _read(body, resource)
        values: dict[str, object] = {
            name: answer.values[name] for name in asked.fields if answer.values.get(name) is not None
        }
        values, faults = normal_values(known, values)
        if faults:
            raise SourceDownError(f"{resource} answered what the resource does not have")
        return Record(
            id=record,
            resource=resource,
            values=values,
            version=answer.version,
            changed_at=answer.recorded_at,
            valid_until=answer.valid_until or valid_until_of(known, values),
        )

    async def _post(self, question: JsonObject) -> tuple[int, bytes]:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(
                    timeout=timeout, headers=self._headers, trust_env=False, auto_decompress=False
                ) as session,
                session.post(self._address, json=question, allow_redirects=False) as answer,
            ):
                return answer.status, await _bounded(answer.content)
        except (TimeoutError, aiohttp.ClientError, ValueError, OSError) as error:
            raise SourceDownError(f"the source does not answer: {type(error).__name__}") from None


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    """All of an answer. Raises `ValueError` when it is longer than it may be."""
    body = bytearray()
    async for part in content.iter_chunked(8192):
        body += part
        if len(body) > MAX_ANSWER_BYTES:
            raise ValueError("the answer is too long")
    return bytes(body)


def _says_not_found(body: bytes) -> bool:
    """A 404 of the register itself; one of a wrong address says something else."""
    try:
        return bool(json.loads(body) == {"found": False})
    except (ValueError, RecursionError):
        return False


def _read(body: bytes, resource: str) -> _Answer:
    try:
        return _Answer.model_validate_json(body)
    except ValidationError:
        raise SourceDownError(f"{resource} answered what cannot be read") from None
