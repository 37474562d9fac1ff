"""The law's clock, shown: a review by experts that stops it, and a pension that moves between two provinces.

The stack's clock is put back some weeks and then moved on day by day, so that the dates are real ones and end today.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from tongban_catalog.load import Catalog
from tongban_runtime.clock import READ_SECONDS, write_shift

from tongban_local.demo.proof import ProofFailedError
from tongban_local.people import Applicant, Json, Officer
from tongban_local.programs import APPROVALS
from tongban_local.progress import Announce
from tongban_local.stack import Stack

BACK = 70
"""Days by which the clock is put back at first."""

_PATIENCE = 30.0
_LOOK_SECONDS = 0.1


class Calendar:
    """The stack's clock, in days before now. Every program has the new time when a method returns."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._left = 0

    async def pass_days(self, days: int) -> None:
        await self._set(self._left - days)

    async def go_back(self, days: int) -> None:
        await self._set(days)

    async def now_again(self) -> None:
        await self._set(0)

    async def _set(self, left: int) -> None:
        self._left = left
        write_shift(self._stack.clock_shift, timedelta(days=-left))
        await asyncio.sleep(2 * READ_SECONDS)


async def show(stack: Stack, http: httpx.AsyncClient, applicant: Applicant, catalog: Catalog, say: Announce) -> None:
    """Takes both cases so far as their clocks are told of. Raises: ProofFailedError when a clock does not keep the law."""
    calendar = Calendar(stack)
    try:
        await calendar.go_back(BACK)
        await _review(stack, http, applicant, catalog, calendar, say)
        await _pension(stack, http, applicant, catalog, calendar, say)
    finally:
        await calendar.now_again()


async def _review(
    stack: Stack, http: httpx.AsyncClient, applicant: Applicant, catalog: Catalog, calendar: Calendar, say: Announce
) -> None:
    item = catalog.item("enterprise-investment-project")
    case, _ = await applicant.apply(item, item.form.example() | {"project_list": "approval"})
    await _granted(await Officer.sign_in(stack, http, "approvals-land"), case, "YS")
    officer = await Officer.sign_in(stack, http, "approvals-reform")
    await _opened(officer, case, "HZ")
    await officer.act(case, "HZ", "take")
    name = item.step("HZ").name
    say(f"  {name.zh} {name.en}")
    before = await _clock(applicant, case, "HZ")
    say(f"    开始 opened          {_words(before)}")
    await calendar.pass_days(3)
    await officer.act(case, "HZ", "procedures", {"procedure": "expert-review"})
    say(f"    专家评审开始 review  {_words(await _clock(applicant, case, 'HZ', stopped=True))}")
    await calendar.pass_days(14)
    task = await officer.task(case, "HZ")
    stop = next(one["stop"] for one in task["procedures"] if one["ended_at"] is None)
    await officer.act(case, "HZ", f"procedures/{stop}/resume")
    after = await _clock(applicant, case, "HZ", stopped=False)
    say(f"    评审结束 it ended    {_words(after)}")
    earlier, later = _legal(before), _legal(after)
    if later <= earlier:
        raise ProofFailedError(f"评审没有停止计时 The review did not stop the clock: {earlier}, {later}")
    say(f"✓ 特别程序不计入期限 the review is not counted: {earlier} → {later}")


async def _pension(
    stack: Stack, http: httpx.AsyncClient, applicant: Applicant, catalog: Catalog, calendar: Calendar, say: Announce
) -> None:
    item = catalog.item("pension-transfer")
    asked = {name: value for name, value in item.form.example().items() if name not in item.from_sign_in}
    case, _ = await applicant.apply(item, asked)
    desks = {
        step.id: await _desk(stack, http, step.department_of(item.form.example()))
        for step in item.steps
        if step.id in ("IN", "OUTFORM", "OUTFUND", "DONE")
    }
    say(f"  {item.name.zh} {item.name.en}")
    waits = {"IN": 6, "OUTFORM": 7, "OUTFUND": 3, "DONE": 5}
    for step, days in waits.items():
        await _opened(desks[step], case, step)
        body = catalog.departments[item.step(step).department_of(item.form.example())]
        say(f"    {step:<8} {body.name.zh} {body.name.en}: {_words(await _clock(applicant, case, step))}")
        if step == "OUTFUND" and "DONE" in [task["step"] for task in await desks["DONE"].tasks_of(case)]:
            raise ProofFailedError("资金未到已开始办结 The last step began before the money came")
        await calendar.pass_days(days)
        await desks[step].act(case, step, "take")
        await desks[step].grant(case, step)
    await _finished(applicant, case)
    say("✓ 每一段各有十五个工作日，信息表和资金都到后才开始最后一段")
    say("  each stretch has fifteen working days; the last begins when both form and money are there")


async def _desk(stack: Stack, http: httpx.AsyncClient, department: str) -> Officer:
    service = next(name for name, served in APPROVALS.items() if department in served)
    return await Officer.sign_in(stack, http, service)


async def _granted(officer: Officer, case: UUID, step: str) -> None:
    await _opened(officer, case, step)
    await officer.act(case, step, "take")
    await officer.grant(case, step)


async def _opened(officer: Officer, case: UUID, step: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while step not in [task["step"] for task in await officer.tasks_of(case, "open")]:
        _late(deadline, f"{step} 没有开始 did not open: {case}")
        await asyncio.sleep(_LOOK_SECONDS)


async def _clock(applicant: Applicant, case: UUID, step: str, stopped: bool | None = None) -> Json:
    """The clock of an open step as the applicant sees it. ``stopped``: waits until it stands still, or runs again."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        flow = (await applicant.status(case))["flow"]
        clock: Json | None = next((one["clock"] for one in flow if one["step"] == step), None)
        if clock is not None and stopped in (None, clock["stop"] is not None):
            return clock
        _late(deadline, f"{step} 没有计时 has no clock: {case}")
        await asyncio.sleep(_LOOK_SECONDS)


async def _finished(applicant: Applicant, case: UUID) -> None:
    deadline = time.monotonic() + _PATIENCE
    while (await applicant.status(case))["state"] != "issued":
        _late(deadline, f"没有办结 is not finished: {case}")
        await asyncio.sleep(_LOOK_SECONDS)


def _late(deadline: float, said: str) -> None:
    if time.monotonic() > deadline:
        raise ProofFailedError(said)


def _words(clock: Json) -> str:
    return f"{clock['words']['zh']} {clock['words']['en']}"


def _legal(clock: Json) -> str:
    dues: Sequence[dict[str, Any]] = clock["dues"]
    return str(next(due["day"] for due in dues if due["kind"] == "legal"))
