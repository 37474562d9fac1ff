"""The service items that intake takes applications for, compiled once and kept."""

import time

from tongban_catalog.item import Item
from tongban_runtime.database import Pool, Tx

from tongban_intake.store import items

FRESH_SECONDS = 1.0
"""For how long the list of newest versions is taken as it is."""


class Catalogue:
    """Items by code and version. A published version never changes, so a compiled one is kept for good."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._items: dict[tuple[str, int], Item] = {}
        self._newest: dict[str, int] = {}
        self._read_at = float("-inf")

    async def newest(self, code: str) -> Item | None:
        """The newest published version, or None. At most `FRESH_SECONDS` behind the database."""
        versions = await self._versions(known=code)
        version = versions.get(code)
        return None if version is None else await self.version(code, version)

    async def version(self, code: str, version: int, tx: Tx | None = None) -> Item | None:
        """One version, or None. Give ``tx`` inside a transaction, so that no second connection is taken."""
        found = self._items.get((code, version))
        if found is None:
            definition = await items.definition(tx if tx is not None else self._pool, code, version)
            if definition is None:
                return None
            found = self._items[code, version] = Item.from_definition(definition)
        return found

    async def all_newest(self) -> list[Item]:
        """The newest version of every item, by code."""
        found = [await self.version(code, version) for code, version in (await self._versions()).items()]
        return [item for item in found if item is not None]

    async def _versions(self, known: str | None = None) -> dict[str, int]:
        fresh = time.monotonic() - self._read_at < FRESH_SECONDS
        if not fresh or (known is not None and known not in self._newest):
            self._newest = await items.newest_versions(self._pool)
            self._read_at = time.monotonic()
        return self._newest
