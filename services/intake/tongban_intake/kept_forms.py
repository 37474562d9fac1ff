"""A form that was sent after its sender's session had ended: kept for them, and sent again once they have signed in.

It is sealed under a key of its own that only the sender's browser holds, and opened for nobody but the person whose session
had ended. So it is not readable where it is stored, it is in no address, and nobody else who signs in sees it.
"""

import base64
import binascii
import json
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tongban_runtime.database import Pool

from tongban_intake.store import kept_forms

KEPT_FOR: Final = timedelta(hours=1)
_MOST: Final = 5
"""How many forms are kept for one person."""
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class Form:
    """What was sent: to which path, and the body as it was, with its content type."""

    path: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Ticket:
    """What the browser holds: which form, and the key that opens it."""

    form: UUID
    key: bytes

    def text(self) -> str:
        return f"{self.form}.{base64.urlsafe_b64encode(self.key).decode()}"

    @classmethod
    def read(cls, text: str) -> "Ticket | None":
        """The ticket, or None for what is none."""
        name, _, key = text.partition(".")
        try:
            found = cls(UUID(name), base64.urlsafe_b64decode(key))
        except (ValueError, binascii.Error):
            return None
        return found if len(found.key) == _KEY_BYTES else None


async def keep(pool: Pool, form: Form, person: UUID, now: datetime) -> Ticket:
    """Keeps a form for a person."""
    ticket = Ticket(uuid4(), os.urandom(_KEY_BYTES))
    document = {"path": form.path, "type": form.content_type, "body": base64.b64encode(form.body).decode()}
    nonce = os.urandom(_NONCE_BYTES)
    sealed = nonce + AESGCM(ticket.key).encrypt(nonce, json.dumps(document).encode(), _bound(ticket.form, person))
    async with pool.acquire() as tx, tx.transaction():
        await kept_forms.forget(tx, now - KEPT_FOR)
        await kept_forms.keep(tx, ticket.form, person, sealed, now, _MOST)
    return ticket


async def find(pool: Pool, ticket: Ticket, person: UUID, now: datetime) -> Form | None:
    """The person's own form, while it is kept."""
    sealed = await kept_forms.find(pool, ticket.form, person, now - KEPT_FOR)
    if sealed is None:
        return None
    nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        document = json.loads(AESGCM(ticket.key).decrypt(nonce, rest, _bound(ticket.form, person)))
    except InvalidTag:
        return None
    return Form(document["path"], document["type"], base64.b64decode(document["body"]))


def _bound(form: UUID, person: UUID) -> bytes:
    return form.bytes + person.bytes
