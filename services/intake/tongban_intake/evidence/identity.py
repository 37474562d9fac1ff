"""Who is behind a request, as the sign-in service has verified it: asked with the person's own token, when they agree.

The answer is that of OpenID Connect's UserInfo endpoint (Core 1.0, section 5.3) with the claims ``id_number`` and ``phone``.
"""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import aiohttp
import msgspec
from tongban_runtime.problems import Problem

SECONDS: Final = 5.0
"""How long the sign-in service may take."""
MAX_BYTES: Final = 64 * 1024
IDENTITY_FIELD: Final = "identity"
"""The field under which a case's verified identity is sealed; its event is the case itself."""


class Identity(msgspec.Struct, frozen=True):
    """Who signed in. ``id_number`` is None for a person whom the sign-in service knows without one."""

    name: str | None = None
    id_number: str | None = None

    def text(self) -> str:
        return msgspec.json.encode(self).decode()


def identity_of(text: str) -> Identity:
    """The reverse of `Identity.text`."""
    return msgspec.json.decode(text, type=Identity)


@dataclass(frozen=True, slots=True)
class SignInService:
    """The sign-in service at its UserInfo address."""

    userinfo: str

    async def identity(self, token: str, person: UUID) -> Identity:
        """The verified identity of the person whose token this is. Raises `Problem` 503, and 401 for another person's."""
        try:
            timeout = aiohttp.ClientTimeout(total=SECONDS)
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(
                    self.userinfo, headers={"Authorization": f"Bearer {token}"}, allow_redirects=False
                ) as answer,
            ):
                body = await answer.content.read(MAX_BYTES)
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unavailable() from error
        if status in (401, 403):
            raise _not_this_person()
        if status != 200:
            raise _unavailable()
        try:
            claims: Any = msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise _unavailable() from error
        if claims.get("sub") != str(person):
            raise _not_this_person()
        return Identity(_text(claims.get("name")), _text(claims.get("id_number")))


def _text(value: object) -> str | None:
    return value.strip() if isinstance(value, str) and value.strip() else None


def _unavailable() -> Problem:
    return Problem(
        503,
        "identity-unavailable",
        "暂时无法从登录服务取得您的实名信息，请稍后再试。",
        "The sign-in service does not say who you are at the moment: try again shortly.",
        headers={"Retry-After": "5"},
    )


def _not_this_person() -> Problem:
    return Problem(
        401,
        "not-signed-in",
        "登录已失效，请重新登录后再试。",
        "Your session has ended: sign in again.",
        headers={"WWW-Authenticate": "Bearer"},
    )
