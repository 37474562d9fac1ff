"""Fills the registers of the demonstration, each department in its own way: events, a spreadsheet, a ministry's own system.

Everybody in them is an example: region 99 and 98 are assigned to nobody, and so are the numbers.
"""

import asyncio
import csv
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx

from tongban_local import credentials, ministry
from tongban_local.errors import LocalStackError
from tongban_local.issuer import Person
from tongban_local.people import expect
from tongban_local.programs import service_environment
from tongban_local.stack import PROJECT, Stack

Values = Mapping[str, str | bool | int]

WAYS = {
    "residence-permit-99": ("事件", "events"),
    "home-right-99": ("表格导入", "CSV"),
    "social-insurance-99": ("事件", "events"),
    "guardianship-98": ("表格导入", "CSV"),
    "household-register": ("部委接口", "pull"),
}
"""How the departments of the five proofs join, by resource."""
_BY_EVENTS = {"residence-permit-99": "source-public-security", "social-insurance-99": "source-human-resources"}
_BY_SPREADSHEET = {"home-right-99": "certificates", "guardianship-98": "certificates-98"}


@dataclass(frozen=True, slots=True)
class Family:
    """What the registers say of one applicant. ``guardian``: whether the home township has a record for the child."""

    person: Person
    child: str
    both_permits: bool
    guardian: bool

    def records(self) -> dict[str, Values]:
        """The applicant's record in each register, by resource."""
        address = "示范市示范街道 8 号"
        found: dict[str, Values] = {
            "residence-permit-99": {
                "permit_number": f"99-{self.person.id_number[-6:]}",
                "holder_name": self.person.name,
                "address": address,
                "valid_until": "2027-06-30",
                "both_permits_valid": self.both_permits,
            },
            "home-right-99": {"kind": "leased", "address": address, "certificate_number": "示范备案第 8 号"},
            "social-insurance-99": {
                "employer": "示例制造有限公司",
                "months": 26,
                "holder_name": self.person.name,
            },
            "household-register": {
                "child_name": self.child,
                "child_birth_date": "1880-05-01",
                "household_region": "980101",
                "relation": "子女",
            },
        }
        if self.guardian:
            found["guardianship-98"] = {"no_guardian": True, "issued_on": "2026-02-02"}
        return found


async def fill(stack: Stack, http: httpx.AsyncClient, families: Sequence[Family]) -> None:
    """Puts the families' records into every register. Filling it again changes nothing."""
    by_resource: dict[str, dict[str, Values]] = {}
    for family in families:
        for resource, values in family.records().items():
            by_resource.setdefault(resource, {})[family.person.id_number] = values
    ministry.keep(stack.ministry, "household-register", by_resource["household-register"])
    spreadsheets = [
        asyncio.to_thread(import_spreadsheet, stack, service, resource, by_resource.get(resource, {}))
        for resource, service in _BY_SPREADSHEET.items()
    ]
    pushed = [
        push(stack, http, client, resource, by_resource.get(resource, {})) for resource, client in _BY_EVENTS.items()
    ]
    await asyncio.gather(*spreadsheets, *pushed)


def import_spreadsheet(stack: Stack, service: str, resource: str, records: Mapping[str, Values]) -> None:
    """Writes a CSV as a clerk would and imports it with the service's own command. Raises: LocalStackError."""
    file = stack.root / "demo" / f"{resource}.csv"
    file.parent.mkdir(exist_ok=True)
    write_csv(file, records)
    line = [sys.executable, "-m", "tongban_certificates", "import", resource, str(file)]
    environment = service_environment(stack, service)
    done = subprocess.run(line, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise LocalStackError(f"导入失败 the import failed: {resource}\n{done.stdout}{done.stderr}")


def write_csv(file: Path, records: Mapping[str, Values]) -> None:
    """A table with one row a holder; the first column is the holder's number."""
    names = list(next(iter(records.values()), {}))
    with file.open("w", encoding="utf-8", newline="") as opened:
        table = csv.writer(opened)
        table.writerow(["holder", *names])
        for holder, values in records.items():
            table.writerow([holder, *(_cell(values[name]) for name in names)])


def _cell(value: str | bool | int) -> str:
    return ("是" if value else "否") if isinstance(value, bool) else str(value)


async def push(
    stack: Stack, http: httpx.AsyncClient, client: str, resource: str, records: Mapping[str, Values]
) -> None:
    """Tells the service of records, as a department's own system does: a batch of CloudEvents, signed in as itself."""
    news = [
        {
            "specversion": "1.0",
            "id": str(uuid4()),
            "source": f"/{client}",
            "type": "cn.tongban.register.put",
            "time": datetime.now(UTC).isoformat(),
            "data": {"holder": holder, "values": dict(values)},
        }
        for holder, values in records.items()
    ]
    answer = await http.post(
        f"{stack.url('certificates')}/v1/registers/{resource}/events",
        json=news,
        headers={
            "Authorization": f"Bearer {await client_token(stack, http, client)}",
            "Content-Type": "application/cloudevents-batch+json",
        },
    )
    expect(answer, 200)


async def client_token(stack: Stack, http: httpx.AsyncClient, client: str) -> str:
    """The token of a program that signs in as itself."""
    secret = credentials.client_secret(stack.secrets, client)
    answer = await http.post(
        f"{stack.url('issuer')}/oauth/token", data={"grant_type": "client_credentials"}, auth=(client, secret)
    )
    return str(expect(answer, 200).json()["access_token"])
