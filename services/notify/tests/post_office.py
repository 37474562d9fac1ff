"""A real SMTP server on the local mailbox, which can be told to refuse, to hang up, or to be gone."""

import asyncio
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session
from tongban_local.mail import Mailbox, Receiver
from tongban_local.mailbox import read

STORED = "250 2.0.0 stored"


class PostOffice:
    """``refusals`` answers RCPT once each; ``at_data`` runs when a mail is stored, before the 250 is sent."""

    def __init__(self, folder: Path) -> None:
        self.mailbox = Mailbox(folder)
        self.refusals: list[str] = []
        self.data_answers: list[str] = []
        self.at_data: Callable[[], Awaitable[None]] | None = None
        self.connections = 0
        self.handed_over = 0
        self.port = 0
        self._receiver = Receiver(self.mailbox)
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._session, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def mails(self) -> list[EmailMessage]:
        return [mail.message for mail in read(self.mailbox.folder)]

    def _session(self) -> SMTP:
        self.connections += 1
        return SMTP(self, enable_SMTPUTF8=True, hostname="localhost", ident="Test")

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refusals:
            return self.refusals.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        if self.data_answers:
            return self.data_answers.pop(0)
        answer = await self._receiver.handle_DATA(server, session, envelope)
        self.handed_over += 1
        if self.at_data is not None:
            await self.at_data()
        return answer
