"""One letter as an e-mail (RFC 5322, RFC 2045): the same notification always gives the same bytes.

The bytes are written here and not by `email.message`, whose header model costs 2 ms a mail; the tests read them back with
it. Bodies are base64, so no line needs quoting or folding.
"""

import base64
from datetime import datetime
from email.header import Header
from email.utils import format_datetime
from uuid import UUID

from tongban_catalog.fields import FieldError, read
from tongban_schemas.types import Language

from tongban_notify.letters import Letter, Letters

SENDER_NAME = "通办 Tongban"
_MESSAGE_ID_DOMAIN = "notify.tongban"
_ENCODED_SENDER_NAME = Header(SENDER_NAME, "utf-8").encode()


class AddressUnusableError(ValueError):
    """The text is no e-mail address. The message never holds it."""


def message_id(notification: UUID) -> str:
    """The Message-ID, by which a mail server recognises a second hand-over."""
    return f"<{notification}@{_MESSAGE_ID_DOMAIN}>"


def parse_address(text: str) -> str:
    """The address as forms take it, beyond ASCII too (RFC 6532). Raises `AddressUnusableError`."""
    try:
        return read("email", text).value
    except FieldError:
        raise AddressUnusableError("not an e-mail address") from None


def compose(
    *,
    notification: UUID,
    letter: Letter,
    letters: Letters,
    language: Language,
    sender: str,
    recipient: str,
    at: datetime,
) -> bytes:
    """Text and HTML in both languages. ``at`` (UTC) is when the message came to be owed, so a repeated mail is identical.

    An address beyond ASCII stands in UTF-8, which the server has to take (SMTPUTF8, RFC 6532).
    """
    boundary = f"tongban-{notification}"
    subject = Header(letter.ordered(language)[0].subject, "utf-8", header_name="Subject").encode(linesep="\r\n")
    lines = [
        f"From: {_ENCODED_SENDER_NAME} <{sender}>",
        f"To: {recipient}",
        f"Subject: {subject}",
        f"Date: {format_datetime(at)}",
        f"Message-ID: {message_id(notification)}",
        "Auto-Submitted: auto-generated",
        f"Content-Language: {'zh-CN, en' if language == 'zh' else 'en, zh-CN'}",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative; boundary="{boundary}"',
        "",
        *_part(boundary, "plain", letters.plain(letter, language)),
        *_part(boundary, "html", letters.html(letter, language)),
        f"--{boundary}--",
        "",
    ]
    return "\r\n".join(lines).encode()


def _part(boundary: str, subtype: str, text: str) -> list[str]:
    body = "\r\n".join(text.splitlines()).encode()
    return [
        f"--{boundary}",
        f'Content-Type: text/{subtype}; charset="utf-8"',
        "Content-Transfer-Encoding: base64",
        "",
        *base64.encodebytes(body).decode().splitlines(),
    ]
