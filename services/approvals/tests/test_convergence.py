"""Several deployments that only hear each other's facts, late, repeated and out of order, still agree on every case."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from tongban_approvals.domain import History, Task, react, source_of, tasks
from tongban_catalog.item import applicable_steps
from tongban_runtime.facts import derive
from tongban_schemas.envelope import Event, EventData
from tongban_schemas.events.approvals import (
    ApprovalCorrectionRequested,
    ApprovalGranted,
    ApprovalOpened,
    ApprovalRefused,
)

from .samples import INVESTMENT, NOON, answers, applied, corrected, withdrawn

CASE = "01994f00-0000-7000-8000-000000000001"
FREE_FIELDS = ("land_area_m2", "building_area_m2", "project_name")
SEALED = "s1.AAAA"


@dataclass
class Deployment:
    departments: frozenset[str]
    known: dict[UUID, Event] = field(default_factory=dict)
    inbox: list[Event] = field(default_factory=list)

    def history(self) -> History:
        return History.of(self.known.values(), INVESTMENT)

    def desk(self) -> list[Task]:
        return tasks(UUID(CASE), self.history(), INVESTMENT, self.departments)


class World:
    """Facts travel between deployments in an order that the random generator draws; every fact is checked when told."""

    def __init__(self, rng: random.Random, plain: dict[str, Any], parts: list[frozenset[str]]) -> None:
        self.rng = rng
        self.deployments = [Deployment(part) for part in parts]
        self.told: dict[UUID, Event] = {}
        self.granted: set[str] = set()
        self.steps = {step.id for step in applicable_steps(INVESTMENT, plain)}
        self.minutes = 10
        self.corrections = 0
        for event in applied(CASE, plain=plain):
            self.tell(event)

    def tell(self, event: Event) -> None:
        assert event.id not in self.told, f"{event.type} was told twice"
        match event.data:
            case ApprovalOpened(step=step):
                needed = INVESTMENT.step(step).needed & self.steps
                assert step in self.steps, f"{step} does not apply"
                assert needed <= self.granted, f"{step} opened before {needed - self.granted}"
            case ApprovalGranted(step=step):
                self.granted.add(step)
        self.told[event.id] = event
        for deployment in self.deployments:
            if event.id not in deployment.known:
                deployment.inbox += [event] * self.rng.choice((1, 1, 2))

    def say(self, deployment: Deployment, data: EventData, department: str, *discriminators: str) -> None:
        self.minutes += self.rng.randint(0, 1)
        cause = next(iter(deployment.known.values()))
        event = derive(
            cause, data, *discriminators, source=source_of(department), time=NOON + timedelta(minutes=self.minutes)
        )
        deployment.known[event.id] = event
        self.tell(event)

    def move(self, deployment: Deployment) -> None:
        for one in react(deployment.history(), INVESTMENT, deployment.departments):
            data: EventData
            match one.verb:
                case "open":
                    data = ApprovalOpened(step=one.step, department=one.department)
                case "grant":
                    data = ApprovalGranted(step=one.step, department=one.department, decided_by="rule")
                case "refuse":
                    data = self.refusal(one.step, one.department)
            self.say(deployment, data, one.department, one.step)

    def refusal(self, step: str, department: str) -> ApprovalRefused:
        return ApprovalRefused(
            step=step, department=department, decided_by="officer", reason_code="no-good", reason=SEALED
        )

    def deliver(self, deployment: Deployment) -> None:
        for _ in range(self.rng.randint(1, 4)):
            if deployment.inbox:
                event = deployment.inbox.pop(self.rng.randrange(len(deployment.inbox)))
                deployment.known.setdefault(event.id, event)
        self.move(deployment)

    def decide(self, deployment: Deployment, task: Task, refusals: bool) -> None:
        chance = self.rng.random()
        step, department = task.step, task.department
        if refusals and chance < 0.05:
            self.say(deployment, self.refusal(step, department), department, step)
        elif chance < 0.2 and self.corrections < 4:
            self.corrections += 1
            name = self.rng.choice(FREE_FIELDS)
            number = len(deployment.history().rounds.get(step, ())) + 1
            request = ApprovalCorrectionRequested(step=step, department=department, fields=[name], message=SEALED)
            self.say(deployment, request, department, step, str(number))
            asked = list(self.told)[-1]
            self.tell(corrected(CASE, asked, {name: self.rng.randint(1, 9)}, sequence=2 + self.corrections))
        else:
            data = ApprovalGranted(step=step, department=department, decided_by="officer", officer=UUID(int=8))
            self.say(deployment, data, department, step)
        self.move(deployment)

    def run(self, refusals: bool = False) -> None:
        for _ in range(5000):
            choices: list[tuple[Deployment, Task | None]] = [(one, None) for one in self.deployments if one.inbox]
            choices += [(one, task) for one in self.deployments for task in one.desk() if task.state == "open"]
            if not choices:
                return
            deployment, task = self.rng.choice(choices)
            if task is None:
                self.deliver(deployment)
            else:
                self.decide(deployment, task, refusals)
        raise AssertionError("the case does not come to rest")

    def ends(self) -> Iterator[tuple[str, str]]:
        for event in self.told.values():
            if isinstance(event.data, ApprovalOpened | ApprovalGranted | ApprovalRefused):
                yield event.type.split(".")[3], event.data.step


BOOLEANS = (
    "heritage_underground",
    "heritage_control_zone",
    "special_fire_project",
    "public_health_venue",
    "traffic_impact",
    "entertainment_venue",
)
plain_answers = st.fixed_dictionaries(
    {
        "project_list": st.sampled_from(["filing", "approval"]),
        "land_supply": st.sampled_from(["transfer", "allocation"]),
        "env_category": st.sampled_from(["registration", "report_book"]),
        "energy_tce": st.sampled_from([10, 5000]),
        **{name: st.booleans() for name in BOOLEANS},
    }
)


def _parts(rng: random.Random) -> list[frozenset[str]]:
    departments = sorted(INVESTMENT.deciding_departments)
    rng.shuffle(departments)
    count = rng.randint(2, 3)
    return [frozenset(departments[index::count]) for index in range(count)]


@settings(max_examples=150, deadline=None)
@given(plain_answers, st.integers(0, 2**32))
def test_all_deployments_come_to_the_same_end(chosen: dict[str, Any], seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - a seed makes the run repeatable
    world = World(rng, answers(**chosen), _parts(rng))
    world.run()
    assert set(world.ends()) == {(verb, step) for verb in ("opened", "granted") for step in world.steps}
    for deployment in world.deployments:
        assert deployment.known.keys() == world.told.keys()
        assert deployment.history() == world.deployments[0].history()
        assert {task.state for task in deployment.desk()} <= {"granted"}


@settings(max_examples=100, deadline=None)
@given(plain_answers, st.integers(0, 2**32), st.booleans())
def test_a_refusal_or_withdrawal_leaves_nothing_open(chosen: dict[str, Any], seed: int, withdraw: bool) -> None:
    rng = random.Random(seed)  # noqa: S311 - a seed makes the run repeatable
    world = World(rng, answers(**chosen), _parts(rng))
    if withdraw:
        world.tell(withdrawn(CASE))
    world.run(refusals=True)
    ends = list(world.ends())
    granted = {step for verb, step in ends if verb == "granted"}
    refused = {step for verb, step in ends if verb == "refused"}
    assert not granted & refused
    assert withdraw or refused or granted == world.steps
    for deployment in world.deployments:
        assert deployment.history() == world.deployments[0].history()
        assert {task.state for task in deployment.desk()} <= {"granted", "refused", "cancelled"}
