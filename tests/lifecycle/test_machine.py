"""The life cycle under every order of requests: what the services do is what a small model says, and nothing else.

The model is written from the law, not from the services: one value for the application, one for each step. Whatever it does
not allow has to be refused with 409 and a reason, and leave the case as it was.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Literal, TypeVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tongban_catalog.item import Item
from tongban_intake.facts import fact_of
from tongban_intake.status import status
from tongban_schemas.events.access import TOPIC as ACCESS
from tongban_schemas.events.applications import ApplicationCorrectionNoticed
from tongban_schemas.events.approvals import ApprovalClockStopped, ApprovalCorrectionRequested, ApprovalRefused
from tongban_schemas.types import CHINA

from tests.lifecycle.sample import item, limit, step
from tests.lifecycle.world import Person, World, morning, world

RUNS = int(os.environ.get("TONGBAN_LIVES", "200"))
"""How many lives; `make lives` takes two thousand."""
_START = date(2026, 3, 2)
_DEPARTMENTS = {"LAND": "natural-resources", "ECO": "ecology", "BUILD": "housing"}
_INPUTS = {"LAND": {"plot"}, "ECO": {"noise"}, "BUILD": set[str]()}
_NEEDS = ("LAND", "ECO")
_DUTIES = ("head", "supervisor")
Result = TypeVar("Result")

Phases = Literal["receiving", "running", "not-accepted", "withdrawn"]
StepState = Literal["closed", "open", "correction", "granted", "refused", "suspended", "pending"]
"""``suspended``: what it rests on was taken back; ``pending``: to be opened anew once the case runs again."""

steps = st.sampled_from(sorted(_DEPARTMENTS))
fields = st.sampled_from(["plot", "noise"])


def _item() -> Item:
    procedures = [{"id": "survey", "name": {"zh": "勘察", "en": "survey"}, "basis": ["rule"], "expected": limit(10)}]
    more: dict[str, Any] = {"limit": {"legal": limit(40)}, "extension": limit(10), "procedures": procedures}
    needs = [{"step": name, "basis": ["rule"]} for name in _NEEDS]
    acceptance = {"by": "officer", "department": "lead", "notice": limit(5)}
    return item(
        401,
        [
            step("LAND", "land", inputs=["plot"], **more),
            step("ECO", "ecology", inputs=["noise"], **more),
            step("BUILD", "housing", needs=needs, **more),
        ],
        acceptance=acceptance,
    )


@dataclass(slots=True)
class StepModel:
    """What the law says about one step."""

    state: StepState = "closed"
    opened: date = _START
    asked: str | None = None
    ever_asked: bool = False
    changed: set[str] = field(default_factory=set)
    stopped: bool = False
    extended: bool = False
    appeal: Literal["none", "open", "decided"] = "none"


@dataclass(slots=True)
class Model:
    """What the law says about the case."""

    phase: Phases = "receiving"
    today: date = _START
    clock_from: date = _START
    accepted_by_desk: bool = False
    noticed: str | None = None
    ever_noticed: bool = False
    changed: set[str] = field(default_factory=set)
    steps: dict[str, StepModel] = field(default_factory=lambda: {name: StepModel() for name in _DEPARTMENTS})

    @property
    def refused(self) -> bool:
        return any(one.state == "refused" for one in self.steps.values())

    @property
    def done(self) -> bool:
        return all(one.state == "granted" for one in self.steps.values())

    @property
    def running(self) -> bool:
        return self.phase == "running" and not self.refused

    def accept(self) -> None:
        self.phase = "running"
        for name in _NEEDS:
            self.open(name)

    def open(self, name: str) -> None:
        old = self.steps[name]
        self.steps[name] = StepModel("open", self.today, appeal=old.appeal)

    def open_last(self) -> None:
        ready = self.running and all(self.steps[name].state == "granted" for name in _NEEDS)
        if ready and self.steps["BUILD"].state in ("closed", "suspended"):
            self.open("BUILD")

    def answered(self, name: str) -> None:
        """An answer changes a field for everyone: whoever decided on it decides anew, whoever asked may look again."""
        for step_name, one in self.steps.items():
            if one.state in ("open", "correction", "granted"):
                one.changed.add(name)
            if one.state == "granted" and name in _INPUTS[step_name]:
                self.open(step_name)

    def state(self) -> str:
        if self.refused:
            return "refused"
        if self.phase in ("withdrawn", "not-accepted"):
            return self.phase
        waiting = self.noticed or any(one.state == "correction" for one in self.steps.values())
        if waiting:
            return "waiting-for-correction"
        return "submitted" if self.phase == "receiving" else "accepted"


def workdays(after: date, until: date) -> int:
    """Mondays to Fridays after one day up to another; the runs stay within weeks without holidays."""
    days = (after + timedelta(days=number) for number in range(1, (until - after).days + 1))
    return sum(day.weekday() < 5 for day in days)


class Life(RuleBasedStateMachine):
    """One case. ``world`` and ``run`` are given by the test."""

    world: World
    run: Callable[[Coroutine[Any, Any, Any]], Any]
    item: Item

    @initialize(ahead=st.sampled_from(["nothing", "accepted", "accepted", "needs granted", "refused"]))
    def apply(self, ahead: str) -> None:
        """A new case, taken some way ahead, so that the later states are met as often as the first ones."""
        self.model = Model()
        self.count = 0
        self.appeals: list[str] = []
        self.world.clock.set(morning(_START.isoformat()))
        self.citizen = self.world.person("applicant")
        self.case: UUID = self._run(self.world.apply(self.citizen, self.item))
        if ahead != "nothing":
            self.accept()
        if ahead == "needs granted":
            self.grant("LAND")
            self.grant("ECO")
        if ahead == "refused":
            self.refuse("LAND")

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        found: Result = type(self).run(work)
        return found

    def _ask(
        self,
        service: str,
        path: str,
        who: Person,
        body: object,
        *,
        allowed: bool,
        repeated: bool = False,
        unknown: bool = False,
    ) -> None:
        """``repeated``: the same person said the same before, so the answer is the same and nothing happens."""
        before = self._told()
        answer = self._run(self.world.call(service, "POST", path, who, body))
        self._run(self.world.settle())
        if allowed or repeated:
            assert answer.status_code in (200, 202), f"{path} {body}: {answer.status_code} {answer.text}"
            assert not repeated or self._told() == before
            return
        expected = (404,) if unknown else (409,)
        assert answer.status_code in expected, f"{path} {body}: {answer.status_code} {answer.text}"
        problem = answer.json()
        assert problem["type"], path
        assert problem["detail_zh"], path
        assert problem["detail_en"], path
        said = self._run(self.world.facts(self.case))
        added = [event.type for event in said if event.type.endswith("notice-rejected.v1")]
        assert self._told() - before <= len(added), "a refused request changed the case"

    def _told(self) -> int:
        """How many facts the case has; who looked at it is none of its own."""
        return sum(event.data.TOPIC != ACCESS for event in self._run(self.world.facts(self.case)))

    def _desk(self, verb: str, body: object, *, allowed: bool, repeated: bool = False) -> None:
        clerk = self.world.officer("administrative-approval", "receiver")
        path = f"/v1/receipts/{self.case}/{verb}"
        self._ask("intake", path, clerk, body, allowed=allowed, repeated=repeated)

    def _step(self, name: str, verb: str, body: object, *, allowed: bool, repeated: bool = False) -> None:
        reviews = verb in ("annulment", "appeal-decision")
        who = self.world.officer(_DEPARTMENTS[name], *_DUTIES, name="reviewer" if reviews else "officer")
        unknown = self.model.steps[name].state == "closed"
        path = f"/v1/tasks/{self.case}/{name}/{verb}"
        allowed = allowed and not unknown
        self._ask("approvals-99", path, who, body, allowed=allowed, repeated=repeated, unknown=unknown)

    def _citizen(self, what: str, body: object, *, allowed: bool, repeated: bool = False) -> None:
        path = f"/v1/applications/{self.case}/{what}"
        self._ask("intake", path, self.citizen, body, allowed=allowed, repeated=repeated)

    def _last(self, model: type[Any], name: str | None = None) -> Any:
        found = [
            event
            for event in self._run(self.world.facts(self.case))
            if isinstance(event.data, model) and (name is None or event.data.step == name)
        ]
        return found[-1] if found else None

    def _free(self, name: str) -> bool:
        """Whether a department may work on its step."""
        return self.model.running and self.model.steps[name].state == "open"

    @rule()
    def accept(self) -> None:
        allowed = self.model.phase == "receiving" and self.model.noticed is None
        self._desk("accept", {"promised": []}, allowed=allowed, repeated=self.model.accepted_by_desk)
        if allowed:
            self.model.accept()
            self.model.accepted_by_desk = True

    @rule(name=fields)
    def notice(self, name: str) -> None:
        model = self.model
        fresh = not model.ever_noticed or name in model.changed
        allowed = model.phase == "receiving" and model.noticed is None and fresh
        self.count += 1
        self._desk("notice", {"fields": [name], "materials": [], "message": f"有误 {self.count}"}, allowed=allowed)
        if allowed:
            model.noticed, model.ever_noticed, model.changed = name, True, set()

    @precondition(lambda self: self.model.ever_noticed)
    @rule()
    def answer_notice(self) -> None:
        model = self.model
        asked = self._last(ApplicationCorrectionNoticed)
        name = asked.data.fields[0]
        self.count += 1
        body = {"request": str(asked.id), "answers": {name: 1000 + self.count}}
        allowed = model.noticed is not None and model.phase == "receiving"
        self._citizen("corrections", body, allowed=allowed)
        if allowed:
            model.noticed, model.clock_from = None, model.today
            model.changed.add(name)

    @rule()
    def refuse_acceptance(self) -> None:
        allowed = self.model.phase == "receiving" and self.model.noticed is None
        body = {"reason_code": "no-permit-needed", "reason": "无需许可"}
        self._desk("non-acceptance", body, allowed=allowed, repeated=self.model.phase == "not-accepted")
        if allowed:
            self.model.phase = "not-accepted"

    @rule()
    def withdraw(self) -> None:
        model = self.model
        again = model.phase == "withdrawn"
        allowed = model.phase in ("receiving", "running") and not model.refused and not model.done
        self._citizen("withdrawal", None, allowed=allowed, repeated=again)
        if allowed:
            model.phase, model.noticed = "withdrawn", None
            for one in model.steps.values():
                one.asked = None
                one.state = "open" if one.state == "correction" else one.state

    @rule(name=steps)
    def grant(self, name: str) -> None:
        one = self.model.steps[name]
        again = one.state == "granted"
        allowed = self._free(name) and not one.stopped
        self._step(name, "grant", None, allowed=allowed, repeated=again)
        if allowed:
            one.state = "granted"
            self.model.open_last()

    @rule(name=steps)
    def refuse(self, name: str) -> None:
        one = self.model.steps[name]
        again = one.state == "refused"
        allowed = self._free(name) and not one.stopped
        body = {"reason_code": "conditions-not-met", "reason": "不符合条件"}
        self._step(name, "refuse", body, allowed=allowed, repeated=again)
        if allowed:
            one.state, one.appeal = "refused", "none"

    @rule(name=steps, wrong=fields)
    def ask_correction(self, name: str, wrong: str) -> None:
        one = self.model.steps[name]
        intime = workdays(one.opened, self.model.today) <= 5
        fresh = not one.ever_asked or wrong in one.changed
        allowed = self._free(name) and intime and fresh
        self.count += 1
        body = {"fields": [wrong], "message": f"有误 {self.count}"}
        self._step(name, "correction", body, allowed=allowed)
        if allowed:
            one.state, one.asked, one.ever_asked, one.changed = "correction", wrong, True, set()

    @precondition(lambda self: any(one.asked for one in self.model.steps.values()))
    @rule(name=steps)
    def answer_correction(self, name: str) -> None:
        one = self.model.steps[name]
        asked = self._last(ApprovalCorrectionRequested, name)
        if asked is None or one.asked is None:
            return
        self.count += 1
        body = {"request": str(asked.id), "answers": {asked.data.fields[0]: 1000 + self.count}}
        allowed = self.model.running and one.state == "correction"
        self._citizen("corrections", body, allowed=allowed)
        if allowed:
            changed, one.state, one.asked = one.asked, "open", None
            self.model.answered(changed)

    @rule(name=steps)
    def stop(self, name: str) -> None:
        one = self.model.steps[name]
        allowed = self._free(name) and not one.stopped
        self._step(name, "procedures", {"procedure": "survey"}, allowed=allowed, repeated=one.stopped)
        one.stopped = one.stopped or allowed

    @rule(name=steps)
    def resume(self, name: str) -> None:
        one = self.model.steps[name]
        begun = self._last(ApprovalClockStopped, name)
        if begun is None:
            return
        allowed = one.stopped and self.model.running and one.state in ("open", "correction")
        self._step(name, f"procedures/{begun.id}/resume", None, allowed=allowed)
        one.stopped = one.stopped and not allowed

    @rule(name=steps)
    def extend(self, name: str) -> None:
        one = self.model.steps[name]
        allowed = self.model.running and one.state in ("open", "correction") and not one.extended
        self.count += 1
        self._step(name, "extension", {"reason": f"案情复杂 {self.count}"}, allowed=allowed)
        one.extended = one.extended or allowed

    @precondition(lambda self: self.model.steps["BUILD"].state not in ("open", "correction"))
    @rule(name=steps)
    def annul(self, name: str) -> None:
        model = self.model
        allowed = model.phase == "running" and model.steps[name].state in ("granted", "refused")
        self.count += 1
        body = {"reason_code": "facts-unclear", "reason": f"有误 {self.count}", "reopen": True}
        self._step(name, "annulment", body, allowed=allowed)
        if allowed:
            self._reopen(name)

    def _reopen(self, name: str) -> None:
        """A decision is taken back. A grant that rests on it is suspended; a refusal rests on no grant and stands."""
        model = self.model
        if name in _NEEDS and model.steps["BUILD"].state == "granted":
            model.steps["BUILD"].state = "suspended"
        model.steps[name].state = "pending" if name in _NEEDS else "suspended"
        if model.running:
            for one in _NEEDS:
                if model.steps[one].state == "pending":
                    model.open(one)
            model.open_last()

    @precondition(lambda self: self.model.refused)
    @rule(name=steps)
    def appeal(self, name: str) -> None:
        one = self.model.steps[name]
        refusal = self._last(ApprovalRefused, name)
        if refusal is None or one.state != "refused":
            return
        self.count += 1
        body = {"decision": str(refusal.id), "way": "reconsideration", "grounds": f"不服 {self.count}"}
        allowed = one.appeal == "none"
        self._citizen("appeals", body, allowed=allowed)
        if allowed:
            one.appeal = "open"

    @rule(name=steps, outcome=st.sampled_from(["upheld", "annulled"]))
    def decide_appeal(self, name: str, outcome: str) -> None:
        one = self.model.steps[name]
        allowed = one.appeal == "open"
        self.count += 1
        self._step(name, "appeal-decision", {"outcome": outcome, "text": f"复议决定 {self.count}"}, allowed=allowed)
        if allowed:
            one.appeal = "decided"
            if outcome == "annulled" and one.state == "refused":
                self._reopen(name)

    @precondition(lambda self: (self.model.today - _START).days < 24)
    @rule(days=st.sampled_from([1, 2, 4, 8]))
    def wait(self, days: int) -> None:
        model = self.model
        model.today += timedelta(days=days)
        self.world.clock.set(morning(model.today.isoformat()))
        self._run(self.world.settle())
        over = workdays(model.clock_from, model.today - timedelta(days=1)) >= 5
        if model.phase == "receiving" and model.noticed is None and over:
            model.accept()

    @invariant()
    def the_status_says_what_the_model_says(self) -> None:
        if hasattr(self, "case"):
            facts = [found for event in self._run(self.world.facts(self.case)) if (found := fact_of(event))]
            assert status(facts).state == self.model.state()
            assert self.world.clock.now().astimezone(CHINA).date() == self.model.today


@pytest.fixture(scope="module")
def machine(engines: Any, database: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[type[Life]]:
    """The state machine with a world in a loop of its own, because Hypothesis runs its rules outside of one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(120)

    lived = world(database, engines, tmp_path_factory.mktemp("life"), kafka=False, names=("intake", "approvals-99"))

    class Bound(Life):
        pass

    Bound.world = run(lived.__aenter__())
    Bound.run = staticmethod(run)
    Bound.item = run(Bound.world.offer(_item()))
    try:
        yield Bound
    finally:
        run(lived.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.mark.timeout(900)
def test_no_order_of_requests_reaches_what_the_law_does_not_know(machine: type[Life]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=8,
            deadline=None,
            derandomize=True,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )
