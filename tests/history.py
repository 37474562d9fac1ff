"""Whole cases as facts: what every topic holds about a case from its submission to its certificate."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tongban_catalog.item import Item, applicable_steps, open_steps, split_personal
from tongban_catalog.load import load_catalog
from tongban_catalog.testing import signed
from tongban_runtime.testing.acts import public_keys
from tongban_runtime.testing.keys import case_keys
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events.applications import ApplicationAccepted, ApplicationSubmitted
from tongban_schemas.events.approvals import ApprovalGranted, ApprovalOpened
from tongban_schemas.events.catalog import DepartmentRegistered, ItemPublished
from tongban_schemas.events.certificates import CertificateIssued

_START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
OFFICER = UUID(int=0x0FF1CE)
APPLICANT = UUID(int=0xA991)


class Teller:
    """Tells facts in order, numbered per subject and source."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._sequences: Counter[tuple[str, str]] = Counter()

    def tell(self, data: EventData, subject: str, source: str, *discriminators: str) -> Event:
        self._sequences[subject, source] += 1
        event = Event(
            id=event_id(data.TYPE, subject, *discriminators),
            source=source,
            subject=subject,
            time=_START + timedelta(seconds=len(self.events)),
            sequence=self._sequences[subject, source],
            correlationid=UUID(subject) if source != "/catalog" else UUID(int=1),
            data=data,
        )
        self.events.append(event)
        return event


def catalogue() -> list[Event]:
    """The whole catalogue, as the compacted topic holds it."""
    teller, catalog = Teller(), load_catalog()
    for department in catalog.departments.values():
        data = DepartmentRegistered(
            department=department.id,
            uscc=department.uscc,
            name_zh=department.name_zh,
            name_en=department.name_en,
            region=department.region,
            supervisor=department.supervisor,
            keys=public_keys(department.id),
        )
        teller.tell(data, f"department:{department.id}", "/catalog")
    for item in catalog.items.values():
        subject = f"item:{item.code}:{item.version}"
        teller.tell(ItemPublished(item=item.ref, definition=item.definition), subject, "/catalog")
    return teller.events


def granted_case(item: Item, subject: str, answers: Mapping[str, Any] | None = None) -> list[Event]:
    """Every fact of a case that all departments granted, in one possible order; sealed with the keys of `case_keys`."""
    teller = Teller()
    plain, personal = split_personal(item, dict(answers or item.form.example()))
    sealed = case_keys(subject).seal_all(event_id(ApplicationSubmitted.TYPE, subject), personal)
    submitted = ApplicationSubmitted(item=item.ref, applicant=APPLICANT, region="990101", answers=plain, sealed=sealed)
    teller.tell(submitted, subject, "/intake")
    teller.tell(ApplicationAccepted(item=item.ref), subject, "/intake")
    granted: set[str] = set()
    opened: set[str] = set()
    while len(granted) < len(applicable_steps(item, plain)):
        wave = open_steps(item, plain, granted, opened)
        for step in wave:
            by = step.department_of(plain)
            teller.tell(ApprovalOpened(step=step.id, department=by), subject, f"/approvals/{by}", step.id, "1")
        opened |= {step.id for step in wave}
        for step in wave:
            by = step.department_of(plain)
            data = ApprovalGranted(step=step.id, department=by, decided_by="officer", officer=OFFICER)
            teller.tell(data, subject, f"/approvals/{by}", step.id, "1")
        granted |= {step.id for step in wave}
    issuer = item.certificate.issuer_of(plain)
    certificate = CertificateIssued(
        item=item.ref,
        kind=item.certificate.kind,
        number=f"1.2.156.3005.2.{item.certificate.kind}.11990000000000019A.20260000001.001.X",
        issuer=issuer,
        pdf_sha256="0" * 64,
        verification="http://127.0.0.1/verify",
    )
    teller.tell(certificate, subject, f"/certificates/{issuer}", item.certificate.kind)
    usccs = {name: one.uscc for name, one in load_catalog().departments.items()}
    return signed(teller.events, item, usccs)
