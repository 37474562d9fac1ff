"""Several deployments that only hear each other's facts, late, repeated and out of order, still agree on every case."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from tongban_approvals.domain import (
    Almanac,
    History,
    Move,
    OpinionTask,
    Task,
    grounds,
    opinion_tasks,
    react,
    source_of,
    tasks,
)
from tongban_catalog.clock import Calendars
from tongban_catalog.item import Item, applicable_steps
from tongban_catalog.standing import standing_decisions
from tongban_runtime.facts import derive
from tongban_schemas.envelope import Event, EventData
from tongban_schemas.events.approvals import (
    ApprovalAnnulled,
    ApprovalCorrectionRequested,
    ApprovalGranted,
    ApprovalOpened,
    ApprovalOpinionGiven,
    ApprovalOpinionRequested,
    ApprovalRefused,
)
from tongban_schemas.events.evidence import EvidenceProvided, EvidenceUploaded

from .fetched import (
    checked,
    corrected_at_source,
    disputed,
    failed,
    not_recorded,
    provided,
    refused_by_source,
    requested,
    substituted,
    uploaded,
)
from .samples import INVESTMENT, NOON, answers, applied, corrected, withdrawn

CASE = "01994f00-0000-7000-8000-000000000001"
FREE_FIELDS = ("land_area_m2", "building_area_m2", "project_name")
SEALED = "s1.AAAA"
ALMANAC = Almanac(Calendars())
ITEM = Item.from_definition(
    {
        **INVESTMENT.definition,
        "steps": [
            {**part, "inputs": [FREE_FIELDS[number % 5]] if number % 5 < len(FREE_FIELDS) else []}
            for number, part in enumerate(INVESTMENT.definition["steps"])
        ],
    }
)
"""The investment project, where every correction touches some of the steps."""


@dataclass
class Deployment:
    departments: frozenset[str]
    known: dict[UUID, Event] = field(default_factory=dict)
    inbox: list[Event] = field(default_factory=list)

    folded: tuple[int, History] | None = None

    def history(self) -> History:
        """Folded once for each number of facts: facts are only ever added."""
        if self.folded is None or self.folded[0] != len(self.known):
            self.folded = len(self.known), History.of(self.known.values(), ITEM)
        return self.folded[1]

    def desk(self) -> list[Task]:
        return tasks(UUID(CASE), self.history(), ITEM, self.departments, ALMANAC)

    def asked(self) -> list[OpinionTask]:
        return opinion_tasks(UUID(CASE), self.history(), ITEM, self.departments, ALMANAC)


class World:
    """Facts travel between deployments in an order that the random generator draws; every fact is checked when told."""

    def __init__(self, rng: random.Random, plain: dict[str, Any], parts: list[frozenset[str]]) -> None:
        self.rng = rng
        self.deployments = [Deployment(part) for part in parts]
        self.told: dict[UUID, Event] = {}
        self.granted: set[str] = set()
        self.steps = {step.id for step in applicable_steps(ITEM, plain)}
        self.minutes = 10
        self.corrections = 0
        self.annulments = 0
        self.coming = _evidence(rng)
        for event in applied(CASE, plain=plain):
            self.tell(event)

    def tell(self, event: Event) -> None:
        assert event.id not in self.told, f"{event.type} was told twice"
        match event.data:
            case ApprovalOpened(step=step):
                needed = ITEM.step(step).needed & self.steps
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
        for one in react(deployment.history(), ITEM, deployment.departments, CASE):
            step = ITEM.step(one.step)
            assert one.verb != "grant" or deployment.history().evidence_gap(ITEM, step) is None, (
                f"{one.step} did not wait"
            )
            self.say(deployment, self.made(one), one.department, *one.discriminators)

    def made(self, move: Move) -> EventData:
        step, department, number = move.step, move.department, move.round
        match move.verb:
            case "open":
                return ApprovalOpened(step=step, department=department, round=number, because=move.because)
            case "grant":
                return ApprovalGranted(
                    step=step, department=department, decided_by="rule", round=number, rests_on=list(move.rests_on)
                )
            case "refuse":
                return self.refusal(step, department, number)
            case "ask":
                return ApprovalOpinionRequested(
                    step=step, department=department, opinion=move.opinion, asked=move.asked, round=number
                )

    def refusal(self, step: str, department: str, number: int) -> ApprovalRefused:
        return ApprovalRefused(
            step=step,
            department=department,
            decided_by="officer",
            reason_code="no-good",
            reason=SEALED,
            round=number,
            rests_on=[],
        )

    def deliver(self, deployment: Deployment) -> None:
        for _ in range(self.rng.randint(1, 4)):
            if deployment.inbox:
                event = deployment.inbox.pop(self.rng.randrange(len(deployment.inbox)))
                deployment.known.setdefault(event.id, event)
        self.move(deployment)

    def decide(self, deployment: Deployment, task: Task, refusals: bool) -> None:
        chance = self.rng.random()
        step, department, number = task.step, task.department, task.round
        history = deployment.history()
        if self.check(deployment, task):
            return
        if refusals and chance < 0.05:
            self.say(deployment, self.refusal(step, department, number), department, step, str(number))
        elif chance < 0.25 and self.corrections < 6:
            self.corrections += 1
            name = self.rng.choice(FREE_FIELDS)
            count = len(history.corrections.get(step, ())) + 1
            request = ApprovalCorrectionRequested(
                step=step, department=department, fields=[name], message=SEALED, round=number
            )
            self.say(deployment, request, department, step, str(count))
            asked = list(self.told)[-1]
            self.tell(corrected(CASE, asked, {name: self.rng.randint(1, 9)}, sequence=2 + self.corrections))
        elif history.evidence_gap(ITEM, ITEM.step(step)) is not None:
            return
        elif not history.unmet(ITEM, ITEM.step(step)) and not history.pending_opinions(step):
            data = ApprovalGranted(
                step=step,
                department=department,
                decided_by="officer",
                officer=UUID(int=8),
                round=number,
                rests_on=list(grounds(history, ITEM, ITEM.step(step))),
            )
            self.say(deployment, data, department, step, str(number))
        self.move(deployment)

    def check(self, deployment: Deployment, task: Task) -> bool:
        """Compares what the step waits for with the originals, unless another department did."""
        gap = deployment.history().evidence_gap(ITEM, ITEM.step(task.step))
        if gap is None or gap[0] != "evidence-unchecked":
            return False
        for material in gap[1]:
            upload = next(one for one in deployment.known.values() if _uploads(one, material))
            fact = checked(upload, task.step, task.department, self.minutes)
            if fact.id not in self.told:
                deployment.known[fact.id] = fact
                self.tell(fact)
        self.move(deployment)
        return True

    def advise(self, deployment: Deployment, one: OpinionTask) -> None:
        """The asked department answers."""
        data = ApprovalOpinionGiven(
            step=one.step,
            department=one.asked,
            opinion=one.opinion,
            request=one.request,
            agrees=True,
            text=SEALED,
            officer=UUID(int=7),
        )
        self.say(deployment, data, one.asked, one.step, one.opinion, str(one.request))

    def annul(self, deployment: Deployment) -> None:
        """Takes back a decision of this deployment that counts, to be made anew."""
        ours = [
            one
            for one in deployment.history().standing.counting.values()
            if one.granted and one.department in deployment.departments
        ]
        if ours:
            self.annulments += 1
            one = self.rng.choice(sorted(ours, key=lambda one: one.step))
            data = ApprovalAnnulled(
                step=one.step,
                department=one.department,
                decision=one.id,
                reopen=True,
                reason_code="false-material",
                reason=SEALED,
                officer=UUID(int=9),
            )
            self.say(deployment, data, one.department, one.step, str(one.id))
            self.move(deployment)

    def run(self, refusals: bool = False) -> None:
        for _ in range(5000):
            choices: list[tuple[Deployment, Task | OpinionTask | None]] = [
                (one, None) for one in self.deployments if one.inbox
            ]
            choices += [(one, task) for one in self.deployments for task in one.desk() if task.state == "open"]
            choices += [(one, asked) for one in self.deployments for asked in one.asked() if asked.state == "asked"]
            if self.coming and (not choices or self.rng.random() < 0.2):
                self.tell(self.coming.pop(0))
                continue
            if not choices:
                return
            if self.annulments < 3 and self.rng.random() < 0.05:
                self.annul(self.rng.choice(self.deployments))
                continue
            deployment, task = self.rng.choice(choices)
            if task is None:
                self.deliver(deployment)
            elif isinstance(task, OpinionTask):
                self.advise(deployment, task)
            else:
                self.decide(deployment, task, refusals)
        raise AssertionError("the case does not come to rest")

    def ends(self) -> Iterator[tuple[str, str]]:
        for event in self.told.values():
            if isinstance(event.data, ApprovalOpened | ApprovalGranted | ApprovalRefused):
                yield event.type.split(".")[3], event.data.step


def _evidence(rng: random.Random) -> list[Event]:
    """What sources and the applicant say about two proofs, causes before what follows from them."""
    one, two = rng.sample([material.id for material in ITEM.materials if material.required], 2)
    ask, lose = requested(CASE, one), requested(CASE, two)
    given = rng.choice((provided(ask), substituted(CASE, one)))
    failure = rng.choice((failed(lose), not_recorded(lose), refused_by_source(lose)))
    later = [corrected_at_source(given), disputed(given)] if isinstance(given.data, EvidenceProvided) else []
    first, second = [ask, failed(ask, final=False), given, *later], [lose, failure, uploaded(failure)]
    found: list[Event] = []
    while first or second:
        found.append((first if first and (not second or rng.random() < 0.5) else second).pop(0))
    return found


def _uploads(fact: Event, material: str) -> bool:
    return isinstance(fact.data, EvidenceUploaded) and fact.data.material == material


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
    departments = sorted(ITEM.deciding_departments)
    rng.shuffle(departments)
    count = rng.randint(2, 3)
    return [frozenset(departments[index::count]) for index in range(count)]


@settings(max_examples=100, deadline=None)
@given(plain_answers, st.integers(0, 2**32))
def test_all_deployments_come_to_the_same_end(chosen: dict[str, Any], seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - a seed makes the run repeatable
    world = World(rng, answers(**chosen), _parts(rng))
    world.run()
    decisions = standing_decisions(world.told.values(), ITEM)
    assert decisions.keys() == world.steps
    assert all(one.granted for one in decisions.values())
    rounds = Counter(step for verb, step in world.ends() if verb == "opened")
    assert all(one.round == rounds[step] for step, one in decisions.items())
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
    refused = {step for verb, step in ends if verb == "refused"}
    granted = {step for step, one in standing_decisions(world.told.values(), ITEM).items() if one.granted}
    assert withdraw or refused or granted == world.steps
    for deployment in world.deployments:
        assert deployment.history() == world.deployments[0].history()
        assert {task.state for task in deployment.desk()} <= {
            "granted",
            "refused",
            "cancelled",
            "annulled",
            "suspended",
        }
