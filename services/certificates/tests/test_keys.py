"""Certificates and the keys of a case: asked for to make and to hand over, sealed in store, gone after an erasure."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey
from tongban_catalog.shelf import Shelf
from tongban_certificates.api import make_app
from tongban_certificates.credentials import load_trust_anchor
from tongban_certificates.issuing import IssuingWorker
from tongban_certificates.sealing import file_field
from tongban_certificates.verification import CertificateVerifier
from tongban_runtime import failures
from tongban_runtime.auth import Authenticator
from tongban_runtime.keys import KeyRequest, NoVault, Refused, VaultUnavailableError
from tongban_runtime.registry import Registry
from tongban_runtime.sealing import CaseKeys
from tongban_runtime.testing.clock import FakeClock
from tongban_runtime.testing.keys import TestKeyring
from tongban_schemas.envelope import Event
from tongban_schemas.events.access import FIRST_CHAIN, AccessDoubted, AccessErased

from . import cases
from .conftest import hear

MakeWorker = Callable[[], IssuingWorker]
PERSON = cases.case_id("person")
CASE = cases.granted_case("person", cases.PERSONAL, applicant_name="欧阳示例", applicant_id="990102188001011234")


def erased(application: UUID) -> Event:
    data = AccessErased(ground="retention-over", basis="示例规则", key="0" * 64, chain=FIRST_CHAIN)
    return cases.fact(str(application), data, 1000, "/intake/vault")


@pytest.fixture
async def client(
    pool: Any, shelf: Shelf, clock: FakeClock, signing_directory: Any, keyring: TestKeyring
) -> AsyncIterator[httpx.AsyncClient]:
    key = OKPKey.generate_key("Ed25519")
    app = make_app(pool, shelf, clock, CertificateVerifier(load_trust_anchor(signing_directory)), keyring)
    failures.install(app)
    app.state.authenticator = Authenticator("http://issuer.test", KeySet([key]))
    claims = {
        "iss": "http://issuer.test",
        "aud": "tongban",
        "sub": str(cases.APPLICANT),
        "exp": 4_000_000_000,
        "role": "citizen",
    }
    token = jwt.encode({"alg": "Ed25519"}, claims, key, algorithms=["Ed25519"])
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://verify.test", headers=headers
    ) as found:
        yield found


async def test_making_asks_for_the_holder_and_the_file_alone(
    pool: Any, registry: Registry, make_worker: MakeWorker, keyring: TestKeyring
) -> None:
    await hear(pool, registry, [*cases.catalogue(), *CASE, *cases.granted_case("company", cases.REPAIR)])
    assert await make_worker().issue_due() == 2
    numbers = {row["application"]: row["number"] for row in await pool.fetch("SELECT * FROM certificate")}
    company = cases.case_id("company")
    named = frozenset({"applicant_name", "applicant_id", file_field(numbers[PERSON])})
    issuer = "administrative-approval"
    assert sorted(keyring.asked, key=lambda one: len(one.fields)) == [
        KeyRequest(company, "certify", frozenset({file_field(numbers[company])}), issuer),
        KeyRequest(PERSON, "certify", named, issuer),
    ]
    stored = b"".join(row["sealed"] for row in await pool.fetch("SELECT sealed FROM certificate_file"))
    assert b"%PDF" not in stored


async def test_a_refusal_holds_up_nobody_else(
    pool: Any, registry: Registry, make_worker: MakeWorker, keyring: TestKeyring, clock: FakeClock
) -> None:
    keyring.refusing[PERSON] = "case-closed"
    await hear(pool, registry, [*cases.catalogue(), *CASE, *cases.granted_case("company", cases.REPAIR)])
    assert await make_worker().issue_due() == 2
    (row,) = await pool.fetch("SELECT * FROM certificate WHERE state = 'due'")
    assert (row["application"], row["failure"]) == (PERSON, "keys_refused")
    keyring.refusing.clear()
    clock.advance(timedelta(seconds=1))
    assert await make_worker().issue_due() == 1
    assert await pool.fetchval("SELECT count(*) FROM certificate_file") == 2


async def test_without_the_vault_everything_waits(
    pool: Any, registry: Registry, make_worker: Callable[..., IssuingWorker]
) -> None:
    await hear(pool, registry, [*cases.catalogue(), *CASE])
    with pytest.raises(VaultUnavailableError):
        await make_worker(NoVault()).issue_due()
    assert await make_worker().issue_due() == 1


async def test_a_vault_that_is_slow_holds_up_no_case(
    pool: Any, registry: Registry, make_worker: Callable[..., IssuingWorker]
) -> None:
    asked, answered = asyncio.Event(), asyncio.Event()

    class Slow(TestKeyring):
        async def release(self, wanted: Sequence[KeyRequest]) -> list[CaseKeys | Refused]:
            asked.set()
            await answered.wait()
            return await TestKeyring.release(self, wanted)

    await hear(pool, registry, [*cases.catalogue(), *CASE])
    issuing = asyncio.create_task(make_worker(Slow()).issue_due())
    await asked.wait()
    async with asyncio.timeout(5):
        await hear(pool, registry, [cases.withdrawn("person", 900)])
    answered.set()
    assert await issuing == 1


async def test_what_is_due_no_more_by_then_is_not_made(
    pool: Any, registry: Registry, make_worker: Callable[..., IssuingWorker]
) -> None:
    class Meanwhile(TestKeyring):
        async def release(self, wanted: Sequence[KeyRequest]) -> list[CaseKeys | Refused]:
            await pool.execute("UPDATE certificate SET state = 'cancelled'")
            return await TestKeyring.release(self, wanted)

    await hear(pool, registry, [*cases.catalogue(), *CASE])
    assert await make_worker(Meanwhile()).issue_due() == 0
    assert not await pool.fetch("SELECT FROM certificate_file")


async def test_each_download_asks_for_its_holder(
    pool: Any, registry: Registry, make_worker: MakeWorker, keyring: TestKeyring, client: httpx.AsyncClient
) -> None:
    await hear(pool, registry, [*cases.catalogue(), *CASE])
    await make_worker().issue_due()
    number = await pool.fetchval("SELECT number FROM certificate")
    assert (await client.get(f"/v1/certificates/{number}/pdf")).content.startswith(b"%PDF")
    assert keyring.asked[-1] == KeyRequest(
        PERSON, "deliver", frozenset({file_field(number)}), "administrative-approval", person=cases.APPLICANT
    )


async def test_erasure_takes_the_file_and_the_name_and_nobody_elses(
    pool: Any, registry: Registry, make_worker: MakeWorker, client: httpx.AsyncClient, keyring: TestKeyring
) -> None:
    keyring.gone.add(PERSON)
    doubt = AccessDoubted(access=UUID(int=1), text="s1.AAAA", chain=FIRST_CHAIN)
    await hear(
        pool,
        registry,
        [*cases.catalogue(), *CASE, *cases.granted_case("other", cases.PERSONAL, applicant_name="示例甲")],
    )
    await make_worker().issue_due()
    number = await pool.fetchval("SELECT number FROM certificate WHERE application = $1", PERSON)
    events = [cases.fact(str(PERSON), doubt, 900), erased(PERSON), erased(cases.case_id("other"))]
    await hear(pool, registry, events, "duplicated")
    rows = await pool.fetch(
        "SELECT application, holder_shown, sealed FROM certificate LEFT JOIN certificate_file USING (number)"
    )
    found = {row["application"]: (row["holder_shown"], row["sealed"] is None) for row in rows}
    assert found == {PERSON: ("＊", True), cases.case_id("other"): ("示＊＊", False)}
    noted = await pool.fetch("SELECT subject, reason FROM not_believed")
    assert [tuple(row) for row in noted] == [(str(cases.case_id("other")), "not-confirmed")]
    answer = await client.get(f"/v1/certificates/{number}/pdf")
    assert (answer.status_code, answer.json()["type"]) == (410, "urn:tongban:problem:access-erased")
    page = (await client.get(f"/verify/{number}", headers={"accept": "text/html"})).text
    assert "证照有效" in page
    assert "欧" not in page
