"""Whole cases of the two packaged items, as the facts that the service hears."""

from datetime import datetime, timedelta
from uuid import UUID, uuid5

from tongban_catalog.item import Item
from tongban_catalog.load import load_catalog
from tongban_catalog.publish import catalog_events
from tongban_runtime.sealing import Sealer
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events.applications import ApplicationSubmitted, ApplicationWithdrawn
from tongban_schemas.events.approvals import ApprovalGranted, ApprovalRefused

CATALOG = load_catalog()
INVESTMENT: Item = CATALOG.item("enterprise-investment-project")
REPAIR: Item = CATALOG.item("credit-repair")
APPLICANT = UUID(int=7)
START = datetime.fromisoformat("2026-03-02T01:00:00+00:00")
SEAL_KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
SEALER = Sealer(SEAL_KEY)

_SPACE = UUID("6a2a1f7e-54a5-4c1e-9a5e-3f1f7f9d2c11")


def case_id(name: str) -> UUID:
    """The application id of a case named ``name``."""
    return uuid5(_SPACE, name)


def fact(subject: str, data: EventData, minute: int, source: str = "/intake", sequence: int = 1) -> Event:
    correlation = uuid5(_SPACE, subject)
    return Event(
        id=event_id(data.TYPE, subject, source, str(sequence), str(minute)),
        source=source,
        subject=subject,
        time=START + timedelta(minutes=minute),
        sequence=sequence,
        correlationid=correlation,
        data=data,
    )


def catalogue() -> list[Event]:
    """Everything that the catalogue says."""
    return catalog_events(CATALOG, START)


def granted_case(name: str, item: Item = INVESTMENT, **answers: object) -> list[Event]:
    """A case from submission to its last grant, one grant a minute."""
    subject = str(case_id(name))
    filled = {
        "company_name": "示例制造有限公司",
        "company_uscc": "91990000MA00000195",
        "project_name": "示范产业园一期工程",
        "project_list": "filing",
        "land_supply": "transfer",
        **answers,
    }
    plain = {field: value for field, value in filled.items() if value is not None}
    sealed = (
        {"applicant_name": SEALER.seal(subject, "applicant_name", "欧阳示例")} if "applicant_name" in answers else {}
    )
    plain.pop("applicant_name", None)
    data = ApplicationSubmitted(item=item.ref, applicant=APPLICANT, region="990000", answers=plain, sealed=sealed)
    steps = item.flow(plain).steps
    return [
        fact(subject, data, 0),
        *(
            fact(
                subject,
                ApprovalGranted(step=step.id, department=step.department, decided_by="rule"),
                minute,
                f"/approvals/{step.department}",
                minute,
            )
            for minute, step in enumerate(steps, start=1)
        ),
    ]


def withdrawn(name: str, minute: int) -> Event:
    return fact(str(case_id(name)), ApplicationWithdrawn(), minute, sequence=2)


def refused(name: str, item: Item = INVESTMENT) -> Event:
    step = item.steps[0]
    data = ApprovalRefused(
        step=step.id, department=step.department, decided_by="rule", reason_code="not-met", reason="s1.AAAA"
    )
    return fact(str(case_id(name)), data, 50, f"/approvals/{step.department}", 99)
