"""Opening personal values for an officer."""

from tongban_runtime.keys import KeyRequest, Keyring, KeysRefusedError, Refused
from tongban_runtime.sealing import CaseKeys, SealBrokenError

from tongban_approvals.casework import CLOSED


def opened(keys: CaseKeys, field: str, sealed: str | None) -> str | None:
    """The plain text of a sealed value; None when there is none, its key was not given, or it was not sealed for this field."""
    if sealed is None:
        return None
    try:
        return keys.open(field, sealed)
    except SealBrokenError:
        return None


async def keys_if_open(keyring: Keyring, request: KeyRequest) -> CaseKeys:
    """The keys of one request; none at all when nothing is wanted, or when the case is closed or erased.

    Raises `KeysRefusedError` for any other reason, `VaultUnavailableError`.
    """
    if not request.fields:
        return CaseKeys()
    found = (await keyring.release([request]))[0]
    if not isinstance(found, Refused):
        return found
    if found.rule in CLOSED:
        return CaseKeys()
    raise KeysRefusedError(found.rule)
