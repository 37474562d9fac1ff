"""Who stands aside (回避): officers who apply themselves, and those whose decision is reviewed.

Civil Servants Law art. 76. An officer who examined an application does not preside over the hearing on it either (Administrative
Licensing Law art. 48).
"""

from collections.abc import Mapping
from typing import Final, Literal

from tongban_runtime.problems import Problem

Recusal = Literal["own-application", "own-decision"]

RECUSALS: Final[Mapping[Recusal, tuple[str, str]]] = {
    "own-application": (
        "这是您本人提出的申请，依法应当回避（公务员法第七十六条）；请由其他经办人办理。此次操作已记录在案。",
        "This is your own application, so you stand aside: another officer has to handle it. The attempt is on record.",
    ),
    "own-decision": (
        "该决定由您作出，不能由您本人复核或撤销；请由其他人员办理。此次操作已记录在案。",
        "The decision is yours, so you do not review or annul it: another officer has to. The attempt is on record.",
    ),
}


def recused(why: Recusal) -> Problem:
    """403, for an attempt that the caller puts on record."""
    return Problem(403, why, *RECUSALS[why])
