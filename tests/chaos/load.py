"""People at work during a campaign: applicants who send until they are answered, officers who receive and decide what is open."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
from tongban_catalog.item import Item, split_personal
from tongban_local import programs
from tongban_local.issuer import person_of
from tongban_local.people import example
from tongban_local.tokens import TokenRequest

from tests.chaos.system import System

_APPLICANT = UUID(int=0xA991)
_OFFICER = UUID(int=0x0FF1CE)
REGION = "990101"
_TRANSIENT = (429, 500, 502, 503, 504)


@dataclass(slots=True)
class Submitted:
    """Applications that got a 202: id -> item code and the answers that are not personal.

    holders: the number whose records their proofs are, by case. disputed: those of which a proof was disputed.
    """

    cases: dict[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    holders: dict[str, str] = field(default_factory=dict)
    withdrawn: set[str] = field(default_factory=set)
    disputed: set[str] = field(default_factory=set)
    retries: int = 0

    def keep(self, case: str, item: Item, answers: Mapping[str, Any], holder: str | None = None) -> None:
        """Remembers an application."""
        self.cases[case] = (item.code, split_personal(item, answers)[0])
        if holder is not None:
            self.holders[case] = holder


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
    """The item's example, with every yes/no branch drawn anew, and what the sign-in knows as it knows it."""
    answers = item.form.example() | _signed_in(item)
    if len(item.steps) == 1:
        return answers
    return {name: rng.random() < 0.5 if isinstance(value, bool) else value for name, value in answers.items()}


def _signed_in(item: Item) -> dict[str, Any]:
    person, claims = person_of(str(_APPLICANT)), TokenRequest(role="citizen", sub=_APPLICANT)
    known = {"name": person.name, "id_number": person.id_number, "organisation_code": claims.acts_for}
    return {answer: known[fact] for answer, fact in item.from_sign_in.items()}


async def _file(
    client: httpx.AsyncClient, run: str, number: int, item: Item, answers: dict[str, Any], submitted: Submitted
) -> None:
    body = {"item": item.code, "region": REGION, "answers": answers}
    key = {"Idempotency-Key": f"{run}-{number}"}
    response = await insist(client, "/v1/applications", submitted, json=body, headers=key)
    response.raise_for_status()
    case = response.json()["application"]
    submitted.keep(case, item, answers, next((answers.get(source.holder) for source in item.sources), None))
    if item.sources:
        await insist(client, f"/v1/proofs/{case}", submitted)
    if number % 37 == 11:
        await withdraw(client, case, submitted)


async def withdraw(client: httpx.AsyncClient, case: str, submitted: Submitted) -> None:
    """Takes an application back, if it is not too late."""
    withdrawal = await insist(client, f"/v1/applications/{case}/withdrawal", submitted, json={})
    if withdrawal.is_success:
        submitted.withdrawn.add(case)


async def insist(client: httpx.AsyncClient, path: str, submitted: Submitted, **request: Any) -> httpx.Response:
    """Posts again and again until somebody answers."""
    async with asyncio.timeout(240):
        while True:
            try:
                response = await client.post(path, **request)
                if response.status_code not in _TRANSIENT:
                    return response
            except httpx.TransportError:
                pass
            submitted.retries += 1
            await asyncio.sleep(0.3)


async def receive(system: System) -> None:
    """An officer of every receiving body: accepts what lies at the desk, for ever. Cancelled at the end."""
    departments = [one for served in programs.APPROVALS.values() for one in served]
    token = system.token("officer", _OFFICER, departments, duties=["receiver"])
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=system.url("intake"), headers=headers, timeout=5) as client:
        while True:
            try:
                response = await client.get("/v1/receipts", params={"state": "waiting"})
                for receipt in response.json()["receipts"] if response.status_code == 200 else []:
                    await client.post(f"/v1/receipts/{receipt['application']}/accept", json={})
            except httpx.TransportError:
                pass
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
    if granted.status_code == 422:
        wanted = await client.get(place)
        if wanted.status_code == 200:
            granted = await client.post(f"{place}/grant", json={"fields": example(wanted.json()["grant"])})
    if granted.status_code == 409 and granted.json()["type"].endswith("evidence-missing"):
        await _refuse(client, place)


async def _refuse(client: httpx.AsyncClient, place: str) -> None:
    await client.post(f"{place}/refuse", json={"reason_code": "conditions-not-met", "reason": "与规划不符"})
