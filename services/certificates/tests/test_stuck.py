"""What operators see of certificates that cannot be made, and how they have them tried again, over HTTP."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey
from tongban_catalog.shelf import Shelf
from tongban_certificates import sealing, store
from tongban_certificates.api import make_app
from tongban_certificates.credentials import load_trust_anchor
from tongban_certificates.issuing import IssuingWorker
from tongban_certificates.stuck import stuck_router
from tongban_certificates.verification import CertificateVerifier
from tongban_runtime import failures
from tongban_runtime.auth import Authenticator
from tongban_runtime.registry import Registry
from tongban_runtime.testing.clock import FakeClock
from tongban_runtime.testing.keys import TestKeyring

from . import cases
from .conftest import hear

ISSUER = "http://issuer.test"
RARE, REFUSED, NAMELESS = (cases.case_id(name) for name in ("rare", "refused", "nameless"))
KEY = OKPKey.generate_key("Ed25519")


def token(role: str) -> dict[str, str]:
    claims: dict[str, Any] = {"iss": ISSUER, "aud": "tongban", "sub": str(UUID(int=7)), "exp": 4_000_000_000}
    claims |= {"role": role, "departments": []}
    return {"authorization": "Bearer " + jwt.encode({"alg": "Ed25519"}, claims, KEY, algorithms=["Ed25519"])}


@pytest.fixture
async def client(
    pool: Any,
    shelf: Shelf,
    clock: FakeClock,
    registry: Registry,
    keyring: TestKeyring,
    make_worker: Callable[[], IssuingWorker],
    signing_directory: Path,
) -> AsyncIterator[httpx.AsyncClient]:
    """An operator, after three certificates could not be made."""
    keyring.refusing[REFUSED] = "case-closed"
    told = [
        *cases.granted_case("rare", cases.REPAIR, company_name="示例\U0002ebf0\U0002ebf1\U0002ebf0公司"),
        *cases.granted_case("refused", cases.PERSONAL, applicant_name="欧阳示例", applicant_id="990102199001011234"),
        *cases.granted_case("nameless", cases.REPAIR, company_name=None),
    ]
    await hear(pool, registry, [*cases.catalogue(), *told])
    assert await make_worker().issue_due() == 3
    verifier = CertificateVerifier(load_trust_anchor(signing_directory))
    app = make_app(pool, shelf, clock, verifier, keyring, stuck_router(pool, clock))
    failures.install(app)
    app.state.authenticator = Authenticator(ISSUER, KeySet([KEY]))
    headers = {"accept": "application/json", **token("operator")}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://certificates.test", headers=headers) as found:
        yield found


async def stuck(client: httpx.AsyncClient) -> dict[UUID, dict[str, Any]]:
    answer = await client.get("/ops/certificates")
    assert answer.status_code == 200
    return {UUID(one["application"]): one for one in answer.json()}


async def test_each_is_told_with_what_it_failed_on_and_no_name(client: httpx.AsyncClient) -> None:
    found = await stuck(client)
    assert {case: (one["failure"], one["failure_about"], one["attempts"]) for case, one in found.items()} == {
        RARE: ("missing_glyph", ["U+2EBF0", "U+2EBF1"], 1),
        REFUSED: ("keys_refused", ["case-closed"], 1),
        NAMELESS: ("no_holder", ["company_name"], 1),
    }
    assert not any(name in str(found) for name in ("示例", "\U0002ebf0", "欧阳", "19900101"))


async def test_one_is_tried_again_at_once_and_gone_from_the_list_when_it_was_mended(
    client: httpx.AsyncClient, keyring: TestKeyring, make_worker: Callable[[], IssuingWorker]
) -> None:
    number = (await stuck(client))[REFUSED]["number"]
    keyring.refusing.clear()
    assert await make_worker().issue_due() == 0
    answer = await client.post(f"/ops/certificates/{number}/retry")
    assert (answer.status_code, answer.json()["application"]) == (202, str(REFUSED))
    assert await make_worker().issue_due() == 1
    assert set(await stuck(client)) == {RARE, NAMELESS}
    again = await client.post(f"/ops/certificates/{number}/retry")
    assert (again.status_code, again.json()["type"].endswith("not-stuck")) == (404, True)


@pytest.mark.parametrize(("headers", "status"), [({"authorization": ""}, 401), (token("officer"), 403)])
async def test_they_are_for_operators(client: httpx.AsyncClient, headers: dict[str, str], status: int) -> None:
    assert (await client.get("/ops/certificates", headers=headers)).status_code == status
    assert (await client.post("/ops/certificates/1.2/retry", headers=headers)).status_code == status


async def test_of_an_erased_case_no_character_of_the_name_is_told(client: httpx.AsyncClient, pool: Any) -> None:
    await store.erase(pool, [RARE], sealing.NOBODY_SHOWN)
    found = await stuck(client)
    assert (found[RARE]["failure_about"], found[NAMELESS]["failure_about"]) == ([], ["company_name"])
