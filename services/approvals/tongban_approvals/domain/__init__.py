"""What departments do about a case, from the set of facts known. Pure: no clock, no database, no network.

The order, the number and the lateness of facts make no difference. A decision is made on the facts known when it is made
and never made again: what was decided is itself a fact.
"""

from tongban_approvals.domain.desk import ConflictKind, OpinionTask, Task, TaskState, conflict, opinion_tasks, tasks
from tongban_approvals.domain.history import MODELS, CaseEnd, History, item_of
from tongban_approvals.domain.react import RULE_NOT_MET, Move, Verb, grounds, react
from tongban_approvals.domain.recusal import recusal
from tongban_approvals.domain.steps import source_of
from tongban_approvals.domain.time import Almanac, Due, Moment, dues, joint_due, moments

__all__ = [
    "MODELS",
    "RULE_NOT_MET",
    "Almanac",
    "CaseEnd",
    "ConflictKind",
    "Due",
    "History",
    "Moment",
    "Move",
    "OpinionTask",
    "Task",
    "TaskState",
    "Verb",
    "conflict",
    "dues",
    "grounds",
    "item_of",
    "joint_due",
    "moments",
    "opinion_tasks",
    "react",
    "recusal",
    "source_of",
    "tasks",
]
