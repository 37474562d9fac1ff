"""Messages of a mailbox as text for a terminal."""

from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as rules
from pathlib import Path

from tongban_local.mail import Mailbox

_SHOWN = ("From", "Delivered-To", "Subject", "Date", "Message-ID")


@dataclass(frozen=True)
class Mail:
    """A delivered message."""

    path: Path
    message: EmailMessage

    @property
    def recipient(self) -> str:
        return str(self.message["Delivered-To"])

    @property
    def subject(self) -> str:
        return str(self.message["Subject"] or "")

    @property
    def text(self) -> str:
        """The plain text body; empty when there is none."""
        body = self.message.get_body(("plain", "html"))
        return str(body.get_content()) if body else ""


def read(folder: Path) -> list[Mail]:
    """All messages of the mailbox, oldest first."""
    return [Mail(path, message_from_bytes(path.read_bytes(), policy=rules)) for path in Mailbox(folder).files()]


def listing(folder: Path) -> str:
    """One line for each message, numbered from 1, then how many second deliveries were dropped."""
    mails = read(folder)
    lines = [f"{number:>3}  {mail.recipient:<32}  {mail.subject}" for number, mail in enumerate(mails, 1)]
    repeated = len(Mailbox(folder).duplicates())
    lines.append(f"共 {len(mails)} 封 messages; 重复投递已忽略 {repeated} repeated deliveries dropped; {folder}")
    return "\n".join(lines)


def rendering(mail: Mail) -> str:
    """Headers and text of one message, readable."""
    headers = [f"{name}: {mail.message[name]}" for name in _SHOWN if mail.message[name]]
    return "\n".join([*headers, "", mail.text])
