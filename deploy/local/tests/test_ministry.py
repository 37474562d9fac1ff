"""The simulated ministry: answers for one record, with what may be answered and nothing more."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tongban_local import ministry

HOLDER = "990100188001010010"
VALUES = {"child_name": "示例儿童", "child_birth_date": "2020-01-01", "household_region": "980100", "relation": "子女"}


def question(**changed: Any) -> dict[str, Any]:
    asked = {"request": "1", "purpose": "示例事项", "basis": "示例条例第一条", "fields": ["child_name"]}
    return {**asked, "holder": HOLDER, **changed}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(ministry.build(tmp_path))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:1") as made:
        yield made


async def test_a_record_is_answered_with_what_was_asked(client: httpx.AsyncClient, tmp_path: Path) -> None:
    ministry.keep(tmp_path, "household-register", {HOLDER: VALUES})
    answer = await client.post("/household-register", json=question())
    assert answer.status_code == 200
    body = answer.json()
    assert body.pop("recorded_at").endswith("+00:00")
    assert body == {"values": {"child_name": "示例儿童"}, "version": 1}


async def test_a_corrected_record_counts_on(client: httpx.AsyncClient, tmp_path: Path) -> None:
    for values in (VALUES, VALUES, {**VALUES, "child_name": "示例学童"}):
        ministry.keep(tmp_path, "household-register", {HOLDER: values})
    body = (await client.post("/household-register", json=question())).json()
    assert (body["values"], body["version"]) == ({"child_name": "示例学童"}, 2)


async def test_who_has_no_record_is_told_apart_from_a_wrong_address(client: httpx.AsyncClient) -> None:
    none = await client.post("/household-register", json=question())
    assert (none.status_code, none.json()) == (404, {"found": False})
    assert (await client.post("/other-register", json=question())).status_code == 422
    assert (await client.post("/", json=question())).json() != {"found": False}


@pytest.mark.parametrize("changed", [{"fields": []}, {"fields": ["other"]}, {"basis": ""}, {"more": 1}, {"holder": ""}])
async def test_a_question_says_what_for_and_asks_for_nothing_else(
    client: httpx.AsyncClient, tmp_path: Path, changed: dict[str, Any]
) -> None:
    ministry.keep(tmp_path, "household-register", {HOLDER: VALUES})
    answer = await client.post("/household-register", json=question(**changed))
    assert answer.status_code == 422
    assert "示例儿童" not in answer.text


async def test_foreign_hosts_are_turned_away(client: httpx.AsyncClient) -> None:
    answer = await client.post("/household-register", json=question(), headers={"host": "elsewhere.example"})
    assert answer.status_code == 400
