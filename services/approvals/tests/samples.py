"""Cases, items and events that the tests of approvals send around."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from tongban_approvals.domain import source_of
from tongban_catalog.item import Item
from tongban_catalog.load import load_catalog
from tongban_catalog.testing import signed
from tongban_runtime.testing.acts import public_keys
from tongban_runtime.testing.keys import case_keys
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events.applications import (
    APPEAL_FIELD,
    ApplicationAccepted,
    ApplicationAppealed,
    ApplicationCorrected,
    ApplicationSubmitted,
    ApplicationWithdrawn,
)
from tongban_schemas.events.approvals import (
    ApprovalAnnulled,
    ApprovalCorrectionRequested,
    ApprovalGranted,
    ApprovalOpened,
    ApprovalRefused,
    annulment_field,
    correction_field,
    refusal_field,
)
from tongban_schemas.events.catalog import CalendarPublished, DepartmentRegistered, ItemPublished

CATALOG = load_catalog()
INVESTMENT = CATALOG.items["enterprise-investment-project"]
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
CANARY = "CANARY-person-0001"
REFORM = frozenset({"development-reform", "ecology"})
LAND = frozenset({"natural-resources", "heritage"})
ECOLOGY = frozenset({"ecology"})
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


USCC = {name: one.uscc for name, one in CATALOG.departments.items()}
_KNOWN: dict[str, tuple[Event, Item]] = {}
"""The submission and the item of every case that was told of: what its acts are signed for."""


def answers(**changes: Any) -> dict[str, Any]:
    plain, _ = INVESTMENT.form.split_personal(INVESTMENT.form.example())
    return {**plain, **changes}


def _event(subject: str, data: EventData, source: str, *discriminators: str, minute: int, sequence: int = 1) -> Event:
    event = Event(
        id=event_id(data.TYPE, subject, *discriminators),
        source=source,
        subject=subject,
        time=NOON + timedelta(minutes=minute),
        sequence=sequence,
        correlationid=UUID(subject),
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        data=data,
    )
    known = _KNOWN.get(subject)
    return event if known is None else signed([known[0], event], known[1], USCC)[-1]


def item(steps: Sequence[dict[str, Any]], **more: Any) -> Item:
    """An item with these steps and two materials; its form is that of credit repair, with two dates and a choice beside."""
    base = CATALOG.items["credit-repair"].definition
    text = {"type": "string", "title": "?", "x-title-en": "?"}
    form = {
        **base["form"],
        "properties": {**base["form"]["properties"], **dict.fromkeys(("expires_on", "moved_from", "plan"), text)},
    }
    materials = [
        {
            "id": name,
            "name": {"zh": zh, "en": name.title()},
            "issuer": {"zh": "申请人", "en": "Applicant"},
            "asked_by": "lead",
            "basis": ["online-10"],
            "obtain": [{"zh": "自备", "en": "make it"}],
        }
        for name, zh in (("map", "图"), ("deed", "证"))
    ]
    return Item.from_definition({**base, "form": form, "materials": materials, "steps": list(steps), **more})


def step(name: str, department: str = "ecology", needs: Sequence[Any] = (), **more: Any) -> dict[str, Any]:
    """A step that an officer decides, unless ``decide`` says otherwise. A need is a step's name, or the whole entry."""
    entries = [{"step": need} if isinstance(need, str) else need for need in needs]
    return {**_step(name, department, [], {"by": "officer"}), "needs": entries, **more}


def days(number: int, unit: str = "WD") -> dict[str, Any]:
    return {"number": number, "unit": unit}


def sealed(subject: str, model: type[EventData], field: str, text: str, *discriminators: str) -> str:
    """A text as the event of this type carries it in a case."""
    return case_keys(subject).seal(event_id(model.TYPE, subject, *discriminators), field, text)


def submitted(
    subject: str,
    item: Item = INVESTMENT,
    plain: dict[str, Any] | None = None,
    personal: Sequence[str] = ("contact_name",),
) -> Event:
    data = ApplicationSubmitted(
        item=item.ref,
        applicant=UUID(int=7),
        region="990101",
        answers=answers() if plain is None else plain,
        sealed={name: sealed(subject, ApplicationSubmitted, name, CANARY) for name in personal},
    )
    sent = _event(subject, data, "/intake", minute=0)
    _KNOWN[subject] = sent, item
    return sent


def accepted(subject: str, item: Item = INVESTMENT, minute: int = 1, **more: Any) -> Event:
    return _event(subject, ApplicationAccepted(item=item.ref, **more), "/intake", minute=minute, sequence=2)


def applied(
    subject: str,
    item: Item = INVESTMENT,
    plain: dict[str, Any] | None = None,
    personal: Sequence[str] = ("contact_name",),
) -> list[Event]:
    return [submitted(subject, item, plain, personal), accepted(subject, item)]


def corrected(
    subject: str, request: UUID, plain: dict[str, Any], sequence: int = 3, materials: dict[str, str] | None = None
) -> Event:
    data = ApplicationCorrected(request=request, answers=plain, materials=materials or {})
    return _event(subject, data, "/intake", str(request), minute=sequence, sequence=sequence)


def said(subject: str, data: EventData, department: str, *discriminators: str, minute: int = 5) -> Event:
    """Anything that a department says."""
    return _event(subject, data, source_of(department), *discriminators, minute=minute, sequence=2)


def asked(subject: str, step: str, fields: list[str], item: Item = INVESTMENT, number: int = 1) -> Event:
    department = item.step(step).department
    message = sealed(subject, ApprovalCorrectionRequested, correction_field(step), "?", step, "1")
    data = ApprovalCorrectionRequested(step=step, department=department, fields=fields, message=message, round=number)
    return _event(subject, data, source_of(department), step, "1", minute=3, sequence=2)


def withdrawn(subject: str) -> Event:
    return _event(subject, ApplicationWithdrawn(), "/intake", minute=50, sequence=9)


def opened(subject: str, step: str, item: Item = INVESTMENT, number: int = 1, minute: int = 2) -> Event:
    department = item.step(step).department
    data = ApprovalOpened(step=step, department=department, round=number)
    return _event(subject, data, source_of(department), step, str(number), minute=minute)


def granted(
    subject: str,
    step: str,
    item: Item = INVESTMENT,
    number: int = 1,
    minute: int = 3,
    rests_on: Sequence[Event] | None = None,
) -> Event:
    department = item.step(step).department
    ids = None if rests_on is None else [event.id for event in rests_on]
    data = ApprovalGranted(
        step=step, department=department, decided_by="officer", officer=UUID(int=8), round=number, rests_on=ids
    )
    return _event(subject, data, source_of(department), step, str(number), minute=minute, sequence=2)


def refused(subject: str, step: str, item: Item = INVESTMENT, number: int = 1) -> Event:
    department = item.step(step).department
    data = ApprovalRefused(
        step=step,
        department=department,
        decided_by="officer",
        officer=UUID(int=8),
        reason_code="not-suitable",
        reason=sealed(subject, ApprovalRefused, refusal_field(step), "no", step, str(number)),
        round=number,
    )
    return _event(subject, data, source_of(department), step, str(number), minute=4, sequence=2)


def annulled(subject: str, decision: Event, *, reopen: bool = True, minute: int = 5) -> Event:
    told = decision.data
    assert isinstance(told, ApprovalGranted | ApprovalRefused)
    data = ApprovalAnnulled(
        step=told.step,
        department=told.department,
        decision=decision.id,
        reopen=reopen,
        reason_code="false-material",
        reason=sealed(subject, ApprovalAnnulled, annulment_field(told.step), "?", told.step, str(decision.id)),
        officer=UUID(int=9),
    )
    return _event(subject, data, source_of(told.department), told.step, str(decision.id), minute=minute, sequence=3)


def appealed(subject: str, decision: Event, minute: int = 30) -> Event:
    grounds = sealed(subject, ApplicationAppealed, f"{APPEAL_FIELD}/{decision.id}", "why", str(decision.id))
    data = ApplicationAppealed(decision=decision.id, way="reconsideration", grounds=grounds)
    return _event(subject, data, "/intake", str(decision.id), minute=minute, sequence=8)


def _entry(subject: str, data: EventData, sequence: int = 1) -> Event:
    identity = event_id(data.TYPE, subject, str(sequence))
    return Event(
        id=identity,
        source="/catalog",
        subject=subject,
        time=NOON,
        sequence=sequence,
        correlationid=identity,
        data=data,
    )


def published(item: Item = INVESTMENT) -> Event:
    return _entry(f"item:{item.code}:{item.version}", ItemPublished(item=item.ref, definition=item.definition))


def registered() -> list[Event]:
    """Every department of the catalogue; the approval bureau supervises them."""
    return [
        _entry(
            f"department:{one.id}",
            DepartmentRegistered(
                department=one.id,
                uscc=one.uscc,
                name_zh=one.name_zh,
                name_en=one.name_en,
                region="990000",
                supervisor="administrative-approval",
                keys=public_keys(one.id),
            ),
        )
        for one in CATALOG.departments.values()
    ]


def calendar(year: int, *off: date, region: str = "000000", sequence: int = 1) -> Event:
    """A year in which everybody works from Monday to Friday, but for the days given."""
    data = CalendarPublished(region=region, year=year, off=list(off), source="made up")
    return _entry(f"calendar:{region}:{year}", data, sequence)


def new_subject() -> str:
    return str(uuid4())
