"""What a new version would mean for cases that there are. Facts are made as the services make them."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tongban_catalog.item import Item
from tongban_catalog.load import load_catalog
from tongban_catalog.shadow import assess, is_running, shadow
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events.applications import (
    ApplicationAccepted,
    ApplicationCorrected,
    ApplicationSubmitted,
    ApplicationWithdrawn,
)
from tongban_schemas.events.approvals import ApprovalAnnulled, ApprovalGranted, ApprovalRefused
from tongban_schemas.events.certificates import CertificateIssued, CertificateRevoked

ITEM = load_catalog().items["enterprise-investment-project"]
BEGIN = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
SEALED = "s1.AAAA"
ANSWERS, PERSONAL = ITEM.form.split_personal(ITEM.form.example())
REFUSED = {"reason_code": "not-met", "reason": SEALED}


def case(*data: EventData, number: int = 1, item: Item = ITEM, answers: dict[str, Any] | None = None) -> list[Event]:
    """The facts of one case: its submission, then ``data``, a minute apart."""
    subject = str(UUID(int=number))
    submitted = ApplicationSubmitted(
        item=item.ref,
        applicant=UUID(int=7),
        region="990101",
        answers={**ANSWERS, **(answers or {})},
        sealed=dict.fromkeys(PERSONAL, SEALED),
    )
    events = []
    for place, one in enumerate((submitted, *data)):
        department = getattr(one, "department", None)
        source = "/intake" if department is None else f"/approvals/{department}"
        identity = event_id(one.TYPE, subject, str(place))
        time = BEGIN + timedelta(minutes=place)
        events.append(Event(identity, source, subject, time, UUID(subject), one, place + 1))
    return events


def changed(**more: Any) -> dict[str, Any]:
    return {**deepcopy(ITEM.definition), "version": 2, **more}


def step(definition: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(part for part in definition["steps"] if part["id"] == name)
    return found


def differences(definition: dict[str, Any], *data: EventData, **more: Any) -> set[tuple[str, str, str, str]]:
    found = shadow(case(*data, **more), ITEM, Item.from_definition(definition))
    return {(one.about, one.subject, one.old, one.new) for one in found}


def test_the_same_flow_shows_nothing() -> None:
    assert differences(changed()) == set()


def test_a_step_that_would_be_there_and_one_that_would_not() -> None:
    definition = changed()
    step(definition, "GA")["when"]["properties"]["traffic_impact"] = {"const": False}
    assert differences(definition) == {("step", "GA", "+", "-")}
    assert differences(definition, answers={"traffic_impact": False}) == {("step", "GA", "-", "+")}


def test_a_rule_that_would_decide_otherwise() -> None:
    definition = changed()
    step(definition, "JN")["decide"]["grant_when"]["properties"]["energy_tce"] = {"exclusiveMaximum": 500}
    assert differences(definition) == {("verdict", "JN", "grant", "officer")}


def test_the_last_answers_count() -> None:
    definition = changed()
    step(definition, "JN")["decide"]["grant_when"]["properties"]["energy_tce"] = {"exclusiveMaximum": 500}
    corrected = ApplicationCorrected(request=UUID(int=9), answers={"energy_tce": 400})
    assert differences(definition, corrected) == set()


def test_limits_needs_departments_materials_and_acceptance() -> None:
    definition = changed(acceptance={"by": "rule" if ITEM.acceptance.by == "officer" else "officer"})
    step(definition, "YD")["limit"]["promised"] = {"number": 2, "unit": "WD"}
    step(definition, "SG")["needs"] = [need for need in step(definition, "SG")["needs"] if need["step"] != "WH"]
    definition["departments"]["police"] = "culture"
    definition["materials"][0]["required"] = False
    found = {(about, subject) for about, subject, _, _ in differences(definition)}
    gone = definition["materials"][0]["id"]
    assert {("promised", "YD"), ("needs", "SG"), ("department", "GA"), ("acceptance", ITEM.code)} <= found
    assert found - {("material", gone)} == {
        ("promised", "YD"),
        ("needs", "SG"),
        ("department", "GA"),
        ("acceptance", ITEM.code),
    }


def test_answers_that_the_new_form_would_not_take() -> None:
    definition = changed()
    definition["form"]["properties"]["land_area_m2"]["maximum"] = 10
    definition["form"]["properties"]["contact_name"]["maxLength"] = 1
    definition["form"]["required"].append("project_code")
    del definition["form"]["properties"]["public_health_venue"]
    definition["form"]["required"].remove("public_health_venue")
    definition["steps"] = [part for part in definition["steps"] if part["id"] != "WS"]
    step(definition, "SG")["needs"] = [need for need in step(definition, "SG")["needs"] if need["step"] != "WS"]
    answers = {"project_code": None}
    found = {(about, subject) for about, subject, _, _ in differences(definition, answers=answers)}
    assert {("answer", "land_area_m2"), ("answer", "public_health_venue"), ("step", "WS")} <= found
    assert ("answer", "contact_name") not in found


GRANTED = ApprovalGranted(step="BA", department="development-reform", decided_by="rule")
NO = ApprovalRefused(step="BA", department="development-reform", decided_by="officer", **REFUSED)
ISSUED = CertificateIssued(
    item=ITEM.ref, kind=ITEM.certificate.kind, number="1", issuer="lead", pdf_sha256="0" * 64, verification="x"
)
REVOKED = CertificateRevoked(number="1", issuer="lead", cause="annulled", because=UUID(int=1))


@pytest.mark.parametrize(
    ("data", "running"),
    [
        ((), True),
        ((ApplicationAccepted(item=ITEM.ref), GRANTED), True),
        ((ApplicationAccepted(item=ITEM.ref), NO), False),
        ((ApplicationWithdrawn(),), False),
        ((GRANTED, ISSUED), False),
        ((GRANTED, ISSUED, REVOKED), True),
    ],
)
def test_a_case_runs_until_it_ends(data: tuple[EventData, ...], running: bool) -> None:
    assert is_running(case(*data), ITEM) is running


def test_an_annulled_refusal_runs_again_when_it_is_decided_anew() -> None:
    facts = case(ApplicationAccepted(item=ITEM.ref), NO)

    def annulled(reopen: bool) -> list[Event]:
        data = ApprovalAnnulled(
            step="BA",
            department="development-reform",
            decision=facts[-1].id,
            reopen=reopen,
            reason_code="unlawful",
            reason=SEALED,
            officer=UUID(int=3),
        )
        return case(ApplicationAccepted(item=ITEM.ref), NO, data)

    assert is_running(annulled(True), ITEM)
    assert not is_running(annulled(False), ITEM)


def test_impact_lists_exactly_the_running_cases_on_other_versions() -> None:
    new = Item.from_definition(changed())
    older = Item.from_definition(changed(version=9))
    cases = {
        "running": case(number=1),
        "ended": case(ApplicationWithdrawn(), number=2),
        "new": case(number=3, item=new),
        "unknown": case(number=4, item=older),
    }
    found = assess(new, cases, {ITEM.ref: ITEM, new.ref: new})
    assert [(one.application, one.version) for one in found.running] == [("running", 1)]
    assert (found.past, found.unknown, dict(found.differences)) == (2, ("unknown",), {})


def test_each_difference_names_its_cases() -> None:
    definition = changed()
    step(definition, "GA")["when"]["properties"]["traffic_impact"] = {"const": False}
    cases = {str(number): case(number=number, answers={"traffic_impact": number > 1}) for number in (1, 2, 3)}
    found = assess(Item.from_definition(definition), cases, {ITEM.ref: ITEM})
    told = {(one.subject, one.old): names for one, names in found.differences.items()}
    assert told == {("GA", "-"): ("1",), ("GA", "+"): ("2", "3")}
