"""The demonstration, from nothing to its last line, on a system of its own."""

import re
from datetime import datetime
from itertools import combinations

import pytest
from tongban_catalog.item import Item
from tongban_catalog.load import Catalog
from tongban_local import mailbox
from tongban_local.demo.proof import GIB, memory
from tongban_local.people import Applicant
from tongban_local.stack import SERVICES
from tongban_local.terminal import width

from tests.journeys.conftest import System

pytestmark = pytest.mark.alone


def test_it_passes_and_says_what_it_checked(system: System) -> None:
    assert system.status == 0
    for promise in (
        r"✓ \d+ 个部门同时在办",
        r"SG 施工许可证自行开始 opened by itself after TD RF GC HP JN XS WS GA WH",
        r"pdfsig │ - Signature Validation: Signature is Valid\.",
        r"pdfsig │ - Certificate Validation: Certificate is Trusted\.",
        r"✓ 第 \d+ 字节改动一位后被拒绝 one byte changed, refused: - Signature Validation: Digest Mismatch\.",
        r"public verification: valid；改动后 altered: altered",
        r"│ Subject: 电子证照已签发",
        r"✓ 一条轨迹贯穿 one trace spans 9 个服务",
        r"✓ 特别程序不计入期限 the review is not counted: \d{4}-\d\d-\d\d → \d{4}-\d\d-\d\d",
        r"✓ 每一段各有十五个工作日",
        r"本人填写 asked 4，取自登记簿 fetched 8；本人动作合计 a person's inputs in all 6",
        r"✓ 五个部门五项证明，外省一项，表格导入的部门两个，上传 0 项",
        r"谁看过我的数据 who used my data：\d+ 条 lines，[5-9] 个部门",
        r"只等待 only 全家户口簿",
        r"✓ 恢复后 [0-9.]+ 秒自行继续",
        r"✓ 第四项证明不再索要 the fourth proof is not asked for：户籍地没有监护条件的证明 ← 父母双方有效的本地居住证",
        r"✓ \d+ 个进程共 processes take [0-2]\.\d\d GiB",
        r"状态页 status page +http://127\.0\.0\.1:\d+/login\?return=",
        r"演示通过 the demonstration passed",
    ):
        assert re.search(promise, system.transcript), promise


def test_the_timeline_shows_every_step_in_aligned_columns(system: System, project: Item, catalog: Catalog) -> None:
    departments = [department.name_zh for department in catalog.departments.values()]
    lines = [line for line in system.transcript.splitlines() if re.match(r"\d\d:\d\d:\d\d\.\d{3}  ", line)]
    traces = {line.split()[1] for line in lines}
    assert len(traces) == 1
    assert re.fullmatch(r"[0-9a-f]{8}", traces.pop())
    granting = {name for name in departments if any("准予" in line and f" {name} " in line for line in lines)}
    assert len(granting) == 9
    assert len({columns_before(line, "发展和改革委员会") for line in lines if "发展和改革委员会" in line}) == 1
    assert len({columns_before(line, " KG ") for line in lines if " KG " in line}) == 1
    for step in ("BA", "KG", "TD", "YD", "FA", "RF", "GC", "HP", "JN", "XS", "WS", "GA", "WH", "SG"):
        assert sum(f" {step} {project.step(step).name.zh}" in line for line in lines) == 2, step
    assert not [line for line in lines if re.search(r" (HZ|YS|HB|WW) ", line)]


def test_it_says_which_optional_steps_the_answers_made(system: System) -> None:
    told = {step: said for said, step in re.findall(r"^  (有 yes|无 no) +([A-Z]{2}) ", system.transcript, re.MULTILINE)}
    exist = {step for step, said in told.items() if said == "有 yes"}
    assert exist == {"BA", "KG", "TD", "XS", "WS", "GA", "WH"}
    assert set(told) - exist == {"HZ", "YS", "HB", "WW"}


def columns_before(line: str, part: str) -> int:
    return width(line[: line.index(part)])


async def test_the_status_view_tells_the_same_parallel_course(
    system: System, applicant: Applicant, project: Item
) -> None:
    """Read from the status, not from the demonstration: overlaps across departments, and order where there are needs."""
    flow = {step["step"]: step for step in (await applicant.status(system.application))["flow"]}
    assert len(flow) == 14
    times = {
        name: (datetime.fromisoformat(step["opened_at"]), datetime.fromisoformat(step["decided_at"]))
        for name, step in flow.items()
    }
    overlaps = [
        (one, other)
        for one, other in combinations(flow, 2)
        if flow[one]["department"]["id"] != flow[other]["department"]["id"]
        and max(times[one][0], times[other][0]) < min(times[one][1], times[other][1])
    ]
    assert overlaps
    for name, step in flow.items():
        assert set(step["needs"]) == project.step(name).needed & flow.keys()
        assert all(times[need][1] <= times[name][0] for need in step["needs"]), name


def test_mails_came_once_each(system: System) -> None:
    mails = [mail for mail in mailbox.read(system.stack.maildir) if str(system.application) in mail.text]
    subjects = sorted(mail.subject.split("：")[0] for mail in mails)
    assert subjects == sorted(["已收到您的申请", "您的申请已受理", "电子证照已签发"])


def test_everything_runs_in_less_than_three_gibibytes(system: System) -> None:
    states = system.stack.supervisor.states()
    assert {states[name] for name in SERVICES} == {"RUNNING"}
    total, count = memory(system.stack)
    assert total < 3 * GIB
    assert count > len(SERVICES)
