"""The keys with which letters are written: asked of the vault for one purpose, for all cases of a round at once."""

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from tongban_runtime.keys import KeyRequest, Keyring, Refused
from tongban_runtime.sealing import CaseKeys

from tongban_notify.domain import EMAIL_FIELD
from tongban_notify.names import News


def text_fields(news: News) -> frozenset[str]:
    """The fields under one of which the words of a message were sealed; none when it has no words."""
    return frozenset() if news.told.text is None else frozenset(news.told.sealed_under)


def mail_fields(news: News, sealed_email: str | None) -> frozenset[str]:
    """What a mail needs opened: its address and its words. Nothing for a mail that cannot be written yet or at all."""
    return frozenset() if sealed_email is None or not news.complete else text_fields(news) | {EMAIL_FIELD}


async def keys_of(keyring: Keyring, wanted: Iterable[tuple[UUID, frozenset[str]]]) -> dict[UUID, CaseKeys]:
    """Keys of these fields by application; an application whose keys the vault refuses is absent.

    Raises `VaultUnavailableError`.
    """
    fields: defaultdict[UUID, frozenset[str]] = defaultdict(frozenset)
    for application, names in wanted:
        if names:
            fields[application] |= names
    if not fields:
        return {}
    released = await keyring.release(
        [KeyRequest(application, "notify", names) for application, names in fields.items()]
    )
    return {
        application: keys for application, keys in zip(fields, released, strict=True) if not isinstance(keys, Refused)
    }
