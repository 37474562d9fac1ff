"""What a service keeps of the keys it was given: for five minutes and no longer, and how it asks for many. Key files."""

import asyncio
import base64
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import pytest
from tongban_runtime import keys
from tongban_runtime.key_file import ensure_key
from tongban_runtime.keys import Attempt, KeyRequest, Refused, VaultKeyring
from tongban_runtime.sealing import CaseKeys
from tongban_schemas.types import JsonObject


class Vault:
    """Gives every key that is asked for, but none of the case 0; as the real one it takes 500 requests at once."""

    def __init__(self) -> None:
        self.asked: list[list[JsonObject]] = []
        self.now = 0.0
        self.ring = VaultKeyring(self.post, lambda: self.now)

    async def post(self, path: str, body: JsonObject) -> tuple[int, JsonObject]:
        (requests,) = body.values()
        if len(requests) > 500:
            return 422, {}
        self.asked.append(requests)
        return 200, {"releases": [_released(one) for one in requests]} if "fields" in requests[0] else {"recorded": 1}


def _released(request: JsonObject) -> JsonObject:
    if UUID(request["application"]).int == 0:
        return {"refused": "not-your-case"}
    return {"keys": {name: base64.urlsafe_b64encode(name.encode().ljust(32)).decode() for name in request["fields"]}}


def wanted(*fields: str, case: int = 1) -> KeyRequest:
    return KeyRequest(UUID(int=case), "decide", frozenset(fields), "housing", "AA", officer=UUID(int=8))


async def test_a_key_is_kept_for_five_minutes_however_often_others_are_asked_for() -> None:
    vault = Vault()
    for now, field, asked in ((0.0, "a", 1), (299.0, "a", 1), (299.0, "b", 2), (300.0, "a", 3), (301.0, "b", 4)):
        vault.now = now
        (found,) = await vault.ring.release([wanted(field)])
        assert isinstance(found, CaseKeys)
        assert len(vault.asked) == asked
    (found,) = await vault.ring.release([wanted("a", "b")])
    assert isinstance(found, CaseKeys)
    assert set(found.keys(["a", "b"])) == {"a", "b"}
    assert len(vault.asked) == 4


async def test_keys_are_forgotten_though_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "KEPT_SECONDS", 0.05)
    ring = VaultKeyring(Vault().post)
    await ring.release([wanted("a")])
    await asyncio.sleep(0.03)
    await ring.release([wanted("a", case=2)])
    assert len(ring._kept) == 2
    async with asyncio.timeout(5):
        while ring._kept:
            await asyncio.sleep(0.01)


async def test_more_than_the_vault_takes_at_once_is_asked_in_parts() -> None:
    vault = Vault()
    found = await vault.ring.release([wanted("a", case=number) for number in (*range(1, 1001), 0)])
    assert [len(part) for part in vault.asked] == [500, 500, 1]
    assert found[-1] == Refused("not-your-case")
    assert sum(isinstance(one, CaseKeys) for one in found) == 1000
    await vault.ring.turned_away([Attempt(UUID(int=1), "decide", "not-your-case")] * 501)
    assert [len(part) for part in vault.asked[3:]] == [500, 1]


def test_makers_of_a_key_file_agree_though_each_is_process_number_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together, sync = threading.Barrier(2), os.fsync

    def meet(descriptor: int) -> None:
        with suppress(threading.BrokenBarrierError):
            together.wait(5)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", meet)
    with ThreadPoolExecutor(2) as threads:
        made = list(threads.map(ensure_key, [tmp_path / "1.key"] * 2))
    assert made[0] == made[1]
    assert len(made[0]) == 32
    assert [path.name for path in tmp_path.iterdir()] == ["1.key"]
