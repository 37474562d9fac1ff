"""Families who enrol a child during a campaign: their proofs are fetched, for a draft or after they applied."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import httpx
from tongban_catalog.item import Item
from tongban_local.demo.registers import Family
from tongban_local.issuer import person_of

from tests.chaos.load import REGION, Submitted, insist, withdraw
from tests.chaos.system import System

ITEM: Final = "primary-school-enrolment"
_OWN: Final[dict[str, Any]] = {
    "work_kind": "employed",
    "contact_name": "示例联系人",
    "contact_phone": "000-00000000",
    "contact_email": "contact@example.com",
}
"""All that a family is asked."""


def families(count: int) -> list[Family]:
    """Families whom the sign-in service and the registers know. A rule spares every third one a proof."""
    return [
        Family(person_of(str(_parent(number))), "示例儿童", both_permits=number % 3 == 2, guardian=True)
        for number in range(count)
    ]


def _parent(number: int) -> UUID:
    return UUID(int=0xFA0000 + number)


async def enrol(
    system: System, item: Item, known: Sequence[Family], count: int, seconds: float, submitted: Submitted
) -> None:
    """Files ``count`` enrolments, evenly over ``seconds``, the families in turn: with a draft, and without, by turns.

    Of the drafts some proofs are disputed; of the others some are taken back while their proofs are on their way.
    """
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(_file(system, item, number, known, submitted))
            await asyncio.sleep(seconds / count)


async def _file(system: System, item: Item, number: int, known: Sequence[Family], submitted: Submitted) -> None:
    place = number % len(known)
    headers = {"Authorization": f"Bearer {system.token('citizen', _parent(place))}"}
    async with httpx.AsyncClient(base_url=system.url("intake"), headers=headers, timeout=5) as client:
        drafted = (number + number // len(known)) % 2 == 0
        if drafted:
            case = await _draft(client, item, submitted)
        else:
            case = await _apply(client, item, f"{system.run}-enrolment-{number}", submitted)
        submitted.keep(case, item, item.form.example(), known[place].person.id_number)
        if drafted and number % 5 == 0:
            await _dispute(client, case, submitted)
        elif not drafted and number % 7 == 5:
            await withdraw(client, case, submitted)


async def _draft(client: httpx.AsyncClient, item: Item, submitted: Submitted) -> str:
    """A draft that is submitted as soon as the registers have said what the form asks."""
    body = {"item": item.code, "region": REGION, "answers": _OWN}
    begun = (await insist(client, "/v1/drafts", submitted, json=body)).raise_for_status()
    draft: str = begun.json()["draft"]
    (await insist(client, f"/v1/proofs/{draft}", submitted)).raise_for_status()
    async with asyncio.timeout(240):
        while (
            answer := await insist(client, f"/v1/drafts/{draft}/submission?again=true", submitted)
        ).status_code == 422:
            await asyncio.sleep(0.3)
    answer.raise_for_status()
    return draft


async def _apply(client: httpx.AsyncClient, item: Item, key: str, submitted: Submitted) -> str:
    """An application whose proofs are agreed to afterwards."""
    body = {"item": item.code, "region": REGION, "answers": item.form.example()}
    answer = await insist(client, "/v1/applications", submitted, json=body, headers={"Idempotency-Key": key})
    case: str = answer.raise_for_status().json()["application"]
    (await insist(client, f"/v1/proofs/{case}", submitted)).raise_for_status()
    return case


async def _dispute(client: httpx.AsyncClient, case: str, submitted: Submitted) -> None:
    """The months that the register gave, before the application, are said to be wrong."""
    body = {"fields": ["months"], "text": "月数有误"}
    (await insist(client, f"/v1/proofs/{case}/work-proof/dispute", submitted, json=body)).raise_for_status()
    submitted.disputed.add(case)
