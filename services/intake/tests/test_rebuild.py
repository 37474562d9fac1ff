"""The view rebuilt from the first event is the live view, and can take its place."""

from uuid import UUID

import pytest
from tongban_intake import rebuild
from tongban_intake.folding import consumer_of
from tongban_intake.rebuild import Built, Comparison, build, compare_and_swap
from tongban_intake.store import view
from tongban_runtime.service import Runtime

from .cases import Stream, finished_case
from .live import expected_row, mixed, rows, runtime, stream, until_folded, working

__all__ = ["runtime", "stream"]


async def compare(
    runtime: Runtime, built: Built, *, swap: bool = False, patience: float = 20
) -> tuple[Comparison, bool]:
    return await compare_and_swap(
        runtime.pool,
        runtime.settings.kafka,
        runtime.settings.topic_prefix,
        built,
        swap=swap,
        even_if_different=False,
        patience=patience,
    )


async def rebuilt(runtime: Runtime) -> Built:
    return await build(runtime.pool, runtime.settings.kafka, runtime.settings.topic_prefix)


async def test_rebuilt_equals_live_and_takes_its_place(runtime: Runtime, stream: Stream) -> None:
    cases = [finished_case() for _ in range(40)]
    await stream.send(mixed(cases, seed=11, repeats=100))
    key = cases[0][0].subject.encode()
    await stream.send_raw("tongban.approvals.v1", None, key, [])
    await stream.send_raw("tongban.applications.v1", b"{", key, [("ce_specversion", b"1.0")])
    async with working(runtime) as task:
        await until_folded(runtime, cases, task)
        built = await rebuilt(runtime)
        assert built.events == sum(map(len, cases)) + 102
        assert built.rows == 40
        later = [finished_case() for _ in range(5)]
        await stream.send(mixed(later, seed=12))
        await until_folded(runtime, later, task)
        comparison, swapped = await compare(runtime, built, swap=True)
        assert comparison.equal
        assert swapped
        assert sum(digest.rows for digest in comparison.live.values()) == 45
        newest = [finished_case() for _ in range(5)]
        await stream.send(mixed(newest, seed=13))
        await until_folded(runtime, newest, task)
    assert await view.active_generation(runtime.pool) == built.generation
    assert await rows(runtime, built.generation) == {
        UUID(case[0].subject): expected_row(case) for case in cases + later + newest
    }
    assert "一致 equal" in rebuild.report(built, comparison, swapped)


async def test_a_wrong_live_view_is_found_and_not_replaced_unasked(runtime: Runtime, stream: Stream) -> None:
    cases = [finished_case() for _ in range(10)]
    await stream.send(mixed(cases, seed=14))
    async with working(runtime) as task:
        await until_folded(runtime, cases, task)
    await runtime.pool.execute(
        "UPDATE status_view SET state = 'refused', status = '{}' WHERE application_id = $1", UUID(cases[0][0].subject)
    )
    built = await rebuilt(runtime)
    comparison, swapped = await compare(runtime, built, swap=True)
    different = [number for number in comparison.live if comparison.live[number] != comparison.rebuilt[number]]
    assert len(different) == 1
    assert not swapped
    assert "不一致 DIFFERENT" in rebuild.report(built, comparison, swapped)


async def test_a_live_view_that_is_behind_is_not_called_equal(runtime: Runtime, stream: Stream) -> None:
    await stream.send(finished_case())
    built = await rebuilt(runtime)
    comparison, swapped = await compare(runtime, built, swap=True, patience=0)
    assert comparison.apart
    assert not comparison.equal
    assert not swapped


async def test_what_was_not_made_active_is_cleared_by_the_next_rebuild(runtime: Runtime, stream: Stream) -> None:
    await stream.send(finished_case())
    first, second = await rebuilt(runtime), await rebuilt(runtime)
    assert first.generation < second.generation
    kept = await runtime.pool.fetch("SELECT DISTINCT generation FROM status_view")
    assert [row["generation"] for row in kept] == [second.generation]
    left = await runtime.pool.fetchval(
        "SELECT count(*) FROM position WHERE consumer = $1", consumer_of(first.generation)
    )
    assert left == 0


async def test_an_application_whose_events_lie_in_two_partitions_is_whole(runtime: Runtime, stream: Stream) -> None:
    """A producer of another make may partition otherwise; live and rebuilt still agree."""
    case = finished_case()
    approvals = [event for event in case if "approval" in event.topic]
    others = [event for event in case if "approval" not in event.topic]
    await stream.send(others)
    home = await stream.partition_of(case[0])
    await stream.send(approvals, partition=home - 1 if home else 5)
    async with working(runtime) as task:
        await until_folded(runtime, [case], task)
        comparison, _ = await compare(runtime, await rebuilt(runtime))
    assert comparison.equal
    assert await rows(runtime) == {UUID(case[0].subject): expected_row(case)}


async def test_the_command_tells_and_swaps(
    runtime: Runtime, stream: Stream, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = [finished_case() for _ in range(3)]
    await stream.send(mixed(cases, seed=15))
    async with working(runtime) as task:
        await until_folded(runtime, cases, task)
        assert await rebuild.command(runtime.settings, ["--swap"]) == 0
    assert "已切换 swapped" in capsys.readouterr().out
    assert await view.active_generation(runtime.pool) == 2
    await runtime.pool.execute("DELETE FROM status_view")
    assert await rebuild.command(runtime.settings, ["--patience", "0"]) == 1
