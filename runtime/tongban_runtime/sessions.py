"""Sessions that their person has ended: the token is in date and signed, and admits nobody any more, copied or not.

Where sign-in happens, the database says which have ended; every other service asks there. An answer is used for a few seconds.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from tongban_runtime import logs
from tongban_runtime.keys import VaultUnavailableError

Lookup = Callable[[bytes], Awaitable[bool]]
"""Whether the session with this digest has ended."""
FRESH_SECONDS: Final = 5.0
_REMEMBERED: Final = 10_000


def digest_of(token: str) -> bytes:
    """What is kept of a session: nobody can sign in with it."""
    return hashlib.sha256(token.encode()).digest()


class Sessions:
    """What is known of sessions in this process, at most `FRESH_SECONDS` behind."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._known: OrderedDict[bytes, tuple[float, bool]] = OrderedDict()

    async def has_ended(self, token: str) -> bool:
        """While it cannot be asked, a session that is in date stands: who is away stops no other service."""
        digest = digest_of(token)
        asked_at, ended = self._known.get(digest, (float("-inf"), False))
        if ended or time.monotonic() - asked_at < FRESH_SECONDS:
            return ended
        try:
            ended = await self._lookup(digest)
        except VaultUnavailableError as error:
            logs.warning("vault.unavailable", error=error)
        self._remember(digest, ended)
        return ended

    def note_end(self, token: str) -> None:
        """It has ended: this process knows at once."""
        self._remember(digest_of(token), True)

    def _remember(self, digest: bytes, ended: bool) -> None:
        self._known[digest] = (time.monotonic(), ended)
        self._known.move_to_end(digest)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
