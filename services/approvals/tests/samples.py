"""Cases, items and events that the tests of approvals send around."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from tongban_approvals.domain import source_of
from tongban_catalog.item import Item
from tongban_catalog.load import load_catalog
from tongban_runtime.sealing import Sealer
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events.applications import (
    ApplicationAccepted,
    ApplicationCorrected,
    ApplicationSubmitted,
    ApplicationWithdrawn,
)
from tongban_schemas.events.approvals import (
    ApprovalCorrectionRequested,
    ApprovalGranted,
    ApprovalOpened,
    ApprovalRefused,
    correction_field,
    refusal_field,
)
from tongban_schemas.events.catalog import ItemPublished

CATALOG = load_catalog()
INVESTMENT = CATALOG.items["enterprise-investment-project"]
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
SEALER = Sealer("A" * 43)
CANARY = "CANARY-person-0001"
REFORM = frozenset({"development-reform", "ecology"})
LAND = frozenset({"natural-resources", "heritage"})
CONSTRUCTION = INVESTMENT.deciding_departments - REFORM - LAND


def _rule(holds: bool, otherwise: str = "officer") -> dict[str, Any]:
    wanted = {"required": ["company_name"]} if holds else {"required": ["never_answered"]}
    return {"by": "rule", "grant_when": wanted, "else": otherwise}


def _step(name: str, department: str, needs: Sequence[str], decide: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": name,
        "name": {"zh": name, "en": name},
        "department": department,
        "needs": [{"step": need} for need in needs],
        "decide": decide,
    }


def chain(*, last: dict[str, Any] | None = None) -> Item:
    """AA -> BB -> CC by rule, all of ecology; DD of ecology by an officer, at once; EE of heritage after CC."""
    steps = [
        _step("AA", "ecology", [], _rule(True)),
        _step("BB", "ecology", ["AA"], _rule(True)),
        _step("CC", "ecology", ["BB"], last or _rule(True)),
        _step("DD", "ecology", [], {"by": "officer"}),
        _step("EE", "heritage", ["CC"], {"by": "officer"}),
    ]
    return Item.from_definition({**CATALOG.items["credit-repair"].definition, "steps": steps})


REFUSING = chain(last=_rule(False, "refuse"))


def answers(**changes: Any) -> dict[str, Any]:
    plain, _ = INVESTMENT.form.split_personal(INVESTMENT.form.example())
    return {**plain, **changes}


def _event(subject: str, data: EventData, source: str, *discriminators: str, minute: int, sequence: int = 1) -> Event:
    return Event(
        id=event_id(data.TYPE, subject, *discriminators),
        source=source,
        subject=subject,
        time=NOON + timedelta(minutes=minute),
        sequence=sequence,
        correlationid=UUID(subject),
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        data=data,
    )


def submitted(subject: str, item: Item = INVESTMENT, plain: dict[str, Any] | None = None) -> Event:
    data = ApplicationSubmitted(
        item=item.ref,
        applicant=UUID(int=7),
        region="990101",
        answers=answers() if plain is None else plain,
        sealed={"contact_name": SEALER.seal(subject, "contact_name", CANARY)},
    )
    return _event(subject, data, "/intake", minute=0)


def accepted(subject: str, item: Item = INVESTMENT) -> Event:
    return _event(subject, ApplicationAccepted(item=item.ref), "/intake", minute=1, sequence=2)


def applied(subject: str, item: Item = INVESTMENT, plain: dict[str, Any] | None = None) -> list[Event]:
    return [submitted(subject, item, plain), accepted(subject, item)]


def corrected(subject: str, request: UUID, plain: dict[str, Any], sequence: int = 3) -> Event:
    data = ApplicationCorrected(request=request, answers=plain)
    return _event(subject, data, "/intake", str(request), minute=sequence, sequence=sequence)


def asked(subject: str, step: str, fields: list[str], item: Item = INVESTMENT) -> Event:
    department = item.step(step).department
    message = SEALER.seal(subject, correction_field(step), "?")
    data = ApprovalCorrectionRequested(step=step, department=department, fields=fields, message=message)
    return _event(subject, data, source_of(department), step, "1", minute=3, sequence=2)


def withdrawn(subject: str) -> Event:
    return _event(subject, ApplicationWithdrawn(), "/intake", minute=50, sequence=9)


def opened(subject: str, step: str, item: Item = INVESTMENT) -> Event:
    department = item.step(step).department
    return _event(subject, ApprovalOpened(step=step, department=department), source_of(department), step, minute=2)


def granted(subject: str, step: str, item: Item = INVESTMENT) -> Event:
    department = item.step(step).department
    data = ApprovalGranted(step=step, department=department, decided_by="officer", officer=UUID(int=8))
    return _event(subject, data, source_of(department), step, minute=3, sequence=2)


def refused(subject: str, step: str, item: Item = INVESTMENT) -> Event:
    department = item.step(step).department
    data = ApprovalRefused(
        step=step,
        department=department,
        decided_by="officer",
        officer=UUID(int=8),
        reason_code="not-suitable",
        reason=SEALER.seal(subject, refusal_field(step), "no"),
    )
    return _event(subject, data, source_of(department), step, minute=4, sequence=2)


def published(item: Item = INVESTMENT) -> Event:
    subject = f"item:{item.code}:{item.version}"
    identity = event_id(ItemPublished.TYPE, subject)
    return Event(
        id=identity,
        source="/catalog",
        subject=subject,
        time=NOON,
        sequence=1,
        correlationid=identity,
        data=ItemPublished(item=item.ref, definition=item.definition),
    )


def new_subject() -> str:
    return str(uuid4())
