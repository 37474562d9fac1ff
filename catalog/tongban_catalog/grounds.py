"""On which grounds an application may be refused, or a decision taken back: those of the law, and those that a step has of its
own for a refusal. Pure.
"""

from collections.abc import Mapping
from typing import Final

from tongban_catalog.basis import Basis, Ground
from tongban_catalog.form import Text
from tongban_catalog.parts import Step

_LICENSING: Final = Text("行政许可法", "Administrative Licensing Law")


def _law(article: str, zh: str, en: str) -> tuple[Basis, ...]:
    return (Basis(_LICENSING, article, Text(zh, en)),)


REFUSALS: Final = (
    Ground(
        "conditions-not-met",
        Text("不符合法定条件、标准", "the conditions and standards of the law are not met"),
        _law(
            "38",
            "符合法定条件、标准的准予；不予许可的说明理由。",
            "What meets the conditions is granted; a refusal gives its reasons.",
        ),
    ),
    Ground(
        "materials-not-true",
        Text("隐瞒有关情况或者提供虚假材料", "facts were withheld or materials are false"),
        _law(
            "78",
            "隐瞒有关情况或者提供虚假材料的，不予许可并给予警告。",
            "Who withholds facts or gives false materials is refused and warned.",
        ),
    ),
    Ground(
        "quota-used-up",
        Text("有数量限制，名额已满", "a limited number has been given out"),
        _law(
            "57",
            "有数量限制的，按受理先后作出准予的决定。",
            "Where the number is limited, it is given in order of acceptance.",
        ),
    ),
    Ground(
        "rights-of-others",
        Text("直接关系他人重大利益，异议成立", "important interests of others stand against it"),
        _law(
            "36",
            "许可事项直接关系他人重大利益的，应当听取申请人、利害关系人的意见。",
            "Those whose important interests are touched are heard.",
        ),
    ),
)
"""Grounds of the law for refusing any permit."""

_ANNULS: Final = "有下列情形之一的，作出决定的机关或者其上级机关可以撤销。"
_ANNULS_EN: Final = "The body that decided, or the one above it, may take the decision back."
ANNULMENTS: Final = (
    *(
        Ground(name, Text(zh, en), _law(article, _ANNULS, _ANNULS_EN))
        for name, article, zh, en in (
            (
                "abuse-of-office",
                "69(1)1",
                "工作人员滥用职权、玩忽职守",
                "an officer abused the office or neglected the duty",
            ),
            ("beyond-powers", "69(1)2", "超越法定职权", "the body went beyond its powers"),
            ("procedure-violated", "69(1)3", "违反法定程序", "the procedure of the law was not kept"),
            (
                "not-eligible",
                "69(1)4",
                "申请人不具备资格或者不符合法定条件",
                "the applicant does not meet the conditions",
            ),
            (
                "unlawful",
                "69(1)5",
                "依法可以撤销的其他情形",
                "another case in which the law lets a decision be taken back",
            ),
            ("fraud", "69(2)", "以欺骗、贿赂等不正当手段取得", "it was got by fraud or bribery"),
        )
    ),
    Ground(
        "facts-unclear",
        Text("主要事实不清、证据不足", "the main facts are unclear or not proved"),
        (
            Basis(
                Text("行政复议法", "Administrative Reconsideration Law"),
                "64",
                Text(
                    "主要事实不清、证据不足的决定予以撤销。",
                    "A decision whose main facts are not proved is taken back.",
                ),
            ),
        ),
    ),
)
"""Grounds of the law for taking a decision back."""


def refusal_grounds(step: Step) -> Mapping[str, Ground]:
    """On which grounds a step may be refused, by code: its own first."""
    return {one.id: one for one in (*step.refusals, *REFUSALS)}


def annulment_grounds() -> Mapping[str, Ground]:
    """On which grounds a decision may be taken back, by code."""
    return {one.id: one for one in ANNULMENTS}
