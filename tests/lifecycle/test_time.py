"""The law's clock, across services: what becomes true by time alone, once, at its instant."""

from typing import Any
from uuid import UUID

from tongban_catalog.item import Item
from tongban_schemas.events.approvals import (
    ApprovalClockStopped,
    ApprovalDueSoon,
    ApprovalExtended,
    ApprovalGranted,
    ApprovalOpened,
    ApprovalOpinionLapsed,
    ApprovalOpinionRequested,
    ApprovalOverdue,
)
from tongban_schemas.events.catalog import CalendarPublished
from tongban_schemas.events.certificates import CertificateDeliveryOverdue

from tests.lifecycle.sample import item, limit, step
from tests.lifecycle.world import Person, World, end_of, morning

_LEGAL_20 = {"legal": limit(20), "promised": limit(10)}


def _officer(life: World) -> Person:
    return life.officer("natural-resources", "head")


async def _case(life: World, one: Item, answers: dict[str, Any] | None = None) -> UUID:
    return await life.apply(life.person("applicant"), await life.offer(one), answers)


async def _at(life: World, application: UUID, model: Any) -> list[Any]:
    return [event.time for event in await life.facts(application) if isinstance(event.data, model)]


async def test_yellow_and_red_come_once_at_their_instants_and_name_the_supervisor(life: World) -> None:
    case = await _case(life, item(101, [step("LAND", "land", limit=_LEGAL_20)]))
    await life.move("2026-05-20")
    told = [
        (type(event.data).__name__, event.data.limit, event.time)
        for event in await life.facts(case)
        if isinstance(event.data, ApprovalDueSoon | ApprovalOverdue)
    ]
    assert told == [
        ("ApprovalDueSoon", "promised", end_of("2026-03-12")),
        ("ApprovalOverdue", "promised", end_of("2026-03-16")),
        ("ApprovalDueSoon", "legal", end_of("2026-03-24")),
        ("ApprovalOverdue", "legal", end_of("2026-03-30")),
    ]
    red = (await life.said(case, ApprovalOverdue))[-1]
    assert red.supervisor == life.catalog.departments["natural-resources"].supervisor


async def test_one_extension_by_the_head_and_no_second(life: World) -> None:
    case = await _case(life, item(102, [step("LAND", "land", limit={"legal": limit(20)}, extension=limit(10))]))
    clerk = life.officer("natural-resources")
    await life.act(case, "LAND", "extension", clerk, {"reason": "案情复杂"}, refused=403)
    await life.act(case, "LAND", "extension", _officer(life), {"reason": "案情复杂"})
    again = await life.act(case, "LAND", "extension", _officer(life), {"reason": "还需要时间"}, refused=409)
    assert again["type"].endswith("already-extended")
    assert len(await life.said(case, ApprovalExtended)) == 1
    await life.move("2026-05-20")
    assert (await _at(life, case, ApprovalOverdue)) == [end_of("2026-04-14")]


async def test_special_procedures_stop_the_clock_and_overlaps_count_once(life: World) -> None:
    procedures = [
        {"id": name, "name": {"zh": name, "en": name}, "basis": ["rule"], "expected": limit(30)}
        for name in ("survey", "expert-review")
    ]
    one = item(103, [step("LAND", "land", limit={"legal": limit(5)}, procedures=procedures)])
    case, officer = await _case(life, one), _officer(life)
    undeclared = await life.act(case, "LAND", "procedures", officer, {"procedure": "hearing"}, refused=409)
    assert undeclared["type"].endswith("procedure-not-declared")
    await life.move("2026-03-04")
    await life.act(case, "LAND", "procedures", officer, {"procedure": "survey"})
    await life.move("2026-03-10")
    await life.act(case, "LAND", "procedures", officer, {"procedure": "expert-review"})
    stops = [event.id for event in await life.facts(case) if isinstance(event.data, ApprovalClockStopped)]
    await life.move("2026-03-20")
    assert await life.said(case, ApprovalOverdue) == []
    await life.act(case, "LAND", f"procedures/{stops[0]}/resume", officer)
    await life.move("2026-03-25")
    await life.act(case, "LAND", f"procedures/{stops[1]}/resume", officer)
    await life.move("2026-04-20")
    # Counted are 3 March and, after the stops of 4 to 25 March, 26, 27, 30 and 31 March.
    assert await _at(life, case, ApprovalOverdue) == [end_of("2026-03-31")]


async def test_the_joint_limit_is_forty_five_days_and_fifteen_more(life: World) -> None:
    joint = {"lead": "land", "legal": limit(45), "extension": limit(15), "basis": ["rule"]}
    case = await _case(life, item(104, [step("LAND", "land"), step("ECO", "ecology")], joint=joint))
    answer = await life.call(
        "approvals-99", "POST", f"/v1/cases/{case}/extension", _officer(life), {"reason": "涉及面广"}
    )
    assert answer.status_code == 200, answer.text
    await life.move("2026-07-01")
    (red,) = await life.said(case, ApprovalOverdue)
    assert (red.step, red.limit) == (None, "joint")
    assert await _at(life, case, ApprovalOverdue) == [end_of("2026-05-28")]


async def test_opinions_that_do_not_come_lapse_by_their_own_rule(life: World) -> None:
    opinions = [
        {
            "id": name,
            "name": {"zh": name, "en": name},
            "department": asked,
            "limit": limit(7),
            "silence": name,
            "basis": ["rule"],
        }
        for name, asked in (("none", "police"), ("escalate", "heritage"), ("deemed", "health"))
    ]
    case = await _case(life, item(105, [step("LAND", "land", opinions=opinions)]))
    assert len(await life.said(case, ApprovalOpinionRequested)) == 3
    early = await life.act(case, "LAND", "grant", _officer(life), refused=409)
    assert early["type"].endswith("opinions-pending")
    given = await life.call(
        "approvals-99",
        "POST",
        f"/v1/opinions/{case}/LAND/escalate",
        life.officer("heritage"),
        {"agrees": True, "text": "同意"},
    )
    assert given.status_code == 200, given.text
    await life.move("2026-03-20")
    lapsed = await life.said(case, ApprovalOpinionLapsed)
    assert sorted((one.opinion, one.silence) for one in lapsed) == [("deemed", "deemed"), ("none", "none")]
    assert await _at(life, case, ApprovalOpinionLapsed) == [end_of("2026-03-11")] * 2
    await life.act(case, "LAND", "grant", _officer(life))


async def test_a_renewal_undecided_at_expiry_is_granted(life: World) -> None:
    one = item(106, [step("LAND", "land", silence={"at": "field:valid_until", "then": "grant", "basis": ["rule"]})])
    case = await _case(life, one, one.form.example() | {"valid_until": "2026-04-10"})
    await life.move("2026-04-10")
    assert await life.said(case, ApprovalGranted) == []
    await life.move("2026-04-12")
    (granted,) = await life.said(case, ApprovalGranted)
    assert granted.deemed
    assert await _at(life, case, ApprovalGranted) == [end_of("2026-04-10")]


async def test_a_certificate_that_is_not_delivered_in_ten_days_is_overdue(life: World) -> None:
    one = item(107, [step("LAND", "land")], delivery=limit(10))
    undrawable = one.form.example() | {"company_name": "\U0002ebf0"}
    case = await _case(life, one, undrawable)
    await life.act(case, "LAND", "grant", _officer(life))
    await life.move("2026-03-18")
    assert await _at(life, case, CertificateDeliveryOverdue) == [end_of("2026-03-16")]


async def test_a_deadline_into_a_year_without_calendar_waits_for_the_calendar(life: World) -> None:
    life.clock.set(morning("2026-12-21"))
    case = await _case(life, item(108, [step("LAND", "land", limit={"legal": limit(10)})]))
    shown = await life.ask("approvals-99", "GET", f"/v1/tasks/{case}/LAND", _officer(life))
    assert shown["provisional"]
    await life.move("2027-02-20")
    assert await life.said(case, ApprovalOverdue) == []
    off = [f"2027-01-0{day}" for day in (1, 4, 5, 6)]
    data = CalendarPublished(region="000000", year=2027, off=off, source="a calendar of the tests")
    await life.publish(data, "calendar:000000:2027")
    await life.settle()
    assert await _at(life, case, ApprovalOverdue) == [end_of("2027-01-08")]


async def test_the_pension_moves_in_three_times_fifteen_days(life: World) -> None:
    one = life.catalog.item("pension-transfer")
    life.clock.set(morning("2026-03-02"))
    asked = {name: value for name, value in one.form.example().items() if name not in one.from_sign_in}
    case = await life.apply(life.citizen("applicant", "990101188001010015"), one, asked)
    new, old = life.officer("social-insurance-99"), life.officer("social-insurance-98")
    await life.move("2026-03-06")
    await life.act(case, "IN", "grant", new)
    await life.move("2026-03-16")
    await life.act(case, "OUTFORM", "grant", old)
    assert {one.step for one in await life.said(case, ApprovalOpened)} == {"IN", "OUTFORM", "OUTFUND"}
    await life.move("2026-03-20")
    await life.act(case, "OUTFUND", "grant", old)
    dues = {}
    for name, who in (("IN", new), ("OUTFORM", old), ("OUTFUND", old), ("DONE", new)):
        desk = life.desk_of(next(iter(who.departments)))
        task = await life.ask(desk, "GET", f"/v1/tasks/{case}/{name}", who)
        dues[name] = (task["opened_at"][:10], task["due_at"])
    assert dues["DONE"][0] == "2026-03-20"
    await life.move("2026-05-20")
    red = [(event.data.step, event.time) for event in await life.facts(case) if isinstance(event.data, ApprovalOverdue)]
    assert red == [("DONE", end_of("2026-04-13"))]
