"""The inbox over HTTP: a person reads their own messages, page by page, and nobody else's."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import httpx
import pytest
from joserfc.jwk import KeySet, OKPKey
from pydantic import SecretStr
from tongban_catalog.shelf import Shelf
from tongban_local.tokens import Role, TokenRequest, sign
from tongban_notify.handlers import registry
from tongban_notify.settings import Settings
from tongban_notify.wiring import wire
from tongban_runtime.auth import Authenticator, routes_without_policy
from tongban_runtime.database import Pool
from tongban_runtime.health import Health
from tongban_runtime.service import Runtime, prepare_app
from tongban_runtime.testing.clock import FakeClock
from tongban_runtime.testing.keys import TestKeyring

from .eventful import every_news
from .history import ADDRESS, PERSON, submitted, whole_case

ISSUER = "http://issuer.example"
KEY = OKPKey.generate_key("Ed25519", {"use": "sig", "alg": "Ed25519"}, auto_kid=True)


@pytest.fixture
async def runtime(informed_pool: Pool, clock: FakeClock) -> Runtime:
    settings = Settings(
        instance="notify",
        kafka="127.0.0.1:1",
        database=SecretStr("postgresql://unused"),
        token_issuer=ISSUER,
        token_jwks="file:///unused",
        smtp="127.0.0.1:25",
        public_url="https://portal.example",
    )
    return Runtime(
        settings,
        informed_pool,
        Health(60),
        clock,
        Authenticator(ISSUER, KeySet([KEY])),
        keyring=TestKeyring(),
    )


@pytest.fixture
async def client(runtime: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    parts = await wire(runtime)
    app = prepare_app(parts.app, runtime)
    assert routes_without_policy(app) == []
    assert set(parts.workers) == {"sender"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://notify") as opened:
        yield opened


def bearer(person: UUID = PERSON, role: Role = "citizen") -> dict[str, str]:
    return {"Authorization": f"Bearer {sign(KEY, ISSUER, TokenRequest(role=role, sub=person))}"}


@pytest.fixture
async def case(informed_pool: Pool, clock: FakeClock) -> str:
    case = str(uuid4())
    events = [*whole_case(case), submitted(str(uuid4()), person=UUID(int=5))]
    async with informed_pool.acquire() as tx, tx.transaction():
        await registry(Shelf(), clock).handler_of(events[0].type).function(tx, events)
    return case


async def test_messages_come_newest_first_in_both_languages(client: httpx.AsyncClient, case: str) -> None:
    answer = await client.get("/v1/messages", headers=bearer())
    assert answer.status_code == 200
    page = answer.json()
    abouts = [message["about"] for message in page["messages"]]
    assert abouts == ["issued", "granted", "refused", "granted", "correction", "accepted", "submitted"]
    assert page["next"] is None
    newest = page["messages"][0]
    assert newest["zh"]["title"] == "电子证照已签发：建筑工程施工许可证"
    assert newest["en"]["title"] == "Certificate issued: Construction permit"
    assert newest["link"] == f"https://portal.example/applications/{case}"
    assert newest["language"] == "zh"
    assert newest["read_at"] is None
    assert ADDRESS not in answer.text


async def test_the_officers_words_stand_in_the_persons_inbox(
    client: httpx.AsyncClient, runtime: Runtime, informed_pool: Pool, clock: FakeClock
) -> None:
    events = every_news(str(uuid4()))
    async with informed_pool.acquire() as tx, tx.transaction():
        await registry(Shelf(), clock).handler_of(events[0].type).function(tx, events)
    messages = (await client.get("/v1/messages", params={"limit": 100}, headers=bearer())).json()["messages"]
    extended = next(message for message in messages if message["about"] == "extended")
    assert "理由：因为extended" in extended["zh"]["happened"]
    assert isinstance(runtime.keyring, TestKeyring)
    asked = runtime.keyring.asked
    assert {(one.purpose, one.department, one.officer) for one in asked} == {("notify", None, None)}
    assert not [one for one in asked if "contact_email" in one.fields]
    assert len(asked) == 1


async def test_without_keys_the_message_leads_to_the_status_page(
    client: httpx.AsyncClient, runtime: Runtime, case: str
) -> None:
    assert isinstance(runtime.keyring, TestKeyring)
    runtime.keyring.refusing[UUID(case)] = "erased"
    messages = (await client.get("/v1/messages", headers=bearer())).json()["messages"]
    refused = next(message for message in messages if message["about"] == "refused")
    assert "请在办理进度页面查看理由" in refused["zh"]["happened"]
    assert len(messages) == 7


async def test_nothing_personal_rests_in_the_clear(informed_pool: Pool, clock: FakeClock) -> None:
    events = every_news(str(uuid4()))
    async with informed_pool.acquire() as tx, tx.transaction():
        await registry(Shelf(), clock).handler_of(events[0].type).function(tx, events)
    assert not await informed_pool.fetch("SELECT FROM notification WHERE particulars::text LIKE '%因为%'")


async def test_pages_follow_one_another_without_gap_or_repetition(client: httpx.AsyncClient, case: str) -> None:
    whole = (await client.get("/v1/messages", headers=bearer())).json()["messages"]
    found: list[dict[str, object]] = []
    query = {"limit": "3"}
    while True:
        page = (await client.get("/v1/messages", params=query, headers=bearer())).json()
        found += page["messages"]
        if page["next"] is None:
            break
        query["before"] = page["next"]
    assert found == whole


async def test_a_message_is_read_once_and_only_by_its_person(
    client: httpx.AsyncClient, case: str, clock: FakeClock
) -> None:
    message = (await client.get("/v1/messages", headers=bearer())).json()["messages"][0]["id"]
    path = f"/v1/messages/{message}/read"
    stranger = await client.post(path, headers=bearer(UUID(int=5)))
    assert stranger.status_code == 404
    assert stranger.json()["type"] == "urn:tongban:problem:message-not-found"
    for _ in range(2):
        assert (await client.post(path, headers=bearer())).status_code == 204
    read_at = (await client.get("/v1/messages", headers=bearer())).json()["messages"][0]["read_at"]
    assert read_at == clock.now().isoformat().replace("+00:00", "Z")


async def test_others_see_nothing_of_it(client: httpx.AsyncClient, case: str) -> None:
    assert (await client.get("/v1/messages", headers=bearer(uuid4()))).json() == {"messages": [], "next": None}
    other = (await client.get("/v1/messages", headers=bearer(UUID(int=5)))).json()["messages"]
    assert [message["about"] for message in other] == ["submitted"]
    assert (await client.get("/v1/messages")).status_code == 401
    assert (await client.get("/v1/messages", headers=bearer(role="officer"))).status_code == 403


@pytest.mark.parametrize(
    "cursor", ["x", "!!!!", "MjAyNi0wMy0wMlQwMTozMDowMHxhYmM=", "é", "MjAyNi0wMy0wMlQwMTozMDowMA=="]
)
async def test_a_made_up_cursor_is_refused(client: httpx.AsyncClient, cursor: str) -> None:
    answer = await client.get("/v1/messages", params={"before": cursor}, headers=bearer())
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:tongban:problem:invalid-cursor"
