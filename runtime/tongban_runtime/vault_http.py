"""The way to the vault over HTTP: one session, signed in as this service (client credentials, RFC 6749 section 4.4)."""

import asyncio
import base64
import json
import time
from typing import Any, Final
from urllib.parse import quote

import aiohttp
from tongban_schemas.types import JsonObject

from tongban_runtime import logs
from tongban_runtime.command_line import StartRefusedError
from tongban_runtime.keys import VaultUnavailableError
from tongban_runtime.settings import RuntimeSettings

TIMEOUT: Final = aiohttp.ClientTimeout(total=10, connect=3)
_EARLY_SECONDS: Final = 60.0
"""A token is renewed this long before it ends."""
_LONGEST_ANSWER: Final = 8 * 1024 * 1024


_NOT_TAKEN: Final = frozenset({400, 401, 403})
"""What an issuer answers to an unknown client or a wrong secret (RFC 6749, 5.2)."""


class CredentialsRefusedError(VaultUnavailableError):
    """The issuer does not take this service's id and secret."""


class VaultClient:
    """Posts to the vault. ``post`` is a `tongban_runtime.keys.Post`."""

    def __init__(self, vault_url: str, token_url: str, client_id: str, client_secret: str) -> None:
        self._vault_url = vault_url.rstrip("/")
        self._token_url = token_url
        pair = f"{quote(client_id, safe='')}:{quote(client_secret, safe='')}"
        self._authorization = "Basic " + base64.b64encode(pair.encode()).decode()
        self._session: aiohttp.ClientSession | None = None
        self._token: tuple[str, float] | None = None
        self._signing_in = asyncio.Lock()

    @classmethod
    def of(cls, settings: RuntimeSettings) -> "VaultClient | None":
        """None without ``vault_url``. Raises `StartRefusedError` when the settings to sign in with are missing."""
        if settings.vault_url is None:
            return None
        if settings.token_url is None or settings.client_id is None or settings.client_secret is None:
            raise StartRefusedError(
                "设置了 TONGBAN_VAULT_URL，还须设置 TONGBAN_TOKEN_URL、TONGBAN_CLIENT_ID 和 TONGBAN_CLIENT_SECRET。",
                "TONGBAN_VAULT_URL needs TONGBAN_TOKEN_URL, TONGBAN_CLIENT_ID and TONGBAN_CLIENT_SECRET too.",
            )
        return cls(
            settings.vault_url, settings.token_url, settings.client_id, settings.client_secret.get_secret_value()
        )

    async def post(self, path: str, body: JsonObject) -> tuple[int, JsonObject]:
        """(status, answer). A token that is not taken any more is replaced once. Raises `VaultUnavailableError`."""
        try:
            status, answer = await self._send(path, body, await self._signed_in())
            if status == 401:
                self._token = None
                status, answer = await self._send(path, body, await self._signed_in())
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError) as error:
            raise VaultUnavailableError(f"the vault does not answer: {type(error).__name__}") from error
        return status, answer

    async def check(self) -> None:
        """Signs in once. Raises `StartRefusedError` when the issuer refuses the id and secret; one that is away is waited for."""
        try:
            await self._signed_in()
        except CredentialsRefusedError as error:
            raise StartRefusedError(
                "认证服务不接受 TONGBAN_CLIENT_ID 和 TONGBAN_CLIENT_SECRET，请向认证服务的管理员核对。",
                "The issuer does not take TONGBAN_CLIENT_ID and TONGBAN_CLIENT_SECRET: ask who runs the sign-in service.",
            ) from error
        except (VaultUnavailableError, aiohttp.ClientError, TimeoutError, ValueError, KeyError) as error:
            logs.warning("vault.unavailable", error=error)

    async def session_has_ended(self, digest: bytes) -> bool:
        """A `tongban_runtime.sessions.Lookup`: people sign in and out where the vault is. Raises `VaultUnavailableError`."""
        status, answer = await self.post("/v1/sessions/look-up", {"digest": digest.hex()})
        if status != 200:
            raise VaultUnavailableError(f"asked whether a session has ended, intake answered {status}")
        return answer.get("ended") is True

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(timeout=TIMEOUT, trust_env=False)
        return self._session

    async def _send(self, path: str, body: JsonObject, token: str) -> tuple[int, JsonObject]:
        headers = {"Authorization": f"Bearer {token}"}
        async with self._http().post(
            self._vault_url + path, json=body, headers=headers, allow_redirects=False
        ) as answer:
            return answer.status, await _json(answer)

    async def _signed_in(self) -> str:
        async with self._signing_in:
            if self._token is None or self._token[1] <= time.monotonic():
                self._token = await self._sign_in()
            return self._token[0]

    async def _sign_in(self) -> tuple[str, float]:
        """A token, and until when (monotonic seconds) it is used."""
        form, headers = {"grant_type": "client_credentials"}, {"Authorization": self._authorization}
        async with self._http().post(self._token_url, data=form, headers=headers, allow_redirects=False) as answer:
            if answer.status in _NOT_TAKEN:
                raise CredentialsRefusedError(f"the issuer answered {answer.status}: check the client's id and secret")
            if answer.status != 200:
                raise VaultUnavailableError(f"the issuer answered {answer.status}: check the client's id and secret")
            granted = await _json(answer)
        lasts = float(granted.get("expires_in", 300))
        return str(granted["access_token"]), time.monotonic() + max(lasts - _EARLY_SECONDS, lasts / 2)


async def _json(answer: aiohttp.ClientResponse) -> JsonObject:
    """A JSON object of bounded size. Raises `ValueError`."""
    raw = await answer.content.read(_LONGEST_ANSWER + 1)
    while len(raw) <= _LONGEST_ANSWER and not answer.content.at_eof():
        raw += await answer.content.read(_LONGEST_ANSWER + 1 - len(raw))
    if len(raw) > _LONGEST_ANSWER:
        raise ValueError("the answer is too large")
    found: Any = json.loads(raw)
    if not isinstance(found, dict):
        raise ValueError("the answer is no JSON object")
    return found
