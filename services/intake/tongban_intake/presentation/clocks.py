"""The law's clock and the promised clock of a case at a moment. Pure.

It counts as departments do: by the deciding body's calendar, from the opening of a step's present round, or from the acceptance
for a step that waits for no other; special procedures and requests that await the applicant stop it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tongban_catalog.clock import NATION, Calendars, Deadline, Stop, deadline, warning
from tongban_catalog.department import Department
from tongban_catalog.item import Item, Step
from tongban_catalog.parts import NoDepartmentError
from tongban_schemas.types import Limit

from tongban_intake.payloads import Limit as SaidLimit
from tongban_intake.presentation.dates import day_words, time_words
from tongban_intake.presentation.names import limit_shown
from tongban_intake.presentation.shown import ClockShown, Colour, DueShown, LimitKind, StopShown, Words
from tongban_intake.status import Extension, Status, StepStatus

_LABELS: dict[LimitKind, tuple[str, str]] = {
    "legal": ("最迟", "at the latest"),
    "joint": ("全程最迟", "the whole case at the latest"),
    "promised": ("承诺", "promised"),
    "receipt": ("受理答复最迟", "answer of the receiving body at the latest"),
    "delivery": ("证照送达最迟", "certificate at the latest"),
    "promise": ("补交最迟", "to be brought at the latest"),
}
_PROVISIONAL = Words(zh="（以公布的放假安排为准）", en=" (subject to the official days off)")
_SEVERITY: dict[Colour, int] = {"green": 0, "yellow": 1, "red": 2}
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Clocks:
    """By which calendars and in which regions days are counted, as of ``now`` (UTC)."""

    calendars: Calendars
    departments: Mapping[str, Department]
    now: datetime

    def region(self, item: Item, department: str) -> str:
        """The region whose calendar counts a department's days."""
        known = self.departments.get(department)
        return (None if known is None else known.region) or item.region or NATION

    def step(self, status: Status, item: Item, step: Step) -> ClockShown | None:
        """The clocks of a step that is being decided; None for one that is not open, or has no limit and no stop."""
        told = status.steps.get(step.id)
        if told is None or told.opened_at is None or told.decided_at is not None:
            return None
        start = self._start(status, step, told, told.opened_at)
        stops = list(_stops(status, step.id))
        limits: list[tuple[LimitKind, Limit | None]] = [
            ("legal", step.limits.legal),
            ("promised", step.limits.promised),
        ]
        dues = [
            self._due(kind, self.region(item, told.department), start, limit, told.extension, stops)
            for kind, limit in limits
            if limit is not None
        ]
        stop = self._stop(status, item, step, told)
        return _clock(step.id, dues, stop) if dues or stop is not None else None

    def case(
        self, status: Status, item: Item, answers: Mapping[str, Any], steps: Sequence[ClockShown]
    ) -> ClockShown | None:
        """The clock of the whole case: of the joint limit, the receiving body, the certificate, or the step that ends last.

        ``steps``: those of the open steps.
        """
        desk = self._desk(status, item, answers)
        if desk is not None:
            return _clock(None, [desk], None)
        if item.joint is not None and status.accepted_at is not None:
            try:
                lead = item.joint.lead_of(answers)
            except NoDepartmentError:
                return None
            stops = [stop for step in sorted(status.steps) for stop in _stops(status, step, every_round=True)]
            due = self._due(
                "joint", self.region(item, lead), status.accepted_at, item.joint.legal, status.extension, stops
            )
            stop = next((one.stop for one in steps if one.stop is not None), None)
            return _clock(None, [due], stop)
        standing = [one for one in steps if one.stop is not None]
        return max(standing or steps, key=_last, default=None)

    def delivery(self, status: Status, item: Item, answers: Mapping[str, Any]) -> ClockShown | None:
        """The time to deliver the certificate, from the last decision."""
        decided = [one.decided_at for one in status.steps.values() if one.decided_at is not None]
        if item.delivery is None or not decided:
            return None
        try:
            issuer = item.certificate.issuer_of(answers)
        except NoDepartmentError:
            return None
        due = self._due("delivery", self.region(item, issuer), max(decided), item.delivery, None, [])
        return _clock(None, [due], None)

    def promise(self, status: Status, item: Item, material: str) -> DueShown | None:
        """Until when a promised material has to be brought."""
        declared = item.material(material)
        if declared is None or declared.tolerable is None or status.accepted_at is None:
            return None
        region = self.region(item, status.receiving or "")
        return self._due("promise", region, status.accepted_at, declared.tolerable, None, [])

    def _desk(self, status: Status, item: Item, answers: Mapping[str, Any]) -> DueShown | None:
        notices = [one for one in status.corrections if one.step is None]
        if item.acceptance.by != "officer" or status.submitted_at is None or any(one.open for one in notices):
            return None
        if status.state != "submitted":
            return None
        try:
            department = item.acceptance.department_of(answers)
        except NoDepartmentError:
            return None
        start = max([status.submitted_at, *(one.answered_at for one in notices if one.answered_at is not None)])
        return self._due("receipt", self.region(item, department), start, item.acceptance.notice, None, [])

    def _start(self, status: Status, step: Step, told: StepStatus, opened_at: datetime) -> datetime:
        if told.round == 1 and not step.needed and status.accepted_at is not None:
            return min(opened_at, status.accepted_at)
        return opened_at

    def _due(
        self,
        kind: LimitKind,
        region: str,
        start: datetime,
        limit: Limit,
        extension: Extension | None,
        stops: Sequence[Stop],
    ) -> DueShown:
        end, warn, total = self._end(region, start, limit, extension, stops)
        colour: Colour = "green"
        if _is_over(end, self.now):
            colour = "red"
        elif warn is not None and end.at is not None and _is_over(warn, self.now):
            colour = "yellow"
        zh, en = _LABELS[kind]
        if end.at is None or end.day is None:
            words = Words(zh=f"{zh}：{total.zh}，现暂停计时", en=f"{en}: {total.en}, the clock stands still")
        else:
            day = time_words(end.at) if limit.unit in ("WH", "NH") else day_words(end.day)
            note = _PROVISIONAL if end.provisional else Words(zh="", en="")
            words = Words(zh=f"{zh} {day.zh}{note.zh}", en=f"{en} {day.en}{note.en}")
        return DueShown(
            kind=kind,
            limit=limit_shown(limit.number, limit.unit),
            at=end.at,
            day=end.day,
            provisional=end.provisional,
            colour=colour,
            words=words,
        )

    def _end(
        self, region: str, start: datetime, limit: Limit, extension: Extension | None, stops: Sequence[Stop]
    ) -> tuple[Deadline, Deadline | None, Words]:
        """The end and the warning; an extension in another unit runs on from the first end."""
        total = limit_shown(limit.number, limit.unit).words
        more = None if extension is None else _limit(extension.by)
        if more is not None:
            extra = limit_shown(more.number, more.unit).words
            total = Words(zh=f"{total.zh}（已延长 {extra.zh}）", en=f"{total.en} (extended by {extra.en})")
            if more.unit == limit.unit:
                limit, more = Limit(number=limit.number + more.number, unit=limit.unit), None
        end = deadline(self.calendars, region, start, limit, stops)
        warn = warning(self.calendars, region, start, limit, stops)
        if more is not None and end.at is not None:
            start = end.at - _INSTANT
            end = deadline(self.calendars, region, start, more, stops)
            warn = warning(self.calendars, region, start, more, stops)
        return end, warn, total

    def _stop(self, status: Status, item: Item, step: Step, told: StepStatus) -> StopShown | None:
        """The special procedure that is open, or else the request that awaits the applicant."""
        for stop in told.stops:
            if stop.end is not None or stop.round != told.round:
                continue
            procedure = step.procedure(stop.procedure)
            name = Words(zh=procedure.name.zh, en=procedure.name.en) if procedure else _same(stop.procedure)
            expected = limit_shown(stop.expected.number, stop.expected.unit)
            region = self.region(item, told.department)
            end = deadline(self.calendars, region, stop.begin, _limit(stop.expected))
            about = "" if end.day is None else f"，约至 {day_words(end.day).zh}"
            until = "" if end.day is None else f", until about {day_words(end.day).en}"
            note = _PROVISIONAL if end.provisional else Words(zh="", en="")
            return StopShown(
                why=name,
                since=stop.begin,
                expected=expected,
                expected_day=end.day,
                words=Words(
                    zh=f"时限暂停：{name.zh}，预计 {expected.words.zh}{about}{note.zh}",
                    en=f"the clock stands still: {name.en}, expected to take {expected.words.en}{until}{note.en}",
                ),
            )
        for asked in status.corrections:
            if asked.step == step.id and asked.open:
                why = Words(zh="等待申请人补正", en="waiting for the applicant's correction")
                words = Words(zh=f"时限暂停：{why.zh}", en=f"the clock stands still: {why.en}")
                return StopShown(why=why, since=asked.requested_at, words=words)
        return None


def _stops(status: Status, step: str, *, every_round: bool = False) -> Iterable[Stop]:
    told = status.steps[step]
    for stop in told.stops:
        if every_round or stop.round == told.round:
            yield Stop(stop.begin, stop.end)
    for asked in status.corrections:
        if asked.step == step and (every_round or asked.round == told.round):
            yield Stop(asked.requested_at, asked.answered_at)


def _clock(step: str | None, dues: list[DueShown], stop: StopShown | None) -> ClockShown:
    colour = max((due.colour for due in dues), key=_SEVERITY.__getitem__, default="green")
    if stop is not None:
        words = stop.words
    else:
        zh, en = " · ".join(due.words.zh for due in dues), " · ".join(due.words.en for due in dues)
        sign = _sign(dues)
        words = Words(zh=f"{zh}{sign.zh}", en=f"{en}{sign.en}")
    return ClockShown(step=step, dues=dues, stop=stop, colour=colour, words=words)


def _sign(dues: Sequence[DueShown]) -> Words:
    """Yellow and red in words."""
    red = {due.kind for due in dues if due.colour == "red"}
    if red - {"promised"}:
        return Words(zh="，已超期", en=", overdue")
    if red:
        return Words(zh="，已过承诺时限", en=", later than promised")
    if any(due.colour == "yellow" for due in dues):
        return Words(zh="，时限将到", en=", time is running out")
    return Words(zh="", en="")


def _last(clock: ClockShown) -> float:
    return max((due.at.timestamp() for due in clock.dues if due.at is not None), default=0.0)


def _is_over(end: Deadline, now: datetime) -> bool:
    return end.at is not None and not end.provisional and end.at <= now


def _limit(said: SaidLimit) -> Limit:
    return Limit.model_validate({"number": said.number, "unit": said.unit})


def _same(text: str) -> Words:
    return Words(zh=text, en=text)
