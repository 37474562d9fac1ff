"""What operators do with parked records, over HTTP: page by page, by key and without one."""

import time
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import pytest
from aiokafka import TopicPartition
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey
from tongban_runtime import failures, operations
from tongban_runtime.auth import AUDIENCE, Authenticator
from tongban_runtime.limits import Limiter
from tongban_runtime.parking import Parked, park
from tongban_runtime.records import Record

from .samples import submitted
from .test_consumer import Desk, record

_KEY = OKPKey.generate_key("Ed25519", {"kid": "k1", "use": "sig"})
_ISSUER = "http://issuer.invalid"
_PLACE = TopicPartition("tongban.applications.v1", 0)
_GOOD = submitted()


@pytest.fixture
async def client(runtime_pool: Any) -> Any:
    """An operator at a service whose consumer is called ``desk``."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    failures.install(app)
    app.include_router(operations.router)
    app.state.authenticator = Authenticator(_ISSUER, KeySet([OKPKey.import_key(_KEY.as_dict(private=False))]))
    app.state.limiter = Limiter()
    app.state.runtime = SimpleNamespace(pool=runtime_pool, processor=Desk().processor(runtime_pool, ""))
    claims = {
        "iss": _ISSUER,
        "aud": AUDIENCE,
        "sub": str(UUID(int=7)),
        "exp": int(time.time()) + 60,
        "role": "operator",
    }
    token = jwt.encode({"alg": "Ed25519", "kid": "k1"}, claims, _KEY, algorithms=["Ed25519"])
    headers = {"Authorization": f"Bearer {token}"}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as found:
        yield found


async def _set_aside(pool: Any, *parked: Parked) -> None:
    async with pool.acquire() as tx, tx.transaction():
        await park(tx, "desk", parked, 10)


def _junk(offset: int) -> Parked:
    return Parked(Record(_PLACE, offset, None, (), b"\x00"), None, "not_cloudevent", "no headers")


async def test_what_is_parked_is_read_page_by_page(client: httpx.AsyncClient, runtime_pool: Any) -> None:
    await _set_aside(runtime_pool, *(_junk(offset) for offset in range(201)))
    first = (await client.get("/ops/parked")).json()
    second = (await client.get("/ops/parked", params={"after": first[-1]["id"]})).json()
    assert [one["record_offset"] for one in (*first, *second)] == list(range(201))
    assert (len(first), len(second)) == (200, 1)
    assert not {"body", "header_values", "raw_key"} & first[0].keys()


@pytest.mark.parametrize("after", ["-1", str(2**63), "x"])
async def test_a_page_that_cannot_be_is_refused(client: httpx.AsyncClient, after: str) -> None:
    assert (await client.get("/ops/parked", params={"after": after})).status_code == 422


async def test_a_record_without_a_key_is_released_or_discarded_by_its_number(
    client: httpx.AsyncClient, runtime_pool: Any
) -> None:
    good = record(_PLACE, 0, _GOOD)
    await _set_aside(runtime_pool, Parked(good, None, "bad_attribute", "as an older version read it"), _junk(1))
    released, junk = [one["id"] for one in (await client.get("/ops/parked")).json()]
    assert (await client.post(f"/ops/parked/records/{released}/release")).json() == {"events": 1}
    again = await client.post(f"/ops/parked/records/{junk}/release")
    assert (again.status_code, again.json()["type"].rpartition(":")[2]) == (409, "still-parked")
    assert (await client.post(f"/ops/parked/records/{junk}/discard")).json() == {"records": 1}
    assert (await client.get("/ops/parked")).json() == []


async def test_a_record_with_a_key_goes_with_its_key_alone(client: httpx.AsyncClient, runtime_pool: Any) -> None:
    await _set_aside(runtime_pool, Parked(record(_PLACE, 0, _GOOD), _GOOD.subject, "handler_failed", "ours"))
    (one,) = (await client.get("/ops/parked")).json()
    assert (await client.post(f"/ops/parked/records/{one['id']}/discard")).status_code == 404
    assert (await client.post(f"/ops/parked/{_GOOD.subject}/release")).json() == {"events": 1}


@pytest.mark.parametrize(
    "what", [str(UUID(int=9)), "records/1", f"records/{2**63}", "records/-1", "%00", "%F0%9F%90%BC"]
)
@pytest.mark.parametrize("deed", ["release", "discard"])
async def test_what_is_not_parked_is_404(client: httpx.AsyncClient, what: str, deed: str) -> None:
    answer = await client.post(f"/ops/parked/{what}/{deed}")
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (404, "nothing-parked")
