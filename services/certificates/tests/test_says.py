"""The notice of the school named names the school: what a decision says stands on the certificate."""

from dataclasses import replace
from pathlib import Path
from uuid import UUID

from tongban_certificates.assembly import assemble
from tongban_certificates.document import CertificateRenderer
from tongban_certificates.domain import gather, judge
from tongban_schemas.envelope import Event
from tongban_schemas.events.applications import ApplicationSubmitted
from tongban_schemas.events.approvals import ApprovalGranted, grant_field

from .cases import APPLICANT, CATALOG, START, fact
from .conftest import MakeContent
from .test_document import pages

ITEM = CATALOG.item("primary-school-enrolment")
CASE = str(UUID(int=77))
OPENED = {"child_name": "示例儿童", grant_field("RX", "report_by"): "2026-08-31"}


def _granted() -> list[Event]:
    """A case that every department granted; the last of them named the school, and the day under seal."""
    answers, _ = ITEM.form.split_personal(ITEM.form.example())
    submitted = ApplicationSubmitted(
        item=ITEM.ref, applicant=APPLICANT, region="990101", answers=answers, sealed={"child_name": "s1.QQ"}
    )
    found = [fact(CASE, submitted, 0)]
    for minute, step in enumerate(ITEM.flow(answers).steps, 1):
        department = step.department_of(answers)
        granted = ApprovalGranted(step=step.id, department=department, decided_by="officer")
        if step.grant is not None:
            said = {"fields": {"school_name": "示范市第一小学"}, "sealed": {"report_by": "s1.Qg"}}
            granted = granted.model_copy(update=said)
        found.append(fact(CASE, granted, minute, f"/approvals/{department}", minute))
    return found


def test_what_the_decision_says_stands_on_the_certificate(
    renderer: CertificateRenderer, make_content: MakeContent, tmp_path: Path
) -> None:
    case = gather(_granted())
    assert case is not None
    due = judge(case, ITEM).due
    assert due is not None
    made = assemble(
        case,
        due,
        ITEM,
        CATALOG.departments,
        number="1.2.3",
        replaces=None,
        issued_at=START,
        verify_url="http://127.0.0.1",
        open_sealed=lambda field, _: OPENED[field],
    )
    assert [(one.label.zh, one.value.zh) for one in made.content.says] == [
        ("就读学校", "示范市第一小学"),
        ("报到截止日期", "2026-08-31"),
    ]
    pdf = tmp_path / "notice.pdf"
    pdf.write_bytes(renderer.render(replace(make_content(), says=made.content.says)))
    (page,) = pages(pdf)
    assert "示范市第一小学" in "".join(page.split())
