"""One letter as an e-mail (RFC 5322, MIME): the same notification always gives the same bytes."""

from datetime import datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from uuid import UUID

from tongban_schemas.types import Language

from tongban_notify.letters import Letter, Letters

SENDER_NAME = "通办 Tongban"
_MESSAGE_ID_DOMAIN = "notify.tongban"


class AddressUnusableError(ValueError):
    """The text is no e-mail address. The message never holds it."""


def message_id(notification: UUID) -> str:
    """The Message-ID, by which a mail server recognises a second hand-over."""
    return f"<{notification}@{_MESSAGE_ID_DOMAIN}>"


def parse_address(text: str) -> Address:
    """Raises `AddressUnusableError`."""
    try:
        address = Address(addr_spec=text.strip())
    except (HeaderParseError, ValueError, IndexError):
        raise AddressUnusableError("not an e-mail address") from None
    if not address.username or not address.domain:
        raise AddressUnusableError("not an e-mail address")
    return address


def compose(
    *,
    notification: UUID,
    letter: Letter,
    letters: Letters,
    language: Language,
    sender: Address,
    recipient: Address,
    at: datetime,
) -> EmailMessage:
    """Text and HTML in both languages. ``at`` is when the message came to be owed, so a repeated mail is identical."""
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(SENDER_NAME, sender.username, sender.domain)
    message["To"] = recipient
    message["Subject"] = letter.ordered(language)[0].subject
    message["Date"] = at
    message["Message-ID"] = message_id(notification)
    message["Auto-Submitted"] = "auto-generated"
    message["Content-Language"] = "zh-CN, en" if language == "zh" else "en, zh-CN"
    message.set_content(letters.plain(letter, language), cte="base64")
    message.add_alternative(letters.html(letter, language), subtype="html", cte="base64")
    message.set_boundary(f"tongban-{notification}")
    return message
