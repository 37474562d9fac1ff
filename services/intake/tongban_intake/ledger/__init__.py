"""The ledger of a case: who was given which of a person's data, for what, and who did not get it. Pure.

`lines` folds it from the facts of the case, the set that the status view keeps; `showing` puts it into words.
"""

from tongban_intake.ledger.lines import Doubt, Line, LineKind, ledger
from tongban_intake.ledger.showing import DoubtShown, FieldShown, LineShown, Teller
from tongban_intake.ledger.wording import PURPOSES, Wording

__all__ = [
    "PURPOSES",
    "Doubt",
    "DoubtShown",
    "FieldShown",
    "Line",
    "LineKind",
    "LineShown",
    "Teller",
    "Wording",
    "ledger",
]
