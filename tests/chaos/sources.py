"""Departments that keep registers, during a campaign: each fills its own in its own way, corrects records, answers people."""

import asyncio
import csv
import io
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
from tongban_catalog.load import Catalog
from tongban_local import ministry, programs
from tongban_local.demo.registers import Family, Values

from tests.chaos.load import Submitted
from tests.chaos.model import Changed
from tests.chaos.system import System

_OFFICER = UUID(int=0x50F1CE)
_PULLED: Final = "household-register"
_BY_TABLE: Final = ("home-right-99", "guardianship-98", "medical-records-99")
"""Registers of departments that hand in tables; the others' own systems send events."""
_PATIENT: Final[Values] = {
    "hospital": "示范医院",
    "admitted_on": "2026-01-05",
    "discharged_on": "2026-01-09",
    "diagnosis": "示例诊断",
    "record_number": "99-0001",
}
_CORRECTIONS: Final[Mapping[str, Callable[[int], Values]]] = {
    "residence-permit-99": lambda number: {"address": f"示范市示范街道 {number} 号"},
    "social-insurance-99": lambda number: {"months": number},
    "home-right-99": lambda number: {"certificate_number": f"示范备案第 {number} 号"},
    "guardianship-98": lambda number: {"issued_on": (date(2026, 1, 1) + timedelta(days=number)).isoformat()},
    "medical-records-99": lambda number: {"diagnosis": f"示例诊断 {number}"},
}
"""What a correction changes in a record, by resource; one with another number changes it to something else."""
_FIRST: Final = 100


@dataclass(slots=True)
class Sources:
    """records: what the registers hold, by resource and holder's number. changes: what was corrected, oldest first."""

    system: System
    catalog: Catalog
    submitted: Submitted
    records: dict[tuple[str, str], Values] = field(default_factory=dict)
    changes: list[Changed] = field(default_factory=list)

    async def fill(self, families: Sequence[Family]) -> None:
        """From now on the registers know the families, and the patient of the example."""
        patient = self.catalog.item("medical-reimbursement").form.example()["patient_id"]
        self.records["medical-records-99", patient] = _PATIENT
        for family in families:
            number, known = family.person.id_number, family.records()
            ministry.keep(self.system.stack.ministry, _PULLED, {number: known.pop(_PULLED)})
            self.records |= {(resource, number): values for resource, values in known.items()}
        async with httpx.AsyncClient(timeout=5) as client:
            for resource, holder in self.records:
                await self._tell(client, resource, holder)

    async def correct(self, count: int, seconds: float, seed: int) -> None:
        """Corrects ``count`` records, one after another, evenly over ``seconds``: each in its turn, then again."""
        places = sorted(self.records)
        random.Random(seed).shuffle(places)  # noqa: S311 - a seed makes the campaign repeatable
        async with httpx.AsyncClient(timeout=5) as client:
            for number in range(count):
                await asyncio.sleep(seconds / count)
                resource, holder = places[number % len(places)]
                change = _CORRECTIONS[resource](_FIRST + number)
                self.records[resource, holder] = {**self.records[resource, holder], **change}
                since = await self._tell(client, resource, holder)
                self.changes.append(Changed(resource, holder, frozenset(change), since))

    async def _tell(self, client: httpx.AsyncClient, resource: str, holder: str) -> datetime:
        """Says what a register holds of somebody until it was taken in. Returns: since when it holds it, at the earliest."""
        provider, values = self.catalog.resources[resource].provider, self.records[resource, holder]
        since = datetime.now(UTC)
        if resource in _BY_TABLE:
            way, token = "import", self.system.token("officer", _OFFICER, [provider])
            body: dict[str, Any] = {"files": {"file": ("records.csv", _table(holder, values))}}
            kind: dict[str, str] = {}
        else:
            way, token = "events", self.system.token("service", _OFFICER, [provider], service="source")
            body = {"json": _news(provider, since, holder, values)}
            kind = {"Content-Type": "application/cloudevents+json"}
        place = f"{self.system.url(_keeper(provider))}/v1/registers/{resource}/{way}"
        async with asyncio.timeout(240):
            while not await _taken_in(client, place, body, {"Authorization": f"Bearer {token}", **kind}):
                self.submitted.retries += 1
                await asyncio.sleep(0.3)
        return since


@cache
def _keeper(provider: str) -> str:
    """The deployment that keeps a department's registers."""
    return next(one for one in programs.CERTIFICATES if provider in programs.certificate_bodies(one))


async def _taken_in(client: httpx.AsyncClient, place: str, body: dict[str, Any], headers: dict[str, str]) -> bool:
    try:
        answer = await client.post(place, headers=headers, **body)
    except httpx.TransportError:
        return False
    return answer.status_code == 200 and not answer.json().get("bad", 0)


def _news(provider: str, at: datetime, holder: str, values: Values) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": f"/source-{provider}",
        "type": "cn.tongban.register.put",
        "time": at.isoformat(),
        "data": {"holder": holder, "values": dict(values)},
    }


def _table(holder: str, values: Values) -> bytes:
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow(["holder", *values])
    table.writerow([holder, *(str(value) for value in values.values())])
    return written.getvalue().encode()


async def attend(system: System, service: str, submitted: Submitted) -> None:
    """People at the sources of one deployment: release what they are asked for, answer disputes, for ever.

    A dispute is answered once its applicant knows that it was raised. Cancelled at the end.
    """
    token = system.token("officer", _OFFICER, programs.certificate_bodies(service))
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=system.url(service), headers=headers, timeout=5) as client:
        while True:
            try:
                for one in await _waiting(client, "requests"):
                    await client.post(f"/v1/sharing/requests/{one['request']}/release")
                for one in await _waiting(client, "disputes"):
                    if one["application"] in submitted.disputed:
                        await _answer(client, one["dispute"])
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.3)


async def _waiting(client: httpx.AsyncClient, kind: str) -> list[dict[str, Any]]:
    answer = await client.get(f"/v1/sharing/{kind}")
    found: list[dict[str, Any]] = answer.json()[kind] if answer.status_code == 200 else []
    return found


async def _answer(client: httpx.AsyncClient, dispute: str) -> None:
    """The record was corrected since the applicant saw it, or it stands."""
    for outcome in ("corrected", "upheld"):
        body = {"outcome": outcome, "text": "已核查"}
        answer = await client.post(f"/v1/sharing/disputes/{dispute}/answer", json=body)
        if answer.status_code != 409:
            return
