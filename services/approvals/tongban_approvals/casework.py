"""Moves cases on: what the facts call for is published, remembered and laid on the desk, in the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from tongban_catalog.shelf import Shelf
from tongban_runtime import facts, outbox
from tongban_runtime.clock import Clock
from tongban_runtime.database import Tx
from tongban_runtime.facts import Case
from tongban_runtime.sealing import Sealer
from tongban_schemas.envelope import Event, EventData
from tongban_schemas.events.approvals import ApprovalGranted, ApprovalOpened, ApprovalRefused, refusal_field

from tongban_approvals import store
from tongban_approvals.domain import RULE_NOT_MET, Decision, History, Task, item_of, react, source_of, tasks

RULE_NOT_MET_TEXT = (
    "申请内容不符合本环节的办理条件；您可以改正后重新申请，也可以依法申请行政复议或者提起行政诉讼。 "
    "The application does not meet the conditions of this step. You may apply again once it does, ask for administrative "
    "reconsideration or bring the matter before a court."
)


@dataclass(frozen=True, slots=True)
class Casework:
    """One deployment's way of working: whose steps it decides, the items it knows, its clock and its seal."""

    departments: frozenset[str]
    shelf: Shelf
    clock: Clock
    sealer: Sealer

    async def advance(self, tx: Tx, cases: Sequence[Case]) -> None:
        """Does all that the facts of locked cases call for. A case whose item is not published yet waits for it."""
        wanted = [(case, ref) for case in cases if (ref := item_of(case.facts)) is not None]
        known = await self.shelf.items_for(tx, wanted)
        usual = [(case, known[ref]) for case, ref in wanted if ref in known]
        histories = [History.of(case.facts, item) for case, item in usual]
        effects = [
            self._effect(case, decision)
            for (case, item), history in zip(usual, histories, strict=True)
            for decision in react(history, item, self.departments)
        ]
        published: dict[str, list[Event]] = {}
        for event in await outbox.publish(tx, effects):
            published.setdefault(event.subject, []).append(event)
        if published:
            await facts.remember(tx, [event for events in published.values() for event in events])
        desk: list[tuple[Task, str | None]] = []
        for (case, item), history in zip(usual, histories, strict=True):
            now = History.of((*case.facts, *new), item) if (new := published.get(case.subject)) else history
            desk += [(task, case.cause.traceparent) for task in tasks(UUID(case.subject), now, item, self.departments)]
        await store.save_tasks(tx, desk)

    def _effect(self, case: Case, decision: Decision) -> Event:
        step, department = decision.step, decision.department
        data: EventData
        match decision.verb:
            case "open":
                data = ApprovalOpened(step=step, department=department)
            case "grant":
                data = ApprovalGranted(step=step, department=department, decided_by="rule")
            case "refuse":
                data = ApprovalRefused(
                    step=step,
                    department=department,
                    decided_by="rule",
                    reason_code=RULE_NOT_MET,
                    reason=self.sealer.seal(case.subject, refusal_field(step), RULE_NOT_MET_TEXT),
                )
        return facts.derive(case.cause, data, step, source=source_of(department), time=self.clock.now())
