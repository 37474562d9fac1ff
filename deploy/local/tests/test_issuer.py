import json
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from tongban_catalog.codes import citizen_id
from tongban_local import credentials, issuer, tokens

ISSUER = "http://127.0.0.1:20001"
BACK = "http://127.0.0.1:20002/session?from=issuer"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = issuer.build(tokens.prepare(tmp_path), ISSUER, issuer.known_clients(tmp_path))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ISSUER) as made:
        yield made


async def claims_of(client: httpx.AsyncClient, token: str) -> dict[str, object]:
    keys = KeySet.import_key_set((await client.get("/jwks")).json())
    return dict(jwt.decode(token, keys, algorithms=[tokens.ALGORITHM]).claims)


async def sign_in(client: httpx.AsyncClient, role: str) -> str:
    sent = await client.post("/authorize", data={"redirect_uri": BACK, "state": "s&1", "role": role})
    assert sent.status_code == 303
    query = parse_qs(urlsplit(sent.headers["location"]).query)
    assert query["state"] == ["s&1"]
    assert query["from"] == ["issuer"]
    return query["code"][0]


async def test_a_token_carries_what_was_asked_for(client: httpx.AsyncClient) -> None:
    asked = {"role": "officer", "sub": "0190a5f0-0000-7000-8000-000000000001", "departments": ["ecology"]}
    answer = await client.post("/token", json=asked)
    claims = await claims_of(client, answer.json()["token"])
    assert claims | asked == claims
    assert claims["iss"] == ISSUER


async def test_the_key_outlives_the_process_and_its_secret_half_stays_private(tmp_path: Path) -> None:
    first = tokens.prepare(tmp_path)
    assert tokens.prepare(tmp_path).thumbprint() == first.thumbprint()
    (published,) = json.loads((tmp_path / "jwks.json").read_text("utf-8"))["keys"]
    assert "d" not in published
    assert (tmp_path / "token-key.json").stat().st_mode & 0o777 == 0o600


async def test_signing_in_gives_a_code_that_is_good_once(client: httpx.AsyncClient) -> None:
    code = await sign_in(client, "reform")
    exchange = {"code": code, "redirect_uri": BACK}
    claims = await claims_of(client, (await client.post("/code", json=exchange)).json()["token"])
    assert claims["departments"] == ["development-reform", "ecology"]
    UUID(str(claims["sub"]))
    assert (await client.post("/code", json=exchange)).status_code == 400


async def test_a_code_is_good_for_its_address_only(client: httpx.AsyncClient) -> None:
    code = await sign_in(client, "applicant")
    answer = await client.post("/code", json={"code": code, "redirect_uri": "http://127.0.0.1:1/"})
    assert answer.status_code == 400


async def test_the_page_is_chinese_first_and_says_what_it_is(client: httpx.AsyncClient) -> None:
    page = await client.get("/authorize", params={"redirect_uri": BACK, "state": '"><script>'})
    assert page.text.index("仅供开发") < page.text.index("Development only")
    assert "演示申请人 Demo applicant" in page.text
    assert "<script>" not in page.text


@pytest.mark.parametrize(
    "address", ["https://example.com/", "//example.com/", "javascript:alert(1)", "http://127.0.0.1\\@a.b"]
)
async def test_nobody_is_sent_to_another_machine(client: httpx.AsyncClient, address: str) -> None:
    assert (await client.get("/authorize", params={"redirect_uri": address})).status_code == 400
    form = {"redirect_uri": address, "role": "applicant"}
    assert (await client.post("/authorize", data=form)).status_code == 400


async def test_a_foreign_host_name_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/token", json={"role": "operator"}, headers={"Host": "rebound.example"})
    assert answer.status_code == 400


async def test_a_service_signs_in_with_its_own_secret(client: httpx.AsyncClient, tmp_path: Path) -> None:
    form, name = {"grant_type": "client_credentials"}, "certificates-98"
    secret = credentials.client_secret(tmp_path, name)
    answer = await client.post("/oauth/token", data=form, auth=(name, secret))
    claims = await claims_of(client, answer.json()["access_token"])
    assert (claims["role"], claims["service"]) == ("service", "certificates")
    assert "street-office-98" in claims["departments"]  # type: ignore[operator]
    assert "housing" not in claims["departments"]  # type: ignore[operator]
    assert answer.json()["expires_in"] == issuer.SERVICE_LIFETIME
    for who in ((name, "guessed"), ("certificates", secret), ("nobody", "")):
        assert (await client.post("/oauth/token", data=form, auth=who)).status_code == 401
    assert (await client.post("/oauth/token", data=form)).status_code == 401
    other = {"grant_type": "password"}
    assert (await client.post("/oauth/token", data=other, auth=(name, secret))).status_code == 400
    assert (tmp_path / "clients" / name).stat().st_mode & 0o777 == 0o600


async def test_nobody_signs_in_as_a_service_without_its_secret(client: httpx.AsyncClient) -> None:
    answer = await client.post("/token", json={"role": "service", "service": "approvals"})
    assert answer.status_code == 403


async def test_a_citizen_has_a_verified_identity(client: httpx.AsyncClient) -> None:
    async def asked(**claims: object) -> httpx.Response:
        token = (await client.post("/token", json=claims)).json()["token"]
        return await client.get("/userinfo", headers={"Authorization": f"Bearer {token}"})

    demo = issuer.DEMO_ROLES[0]
    known = (await asked(role="citizen", sub=str(demo.subject))).json()
    assert known == {
        "sub": str(demo.subject),
        "name": "示例申请人",
        "id_number": "990101188001010015",
        "phone": "000-00000000",
    }
    for number in range(50):
        stranger = (await asked(role="citizen", sub=str(UUID(int=number)))).json()
        assert citizen_id(stranger["id_number"], date(2026, 1, 1)) == stranger["id_number"]
        assert stranger["id_number"].startswith("99")
    assert (await asked(role="officer")).status_code == 403
    assert (await client.get("/userinfo", headers={"Authorization": "Bearer x"})).status_code == 401
    assert (await client.get("/userinfo")).status_code in (401, 403)
