"""`status(facts)` depends on the set of facts alone."""

import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from importlib import resources
from itertools import pairwise
from uuid import UUID

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tongban_intake.facts import Fact, merge, merge_all, pack, unpack
from tongban_intake.payloads import (
    BODIES,
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
    DeliveryOverdue,
    DueSoon,
    Extended,
    Failed,
    Granted,
    Issued,
    Item,
    Limit,
    NotAccepted,
    Noticed,
    NoticeRejected,
    Opened,
    OpinionGiven,
    OpinionLapsed,
    OpinionRequested,
    Overdue,
    PromiseOverdue,
    Received,
    Refused,
    Revoked,
    Sent,
    StepNoticeRejected,
    Submitted,
    Supplemented,
    Withdrawn,
)
from tongban_intake.status import Status, decode, encode, status

from .evidence_bodies import evidence_bodies

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
ITEM = Item("11990000000000019A3990100001000", 1)
STEPS = ("BA", "KG", "SG")
ACT = Act("1-GR-1", "grant", START.date(), "11990000000000019A", "0" * 64, "e30.e30.AA")


def event_number(number: int) -> str:
    return str(UUID(int=number))


def body(kind: type[AnyBody], rng: random.Random) -> AnyBody:
    """A payload of the kind with values that collide with those of others often."""
    step, department, number = rng.choice(STEPS), rng.choice(("heritage", "housing")), rng.choice((1, 1, 2, 3))
    any_step = rng.choice((None, *STEPS))
    other, time, act = (
        UUID(int=rng.randrange(200)),
        START + timedelta(seconds=rng.randrange(40)),
        rng.choice((None, ACT)),
    )
    resting = rng.choice((None, (), (UUID(int=rng.randrange(200)), UUID(int=rng.randrange(200)))))
    made: dict[type[AnyBody], AnyBody] = {
        Submitted: Submitted(ITEM),
        Received: Received(ITEM, f"{ITEM.code}20260302000{rng.randrange(3)}", department, act),
        Accepted: Accepted(
            Item(ITEM.code, rng.choice((1, 2))),
            rng.choice((True, False)),
            None,
            rng.choice((None, time)),
            ("plan", "map"),
        ),
        Noticed: Noticed(department, "s1.CCCC", ("project_name",), ("plan",), act),
        NoticeRejected: NoticeRejected(department, "second-notice"),
        NotAccepted: NotAccepted(department, "other-authority", "s1.DDDD", rng.choice((None, "示例局")), act),
        Corrected: Corrected(other),
        Supplemented: Supplemented({rng.choice(("plan", "map")): "0" * 64}),
        PromiseOverdue: PromiseOverdue(("plan", "map")),
        Appealed: Appealed(other, "reconsideration"),
        Withdrawn: Withdrawn(),
        Opened: Opened(step, department, number, rng.choice((None, other))),
        CorrectionRequested: CorrectionRequested(step, department, ("project_name",), "s1.AAAA", (), number, act),
        StepNoticeRejected: StepNoticeRejected(step, department, "late-notice"),
        Concurred: Concurred(step, department, UUID(int=rng.randrange(3)), number),
        Granted: Granted(
            step, department, rng.choice(("rule", "officer")), number, rng.choice((True, False)), False, resting, act
        ),
        Refused: Refused(step, department, "officer", "not-in-plan", "s1.BBBB", number, resting, act),
        ClockStopped: ClockStopped(step, department, "hearing", Limit(20, "WD"), number, act),
        ClockResumed: ClockResumed(step, department, other),
        Extended: Extended(department, Limit(rng.choice((5, 10)), "WD"), "s1.EEEE", any_step, number, act),
        DueSoon: DueSoon(department, "legal", time, any_step, number),
        Overdue: Overdue(department, "joint", time, any_step, number),
        OpinionRequested: OpinionRequested(step, department, "safety", "housing", number),
        OpinionGiven: OpinionGiven(step, department, "safety", other, rng.choice((True, False))),
        OpinionLapsed: OpinionLapsed(step, department, "safety", other, "housing", "deemed"),
        Annulled: Annulled(step, department, other, rng.choice((True, False)), "unlawful", "s1.FFFF", act),
        AppealDecided: AppealDecided(step, department, other, "upheld", "s1.GGGG", act),
        Issued: Issued(ITEM, "11990000000000019A001", f"1.2.{rng.randrange(3)}", "housing", "http://localhost/v"),
        Revoked: Revoked(f"1.2.{rng.randrange(3)}", "housing", rng.choice(("annulled", "replaced")), other),
        DeliveryOverdue: DeliveryOverdue("housing", time),
        Sent: Sent(UUID(int=rng.randrange(5)), rng.choice(("inbox", "email"))),
        Failed: Failed(UUID(int=rng.randrange(5)), "email", rng.choice(("refused", "no_address"))),
        **evidence_bodies(rng),
    }
    return made[kind]


def pool(size_per_type: int = 9) -> list[Fact]:
    """Facts of every type; times and ids collide, and some share an id while they differ."""
    rng = random.Random(7)  # noqa: S311 - test data
    return [
        Fact(
            id=event_number(rng.randrange(200)),
            source=rng.choice(("/intake", "/approvals/heritage", "/certificates/housing", "/notify")),
            time=START + timedelta(seconds=rng.randrange(40)),
            sequence=rng.randrange(1, 9),
            trace=rng.choice((None, f"{rng.randrange(9):032x}")),
            data=body(kind, rng),
        )
        for _ in range(size_per_type)
        for kind in BODIES.values()
    ]


POOL = pool()


def folded(batches: Sequence[Sequence[Fact]]) -> tuple[bytes, bytes]:
    """Facts and status after batches, each loaded from and stored to bytes as the worker does it."""
    stored = pack({})
    for batch in batches:
        known = unpack(stored)
        for fact in batch:
            merge(known, fact)
        stored = pack(known)
    return stored, encode(status(unpack(stored).values()))


@settings(max_examples=2500, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    chosen=st.lists(st.integers(0, len(POOL) - 1), min_size=1, max_size=40),
    repeats=st.lists(st.integers(0, 1_000), max_size=6),
    seed=st.integers(0, 2**32),
    cuts=st.lists(st.integers(0, 30), max_size=4),
)
def test_any_permutation_repetition_and_split_gives_the_same_bytes(
    chosen: list[int], repeats: list[int], seed: int, cuts: list[int]
) -> None:
    facts = [POOL[index] for index in chosen]
    expected = folded([facts])
    arrived = facts + [facts[index % len(facts)] for index in repeats]
    random.Random(seed).shuffle(arrived)  # noqa: S311 - test data
    places = sorted({0, len(arrived), *(cut % (len(arrived) + 1) for cut in cuts)})
    batches = [arrived[first:last] for first, last in pairwise(places)]
    assert folded(batches) == expected


def test_the_pool_holds_every_event_type_and_conflicting_ids() -> None:
    assert {type(fact.data) for fact in POOL} == set(BODIES.values())
    assert len({fact.id for fact in POOL}) < len({msgspec.msgpack.encode(fact) for fact in POOL})


def case(*entries: tuple[AnyBody, str]) -> Status:
    """The status of facts a minute apart, numbered from 1."""
    made = [
        Fact(event_number(n), source, START + timedelta(minutes=n), n, None, data)
        for n, (data, source) in enumerate(entries, start=1)
    ]
    return status(merge_all(made).values())


INTAKE = "/intake"
HERITAGE = "/approvals/heritage"
SUBMITTED = (Submitted(ITEM), INTAKE)
ACCEPTED = (Accepted(ITEM), INTAKE)
OPENED = (Opened("KG", "heritage"), HERITAGE)
ASKED = (CorrectionRequested("KG", "heritage", ("project_name",), "s1.AAAA"), HERITAGE)
GRANTED = (Granted("KG", "heritage", "officer"), HERITAGE)
REFUSED = (Refused("KG", "heritage", "officer", "not-in-plan", "s1.BBBB"), HERITAGE)
WITHDRAWN = (Withdrawn(), INTAKE)
ISSUED = (
    Issued(ITEM, "11990000000000019A001", "1.2.156", "administrative-approval", "http://localhost"),
    "/certificates/a",
)


NOT_ACCEPTED = (NotAccepted("heritage", "other-authority", "s1.DDDD", "示例局"), INTAKE)


def test_states_in_the_order_of_their_precedence() -> None:
    grant = UUID(int=20)
    annulled = (Annulled("BA", "housing", grant, False, "unlawful", "s1.AA"), "/approvals/housing")
    everything: list[tuple[AnyBody, str]] = [SUBMITTED, ACCEPTED, OPENED, ASKED, WITHDRAWN]
    assert case(SUBMITTED).state == "submitted"
    assert case(*everything[:3]).state == "accepted"
    assert case(*everything[:4]).state == "waiting-for-correction"
    assert case(*everything[:5]).state == "withdrawn"
    filler: list[tuple[AnyBody, str]] = [(Sent(UUID(int=n), "inbox"), "/notify") for n in range(19 - len(everything))]
    everything += [*filler, (Granted("BA", "housing", "rule"), "/approvals/housing"), annulled]
    assert case(*everything).state == "revoked"
    assert case(*everything, NOT_ACCEPTED).state == "not-accepted"
    assert case(*everything, NOT_ACCEPTED, REFUSED).state == "refused"
    assert case(*everything, NOT_ACCEPTED, REFUSED, ISSUED).state == "issued"


def test_nothing_known_is_a_status_too() -> None:
    empty = status([])
    assert (empty.state, empty.version, empty.intake_position, empty.item) == ("submitted", 0, 0, None)
    assert decode(encode(empty)) == empty


def test_a_grant_before_its_opening_makes_the_step() -> None:
    early = case(GRANTED)
    assert early.steps["KG"].state == "granted"
    assert early.steps["KG"].opened_at is None
    assert early.steps["KG"].department == "heritage"
    late = case(GRANTED, OPENED)
    assert late.steps["KG"].state == "granted"
    assert late.steps["KG"].opened_at == START + timedelta(minutes=2)


def test_a_certificate_alone_names_the_item() -> None:
    alone = case(ISSUED)
    assert (alone.state, alone.item) == ("issued", ITEM)
    assert alone.certificate is not None
    assert alone.certificate.number == "1.2.156"


def test_a_correction_waits_until_answered_or_decided() -> None:
    assert case(SUBMITTED, ASKED).steps["KG"].state == "correction"
    answered = case(SUBMITTED, ASKED, (Corrected(UUID(int=2)), INTAKE))
    assert answered.state == "submitted"
    assert answered.steps["KG"].state == "open"
    assert answered.corrections[0].answered_at == START + timedelta(minutes=3)
    overtaken = case(SUBMITTED, ASKED, GRANTED)
    assert not overtaken.corrections[0].open
    assert overtaken.corrections[0].answered_at is None


def test_an_answer_to_another_request_answers_nothing() -> None:
    assert case(SUBMITTED, ASKED, (Corrected(UUID(int=99)), INTAKE)).state == "waiting-for-correction"


def test_the_earliest_decision_stands() -> None:
    assert case(GRANTED, REFUSED).steps["KG"].state == "granted"
    assert case(REFUSED, GRANTED).state == "refused"
    assert case(REFUSED, GRANTED).steps["KG"].reason_code == "not-in-plan"


def test_the_position_counts_intake_alone() -> None:
    assert case(SUBMITTED, ACCEPTED, OPENED, GRANTED).intake_position == 2


def test_notifications_are_counted_once_by_channel() -> None:
    sent = Sent(UUID(int=1), "inbox")
    counted = case((sent, "/notify"), (sent, "/notify"), (Failed(UUID(int=2), "email", "refused"), "/notify"))
    assert (counted.notifications["inbox"].sent, counted.notifications["inbox"].failed) == (1, 0)
    assert (counted.notifications["email"].sent, counted.notifications["email"].failed) == (0, 1)


def test_the_timeline_is_sorted_by_time_and_id() -> None:
    shown = case(SUBMITTED, ACCEPTED, OPENED).timeline
    assert [entry.type for entry in shown] == [Submitted.TYPE, Accepted.TYPE, Opened.TYPE]
    assert shown[2].step == "KG"


def test_of_two_facts_with_one_id_the_same_stays_in_any_order() -> None:
    one = Fact(event_number(1), INTAKE, START, 1, None, Opened("KG", "heritage"))
    other = Fact(event_number(1), INTAKE, START, 1, None, Opened("KG", "housing"))
    assert pack(merge_all([one, other])) == pack(merge_all([other, one]))
    known = merge_all([one])
    assert not merge(known, one)


def test_what_was_stored_and_read_again_has_the_same_bytes() -> None:
    """Also where a text is said that would have been the default: the decoders make such texts as they please."""
    folder = resources.files("tongban_schemas") / "examples"
    for name, body in BODIES.items():
        data = json.loads((folder / name / "full.json").read_text("utf-8"))["data"]
        said = data | {field: text for field, text in _text_defaults(body) if field in data}
        for document in (data, said):
            fact = Fact(event_number(1), INTAKE, START, 1, None, msgspec.json.decode(json.dumps(document), type=body))
            stored = pack(merge_all([fact]))
            assert pack(unpack(stored)) == stored, name


def _text_defaults(body: type[AnyBody]) -> Iterator[tuple[str, str]]:
    for field in msgspec.structs.fields(body):
        default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        if isinstance(default, str):
            yield field.encode_name, default
