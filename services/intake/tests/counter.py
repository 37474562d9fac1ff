"""A receiving counter on a real database under a clock that tests move: one item that an officer accepts."""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
from tongban_catalog.item import Item
from tongban_catalog.load import Catalog
from tongban_catalog.publish import catalog_events
from tongban_intake import domain
from tongban_intake.api import uploads
from tongban_intake.uploads.check import Checked
from tongban_intake.uploads.desk import digest
from tongban_runtime.alarms import AlarmWorker
from tongban_runtime.auth import Caller
from tongban_runtime.health import Heartbeat
from tongban_runtime.testing.clock import FakeClock
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events.catalog import ItemPublished

from .conftest import PERSONAL, Service

BODY = "administrative-approval"
MATERIALS = ("business-licence", "design-scheme")
"""What the item requires; the first may come later, within ten working days."""
DEADLINE = datetime(2026, 3, 9, 16, 0, tzinfo=UTC)
"""The end of the fifth working day after the clock's first day: 24:00 of Monday 9 March in China."""


def file_of(material: str, version: int = 1) -> Checked:
    """A file for a material, as it is after the conversion."""
    return Checked(f"{material}, {version}".encode(), "image/png", 1)


def digests(*materials: str) -> dict[str, str]:
    """SHA-256 of the files, by material."""
    return {name: digest(file_of(name)).hex() for name in materials}


def received_item(catalog: Catalog, code_end: str = "901", **changes: Any) -> Item:
    """The investment project as an item that an officer accepts, with two materials."""
    definition = deepcopy(catalog.items["enterprise-investment-project"].definition)
    definition["code"] = definition["code"][:28] + code_end
    definition["acceptance"] = {"by": "officer", "department": "lead"}
    kept = {one["id"]: one for one in definition["materials"] if one["id"] in MATERIALS}
    kept["business-licence"]["tolerable"] = {"number": 10, "unit": "WD"}
    definition["materials"] = list(kept.values())
    return Item.from_definition(definition | changes)


def published(item: Item, at: datetime) -> Event:
    subject = f"item:{item.code}:{item.version}"
    data = ItemPublished(item=item.ref, definition=item.definition)
    return Event(event_id(data.TYPE, subject), "/catalog", subject, at, uuid4(), data, 1)


def whole_catalog(catalog: Catalog, clock: FakeClock, *items: Item) -> list[Event]:
    return [*catalog_events(catalog, clock.now()), *(published(item, clock.now()) for item in items)]


@dataclass(slots=True)
class Counter:
    """Someone who applies, an officer who receives, and the clock between them."""

    service: Service
    clock: FakeClock
    item: Item
    person: UUID
    officer: UUID
    _alarms: AlarmWorker | None = None

    async def apply(self, materials: Iterable[str] = (), **changes: Any) -> str:
        """Applies and lets intake hear of it; the application's id."""
        case = await self.apply_unheard(materials, **changes)
        await self.hear(case)
        return case

    async def apply_unheard(self, materials: Iterable[str] = (), **changes: Any) -> str:
        """Applies by a draft to which the materials were brought."""
        answers = self.item.form.example() | PERSONAL
        body = {"item": self.item.code, "region": "990000", "answers": answers} | changes
        async with self.service.client(self.person) as client:
            made = await client.post("/v1/drafts", json=body)
            assert made.status_code == 201, made.text
            case: str = made.json()["draft"]
            await self.bring(case, *materials)
            answer = await client.post(f"/v1/drafts/{case}/submission?again=true")
        assert answer.status_code == 202, answer.text
        return case

    async def bring(self, case: str, *materials: str, version: int = 1) -> None:
        """The applicant brings a file of each material. Raises `Problem`."""
        caller = Caller(self.person, "citizen", frozenset())
        for name in materials:
            file = file_of(name, version)
            await uploads.bring(self.service.intake, caller, UUID(case), name, file, promise=False)

    async def hear(self, case: str) -> None:
        await self.service.hear(*(one for one in await self.service.outbox(case) if isinstance(one.data, domain.HEARD)))

    async def ring(self) -> int:
        """Rings whatever is due."""
        if self._alarms is None:
            intake, pool = self.service.intake, self.service.runtime.pool
            ring = intake.casework.ring
            self._alarms = AlarmWorker(pool, self.clock, domain.MODELS, ring, Heartbeat("alarms"), batch=3)
        rung = 0
        while taken := await self._alarms.ring_due():
            rung += taken
        return rung

    async def until(self, moment: datetime) -> None:
        """Moves the clock to a moment and rings."""
        self.clock.advance(moment - self.clock.now())
        await self.ring()

    async def pass_days(self, days: float) -> None:
        await self.until(self.clock.now() + timedelta(days=days))

    async def at_desk(
        self, case: str, verb: str, body: object = None, *, officer: UUID | None = None, department: str = BODY
    ) -> httpx.Response:
        """An officer's action; ``verb`` empty: looks."""
        client = self.service.client(officer or self.officer, "officer", [department], ["receiver"])
        async with client:
            if not verb:
                return await client.get(f"/v1/receipts/{case}")
            return await client.post(f"/v1/receipts/{case}/{verb}", json=body or {})

    async def by_applicant(self, case: str, what: str, body: object = None) -> httpx.Response:
        async with self.service.client(self.person) as client:
            return await client.post(f"/v1/applications/{case}/{what}", json=body)

    async def said(self, case: str, model: type[EventData]) -> list[Event]:
        return [event for event in await self.service.outbox(case) if isinstance(event.data, model)]

    async def one(self, case: str, model: type[EventData]) -> Event:
        found = await self.said(case, model)
        assert len(found) == 1, f"{len(found)} of {model.__name__}"
        return found[0]


def kinds(events: Sequence[Event]) -> list[str]:
    """The middle of the types: ``application.accepted`` and the like, without what the vault said of looks."""
    told = [event.type.removeprefix("cn.tongban.").removesuffix(".v1") for event in events]
    return [kind for kind in told if not kind.startswith("access.")]


def kind_of(answer: httpx.Response) -> tuple[int, str]:
    """Status and problem of an answer."""
    return answer.status_code, answer.json()["type"].removeprefix("urn:tongban:problem:")
