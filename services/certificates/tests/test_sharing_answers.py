"""Requests for proofs are answered from the registers: what was asked and no more, once, and only for the purpose."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tongban_certificates.registers.register import Row
from tongban_certificates.sharing.answerer import Answerer
from tongban_runtime import facts
from tongban_runtime.health import Heartbeat
from tongban_runtime.keys import VaultUnavailableError
from tongban_runtime.testing.injection import ARRIVALS, Arrival
from tongban_runtime.testing.keys import TestKeyring, case_keys
from tongban_schemas.events.access import AccessRule
from tongban_schemas.events.certificates import CertificateIssued, CertificateRevoked
from tongban_schemas.events.evidence import (
    EvidenceFailed,
    EvidenceNotRecorded,
    EvidenceProvided,
    EvidenceRefused,
    evidence_field,
    evidence_text_field,
    lookup_field,
)

from . import cases, sources
from .conftest import hear
from .sources import World, asked, opened, words


@pytest.fixture
async def world(pool: Any) -> World:
    return await sources.make_world(pool)


async def test_what_was_asked_is_given_and_no_more(world: World) -> None:
    request = asked("a")
    (answer,) = await world.ask(request)
    given = answer.data
    assert isinstance(given, EvidenceProvided)
    assert opened(answer) == {"holder_name": "示例家长", "address": sources.ADDRESS}
    assert given.values == {"both_permits_valid": True}
    assert (given.request, given.grade, given.stage, given.under_dispute) == (request.id, "A", "answer", False)
    assert (answer.source, answer.causationid) == ("/certificates/public-security", request.id)
    assert given.recorded_at == cases.START - timedelta(days=9)
    (keys,) = world.keyring.asked
    assert (keys.purpose, keys.department, keys.request, keys.officer) == (
        "evidence",
        "public-security",
        request.id,
        None,
    )
    assert keys.fields == {
        lookup_field("holder"),
        evidence_field("permit", "holder_name"),
        evidence_field("permit", "address"),
    }


async def test_a_person_without_a_record_and_one_whose_record_expired_are_not_recorded(world: World) -> None:
    await world.put(sources.PERMIT, sources.permit(), "990100188001010058", valid_until=cases.START)
    answers = await world.ask(asked("a", holder="990100188001010031"), asked("b", holder="990100188001010058"))
    assert [type(one.data) for one in answers] == [EvidenceNotRecorded, EvidenceNotRecorded]


async def test_a_company_is_looked_up_without_personal_keys_and_the_vault_is_asked_all_the_same(world: World) -> None:
    (answer,) = await world.ask(asked("a", "licence", sources.COMPANY))
    assert isinstance(answer.data, EvidenceProvided)
    assert answer.data.values == {"state": "在营"}
    assert [one.fields for one in world.keyring.asked] == [{evidence_text_field("licence")}]


async def test_what_the_law_keeps_is_refused_with_that_law(world: World) -> None:
    (answer,) = await world.ask(asked("a", "adoption"))
    refusal = answer.data
    assert isinstance(refusal, EvidenceRefused)
    assert (refusal.ground, refusal.basis, refusal.officer) == ("forbidden-by-law", "示例法 第八条", None)
    assert words(answer, "reason").startswith("不得公开。")
    assert await world.state(asked("a", "adoption")) == "answered"


@pytest.mark.parametrize(
    ("parts", "ground"),
    [
        ({"provider": "tax"}, "not-held"),
        ({"fields": ["address", "salary"]}, "request-incomplete"),
        ({"fields": ["address", "permit_number"]}, "purpose-not-covered"),
        ({"item": sources.WITHOUT_SOURCES.ref}, "purpose-not-covered"),
        ({"material": "other", "resource": sources.PERMIT, "fields": ["address"]}, "purpose-not-covered"),
        ({"resource": sources.LICENCE, "provider": "market-regulation"}, "request-incomplete"),
        ({"resource": sources.ADOPTION, "provider": "street-office-99"}, "forbidden-by-law"),
    ],
    ids=[
        "other-source",
        "no-such-field",
        "wider-scope",
        "other-item",
        "other-material",
        "other-resource",
        "kept-by-law",
    ],
)
async def test_what_goes_beyond_the_purpose_is_refused(world: World, parts: dict[str, Any], ground: str) -> None:
    (answer,) = await world.ask(asked("a", **parts))
    assert isinstance(answer.data, EvidenceRefused)
    assert answer.data.ground == ground
    assert not await world.pool.fetch("SELECT FROM disclosure")
    assert {field for one in world.keyring.asked for field in one.fields} == {evidence_text_field(answer.data.material)}


@pytest.mark.parametrize("parts", [{"resource": "unheard-of"}, {"item": cases.REPAIR.ref}], ids=["resource", "item"])
async def test_an_entry_that_the_catalogue_does_not_bring_is_waited_for_and_then_refused(
    world: World, parts: dict[str, Any]
) -> None:
    request = asked("a", **parts)
    world.clock.set(cases.START)
    assert await world.ask(request) == []
    world.clock.advance(timedelta(minutes=3))
    (answer,) = await world.ask()
    assert isinstance(answer.data, EvidenceRefused)


async def test_an_expired_request_fails_and_gives_nothing(world: World) -> None:
    (answer,) = await world.ask(asked("a", expires=world.clock.now()))
    assert answer.data == EvidenceFailed(
        request=asked("a").id,
        resource=sources.PERMIT,
        material="permit",
        department="public-security",
        reason="expired",
        final=True,
    )
    assert world.keyring.asked == []


@pytest.mark.parametrize(
    "rule",
    ["unknown-case", "case-closed", "scope", "request-unknown", "request-not-yours", "request-answered", "erased"],
)
async def test_without_keys_nothing_is_said(world: World, rule: AccessRule) -> None:
    world.keyring.refusing[cases.case_id("a")] = rule
    (other,) = await world.ask(asked("a"), asked("b"))
    assert other.subject == str(cases.case_id("b"))
    assert await world.state(asked("a")) == "closed"


async def test_keys_that_expired_are_told_as_a_failure(world: World) -> None:
    world.keyring.refusing[cases.case_id("a")] = "request-expired"
    (answer,) = await world.ask(asked("a"))
    assert isinstance(answer.data, EvidenceFailed)
    assert (answer.data.reason, answer.data.final) == ("expired", True)


@pytest.mark.parametrize("source", ["/approvals/tax", "/certificates/public-security"])
async def test_a_request_that_intake_did_not_make_is_put_on_record_and_not_answered(world: World, source: str) -> None:
    request = asked("a", source=source)
    assert await world.ask(request) == []
    (attempt,) = world.keyring.refused
    assert (attempt.rule, attempt.application, attempt.request) == ("forged-source", cases.case_id("a"), request.id)
    await world.ask(request)
    assert not await world.pool.fetch("SELECT FROM evidence_request")


async def test_other_departments_requests_are_left_alone(pool: Any) -> None:
    world = await sources.make_world(pool, frozenset({"tax"}))
    assert await world.ask(asked("a")) == []
    assert not await pool.fetch("SELECT FROM evidence_request")


async def test_lookups_that_cannot_be_read_have_no_holder(world: World) -> None:
    one = asked("a")
    unreadable = {"holder": case_keys(one.subject).seal(one.id, lookup_field("other"), sources.PARENT)}
    answers = await world.ask(asked("a", lookup=unreadable), asked("b", lookup={}))
    assert [(one.data.reason, one.data.final) for one in answers if isinstance(one.data, EvidenceFailed)] == [
        ("no-holder", True),
        ("no-holder", True),
    ]


async def test_a_source_that_is_down_is_said_once_retried_and_answers_when_it_is_back(world: World) -> None:
    world.elsewhere.down = True
    down, near = asked("a", "household"), asked("a")
    (first, second) = await world.ask(down, near)
    assert {type(first.data), type(second.data)} == {EvidenceFailed, EvidenceProvided}
    (failure,) = await world.told(EvidenceFailed)
    assert isinstance(failure.data, EvidenceFailed)
    assert (failure.data.reason, failure.data.final) == ("source-unreachable", False)
    for _ in range(5):
        world.clock.advance(timedelta(minutes=10))
        await world.work()
    assert len(world.elsewhere.asked) == 6
    assert len(await world.told()) == 2
    world.elsewhere.down = False
    world.clock.advance(timedelta(minutes=10))
    *_, answer = await world.ask()
    assert opened(answer) == {"relation": "父女"}
    assert world.elsewhere.asked[-1].fields == ("relation",)
    assert world.elsewhere.asked[-1].purpose == sources.ITEM.code


async def test_a_source_that_stays_down_fails_for_good_when_the_request_expires(world: World) -> None:
    world.elsewhere.down = True
    await world.ask(asked("a", "household"))
    for _ in range(15):
        world.clock.advance(timedelta(minutes=10))
        await world.work()
    assert len(await world.told()) == 1
    world.clock.set(cases.START + timedelta(days=1))
    *_, last = await world.ask()
    assert isinstance(last.data, EvidenceFailed)
    assert (last.data.reason, last.data.final) == ("source-unreachable", True)
    assert await world.state(asked("a", "household")) == "failed"


async def test_without_the_vault_requests_wait(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unavailable(*_: object) -> None:
        raise VaultUnavailableError

    await world.hear(asked("a"))
    with monkeypatch.context() as patch:
        patch.setattr(TestKeyring, "release", unavailable)
        with pytest.raises(VaultUnavailableError):
            await world.answerer.round()
    (answer,) = await world.ask()
    assert isinstance(answer.data, EvidenceProvided)


@pytest.mark.parametrize("ending", ["withdrawn", "refused", "issued"])
async def test_a_case_that_has_ended_is_answered_nothing(world: World, ending: str) -> None:
    desk, near = asked("a", "tax"), asked("a")
    await world.ask(desk)
    story = cases.granted_case("a", sources.ITEM)[:1]
    story += {"withdrawn": [cases.withdrawn("a", 9)], "refused": [cases.refused("a", sources.ITEM)], "issued": []}[
        ending
    ]
    async with world.pool.acquire() as tx, tx.transaction():
        await facts.remember(tx, story)
    if ending == "issued":
        await world.hear(certificate("a"))
    assert await world.ask(near) == []
    assert (await world.state(desk), await world.state(near)) == ("closed", "closed")


async def test_what_is_asked_for_a_case_whose_end_was_heard_of_first_is_closed(world: World) -> None:
    """The topics of certificates and of proofs have no order between them."""
    async with world.pool.acquire() as tx, tx.transaction():
        await facts.remember(tx, cases.granted_case("a", sources.ITEM)[:1])
    await world.hear(certificate("a"))
    desk, near = asked("a", "tax"), asked("a")
    assert await world.ask(desk, near) == []
    assert (await world.state(desk), await world.state(near)) == ("closed", "closed")


async def test_a_revoked_certificate_ends_nothing(world: World) -> None:
    await world.ask(asked("a", "tax"))
    issued = certificate("a")
    revoked = CertificateRevoked(number="N-1", issuer="administrative-approval", cause="annulled", because=issued.id)
    await world.hear(issued, cases.fact(issued.subject, revoked, 20, "/certificates/administrative-approval"))
    (answer,) = await world.ask(asked("a"))
    assert isinstance(answer.data, EvidenceProvided)


def certificate(name: str) -> Any:
    data = CertificateIssued(
        item=sources.ITEM.ref,
        kind=sources.ITEM.certificate.kind,
        number="N-1",
        issuer="administrative-approval",
        pdf_sha256="0" * 64,
        verification="http://verify.test/verify/N-1",
    )
    return cases.fact(str(cases.case_id(name)), data, 10, "/certificates/administrative-approval")


@pytest.mark.parametrize("arrival", ARRIVALS)
@pytest.mark.parametrize("seed", range(2))
async def test_arrival_of_requests_changes_no_answer(world: World, arrival: Arrival, seed: int) -> None:
    materials = ("permit", "adoption", "licence", "tax", "household")
    requests = [asked(f"case-{index}", material) for index in range(4) for material in materials]
    forged = asked("forged", source="/approvals/tax")
    await hear(world.pool, world.registry, [*requests, forged, certificate("stranger")], arrival, seed)
    await world.work()
    told = await world.told()
    assert len(told) == len({one.id for one in told}) == 16
    assert sorted(type(one.data).__name__ for one in told) == sorted(
        [*["EvidenceProvided"] * 8, *["EvidenceRefused"] * 4, *["EvidenceNotRecorded"] * 4]
    )
    assert [one.rule for one in world.keyring.refused] == ["forged-source"]


async def test_two_answerers_answer_every_request_once(world: World) -> None:
    await world.hear(*(asked(f"case-{index}") for index in range(40)))
    other = Answerer(world.sharing, Heartbeat("answerer"), batch=7)
    while sum(await asyncio.gather(world.answerer.round(), other.round())):
        pass
    assert len(await world.told()) == 40
    assert await world.pool.fetchval("SELECT count(*) FROM disclosure") == 40


async def test_failed_commit_answers_nothing_and_the_next_try_everything(world: World) -> None:
    await world.hear(asked("a"), asked("b"))
    await world.pool.execute(
        """
        CREATE FUNCTION break_off() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'broken off'; END $$;
        CREATE TRIGGER break_off BEFORE INSERT ON disclosure FOR EACH ROW EXECUTE FUNCTION break_off();
        """
    )
    try:
        with pytest.raises(Exception, match="broken off"):
            await world.answerer.round()
    finally:
        await world.pool.execute("DROP FUNCTION break_off CASCADE")
    assert await world.told() == []
    assert len(await world.ask()) == 2


async def test_a_change_that_is_being_made_is_waited_for_so_no_receiver_misses_it(world: World) -> None:
    await world.hear(asked("a"))
    async with world.pool.acquire() as tx:
        change = tx.transaction()
        await change.start()
        row = Row(sources.PARENT, sources.permit("示例路2号"))
        await world.registers.put(tx, sources.PERMIT, [row], world.clock.now())
        answering = asyncio.create_task(world.answerer.round())
        await asyncio.sleep(0.2)
        assert not answering.done()
        await change.commit()
    await answering
    (answer,) = await world.told()
    assert opened(answer)["address"] == "示例路2号"
    await world.work()
    assert len(await world.told()) == 1


async def test_workers_run_until_they_are_stopped(world: World) -> None:
    await world.hear(asked("a"))
    running = asyncio.create_task(world.answerer.run())
    async with asyncio.timeout(10):
        while not await world.told():
            await asyncio.sleep(0.02)
    world.answerer.stop()
    await running
