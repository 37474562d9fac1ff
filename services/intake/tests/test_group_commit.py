"""Group commit: one transaction for what came together, one answer for each, and nobody pays for another's broken row."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import asyncpg
import pytest
from tongban_intake import domain
from tongban_intake.group_commit import GroupCommit, KeyReusedError, Receipt, Submission
from tongban_intake.store.applications import NewApplication
from tongban_runtime.database import ENGINE_ERRORS, create_pool
from uuid_utils.compat import uuid7

from .conftest import Service

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


async def submission(
    service: Service, applicant: UUID, key: str, *, digest: bytes = b"d", answers: dict[str, Any] | None = None
) -> Submission:
    item = (await service.intake.shelf.all_newest(service.runtime.pool))[0]
    made = service.intake.vault.new(uuid7())
    application = made.case
    event = domain.submit(
        application,
        item,
        applicant=applicant,
        region="990000",
        language="zh",
        answers=answers or {},
        materials={},
        seal=made.keys.seal_all,
        time=NOW,
        traceparent=None,
    )
    return Submission(NewApplication(application, applicant, key, digest, item.code, item.version, NOW), event, made)


async def stored(service: Service, applicant: UUID) -> set[UUID]:
    rows = await service.runtime.pool.fetch(
        "SELECT a.id FROM application a JOIN outbox o ON o.subject = a.id WHERE a.applicant = $1", applicant
    )
    return {row["id"] for row in rows}


async def commits_of(service: Service, applicant: UUID) -> int:
    """How many transactions stored the applications of someone."""
    found: int = await service.runtime.pool.fetchval(
        "SELECT count(DISTINCT xmin::text) FROM application WHERE applicant = $1", applicant
    )
    return found


async def test_what_comes_together_is_one_commit(service: Service) -> None:
    applicant = uuid4()
    commits = GroupCommit(service.runtime.pool, service.intake.vault, 500)
    group = [await submission(service, applicant, f"k{number}") for number in range(200)]
    receipts = await asyncio.gather(*map(commits.submit, group))
    assert receipts == [Receipt(one.application.id, repeated=False) for one in group]
    assert await stored(service, applicant) == {one.application.id for one in group}
    assert await commits_of(service, applicant) == 1


async def test_a_group_has_a_limit(service: Service) -> None:
    applicant = uuid4()
    commits = GroupCommit(service.runtime.pool, service.intake.vault, 30)
    group = [await submission(service, applicant, f"k{number}") for number in range(100)]
    await asyncio.gather(*map(commits.submit, group))
    assert len(await stored(service, applicant)) == 100
    assert await commits_of(service, applicant) == 4


async def test_whoever_waits_is_answered_when_there_is_no_database(service: Service) -> None:
    dsn = urlsplit(service.runtime.settings.database.get_secret_value())._replace(path="/tongban_none")
    pool = await asyncpg.create_pool(urlunsplit(dsn), min_size=0)
    commits = GroupCommit(pool, service.intake.vault, 500)
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncio.wait_for(commits.submit(await submission(service, uuid4(), "k")), 10)
    await pool.close()


@pytest.mark.parametrize("place", [0, 13, 49])
async def test_a_row_that_breaks_a_rule_fails_alone(service: Service, place: int) -> None:
    applicant = uuid4()
    commits = GroupCommit(service.runtime.pool, service.intake.vault, 500)
    group = [await submission(service, applicant, f"k{number}") for number in range(50)]
    group[place] = await submission(service, applicant, "x" * 201)
    outcomes = await asyncio.gather(*map(commits.submit, group), return_exceptions=True)
    assert isinstance(outcomes[place], asyncpg.CheckViolationError)
    assert all(isinstance(outcome, Receipt) for index, outcome in enumerate(outcomes) if index != place)
    assert await stored(service, applicant) == {one.application.id for index, one in enumerate(group) if index != place}


async def test_an_event_that_is_too_large_fails_alone(service: Service) -> None:
    applicant = uuid4()
    commits = GroupCommit(service.runtime.pool, service.intake.vault, 500)
    group = [await submission(service, applicant, f"k{number}") for number in range(3)]
    group[1] = await submission(service, applicant, "large", answers={"project_name": "x" * 300_000})
    outcomes = await asyncio.gather(*map(commits.submit, group), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Receipt, ValueError, Receipt]
    assert len(await stored(service, applicant)) == 2


async def test_one_key_many_times_in_one_group(service: Service) -> None:
    applicant = uuid4()
    commits = GroupCommit(service.runtime.pool, service.intake.vault, 500)
    group = [await submission(service, applicant, "one", digest=b"d" if number < 5 else b"e") for number in range(8)]
    outcomes = await asyncio.gather(*map(commits.submit, group), return_exceptions=True)
    (kept,) = await stored(service, applicant)
    winners = [outcome for outcome in outcomes if isinstance(outcome, Receipt)]
    assert {receipt.application for receipt in winners} == {kept}
    assert len(winners) in (5, 3)
    assert sum(not receipt.repeated for receipt in winners) == 1
    assert sum(isinstance(outcome, KeyReusedError) for outcome in outcomes) == 8 - len(winners)


async def test_two_writers_with_the_same_keys_agree(service: Service) -> None:
    applicant = uuid4()
    writers = [GroupCommit(service.runtime.pool, service.intake.vault, 500) for _ in range(2)]
    groups = [[await submission(service, applicant, f"k{number}") for number in range(100)] for _ in writers]
    groups[1].reverse()
    first, second = await asyncio.gather(
        *(asyncio.gather(*map(writer.submit, group)) for writer, group in zip(writers, groups, strict=True))
    )
    assert [receipt.application for receipt in first] == [receipt.application for receipt in reversed(second)]
    assert len(await stored(service, applicant)) == 100


async def test_a_lost_connection_is_told_to_all_and_the_key_can_be_tried_again(service: Service) -> None:
    applicant = uuid4()
    pool = await create_pool(service.runtime.settings.database.get_secret_value(), 2)
    commits = GroupCommit(pool, service.intake.vault, 500)
    group = [await submission(service, applicant, f"k{number}") for number in range(3)]
    async with service.runtime.pool.acquire() as blocker:
        transaction = blocker.transaction()
        await transaction.start()
        await blocker.execute("LOCK TABLE outbox IN SHARE MODE")
        waiting = [asyncio.create_task(commits.submit(one)) for one in group]
        await _terminate_waiting(blocker)
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        await transaction.rollback()
    assert all(isinstance(outcome, ENGINE_ERRORS) for outcome in outcomes)
    again = await asyncio.gather(*map(commits.submit, group))
    assert all(not receipt.repeated for receipt in again)
    assert len(await stored(service, applicant)) == 3
    await pool.close()


async def _terminate_waiting(connection: Any) -> None:
    async with asyncio.timeout(10):
        while not await connection.fetchval(
            """
            SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'
            """
        ):
            await asyncio.sleep(0.02)
