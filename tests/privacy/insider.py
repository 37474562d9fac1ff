"""A strong insider: has every file of the system, every row that ever was, and every vault file that is left. What opens?"""

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tongban_catalog.item import Item
from tongban_local.stack import Stack
from tongban_runtime.sealing import KEY_BYTES, CaseKeys, SealBrokenError, origin
from tongban_schemas.events.access import DOUBT_FIELD, EXPLANATION_FIELD
from tongban_schemas.events.applications import APPEAL_FIELD, NON_ACCEPTANCE_FIELD, NOTICE_FIELD
from tongban_schemas.events.approvals import correction_field, refusal_field
from tongban_schemas.events.evidence import evidence_field, evidence_text_field, lookup_field, upload_field

from tests.chaos.model import Logged

_WRAPPED: Final = 12 + KEY_BYTES + 16
_SHORT: Final = bytes([(_WRAPPED + 1) << 1 | 1])
"""How PostgreSQL begins a value of the length of a wrapped key."""
_FINGERPRINT: Final = bytes([33 << 1 | 1])
_SEALED: Final = re.compile(rb"s1\.[A-Za-z0-9_-]{60,}")
_HEAD: Final = 28


@dataclass(slots=True)
class Loot:
    """What the insider gathered. ``wrapped``: byte strings that may be wrapped keys, by case; ``keks``: what may unwrap.

    ``sealed``: values by case, text that begins with ``s1.`` or the bytes of a file; True for those that are whole, False for
    what was found in raw pages and may be a piece. ``strays`` are values that belong to no case of interest.
    """

    wrapped: dict[UUID, set[bytes]]
    keks: list[bytes]
    sealed: dict[UUID, dict[bytes, bool]]
    strays: int = 0

    def unwrap(self, keks: Iterable[bytes] = ()) -> dict[UUID, set[bytes]]:
        """The root keys that open under any key-encryption key that is left, or one of ``keks``."""
        found: defaultdict[UUID, set[bytes]] = defaultdict(set)
        for kek in (*self.keks, *keks):
            cipher = AESGCM(kek)
            for case, candidates in self.wrapped.items():
                for candidate in candidates:
                    try:
                        found[case].add(cipher.decrypt(candidate[:12], candidate[12:], case.bytes))
                    except InvalidTag:
                        continue
        return dict(found)

    def open(
        self,
        case: UUID,
        fields: Collection[str],
        roots: Iterable[bytes],
        known: Mapping[bytes, str | None] = MappingProxyType({}),
    ) -> dict[bytes, str | None]:
        """The field under which each of the case's values opens with one of the roots; None for one that does not.

        ``known``: what was found out before, so that a value is tried under its own field alone.
        """
        found: dict[bytes, str | None] = {}
        ciphers = [_keys(root) for root in roots]
        for raw in self.sealed.get(case, ()):
            if raw in known:
                own = known[raw]
                names: Collection[str] = () if own is None else (own,)
            else:
                names = fields
            found[raw] = next((name for keys in ciphers for name in names if _opens(keys, name, raw)), None)
        return found


@lru_cache(maxsize=4096)
def _keys(root: bytes) -> CaseKeys:
    return CaseKeys(root=root)


def _opens(keys: CaseKeys, name: str, raw: bytes) -> bool:
    try:
        if raw.startswith(b"s1."):
            keys.open(name, raw.decode())
        else:
            keys.open_bytes(name, raw)
    except SealBrokenError:
        return False
    return True


def vault_files(stack: Stack) -> list[bytes]:
    """Every key that lies in the vault's folder."""
    return [path.read_bytes() for path in sorted(stack.vault.iterdir()) if path.stat().st_size == KEY_BYTES]


def gather(
    stack: Stack,
    cases: Mapping[UUID, bytes],
    log: Iterable[Logged],
    tables: Mapping[str, bytes],
) -> Loot:
    """Takes everything there is. ``cases``: those of interest, with the fingerprints of their keys, which are no secret."""
    log = list(log)
    subject_of = {UUID(one.event_id): UUID(one.subject) for one in log}
    whole = {value for one in log for value in _SEALED.findall(json.dumps(one.body).encode())}
    for content in tables.values():
        whole |= set(_SEALED.findall(content))
    texts: set[bytes] = set()
    wrapped: defaultdict[UUID, set[bytes]] = defaultdict(set)
    for path in raw_files(stack):
        content = path.read_bytes()
        texts |= set(_SEALED.findall(content))
        for case, fingerprint in cases.items():
            wrapped[case] |= candidates(content, case, fingerprint)
    loot = Loot(dict(wrapped), vault_files(stack), defaultdict(dict))
    for text in whole | texts:
        try:
            about = origin(text.decode())
        except SealBrokenError:
            continue
        _keep(loot, subject_of.get(about, about), text, text in whole)
    for raw in _files(stack, tables):
        _keep(loot, subject_of[UUID(bytes=raw[:16])], raw, True)
    return loot


def raw_files(stack: Stack) -> list[Path]:
    """Intake's database and the log of all databases, as they lie on the disk."""
    data = stack.root / "postgres" / "data"
    return [path for name in ("base", "pg_wal") for path in sorted((data / name).rglob("*")) if path.is_file()]


def candidates(content: bytes, case: UUID, fingerprint: bytes) -> set[bytes]:
    """What may be a wrapped key of a case in raw bytes: behind the case's id in a row, and before the key's fingerprint.

    A record of the log about a changed row leaves out what did not change, the id for one.
    """
    found = set()
    before, after = case.bytes + _SHORT, _FINGERPRINT + fingerprint
    at = content.find(before)
    while at >= 0:
        start = at + len(before)
        found.add(content[start : start + _WRAPPED])
        at = content.find(before, start)
    at = content.find(after)
    while at >= 0:
        found.add(content[max(0, at - _WRAPPED) : at])
        at = content.find(after, at + 1)
    return {one for one in found if len(one) == _WRAPPED}


def fields_of(item: Item, certificate: str | None) -> frozenset[str]:
    """Every field under which something of a case of the item may be sealed."""
    named = {
        "draft",
        "identity",
        DOUBT_FIELD,
        EXPLANATION_FIELD,
        NON_ACCEPTANCE_FIELD,
        APPEAL_FIELD,
        lookup_field("holder"),
    }
    named |= {f"{NOTICE_FIELD}/{ordinal}" for ordinal in range(1, 4)} | set(item.form.fields)
    for step in item.steps:
        named |= {refusal_field(step.id), correction_field(step.id)}
    for source in item.sources:
        named |= {evidence_field(source.material, name) for name in source.fields}
        named |= {evidence_text_field(source.material), upload_field(source.material)}
    return frozenset(named | ({f"certificate/{certificate}"} if certificate else set()))


def _files(stack: Stack, tables: Mapping[str, bytes]) -> list[bytes]:
    """Sealed files: uploads, and certificates in the tables of those who issue them."""
    found = [path.read_bytes() for path in stack.files.rglob("*") if path.is_file()] if stack.files.exists() else []
    for name, content in tables.items():
        if name.endswith(".certificate_file"):
            found += [bytes.fromhex(row.split(b"\t")[1][3:].decode()) for row in content.splitlines()]
    return [raw for raw in found if len(raw) > _HEAD]


def _keep(loot: Loot, case: UUID, raw: bytes, whole: bool) -> None:
    if case in loot.wrapped:
        loot.sealed[case][raw] = whole
    else:
        loot.strays += 1
