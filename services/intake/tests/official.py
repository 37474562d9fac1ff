"""Cases with everything that an exchange has to tell: notices, promises, stops, extensions, refusals, annulments."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tongban_catalog.codes import case_number
from tongban_catalog.item import Item, split_personal
from tongban_catalog.load import load_catalog
from tongban_catalog.publish import catalog_events
from tongban_catalog.testing import keyed, signed
from tongban_intake.exchange import Catalogue
from tongban_runtime.testing.keys import case_keys
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events.applications import (
    NON_ACCEPTANCE_FIELD,
    NOTICE_FIELD,
    ApplicationAccepted,
    ApplicationCorrected,
    ApplicationCorrectionNoticed,
    ApplicationNotAccepted,
    ApplicationReceived,
    ApplicationSubmitted,
    ApplicationSupplemented,
    ApplicationWithdrawn,
)
from tongban_schemas.events.approvals import (
    ApprovalAnnulled,
    ApprovalClockResumed,
    ApprovalClockStopped,
    ApprovalCorrectionRequested,
    ApprovalExtended,
    ApprovalGranted,
    ApprovalOpened,
    ApprovalOverdue,
    ApprovalRefused,
    annulment_field,
    correction_field,
    extension_field,
    refusal_field,
)
from tongban_schemas.events.catalog import DepartmentRegistered, ItemPublished
from tongban_schemas.events.certificates import CertificateIssued, CertificateRevoked
from tongban_schemas.types import CHINA, Limit

OFFICER = UUID(int=0x0FF1CE)
SHA = "ab" * 32
MORNING = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
CATALOG = keyed(load_catalog())
ITEMS = CATALOG.items
EVENTS = catalog_events(CATALOG, MORNING)
_USCC = {name: one.uscc for name, one in CATALOG.departments.items()}
CATALOGUE = Catalogue(
    {one.data.item: Item.from_definition(one.data.definition) for one in EVENTS if isinstance(one.data, ItemPublished)},
    {one.data.department: one.data for one in EVENTS if isinstance(one.data, DepartmentRegistered)},
)


class Telling:
    """Tells the facts of one case, an hour apart, each by whoever may."""

    def __init__(self, item: Item, number: int) -> None:
        self.item = item
        self.subject = f"019cab3e-0000-7000-8000-{number:012x}"
        self.number = case_number(item.code, MORNING.astimezone(CHINA).date(), number)
        self.events: list[Event] = []
        self._sequences: Counter[str] = Counter()

    def tell(self, data: EventData, source: str = "/intake") -> Event:
        self._sequences[source] += 1
        event = Event(
            id=self._next_id(),
            source=source,
            subject=self.subject,
            time=MORNING + timedelta(hours=len(self.events)),
            sequence=self._sequences[source],
            correlationid=UUID(self.subject),
            data=data,
        )
        event = signed([*self.events, event], self.item, _USCC)[-1]
        self.events.append(event)
        return event

    def of_step(self, data: EventData) -> Event:
        return self.tell(data, f"/approvals/{getattr(data, 'department', '')}")

    def seal(self, field: str, text: str) -> str:
        """A value for the fact that is told next."""
        return case_keys(self.subject).seal(self._next_id(), field, text)

    def _next_id(self) -> UUID:
        return event_id("told", self.subject, str(len(self.events)))

    def submit(self, materials: dict[str, str] | None = None) -> None:
        plain, personal = split_personal(self.item, dict(self.item.form.example()))
        sealed = case_keys(self.subject).seal_all(self._next_id(), personal)
        self.tell(
            ApplicationSubmitted(
                item=self.item.ref,
                applicant=UUID(int=7),
                region="990101",
                answers=plain,
                sealed=sealed,
                materials=materials or {},
            )
        )
        body = self.item.acceptance.department_of(plain)
        self.tell(ApplicationReceived(item=self.item.ref, number=self.number, department=body))

    def accept(self, promised: list[str] | None = None) -> None:
        self.tell(ApplicationAccepted(item=self.item.ref, number=self.number, promised=promised or []))

    def issue(self) -> str:
        kind, issuer = self.item.certificate.kind, self.item.certificate.issuer
        number = f"1.2.156.3005.2.{kind}.11990000000000019A.{len(self.events):014d}.001.X"
        self.tell(
            CertificateIssued(
                item=self.item.ref,
                kind=kind,
                number=number,
                issuer=issuer,
                pdf_sha256=SHA,
                verification="http://127.0.0.1/v",
            ),
            f"/certificates/{issuer}",
        )
        return number


def investment(number: int = 1) -> Telling:
    """One notice, a promise kept, an expert review, an extension, a correction, conditional grants, a certificate."""
    case = Telling(ITEMS["enterprise-investment-project"], number)
    case.submit({"business-licence": SHA})
    notice = case.tell(
        ApplicationCorrectionNoticed(
            department="administrative-approval",
            materials=["design-scheme"],
            message=case.seal(f"{NOTICE_FIELD}/1", "请补交设计方案"),
            officer=OFFICER,
        )
    )
    case.tell(ApplicationCorrected(request=notice.id, materials={"design-scheme": SHA}))
    case.accept(promised=["impact-report"])
    case.tell(ApplicationSupplemented(materials={"impact-report": SHA}))
    ecology = {"step": "HP", "department": "ecology"}
    case.of_step(ApprovalOpened(**ecology))
    stop = case.of_step(
        ApprovalClockStopped(
            **ecology, procedure="expert-review", expected=Limit(number=10, unit="WD"), officer=OFFICER
        )
    )
    case.of_step(ApprovalClockResumed(**ecology, stop=stop.id, officer=OFFICER))
    planning = {"step": "GC", "department": "natural-resources"}
    case.of_step(ApprovalOpened(**planning))
    reason = case.seal(extension_field("GC"), "方案复杂，需再作比选")
    case.of_step(ApprovalExtended(**planning, by=Limit(number=10, unit="WD"), reason=reason, officer=OFFICER))
    message = case.seal(correction_field("GC"), "建筑面积与方案不符")
    asked = case.of_step(
        ApprovalCorrectionRequested(**planning, fields=["building_area_m2"], message=message, officer=OFFICER)
    )
    name = case.seal("company_name", "示例制造股份有限公司")
    sealed = {"company_name": name} if "company_name" in case.item.form.personal else {}
    plain = {} if sealed else {"company_name": "示例制造股份有限公司"}
    case.tell(ApplicationCorrected(request=asked.id, answers={"building_area_m2": 34000, **plain}, sealed=sealed))
    case.of_step(ApprovalOverdue(**planning, limit="promised", due=MORNING))
    case.of_step(ApprovalGranted(**planning, decided_by="officer", officer=OFFICER))
    case.of_step(ApprovalGranted(**ecology, decided_by="officer", officer=OFFICER, conditional=True))
    case.issue()
    return case


def reopened(number: int = 2) -> Telling:
    """Refused; the refusal annulled and the step decided anew; granted by silence; the grant annulled, certificate and all."""
    case = Telling(ITEMS["food-business-permit"], number)
    case.submit({"layout": SHA})
    case.accept()
    step = {"step": "YX", "department": "market-regulation"}
    case.of_step(ApprovalOpened(**step))
    refused = case.of_step(
        ApprovalRefused(
            **step,
            decided_by="officer",
            officer=OFFICER,
            reason_code="conditions-not-met",
            reason=case.seal(refusal_field("YX"), "布局不符合要求"),
        )
    )
    back = case.of_step(
        ApprovalAnnulled(
            **step,
            decision=refused.id,
            reopen=True,
            reason_code="wrong-facts",
            reason=case.seal(annulment_field("YX"), "认定事实不清"),
            officer=OFFICER,
        )
    )
    case.of_step(ApprovalOpened(**step, round=2, because=back.id))
    granted = case.of_step(ApprovalGranted(**step, round=2, decided_by="rule", deemed=True))
    certificate = case.issue()
    again = case.of_step(
        ApprovalAnnulled(
            **step,
            decision=granted.id,
            reopen=False,
            reason_code="law-changed",
            reason=case.seal(annulment_field("YX"), "所依据的规定已修改"),
            officer=OFFICER,
        )
    )
    issuer = case.item.certificate.issuer
    revoked = CertificateRevoked(number=certificate, issuer=issuer, cause="annulled", because=again.id)
    case.tell(revoked, f"/certificates/{issuer}")
    return case


def withdrawn(number: int = 3) -> Telling:
    """A person's pension transfer, taken back while the review stands still."""
    case = Telling(ITEMS["pension-transfer"], number)
    case.submit()
    case.accept()
    case.of_step(ApprovalOpened(step="IN", department="social-insurance-99"))
    case.tell(ApplicationWithdrawn())
    return case


def turned_away(number: int = 4, right_authority: str | None = "示范省烟草专卖局") -> Telling:
    """Not accepted: somebody else is competent, or no permit is needed."""
    case = Telling(ITEMS["tobacco-retail-permit"], number)
    case.submit()
    case.tell(
        ApplicationNotAccepted(
            department="tobacco-monopoly",
            reason_code="other-authority" if right_authority else "no-permit-needed",
            reason=case.seal(NON_ACCEPTANCE_FIELD, "不属于本机关职权范围"),
            right_authority=right_authority,
            officer=OFFICER,
        )
    )
    return case


def every() -> list[Telling]:
    return [investment(), reopened(), withdrawn(), turned_away(), turned_away(5, None)]
