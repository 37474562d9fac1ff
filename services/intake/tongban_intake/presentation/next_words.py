"""What a person is told to do next. Pure."""

from collections.abc import Sequence

from tongban_intake.presentation.proofs import waited_for
from tongban_intake.presentation.shown import (
    AppealShown,
    FlowStep,
    NotAcceptedShown,
    PromisedMaterial,
    ProofShown,
    Words,
)
from tongban_intake.status import State, Status

_REMEDY = Words(
    zh="如不服决定，可以自知道之日起六十日内申请行政复议，或者六个月内提起行政诉讼。",
    en="If you disagree, you may apply for reconsideration within 60 days or go to court within six months.",
)
_FIXED: dict[State, Words] = {
    "withdrawn": Words(zh="申请已撤回，无需再办理。", en="You withdrew the application; nothing is left to do."),
    "waiting-for-correction": Words(
        zh="请按下面的通知补正；在您答复之前，时限暂停。",
        en="Please answer the request below; the clock stands still until you do.",
    ),
}


def next_words(
    status: Status,
    flow: Sequence[FlowStep],
    not_accepted: NotAcceptedShown | None,
    promised: Sequence[PromisedMaterial],
    appeals: Sequence[AppealShown],
    proofs: Sequence[ProofShown] = (),
) -> Words:
    """One or two sentences for the state that the case is in, and what it waits for or needs brought."""
    awaited = status.state in ("accepted", "issued") and any(one.state != "brought" for one in promised)
    parts = [_main(status, flow, not_accepted, appeals)]
    running = status.state in ("submitted", "accepted", "waiting-for-correction")
    wanted = [one for one in proofs if one.upload_allowed] if running else []
    if running and (waited := waited_for(proofs)) is not None:
        parts.append(waited)
    if wanted:
        zh, en = "、".join(one.name.zh for one in wanted), ", ".join(one.name.en for one in wanted)
        parts.append(Words(zh=f"没能取得，请您提供：{zh}。", en=f"Could not be fetched; please bring: {en}."))
    if not awaited and not wanted and status.state in ("submitted", "accepted") and not _is_granted(flow):
        parts.append(Words(zh="您无需操作。", en="You need not do anything."))
    if awaited:
        zh = "、".join(one.name.zh for one in promised if one.state != "brought")
        en = ", ".join(one.name.en for one in promised if one.state != "brought")
        late = any(one.state == "overdue" for one in promised)
        parts.append(
            Words(
                zh=f"请{'尽快' if late else '按承诺'}补交：{zh}。",
                en=f"Bring what you promised{', which is overdue' if late else ''}: {en}.",
            )
        )
    return Words(zh="".join(one.zh for one in parts), en=" ".join(one.en for one in parts))


def _main(
    status: Status, flow: Sequence[FlowStep], not_accepted: NotAcceptedShown | None, appeals: Sequence[AppealShown]
) -> Words:
    if status.state in ("refused", "not-accepted") and any(one.decided_at is None for one in appeals):
        return Words(
            zh="您的救济申请正在审查，结果会通知您。", en="Your request for review is being examined; you will be told."
        )
    match status.state:
        case "issued":
            return _issued(status)
        case "refused":
            return _REMEDY
        case "not-accepted":
            return _not_accepted(not_accepted)
        case "revoked":
            return Words(
                zh=f"准予的决定已被撤销，原证照不再有效。{_REMEDY.zh}",
                en=f"The decision in your favour was annulled; its certificate no longer stands. {_REMEDY.en}",
            )
        case "submitted":
            return _submitted(status, flow)
        case "accepted":
            return _accepted(flow)
        case "withdrawn" | "waiting-for-correction":
            return _FIXED[status.state]


def _issued(status: Status) -> Words:
    if status.certificate is not None and status.certificate.cause == "replaced":
        return Words(
            zh="证照已由新的证照替代，请使用新证照。",
            en="A newer certificate has replaced this one: use the newer one.",
        )
    return Words(zh="证照已签发，可以下载、出示和核验。", en="Your certificate is issued: download, show or verify it.")


def _not_accepted(told: NotAcceptedShown | None) -> Words:
    if told is not None and told.right_authority is not None:
        return Words(
            zh=f"这件事由{told.right_authority}办理，请向该机关申请。{_REMEDY.zh}",
            en=f"{told.right_authority} is the competent authority: apply there. {_REMEDY.en}",
        )
    return _REMEDY


def _submitted(status: Status, flow: Sequence[FlowStep]) -> Words:
    if status.receiving is not None:
        return Words(
            zh="已收件，正在核对材料是否齐全；逾期没有答复即为受理。",
            en="Received; it is being checked for completeness, and counts as accepted if nobody answers in time.",
        )
    return _accepted(flow)


def _accepted(flow: Sequence[FlowStep]) -> Words:
    busy = {step.department.id: step.department.name for step in flow if step.state == "open"}
    if busy:
        zh = "、".join(name.zh for name in busy.values())
        en = ", ".join(name.en for name in busy.values())
        return Words(zh=f"正在办理：{zh}。", en=f"Now with: {en}.")
    if _is_granted(flow):
        return Words(zh="各环节均已准予，正在制作证照。", en="Every step is granted; the certificate is being made.")
    if any(step.state == "annulled" for step in flow):
        return Words(zh="有决定已被撤销，将重新办理。", en="A decision was annulled and is to be made anew.")
    return Words(zh="即将转交各部门办理。", en="It is on its way to the departments.")


def _is_granted(flow: Sequence[FlowStep]) -> bool:
    return bool(flow) and all(step.state == "granted" for step in flow)
