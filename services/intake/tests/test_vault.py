"""The vault on a real database: keys are kept with their cases, given by rule, and every use is on record in one chain."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from tongban_intake.vault import SOURCE, KeyEncryption, Vault, VaultKeysMissingError, chain
from tongban_runtime.clock import SystemClock
from tongban_runtime.keys import Attempt, KeyRequest, KeysRefusedError, Refused, VaultKeyring
from tongban_runtime.sealing import CaseKeys
from tongban_schemas.envelope import Event, encode_body
from tongban_schemas.events.access import FIRST_CHAIN, AccessDoubted, AccessGranted, AccessRefused
from tongban_schemas.events.applications import ApplicationSubmitted
from tongban_schemas.types import JsonObject

from .conftest import PERSONAL, Service, only

LEAD = "administrative-approval"


@pytest.fixture
async def case(service: Service, citizen: UUID, application: dict[str, Any]) -> UUID:
    """A submitted application; nobody but the outbox has heard of it."""
    async with service.client(citizen) as client:
        answer = await client.post("/v1/applications", json=application, headers={"Idempotency-Key": str(uuid4())})
    return UUID(answer.json()["application"])


def keyring(service: Service, name: str, *departments: str) -> VaultKeyring:
    """A service's keyring that asks over HTTP with a token of its own."""
    token = service.token(uuid4(), "service", departments, service=name)

    async def post(path: str, body: JsonObject) -> tuple[int, JsonObject]:
        transport = httpx.ASGITransport(app=service.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            answer = await client.post(path, json=body, headers={"Authorization": f"Bearer {token}"})
            return answer.status_code, answer.json()

    return VaultKeyring(post)


def decide(case: UUID, *fields: str, step: str = "BA", department: str = "development-reform") -> KeyRequest:
    return KeyRequest(case, "decide", frozenset(fields), department, step, officer=UUID(int=8))


async def recorded(service: Service, case: UUID) -> list[Event]:
    return [event for event in await service.outbox(case) if event.source == SOURCE]


async def head(service: Service, case: UUID) -> bytes | None:
    found: bytes | None = await service.runtime.pool.fetchval(
        "SELECT chain FROM vault_key WHERE application = $1", case
    )
    return found


async def test_keys_open_what_was_sealed_and_each_release_is_a_fact(service: Service, case: UUID) -> None:
    keys = keyring(service, "approvals", "development-reform")
    released, refused = await keys.release([decide(case, "contact_name"), decide(case, "contact_name", step="YS")])
    sealed = only(await service.outbox(case), ApplicationSubmitted).data.sealed  # type: ignore[attr-defined]
    assert isinstance(released, CaseKeys)
    assert released.open("contact_name", sealed["contact_name"]) == PERSONAL["contact_name"]
    assert refused == Refused("not-your-step")
    granted, turned_away = [event.data for event in await recorded(service, case)]
    assert isinstance(granted, AccessGranted)
    assert (granted.service, granted.department, granted.fields) == (
        "approvals",
        "development-reform",
        ["contact_name"],
    )
    assert (granted.step, granted.officer) == ("BA", UUID(int=8))
    assert isinstance(turned_away, AccessRefused)
    assert (turned_away.rule, turned_away.step) == ("not-your-step", "YS")


async def test_the_record_is_a_chain_that_shows_what_is_taken_out(service: Service, case: UUID) -> None:
    keys = keyring(service, "approvals", "development-reform")
    for field in PERSONAL:
        await keys.release([decide(case, field)])
    facts = [(event.id, encode_body(event.data)) for event in await recorded(service, case)]
    value = await head(service, case)
    assert len(facts) == 3
    assert chain.verify(facts, value) is None
    assert chain.verify(facts[:2], value) == "shorter"
    assert chain.verify(facts, chain.FIRST) == "longer"
    assert chain.verify([facts[0], facts[2]], value) == "broken"
    assert chain.verify([facts[1], facts[0], facts[2]], value) == "broken"
    changed = facts[0][1].replace(b"development-reform", b"natural-resources")
    assert chain.verify([(facts[0][0], changed), *facts[1:]], value) == "broken"
    assert chain.verify([], None) is None


async def test_asking_together_keeps_one_chain(service: Service, case: UUID) -> None:
    rings = [keyring(service, "approvals", "development-reform") for _ in range(8)]
    await asyncio.gather(
        *(ring.release([decide(case, "contact_name"), decide(case, "contact_email")]) for ring in rings)
    )
    facts = [(event.id, encode_body(event.data)) for event in await recorded(service, case)]
    assert len(facts) == 16
    assert chain.verify(facts, await head(service, case)) is None


async def test_the_same_refusal_is_on_record_once_an_hour(service: Service, case: UUID) -> None:
    for _ in range(3):
        await keyring(service, "approvals", "ecology").release([decide(case, "contact_name", department="ecology")])
    attempt = Attempt(case, "decide", "not-your-case", "heritage", officer=UUID(int=9))
    for _ in range(2):
        await keyring(service, "approvals", "ecology").turned_away([attempt])
    rules = [event.data.rule for event in await recorded(service, case) if isinstance(event.data, AccessRefused)]
    assert rules == ["not-your-step", "not-your-case"]


async def test_a_case_that_is_not_there_leaves_no_trace(service: Service) -> None:
    keys, stranger = keyring(service, "approvals", "development-reform"), uuid4()
    assert await keys.release([decide(stranger, "contact_name")]) == [Refused("unknown-case")]
    await keys.turned_away([Attempt(stranger, "decide", "not-your-case")])
    assert await service.outbox(stranger) == []
    assert await service.runtime.pool.fetchval("SELECT count(*) FROM subject WHERE id = $1", stranger) == 0


async def test_only_services_open_the_vault(service: Service, case: UUID) -> None:
    body = {"requests": [{"application": str(case), "purpose": "notify", "fields": ["contact_email"]}]}
    clients = {
        401: service.client(None),
        403: service.client(uuid4(), "officer", ["development-reform"], ["receiver"]),
    }
    for status, client in clients.items():
        async with client:
            assert (await client.post("/v1/vault/releases", json=body)).status_code == status
    async with service.client(uuid4(), "operator") as operator, service.client(uuid4()) as person:
        assert (await operator.post("/v1/vault/releases", json=body)).status_code == 403
        assert (await person.post("/v1/vault/refusals", json={"attempts": []})).status_code == 403
    unknown = service.token(uuid4(), "service", ["housing"], service="somebody")
    async with service.client() as client:
        headers = {"Authorization": f"Bearer {unknown}"}
        assert (await client.post("/v1/vault/releases", json=body, headers=headers)).status_code == 403
    assert await recorded(service, case) == []


async def test_what_is_too_long_is_not_read_from_anybody(service: Service) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" "

    async with service.client() as nobody:
        for content in (b" " * (4 * 1024 * 1024 + 1), endless()):
            assert (await nobody.post("/v1/vault/releases", content=content)).status_code == 413
        assert (await nobody.post("/v1/vault/releases", json={"requests": []})).status_code == 401


async def test_what_the_vault_says_is_chained_and_said_once(service: Service, case: UUID) -> None:
    text = (await service.keys(case)).seal(uuid4(), "access.doubted", "为什么查看？")
    data = AccessDoubted(access=UUID(int=1), department="housing", text=text, chain=FIRST_CHAIN)
    said = []
    for _ in range(2):
        async with service.runtime.pool.acquire() as tx, tx.transaction():
            said.append(await service.intake.vault.say(tx, case, data, "1"))
    assert [one is None for one in said] == [False, True]
    facts = [(event.id, encode_body(event.data)) for event in await recorded(service, case)]
    assert chain.verify(facts, await head(service, case)) is None
    async with service.runtime.pool.acquire() as tx, tx.transaction():
        with pytest.raises(KeysRefusedError):
            await service.intake.vault.say(tx, uuid4(), data, "1")


async def test_a_root_key_lies_wrapped_and_bound_to_its_case(service: Service, case: UUID, tmp_path: Path) -> None:
    row = await service.runtime.pool.fetchrow("SELECT * FROM vault_key WHERE application = $1", case)
    folder = service.intake.settings.vault_dir
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {"1.key": 0o600, "index.key": 0o600}
    own = KeyEncryption(folder)
    assert len(own.unwrap(case, row["wrapped"], 1)) == 32
    for other, encryption in ((uuid4(), own), (case, KeyEncryption(tmp_path))):
        with pytest.raises(VaultKeysMissingError):
            encryption.unwrap(other, row["wrapped"], 1)


async def test_a_vault_with_other_keys_keeps_nothing(service: Service, tmp_path: Path) -> None:
    stranger = Vault(KeyEncryption(tmp_path), SystemClock())
    async with service.runtime.pool.acquire() as tx, tx.transaction():
        await service.intake.vault.keep(tx, [service.intake.vault.new(uuid4())])
        with pytest.raises(VaultKeysMissingError):
            await stranger.keep(tx, [stranger.new(uuid4())])


async def test_a_new_key_is_not_shown(service: Service) -> None:
    made = service.intake.vault.new(uuid4())
    assert str(made.root) not in repr(made)


def test_makers_of_a_key_file_agree(tmp_path: Path) -> None:
    made = [KeyEncryption(tmp_path).derive(b"x") for _ in range(3)]
    assert len(set(made)) == 1
    assert KeyEncryption(tmp_path / "other").derive(b"x") != made[0]
    (tmp_path / "other" / "1.key").write_bytes(os.urandom(5))
    with pytest.raises(VaultKeysMissingError):
        KeyEncryption(tmp_path / "other")
