"""Both clocks, stops, extensions and what to do next, as a case shows them."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tongban_catalog.clock import Calendar, Calendars
from tongban_catalog.department import Department
from tongban_catalog.item import Item
from tongban_catalog.load import Catalog
from tongban_intake.facts import Fact, merge_all
from tongban_intake.payloads import (
    Accepted,
    Annulled,
    AnyBody,
    AppealDecided,
    Appealed,
    ClockResumed,
    ClockStopped,
    Corrected,
    CorrectionRequested,
    Extended,
    Granted,
    Issued,
    Limit,
    NotAccepted,
    Noticed,
    Opened,
    OpinionGiven,
    OpinionLapsed,
    OpinionRequested,
    Overdue,
    PromiseOverdue,
    Received,
    Refused,
    Revoked,
    Submitted,
    Supplemented,
)
from tongban_intake.payloads import Item as Ref
from tongban_intake.presentation import Clocks, FlowStep, Presenter, Shown
from tongban_intake.status import status

from .cases import MORNING
from .counter import received_item
from .test_status import event_number

LAND = "natural-resources"
LEAD = "administrative-approval"
NUMBER = "11990000000000019A3990100001000202603020001"


def at(day: int, month: int = 3) -> datetime:
    """Nine o'clock in China of a day of 2026."""
    return datetime(2026, month, day, 1, 0, tzinfo=UTC)


Said = tuple[datetime, AnyBody, str]


def land(moment: datetime, body: AnyBody) -> Said:
    return moment, body, f"/approvals/{LAND}"


def intake(moment: datetime, body: AnyBody) -> Said:
    return moment, body, "/intake"


class Desk:
    """Shows cases of one item under the catalogue's calendars."""

    def __init__(self, item: Item, catalog: Catalog, departments: dict[str, Department]) -> None:
        self.item = item
        self.calendars = Calendars(Calendar.of(one) for one in catalog.calendars)
        self.departments = departments
        self.ref = Ref(item.code, item.version)

    def show(self, now: datetime, *said: Said, **answers: Any) -> Shown:
        facts = [
            Fact(event_number(number), source, moment, number, None, body)
            for number, (moment, body, source) in enumerate(said, start=1)
        ]
        clocks = Clocks(self.calendars, self.departments, now)
        presenter = Presenter(clocks, lambda field, sealed: f"{field}={sealed}")
        known = status(merge_all(facts).values())
        return presenter.show(UUID(int=1), known, self.item, self.item.form.example() | answers)

    def begun(self, step: str = "YD") -> list[Said]:
        return [
            intake(MORNING, Submitted(self.ref)),
            intake(MORNING, Accepted(self.ref, number=NUMBER)),
            land(MORNING, Opened(step, LAND)),
        ]


def step(shown: Shown, name: str = "YD") -> FlowStep:
    return next(one for one in shown.flow if one.step == name)


@pytest.fixture(scope="module")
def departments(catalog: Catalog) -> dict[str, Department]:
    return catalog.departments


@pytest.fixture(scope="module")
def project(catalog: Catalog, departments: dict[str, Department]) -> Desk:
    """The investment project, without its joint limit."""
    definition = deepcopy(catalog.items["enterprise-investment-project"].definition)
    definition.pop("joint", None)
    return Desk(Item.from_definition(definition), catalog, departments)


@pytest.fixture(scope="module")
def joint(catalog: Catalog, departments: dict[str, Department]) -> Desk:
    return Desk(catalog.items["enterprise-investment-project"], catalog, departments)


@pytest.fixture(scope="module")
def received(catalog: Catalog, departments: dict[str, Department]) -> Desk:
    return Desk(received_item(catalog), catalog, departments)


def test_both_clocks_stand_side_by_side(project: Desk) -> None:
    shown = project.show(at(3), *project.begun())
    clock = step(shown).clock
    assert clock is not None
    assert [(due.kind, str(due.day), due.colour) for due in clock.dues] == [
        ("legal", "2026-03-30", "green"),
        ("promised", "2026-03-05", "green"),
    ]
    assert clock.words.zh == "最迟 2026年3月30日 · 承诺 2026年3月5日"
    assert clock.words.en == "at the latest 30 March 2026 · promised 5 March 2026"
    assert shown.number == NUMBER
    assert shown.clock == clock
    assert shown.as_of == at(3)


@pytest.mark.parametrize(
    ("now", "colour", "words"),
    [
        (at(5), "yellow", "，时限将到"),
        (at(6), "red", "，已过承诺时限"),
        (at(31), "red", "，已超期"),
    ],
)
def test_yellow_and_red_are_told_in_words(project: Desk, now: datetime, colour: str, words: str) -> None:
    clock = step(project.show(now, *project.begun())).clock
    assert clock is not None
    assert (clock.colour, clock.words.zh.endswith(words)) == (colour, True)


def test_a_special_procedure_stops_the_clock_and_says_until_when(project: Desk) -> None:
    stop = land(at(4), ClockStopped("YD", LAND, "hearing", Limit(10, "WD")))
    shown = project.show(at(5), *project.begun(), stop)
    clock = step(shown).clock
    assert clock is not None
    assert clock.stop is not None
    assert str(clock.stop.expected_day) == "2026-03-18"
    assert clock.words.zh == "时限暂停：hearing，预计 10 个工作日，约至 2026年3月18日"
    assert [due.at for due in clock.dues] == [None, None]
    ended = project.show(at(12), *project.begun(), stop, land(at(11), ClockResumed("YD", LAND, UUID(int=4))))
    legal = step(ended).clock
    assert legal is not None
    assert [str(due.day) for due in legal.dues] == ["2026-04-08", "2026-03-13"]
    assert step(ended).procedures[0].end == at(11)


def test_a_step_without_a_limit_shows_its_stop_all_the_same(project: Desk) -> None:
    stop = land(at(4), ClockStopped("FA", LAND, "expert-review", Limit(15, "WD")))
    clock = step(project.show(at(5), *project.begun("FA"), stop), "FA").clock
    assert clock is not None
    assert clock.stop is not None
    assert clock.words.zh.startswith("时限暂停：")


def test_waiting_for_a_correction_stops_the_clock(project: Desk) -> None:
    asked = land(at(3), CorrectionRequested("YD", LAND, ("project_name",), "s1.AA", ("plan",)))
    waiting = project.show(at(4), *project.begun(), asked)
    assert waiting.state == "waiting-for-correction"
    assert waiting.next.zh == "请按下面的通知补正；在您答复之前，时限暂停。"
    assert waiting.clock is not None
    assert waiting.clock.words.zh == "时限暂停：等待申请人补正"
    assert waiting.corrections[0].message == "approval.correction-requested/YD=s1.AA"
    answered = step(project.show(at(6), *project.begun(), asked, intake(at(5), Corrected(UUID(int=4))))).clock
    assert answered is not None
    assert [str(due.day) for due in answered.dues] == ["2026-04-02", "2026-03-10"]


def test_an_extension_lengthens_the_law_s_clock_and_gives_its_reason(project: Desk) -> None:
    longer = land(at(5), Extended(LAND, Limit(10, "WD"), "s1.EE", "YD"))
    shown = step(project.show(at(6), *project.begun(), longer))
    assert shown.clock is not None
    assert str(shown.clock.dues[0].day) == "2026-04-14"
    assert shown.extension is not None
    assert (shown.extension.by.words.zh, shown.extension.reason) == ("10 个工作日", "approval.extended/YD=s1.EE")
    other = land(at(5), Extended(LAND, Limit(3, "ND"), "s1.EE", "YD"))
    runs_on = step(project.show(at(6), *project.begun(), other)).clock
    assert runs_on is not None
    assert str(runs_on.dues[0].day) == "2026-04-02"


def test_a_year_without_a_calendar_makes_the_date_provisional(project: Desk) -> None:
    late = datetime(2026, 12, 28, 1, 0, tzinfo=UTC)
    said = [intake(late, Submitted(project.ref)), intake(late, Accepted(project.ref)), land(late, Opened("YD", LAND))]
    clock = step(project.show(late, *said)).clock
    assert clock is not None
    assert [due.provisional for due in clock.dues] == [True, False]
    assert "（以公布的放假安排为准）" in clock.words.zh
    assert step(project.show(late + timedelta(days=90), *said)).clock is not None
    overdue = step(project.show(late + timedelta(days=90), *said)).clock
    assert overdue is not None
    assert overdue.dues[0].colour == "green"


def test_another_round_has_a_clock_of_its_own(project: Desk) -> None:
    said = [
        *project.begun(),
        land(at(5), Granted("YD", LAND, "officer")),
        land(at(9), Annulled("YD", LAND, UUID(int=4), True, "unlawful", "s1.FF")),
    ]
    before = project.show(at(10), *said)
    assert (step(before).state, step(before).clock) == ("annulled", None)
    assert before.next.zh == "有决定已被撤销，将重新办理。您无需操作。"
    assert before.annulments[0].reason == "approval.annulled/YD=s1.FF"
    shown = step(project.show(at(11), *said, land(at(10), Opened("YD", LAND, 2))))
    assert (shown.round, shown.state) == (2, "open")
    assert shown.clock is not None
    assert str(shown.clock.dues[1].day) == "2026-03-13"


def test_a_deemed_acceptance_counts_from_the_receipt(project: Desk) -> None:
    said = [
        intake(at(2), Submitted(project.ref)),
        intake(at(9), Accepted(project.ref, deemed=True, effective_from=at(2))),
        land(at(9), Opened("YS", LAND)),
    ]
    clock = step(project.show(at(10), *said, project_type="other"), "YS").clock
    assert clock is not None
    assert str(clock.dues[0].day) == "2026-03-30"


def test_the_joint_limit_is_the_clock_of_the_whole_case(joint: Desk) -> None:
    shown = joint.show(at(3), *joint.begun())
    assert shown.clock is not None
    assert [(due.kind, due.limit.words.zh) for due in shown.clock.dues] == [("joint", "45 个工作日")]
    plain = shown.clock.dues[0].day
    assert plain is not None
    longer = joint.show(at(4), *joint.begun(), land(at(4), Extended(LAND, Limit(15, "WD"), "s1.EE")))
    assert longer.clock is not None
    assert longer.clock.dues[0].day is not None
    assert longer.clock.dues[0].day > plain
    assert longer.extension is not None
    assert longer.extension.reason == "approval.extended/joint=s1.EE"
    stopped = joint.show(at(5), *joint.begun(), land(at(4), ClockStopped("YD", LAND, "hearing", Limit(10, "WD"))))
    assert stopped.clock is not None
    assert stopped.clock.stop is not None
    assert stopped.clock.words.zh.startswith("时限暂停：")


def test_the_receiving_body_s_five_days(received: Desk) -> None:
    said = [intake(at(2), Submitted(received.ref)), intake(at(2), Received(received.ref, NUMBER, LEAD))]
    shown = received.show(at(3), *said)
    assert shown.clock is not None
    assert shown.clock.words.zh == "受理答复最迟 2026年3月9日"
    assert "逾期没有答复即为受理" in shown.next.zh
    noticed = [*said, intake(at(4), Noticed(LEAD, "s1.CC", (), ("design-scheme",)))]
    waiting = received.show(at(5), *noticed)
    assert (waiting.clock, waiting.state) == (None, "waiting-for-correction")
    assert waiting.corrections[0].message == "application.correction-noticed/1=s1.CC"
    assert waiting.corrections[0].materials[0].name.zh != "design-scheme"
    answered = received.show(at(10), *noticed, intake(at(10), Corrected(UUID(int=3))))
    assert answered.clock is not None
    assert str(answered.clock.dues[0].day) == "2026-03-17"


def test_promised_materials_have_a_day(received: Desk) -> None:
    said = [
        intake(at(2), Submitted(received.ref)),
        intake(at(3), Accepted(received.ref, promised=("business-licence",))),
    ]
    shown = received.show(at(4), *said)
    assert [(one.id, one.state) for one in shown.promised] == [("business-licence", "awaited")]
    assert shown.promised[0].due is not None
    assert str(shown.promised[0].due.day) == "2026-03-17"
    assert "请按承诺补交" in shown.next.zh
    late = received.show(at(20), *said, intake(at(18), PromiseOverdue(("business-licence",))))
    assert (late.promised[0].state, "请尽快补交" in late.next.zh) == ("overdue", True)
    brought = received.show(at(4), *said, intake(at(4), Supplemented({"business-licence": "a" * 64})))
    assert (brought.promised[0].state, "补交" in brought.next.zh) == ("brought", False)


def test_the_delivery_runs_from_the_last_decision(project: Desk) -> None:
    answers: dict[str, Any] = {}
    flow = [one.step for one in project.show(at(3), *project.begun()).flow]
    granted = [land(at(5), Granted(name, LAND, "officer")) for name in flow]
    shown = project.show(at(6), *project.begun(), *granted, **answers)
    assert shown.next.zh == "各环节均已准予，正在制作证照。"
    assert shown.clock is not None
    assert shown.clock.words.zh == "证照送达最迟 2026年3月19日"


def test_what_was_late_stays_told(project: Desk) -> None:
    late = land(at(31), Overdue(LAND, "legal", at(31), "YD"))
    shown = step(project.show(at(1, 4), *project.begun(), late, land(at(31), Granted("YD", LAND, "officer"))))
    assert (shown.late, shown.clock) == (True, None)


def test_opinions_in_words(project: Desk) -> None:
    asked = land(at(3), OpinionRequested("YD", LAND, "industry-opinion", LEAD))
    waiting = step(project.show(at(4), *project.begun(), asked)).opinions[0]
    assert waiting.words.zh == "等待回复"
    given = land(at(4), OpinionGiven("YD", LEAD, "industry-opinion", UUID(int=4), False))
    assert step(project.show(at(5), *project.begun(), asked, given)).opinions[0].words.zh == "不同意"
    for silence, words in (("deemed", "视为同意"), ("escalate", "已报上级"), ("none", "逾期未回复")):
        lapsed = land(at(9), OpinionLapsed("YD", LAND, "industry-opinion", UUID(int=4), LEAD, silence))
        assert words in step(project.show(at(10), *project.begun(), asked, lapsed)).opinions[0].words.zh


def test_what_to_do_after_a_refusal(project: Desk) -> None:
    said = [*project.begun(), land(at(5), Refused("YD", LAND, "officer", "not-in-plan", "s1.BB"))]
    refused = project.show(at(6), *said)
    assert "行政复议" in refused.next.zh
    assert "行政诉讼" in refused.next.zh
    assert step(refused).decision == UUID(int=4)
    assert refused.clock is None
    appealed = [*said, intake(at(7), Appealed(UUID(int=4), "reconsideration"))]
    examined = project.show(at(8), *appealed)
    assert "正在审查" in examined.next.zh
    decision = land(at(9), AppealDecided("YD", LEAD, UUID(int=5), "upheld", "s1.GG"))
    upheld = project.show(at(10), *appealed, decision)
    assert upheld.appeals[0].words.zh == "行政复议：维持原决定"
    assert upheld.appeals[0].text == "approval.appeal-decided/YD=s1.GG"


def test_who_is_competent_is_named(received: Desk) -> None:
    told = NotAccepted(LEAD, "other-authority", "s1.DD", "示例县教育局")
    shown = received.show(at(4), intake(at(2), Submitted(received.ref)), intake(at(3), told))
    assert (shown.state, shown.final) == ("not-accepted", True)
    assert shown.next.zh.startswith("这件事由示例县教育局办理，请向该机关申请。")
    assert shown.not_accepted is not None
    assert shown.not_accepted.reason == "application.not-accepted=s1.DD"


def test_a_revoked_and_a_replaced_certificate_in_words(project: Desk) -> None:
    issued = intake(at(5), Issued(project.ref, "11990000000000019A001", "1.2.1", LEAD, "http://localhost"))
    revoked = project.show(at(9), issued, intake(at(8), Revoked("1.2.1", LEAD, "annulled", UUID(int=9))))
    assert (revoked.state, "不再有效" in revoked.next.zh) == ("revoked", True)
    replaced = project.show(at(9), issued, intake(at(8), Revoked("1.2.1", LEAD, "replaced", UUID(int=9))))
    assert (replaced.state, "新的证照替代" in replaced.next.zh) == ("issued", True)
