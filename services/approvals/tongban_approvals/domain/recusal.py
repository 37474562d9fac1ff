"""Which officers stand aside in a case. Pure."""

from uuid import UUID

from tongban_catalog.standing import Decision
from tongban_runtime.recusal import Recusal
from tongban_schemas.events.approvals import ApprovalGranted, ApprovalRefused

from tongban_approvals.domain.history import History


def recusal(officer: UUID, history: History, reviewed: UUID | None = None) -> Recusal | None:
    """Why this officer does not act; None when they may. ``reviewed``: the decision that the act is about to judge anew."""
    if officer == history.applicant:
        return "own-application"
    decision = None if reviewed is None else history.standing.decisions.get(reviewed)
    return "own-decision" if decision is not None and officer in _deciders(decision) else None


def _deciders(decision: Decision) -> frozenset[UUID | None]:
    """The officer who decided, and those who had to agree."""
    match decision.told.data:
        case ApprovalGranted(officer=officer, concurring=concurring):
            return frozenset((officer, *concurring))
        case ApprovalRefused(officer=officer):
            return frozenset((officer,))
    return frozenset()
