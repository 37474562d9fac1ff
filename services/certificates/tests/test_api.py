"""The HTTP interface over certificates that really were issued."""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey
from tongban_catalog.shelf import Shelf
from tongban_certificates.api import MAX_UPLOAD_BYTES, make_app
from tongban_certificates.credentials import load_trust_anchor
from tongban_certificates.document import CertificateRenderer
from tongban_certificates.handlers import CertificateHandlers
from tongban_certificates.issuing import IssuingWorker, Press
from tongban_certificates.registers.holder import HolderKey
from tongban_certificates.registers.register import Registers
from tongban_certificates.signing import CertificateSigner
from tongban_certificates.verification import CertificateVerifier
from tongban_runtime import failures
from tongban_runtime.auth import Authenticator, routes_without_policy
from tongban_runtime.database import create_pool
from tongban_runtime.health import Heartbeat
from tongban_runtime.testing.clock import FakeClock
from tongban_runtime.testing.injection import effects
from tongban_runtime.testing.keys import TestKeyring

from . import cases
from .conftest import opened

ISSUER = "http://issuer.test"
JSON = {"accept": "application/json"}
STRANGER = UUID(int=99)


@pytest.fixture(scope="module")
async def served(
    database: Callable[[str], Awaitable[str]],
    renderer: CertificateRenderer,
    signer: CertificateSigner,
    signing_directory: Path,
) -> AsyncIterator[SimpleNamespace]:
    """One company's issued certificate, one person's, one that is due, and an app that serves them."""
    pool = await create_pool(await database("tongban_certificates"), 6)
    shelf, clock = Shelf(), FakeClock()
    registers = Registers(HolderKey(bytes(32)))
    handlers = CertificateHandlers(shelf, clock, TestKeyring(), registers, {"administrative-approval"})
    person = cases.granted_case("person", cases.PERSONAL, applicant_name="欧阳示例")
    await effects(
        pool, handlers.registry(), [*cases.catalogue(), *cases.granted_case("company"), *person], "in-order", clock, 0
    )
    press = Press(renderer, signer, "http://verify.test")
    worker = IssuingWorker(
        pool=pool,
        clock=clock,
        shelf=shelf,
        press=press,
        keyring=(keyring := TestKeyring()),
        registers=registers,
        batch=16,
        parallel=1,
        heartbeat=Heartbeat("issuer"),
    )
    await worker.issue_due()
    await pool.execute("DELETE FROM position")
    due = cases.granted_case("due", cases.REPAIR)
    await effects(pool, handlers.registry(), due, "in-order", clock, 0)
    rows = await pool.fetch("SELECT * FROM certificate LEFT JOIN certificate_file USING (number)")
    found = {
        name: next(row for row in rows if row["application"] == cases.case_id(name))
        for name in ("company", "person", "due")
    }
    company_pdf = opened(found["company"])
    key = OKPKey.generate_key("Ed25519")
    app = make_app(pool, shelf, clock, CertificateVerifier(load_trust_anchor(signing_directory)), keyring)
    failures.install(app)
    app.state.authenticator = Authenticator(ISSUER, KeySet([key]))
    yield SimpleNamespace(app=app, key=key, keyring=keyring, pool=pool, company_pdf=company_pdf, **found)
    await pool.close()


@pytest.fixture
async def client(served: SimpleNamespace) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(served.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://verify.test") as found:
        yield found


def token(served: SimpleNamespace, sub: UUID, role: str, *departments: str) -> dict[str, str]:
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": "tongban",
        "sub": str(sub),
        "exp": int(time.time()) + 60,
        "role": role,
    }
    claims["departments"] = list(departments)
    signed = jwt.encode({"alg": "Ed25519"}, claims, served.key, algorithms=["Ed25519"])
    return {"authorization": f"Bearer {signed}"}


def test_every_route_has_one_policy(served: SimpleNamespace) -> None:
    app: FastAPI = served.app
    assert routes_without_policy(app) == []


async def test_holder_sees_and_downloads_the_certificate(client: httpx.AsyncClient, served: SimpleNamespace) -> None:
    number, holder = served.company["number"], token(served, cases.APPLICANT, "citizen")
    answer = await client.get(f"/v1/certificates/{number}", headers=holder)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["state"], body["pdf_sha256"]) == ("issued", served.company["sha256"])
    assert body["title"]["zh"] == cases.INVESTMENT.certificate.name.zh
    download = await client.get(f"/v1/certificates/{number}/pdf", headers=holder)
    assert download.headers["content-type"] == "application/pdf"
    assert download.content == served.company_pdf


async def test_due_certificate_is_seen_by_its_holder_and_by_nobody_else(
    client: httpx.AsyncClient, served: SimpleNamespace
) -> None:
    number, holder = served.due["number"], token(served, cases.APPLICANT, "citizen")
    assert (await client.get(f"/v1/certificates/{number}", headers=holder)).json()["state"] == "due"
    assert (await client.get(f"/v1/certificates/{number}/pdf", headers=holder)).status_code == 404
    assert (await client.get(f"/verify/{number}", headers=JSON)).status_code == 404


@pytest.mark.parametrize(
    ("sub", "role", "departments", "status"),
    [
        (STRANGER, "citizen", (), 404),
        (STRANGER, "officer", ("administrative-approval",), 200),
        (STRANGER, "officer", ("market-regulation",), 404),
        (STRANGER, "officer", ("development-reform",), 200),
        (STRANGER, "operator", (), 404),
    ],
)
async def test_only_those_concerned_see_a_certificate(
    client: httpx.AsyncClient,
    served: SimpleNamespace,
    sub: UUID,
    role: str,
    departments: tuple[str, ...],
    status: int,
) -> None:
    headers = token(served, sub, role, *departments)
    answer = await client.get(f"/v1/certificates/{served.company['number']}", headers=headers)
    assert answer.status_code == status


async def test_file_is_for_its_holder_alone(client: httpx.AsyncClient, served: SimpleNamespace) -> None:
    address = f"/v1/certificates/{served.company['number']}/pdf"
    assert (await client.get(address)).status_code == 401
    assert (await client.get(address, headers=token(served, STRANGER, "citizen"))).status_code == 404
    officer = token(served, STRANGER, "officer", "administrative-approval")
    assert (await client.get(address, headers=officer)).status_code == 403


async def test_anyone_verifies_a_number(client: httpx.AsyncClient, served: SimpleNamespace) -> None:
    number = served.company["number"]
    assert (await client.get(f"/verify/{number}", headers=JSON)).json() == {
        "number": number,
        "state": "valid",
        "title": {"zh": cases.INVESTMENT.certificate.name.zh, "en": cases.INVESTMENT.certificate.name.en},
        "holder": "示例制造有限公司",
        "issuer": {"zh": "行政审批局", "en": "Administrative Approval Bureau"},
        "issued_at": "2026-03-02T01:00:00Z",
        "valid_until": None,
        "replaces": None,
        "revoked_at": None,
        "revoked_for": None,
        "replaced_by": None,
        "pdf_sha256": served.company["sha256"],
    }
    page = await client.get(f"/verify/{number.lower()}")
    assert page.status_code == 200
    assert "证照有效" in page.text
    assert "示例制造有限公司" in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


async def test_public_page_masks_a_persons_name(client: httpx.AsyncClient, served: SimpleNamespace) -> None:
    page = await client.get(f"/verify/{served.person['number']}")
    assert "欧＊＊" in page.text
    assert "欧阳" not in page.text


@pytest.mark.parametrize("number", ["1.2.156.3005.2.wrong", "x", "%3Cscript%3E"])
async def test_unknown_number_is_told_plainly(client: httpx.AsyncClient, number: str) -> None:
    page = await client.get(f"/verify/{number}")
    assert page.status_code == 404
    assert "登记簿中没有这个编号的有效证照" in page.text
    assert "<script>" not in page.text
    problem = await client.get(f"/verify/{number}", headers=JSON)
    assert problem.headers["content-type"] == "application/problem+json"


async def test_form_leads_to_the_number(client: httpx.AsyncClient) -> None:
    assert (await client.get("/")).headers["location"] == "/verify"
    form = await client.get("/verify")
    assert 'enctype="multipart/form-data"' in form.text
    assert "<script" not in form.text
    answer = await client.get("/verify", params={"number": " 1.2.156/../x?y "})
    assert answer.headers["location"] == "/verify/1.2.156..xy"
    assert (await client.get("/verify.css")).headers["content-type"].startswith("text/css")


async def test_uploaded_original_is_valid_and_named(client: httpx.AsyncClient, served: SimpleNamespace) -> None:
    files = {"file": ("证照.pdf", served.company_pdf, "application/pdf")}
    body = (await client.post("/verify", files=files, headers=JSON)).json()
    assert body["outcome"] == "valid"
    assert body["certificate"]["number"] == served.company["number"]
    page = await client.post("/verify", files=files)
    assert "签发后未被改动" in page.text
    assert served.company["number"] in page.text


async def test_uploaded_forgery_is_altered(client: httpx.AsyncClient, served: SimpleNamespace) -> None:
    changed = bytearray(served.company_pdf)
    changed[2000] ^= 1
    body = (await client.post("/verify", files={"file": bytes(changed)}, headers=JSON)).json()
    assert (body["outcome"], body["certificate"]) == ("altered", None)
    assert "请勿采信" in (await client.post("/verify", files={"file": bytes(changed)})).text


async def test_a_byte_that_the_signature_does_not_cover_is_noticed_too(
    client: httpx.AsyncClient, served: SimpleNamespace
) -> None:
    """The room that is left in the signature's own container is outside of what it signs."""
    changed = bytearray(served.company_pdf)
    room = changed.rindex(b"0" * 100 + b">")
    changed[room] = ord("1")
    body = (await client.post("/verify", files={"file": bytes(changed)}, headers=JSON)).json()
    assert (body["outcome"], body["certificate"]) == ("not_registered", None)
    assert "逐字节相同" in (await client.post("/verify", files={"file": bytes(changed)})).text


async def test_too_large_upload_is_refused_while_it_arrives(client: httpx.AsyncClient) -> None:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.pdf"\r\n\r\n'
        for _ in range(40):
            sent += 1
            yield b"\x00" * 1024 * 1024

    headers = {"content-type": "multipart/form-data; boundary=b"}
    answer = await client.post("/verify", content=body(), headers=headers)
    assert answer.status_code == 413
    assert sent < 8
    assert "原始证照文件" in answer.json()["detail_zh"]
    exact = await client.post("/verify", files={"file": b"\x00" * (MAX_UPLOAD_BYTES + 1)})
    assert exact.status_code == 413


@pytest.mark.parametrize("files", [{"other": b"x"}, None])
async def test_upload_without_a_file_says_what_to_do(client: httpx.AsyncClient, files: Any) -> None:
    answer = await client.post("/verify", files=files)
    assert answer.status_code == 422
    assert "请选择" in answer.json()["detail_zh"]


async def test_openapi_document_names_the_public_check(client: httpx.AsyncClient) -> None:
    paths = json.loads((await client.get("/openapi.json")).text)["paths"]
    assert {"/verify", "/verify/{number}", "/v1/certificates/{number}", "/v1/certificates/{number}/pdf"} == set(paths)
