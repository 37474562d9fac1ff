"""The store of files: a folder or a bucket, beside the database. It only ever sees sealed bytes under random names."""

import secrets
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore, from_url
from tongban_runtime import logs

_NAME_BYTES: Final = 24
_LISTED: Final = 1000


class FilesUnavailableError(ConnectionError):
    """The store of files does not answer, or is not set up."""


class Files:
    """``address``: ``file:///folder`` or ``s3://bucket/prefix`` (with the ``AWS_*`` variables); None: there is no store."""

    def __init__(self, address: str | None) -> None:
        self._store: ObjectStore | None = None
        if address is not None:
            self._store = from_url(address, mkdir=True) if address.startswith("file:") else from_url(address)

    async def put(self, content: bytes) -> str:
        """Keeps sealed bytes; the random name under which they lie. Raises `FilesUnavailableError`."""
        name = secrets.token_hex(_NAME_BYTES)
        place = f"{name[:2]}/{name[2:]}"
        try:
            await obstore.put_async(self._open(), place, content, mode="create")
        except (BaseError, OSError, ValueError) as error:
            raise FilesUnavailableError("the store of files takes nothing") from error
        return place

    async def get(self, place: str) -> bytes:
        """Raises `FilesUnavailableError`."""
        try:
            found = await obstore.get_async(self._open(), place)
            return bytes(await found.bytes_async())
        except (BaseError, OSError, ValueError) as error:
            raise FilesUnavailableError("the store of files gives nothing") from error

    async def delete(self, places: list[str]) -> None:
        """Deletes objects; those that are gone already are no matter. Raises `FilesUnavailableError`."""
        try:
            for place in places:
                try:
                    await obstore.delete_async(self._open(), place)
                except FileNotFoundError:
                    continue
        except (BaseError, OSError, ValueError) as error:
            raise FilesUnavailableError("the store of files deletes nothing") from error

    async def older_than(self, at: datetime) -> AsyncIterator[list[str]]:
        """The objects that were put before an instant, some at a time. Raises `FilesUnavailableError`."""
        try:
            async for some in obstore.list(self._open(), chunk_size=_LISTED):
                yield [found["path"] for found in some if found["last_modified"] < at]
        except (BaseError, OSError, ValueError) as error:
            raise FilesUnavailableError("the store of files lists nothing") from error

    async def give_up(self, *places: str) -> None:
        """Deletes what nobody needs any more. What cannot be deleted now stays, sealed, until it is swept."""
        try:
            await self.delete(list(places))
        except FilesUnavailableError as error:
            logs.warning("http.request-failed", error=error, route="uploads")

    def _open(self) -> ObjectStore:
        if self._store is None:
            raise FilesUnavailableError("TONGBAN_FILES is not set")
        return self._store
