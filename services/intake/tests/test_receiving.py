"""The receiving desk: number, acceptance, the one notice, non-acceptance, and what the law makes of silence."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from tongban_catalog.grounds import NON_ACCEPTANCES
from tongban_catalog.load import Catalog
from tongban_intake import handlers
from tongban_runtime import acts
from tongban_runtime.testing.clock import FakeClock
from tongban_schemas.envelope import Event, event_id
from tongban_schemas.events.access import AccessRefused
from tongban_schemas.events.applications import (
    ApplicationAccepted,
    ApplicationCorrected,
    ApplicationCorrectionNoticed,
    ApplicationNotAccepted,
    ApplicationNoticeRejected,
    ApplicationReceived,
    ApplicationSubmitted,
)
from tongban_schemas.events.catalog import CalendarPublished

from .conftest import PERSONAL, serving
from .counter import (
    BODY,
    DEADLINE,
    MATERIALS,
    Counter,
    digests,
    kind_of,
    kinds,
    published,
    received_item,
    whole_catalog,
)

NOTICE = {"fields": ["project_name"], "message": "项目名称与备案不一致。"}


async def answered(counter: Counter, case: str, **more: Any) -> str:
    """The applicant answers the last notice with everything it asked for; the notice's id."""
    notice = (await counter.said(case, ApplicationCorrectionNoticed))[-1]
    assert isinstance(notice.data, ApplicationCorrectionNoticed)
    body = {
        "request": str(notice.id),
        "answers": dict.fromkeys(notice.data.fields, "更名后的基地"),
    } | more
    await counter.bring(case, *notice.data.materials)
    answer = await counter.by_applicant(case, "corrections", body)
    assert answer.status_code == 202, answer.text
    return str(notice.id)


async def test_what_comes_in_gets_its_number_and_a_signed_receipt(counter: Counter) -> None:
    cases = [await counter.apply() for _ in range(3)]
    numbers = []
    for case in cases:
        received = await counter.one(case, ApplicationReceived)
        submitted = await counter.one(case, ApplicationSubmitted)
        assert isinstance(received.data, ApplicationReceived)
        assert (received.time, received.data.department) == (submitted.time, BODY)
        act = received.data.act
        assert act is not None
        content = acts.verify(act, counter.service.runtime.acts.public_keys(BODY))
        assert (content["kind"], content["number"]) == ("receipt", f"{received.data.number}-RC-1")
        numbers.append(received.data.number)
        row = await counter.service.runtime.pool.fetchval("SELECT number FROM application WHERE id = $1", case)
        assert row == received.data.number
    assert numbers == [f"{counter.item.code}20260302{serial:04d}" for serial in (1, 2, 3)]


async def test_serials_count_by_item_and_day_in_china(counter: Counter) -> None:
    before = await counter.apply()
    counter.clock.advance(timedelta(hours=15))
    after = await counter.apply()
    first, second = [(await counter.one(case, ApplicationReceived)).data for case in (before, after)]
    assert isinstance(first, ApplicationReceived)
    assert isinstance(second, ApplicationReceived)
    assert first.number.endswith("202603020001")
    assert second.number.endswith("202603030001")


async def test_a_batch_draws_its_numbers_at_once_and_in_order_of_receipt(counter: Counter) -> None:
    cases = []
    for _ in range(5):
        cases.append(await counter.apply_unheard())
        counter.clock.advance(timedelta(seconds=1))
    sent = [await counter.one(case, ApplicationSubmitted) for case in cases]
    handler = handlers.registry(counter.service.intake.casework).handler_of(ApplicationSubmitted.TYPE)
    async with counter.service.runtime.pool.acquire() as tx, tx.transaction():
        await handler.function(tx, list(reversed(sent)))
    serials = [(await counter.one(case, ApplicationReceived)).data.number[-4:] for case in cases]  # type: ignore[attr-defined]
    assert serials == ["0001", "0002", "0003", "0004", "0005"]


async def test_the_desk_lists_oldest_first_and_shows_one(counter: Counter) -> None:
    first = await counter.apply(MATERIALS)
    counter.clock.advance(timedelta(hours=1))
    second = await counter.apply(["business-licence"])
    async with counter.service.client(counter.officer, "officer", [BODY], ["receiver"]) as client:
        listed = (await client.get("/v1/receipts")).json()
        rest = (await client.get("/v1/receipts", params={"after": first})).json()
    assert [one["application"] for one in listed["receipts"]] == [first, second]
    assert [one["application"] for one in rest["receipts"]] == [second]
    row = listed["receipts"][0]
    assert (row["state"], row["colour"], row["due"]) == ("waiting", "green", "2026-03-09T16:00:00Z")
    shown = (await counter.at_desk(second, "")).json()
    answers = {one["field"]: one for one in shown["answers"]}
    assert answers["contact_name"]["value"] == PERSONAL["contact_name"]
    assert {one["material"]: one["state"] for one in shown["materials"]} == {
        "business-licence": "uploaded",
        "design-scheme": "missing",
    }


async def test_the_desk_turns_yellow(counter: Counter) -> None:
    case = await counter.apply(MATERIALS)
    await counter.until(datetime(2026, 3, 6, 16, 0, tzinfo=UTC))
    assert (await counter.at_desk(case, "")).json()["colour"] == "yellow"


async def test_only_receivers_of_the_body_come_to_the_desk(counter: Counter) -> None:
    case = await counter.apply(MATERIALS)
    async with counter.service.client(uuid4(), "officer", [BODY]) as client:
        assert kind_of(await client.get("/v1/receipts")) == (403, "not-a-receiver")
        assert kind_of(await client.post(f"/v1/receipts/{case}/accept", json={})) == (403, "not-a-receiver")
    other = await counter.at_desk(case, "accept", department="heritage")
    nothing = await counter.at_desk(str(uuid4()), "accept")
    assert kind_of(other) == kind_of(nothing) == (404, "receipt-not-found")
    async with counter.service.client(counter.person) as client:
        assert (await client.get("/v1/receipts")).status_code == 403


async def test_who_applied_does_not_receive(counter: Counter) -> None:
    case = await counter.apply(MATERIALS)
    wanted = {"reason_code": "not-required", "reason": "?"}
    for verb, body in (("", None), ("accept", None), ("notice", NOTICE), ("non-acceptance", wanted)):
        answer = await counter.at_desk(case, verb, body, officer=counter.person)
        assert kind_of(answer) == (403, "own-application"), verb
        assert "回避" in answer.json()["detail_zh"]
    (attempt,) = await counter.said(case, AccessRefused)
    assert isinstance(attempt.data, AccessRefused)
    assert (attempt.data.rule, attempt.data.officer) == ("own-application", counter.person)
    assert await counter.said(case, ApplicationAccepted) == []
    assert (await counter.at_desk(case, "accept")).status_code == 200


async def test_an_officer_accepts_once(counter: Counter) -> None:
    case = await counter.apply(MATERIALS)
    counter.clock.advance(timedelta(hours=2))
    answers = await asyncio.gather(*(counter.at_desk(case, "accept") for _ in range(4)))
    assert {answer.status_code for answer in answers} == {200}
    event = await counter.one(case, ApplicationAccepted)
    assert isinstance(event.data, ApplicationAccepted)
    assert (event.time, event.data.deemed, event.data.officer) == (counter.clock.now(), False, counter.officer)
    assert event.data.act is not None
    assert acts.verify(event.data.act, counter.service.runtime.acts.public_keys(BODY))["decision"] == "accepted"
    again = await counter.at_desk(case, "accept", officer=uuid4())
    assert kind_of(again) == (409, "already-accepted")
    await counter.until(DEADLINE + timedelta(days=30))
    assert kinds(await counter.service.outbox(case))[-2:] == ["application.received", "application.accepted"]


async def test_nothing_is_accepted_with_materials_missing(counter: Counter) -> None:
    case = await counter.apply()
    refused = await counter.at_desk(case, "accept")
    assert kind_of(refused) == (409, "materials-missing")
    assert {error["field"] for error in refused.json()["errors"]} == {
        "materials.business-licence",
        "materials.design-scheme",
    }
    wrong = await counter.at_desk(case, "accept", {"promised": ["design-scheme", "no-such"]})
    assert wrong.status_code == 422
    assert {error["field"] for error in wrong.json()["errors"]} == {"materials.design-scheme", "materials.no-such"}
    assert await counter.said(case, ApplicationAccepted) == []


async def test_silence_of_five_working_days_is_acceptance_from_receipt(counter: Counter) -> None:
    case = await counter.apply()
    received_at = counter.clock.now()
    await counter.until(DEADLINE - timedelta(microseconds=1))
    assert await counter.said(case, ApplicationAccepted) == []
    await counter.until(DEADLINE + timedelta(hours=9))
    event = await counter.one(case, ApplicationAccepted)
    assert isinstance(event.data, ApplicationAccepted)
    assert (event.time, event.data.deemed, event.data.effective_from) == (DEADLINE, True, received_at)
    assert event.data.officer is None
    assert event.data.act is None
    assert (await counter.at_desk(case, "")).json()["state"] == "accepted"
    assert await counter.ring() == 0


async def test_what_lay_unheard_for_a_month_is_received_and_deemed_in_order(counter: Counter) -> None:
    case = await counter.apply_unheard()
    received_at = counter.clock.now()
    counter.clock.advance(timedelta(days=30))
    await counter.hear(case)
    events = await counter.service.outbox(case)
    assert kinds(events) == ["application.submitted", "application.received", "application.accepted"]
    assert [event.time for event in events] == [received_at, received_at, DEADLINE]


async def test_a_notice_tells_everything_at_once(counter: Counter) -> None:
    case = await counter.apply(["business-licence"])
    answer = await counter.at_desk(case, "notice", NOTICE)
    assert answer.status_code == 200
    event = await counter.one(case, ApplicationCorrectionNoticed)
    assert isinstance(event.data, ApplicationCorrectionNoticed)
    assert (event.data.fields, event.data.materials) == (["project_name"], ["design-scheme"])
    assert answer.json()["notices"][0]["message"] == NOTICE["message"]
    assert event.data.act is not None
    content = acts.verify(event.data.act, counter.service.runtime.acts.public_keys(BODY))
    assert content["message_sha256"] == acts.digest(event.data.message)
    assert str(NOTICE["message"]) not in str(content)
    assert (await counter.at_desk(case, "notice", NOTICE)).status_code == 200
    assert len(await counter.said(case, ApplicationCorrectionNoticed)) == 1
    assert kind_of(await counter.at_desk(case, "accept")) == (409, "waiting-for-applicant")
    await counter.until(DEADLINE + timedelta(days=60))
    assert await counter.said(case, ApplicationAccepted) == []


async def test_a_second_notice_may_only_concern_what_the_answer_changed(counter: Counter) -> None:
    case = await counter.apply()
    await counter.at_desk(case, "notice", NOTICE)
    early = await counter.at_desk(case, "notice", {"fields": ["land_area_m2"], "message": "面积有误。"})
    assert kind_of(early) == (409, "second-notice")
    await answered(counter, case)
    for _ in range(2):
        late = await counter.at_desk(case, "notice", {"fields": ["land_area_m2"], "message": "面积有误。"})
        assert kind_of(late) == (409, "second-notice")
    rejected = [one.data for one in await counter.said(case, ApplicationNoticeRejected)]
    assert [(one.rule, one.officer, len(one.materials)) for one in rejected] == [  # type: ignore[attr-defined]
        ("second-notice", counter.officer, 2),
        ("second-notice", counter.officer, 0),
    ]
    again = await counter.at_desk(case, "notice", {"fields": ["project_name"], "message": "仍不一致。"})
    assert again.status_code == 200
    notices = await counter.said(case, ApplicationCorrectionNoticed)
    assert [one.data.act.number[-5:] for one in notices] == ["-CN-1", "-CN-2"]  # type: ignore[attr-defined]
    await answered(counter, case)
    assert (await counter.at_desk(case, "accept")).status_code == 200


async def test_a_late_notice_is_refused_and_on_record(counter: Counter) -> None:
    case = await counter.apply()
    counter.clock.advance(DEADLINE - counter.clock.now() + timedelta(hours=1))
    answer = await counter.at_desk(case, "notice", NOTICE)
    assert kind_of(answer) == (409, "late-notice")
    assert kinds(await counter.service.outbox(case))[2:] == ["application.accepted", "application.notice-rejected"]
    accepted = await counter.one(case, ApplicationAccepted)
    assert (accepted.time, accepted.data.deemed) == (DEADLINE, True)  # type: ignore[attr-defined]


async def test_after_an_answered_notice_silence_is_acceptance_from_the_answer(counter: Counter) -> None:
    case = await counter.apply()
    await counter.at_desk(case, "notice", NOTICE)
    await counter.pass_days(20)
    await answered(counter, case)
    answered_at = counter.clock.now()
    assert answered_at == datetime(2026, 3, 22, 1, 0, tzinfo=UTC)
    await counter.until(datetime(2026, 3, 27, 15, 59, tzinfo=UTC))
    assert await counter.said(case, ApplicationAccepted) == []
    await counter.until(datetime(2026, 3, 27, 16, 0, tzinfo=UTC))
    event = await counter.one(case, ApplicationAccepted)
    assert (event.time, event.data.effective_from) == (counter.clock.now(), answered_at)  # type: ignore[attr-defined]


async def test_an_answer_brings_all_fields_and_materials_and_no_others(counter: Counter) -> None:
    case = await counter.apply()
    await counter.at_desk(case, "notice", NOTICE)
    notice = await counter.one(case, ApplicationCorrectionNoticed)
    body = {"request": str(notice.id), "answers": {"project_name": "基地", "land_area_m2": 5}}
    await counter.bring(case, "business-licence")
    wrong = await counter.by_applicant(case, "corrections", body)
    assert wrong.status_code == 422
    assert [error["field"] for error in wrong.json()["errors"]] == ["land_area_m2", "materials.design-scheme"]
    fingerprint = body | {"materials": {"design-scheme": "b" * 64}}
    assert (await counter.by_applicant(case, "corrections", fingerprint)).status_code == 422
    await counter.bring(case, "design-scheme")
    body |= {"answers": {"project_name": "基地"}}
    answers = [await counter.by_applicant(case, "corrections", body) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    other = body | {"answers": {"project_name": "另一个基地"}}
    assert kind_of(await counter.by_applicant(case, "corrections", other)) == (409, "correction-answered")
    event = await counter.one(case, ApplicationCorrected)
    assert event.data.materials == digests(*MATERIALS)  # type: ignore[attr-defined]


async def test_what_decides_the_course_of_the_case_cannot_be_corrected(counter: Counter) -> None:
    case = await counter.apply(MATERIALS)
    body = {"fields": ["project_list", "no_such"], "materials": ["no-such"], "message": "有误。"}
    wrong = await counter.at_desk(case, "notice", body)
    assert wrong.status_code == 422
    assert [one["field"] for one in wrong.json()["errors"]] == ["project_list", "no_such", "materials.no-such"]
    nothing = await counter.at_desk(case, "notice", {"message": "有误。"})
    assert [one["field"] for one in nothing.json()["errors"]] == ["fields"]


async def test_the_answer_that_chooses_the_receiving_body_has_to_choose_one(counter: Counter, catalog: Catalog) -> None:
    choice = {"by": "project_list", "of": {"filing": BODY}}
    roles = dict(catalog.items["enterprise-investment-project"].definition["departments"])
    chosen = received_item(catalog, "902", departments=roles | {"desk": choice})
    definition = chosen.definition | {"acceptance": {"by": "officer", "department": "desk"}}
    chosen = type(chosen).from_definition(definition)
    await counter.service.hear(published(chosen, counter.clock.now()))
    counter.service.intake.shelf._read_at = float("-inf")
    answers = chosen.form.example() | {"project_list": "approval"}
    body = {"item": chosen.code, "region": "990000", "answers": answers}
    async with counter.service.client(counter.person) as client:
        answer = await client.post("/v1/applications", json=body, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == ["project_list"]


async def test_consumers_that_run_at_once_give_no_number_twice(counter: Counter) -> None:
    cases = [await counter.apply_unheard() for _ in range(24)]
    await asyncio.gather(*(counter.hear(case) for case in cases))
    received = [(await counter.one(case, ApplicationReceived)).data for case in cases]
    serials = sorted(one.number[-4:] for one in received)  # type: ignore[attr-defined]
    assert serials == [f"{serial:04d}" for serial in range(1, 25)]


async def test_what_is_not_accepted_rests_on_a_ground_that_the_receipt_lists(counter: Counter) -> None:
    case = await counter.apply()
    grounds = [one["reason_code"] for one in (await counter.at_desk(case, "")).json()["non_acceptance_grounds"]]
    assert grounds == [one.id for one in NON_ACCEPTANCES]
    body = {"reason_code": "zzz-nonsense", "reason": "不予受理。"}
    refused = await counter.at_desk(case, "non-acceptance", body)
    assert kind_of(refused) == (422, "unknown-ground")
    assert all(code in refused.json()["errors"][0]["message_zh"] for code in grounds)
    assert await counter.said(case, ApplicationNotAccepted) == []
    assert (await counter.at_desk(case, "non-acceptance", body | {"reason_code": grounds[0]})).status_code == 200


async def test_another_authority_has_to_be_named(counter: Counter) -> None:
    case = await counter.apply()
    body = {"reason_code": "other-authority", "reason": "不属于本机关职权范围。"}
    wrong = await counter.at_desk(case, "non-acceptance", body)
    assert [error["field"] for error in wrong.json()["errors"]] == ["right_authority"]
    body["right_authority"] = "示例省水利厅"
    answers = [await counter.at_desk(case, "non-acceptance", body) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    event = await counter.one(case, ApplicationNotAccepted)
    assert isinstance(event.data, ApplicationNotAccepted)
    assert event.data.right_authority == "示例省水利厅"
    assert event.data.act is not None
    assert body["reason"] not in event.data.model_dump_json()
    await counter.until(DEADLINE + timedelta(days=9))
    assert await counter.said(case, ApplicationAccepted) == []
    assert kind_of(await counter.at_desk(case, "accept")) == (409, "already-not-accepted")
    for what, content in (("withdrawal", None),):
        gone = await counter.by_applicant(case, what, content)
        assert (gone.status_code, gone.json()["reason"]) == (409, "not-accepted")


async def test_who_withdraws_is_not_deemed_accepted(counter: Counter) -> None:
    case = await counter.apply()
    assert (await counter.by_applicant(case, "withdrawal")).status_code == 202
    await counter.until(DEADLINE + timedelta(days=3))
    assert kind_of(await counter.at_desk(case, "accept")) == (409, "withdrawn")
    assert (await counter.at_desk(case, "")).json()["state"] == "withdrawn"
    assert kinds(await counter.service.outbox(case))[1:] == ["application.received", "application.withdrawn"]


async def test_without_a_calendar_nobody_is_late_until_it_is_published(database: Any, catalog: Catalog) -> None:
    clock = FakeClock(datetime(2027, 3, 1, 1, 0, tzinfo=UTC))
    item = received_item(catalog)
    async with serving(await database("tongban_intake"), clock, whole_catalog(catalog, clock, item)) as service:
        counter = Counter(service, clock, item, uuid4(), uuid4())
        case = await counter.apply()
        assert (await counter.at_desk(case, "")).json()["provisional"] is True
        await counter.pass_days(40)
        assert await counter.said(case, ApplicationAccepted) == []
        await service.hear(calendar_of_2027())
        await counter.ring()
        event = await counter.one(case, ApplicationAccepted)
        assert event.time == datetime(2027, 3, 8, 16, 0, tzinfo=UTC)


def calendar_of_2027() -> Event:
    data = CalendarPublished(region="000000", year=2027, off=[], work=[], source="a calendar of the tests")
    subject = "calendar:000000:2027"
    now = datetime(2027, 4, 1, tzinfo=UTC)
    return Event(event_id(data.TYPE, subject), "/catalog", subject, now, uuid4(), data, 1)


async def test_new_applications_follow_the_version_in_force(counter: Counter, catalog: Catalog) -> None:
    later = received_item(catalog, version=2, effective_from="2026-03-05", cancel_on="2026-03-20")
    await counter.service.hear(published(later, counter.clock.now()))
    counter.service.intake.shelf._read_at = float("-inf")
    body = {"item": counter.item.code, "region": "990000", "answers": counter.item.form.example()}

    async def attempt(**more: Any) -> Any:
        async with counter.service.client(counter.person) as client:
            return await client.post("/v1/applications", json=body | more, headers={"Idempotency-Key": str(uuid4())})

    assert kind_of(await attempt(version=2)) == (409, "item-version-not-current")
    coming = received_item(catalog, "903", effective_from="2026-03-05")
    await counter.service.hear(published(coming, counter.clock.now()))
    counter.service.intake.shelf._read_at = float("-inf")
    assert kind_of(await attempt(item=coming.code)) == (409, "item-not-yet-in-force")
    case = (await attempt()).json()["application"]
    assert (await counter.one(case, ApplicationSubmitted)).data.item.version == 1  # type: ignore[attr-defined]
    await counter.until(datetime(2026, 3, 5, 1, 0, tzinfo=UTC))
    assert kind_of(await attempt(version=1)) == (409, "item-version-not-current")
    case = (await attempt(version=2)).json()["application"]
    assert (await counter.one(case, ApplicationSubmitted)).data.item.version == 2  # type: ignore[attr-defined]
    await counter.until(datetime(2026, 3, 20, 1, 0, tzinfo=UTC))
    assert kind_of(await attempt()) == (409, "item-cancelled")
    assert kind_of(await attempt(item=later.code, version=99)) == (404, "no-such-item")
