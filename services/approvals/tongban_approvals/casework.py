"""Moves cases on: what the facts and the time call for is published, remembered and laid on the desk, in the caller's
transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from tongban_catalog.department import Department
from tongban_catalog.item import Item
from tongban_catalog.shelf import Shelf
from tongban_runtime import alarms, facts, outbox
from tongban_runtime.acts import ActSigner
from tongban_runtime.clock import Clock
from tongban_runtime.database import Tx
from tongban_runtime.facts import Case
from tongban_runtime.keys import KeyRequest, Keyring, KeysRefusedError, Refused
from tongban_runtime.sealing import CaseKeys
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events.access import AccessRule
from tongban_schemas.events.approvals import (
    ApprovalGranted,
    ApprovalOpened,
    ApprovalOpinionRequested,
    ApprovalRefused,
    refusal_field,
)
from tongban_schemas.types import ItemRef

from tongban_approvals import store
from tongban_approvals.documents import Papers
from tongban_approvals.domain import (
    RULE_NOT_MET,
    Almanac,
    History,
    Moment,
    Move,
    OpinionTask,
    Task,
    item_of,
    moments,
    opinion_tasks,
    react,
    source_of,
    tasks,
)

REMEDY = (
    "您如不服本决定，可以自收到决定之日起六十日内申请行政复议，或者依法向人民法院提起行政诉讼。 "
    "If you do not accept this decision, you may ask for administrative reconsideration within 60 days of receiving it, or "
    "bring the matter before a people's court."
)
"""Administrative Licensing Law art. 38; Administrative Reconsideration Law (2023) art. 20."""

RULE_NOT_MET_TEXT = (
    "申请内容不符合本环节的办理条件；符合条件后可以重新申请。 "
    "The application does not meet the conditions of this step. You may apply again once it does."
)

CLOSED: Final[frozenset[AccessRule]] = frozenset({"case-closed", "erased"})
"""Why keys are not given any more, without anybody having done anything wrong."""
ASK_AGAIN: Final = timedelta(minutes=1)
"""After which keys are asked for once more of a case that the vault holds to be closed and that our facts hold to be open."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a transaction knows beside the case: the departments that are registered, and the calendars."""

    bodies: Mapping[str, Department]
    almanac: Almanac


@dataclass(slots=True)
class Play:
    """One case on its way: its facts, what they come to, what was said in this transaction.

    ``refusal``: what a rule refuses, and when: it ends the case, and waits for the key that its reason is sealed with.
    ``ask_at``: when that key is asked for again.
    """

    case: Case
    item: Item
    known: list[Event]
    history: History
    said: list[Event] = field(default_factory=list)
    ahead: list[Moment] = field(default_factory=list)
    refusal: tuple[Move, datetime] | None = None
    keys: CaseKeys = field(default_factory=CaseKeys)
    ask_at: datetime | None = None

    @classmethod
    def of(cls, case: Case, item: Item) -> "Play":
        return cls(case, item, list(case.facts), History.of(case.facts, item))

    @property
    def subject(self) -> str:
        return self.case.subject

    def say(self, events: Sequence[Event]) -> None:
        self.said += events
        self.known += events
        self.history = History.of(self.known, self.item)


@dataclass(frozen=True, slots=True)
class Casework:
    """One deployment's way of working: whose steps it decides, the items it knows, its clock, its keys, its signatures."""

    departments: frozenset[str]
    shelf: Shelf
    clock: Clock
    keyring: Keyring
    acts: ActSigner

    async def advance(self, tx: Tx, cases: Sequence[Case], until: datetime | None = None) -> None:
        """Does all that the facts of locked cases call for, after all that time has made true up to ``until`` (now).

        A case whose item is not published yet, or of whose departments of ours one is not registered yet, waits for it.
        Keys are asked for only when a rule refuses, once for all cases. Raises `VaultUnavailableError`, `KeysRefusedError`.
        """
        now = until or self.clock.now()
        around = await self.surroundings(tx)
        plays = await self._ready(tx, cases, around)
        for play in plays:
            self._move_on(play, around, now)
        await self._refuse(plays, around, now)
        if published := await outbox.publish(tx, _in_order(plays)):
            await facts.remember(tx, published)
        await self._lay_out(tx, plays, around)

    async def surroundings(self, tx: Tx) -> Surroundings:
        calendars = await self.shelf.calendars(tx)
        bodies = await self.shelf.departments(tx)
        regions = {name: body.region for name, body in bodies.items()}
        return Surroundings(
            bodies, Almanac(calendars, regions, {name: body.supervisor for name, body in bodies.items()})
        )

    def papers(self, item: Item, history: History, subject: str, around: Surroundings) -> Papers:
        return Papers(self.acts, around.bodies, item, subject, history.number)

    async def _ready(self, tx: Tx, cases: Sequence[Case], around: Surroundings) -> list[Play]:
        wanted = [(case, ref) for case in cases if (ref := item_of(case.facts)) is not None]
        items = await self.shelf.items_for(tx, wanted)
        absent = await self._absent(tx, [(case, items[ref]) for case, ref in wanted if ref in items], around)
        return [Play.of(case, items[ref]) for case, ref in wanted if ref in items and case.subject not in absent]

    async def _absent(self, tx: Tx, cases: Sequence[tuple[Case, Item]], around: Surroundings) -> set[str]:
        """The cases that wait for one of our departments to be registered."""
        missing = [
            (case, name)
            for case, item in cases
            for name in sorted((item.deciding_departments & self.departments) - around.bodies.keys())
        ]
        if not missing:
            return set()
        found = await self.shelf.departments_for(tx, missing)
        return {case.subject for case, name in missing if name not in found}

    def due_now(self, play: Play, around: Surroundings, now: datetime) -> Moment | None:
        """The first thing that time has made true and nobody said yet."""
        play.ahead = moments(play.history, play.item, around.almanac, self.departments, play.subject)
        return next((one for one in play.ahead if one.at is not None and one.at <= now and not one.provisional), None)

    def _move_on(self, play: Play, around: Surroundings, now: datetime) -> None:
        """Says what time made true and what follows, each at its instant, then what the facts call for now."""
        settled = False
        while True:
            moment = self.due_now(play, around, now)
            if moment is None and settled:
                return
            at = now if moment is None or moment.at is None else moment.at
            if moment is not None:
                play.say([self._spoken(play, around, moment, at)])
            if moment is None or moment.rank >= 2:
                moves = react(play.history, play.item, self.departments, play.subject)
                play.refusal = next(((move, at) for move in moves if move.verb == "refuse"), None)
                if moves:
                    play.say([self._made(play, around, move, at) for move in moves if move.verb != "refuse"])
                if play.refusal is not None or (not moves and moment is None):
                    return
            settled = moment is None

    def _spoken(self, play: Play, around: Surroundings, moment: Moment, at: datetime) -> Event:
        if moment.move is not None:
            return self._made(play, around, moment.move, at)
        assert moment.make is not None
        source = source_of(moment.department)
        return facts.derive(play.case.cause, moment.make(), *moment.discriminators, source=source, time=at)

    def _made(self, play: Play, around: Surroundings, move: Move, at: datetime) -> Event:
        step, department = move.step, move.department
        papers = self.papers(play.item, play.history, play.subject, around)
        data: EventData
        match move.verb:
            case "open":
                data = ApprovalOpened(step=step, department=department, round=move.round, because=move.because)
            case "ask":
                data = ApprovalOpinionRequested(
                    step=step, department=department, opinion=move.opinion, asked=move.asked, round=move.round
                )
            case "grant":
                conditional = bool(play.history.promised_for(play.item.step(step)))
                data = ApprovalGranted(
                    step=step,
                    department=department,
                    decided_by="rule",
                    round=move.round,
                    deemed=move.deemed,
                    conditional=conditional,
                    rests_on=list(move.rests_on),
                    act=papers.act(
                        "grant",
                        department,
                        step,
                        move.round,
                        at,
                        decision="granted",
                        decided_by="rule",
                        deemed=move.deemed,
                        conditional=conditional,
                    ),
                )
            case "refuse":
                data = self._refused(play, papers, move, at)
        return facts.derive(play.case.cause, data, *move.discriminators, source=source_of(department), time=at)

    def _refused(self, play: Play, papers: Papers, move: Move, at: datetime) -> ApprovalRefused:
        step, department = move.step, move.department
        told = event_id(ApprovalRefused.TYPE, play.subject, *move.discriminators)
        reason = play.keys.seal(told, refusal_field(step), RULE_NOT_MET_TEXT)
        return ApprovalRefused(
            step=step,
            department=department,
            decided_by="rule",
            reason_code=RULE_NOT_MET,
            reason=reason,
            round=move.round,
            rests_on=list(move.rests_on),
            act=papers.act(
                "refusal",
                department,
                step,
                move.round,
                at,
                sealed=[reason],
                decision="refused",
                decided_by="rule",
                reason_code=RULE_NOT_MET,
                remedy=REMEDY,
            ),
        )

    async def _refuse(self, plays: Sequence[Play], around: Surroundings, now: datetime) -> None:
        """Says what rules refuse, each reason sealed with its case's key.

        The vault may know of an end of the case that we have not heard of. Then nothing is said now, and the key is asked for
        again later: the end may be taken back.
        """
        refusing = [(play, *play.refusal) for play in plays if play.refusal is not None]
        if not refusing:
            return
        wanted = [
            KeyRequest(UUID(play.subject), "decide", frozenset({refusal_field(move.step)}), move.department, move.step)
            for play, move, _ in refusing
        ]
        for (play, move, at), found in zip(refusing, await self.keyring.release(wanted), strict=True):
            if not isinstance(found, Refused):
                play.keys, play.ahead = found, []
                play.say([self._made(play, around, move, at)])
            elif found.rule in CLOSED:
                play.ask_at = max(now, self.clock.now()) + ASK_AGAIN
            else:
                raise KeysRefusedError(found.rule)

    async def _lay_out(self, tx: Tx, plays: Sequence[Play], around: Surroundings) -> None:
        """The desk and the alarms, as the facts say them now."""
        desk: list[tuple[Task, str | None]] = []
        asked: list[OpinionTask] = []
        rings: dict[UUID, alarms.Moment] = {}
        for play in plays:
            application, almanac = UUID(play.subject), around.almanac
            own = tasks(application, play.history, play.item, self.departments, almanac)
            desk += [(task, play.case.cause.traceparent) for task in own]
            asked += opinion_tasks(application, play.history, play.item, self.departments, almanac)
            sure = (one.at for one in play.ahead if one.at is not None and not one.provisional)
            rings[application] = (play.ask_at or next(sure, None), any(one.provisional for one in play.ahead))
        await store.save_tasks(tx, desk)
        await store.save_opinions(tx, asked)
        await alarms.save(tx, rings)


def _in_order(plays: Sequence[Play]) -> list[Event]:
    """What was said, in order of time over all cases; within a case always in the order in which it was said."""
    placed: list[tuple[datetime, Event]] = []
    for play in plays:
        place = datetime.min.replace(tzinfo=UTC)
        for event in play.said:
            place = max(place, event.time)
            placed.append((place, event))
    return [event for _, event in sorted(placed, key=lambda one: one[0])]


def ref_of(case: Case) -> ItemRef:
    """The item of a case that has a task: its submission is known."""
    found = item_of(case.facts)
    assert found is not None
    return found
