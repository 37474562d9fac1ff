"""The mail server, reached over connections that are used again. Every answer becomes one of three outcomes."""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Literal

import aiosmtplib
from aiosmtplib import (
    SMTPDataError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from tongban_notify.domain import FailureReason
from tongban_notify.settings import Security

PostponeReason = Literal["server_unavailable", "deferred", "names_unknown", "not_writable"]
_SERVICE_CLOSING = 421
_ABOUT_US = frozenset({_SERVICE_CLOSING, 503, 530, 534, 535, 538})
"""Codes (RFC 5321, RFC 4954) that speak of the session or of our sign-in, not of the mail: they never fail a mail for good."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The server answered 250: the mail is its responsibility now."""


@dataclass(frozen=True, slots=True)
class Postponed:
    """Not now. ``server_unavailable`` concerns every mail, the others this one alone."""

    reason: PostponeReason


@dataclass(frozen=True, slots=True)
class Undeliverable:
    """Never."""

    reason: FailureReason


HandOver = Taken | Postponed | Undeliverable


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where and how mail is handed over. ``timeout``: seconds for one mail, connecting included."""

    host: str
    port: int
    security: Security = "auto"
    username: str | None = None
    password: str | None = None
    timeout: float = 15.0

    def client(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            username=self.username,
            password=self.password,
            timeout=self.timeout,
            use_tls=self.security == "tls",
            start_tls={"auto": None, "starttls": True, "tls": False}[self.security],
        )


class Connection:
    """One connection to the mail server, opened when it is needed and kept. It carries one mail at a time."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._client: aiosmtplib.SMTP | None = None

    async def hand_over(self, message: bytes, sender: str, recipient: str) -> HandOver:
        """One mail to one recipient. A kept connection that the server has closed is opened anew, once."""
        kept = self._client is not None
        try:
            await self._send(message, sender, recipient)
        except (SMTPException, OSError) as error:
            if not (kept and _is_closed(error)):
                return self._judge(error)
        else:
            return Taken()
        self.drop()
        return await self.hand_over(message, sender, recipient)

    async def close(self) -> None:
        """Says goodbye to the server, if it still listens."""
        if self._client is not None and self._client.is_connected:
            with contextlib.suppress(SMTPException, OSError):
                await self._client.quit()
        self.drop()

    def drop(self) -> None:
        """Ends the connection without a word; the next mail opens a new one."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def _send(self, message: bytes, sender: str, recipient: str) -> None:
        async with asyncio.timeout(self._server.timeout):
            if self._client is None or not self._client.is_connected:
                self._client = self._server.client()
                await self._client.connect()
            options = [] if (sender + recipient).isascii() else ["SMTPUTF8"]
            await self._client.sendmail(sender, [recipient], message, mail_options=options)

    def _judge(self, error: SMTPException | OSError) -> HandOver:
        match error:
            case SMTPRecipientsRefused(recipients=[first, *_]) if first.code not in _ABOUT_US:
                return Undeliverable("refused") if first.code >= 500 else Postponed("deferred")
            case SMTPDataError(code=code) if code not in _ABOUT_US:
                return Undeliverable("refused") if code >= 500 else Postponed("deferred")
            case SMTPNotSupported():
                return Undeliverable("address_unusable")
            case _:
                self.drop()
                return Postponed("server_unavailable")


def _is_closed(error: Exception) -> bool:
    if isinstance(error, SMTPRecipientsRefused):
        return any(refused.code == _SERVICE_CLOSING for refused in error.recipients)
    if isinstance(error, SMTPResponseException):
        return error.code == _SERVICE_CLOSING
    return isinstance(error, SMTPServerDisconnected)
