"""The handlers on a real database: what they publish and lay on the desk does not depend on how events arrive."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from tongban_approvals.domain import History, react
from tongban_runtime.database import Pool
from tongban_runtime.testing.clock import FakeClock
from tongban_runtime.testing.injection import ARRIVALS, Arrival, effects
from tongban_runtime.testing.keys import case_keys
from tongban_schemas.envelope import Event
from tongban_schemas.events.approvals import ApprovalGranted, ApprovalRefused, refusal_field

from .conftest import MakeDeployment
from .fetched import (
    checked,
    corrected_at_source,
    disputed,
    failed,
    late,
    objected,
    provided,
    refused_by_source,
    requested,
    uploaded,
)
from .samples import (
    ECOLOGY,
    INVESTMENT,
    LAND,
    REFUSING,
    accepted,
    applied,
    asked,
    chain,
    corrected,
    days,
    granted,
    item,
    new_subject,
    opened,
    published,
    refused,
    step,
    submitted,
    withdrawn,
)


def _history(subject: str) -> list[Event]:
    request = asked(subject, "BA", ["land_area_m2"])
    return [
        *applied(subject),
        opened(subject, "BA"),
        request,
        corrected(subject, request.id, {"land_area_m2": 5}),
        granted(subject, "BA"),
        granted(subject, "HP"),
        granted(subject, "JN"),
    ]


@pytest.mark.parametrize("arrival", ARRIVALS)
async def test_effects_do_not_depend_on_arrival(
    arrival: Arrival, deploy: MakeDeployment, pools: Callable[[], Awaitable[Pool]]
) -> None:
    subjects = [f"01994f00-0000-7000-8000-{number:012}" for number in range(8)]
    history = [event for subject in subjects for event in _history(subject)]
    history.insert(len(history) // 2, published())
    deployment = await deploy(LAND)
    found = await effects(deployment.pool, deployment.registry, history, arrival, FakeClock(), seed=7)
    reference = await deploy(LAND, await pools())
    plain = await effects(reference.pool, reference.registry, history, "in-order", FakeClock(), seed=1)
    assert found == plain
    assert len(found) == len(subjects)
    rows = await deployment.pool.fetch("SELECT step, state, count(*) FROM task GROUP BY 1, 2")
    assert [tuple(row) for row in rows] == [("KG", "open", len(subjects))]
    assert await deployment.pool.fetchval("SELECT count(*) FROM waiting_case") == 0


@pytest.mark.parametrize("arrival", ARRIVALS)
async def test_what_proofs_bring_about_does_not_depend_on_arrival(
    arrival: Arrival, deploy: MakeDeployment, pools: Callable[[], Awaitable[Pool]]
) -> None:
    rule = {"by": "rule", "grant_when": {"required": ["company_name"]}, "else": "refuse"}
    of = item([step("AA", inputs=["map"]), step("BB", inputs=["deed"]), step("RR", inputs=["map"], decide=rule)])
    subjects = [f"01994f00-0000-7000-8000-{number:012}" for number in range(6)]
    history: list[Event] = []
    for subject in subjects:
        ask, deed = requested(subject, item=of), requested(subject, "deed", of)
        given, no = provided(ask), refused_by_source(deed)
        history += [ask, deed, failed(ask, final=False), given, no, *applied(subject, of, {"company_name": "x"})]
        history += [disputed(given), corrected_at_source(given), objected(no, "ecology"), late(deed, 6)]
        history += [failure := failed(deed, 8), upload := uploaded(failure, 9), checked(upload, "BB", "ecology", 10)]
    history.insert(len(history) // 2, published(of))
    found = []
    for way in (arrival, "in-order"):
        deployment = await deploy(ECOLOGY, await pools())
        said = await effects(deployment.pool, deployment.registry, history, way, FakeClock(), seed=7)
        rows = await deployment.pool.fetch("SELECT application, step, state, flagged FROM task")
        found.append((said.keys(), {tuple(row) for row in rows}))
        assert deployment.keyring.asked == []
    assert found[0] == found[1]
    assert {row[1:] for row in found[0][1]} == {("AA", "open", True), ("BB", "open", False), ("RR", "granted", True)}


@pytest.mark.parametrize("arrival", ARRIVALS)
async def test_what_time_made_true_does_not_depend_on_arrival(
    arrival: Arrival, deploy: MakeDeployment, pools: Callable[[], Awaitable[Pool]]
) -> None:
    timed = item(
        [
            step("AA", limit={"promised": days(3), "legal": days(5)}, silence={"at": "legal", "then": "grant"}),
            step("BB", needs=["AA"], limit={"legal": days(5)}),
        ]
    )
    subjects = [f"01994f00-0000-7000-8000-{number:012}" for number in range(6)]
    history = [event for subject in subjects for event in applied(subject, timed, {})]
    history.insert(len(history) // 2, published(timed))
    found = []
    for way in (arrival, "in-order"):
        deployment = await deploy(ECOLOGY, await pools())
        deployment.clock.advance(timedelta(days=90))
        await effects(deployment.pool, deployment.registry, history, way, deployment.clock, seed=7)
        rows = await deployment.pool.fetch("SELECT event_id, type, time FROM outbox WHERE type !~ 'opened'")
        found.append({tuple(row) for row in rows})
        await deployment.move(deployment.clock.now() + timedelta(days=90))
        said = [verb for verb, _, _ in await deployment.said()]
        assert Counter(said) == {"opened": 12, "granted": 6, "due-soon": 18, "overdue": 18}
    assert found[0] == found[1]
    assert len(found[0]) == 6 * 7


async def test_a_chain_of_rules_is_one_transaction_in_order(deploy: MakeDeployment) -> None:
    item, subject = chain(), new_subject()
    deployment = await deploy(ECOLOGY)
    await deployment.hear(published(item))
    await deployment.hear(*applied(subject, item, {"company_name": "x"}))
    said = [(verb, getattr(data, "step", "")) for verb, _, data in await deployment.said()]
    assert said == [
        ("opened", "AA"),
        ("opened", "DD"),
        ("granted", "AA"),
        ("opened", "BB"),
        ("granted", "BB"),
        ("opened", "CC"),
        ("granted", "CC"),
    ]
    rows = await deployment.pool.fetch("SELECT step, state, decided_by FROM task ORDER BY step")
    assert [tuple(row) for row in rows] == [
        ("AA", "granted", "rule"),
        ("BB", "granted", "rule"),
        ("CC", "granted", "rule"),
        ("DD", "open", None),
    ]


async def test_a_rule_refuses_with_a_sealed_reason_and_the_rest_is_cancelled(deploy: MakeDeployment) -> None:
    subject = new_subject()
    deployment = await deploy(ECOLOGY)
    await deployment.hear(published(REFUSING), *applied(subject, REFUSING, {"company_name": "x"}))
    refusals = [data for _, _, data in await deployment.said() if isinstance(data, ApprovalRefused)]
    assert [(one.step, one.reason_code, one.decided_by) for one in refusals] == [("CC", "rule-not-met", "rule")]
    assert "conditions" in case_keys(subject).open(refusal_field("CC"), refusals[0].reason)
    rows = await deployment.pool.fetch("SELECT step, state FROM task ORDER BY step")
    assert [tuple(row) for row in rows] == [
        ("AA", "granted"),
        ("BB", "granted"),
        ("CC", "refused"),
        ("DD", "cancelled"),
    ]


@pytest.mark.parametrize("end", [withdrawn, lambda subject: refused(subject, "BA")])
async def test_an_end_cancels_open_tasks(end: Callable[[str], Event], deploy: MakeDeployment) -> None:
    subject = new_subject()
    deployment = await deploy(LAND)
    await deployment.hear(published(), *applied(subject))
    await deployment.hear(end(subject))
    await deployment.hear(granted(subject, "HP"))
    assert [tuple(row) for row in await deployment.pool.fetch("SELECT step, state FROM task")] == [("KG", "cancelled")]


async def test_a_desk_is_rebuilt_from_our_own_facts(deploy: MakeDeployment) -> None:
    subject = new_subject()
    deployment = await deploy(LAND)
    await deployment.hear(published(), *applied(subject), opened(subject, "KG"), granted(subject, "KG"))
    rows = await deployment.pool.fetch("SELECT step, state FROM task ORDER BY step")
    assert [tuple(row) for row in rows] == [("KG", "granted"), ("TD", "open")]
    assert [data for verb, _, data in await deployment.said() if isinstance(data, ApprovalGranted)] == []


async def test_a_case_that_comes_before_its_item_goes_on_in_its_own_trace(deploy: MakeDeployment) -> None:
    subject = new_subject()
    deployment = await deploy(LAND)
    await deployment.hear(*applied(subject))
    assert await deployment.said() == []
    await deployment.hear(published())
    row = await deployment.pool.fetchrow("SELECT traceparent, correlation_id FROM outbox")
    assert row["traceparent"] == submitted(subject).traceparent
    assert str(row["correlation_id"]) == subject


async def test_a_batch_costs_the_same_number_of_statements_however_many_cases(deploy: MakeDeployment) -> None:
    deployment = await deploy(LAND)
    await deployment.hear(published())
    counts = []
    for cases in (1, 1, 60):
        statements: list[str] = []
        async with deployment.pool.acquire() as tx:  # the first run also learns the database's types
            tx.add_query_logger(lambda record, seen=statements: seen.append(record.query))
            events = [event for _ in range(cases) for event in applied(new_subject())]
            async with tx.transaction():
                await deployment.registry.handler_of(accepted(new_subject()).type).function(tx, events)
        counts.append(len(statements))
    assert counts[1] == counts[2] <= 13


def test_our_own_facts_are_no_news() -> None:
    subject = new_subject()
    facts = [*applied(subject), opened(subject, "KG")]
    assert react(History.of(facts, INVESTMENT), INVESTMENT, LAND) == []
