"""``python -m bench.unsealed <package> [arguments]``: a service whose personal values stay as they are, for comparison only.

Nothing is encrypted, no key is made, kept, asked for or put on record: what sealing costs is what is missing here. It exists in
the bench alone; no setting of a service turns sealing off.
"""

import runpy
import sys
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from tongban_runtime.keys import KeyRequest, VaultKeyring
from tongban_runtime.sealing import KEY_BYTES, CaseKeys

_NOTHING = bytes(KEY_BYTES)
_NONCE = bytes(12)


def _seal_bytes(self: CaseKeys, event: UUID, field: str, content: bytes) -> bytes:
    del self, field
    return event.bytes + _NONCE + content


def _open_bytes(self: CaseKeys, field: str, sealed: bytes) -> bytes:
    del self, field
    return sealed[len(_NONCE) + 16 :]


async def _release(self: VaultKeyring, wanted: Sequence[KeyRequest]) -> list[CaseKeys]:
    del self
    return [CaseKeys(root=_NOTHING) for _ in wanted]


def _open_vault() -> None:
    from tongban_intake.vault.vault import NewKey, Vault

    async def keep(self: Vault, tx: object, made: Sequence[NewKey]) -> None:
        del self, tx, made

    async def open_one(self: Vault, tx: object, case: UUID) -> CaseKeys:
        del self, tx, case
        return CaseKeys(root=_NOTHING)

    async def open_many(self: Vault, tx: object, cases: Collection[UUID]) -> dict[UUID, CaseKeys]:
        del self, tx
        return {case: CaseKeys(root=_NOTHING) for case in cases}

    def new(self: Vault, case: UUID) -> NewKey:
        del self
        return NewKey(case, CaseKeys(root=_NOTHING), _NOTHING)

    patched: dict[str, Any] = {"keep": keep, "open": open_one, "open_many": open_many, "new": new}
    for name, function in patched.items():
        setattr(Vault, name, function)


def main() -> None:
    package = sys.argv[1]
    patched: dict[str, Any] = {"seal_bytes": _seal_bytes, "open_bytes": _open_bytes}
    for name, function in patched.items():
        setattr(CaseKeys, name, function)
    VaultKeyring.release = _release  # type: ignore[assignment,method-assign]
    if package == "tongban_intake":
        _open_vault()
    sys.argv = [package, *sys.argv[2:]]
    runpy.run_module(package, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
