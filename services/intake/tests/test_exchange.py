"""The rows of the national platform: what each fact becomes, the same whatever the order, and only what can be loaded."""

import csv
import json
import random
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from tongban_intake.exchange import TABLES, Catalogue, Row, problem_of, rows_of
from tongban_intake.exchange.command import command, export
from tongban_intake.exchange.export import write
from tongban_intake.exchange.mapping import Mapped
from tongban_intake.exchange.rows import make_row
from tongban_intake.settings import Settings
from tongban_intake.vault import KeyEncryption, NewKey, Vault
from tongban_local.provider import Engines
from tongban_runtime.clock import SystemClock
from tongban_runtime.database import create_pool
from tongban_runtime.sealing import CaseKeys
from tongban_runtime.testing.keys import case_keys, root_of

from .cases import Stream
from .live import stream
from .official import (
    CATALOGUE,
    EVENTS,
    OFFICER,
    SHA,
    Telling,
    every,
    investment,
    reopened,
    turned_away,
    withdrawn,
)

__all__ = ["stream"]


def unseal(application: str, field: str, sealed: str) -> str:
    return case_keys(application).open(field, sealed)


def mapped(case: Telling) -> Mapped:
    return rows_of(case.subject, case.events, CATALOGUE, unseal)


def of(found: Mapped, table: str) -> list[dict[str, str]]:
    return [dict(row.values) for row in found.rows if row.table == table]


def told(found: Mapped, table: str, *columns: str) -> list[tuple[str, ...]]:
    return [tuple(row.get(name, "") for name in columns) for row in of(found, table)]


def test_the_tables_are_those_of_the_platform() -> None:
    assert {name: table.title for name, table in TABLES.items()} == {
        "up_pro_accept": "办件受理",
        "up_pro_process": "办件过程",
        "up_pro_special_procedure": "特别程序",
        "up_pro_material": "办件材料",
        "up_pro_result": "办件结果",
    }
    for table in TABLES.values():
        assert table.names[:5] == ("row_guid", "cd_operation", "cd_batch", "cd_time", "data_source")
        assert len(set(table.names)) == len(table.names)


def test_acceptance_names_item_body_and_applicant() -> None:
    case = investment()
    (row,) = of(mapped(case), "up_pro_accept")
    wanted = {
        "project_no": case.number,
        "project_type": "2",
        "task_code": case.item.code,
        "task_version": "1",
        "catalog_code": "000100001000",
        "org_code": CATALOGUE.departments["administrative-approval"].uscc,
        "applyer_name": "示例制造股份有限公司",
        "applyer_type": "2",
        "applyer_page_type": "001",
        "applyer_page_code": "91990000MA00000195",
        "apply_type": "2",
        "apply_date": "2026-03-02 09:00:00",
        "accept_date": "2026-03-02 13:00:00",
        "cd_operation": "U",
        "cd_time": "2026-03-02 21:00:00",
        "cd_batch": "20260302",
        "data_source": "/intake",
    }
    assert {name: row[name] for name in wanted} == wanted, "changed by the correction of the company's name"


def test_a_person_is_named_by_the_citizen_s_number() -> None:
    (row,) = of(mapped(withdrawn()), "up_pro_accept")
    assert (row["applyer_type"], row["applyer_page_type"], row["applyer_page_code"], row["cd_operation"]) == (
        "1",
        "111",
        "990101188001010015",
        "I",
    )


def test_the_process_goes_through_the_states_of_the_exchange() -> None:
    found = told(mapped(investment()), "up_pro_process", "process_name", "event_name", "handle_explain")
    steps = {step.id: step.name.zh for step in investment().item.steps}
    review = "专家评审"
    assert found == [
        ("收件受理", "1", "已接件"),
        ("收件受理", "6", "需补正：建设工程设计方案"),
        ("收件受理", "7", "申请人已补正"),
        ("收件受理", "3", f"予以受理；承诺补交：{investment().item.materials[2].name.zh}"),
        (steps["HP"], "8", "开始办理"),
        (steps["HP"], "9", review),
        (steps["HP"], "10", review),
        (steps["GC"], "8", "开始办理"),
        (steps["GC"], "6", "需补正：建筑面积(平方米)"),
        (steps["GC"], "7", "申请人已补正"),
        (steps["GC"], "11", "准予"),
        (steps["HP"], "12", "容缺准予"),
    ]


def test_a_decision_began_with_its_round_and_names_who_handled_it() -> None:
    found = told(mapped(reopened()), "up_pro_process", "event_name", "event_start_time", "event_end_time")
    assert found[3:8] == [
        ("13", "2026-03-02 12:00:00", "2026-03-02 13:00:00"),
        ("15", "2026-03-02 14:00:00", "2026-03-02 14:00:00"),
        ("8", "2026-03-02 15:00:00", "2026-03-02 15:00:00"),
        ("11", "2026-03-02 15:00:00", "2026-03-02 16:00:00"),
        ("14", "2026-03-02 18:00:00", "2026-03-02 18:00:00"),
    ]
    people = told(mapped(withdrawn()), "up_pro_process", "event_name", "handle_user_name")
    assert people == [("1", "系统自动办理"), ("3", "系统自动办理"), ("8", "系统自动办理"), ("2", "申请人")]
    assert ("13", str(OFFICER)) in told(mapped(reopened()), "up_pro_process", "event_name", "handle_user_name")


def test_who_is_not_competent_names_who_is() -> None:
    (_, row) = of(mapped(turned_away()), "up_pro_process")
    assert (row["event_name"], row["handle_explain"]) == ("5", "other-authority；应向示范省烟草专卖局申请")
    (_, row) = of(mapped(turned_away(5, None)), "up_pro_process")
    assert row["event_name"] == "4"
    assert not of(mapped(turned_away()), "up_pro_accept")


def test_special_procedures_carry_basis_and_end() -> None:
    stop, extension = of(mapped(investment()), "up_pro_special_procedure")
    assert (stop["special_type"], stop["special_name"], stop["cd_operation"]) == ("2", "专家评审", "U")
    assert (stop["special_time"], stop["end_time"]) == ("2026-03-02 16:00:00", "2026-03-02 17:00:00")
    assert stop["special_reason"] == "《行政许可法》第45条"
    assert stop["special_explain"].endswith("：预计10 个工作日")
    assert (extension["special_type"], extension["special_name"]) == ("1", "延长审批")
    assert extension["special_explain"].endswith("：延长10 个工作日")
    assert extension["special_time"] == extension["end_time"]


def test_a_procedure_that_has_not_ended_is_told_as_a_problem() -> None:
    case = investment()
    ended = next(event for event in case.events if event.type == "cn.tongban.approval.clock-resumed.v1")
    found = rows_of(case.subject, [event for event in case.events if event is not ended], CATALOGUE, unseal)
    (problem,) = found.problems
    assert (problem.table, problem.columns, problem.reason) == ("up_pro_special_procedure", ("end_time",), "missing")
    later = {row.guid: row for row in mapped(case).rows}
    assert later[problem.row_guid].values["cd_operation"] == "U", "the same row once it has ended"


def test_materials_are_told_each_time_they_come() -> None:
    found = told(mapped(investment()), "up_pro_material", "material_name", "get_type", "material_attach_name")
    names = {material.id: material.name.zh for material in investment().item.materials}
    assert found == [(names[one], "网上提交", SHA) for one in ("business-licence", "design-scheme", "impact-report")]


def test_results_are_taken_back_by_annulment() -> None:
    (row,) = of(mapped(investment()), "up_pro_result")
    assert (row["result_type"], row["cd_operation"], row["is_delivery_results"]) == ("12", "I", "0")
    assert row["result_cetr_no"].startswith("1.2.156.3005.2.")
    refused, issued = of(mapped(reopened()), "up_pro_result")
    assert (refused["result_type"], refused["cd_operation"], refused["result_explain"]) == (
        "13",
        "D",
        "conditions-not-met",
    )
    assert (issued["result_type"], issued["cd_operation"]) == ("11", "D")
    assert refused["cd_time"] == "2026-03-02 14:00:00"


def test_every_order_and_every_repetition_gives_equal_rows() -> None:
    rng = random.Random(5)  # noqa: S311 - test data
    for case in every():
        wanted = mapped(case)
        for _ in range(20):
            events = case.events + rng.choices(case.events, k=5)
            rng.shuffle(events)
            assert rows_of(case.subject, events, CATALOGUE, unseal) == wanted


def test_more_facts_change_rows_and_never_their_ids() -> None:
    for case in every():
        guids: set[str] = set()
        for end in range(len(case.events) + 1):
            found = rows_of(case.subject, case.events[:end], CATALOGUE, unseal)
            now = {row.guid for row in found.rows} | {one.row_guid for one in found.problems if one.row_guid}
            assert guids <= now
            guids = now


@pytest.mark.parametrize(
    ("table", "column"),
    [(table.name, one.name) for table in TABLES.values() for one in table.columns if one.required],
)
def test_each_column_that_must_be_filled_is_filled_or_the_row_is_a_problem(table: str, column: str) -> None:
    rows = [row for case in every() for row in mapped(case).rows if row.table == table]
    assert rows
    for row in rows:
        assert row.values[column]
        lacking = replace(row, values={name: value for name, value in row.values.items() if name != column})
        problem = problem_of(lacking)
        assert problem is not None
        assert (problem.columns, problem.reason) == ((column,), "missing")


def test_a_value_longer_than_its_column_is_a_problem() -> None:
    event = investment().events[0]
    values = {"project_no": "9" * 43, "result_type": "113", "result_date": "2026", "is_delivery_results": "0"}
    problem = problem_of(make_row("up_pro_result", "x", event, values))
    assert problem is not None
    assert (problem.columns, problem.reason) == (("result_type",), "too-long")


def test_what_cannot_be_mapped_is_told() -> None:
    case = withdrawn()
    unknown = rows_of(case.subject, case.events, Catalogue({}, {}), unseal)
    assert ([one.reason for one in unknown.problems], unknown.rows) == (["unknown-item"], ())
    opened = next(event for event in case.events if event.type == "cn.tongban.approval.opened.v1")
    strange = [replace(event, source="/approvals/heritage") if event is opened else event for event in case.events]
    found = rows_of(case.subject, strange, CATALOGUE, unseal)
    assert [(one.reason, one.event) for one in found.problems] == [("not-by-right", str(opened.id))]
    assert all(row.event.id != opened.id for row in found.rows)


def test_a_name_that_does_not_open_is_a_problem_and_not_an_empty_column() -> None:
    case = withdrawn()
    stranger = CaseKeys(root=bytes(32))
    found = rows_of(case.subject, case.events, CATALOGUE, lambda _, field, sealed: stranger.open(field, sealed))
    assert [(one.table, one.columns) for one in found.problems] == [
        ("up_pro_accept", ("applyer_name", "applyer_page_type", "applyer_page_code"))
    ]


def test_what_officers_wrote_stays_sealed() -> None:
    opened: list[str] = []

    def note(application: str, field: str, sealed: str) -> str:
        opened.append(field)
        return unseal(application, field, sealed)

    for case in every():
        rows_of(case.subject, case.events, CATALOGUE, note)
    assert set(opened) <= {"company_name", "company_uscc", "person_name", "person_id"}


def test_files_are_their_owner_s_alone_and_equal_for_equal_rows(tmp_path: Path) -> None:
    def files(order: list[Telling], folder: Path) -> dict[str, bytes]:
        found = [mapped(case) for case in order]
        rows = [row for one in found for row in one.rows]
        write(folder, len(order), rows, [problem for one in found for problem in one.problems])
        return {file.name: file.read_bytes() for file in folder.iterdir()}

    first = files(every(), tmp_path / "a")
    assert files(every()[::-1], tmp_path / "b") == first
    assert files(every(), tmp_path / "a") == first, "a second time into the same folder"
    assert set(first) == {*(f"{name}.csv" for name in TABLES), "exchange-problems.csv", "manifest.json"}
    manifest = json.loads(first["manifest.json"])
    assert manifest["cases"] == 5
    assert manifest["tables"]["up_pro_result"]["operations"] == {"I": 1, "U": 0, "D": 2}
    for name, table in manifest["tables"].items():
        lines = list(csv.DictReader(first[f"{name}.csv"].decode().splitlines()))
        assert len(lines) == table["rows"] > 0
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "a").iterdir()} == {0o600}


@pytest.fixture
async def platform(database: Callable[[str], Awaitable[str]]) -> AsyncIterator["asyncpg.Connection[Any]"]:
    """A database with the platform's tables, NOT NULL and lengths as they are there."""
    connection = await asyncpg.connect(await database("tongban_intake"))
    for table in TABLES.values():
        columns = ", ".join(
            f"{one.name} {f'varchar({one.length})' if one.length else 'text'} {'NOT NULL' if one.required else ''}"
            for one in table.columns
        )
        await connection.execute(f"CREATE TABLE {table.name} ({columns}, PRIMARY KEY (row_guid))")
    yield connection
    await connection.close()


async def load(platform: "asyncpg.Connection[Any]", folder: Path) -> None:
    for table in TABLES.values():
        with (folder / f"{table.name}.csv").open(encoding="utf-8", newline="") as file:
            rows = [[line[name] or None for name in table.names] for line in csv.DictReader(file)]
        places = ", ".join(f"${place}" for place in range(1, len(table.names) + 1))
        changed = ", ".join(f"{name} = excluded.{name}" for name in table.names[1:])
        await platform.executemany(
            f"INSERT INTO {table.name} ({', '.join(table.names)}) VALUES ({places})"  # noqa: S608 - names are our own
            f" ON CONFLICT (row_guid) DO UPDATE SET {changed}",
            rows,
        )


async def content(platform: "asyncpg.Connection[Any]") -> dict[str, list[tuple[Any, ...]]]:
    return {
        name: [tuple(row) for row in await platform.fetch(f"SELECT * FROM {name} ORDER BY row_guid")]  # noqa: S608
        for name in TABLES
    }


async def test_loading_twice_and_loading_in_parts_give_the_same_tables(
    platform: "asyncpg.Connection[Any]", tmp_path: Path
) -> None:
    def rows(cut: int | None) -> list[Row]:
        return [row for case in every() for row in rows_of(case.subject, case.events[:cut], CATALOGUE, unseal).rows]

    write(tmp_path, 5, rows(None), [])
    await load(platform, tmp_path)
    whole = await content(platform)
    await load(platform, tmp_path)
    assert await content(platform) == whole
    for name in TABLES:
        await platform.execute(f"TRUNCATE {name}")
    for cut in (3, 6, 9, None):
        write(tmp_path, 5, rows(cut), [])
        await load(platform, tmp_path)
    assert await content(platform) == whole


async def test_the_command_reads_every_fact_and_writes_the_same_twice(
    engines: Engines,
    topics: str,
    stream: Stream,
    database: Callable[[str], Awaitable[str]],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    events = [event for case in every() for event in case.events]
    random.Random(3).shuffle(events)  # noqa: S311 - test data
    await stream.send([*events, *EVENTS, *events[:7]])
    await stream.send_raw("tongban.approvals.v1", b"{", events[0].subject.encode(), [("ce_specversion", b"1.0")])
    dsn, vault = await database("tongban_intake"), Vault(KeyEncryption(tmp_path / "vault"), SystemClock())
    roots = {UUID(case.subject): root_of(case.subject) for case in every()}
    pool = await create_pool(dsn, 2)
    async with pool.acquire() as tx, tx.transaction():
        await vault.keep(tx, [NewKey(case, CaseKeys(root=root), root) for case, root in roots.items()])
    done = await export(engines.kafka, topics, partial(vault.open_many, pool), tmp_path / "a")
    await pool.close()
    wanted = [row for case in every() for row in mapped(case).rows]
    assert sum(done.rows.values()) == len(wanted)
    problems = (tmp_path / "a" / "exchange-problems.csv").read_text("utf-8").splitlines()[1:]
    assert len(problems) == 1
    assert problems[0].startswith(",,,tongban.approvals.v1/")
    settings = Settings(
        instance="intake",
        kafka=engines.kafka,
        topic_prefix=topics,
        database=dsn,
        vault_dir=tmp_path / "vault",
        token_issuer="http://issuer.example",
        token_jwks="file:///unused",
    )
    assert await command(settings, ["--out", str(tmp_path / "b")]) == 0
    assert {f.name: f.read_bytes() for f in (tmp_path / "a").iterdir()} == {
        f.name: f.read_bytes() for f in (tmp_path / "b").iterdir()
    }
    said = capfd.readouterr()
    assert f"up_pro_accept: {done.rows['up_pro_accept']}" in said.out
    assert "990101188001010015" not in said.out + said.err
