"""Secret keys in files of their own, made once."""

import contextlib
import os
import secrets
from pathlib import Path

from tongban_runtime.sealing import KEY_BYTES


def ensure_key(path: Path) -> bytes:
    """The 32 bytes in a file. A file that is missing is made with random ones, readable for its owner alone and on disk when
    this returns; of several processes that make it one wins. The caller checks the length of a file that was there.
    """
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(os.urandom(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(made)
        finally:
            made.unlink()
        sync_folder(path.parent)
    return path.read_bytes()


def sync_folder(folder: Path) -> None:
    """What was made and deleted in a folder is so after a power cut too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
