"""People at work during a campaign: applicants who send until they are answered, officers who decide what is open."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import UUID

import httpx
from tongban_catalog.item import Item, split_personal
from tongban_catalog.load import load_catalog
from tongban_local import programs

from tests.chaos.system import System

_APPLICANT = UUID(int=0xA991)
_OFFICER = UUID(int=0x0FF1CE)
_TRANSIENT = (429, 500, 502, 503, 504)


@dataclass(slots=True)
class Submitted:
    """Applications that got a 202: id -> item code and the answers that are not personal."""

    cases: dict[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    withdrawn: set[str] = field(default_factory=set)
    retries: int = 0


async def apply(
    system: System, items: Sequence[Item], count: int, seconds: float, rng: random.Random, submitted: Submitted
) -> None:
    """Files ``count`` applications, evenly over ``seconds``; each is repeated with its key until it is answered."""
    headers = {"Authorization": f"Bearer {system.token('citizen', _APPLICANT)}"}
    async with (
        httpx.AsyncClient(base_url=system.url("intake"), headers=headers, timeout=5) as client,
        asyncio.TaskGroup() as group,
    ):
        for number in range(count):
            item = items[number % len(items)]
            group.create_task(_file(client, system.run, number, item, _answers(item, rng), submitted))
            await asyncio.sleep(seconds / count)


def _answers(item: Item, rng: random.Random) -> dict[str, Any]:
    """The item's example, with every yes/no branch drawn anew."""
    answers = item.form.example()
    if len(item.steps) == 1:
        return answers
    return {name: rng.random() < 0.5 if isinstance(value, bool) else value for name, value in answers.items()}


async def _file(
    client: httpx.AsyncClient, run: str, number: int, item: Item, answers: dict[str, Any], submitted: Submitted
) -> None:
    body = {"item": item.code, "region": "990101", "answers": answers}
    response = await _insist(client, "/v1/applications", body, submitted, {"Idempotency-Key": f"{run}-{number}"})
    response.raise_for_status()
    case = response.json()["application"]
    submitted.cases[case] = (item.code, split_personal(item, answers)[0])
    if number % 2 and _answered_by_rule(item):
        await _insist(client, f"/v1/proofs/{case}", {}, submitted, {})
    if number % 37 == 11:
        withdrawal = await _insist(client, f"/v1/applications/{case}/withdrawal", {}, submitted, {})
        if withdrawal.is_success:
            submitted.withdrawn.add(case)


def _answered_by_rule(item: Item) -> bool:
    """Whether the item has proofs to fetch, and none of them waits for a person at its source, whom a campaign does not have."""
    return {_sharing()[source.resource] for source in item.sources} == {"unconditional"}


@cache
def _sharing() -> Mapping[str, str]:
    """The class of sharing of every resource."""
    return {name: resource.sharing.kind for name, resource in load_catalog().resources.items()}


async def _insist(
    client: httpx.AsyncClient, path: str, body: dict[str, Any], submitted: Submitted, headers: dict[str, str]
) -> httpx.Response:
    async with asyncio.timeout(240):
        while True:
            try:
                response = await client.post(path, json=body, headers=headers)
                if response.status_code not in _TRANSIENT:
                    return response
            except httpx.TransportError:
                pass
            submitted.retries += 1
            await asyncio.sleep(0.3)


async def decide(system: System, service: str, refuse_share: float, seed: int) -> None:
    """Officers of one deployment: grant what is open, refuse a small share and what lacks a proof, for ever.

    Cancelled at the end.
    """
    departments = programs.APPROVALS[service]
    headers = {"Authorization": f"Bearer {system.token('officer', _OFFICER, departments)}"}
    async with httpx.AsyncClient(base_url=system.url(service), headers=headers, timeout=5) as client:
        while True:
            try:
                response = await client.get("/v1/tasks", params={"state": "open", "limit": 50})
                tasks = response.json()["tasks"] if response.status_code == 200 else []
                await asyncio.gather(*(_settle(client, task, refuse_share, seed) for task in tasks))
            except httpx.TransportError:
                tasks = []
            await asyncio.sleep(0.05 if tasks else 0.3)


async def _settle(client: httpx.AsyncClient, task: dict[str, Any], refuse_share: float, seed: int) -> None:
    place = f"/v1/tasks/{task['application']}/{task['step']}"
    if random.Random(f"{seed}{place}").random() < refuse_share:  # noqa: S311 - a seed makes the campaign repeatable
        await _refuse(client, place)
        return
    granted = await client.post(f"{place}/grant", json={})
    if granted.status_code == 409 and granted.json()["type"].endswith("evidence-missing"):
        await _refuse(client, place)


async def _refuse(client: httpx.AsyncClient, place: str) -> None:
    await client.post(f"{place}/refuse", json={"reason_code": "not-in-plan", "reason": "与规划不符"})
