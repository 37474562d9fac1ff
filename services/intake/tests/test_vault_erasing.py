"""The end of personal data: when a case's time is over, what an erasure leaves, and what a copy of the database is worth."""

import asyncio
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from tongban_intake.uploads.store import Files
from tongban_intake.vault import KeyEncryption, Vault, VaultKeysMissingError, chain, store
from tongban_intake.vault.command import check
from tongban_intake.vault.erasing import Erased, Retention, draft_due, due, erase, erase_due, finish, rotate
from tongban_runtime.keys import KeyRequest, KeysRefusedError
from tongban_runtime.sealing import CaseKeys
from tongban_schemas.envelope import encode_body
from tongban_schemas.events.access import AccessErased
from tongban_schemas.events.applications import ApplicationNotAccepted, ApplicationSubmitted, ApplicationWithdrawn

from .conftest import Service, only
from .counter import Counter
from .test_vault_rules import PROJECT, SCHOOL, event, known, requested, submitted

WITHDRAWN = event(ApplicationWithdrawn())
NOT_ACCEPTED = event(
    ApplicationNotAccepted(department="administrative-approval", reason_code="no-permit-needed", reason="s1.AA")
)
NEVER = Retention(10)
START = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


def test_what_came_to_nothing_is_kept_for_thirty_days() -> None:
    for ended, ground in ((WITHDRAWN, "withdrawn"), (NOT_ACCEPTED, "not-accepted")):
        case = known(PROJECT, submitted(PROJECT), ended)
        assert due(case, START + timedelta(days=30) - timedelta(seconds=1), NEVER) is None
        assert due(case, START + timedelta(days=30), NEVER) == ground
    assert due(known(PROJECT, submitted(PROJECT)), START + timedelta(days=36_500), NEVER) is None
    erased = known(PROJECT, submitted(PROJECT), WITHDRAWN, erased=True)
    assert due(erased, START + timedelta(days=90), NEVER) is None


def test_a_draft_is_kept_while_its_person_does_something_with_it() -> None:
    retention = Retention(10, draft=timedelta(days=7))
    for case, last in (
        (known(PROJECT), timedelta(0)),
        (known(SCHOOL, replace(requested(), time=START + timedelta(days=2))), timedelta(days=2)),
    ):
        end = START + last + timedelta(days=7)
        assert draft_due(START, case, end - timedelta(seconds=1), retention) is None
        assert draft_due(START, case, end, retention) == "retention-over"


async def applied(service: Service, application: dict[str, Any], *, withdrawn: bool = False) -> UUID:
    async with service.client(uuid4()) as client:
        answer = await client.post("/v1/applications", json=application, headers={"Idempotency-Key": str(uuid4())})
        case = UUID(answer.json()["application"])
        if withdrawn:
            await service.hear(*await service.outbox(case))
            assert (await client.post(f"/v1/applications/{case}/withdrawal")).status_code == 202
    return case


async def test_an_erased_case_opens_to_nobody_and_says_so(service: Service, application: dict[str, Any]) -> None:
    case, vault, pool = await applied(service, application), service.intake.vault, service.runtime.pool
    sealed = only(await service.outbox(case), ApplicationSubmitted).data.sealed  # type: ignore[attr-defined]
    copied = await pool.fetchrow("SELECT * FROM vault_key WHERE application = $1", case)
    before = (await service.keys(case)).open("contact_name", sealed["contact_name"])
    assert before in application["answers"].values()
    async with pool.acquire() as tx, tx.transaction():
        assert await erase(tx, vault, {case: "retention-over", uuid4(): "withdrawn"}) == Erased([case])
        assert await erase(tx, vault, {case: "retention-over"}) == Erased()
    told = only(await service.outbox(case), AccessErased)
    assert isinstance(told.data, AccessErased)
    assert told.data.key == copied["fingerprint"].hex()
    with pytest.raises(KeysRefusedError) as refused:
        await vault.open(pool, case)
    assert (refused.value.rule, refused.value.status) == ("erased", 410)
    async with pool.acquire() as tx, tx.transaction():
        wanted = KeyRequest(case, "decide", frozenset({"contact_name"}), "development-reform", "BA")
        with pytest.raises(KeysRefusedError):
            await vault.look(tx, wanted)
    assert isinstance(CaseKeys(root=vault.encryption.unwrap(case, copied["wrapped"], copied["epoch"])), CaseKeys)
    await rotate(pool, vault)
    for encryption in (vault.encryption, KeyEncryption(service.intake.settings.vault_dir)):
        with pytest.raises(VaultKeysMissingError):
            encryption.unwrap(case, copied["wrapped"], copied["epoch"])


async def test_a_rotation_loses_nothing_and_other_processes_follow(
    service: Service, application: dict[str, Any]
) -> None:
    vault, pool, folder = service.intake.vault, service.runtime.pool, service.intake.settings.vault_dir
    other = Vault(KeyEncryption(folder), vault.clock)
    case = await applied(service, application)
    epoch = vault.encryption.epoch
    assert await rotate(pool, other) >= 1
    assert [path.name for path in sorted(folder.glob("[0-9]*.key"))] == [f"{epoch + 1}.key"]
    later = await applied(service, application)
    for one in (case, later):
        sealed = only(await service.outbox(one), ApplicationSubmitted).data.sealed  # type: ignore[attr-defined]
        assert (await other.open(pool, one)).open("contact_name", sealed["contact_name"])
        assert (await vault.open(pool, one)).open("contact_name", sealed["contact_name"])
    assert await pool.fetchval("SELECT count(*) FROM vault_key WHERE epoch <> $1", epoch + 1) == (
        await pool.fetchval("SELECT count(*) FROM vault_key WHERE wrapped IS NULL AND epoch <> $1", epoch + 1)
    )


async def test_nobody_waits_for_a_rotation_and_an_interrupted_one_leaves_no_copy_that_opens(
    service: Service, application: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    case, vault, pool = await applied(service, application), service.intake.vault, service.runtime.pool
    folder = service.intake.settings.vault_dir
    copies: list[Any] = []

    async def dies(tx: Any, anew: Any, epoch: int) -> None:
        await real(tx, anew, epoch)
        copies.append(await tx.fetchrow("SELECT wrapped, epoch FROM vault_key WHERE application = $1", case))
        await keeps_one()
        raise OSError("killed")

    async def keeps_one() -> None:
        started = Vault(KeyEncryption(folder), vault.clock)
        for one in (vault, started):
            async with pool.acquire() as tx, tx.transaction():
                await asyncio.wait_for(one.keep(tx, [one.new(uuid4())]), 5)

    real = store.rewrap
    with monkeypatch.context() as patch:
        patch.setattr(store, "rewrap", dies)
        with pytest.raises(OSError, match="killed"):
            await rotate(pool, vault)
    await keeps_one()
    (copy,) = copies
    assert KeyEncryption(folder).unwrap(case, copy["wrapped"], copy["epoch"])
    async with pool.acquire() as tx, tx.transaction():
        await erase(tx, vault, {case: "retention-over"})
    assert await finish(pool, vault)
    assert len(list(folder.glob("[0-9]*.key"))) == 1
    for encryption in (vault.encryption, KeyEncryption(folder)):
        with pytest.raises(VaultKeysMissingError):
            encryption.unwrap(case, copy["wrapped"], copy["epoch"])


async def test_only_one_rotates_at_a_time(service: Service, application: dict[str, Any]) -> None:
    case, vault, pool = await applied(service, application), service.intake.vault, service.runtime.pool
    folder = service.intake.settings.vault_dir
    others = [Vault(KeyEncryption(folder), vault.clock) for _ in range(3)]
    done = await asyncio.gather(
        *(rotate(pool, one) for one in others), *(applied(service, application) for _ in range(5))
    )
    assert len(list(folder.glob("[0-9]*.key"))) == 1
    for one in (case, *(found for found in done if isinstance(found, UUID))):
        sealed = only(await service.outbox(one), ApplicationSubmitted).data.sealed  # type: ignore[attr-defined]
        assert (await vault.open(pool, one)).open("contact_name", sealed["contact_name"])


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def test_a_rotation_on_another_database_destroys_no_key(counter: Counter, tmp_path: Path) -> None:
    vault, pool = Vault(KeyEncryption(tmp_path), counter.clock), counter.service.runtime.pool
    vault.encryption.make(7)
    before = files(tmp_path)
    assert await rotate(pool, vault) == await finish(pool, vault) == 0
    await counter.apply()
    with pytest.raises(VaultKeysMissingError):
        await rotate(pool, vault)
    assert files(tmp_path) == before


def test_a_destroyed_key_is_overwritten_on_disk_and_may_be_gone_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = KeyEncryption(tmp_path), KeyEncryption(tmp_path)
    one.make(2)
    path, on_disk, sync = tmp_path / "1.key", [], os.fsync
    key = path.read_bytes()

    def note(descriptor: int) -> None:
        sync(descriptor)
        on_disk.extend([path.read_bytes()] if path.exists() else [])

    monkeypatch.setattr(os, "fsync", note)
    assert one.destroy_before(2) == [1]
    assert len(on_disk) == 1
    assert key not in on_disk
    other.destroy_before(2)
    assert other.epochs == {2}


async def test_the_time_of_a_withdrawn_case_passes(service: Service, application: dict[str, Any]) -> None:
    kept = await applied(service, application)
    case = await applied(service, application, withdrawn=True)
    vault = service.intake.vault
    files = Files(None)
    assert case not in await erase_due(service.runtime.pool, vault, files, Retention(10))
    gone = await erase_due(service.runtime.pool, vault, files, Retention(10, timedelta(0)))
    assert case in gone
    assert kept not in gone
    events = [one for one in await service.outbox(case) if one.source == "/intake/vault"]
    told = {case: [(one.sequence, one.id, encode_body(one.data)) for one in events]}
    head = await service.runtime.pool.fetchval("SELECT chain FROM vault_key WHERE application = $1", case)
    assert check(told, {case: head}) == {}
    assert check({}, {case: head}) == {case: "shorter"}
    assert check(told, {case: chain.FIRST}) == {case: "longer"}


def test_a_folder_of_keys_is_its_owners_alone(tmp_path: Path) -> None:
    KeyEncryption(tmp_path / "vault")
    assert (tmp_path / "vault").stat().st_mode & 0o777 == 0o700
