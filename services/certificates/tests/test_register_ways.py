"""The ways into a register over HTTP and on the command line, on a real database."""

import json
import re
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey
from pydantic import SecretStr
from tongban_catalog.shelf import Shelf
from tongban_certificates import importing
from tongban_certificates.registers.api import bound
from tongban_certificates.registers.desk import RegisterDesk
from tongban_certificates.registers.holder import HolderKey, load_key
from tongban_certificates.registers.register import Registers
from tongban_certificates.settings import CertificatesSettings
from tongban_runtime import failures
from tongban_runtime.auth import SESSION_COOKIE, Authenticator, routes_without_policy
from tongban_runtime.limits import Limiter
from tongban_runtime.registry import Registry
from tongban_runtime.testing.clock import FakeClock
from tongban_schemas.events.catalog import ResourcePublished

from . import cases
from .conftest import hear
from .register_resources import COMPANIES, PERMITS, number

ISSUER = "http://issuer.test"
EVENTS = "/v1/registers/residence-permit-99/events"
IMPORT = "/v1/registers/residence-permit-99/import"
PAGE = "/registers/residence-permit-99"
VALUES = {"address": "示例路1号", "both_permits_valid": True, "valid_until": "2027-03-01"}
TABLE = (
    "holder,permit_number,holder_name,address,valid_until,both_permits_valid,members,kind\n"
    f"{number(1)},Z-1,示例儿童,示例路1号,2027-03-01,是,3,owned\n"
    f"{number(2)},Z-2,示例儿童,示例路2号,不知道,是,3,owned\n"
)


@pytest.fixture
def registers() -> Registers:
    return Registers(HolderKey(bytes(32)))


@pytest.fixture
async def app(pool: Any, shelf: Shelf, clock: FakeClock, registry: Registry, registers: Registers) -> FastAPI:
    """Serves two registers for their departments, of which this deployment keeps one."""
    published = [
        cases.fact(
            f"resource:{one.id}",
            ResourcePublished(resource=one.id, provider=one.provider, definition=one.definition),
            0,
            "/catalog",
        )
        for one in (PERMITS, COMPANIES)
    ]
    await hear(pool, registry, published)
    app = FastAPI()
    app.state.limiter = Limiter()
    app.include_router(bound(RegisterDesk(pool, clock, shelf, registers, {"public-security"})))
    failures.install(app)
    app.state.key = OKPKey.generate_key("Ed25519")
    app.state.authenticator = Authenticator(ISSUER, KeySet([app.state.key]))
    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://registers.test") as found:
        yield found


def token(app: FastAPI, role: str, *departments: str, subject: int = 5) -> dict[str, str]:
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": "tongban",
        "sub": str(UUID(int=subject)),
        "exp": int(time.time()) + 60,
        "role": role,
    }
    claims |= {"departments": list(departments), "service": "population-system"}
    return {"authorization": f"Bearer {jwt.encode({'alg': 'Ed25519'}, claims, app.state.key, algorithms=['Ed25519'])}"}


def news(name: str = "1", *, withdrawn: bool = False, at: str = "2026-03-02T01:30:00Z", **data: Any) -> dict[str, Any]:
    body = {"holder": number(1)} if withdrawn else {"holder": number(1), "values": VALUES}
    return {
        "specversion": "1.0",
        "id": name,
        "source": "/population",
        "type": f"cn.tongban.register.{'withdrawn' if withdrawn else 'put'}",
        "time": at,
        "data": body | data,
    }


async def send(client: httpx.AsyncClient, app: FastAPI, *events: dict[str, Any], **headers: str) -> httpx.Response:
    signed = token(app, "service", "public-security")
    kind = "application/cloudevents-batch+json"
    return await client.post(EVENTS, json=list(events), headers={**signed, "content-type": kind, **headers})


async def test_news_are_taken_in_once_and_the_newest_counts(
    client: httpx.AsyncClient, app: FastAPI, pool: Any, registers: Registers
) -> None:
    first = await send(client, app, news())
    assert (first.status_code, first.json()) == (200, {"taken": 1, "repeated": 0, "stale": 0})
    newer = news("2", at="2026-03-02T01:50:00Z", values={**VALUES, "address": "示例路2号"})
    older = news("3", at="2026-03-02T01:40:00Z", values={**VALUES, "address": "示例路3号"})
    assert (await send(client, app, newer, news(), newer)).json() == {"taken": 1, "repeated": 2, "stale": 0}
    assert (await send(client, app, older)).json() == {"taken": 0, "repeated": 0, "stale": 1}
    found = await registers.find(pool, PERMITS.id, number(1))
    assert found is not None
    assert (found.version, found.values["address"]) == (2, "示例路2号")
    assert found.valid_until is not None
    assert found.valid_until.isoformat() == "2027-03-01T16:00:00+00:00"
    single = token(app, "service", "public-security") | {"content-type": "application/cloudevents+json; charset=utf-8"}
    gone = await client.post(EVENTS, json=news("4", withdrawn=True, at="2026-03-02T01:59:00Z"), headers=single)
    assert gone.json()["taken"] == 1
    assert await registers.find(pool, PERMITS.id, number(1)) is None


@pytest.mark.parametrize(
    ("events", "rule", "field"),
    [
        ([news(), news("2", values={"adress": "示例路7号"})], "unknown-field", "values"),
        ([news(values={"both_permits_valid": "示例路7号"})], "not-yes-or-no", "both_permits_valid"),
        ([news(values={"address": ["示例路7号"]})], "not-text", "address"),
        ([news(values={})], "no-values", None),
        ([news(holder="示例路7号")], "holder", "holder"),
        ([news(at="2026-03-02T03:00:00Z")], "in-the-future", "time"),
        ([{**news(), "time": "示例路7号"}], "not-a-cloudevent", "0.time"),
        ([{**news(), "specversion": "0.3"}], "not-a-cloudevent", "0.specversion"),
        ([{**news(), "type": "示例路7号"}], "not-a-cloudevent", "0"),
        ([news(示例路7号=1)], "not-a-cloudevent", "0.data"),
        ([news("示例路7号\x00")], "not-a-cloudevent", "0.id"),
        ([news(at="0001-01-01T00:00:00+08:00")], "not-a-cloudevent", "0.time"),
        ([news(valid_until="0001-01-01T00:00:00+08:00")], "not-a-cloudevent", "0.data.valid_until"),
        ([news(str(place)) for place in range(1001)], "too-many", "body"),
    ],
)
async def test_wrong_news_are_refused_whole_and_their_values_are_not_repeated(
    client: httpx.AsyncClient, app: FastAPI, pool: Any, events: list[dict[str, Any]], rule: str, field: str | None
) -> None:
    answer = await send(client, app, *events)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:tongban:problem:events-refused")
    (error,) = answer.json()["errors"]
    assert (error["rule"], error["field"]) == (rule, field)
    assert "示例路7号" not in answer.text
    assert await pool.fetchval("SELECT count(*) FROM register_record") == 0


@pytest.mark.parametrize(
    "end", [{"valid_until": "9999-12-31T23:59:59-08:00"}, {"values": {**VALUES, "valid_until": "9999-12-31"}}]
)
async def test_the_year_9999_is_no_end(
    client: httpx.AsyncClient, app: FastAPI, registers: Registers, pool: Any, end: dict[str, Any]
) -> None:
    values = {"values": {"address": "示例路1号"}}
    assert (await send(client, app, news(**{**values, **end}))).status_code == 200
    found = await registers.find(pool, PERMITS.id, number(1))
    assert found is not None
    assert found.valid_until is None


async def test_a_body_that_is_too_long_or_no_json_is_refused(client: httpx.AsyncClient, app: FastAPI) -> None:
    signed = token(app, "service", "public-security") | {"content-type": "application/cloudevents+json"}
    assert (await client.post(EVENTS, content=b"x" * (1024 * 1024 + 1), headers=signed)).status_code == 413
    for content in (b"", b"{", b"\xff", b"[" * 100_000):
        assert (await client.post(EVENTS, content=content, headers=signed)).status_code == 422
    assert (await client.post(EVENTS, json=news(), headers=signed | {"content-type": "text/plain"})).status_code == 422


@pytest.mark.parametrize(
    ("role", "departments", "status"),
    [
        ("service", ("public-security",), 422),
        ("service", ("housing",), 404),
        ("officer", ("public-security",), 403),
        ("citizen", (), 403),
    ],
)
async def test_only_the_providers_own_system_sends_news(
    client: httpx.AsyncClient, app: FastAPI, role: str, departments: tuple[str, ...], status: int
) -> None:
    assert (await client.post(EVENTS, headers=token(app, role, *departments))).status_code == status
    assert (await client.post(EVENTS)).status_code == 401


@pytest.mark.parametrize("address", [IMPORT, PAGE])
@pytest.mark.parametrize(
    ("role", "departments", "status"),
    [("officer", ("housing",), 404), ("service", ("public-security",), 403), ("citizen", (), 403)],
)
async def test_only_the_providers_own_officers_bring_in_tables(
    client: httpx.AsyncClient, app: FastAPI, address: str, role: str, departments: tuple[str, ...], status: int
) -> None:
    answer = await client.post(address, files={"file": TABLE}, headers=token(app, role, *departments))
    assert answer.status_code == status


async def test_a_register_that_another_deployment_keeps_is_not_here(client: httpx.AsyncClient, app: FastAPI) -> None:
    answer = await client.get("/registers/business-licence-99", headers=token(app, "officer", "market-regulation"))
    assert answer.status_code == 404


async def test_good_rows_of_a_table_go_in_and_bad_ones_are_told(
    client: httpx.AsyncClient, app: FastAPI, pool: Any, registers: Registers
) -> None:
    headers = token(app, "officer", "public-security")
    answer = await client.post(IMPORT, files={"file": ("../登记.xlsx", TABLE)}, headers=headers)
    assert answer.status_code == 200
    body = answer.json()
    (fault,) = body.pop("faults")
    assert body == {
        "resource": "residence-permit-99",
        "preview": None,
        "notes": [],
        "total": 2,
        "added": 1,
        "changed": 0,
        "withdrawn": 0,
        "unchanged": 0,
        "bad": 1,
    }
    assert (fault["row"], fault["column"], fault["rule"]) == (3, "valid_until", "not-a-date")
    assert "不知道" not in answer.text
    assert await registers.find(pool, PERMITS.id, number(1)) is not None
    assert await registers.find(pool, PERMITS.id, number(2)) is None
    (noted,) = await pool.fetch("SELECT officer, good, bad FROM register_import")
    assert tuple(noted) == (UUID(int=5), 1, 1)


async def test_the_page_shows_a_table_first_and_takes_it_when_it_is_confirmed(
    client: httpx.AsyncClient, app: FastAPI, pool: Any, registers: Registers
) -> None:
    headers = token(app, "officer", "public-security")
    form = await client.get(PAGE, headers=headers)
    assert 'enctype="multipart/form-data"' in form.text
    assert "<script" not in form.text
    shown = await client.post(PAGE, files={"file": TABLE}, headers=headers)
    assert "有误 1 行。还没有导入。" in shown.text
    assert "第 3 行" in shown.text
    assert "不知道" not in shown.text
    assert await registers.find(pool, PERMITS.id, number(1)) is None
    assert await pool.fetchval("SELECT count(*) FROM register_import") == 0
    (confirmation,) = re.findall(r'action="(/registers/[^"]+/imports/[^"]+)"', shown.text)
    other = token(app, "officer", "public-security", subject=6)
    assert (await client.post(confirmation, headers=other)).status_code == 404
    taken = await client.post(confirmation, headers=headers)
    assert "已导入 1 行" in taken.text
    assert await registers.find(pool, PERMITS.id, number(1)) is not None
    again = await client.post(confirmation, headers=headers)
    assert (again.status_code, "已经导入过了" in again.text) == (409, True)
    wrong = await client.post(PAGE, files={"file": b"PK\x03\x04"}, headers=headers)
    assert (wrong.status_code, "工作簿无法读取" in wrong.text) == (422, True)
    session = {"cookie": f"{SESSION_COOKIE}={headers['authorization'].removeprefix('Bearer ')}"}
    for site, status in (("cross-site", 403), ("same-origin", 200)):
        sent = await client.post(PAGE, files={"file": TABLE}, headers=session | {"sec-fetch-site": site})
        assert (site, sent.status_code) == (site, status)
    assert (await client.post(IMPORT, headers=headers)).json()["type"].endswith("no-file")


async def test_a_preview_counts_as_it_was_read_and_for_an_hour(
    client: httpx.AsyncClient, app: FastAPI, pool: Any, registers: Registers, clock: FakeClock
) -> None:
    headers = token(app, "officer", "public-security")
    content = "\n".join([*TABLE.splitlines()[:2], f"{number(3)},Z-3,示例,示例,长期,否,1,owned"])
    shown = (await client.post(f"{IMPORT}?preview=true", files={"file": content}, headers=headers)).json()
    assert (shown["total"], shown["added"], shown["bad"]) == (2, 2, 0)
    stored = await pool.fetchval("SELECT entries::text FROM register_preview")
    assert number(1) not in stored
    clock.advance(timedelta(minutes=30))
    address = f"/v1/registers/{PERMITS.id}/imports/{shown['preview']}"
    taken = await client.post(address, headers=headers)
    assert {**taken.json(), "preview": shown["preview"], "notes": shown["notes"]} == shown
    found = await registers.find(pool, PERMITS.id, number(3))
    assert found is not None
    assert (found.values["valid_until"], found.valid_until) == ("9999-12-31", None)
    assert await pool.fetchval("SELECT count(*) FROM register_preview") == 0
    late = (await client.post(f"{IMPORT}?preview=true", files={"file": content}, headers=headers)).json()
    assert late["unchanged"] == 2
    clock.advance(timedelta(minutes=61))
    gone = await client.post(f"/v1/registers/{PERMITS.id}/imports/{late['preview']}", headers=headers)
    assert (gone.status_code, gone.json()["type"]) == (404, "urn:tongban:problem:preview-gone")


async def test_an_officer_finds_the_registers_of_the_department_and_a_template(
    client: httpx.AsyncClient, app: FastAPI
) -> None:
    mine, other = token(app, "officer", "public-security"), token(app, "officer", "market-regulation")
    assert (await client.get("/v1/registers", headers=mine)).json() == [
        {"resource": PERMITS.id, "name_zh": "示例信息", "name_en": "Example", "records": 0}
    ]
    page = await client.get("/registers", headers=mine)
    assert f'href="/registers/{PERMITS.id}"' in page.text
    assert (await client.get("/v1/registers", headers=other)).json() == []
    assert "没有信息资源" in (await client.get("/registers", headers=other)).text
    file = await client.get(f"{PAGE}/template.xlsx", headers=mine)
    assert (file.status_code, file.content[:2]) == (200, b"PK")
    assert (await client.get(f"{PAGE}/template.xlsx", headers=other)).status_code == 404


async def test_what_a_table_may_hold_is_told_with_its_names(client: httpx.AsyncClient, app: FastAPI) -> None:
    headers = token(app, "officer", "public-security")
    unknown = TABLE.replace("kind", "手机号")
    problem = (await client.post(IMPORT, files={"file": unknown}, headers=headers)).json()
    assert problem["columns"] == ["H 手机号"]
    assert "kind 类别" in problem["allowed"]
    shown = await client.post(PAGE, files={"file": unknown}, headers=headers)
    assert "H 手机号" in shown.text
    assert "kind 类别" in shown.text
    listed = await client.post(PAGE, files={"file": TABLE.replace("owned", "租房")}, headers=headers)
    assert "类别：不在规定的取值之内：owned、leased、employer" in listed.text


def test_every_route_has_one_policy(app: FastAPI) -> None:
    assert [path for path in routes_without_policy(app) if "registers" in path] == []


async def test_the_command_takes_a_table_and_writes_the_report(
    pool: Any, dsn: str, app: FastAPI, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = CertificatesSettings(
        instance="certificates",
        kafka="127.0.0.1:1",
        database=SecretStr(dsn),
        token_issuer=ISSUER,
        token_jwks="file:///none",
        verify_url="http://verify.test",
        signing_dir=tmp_path,
        registers=frozenset({"public-security"}),
    )
    table, report = tmp_path / "table.csv", tmp_path / "report.csv"
    table.write_text(TABLE, "gb18030")
    assert await importing.command(settings, [PERMITS.id, str(table), "--preview"]) == 1
    assert "没有导入" in capsys.readouterr().out
    assert await pool.fetchval("SELECT count(*) FROM register_record") == 0
    assert await importing.command(settings, [PERMITS.id, str(table), "--report", str(report)]) == 1
    assert "新增 added 1" in capsys.readouterr().out
    lines = report.read_text("utf-8-sig").splitlines()
    assert lines[0] == "row,column,rule,message_zh,message_en"
    assert lines[1].startswith("3,valid_until,not-a-date,")
    assert await Registers(load_key(settings.register_key_file)).find(pool, PERMITS.id, number(1)) is not None
    assert await importing.command(settings, [COMPANIES.id, str(table)]) == 2
    table.write_text("a,b\n", "utf-8")
    assert await importing.command(settings, [PERMITS.id, str(table)]) == 2
    told = capsys.readouterr().out
    assert "列 columns: A a; B b" in told
    assert "kind 类别" in told
    assert await importing.command(settings, [PERMITS.id, str(tmp_path / "none.csv")]) == 2
    assert json.dumps(TABLE)[5:20] not in capsys.readouterr().out
