"""Whole cases, as the facts that the service hears: of two packaged items, and of versions that differ in one thing."""

from datetime import datetime, timedelta
from uuid import UUID, uuid5

from tongban_catalog.item import Item
from tongban_catalog.load import load_catalog
from tongban_catalog.publish import catalog_events
from tongban_catalog.testing import keyed, signed
from tongban_runtime.testing.keys import case_keys
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events.applications import ApplicationSubmitted, ApplicationWithdrawn
from tongban_schemas.events.approvals import (
    ApprovalAnnulled,
    ApprovalGranted,
    ApprovalOpened,
    ApprovalRefused,
    annulment_field,
    refusal_field,
)
from tongban_schemas.events.catalog import ItemPublished

CATALOG = keyed(load_catalog())
_USCC = {name: one.uscc for name, one in CATALOG.departments.items()}
_COMPANY = {"name": "company_name", "code": "company_uscc"}
_TEN_DAYS = {"number": 10, "unit": "WD"}


def changed(name: str, version: int, **parts: object) -> Item:
    """A version of a packaged item in which some parts of the definition are others."""
    definition = {
        **CATALOG.item(name).definition,
        "holder": _COMPANY,
        "delivery": _TEN_DAYS,
        "version": version,
        **parts,
    }
    return Item.from_definition(definition)


INVESTMENT: Item = changed("enterprise-investment-project", 90)
REPAIR: Item = changed("credit-repair", 90)
PERSONAL: Item = changed("credit-repair", 91, holder={"name": "applicant_name", "code": "applicant_id"})
WITHOUT_HOLDER: Item = changed("credit-repair", 92, holder=None)
RENEWABLE: Item = changed(
    "credit-repair",
    93,
    renewal={"previous": "previous_number", "basis": []},
    certificate={**CATALOG.item("credit-repair").definition["certificate"], "valid_years": 5},
)
"""A renewal names the earlier certificate in ``previous_number``; what it leads to holds for five years."""
ITEMS = (INVESTMENT, REPAIR, PERSONAL, WITHOUT_HOLDER, RENEWABLE)
APPLICANT = UUID(int=7)
START = datetime.fromisoformat("2026-03-02T01:00:00+00:00")

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


def _act(event: Event) -> Event:
    """The event with the act of its body, for the item that has its step."""
    item = next(one for one in ITEMS if one.has_step(getattr(event.data, "step", "")))
    return signed([event], item, _USCC)[0]


def catalogue() -> list[Event]:
    """Everything that the catalogue says."""
    own = [
        fact(
            f"item:{item.code}:{item.version}", ItemPublished(item=item.ref, definition=item.definition), 0, "/catalog"
        )
        for item in ITEMS
    ]
    return [*catalog_events(CATALOG, START), *own]


_PERSONAL = ("applicant_name", "applicant_id")


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
    submission = event_id(ApplicationSubmitted.TYPE, subject, "/intake", "1", "0")
    personal = {field: str(plain.pop(field)) for field in _PERSONAL if field in plain}
    sealed = case_keys(subject).seal_all(submission, personal)
    data = ApplicationSubmitted(item=item.ref, applicant=APPLICANT, region="990000", answers=plain, sealed=sealed)
    steps = item.flow(plain).steps
    return [
        fact(subject, data, 0),
        *(
            _act(
                fact(
                    subject,
                    ApprovalGranted(step=step.id, department=step.department, decided_by="rule"),
                    minute,
                    f"/approvals/{step.department}",
                    minute,
                )
            )
            for minute, step in enumerate(steps, start=1)
        ),
    ]


def withdrawn(name: str, minute: int) -> Event:
    return fact(str(case_id(name)), ApplicationWithdrawn(), minute, sequence=2)


def refused(name: str, item: Item = INVESTMENT) -> Event:
    step, subject = item.steps[0], str(case_id(name))
    source = f"/approvals/{step.department}"
    ident = event_id(ApprovalRefused.TYPE, subject, source, "99", "50")
    reason = case_keys(subject).seal(ident, refusal_field(step.id), "不符合条件")
    data = ApprovalRefused(
        step=step.id, department=step.department, decided_by="rule", reason_code="not-met", reason=reason
    )
    return _act(fact(subject, data, 50, source, 99))


def annulled(grant: Event, minute: int, *, reopen: bool) -> Event:
    """The annulment of a grant of `granted_case`."""
    data = grant.data
    assert isinstance(data, ApprovalGranted)
    ident = event_id(ApprovalAnnulled.TYPE, grant.subject, grant.source, "200", str(minute))
    annulment = ApprovalAnnulled(
        step=data.step,
        department=data.department,
        decision=grant.id,
        reopen=reopen,
        reason_code="mistake",
        reason=case_keys(grant.subject).seal(ident, annulment_field(data.step), "有误"),
        officer=UUID(int=5),
    )
    return _act(fact(grant.subject, annulment, minute, grant.source, 200))


def granted_anew(annulment: Event, minute: int) -> list[Event]:
    """What follows an annulment that reopens: the step is opened and granted in its second round."""
    data = annulment.data
    assert isinstance(data, ApprovalAnnulled)
    opened = ApprovalOpened(step=data.step, department=data.department, round=2, because=annulment.id)
    granted = ApprovalGranted(step=data.step, department=data.department, decided_by="officer", round=2)
    subject, source = annulment.subject, annulment.source
    return [fact(subject, opened, minute, source, 201), _act(fact(subject, granted, minute + 1, source, 202))]
