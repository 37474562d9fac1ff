"""A case as people and programs are shown it: the status joined with the item's flow, the clocks and the names. Pure."""

from tongban_intake.presentation.clocks import Clocks
from tongban_intake.presentation.names import CHANNEL_NAMES, STATE_NAMES, STEP_STATE_NAMES, YES_NO, limit_shown
from tongban_intake.presentation.presenter import Presenter, act_name
from tongban_intake.presentation.proofs import (
    GRADES,
    WHY_UPLOADED,
    basis_cited,
    basis_words,
    grade_words,
    proofs_shown,
    reason_words,
)
from tongban_intake.presentation.shown import (
    CorrectionShown,
    FlowStep,
    ItemShown,
    PromisedMaterial,
    ProofShown,
    Shown,
    Words,
)

__all__ = [
    "CHANNEL_NAMES",
    "GRADES",
    "STATE_NAMES",
    "STEP_STATE_NAMES",
    "WHY_UPLOADED",
    "YES_NO",
    "Clocks",
    "CorrectionShown",
    "FlowStep",
    "ItemShown",
    "Presenter",
    "PromisedMaterial",
    "ProofShown",
    "Shown",
    "Words",
    "act_name",
    "basis_cited",
    "basis_words",
    "grade_words",
    "limit_shown",
    "proofs_shown",
    "reason_words",
]
