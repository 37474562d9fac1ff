"""What departments did with their steps: which round a step is in, which decision of it stands, what runs in that round."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tongban_intake import payloads as said
from tongban_intake.facts import Fact
from tongban_intake.status import model

_Decided = said.Granted | said.Refused

DECIDING: frozenset[type[said.AnyBody]] = frozenset(
    {
        said.Opened,
        said.Granted,
        said.Refused,
        said.CorrectionRequested,
        said.Concurred,
        said.ClockStopped,
        said.ClockResumed,
        said.Extended,
        said.DueSoon,
        said.Overdue,
        said.OpinionRequested,
        said.OpinionGiven,
        said.OpinionLapsed,
        said.Annulled,
    }
)
"""What `Decisions.take` takes."""


@dataclass(slots=True)
class _Round:
    """One round of one step, each part in order of its facts."""

    opened: Fact | None = None
    decision: Fact | None = None
    stops: tuple[Fact, ...] = ()
    extension: Fact | None = None
    alerts: tuple[Fact, ...] = ()
    opinions: tuple[Fact, ...] = ()
    concurred: frozenset[UUID] = frozenset()


class Decisions:
    """Takes facts in (time, id) order."""

    def __init__(self) -> None:
        self.requests: list[Fact] = []
        self.joint_extension: model.Extension | None = None
        self._departments: dict[str, str] = {}
        self._rounds: dict[str, dict[int, _Round]] = {}
        self._decided: dict[str, tuple[Fact, _Decided]] = {}
        self._annulled: dict[str, tuple[Fact, said.Annulled]] = {}
        self._resumed: dict[str, datetime] = {}
        self._given: dict[str, tuple[datetime, bool]] = {}
        self._lapsed: dict[str, tuple[datetime, str]] = {}
        self._joint_alerts: list[Fact] = []
        self._taken_back: dict[str, bool] = {}

    def take(self, fact: Fact) -> None:
        """Takes a fact whose body is one of `DECIDING`."""
        match fact.data:
            case said.Opened():
                step = self._round(fact.data)
                step.opened = step.opened or fact
            case said.Granted() | said.Refused():
                step = self._round(fact.data)
                step.decision = step.decision or fact
                self._decided[fact.id] = fact, fact.data
            case said.CorrectionRequested():
                self._round(fact.data)
                self.requests.append(fact)
            case said.Concurred(officer=officer):
                self._round(fact.data).concurred |= {officer}
            case said.ClockStopped():
                self._round(fact.data).stops += (fact,)
            case said.ClockResumed(stop=stop):
                self._resumed.setdefault(str(stop), fact.time)
            case said.Extended():
                self._extend(fact, fact.data)
            case said.DueSoon(step=None) | said.Overdue(step=None):
                self._joint_alerts.append(fact)
            case said.DueSoon(step=str(name)) | said.Overdue(step=str(name)):
                self._round_of(name, fact.data.department, fact.data.round).alerts += (fact,)
            case said.OpinionRequested():
                self._round(fact.data).opinions += (fact,)
            case said.OpinionGiven(request=request, agrees=agrees):
                self._given.setdefault(str(request), (fact.time, agrees))
            case said.OpinionLapsed(request=request, silence=silence):
                self._lapsed.setdefault(str(request), (fact.time, silence))
            case said.Annulled(decision=decision):
                self._annulled.setdefault(str(decision), (fact, fact.data))

    def _round(
        self,
        data: said.Opened
        | _Decided
        | said.CorrectionRequested
        | said.Concurred
        | said.ClockStopped
        | said.OpinionRequested,
    ) -> _Round:
        return self._round_of(data.step, data.department, data.round)

    def _round_of(self, step: str, department: str, number: int) -> _Round:
        self._departments.setdefault(step, department)
        rounds = self._rounds.setdefault(step, {})
        found = rounds.get(number)
        if found is None:
            found = rounds[number] = _Round()
        return found

    def _extend(self, fact: Fact, data: said.Extended) -> None:
        if data.step is not None:
            step = self._round_of(data.step, data.department, data.round)
            step.extension = step.extension or fact
        elif self.joint_extension is None:
            self.joint_extension = _extension(fact)

    @property
    def joint_alerts(self) -> tuple[model.Alert, ...]:
        """The warnings about the limit of the whole case."""
        return tuple(map(_alert, self._joint_alerts))

    def awaits(self, step: str, number: int) -> bool:
        """Whether a step is still undecided in this round of it."""
        rounds = self._rounds[step]
        return number == max(rounds) and rounds[number].decision is None

    def step_of(self, decision: str) -> str | None:
        known = self._decided.get(decision)
        return None if known is None else known[1].step

    def reopens(self, annulment: str) -> bool:
        """Whether the annulment with this event id lets its step be decided again."""
        return any(fact.id == annulment and data.reopen for fact, data in self._annulled.values())

    @property
    def annulled_for_good(self) -> bool:
        """Whether a grant of a step's present round was annulled and is not decided anew."""
        for rounds in self._rounds.values():
            decision = rounds[max(rounds)].decision
            if decision is not None and isinstance(decision.data, said.Granted):
                annulled = self._annulled.get(decision.id)
                if annulled is not None and not annulled[1].reopen:
                    return True
        return False

    def annulments(self) -> tuple[model.Annulment, ...]:
        return tuple(
            model.Annulment(
                fact.id,
                data.step,
                data.department,
                decision,
                fact.time,
                data.reopen,
                data.reason_code,
                data.reason,
            )
            for decision, (fact, data) in self._annulled.items()
        )

    def steps(self, waiting: set[str]) -> dict[str, model.StepStatus]:
        """By id, in order. ``waiting``: the steps that wait for a correction."""
        return {step: self._step(step, step in waiting) for step in sorted(self._rounds)}

    def _step(self, step: str, waiting: bool) -> model.StepStatus:
        rounds = self._rounds[step]
        number = max(rounds)
        found = rounds[number]
        opened = found.opened.data if found.opened is not None else None
        because = opened.because if isinstance(opened, said.Opened) else None
        data = found.decision.data if found.decision is not None else None
        state: model.StepState = "correction" if waiting else "open"
        if found.decision is not None:
            state = "refused" if isinstance(data, said.Refused) else "granted"
            if self._is_taken_back(found.decision.id):
                state = "annulled"
        return model.StepStatus(
            department=self._departments[step],
            state=state,
            round=number,
            opened_at=found.opened.time if found.opened is not None else None,
            because=str(because) if because is not None else None,
            decided_at=found.decision.time if found.decision is not None else None,
            decided_by=data.decided_by if isinstance(data, _Decided) else None,
            decision=found.decision.id if found.decision is not None else None,
            deemed=isinstance(data, said.Granted) and data.deemed,
            conditional=isinstance(data, said.Granted) and data.conditional,
            reason_code=data.reason_code if isinstance(data, said.Refused) else None,
            reason=data.reason if isinstance(data, said.Refused) else None,
            concurred=len(found.concurred),
            stops=tuple([self._stop(stop) for one in sorted(rounds) for stop in rounds[one].stops]),
            extension=None if found.extension is None else _extension(found.extension),
            alerts=tuple(map(_alert, found.alerts)),
            opinions=tuple(map(self._opinion, found.opinions)),
        )

    def _is_taken_back(self, decision: str) -> bool:
        """Whether it, one of its step in its round or a later one, or what it rests on was annulled."""
        if not self._annulled or decision not in self._decided:
            return False
        if decision not in self._taken_back:
            self._taken_back[decision] = False
            _, data = self._decided[decision]
            self._taken_back[decision] = (
                decision in self._annulled
                or any(
                    other.step == data.step and other.round >= data.round and name in self._annulled
                    for name, (_, other) in self._decided.items()
                )
                or any(self._is_taken_back(str(base)) for base in data.rests_on or ())
            )
        return self._taken_back[decision]

    def _stop(self, fact: Fact) -> model.Stop:
        data = fact.data
        if not isinstance(data, said.ClockStopped):
            raise TypeError(f"{type(data).__name__} stops no clock")
        return model.Stop(fact.id, data.procedure, fact.time, data.expected, self._resumed.get(fact.id), data.round)

    def _opinion(self, fact: Fact) -> model.Opinion:
        data = fact.data
        if not isinstance(data, said.OpinionRequested):
            raise TypeError(f"{type(data).__name__} asks for no opinion")
        given, lapsed = self._given.get(fact.id), self._lapsed.get(fact.id)
        return model.Opinion(
            request=fact.id,
            opinion=data.opinion,
            asked=data.asked,
            asked_at=fact.time,
            answered_at=given[0] if given is not None else None,
            agrees=given[1] if given is not None else None,
            lapsed_at=lapsed[0] if lapsed is not None else None,
            silence=lapsed[1] if lapsed is not None else None,
        )


def _extension(fact: Fact) -> model.Extension:
    data = fact.data
    if not isinstance(data, said.Extended):
        raise TypeError(f"{type(data).__name__} extends nothing")
    return model.Extension(data.by, fact.time, data.department, data.reason)


def _alert(fact: Fact) -> model.Alert:
    data = fact.data
    if not isinstance(data, said.DueSoon | said.Overdue):
        raise TypeError(f"{type(data).__name__} warns of nothing")
    return model.Alert(data.limit, isinstance(data, said.Overdue), data.due, fact.time)
