"""On which grounds an application is not accepted or refused, or a decision taken back: those of the law, and those that a step
has of its own for a refusal. Pure.
"""

from collections.abc import Mapping
from typing import Final

from tongban_runtime.problems import Problem

from tongban_catalog.basis import Basis, Ground
from tongban_catalog.form import Text
from tongban_catalog.parts import Step

_LICENSING: Final = Text("行政许可法", "Administrative Licensing Law")


def _law(article: str, zh: str, en: str) -> tuple[Basis, ...]:
    return (Basis(_LICENSING, article, Text(zh, en)),)


OTHER_AUTHORITY: Final = "other-authority"
"""The ground that takes the name of the right authority."""
NON_ACCEPTANCES: Final = (
    Ground(
        "no-permit-needed",
        Text("依法不需要取得行政许可", "no permit is needed by law"),
        _law(
            "32(1)1",
            "申请事项依法不需要取得行政许可的，即时告知申请人不受理。",
            "Where no permit is needed, the applicant is told at once.",
        ),
    ),
    Ground(
        OTHER_AUTHORITY,
        Text("依法不属于本机关职权范围", "another authority is competent"),
        _law(
            "32(1)2",
            "不属于本机关职权范围的，即时作出不予受理的决定，并告知申请人向有关机关申请。",
            "A body that is not competent says so at once and names the authority that is.",
        ),
    ),
    Ground(
        "materials-not-true",
        Text("隐瞒有关情况或者提供虚假材料", "facts were withheld or materials are false"),
        _law(
            "78",
            "隐瞒有关情况或者提供虚假材料申请的，不予受理或者不予许可，并给予警告。",
            "An application that withholds facts or gives false materials is not accepted, or is refused, with a warning.",
        ),
    ),
    Ground(
        "barred-for-a-time",
        Text("在法定期限内不得再次申请", "the applicant may not apply again yet"),
        (
            *_law(
                "78",
                "直接关系公共安全、人身健康、生命财产安全的，一年内不得再次申请。",
                "Where safety, health, life or property is concerned, nobody applies again within a year.",
            ),
            *_law(
                "79",
                "以欺骗、贿赂等不正当手段取得前款许可的，三年内不得再次申请。",
                "Who got such a permit by fraud or bribery does not apply again within three years.",
            ),
        ),
    ),
)
"""Grounds of the law for not accepting an application. What is incomplete is no ground: it is asked for (art. 32(1)4)."""

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


def non_acceptance_grounds() -> Mapping[str, Ground]:
    """On which grounds an application may be left unaccepted, by code."""
    return {one.id: one for one in NON_ACCEPTANCES}


def require_ground(reason_code: str, known: Mapping[str, Ground]) -> None:
    """Raises `Problem` 422 for a ground that neither the law nor the item knows; it names those that there are."""
    if reason_code not in known:
        zh = "；".join(f"{one.id}（{one.name.zh}）" for one in known.values())
        en = "; ".join(f"{one.id} ({one.name.en})" for one in known.values())
        raise Problem(
            422,
            "unknown-ground",
            "没有这项理由，请从 errors 所列中选择。",
            "There is no such ground: choose one that errors lists.",
            errors=[{"field": "reason_code", "message_zh": f"可选：{zh}。", "message_en": f"Choose one of: {en}."}],
        )
