"""Rounds, annulments, stops, opinions, promises and acts in the status."""

from uuid import UUID

from tongban_intake.payloads import (
    Accepted,
    Act,
    Annulled,
    AnyBody,
    AppealDecided,
    Appealed,
    ClockResumed,
    ClockStopped,
    Concurred,
    Corrected,
    CorrectionRequested,
    DueSoon,
    Extended,
    Granted,
    Issued,
    Limit,
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
    Supplemented,
)

from .test_status import ACCEPTED, HERITAGE, INTAKE, ITEM, START, SUBMITTED, case, event_number

NUMBER = f"{ITEM.code}202603020001"
CERTIFICATES = "/certificates/a"
Said = tuple[AnyBody, str]


def heritage(body: AnyBody) -> Said:
    return body, HERITAGE


def opened(step: str = "KG", number: int = 1) -> Said:
    return heritage(Opened(step, "heritage", number))


def granted(step: str = "KG", number: int = 1, rests_on: tuple[int, ...] | None = None) -> Said:
    bases = None if rests_on is None else tuple(UUID(int=n) for n in rests_on)
    return heritage(Granted(step, "heritage", "officer", number, rests_on=bases))


def refused(number: int = 1) -> Said:
    return heritage(Refused("KG", "heritage", "officer", "not-in-plan", "s1.BB", number))


def annulled(decision: int, reopen: bool, step: str = "KG") -> Said:
    return heritage(Annulled(step, "heritage", UUID(int=decision), reopen, "unlawful", "s1.CC"))


def test_an_annulled_refusal_no_longer_counts() -> None:
    assert case(SUBMITTED, ACCEPTED, opened(), refused()).state == "refused"
    again = case(SUBMITTED, ACCEPTED, opened(), refused(), annulled(4, reopen=True))
    assert (again.state, again.steps["KG"].state) == ("accepted", "annulled")
    anew = case(SUBMITTED, ACCEPTED, opened(), refused(), annulled(4, reopen=True), opened(number=2))
    assert (anew.state, anew.steps["KG"].state, anew.steps["KG"].round) == ("accepted", "open", 2)
    assert anew.steps["KG"].reason is None
    assert [(one.decision, one.reopen) for one in anew.annulments] == [(event_number(4), True)]


def test_a_decision_counts_in_its_own_round_only() -> None:
    reopened = case(opened(), granted(), opened(number=2))
    assert (reopened.steps["KG"].state, reopened.steps["KG"].decided_at) == ("open", None)
    late = case(opened(number=2), refused(number=1))
    assert late.state == "submitted"
    ahead = case(opened(), granted(number=2))
    assert (ahead.steps["KG"].state, ahead.steps["KG"].round) == ("granted", 2)


def test_what_rests_on_an_annulled_decision_does_not_count_either() -> None:
    facts = [granted("BA"), granted("KG", rests_on=(1,)), granted("SG", rests_on=(2,)), granted("HP", rests_on=())]
    shown = case(*facts, annulled(1, reopen=True, step="BA"))
    assert {step: one.state for step, one in shown.steps.items()} == {
        "BA": "annulled",
        "KG": "annulled",
        "SG": "annulled",
        "HP": "granted",
    }


def test_a_grant_annulled_for_good_ends_the_case_until_a_new_round() -> None:
    ended: list[Said] = [SUBMITTED, ACCEPTED, granted(), annulled(3, reopen=False)]
    assert case(*ended).state == "revoked"
    assert case(*ended, opened(number=2)).state == "accepted"
    refusal = case(SUBMITTED, ACCEPTED, refused(), annulled(3, reopen=False))
    assert refusal.state == "accepted"


def issued(number: str) -> Said:
    return Issued(ITEM, "11990000000000019A001", number, "housing", "http://localhost/v"), CERTIFICATES


def revoked(number: str, cause: str, because: int) -> Said:
    return Revoked(number, "housing", cause, UUID(int=because)), CERTIFICATES


def test_a_revoked_certificate() -> None:
    ended: list[Said] = [
        SUBMITTED,
        granted(),
        issued("1.2.1"),
        annulled(2, reopen=False),
        revoked("1.2.1", "annulled", 4),
    ]
    shown = case(*ended)
    assert shown.state == "revoked"
    assert shown.certificate is not None
    assert (shown.certificate.number, shown.certificate.cause) == ("1.2.1", "annulled")
    anew = case(SUBMITTED, granted(), issued("1.2.1"), annulled(2, reopen=True), revoked("1.2.1", "annulled", 4))
    assert anew.state == "submitted"
    assert case(*ended, issued("1.2.2")).state == "issued"
    assert case(issued("1.2.1"), revoked("1.2.1", "annulled", 9)).state == "revoked"


def test_a_replaced_certificate_leaves_the_case_done() -> None:
    shown = case(issued("1.2.1"), revoked("1.2.1", "replaced", 9))
    assert shown.state == "issued"
    assert shown.certificate is not None
    assert shown.certificate.cause == "replaced"
    assert case(issued("1.2.1"), revoked("1.2.1", "replaced", 9), revoked("1.2.1", "annulled", 9)).state == "revoked"


def test_the_receiving_body_s_notice_is_a_correction_without_a_step() -> None:
    noticed: Said = Noticed("heritage", "s1.CC", ("project_name",), ("plan",)), INTAKE
    waiting = case(SUBMITTED, noticed)
    assert waiting.state == "waiting-for-correction"
    assert (waiting.corrections[0].step, waiting.corrections[0].materials) == (None, ("plan",))
    assert case(SUBMITTED, noticed, (Corrected(UUID(int=2)), INTAKE)).state == "submitted"
    assert case(SUBMITTED, noticed, ACCEPTED).state == "accepted"


def test_a_request_of_an_earlier_round_waits_no_longer() -> None:
    asked = heritage(CorrectionRequested("KG", "heritage", ("project_name",), "s1.AA", round=1))
    assert case(SUBMITTED, asked).state == "waiting-for-correction"
    assert case(SUBMITTED, asked, opened(number=2)).state == "submitted"


def test_number_receipt_and_deemed_acceptance() -> None:
    received: Said = Received(ITEM, NUMBER, "heritage"), INTAKE
    accepted: Said = Accepted(ITEM, True, NUMBER, START), INTAKE
    shown = case(SUBMITTED, received, accepted)
    assert (shown.number, shown.receiving, shown.deemed, shown.accepted_at) == (NUMBER, "heritage", True, START)
    assert case(accepted).number == NUMBER
    assert case(SUBMITTED, ACCEPTED).number is None


def test_stops_extensions_opinions_and_warnings_are_of_their_round() -> None:
    stop = heritage(ClockStopped("KG", "heritage", "hearing", Limit(20, "WD")))
    extension = heritage(Extended("heritage", Limit(10, "WD"), "s1.EE", "KG"))
    joint = heritage(Extended("heritage", Limit(15, "WD"), "s1.EE"))
    asked = heritage(OpinionRequested("KG", "heritage", "safety", "housing"))
    soon, over = DueSoon("heritage", "legal", START, "KG"), Overdue("heritage", "joint", START)
    shown = case(opened(), stop, extension, joint, asked, heritage(soon), heritage(over))
    step = shown.steps["KG"]
    assert (step.stops[0].procedure, step.stops[0].end) == ("hearing", None)
    assert step.extension is not None
    assert (step.extension.by, shown.extension and shown.extension.by) == (Limit(10, "WD"), Limit(15, "WD"))
    assert (step.alerts[0].over, shown.alerts[0].over) == (False, True)
    assert step.opinions[0].answered_at is None
    ended = case(
        opened(),
        stop,
        heritage(ClockResumed("KG", "heritage", UUID(int=2))),
        asked,
        heritage(OpinionGiven("KG", "housing", "safety", UUID(int=4), agrees=False)),
        heritage(OpinionLapsed("KG", "heritage", "safety", UUID(int=4), "housing", "deemed")),
    ).steps["KG"]
    assert ended.stops[0].end is not None
    assert (ended.opinions[0].agrees, ended.opinions[0].silence) == (False, "deemed")
    anew = case(opened(), stop, extension, asked, heritage(soon), opened(number=2)).steps["KG"]
    assert (anew.extension, anew.opinions, anew.alerts) == (None, (), ())
    assert [stop.round for stop in anew.stops] == [1]


def test_officers_who_agree_are_counted_once() -> None:
    yes = heritage(Concurred("KG", "heritage", UUID(int=1)))
    assert case(opened(), yes, yes, heritage(Concurred("KG", "heritage", UUID(int=2)))).steps["KG"].concurred == 2


def test_promised_materials() -> None:
    accepted: Said = Accepted(ITEM, promised=("plan", "map")), INTAKE
    late: Said = PromiseOverdue(("plan", "map")), INTAKE
    shown = case(accepted, (Supplemented({"map": "0" * 64}), INTAKE), late).promise
    assert shown is not None
    assert (shown.materials, shown.brought, shown.overdue) == (("plan", "map"), ("map",), ("plan",))
    assert case(ACCEPTED).promise is None


def test_an_appeal_and_what_came_of_it() -> None:
    appeal: Said = Appealed(UUID(int=1), "reconsideration"), INTAKE
    answer = heritage(AppealDecided("KG", "housing", UUID(int=2), "annulled", "s1.GG"))
    waiting = case(refused(), appeal).appeals[0]
    assert (waiting.step, waiting.decided_at) == ("KG", None)
    decided = case(refused(), appeal, answer).appeals[0]
    assert (decided.outcome, decided.department, decided.text) == ("annulled", "housing", "s1.GG")


def test_acts_are_listed_in_order_of_time() -> None:
    act = Act("1-RC-1", "receipt", START.date(), "11990000000000019A", "0" * 64, "e30.e30.AA")
    shown = case(SUBMITTED, (Received(ITEM, NUMBER, "heritage", act), INTAKE))
    assert [(one.number, one.event, one.department) for one in shown.acts] == [("1-RC-1", event_number(2), "heritage")]
