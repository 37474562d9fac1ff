"""Sixty forged facts on the broker: none has an effect in any service or on the page, and each stands on record."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec
from aiokafka import AIOKafkaProducer
from tongban_catalog.shelf import Shelf
from tongban_intake.facts import fact_of
from tongban_intake.folding import Changes, fold_changes
from tongban_intake.status import decode
from tongban_schemas.envelope import Event, encode_body, encode_headers
from tongban_schemas.events.approvals import ApprovalGranted

from tests.lifecycle.forgeries import forgeries
from tests.lifecycle.sample import item, step
from tests.lifecycle.world import World

_NEEDS = [{"step": name, "basis": ["rule"]} for name in ("LAND", "ECO")]
_STEPS = [step("LAND", "land"), step("ECO", "ecology"), step("BUILD", "housing", needs=_NEEDS)]
_SAID = """
SELECT type, body FROM outbox WHERE subject = $1 AND type <> 'cn.tongban.access.refused.v1' ORDER BY id
"""
"""Whom intake turned away is itself on record."""
_EFFECTS = {
    _SAID: "intake approvals-99 approvals-98 certificates notify",
    "SELECT step, state, round FROM task WHERE application = $1 ORDER BY step": "approvals-99 approvals-98",
    "SELECT * FROM certificate WHERE application = $1": "certificates certificates-98",
    "SELECT id, kind, channel FROM notification WHERE application = $1 ORDER BY id": "notify",
}


async def _effects(life: World, case: UUID) -> list[tuple[str, str, list[Any]]]:
    """What the services have said, laid on desks, issued and written to people about a case."""
    return [
        (name, query, [tuple(row) for row in await life.services[name].runtime.pool.fetch(query, case)])
        for query, names in _EFFECTS.items()
        for name in names.split()
    ]


async def _on_record(life: World, case: UUID) -> set[str]:
    """The ids of what services do not believe, or could not read, or, for intake, whom it turned away."""
    found: set[str] = set()
    for service in life.services.values():
        pool = service.runtime.pool
        found |= {
            str(row[0]) for row in await pool.fetch("SELECT event_id FROM not_believed WHERE subject = $1", str(case))
        }
        found |= {
            str(row[0])
            for row in await pool.fetch("SELECT event_id FROM parked WHERE key = $1 OR key IS NULL", str(case))
        }
    return found


async def _shown(life: World, case: UUID, events: Iterable[Event]) -> Any:
    """The status that the page is made of, without its count of facts."""
    changes: Changes = {str(case): (0, [fact for one in events if (fact := fact_of(one)) is not None])}
    pool = life.services["intake"].runtime.pool
    async with pool.acquire() as tx, tx.transaction():
        await fold_changes(tx, Shelf(), 1, changes)
    status = decode(await pool.fetchval("SELECT status FROM status_view WHERE application_id = $1", case))
    return msgspec.structs.replace(status, version=0)


async def _put(life: World, kafka: str, events: Iterable[Event]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    await producer.start()
    try:
        for one in events:
            await producer.send_and_wait(
                life.prefix + one.topic, encode_body(one.data), key=one.subject.encode(), headers=encode_headers(one)
            )
    finally:
        await producer.stop()


async def test_sixty_forged_facts_have_no_effect_and_stand_on_record(life: World) -> None:
    one = item(77, _STEPS)
    case = await life.apply(life.person("applicant"), await life.offer(one))
    await life.act(case, "LAND", "grant", life.officer("natural-resources"), {})
    genuine = await life.facts(case)
    granted = next(event for event in genuine if isinstance(event.data, ApprovalGranted))
    before, shown = await _effects(life, case), await _shown(life, case, genuine)
    told = forgeries(case, one, granted, life.clock.now())
    assert len(told) >= 60
    assert len({event.type for event in told}) >= 15
    assert life.kafka is not None
    await _put(life, life.kafka, told)
    await life.settle()
    assert await _effects(life, case) == before
    assert await _shown(life, case, told) == shown
    missing = [(event.type, event.source) for event in told if str(event.id) not in await _on_record(life, case)]
    assert missing == []
    await life.act(case, "ECO", "grant", life.officer("ecology"), {})
    await life.act(case, "BUILD", "grant", life.officer("housing"), {})
    assert len([event for event in await life.facts(case) if isinstance(event.data, ApprovalGranted)]) == 3
