"""Who may have the keys of which fields: every purpose, what it covers, and every rule by which it is refused."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from tongban_catalog.item import Item
from tongban_catalog.load import load_catalog
from tongban_intake.domain.history import History
from tongban_intake.vault.rules import Asker, CaseKnown, judge
from tongban_runtime.keys import KeyRequest
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events.access import DOUBT_FIELD, EXPLANATION_FIELD, AccessRule, Caller, Purpose
from tongban_schemas.events.applications import (
    APPEAL_FIELD,
    NON_ACCEPTANCE_FIELD,
    NOTICE_FIELD,
    ApplicationSubmitted,
    ApplicationWithdrawn,
)
from tongban_schemas.events.approvals import (
    ApprovalOpened,
    ApprovalRefused,
    annulment_field,
    appeal_decision_field,
    correction_field,
    extension_field,
    opinion_field,
    refusal_field,
)
from tongban_schemas.events.evidence import (
    EvidenceDisputeAnswered,
    EvidenceDisputed,
    EvidenceFailed,
    EvidenceNotRecorded,
    EvidenceObjected,
    EvidenceProvided,
    EvidenceRefused,
    EvidenceRequested,
    evidence_field,
    evidence_text_field,
    lookup_field,
    upload_field,
)

CATALOG = load_catalog()
SCHOOL, PROJECT = CATALOG.items["primary-school-enrolment"], CATALOG.items["enterprise-investment-project"]
CASE = UUID("019cab3e-0000-7000-8000-000000000001")
PERSON, OFFICER = UUID(int=7), UUID(int=8)
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
REQUEST = event_id(EvidenceRequested.TYPE, str(CASE), "home-proof", "1")
TOLD: dict[str, Any] = {
    "request": REQUEST,
    "resource": "home-right-99",
    "material": "home-proof",
    "department": "housing",
}
SOURCE = "/certificates/housing"


def event(data: EventData, source: str = "/intake", *names: str) -> Event:
    return Event(event_id(data.TYPE, str(CASE), *names), source, str(CASE), NOON, CASE, data, 1)


def submitted(item: Item) -> Event:
    answers = item.form.example() | ({"project_list": "approval"} if item is PROJECT else {})
    plain, personal = item.form.split_personal(answers)
    sealed = dict.fromkeys(personal, "s1.AA")
    return event(ApplicationSubmitted(item=item.ref, applicant=PERSON, region="990101", answers=plain, sealed=sealed))


def requested() -> Event:
    data = EvidenceRequested(
        material="home-proof",
        resource="home-right-99",
        provider="housing",
        item=SCHOOL.ref,
        asked_by="housing",
        basis="x",
        fields=["kind", "address"],
        lookup={"holder": "s1.AA"},
        expires=NOON + timedelta(days=1),
    )
    return event(data, "/intake", "home-proof", "1")


def known(item: Item | None, *events: Event, erased: bool = False) -> CaseKnown:
    return CaseKnown(History.of(str(CASE), events, item), item, CATALOG.departments, erased)


SCHOOL_CASE = known(SCHOOL, submitted(SCHOOL), requested())
PROJECT_CASE = known(PROJECT, submitted(PROJECT))
WITHDRAWN = event(ApplicationWithdrawn())
ENDED = known(SCHOOL, submitted(SCHOOL), requested(), WITHDRAWN)


def asked(
    service: Caller,
    purpose: Purpose,
    fields: Iterable[str],
    department: str | None = None,
    case: CaseKnown = SCHOOL_CASE,
    *,
    at: datetime = NOON,
    speaks_for: str | None = None,
    **more: Any,
) -> AccessRule | None:
    own = frozenset(filter(None, (speaks_for or department,)))
    return judge(Asker(service, own), KeyRequest(CASE, purpose, frozenset(fields), department, **more), case, at)


def test_a_step_sees_its_inputs_and_how_to_reach_the_person() -> None:
    allowed = [
        "home_address",
        "contact_phone",
        evidence_field("home-proof", "address"),
        evidence_text_field("home-proof"),
        upload_field("home-proof"),
        *(make("FW") for make in (refusal_field, correction_field, extension_field, annulment_field)),
        appeal_decision_field("FW"),
        opinion_field("FW", "any"),
        f"{APPEAL_FIELD}/{uuid4()}",
    ]
    assert asked("approvals", "decide", allowed, "housing", step="FW", officer=OFFICER) is None
    assert asked("approvals", "decide", allowed, "housing", step="FW") is None
    for beyond in (
        "child_name",
        "parent_name",
        evidence_field("work-proof", "months"),
        upload_field("household-register"),
        lookup_field("holder"),
        refusal_field("JZ"),
        "certificate/1",
        "evidence/home-proof",
        "",
    ):
        assert asked("approvals", "decide", [beyond], "housing", step="FW") == "scope"
        assert asked("approvals", "decide", [*allowed, beyond], "housing", step="FW") == "scope"


def test_who_applied_is_given_nothing_as_an_officer() -> None:
    more: dict[str, Any] = {"step": "FW", "officer": SCHOOL_CASE.applicant}
    for service, purpose in (("approvals", "decide"), ("approvals", "remedy"), ("intake", "receive")):
        assert asked(service, purpose, ["home_address"], "housing", **more) == "own-application"  # type: ignore[arg-type]


def test_a_step_without_inputs_sees_all() -> None:
    definition = dict(SCHOOL.definition)
    definition["steps"] = [
        {name: value for name, value in step.items() if name != "inputs"} for step in definition["steps"]
    ]
    item = Item.from_definition(definition)
    case = known(item, submitted(item))
    fields = [*item.form.personal, *(evidence_field(one.id, "x") for one in item.materials)]
    assert asked("approvals", "decide", fields, "housing", case, step="FW") is None


@pytest.mark.parametrize(
    ("department", "step", "case", "rule"),
    [
        ("education", "FW", SCHOOL_CASE, "not-your-step"),
        ("housing", "NO", SCHOOL_CASE, "not-your-step"),
        ("ecology", "FW", SCHOOL_CASE, "not-your-case"),
        ("housing", None, SCHOOL_CASE, "not-your-step"),
        ("housing", "FW", ENDED, "case-closed"),
        ("housing", "FW", known(SCHOOL, requested()), "not-your-case"),
        ("housing", "FW", known(None, submitted(SCHOOL)), "not-your-case"),
        ("housing", "FW", known(SCHOOL, submitted(SCHOOL), erased=True), "erased"),
    ],
)
def test_who_may_not_decide(department: str, step: str | None, case: CaseKnown, rule: AccessRule) -> None:
    assert asked("approvals", "decide", ["home_address"], department, case, step=step, officer=OFFICER) == rule


def test_a_refused_case_is_closed_to_the_other_steps() -> None:
    opened = event(ApprovalOpened(step="JZ", department="public-security"), "/approvals/public-security", "JZ")
    refused = ApprovalRefused(
        step="JZ", department="public-security", decided_by="rule", reason_code="not-met", reason="s1.AA"
    )
    case = known(SCHOOL, submitted(SCHOOL), opened, event(refused, "/approvals/public-security", "JZ"))
    assert asked("approvals", "decide", ["home_address"], "housing", case, step="FW") == "case-closed"


def test_a_service_speaks_for_its_own_departments_and_purposes_alone() -> None:
    assert (
        asked("approvals", "decide", ["home_address"], "housing", speaks_for="education", step="FW")
        == "department-not-yours"
    )
    assert asked("approvals", "decide", ["home_address"], step="FW") == "department-not-yours"
    wrong: list[tuple[Caller, Purpose]] = [
        ("approvals", "certify"),
        ("approvals", "evidence"),
        ("approvals", "notify"),
        ("certificates", "decide"),
        ("notify", "decide"),
        ("approvals", "receive"),
        ("certificates", "explain"),
    ]
    for service, purpose in wrong:
        assert asked(service, purpose, ["home_address"], "housing", step="FW") == "service-not-permitted"


def test_nobody_looks_without_saying_who() -> None:
    looks: list[tuple[Caller, Purpose]] = [
        ("intake", "receive"),
        ("approvals", "opinion"),
        ("approvals", "remedy"),
        ("certificates", "share"),
        ("intake", "explain"),
    ]
    for service, purpose in looks:
        assert asked(service, purpose, [DOUBT_FIELD], "housing", request=REQUEST) == "service-not-permitted"


def test_the_lead_extends_the_joint_limit_and_sees_nothing_by_it() -> None:
    lead, field = "administrative-approval", extension_field(None)
    assert asked("approvals", "decide", [field], lead, PROJECT_CASE, officer=OFFICER) is None
    assert asked("approvals", "decide", [field, "contact_name"], lead, PROJECT_CASE, officer=OFFICER) == "scope"
    assert asked("approvals", "decide", [field], "housing", PROJECT_CASE, officer=OFFICER) == "not-your-step"
    over = known(PROJECT, submitted(PROJECT), WITHDRAWN)
    assert asked("approvals", "decide", [field], lead, over, officer=OFFICER) == "case-closed"


def test_an_opinion_sees_what_the_step_sees() -> None:
    fields = ["contact_name", opinion_field("HZ", "industry-opinion")]
    more: dict[str, Any] = {"officer": OFFICER}
    assert asked("approvals", "opinion", fields, "ecology", PROJECT_CASE, step="HZ", **more) is None
    assert asked("approvals", "opinion", fields, "ecology", PROJECT_CASE, step="BA", **more) == "not-your-step"
    assert asked("approvals", "opinion", fields, "education", PROJECT_CASE, step="HZ", **more) == "not-your-case"
    over = known(PROJECT, submitted(PROJECT), WITHDRAWN)
    assert asked("approvals", "opinion", fields, "ecology", over, step="HZ", **more) == "case-closed"


def test_a_remedy_is_open_after_the_end_to_the_department_and_its_supervisor() -> None:
    fields = [annulment_field("FW"), appeal_decision_field("FW"), refusal_field("FW"), f"{APPEAL_FIELD}/1"]
    supervisor = CATALOG.departments["housing"].supervisor
    for department in ("housing", supervisor):
        assert asked("approvals", "remedy", fields, department, ENDED, step="FW", officer=OFFICER) is None
        assert asked("approvals", "remedy", ["home_address"], department, ENDED, step="FW", officer=OFFICER) == "scope"
    assert asked("approvals", "remedy", fields, "ecology", ENDED, step="FW", officer=OFFICER) == "not-your-step"
    assert asked("approvals", "remedy", fields, "ecology", ENDED, step="XX", officer=OFFICER) == "not-your-case"


def test_the_receiving_desk_sees_everything_until_the_end() -> None:
    words = [f"{NOTICE_FIELD}/1", NON_ACCEPTANCE_FIELD]
    fields = [*SCHOOL.form.personal, *words, evidence_field("home-proof", "kind")]
    assert asked("intake", "receive", fields, "street-office-99", officer=OFFICER) is None
    assert asked("intake", "receive", fields, "street-office-99", ENDED, officer=OFFICER) == "case-closed"
    assert asked("intake", "receive", words, "street-office-99", ENDED, officer=OFFICER) is None
    assert asked("intake", "receive", fields, "housing", officer=OFFICER) == "not-your-case"
    assert asked("intake", "receive", [refusal_field("FW")], "street-office-99", officer=OFFICER) == "scope"


def test_the_issuer_sees_the_holder_and_the_file() -> None:
    issuer = SCHOOL.certificate.issuer_of(SCHOOL.form.example())
    assert SCHOOL.holder is not None
    fields = [SCHOOL.holder.name, "certificate/1.2.156"]
    assert asked("certificates", "certify", fields, issuer) is None
    assert asked("certificates", "certify", ["contact_name"], issuer) == "scope"
    assert asked("certificates", "certify", fields, "housing") == "not-your-case"
    assert asked("certificates", "certify", fields, issuer, ENDED) == "case-closed"


def test_a_certificate_is_delivered_to_the_applicant_or_a_department_of_the_case() -> None:
    issuer, fields = SCHOOL.certificate.issuer_of(SCHOOL.form.example()), ["certificate/1.2.156"]
    assert asked("certificates", "deliver", fields, issuer, ENDED, person=PERSON) is None
    assert asked("certificates", "deliver", fields, issuer, person=uuid4()) == "not-the-applicant"
    assert asked("certificates", "deliver", fields, issuer) == "not-the-applicant"
    assert asked("certificates", "deliver", fields, "housing", officer=OFFICER) is None
    assert asked("certificates", "deliver", fields, "ecology", officer=OFFICER) == "not-your-case"
    assert asked("certificates", "deliver", ["contact_email"], issuer, person=PERSON) == "scope"


def test_letters_see_the_address_and_the_words() -> None:
    fields = [
        "contact_email",
        NON_ACCEPTANCE_FIELD,
        f"{NOTICE_FIELD}/2",
        evidence_text_field("home-proof"),
        extension_field(None),
        *(make("FW") for make in (refusal_field, correction_field, annulment_field, appeal_decision_field)),
    ]
    assert asked("notify", "notify", fields, case=ENDED) is None
    for beyond in ("contact_name", evidence_field("home-proof", "kind"), opinion_field("FW", "x"), DOUBT_FIELD):
        assert asked("notify", "notify", [beyond]) == "scope"


SHARED = [
    lookup_field("holder"),
    evidence_field("home-proof", "kind"),
    evidence_field("home-proof", "address"),
    evidence_text_field("home-proof"),
]


def source(purpose: Purpose, *facts: Event, fields: Iterable[str] = SHARED, **more: Any) -> AccessRule | None:
    case = known(SCHOOL, submitted(SCHOOL), requested(), *facts)
    arguments: dict[str, Any] = {"request": REQUEST, "officer": OFFICER if purpose == "share" else None, **more}
    return asked("certificates", purpose, fields, arguments.pop("department", "housing"), case, **arguments)


PROVIDED = event(EvidenceProvided(**TOLD, recorded_at=NOON), SOURCE, "1")
REFUSED = event(EvidenceRefused(**TOLD, ground="not-held", basis="x", reason="s1.AA"), SOURCE, "answer")


@pytest.mark.parametrize("purpose", ["evidence", "share"])
def test_a_source_sees_what_the_request_names_until_it_has_answered(purpose: Purpose) -> None:
    assert source(purpose) is None
    assert source(purpose, fields=[evidence_field("home-proof", "certificate_number")]) == "scope"
    assert source(purpose, fields=["home_address"]) == "scope"
    assert source(purpose, request=uuid4()) == "request-unknown"
    assert source(purpose, department="education") == "request-not-yours"
    assert source(purpose, at=NOON + timedelta(days=1, seconds=1)) == "request-expired"
    assert source(purpose, WITHDRAWN) == "case-closed"
    assert source(purpose, PROVIDED) == "request-answered"
    assert source(purpose, event(EvidenceNotRecorded(**TOLD), SOURCE, "1")) == "request-answered"
    failed = EvidenceFailed(**TOLD, reason="expired", final=True)
    assert source(purpose, event(failed, "/intake", "final")) == "request-answered"
    retrying = EvidenceFailed(**TOLD, reason="source-unreachable", final=False)
    assert source(purpose, event(retrying, SOURCE, "retrying")) is None
    assert source(purpose, event(PROVIDED.data, "/certificates/education", "1")) is None


def test_a_person_at_the_source_looks_again_while_a_refusal_or_what_was_given_is_in_dispute() -> None:
    objected = EvidenceObjected(
        request=REQUEST,
        refusal=REFUSED.id,
        material="home-proof",
        department="housing",
        stage="negotiation",
        argument="s1.AA",
        officer=OFFICER,
    )
    objection = event(objected, "/approvals/housing", "1")
    late = NOON + timedelta(days=30)
    assert source("share", REFUSED) == "request-answered"
    assert source("share", REFUSED, objection, at=late) is None
    assert source("evidence", REFUSED, objection) == "request-answered"
    again = event(REFUSED.data.model_copy(update={"stage": "negotiation"}), SOURCE, "negotiation")
    assert source("share", REFUSED, objection, again) == "request-answered"
    disputed = EvidenceDisputed(
        provided=PROVIDED.id,
        resource="home-right-99",
        material="home-proof",
        provider="housing",
        fields=["kind"],
        text="s1.AA",
    )
    dispute = event(disputed, "/intake", "1")
    assert source("share", PROVIDED, dispute, at=late) is None
    answer = EvidenceDisputeAnswered(**TOLD, dispute=dispute.id, outcome="upheld", text="s1.AA")
    assert source("share", PROVIDED, dispute, event(answer, SOURCE, "1")) == "request-answered"
    assert source("share", PROVIDED, dispute, event(answer, "/certificates/x", "1")) is None


def test_a_source_tells_corrections_of_what_it_gave_while_the_case_runs() -> None:
    fields = [evidence_field("home-proof", "kind"), evidence_text_field("home-proof")]
    assert source("correct", PROVIDED, fields=fields) is None
    assert source("correct", PROVIDED, fields=[lookup_field("holder")]) == "scope"
    assert source("correct", fields=fields) == "not-your-case"
    assert source("correct", PROVIDED, fields=fields, department="education") == "not-your-case"
    assert source("correct", PROVIDED, WITHDRAWN, fields=fields) == "case-closed"


def test_a_doubt_is_answered_with_its_own_words_alone() -> None:
    assert asked("intake", "explain", [DOUBT_FIELD, EXPLANATION_FIELD], "housing", ENDED, officer=OFFICER) is None
    assert asked("intake", "explain", [DOUBT_FIELD, "contact_name"], "housing", officer=OFFICER) == "scope"


def test_asking_for_nothing_is_out_of_scope() -> None:
    assert asked("notify", "notify", []) == "scope"
